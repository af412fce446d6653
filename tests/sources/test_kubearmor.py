"""KubeArmor's alerts and logs: executions and connections, blocked or not."""

import json
from pathlib import Path
from typing import Any

import pytest

from tidewaiter.event import Event, ImageClaim, NetworkFlow, Pod, ProcessExec, Where
from tidewaiter.sources import RecordError
from tidewaiter.sources.kubearmor import SOURCE, decode

SAMPLES = Path(__file__).parents[1] / "samples" / "kubearmor"
WHERE = Where("kubearmor", "alerts.jsonl", 1)
CONTAINER = "5c1f0a9be37d" + "46e2" * 13
DIGEST = "sha256:" + "3fa9" * 16


def decoded(record: dict[str, Any] | bytes, where: Where = WHERE) -> list[Event]:
    """The events of one record."""
    return list(decode(record if isinstance(record, bytes) else json.dumps(record).encode(), where))


def told(where: Where = WHERE, /, **fields: Any) -> list[Event]:
    """The events of a log about a container."""
    record = {
        "UpdatedTime": "2026-09-21T14:13:44.074027Z",
        "HostName": "node-a",
        "ContainerID": CONTAINER,
        "Operation": "Process",
        "Resource": "/usr/bin/curl http://203.0.113.9/",
        "Result": "Passed",
    }
    return decoded({key: value for key, value in (record | fields).items() if value is not None}, where)


def executed(where: Where = WHERE, /, **fields: Any) -> ProcessExec:
    """The execution in such a log."""
    (event,) = told(where, **fields)
    assert isinstance(event, ProcessExec)
    return event


def flow(resource: str, **fields: Any) -> NetworkFlow:
    """The connection in such a log."""
    (event,) = told(Operation="Network", Resource=resource, **fields)
    assert isinstance(event, NetworkFlow)
    return event


def sample() -> list[list[Event]]:
    """The events of each record of the sample file."""
    return [decoded(line) for line in (SAMPLES / "1.4.in.jsonl").read_bytes().splitlines()]


def test_execution_is_told_in_full() -> None:
    """Container, pod, workload, image, host pids, parent and moment."""
    (event,) = sample()[0]
    assert event == ProcessExec(
        time_ns=1_790_000_024_074_027_000,
        cluster="default",
        node="node-a",
        where=WHERE,
        container_id=CONTAINER,
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
        args=("/usr/bin/curl", "-fsSL", "http://203.0.113.9/i.sh"),
        pid=4101,
        parent_pid=4100,
        parent_exe="/bin/bash",
        uid=0,
    )


def test_blocked_execution_is_an_attempt() -> None:
    """And an attempt is a behaviour; a cluster that was named is told."""
    (event,) = sample()[1]
    assert isinstance(event, ProcessExec)
    assert (event.args, event.cwd, event.cluster) == (("/usr/bin/apt", "update"), "/", "blue")


def test_connections_are_told_with_their_direction() -> None:
    """Out with the peer as destination, in with the peer as source, and blocked by a policy."""
    flows = [event for events in sample() for event in events if isinstance(event, NetworkFlow)]
    assert [(e.src_ip, e.dst_ip, e.dst_port, e.protocol, e.direction, e.is_refused) for e in flows] == [
        (None, "203.0.113.9", 80, "tcp", "egress", False),
        ("198.51.100.20", None, None, "tcp", "ingress", False),
        (None, "203.0.113.10", 4444, None, "egress", True),
    ]


def test_what_names_no_peer_is_no_event() -> None:
    """A socket, a name that was looked up, a file, and a process of the host."""
    assert sample()[5:] == [[], [], [], []]


@pytest.mark.parametrize(
    ("resource", "peer"),
    [
        ("remoteip=2001:db8::9 port=443 protocol=TCP", ("2001:db8::9", 443)),
        ("sin6_addr=2001:db8::9 sin6_port=443 sa_family=AF_INET6", ("2001:db8::9", 443)),
        ("remoteip=203.0.113.9 port=http", ("203.0.113.9", None)),
        ("remoteip=203.0.113.9 port=123456789", ("203.0.113.9", None)),
    ],
)
def test_peer_is_read_from_the_resource(resource: str, peer: tuple[str, int | None]) -> None:
    """Members in any order, of both families."""
    event = flow(resource)
    assert (event.dst_ip, event.dst_port) == peer


@pytest.mark.parametrize("resource", ["", "remoteip=", "remoteip=x port=80", "domain=AF_UNIX type=SOCK_STREAM", "==="])
def test_resource_without_an_address_is_no_connection(resource: str) -> None:
    """Nothing is made up."""
    assert told(Operation="Network", Resource=resource) == []


@pytest.mark.parametrize(
    ("fields", "exe", "args"),
    [
        ({}, "/usr/bin/curl", ("/usr/bin/curl", "http://203.0.113.9/")),
        ({"ProcessName": "/usr/bin/curl", "Resource": ""}, "/usr/bin/curl", ("/usr/bin/curl",)),
        ({"ProcessName": "/bin/x", "Resource": "/bin/x  -a"}, "/bin/x", ("/bin/x", "-a")),
    ],
)
def test_path_and_arguments_are_in_the_resource(fields: dict[str, str], exe: str, args: tuple[str, ...]) -> None:
    """The name of the process is the path alone, where it is told."""
    event = executed(**fields)
    assert (event.exe, event.args) == (exe, args)


@pytest.mark.parametrize(
    ("data", "count"),
    [("", 1), ("syscall=SYS_EXECVE", 1), ("syscall=SYS_EXECVEAT", 1), ("lsm=SECURITY_BPRM_CHECK", 1), ("syscall=X", 0)],
)
def test_only_executions_among_the_process_operations_count(data: str, count: int) -> None:
    """By the system call or the hook."""
    assert len(told(Data=data)) == count


def test_nothing_to_execute_is_no_event() -> None:
    """A record without a path."""
    assert told(Resource=" ") == []


@pytest.mark.parametrize("cluster", ["default", "Default", "", None])
def test_unnamed_cluster_is_the_users(cluster: str | None) -> None:
    """KubeArmor writes `default` where nobody named one; a missing host name is the user's as well."""
    event = executed(Where("kubearmor", "-", 1, "red", "node-z"), ClusterName=cluster, HostName=None)
    assert (event.cluster, event.node) == ("red", "node-z")


@pytest.mark.parametrize(
    ("image", "claim"),
    [
        ("nginx:1.25", ImageClaim(reference="nginx:1.25")),
        (f"nginx@{DIGEST}", ImageClaim(reference="nginx", repo_digest=DIGEST, repository="docker.io/library/nginx")),
        (DIGEST, ImageClaim(reference=DIGEST, config_digest=DIGEST)),
        ("Not An Image", ImageClaim(reference="Not An Image")),
        ("", None),
        ("n" * 5000, None),
    ],
)
def test_image_is_read_by_its_form(image: str, claim: ImageClaim | None) -> None:
    """A digest after the name is a registry's; a bare one is the config's."""
    assert executed(ContainerImage=image).image == claim


def test_pod_alone_is_enough() -> None:
    """A log of a pod whose container is not told."""
    event = executed(ContainerID=None, PodName="web-0", NamespaceName="shop")
    assert (event.container_id, event.pod) == (None, Pod(namespace="shop", name="web-0"))


def test_whole_seconds_do_where_nothing_finer_is_told() -> None:
    """`UpdatedTime` is finer; `Timestamp` is in seconds."""
    assert executed(UpdatedTime=None, Timestamp=1_790_000_024).time_ns == 1_790_000_024 * 10**9


@pytest.mark.parametrize(
    "fields",
    [
        {"UpdatedTime": None},
        {"UpdatedTime": "soon", "Timestamp": 1_790_000_024},
        {"UpdatedTime": None, "Timestamp": -5},
        {"UpdatedTime": None, "Timestamp": 2**62},
        {"HostPID": "4101"},
        {"Operation": ["Process"]},
    ],
)
def test_record_without_a_sound_time_or_type_is_rejected(fields: dict[str, Any]) -> None:
    """One kind of error."""
    with pytest.raises(RecordError):
        told(**fields)


@pytest.mark.parametrize("record", [b"", b"\xff", b"[]", b'{"Operation":' + b"[" * 100_000, b'{"Owner":[]}'])
def test_rubbish_is_rejected(record: bytes) -> None:
    """Broken JSON and wrong types."""
    with pytest.raises(RecordError):
        decoded(record)


def test_samples_are_recognised() -> None:
    """By the operation, the host and the result."""
    assert SOURCE.recognise is not None
    for line in (SAMPLES / "1.4.in.jsonl").read_bytes().splitlines():
        assert SOURCE.recognise(json.loads(line))
    assert not SOURCE.recognise({"Operation": "Process"})
    assert not SOURCE.recognise({"Operation": {}, "HostName": "x", "Result": "Passed"})


def test_events_of_the_documentation_are_decoded(shared: Path) -> None:
    """The public alerts: what was executed or blocked, one without any time, and no peer anywhere."""
    assert SOURCE.recognise is not None
    lines = (shared / "samples" / "kubearmor" / "kubearmor-docs-events.jsonl").read_bytes().splitlines()
    events: list[Event] = []
    rejected = 0
    for line in lines:
        assert SOURCE.recognise(json.loads(line))
        try:
            events += decoded(line)
        except RecordError:
            rejected += 1
    assert rejected == 1
    executions = [event for event in events if isinstance(event, ProcessExec)]
    assert len(executions) == len(events) == 8
    assert {event.exe for event in executions} == {
        "/usr/bin/python3.6",
        "/usr/bin/chmod",
        "/usr/bin/apt",
        "/usr/bin/scp",
        "/bin/netstat",
        "/usr/bin/kubectl",
        "/bin/sh",
    }
    assert all(event.container_id and event.image and event.image.repo_digest for event in executions)
