"""Tracee's events of both shapes: executions, connections, and containers that come and go."""

import json
from pathlib import Path
from typing import Any

import pytest

from tidewaiter.event import (
    ContainerCreate,
    ContainerFacts,
    ContainerStop,
    Event,
    ImageClaim,
    NetworkFlow,
    Pod,
    ProcessExec,
    Where,
)
from tidewaiter.sources import RecordError
from tidewaiter.sources.tracee import SOURCE, decode

SAMPLES = Path(__file__).parents[1] / "samples" / "tracee"
WHERE = Where("tracee", "events.jsonl", 1)
CONTAINER = "5c1f0a9be37d" + "46e2" * 13
OTHER = "9b07d4ee120c" + "83fa" * 13
DIGEST = "sha256:" + "3fa9" * 16
TIME_NS = 1_790_000_024_074_027_776
POD = Pod(
    namespace="shop",
    name="web-7d9f8b6c5-x2x4z",
    uid="0a5c7c6e-1111-4222-8333-944455566677",
    container_name="web",
)
IMAGE = ImageClaim(
    reference="registry.example/shop/web:1.4", repo_digest=DIGEST, repository="registry.example/shop/web"
)


def decoded(record: dict[str, Any] | bytes, where: Where = WHERE) -> list[Event]:
    """The events of one record."""
    return list(decode(record if isinstance(record, bytes) else json.dumps(record).encode(), where))


def traced(name: str, args: dict[str, Any] | None = None, where: Where = WHERE, /, **fields: Any) -> list[Event]:
    """The events of a record of the older shape about a container."""
    record = {
        "timestamp": TIME_NS,
        "hostProcessId": 4101,
        "containerId": CONTAINER,
        "container": {"id": OTHER},
        "eventName": name,
        "args": [{"name": key, "type": "x", "value": value} for key, value in (args or {}).items()],
    }
    return decoded({key: value for key, value in (record | fields).items() if value is not None}, where)


def worked(name: str, data: list[dict[str, Any]], **fields: Any) -> list[Event]:
    """The events of a record of the newer shape about a container."""
    record = {
        "timestamp": "2026-09-21T14:13:44.074027776Z",
        "id": 1015,
        "name": name,
        "workload": {"container": {"id": CONTAINER}},
        "data": data,
    }
    return decoded(record | fields)


def flow(events: list[Event]) -> NetworkFlow:
    """The one event, which is a connection."""
    (event,) = events
    assert isinstance(event, NetworkFlow)
    return event


def sample(name: str) -> list[list[Event]]:
    """The events of each record of a sample file."""
    return [decoded(line) for line in (SAMPLES / name).read_bytes().splitlines()]


def test_execution_is_told_in_full() -> None:
    """Container, pod, image, argv and host pids; the host name is the container's, and so no node."""
    (event,) = sample("v0.22.in.jsonl")[1]
    assert event == ProcessExec(
        time_ns=TIME_NS,
        cluster="default",
        node=None,
        where=WHERE,
        container_id=CONTAINER,
        pod=POD,
        image=IMAGE,
        exe="/usr/bin/curl",
        args=("curl", "-fsSL", "http://203.0.113.9/i.sh"),
        pid=4101,
        parent_pid=4100,
        uid=0,
    )


def test_flat_fields_of_early_releases_are_read() -> None:
    """`containerImage`, `podName` and the rest before they got objects of their own."""
    (event,) = sample("v0.9-flat.in.jsonl")[0]
    assert isinstance(event, ProcessExec)
    assert event.image == ImageClaim(reference="registry.example/shop/web:1.4")
    assert event.pod == Pod(
        namespace="shop", name="web-0", uid="0a5c7c6e-1111-4222-8333-944455566677", container_name="web"
    )


def test_both_writers_of_the_newer_shape_are_read() -> None:
    """A plain `value`, and protojson's typed ones, say the same."""
    plain, typed = (events[0] for events in sample("v1beta1.in.jsonl")[:2])
    assert isinstance(plain, ProcessExec)
    assert isinstance(typed, ProcessExec)
    assert plain.args == typed.args == ("curl", "http://203.0.113.9/")
    assert plain.exe == typed.exe == "/usr/bin/curl"
    assert (plain.pod, plain.image, plain.container_id) == (POD, IMAGE, CONTAINER)
    assert (plain.pid, plain.parent_pid, plain.uid, plain.node) == (4101, 4100, 1000, None)


def test_documented_form_with_wrappers_is_read() -> None:
    """Numbers in `{"value": ..}` and a time in seconds and nanoseconds."""
    (event,) = worked(
        "sched_process_exec",
        [{"name": "pathname", "str": "/usr/bin/ls"}, {"name": "argv", "str_array": {"value": ["ls", "-la"]}}],
        timestamp={"seconds": "1790000024", "nanos": 74_027_776},
        id="sched_process_exec",
        workload={
            "process": {"host_pid": {"value": 7}, "real_user": {"id": {"value": 1000}}, "ancestors": [{}]},
            "container": {"id": CONTAINER, "name": "web"},
        },
    )
    assert isinstance(event, ProcessExec)
    assert (event.time_ns, event.pid, event.uid, event.parent_pid) == (TIME_NS, 7, 1000, None)
    assert event.args == ("ls", "-la")


def test_container_id_decides_alone_where_it_is_written() -> None:
    """An empty one is the host, whatever `container` says; without the field the object counts."""
    (event,) = traced("sched_process_exec")
    assert isinstance(event, ProcessExec)
    assert event.container_id == CONTAINER
    assert traced("sched_process_exec", containerId="") == []
    (event,) = traced("sched_process_exec", containerId=None)
    assert isinstance(event, ProcessExec)
    assert event.container_id == OTHER
    assert traced("sched_process_exec", containerId=None, container={}) == []


def test_unreadable_container_takes_the_pod_with_it() -> None:
    """An id that is none names neither container nor pod."""
    (event,) = traced("sched_process_exec", containerId="c1", kubernetes={"podName": "web-0"})
    assert isinstance(event, ProcessExec)
    assert (event.container_id, event.container_id_prefix, event.pod) == (None, None, None)


def test_memory_file_is_in_no_layer() -> None:
    """A memfd is drift, unless it is the runtime's copy of itself."""
    (event,) = sample("v0.22.in.jsonl")[2]
    (clone,) = traced("sched_process_exec", {"pathname": "memfd:runc_cloned:/proc/self/exe"})
    (plain,) = traced("sched_process_exec", {"pathname": "/bin/sh"})
    assert [e.is_upper_layer for e in (event, clone, plain) if isinstance(e, ProcessExec)] == [True, None, None]


@pytest.mark.parametrize(("returned", "count"), [(0, 1), (-2, 0)])
def test_failed_system_call_executed_nothing(returned: int, count: int) -> None:
    """`execve` is told with its result."""
    assert len(traced("execve", {"pathname": "ls", "argv": ["ls", 5]}, returnValue=returned)) == count


def test_connections_of_all_kinds_are_read() -> None:
    """Socket addresses of both families, derived events, flows with a direction, and first packets."""
    flows = [event for events in sample("v0.22.in.jsonl") for event in events if isinstance(event, NetworkFlow)]
    assert [(e.dst_ip, e.dst_port, e.protocol, e.direction, e.is_refused) for e in flows] == [
        ("203.0.113.9", 80, "tcp", "egress", False),
        ("2001:db8::9", 443, "udp", "egress", False),
        ("203.0.113.14", 3333, None, "egress", True),
        ("203.0.113.9", 80, "tcp", "egress", False),
        ("10.0.1.7", 8080, "tcp", "ingress", False),
        ("203.0.113.15", 9001, "tcp", "egress", False),
    ]
    assert [e.dst_name for e in flows][3] == "site.example"
    assert [e.src_ip for e in flows][4:] == ["198.51.100.20", "10.0.1.7"]
    assert {e.pid for e in flows} == {4101}


def test_newer_connections_are_read() -> None:
    """Families by number or name, and ports as numbers, from both writers."""
    plain, typed = (flow(events) for events in sample("v1beta1.in.jsonl")[2:4])
    assert (plain.dst_ip, plain.dst_port, plain.protocol) == ("203.0.113.9", 80, "tcp")
    assert (typed.dst_ip, typed.dst_port, typed.protocol) == ("203.0.113.9", 80, None)
    assert plain.exe == "/usr/bin/curl"


@pytest.mark.parametrize(
    ("direction", "syn", "ack", "expected"),
    [
        (2, 1, 0, "egress"),
        ("EGRESS", 1, 0, "egress"),
        (1, 1, 0, "ingress"),
        (0, 1, 0, None),
        (None, 1, 0, None),
        ([2], 1, 0, None),
        (2, 1, 1, None),
        (2, 0, 0, None),
    ],
)
def test_only_a_first_packet_with_a_direction_tells(direction: Any, syn: int, ack: int, expected: str | None) -> None:
    """SYN without ACK, going out or coming in."""
    header = {"SYN": syn, "ACK": ack}
    events = traced("net_packet_tcp", {"dst": "203.0.113.9", "metadata": {"direction": direction}, "proto_tcp": header})
    assert [event.direction for event in events if isinstance(event, NetworkFlow)] == [expected] * len(events)
    assert len(events) == (expected is not None)


@pytest.mark.parametrize(
    "events",
    [
        traced("security_socket_connect"),
        traced("security_socket_connect", {"remote_addr": {"sa_family": "AF_UNIX", "sun_path": "/run/x"}}),
        traced("security_socket_connect", {"remote_addr": "203.0.113.9:80"}),
        traced("net_tcp_connect", {"dst": "site.example"}),
        traced("net_flow_tcp_begin", {"dst": "203.0.113.9", "conn_direction": "sideways"}),
        traced("net_packet_tcp", {"dst": "203.0.113.9"}),
        traced("openat", {"pathname": "/etc/shadow"}),
        traced("security_socket_bind", {"local_addr": {"sin_addr": "203.0.113.9"}}),
        worked("openat", []),
        decoded(b"{}"),
    ],
)
def test_other_events_are_left_alone(events: list[Event]) -> None:
    """Local sockets, addresses that are none, directions that are not told, and files."""
    assert events == []


def test_containers_come_and_go() -> None:
    """A container is created, before anything is known of it; another was there; it is removed. The node is named."""
    records = sample("v0.22.in.jsonl")
    (created,), (facts,), (stopped,) = records[0], records[-2], records[-1]
    assert created == ContainerCreate(
        time_ns=TIME_NS, cluster="default", node="node-a", where=WHERE, container_id=CONTAINER, runtime="containerd"
    )
    assert isinstance(facts, ContainerFacts)
    assert (facts.container_id, facts.name, facts.runtime) == (OTHER, "db", "docker")
    assert facts.created_ns == 1_789_990_000_498_526_004
    assert facts.image == ImageClaim(
        reference="registry.example/shop/db:2", repo_digest=DIGEST, repository="registry.example/shop/db"
    )
    assert isinstance(stopped, ContainerStop)
    assert (stopped.container_id, stopped.removed) == (OTHER, True)


def test_sandbox_of_a_pod_is_told() -> None:
    """`pod_sandbox` of the newer shape, with the pod that the runtime named."""
    (created,) = sample("v1beta1.in.jsonl")[4]
    assert isinstance(created, ContainerCreate)
    assert (created.is_sandbox, created.runtime, created.name) == (True, "cri-o", "db")
    assert created.pod == Pod(namespace="shop", name="db-0", uid="u-1", container_name="db")


@pytest.mark.parametrize("ctime", [None, "soon", 5, 2**70, {}, "1789990000498526004"])
def test_moment_of_creation_may_be_unknown(ctime: Any) -> None:
    """What is no moment of this century is none."""
    (facts,) = traced("existing_container", {"container_id": OTHER, "ctime": ctime})
    assert isinstance(facts, ContainerFacts)
    assert facts.created_ns == (1_789_990_000_498_526_004 if ctime == "1789990000498526004" else None)


def test_node_falls_back_on_what_the_user_named() -> None:
    """Inside a container always; for the host's processes where the record names none."""
    where = Where("tracee", "events.jsonl", 1, "blue", "node-z")
    (event,) = traced("sched_process_exec", None, where, hostName="5c1f0a9be37d")
    assert (event.node, event.cluster) == ("node-z", "blue")
    (event,) = traced("container_remove", {"container_id": OTHER}, where, hostName="node-a")
    assert event.node == "node-a"
    (event,) = traced("container_remove", {"container_id": OTHER}, where)
    assert event.node == "node-z"


@pytest.mark.parametrize("timestamp", [0, 5_000_000_000, -1, "soon", "", {"seconds": "x"}, {"seconds": 2**62}, 2**70])
def test_relative_or_absurd_time_is_rejected(timestamp: Any) -> None:
    """Tracee can print times since its own start: they cannot be placed."""
    with pytest.raises(RecordError):
        traced("sched_process_exec", timestamp=timestamp)


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"\x00\xfe",
        b"[]",
        b'{"eventName":5}',
        b'{"eventName":"x","args":' + b"[" * 100_000,
        b'{"eventName":"sched_process_exec","timestamp":1790000024074027776,"containerId":"%b","args":{}}'
        % CONTAINER.encode(),
        b'{"eventName":"container_create","timestamp":1790000024074027776,"args":[]}',
        b'{"eventName":"container_create","timestamp":1790000024074027776,"args":[{"name":"container_id","value":"c1"}]}',
        b'{"eventName":"container_create","timestamp":1790000024074027776,"args":[{"name":"container_id","value":]}]}',
    ],
)
def test_rubbish_is_rejected(record: bytes) -> None:
    """Broken JSON, wrong types, a container without an id: one kind of error."""
    with pytest.raises(RecordError):
        decoded(record)


def test_samples_are_recognised() -> None:
    """Both shapes by their members; a cloud's trail also has `eventName`."""
    assert SOURCE.recognise is not None
    for path in SAMPLES.glob("*.in.jsonl"):
        assert all(SOURCE.recognise(json.loads(line)) for line in path.read_bytes().splitlines())
    assert not SOURCE.recognise({"eventName": "RunInstances", "eventTime": "2026-09-21T14:13:44Z", "eventID": "x"})
    assert not SOURCE.recognise({"name": "x", "timestamp": 1, "id": 1})
    assert not SOURCE.recognise({"name": "x", "workload": {}})


def test_events_of_the_documentation_are_decoded(shared: Path) -> None:
    """The public events are all the host's: none is an event, and none is rejected."""
    assert SOURCE.recognise is not None
    lines = (shared / "samples" / "tracee" / "tracee-docs-events.jsonl").read_bytes().splitlines()
    assert len(lines) == 9
    for line in lines:
        assert SOURCE.recognise(json.loads(line))
        assert decoded(line) == []
        record = json.loads(line)
        contained = decoded(record | {"containerId": CONTAINER})
        kinds = [type(event) for event in contained]
        assert kinds == ([ProcessExec] if record["eventName"] == "execve" else [])
