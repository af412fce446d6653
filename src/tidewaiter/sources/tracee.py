"""Turns Tracee's JSON events, of both shapes, into executions, connections and the lives of containers.

Source: https://aquasecurity.github.io/tracee/latest/docs/events/builtin/overview/ (events and their arguments),
https://aquasecurity.github.io/tracee/dev/docs/outputs/event-structure/ (the newer shape).

Rules
- `containerId`, where the record has that field, decides alone; `container.id` counts in records without it. An event
  of the host is not read, but those which tell of a container in their arguments are.
- `hostName` is the UTS name of the process. Inside a container that is the container's own host name, so the node is
  taken only from events of the host's processes. The newer shape names no node.
- `container_create` often comes before the runtime answered: name, image and pod are empty then.
- Of packets only a first one (SYN without ACK) whose direction is told says who opened the connection.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal, TypedDict

import msgspec

from tidewaiter.digest import digest_or_none
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
from tidewaiter.reference import reference_or_none
from tidewaiter.sources import RecordError, Skim, Source
from tidewaiter.sources._fields import decode_json, ip_or_none, split_container_id
from tidewaiter.sources._tracee_record import (
    Record,
    arguments,
    credible_ns_or_none,
    event_time_ns,
    image_names,
    number,
    pod_names,
)

_EXEC_ARGUMENTS = frozenset({"pathname", "argv"})
_FLOW_ARGUMENTS = frozenset(
    {
        "remote_addr",
        "addr",
        "type",
        "dst",
        "dst_port",
        "dst_dns",
        "src",
        "conn_direction",
        "proto_tcp",
        "metadata",
    }
)
_LIFE_ARGUMENTS = frozenset(
    {
        "runtime",
        "container_id",
        "ctime",
        "container_image",
        "container_image_digest",
        "container_name",
        "pod_name",
        "pod_namespace",
        "pod_uid",
        "pod_sandbox",
    }
)
_EXECUTING = frozenset({"sched_process_exec", "execve", "execveat"})
_CONNECTING = frozenset({"security_socket_connect", "connect"})
_LIVING = frozenset({"container_create", "existing_container", "container_remove"})
_FLOWING = _CONNECTING | {"net_tcp_connect", "net_flow_tcp_begin", "net_packet_tcp"}
_PROTOCOLS: dict[str | int, str] = {"SOCK_STREAM": "tcp", "SOCK_DGRAM": "udp", 1: "tcp", 2: "udp"}
_DIRECTIONS: dict[str | int, Literal["egress", "ingress"]] = {
    "outgoing": "egress",
    "incoming": "ingress",
    "EGRESS": "egress",
    "INGRESS": "ingress",
    1: "ingress",
    2: "egress",
    3: "egress",
}
_RUNTIMES = {"docker": "docker", "containerd": "containerd", "crio": "cri-o", "cri-o": "cri-o", "podman": "podman"}
_REFUSALS = frozenset({-1, -13, -111})  # EPERM, EACCES, ECONNREFUSED; EINPROGRESS (-115) is none
_LONGEST_IMAGE = 4096
_MEMFD = ("memfd:", "/memfd:")
_RUNTIME_CLONE = "_cloned:/proc/self/exe"
_DECODER = msgspec.json.Decoder(Record)


def decode(record: bytes, where: Where) -> Iterable[Event]:
    """One Tracee event to at most one event: none for those that do not concern containers' images or behaviour.

    Raises RecordError where the bytes are no JSON object of Tracee's types, or an event that counts has no sound time.
    """
    told = decode_json(_DECODER, record)
    name = told.event_name or told.name
    if name in _LIVING:
        return _lived(name, told, where)
    if name not in _EXECUTING and name not in _FLOWING:
        return ()
    setting = _setting(told, where)
    if setting is None:
        return ()
    return _executed(name, told, setting) if name in _EXECUTING else _flowed(name, told, setting)


class _Setting(TypedDict):
    """What an event shares with every other of its container."""

    time_ns: int
    cluster: str
    node: str | None
    where: Where
    container_id: str | None
    container_id_prefix: str | None
    runtime: str | None
    pod: Pod | None
    image: ImageClaim | None


def _setting(told: Record, where: Where) -> _Setting | None:
    """None for an event of the host."""
    workload = told.workload
    container = told.container if workload is None else workload.container
    written = told.container_id
    if written is None:
        written = "" if container is None else container.id
    if not written:
        return None
    container_id, prefix, _ = split_container_id(written)
    name = told.container_name if container is None else container.name
    reference, digest = (told.container_image, "") if container is None else image_names(container)
    pod = None
    if container_id is not None or prefix is not None:
        pod = _pod(*pod_names(told), name)
    return {
        "time_ns": event_time_ns(told.timestamp),
        "cluster": where.cluster,
        "node": where.node,
        "where": where,
        "container_id": container_id,
        "container_id_prefix": prefix,
        "runtime": None,
        "pod": pod,
        "image": _image(reference, digest) if len(reference) + len(digest) <= _LONGEST_IMAGE else None,
    }


def _executed(name: str, told: Record, setting: _Setting) -> tuple[Event, ...]:
    if name != "sched_process_exec" and told.return_value != 0:
        return ()  # the system call failed: nothing was executed
    found = arguments(told.data if told.workload is not None else told.args, _EXEC_ARGUMENTS)
    argv = found.get("argv")
    process = None if told.workload is None else told.workload.process
    ancestor = process.ancestors[0] if process is not None and process.ancestors else None
    exe = _text(found.get("pathname"))
    executed = ProcessExec(
        **setting,
        exe=exe,
        args=tuple(argument for argument in argv if isinstance(argument, str)) if isinstance(argv, list) else (),
        pid=told.host_pid if process is None else number(process.host_pid),
        parent_pid=told.parent_pid if ancestor is None else number(ancestor.host_pid),
        parent_exe=None if ancestor is None or ancestor.executable is None else ancestor.executable.path or None,
        uid=told.user_id if process is None or process.real_user is None else number(process.real_user.id),
        # A memfd is in no layer of the image. runc and crun start containers from such a copy of themselves.
        is_upper_layer=True if exe is not None and exe.startswith(_MEMFD) and _RUNTIME_CLONE not in exe else None,
    )
    return (executed,)


def _flowed(name: str, told: Record, setting: _Setting) -> tuple[Event, ...]:
    found = arguments(told.data if told.workload is not None else told.args, _FLOW_ARGUMENTS)
    direction: Literal["egress", "ingress"] | None = "egress"
    protocol: str | None = "tcp"
    if name in _CONNECTING:
        dst_ip, dst_port = _address(found.get("remote_addr") or found.get("addr"))
        protocol = _PROTOCOLS.get(_key(found.get("type")))
    else:
        dst_ip, dst_port = ip_or_none(_text(found.get("dst"))), _port(found.get("dst_port"))
        if name == "net_flow_tcp_begin":
            direction = _DIRECTIONS.get(_key(found.get("conn_direction")))
        elif name == "net_packet_tcp":
            direction = _first_packet_direction(found)
    if dst_ip is None or direction is None:
        return ()
    names = found.get("dst_dns")
    process = None if told.workload is None else told.workload.process
    executable = None if process is None else process.executable
    flow = NetworkFlow(
        **setting,
        dst_ip=dst_ip,
        dst_port=dst_port,
        dst_name=_text(names[0]) if isinstance(names, list) and names else None,
        src_ip=ip_or_none(_text(found.get("src"))),
        protocol=protocol,
        direction=direction,
        is_refused=told.return_value in _REFUSALS,
        exe=None if executable is None else executable.path or None,
        pid=told.host_pid if process is None else number(process.host_pid),
    )
    return (flow,)


def _first_packet_direction(found: Mapping[str, Any]) -> Literal["egress", "ingress"] | None:
    header, metadata = found.get("proto_tcp"), found.get("metadata")
    if not isinstance(header, dict) or not isinstance(metadata, dict):
        return None
    synchronises = header.get("SYN", header.get("syn_flag", 0))
    acknowledges = header.get("ACK", header.get("ack_flag", 0))
    return _DIRECTIONS.get(_key(metadata.get("direction"))) if synchronises == 1 and acknowledges == 0 else None


def _lived(name: str, told: Record, where: Where) -> tuple[Event, ...]:
    """The process is the runtime's; the container stands in the arguments."""
    found = arguments(told.data if told.workload is not None else told.args, _LIFE_ARGUMENTS)
    texts = {key: value for key, value in found.items() if isinstance(value, str)}
    container_id, prefix, _ = split_container_id(texts.get("container_id"))
    if container_id is None and prefix is None:
        raise RecordError(f"{name}: container_id is {str(found.get('container_id'))[:120]!r}, not the id of one")
    container_name = texts.get("container_name", "")
    setting: _Setting = {
        "time_ns": event_time_ns(told.timestamp),
        "cluster": where.cluster,
        "node": told.host_name or where.node,
        "where": where,
        "container_id": container_id,
        "container_id_prefix": prefix,
        "runtime": _RUNTIMES.get(texts.get("runtime", "").lower()),
        "pod": _pod(texts.get("pod_name"), texts.get("pod_namespace"), texts.get("pod_uid"), container_name),
        "image": _image(texts.get("container_image", ""), texts.get("container_image_digest", "")),
    }
    if name == "container_remove":
        return (ContainerStop(**setting, removed=True),)
    is_sandbox = found.get("pod_sandbox") is True
    if name == "container_create":
        return (ContainerCreate(**setting, name=container_name or None, is_sandbox=is_sandbox),)
    created_ns = credible_ns_or_none(found.get("ctime"))
    return (ContainerFacts(**setting, name=container_name or None, created_ns=created_ns, is_sandbox=is_sandbox),)


def _pod(name: str | None, namespace: str | None, uid: str | None, container_name: str) -> Pod | None:
    if not name and not uid:
        return None
    return Pod(namespace=namespace or None, name=name or None, uid=uid or None, container_name=container_name or None)


@lru_cache(maxsize=8192)
def _image(reference: str, digest: str) -> ImageClaim | None:
    """`digest` is `sha256:..`, or `repository@sha256:..` where the runtime was Docker or CRI-O."""
    repository, _, bare = digest.rpartition("@")
    repo_digest = digest_or_none(bare)
    if not reference and repo_digest is None:
        return None
    parsed = None if repo_digest is None else reference_or_none(repository or reference)
    return ImageClaim(
        reference=reference or None,
        repo_digest=repo_digest,
        repository=None if parsed is None else parsed.repository,
    )


def _address(value: Any) -> tuple[str | None, int | None]:
    """Of a socket address: `sin_addr` and `sin_port`, or the same of IPv6. Ports were text once."""
    if not isinstance(value, dict):
        return None, None
    for address, port in (("sin_addr", "sin_port"), ("sin6_addr", "sin6_port")):
        ip = ip_or_none(_text(value.get(address)))
        if ip is not None:
            return ip, _port(value.get(port))
    return None, None


def _port(value: Any) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) <= 5:
        value = int(value)
    return value if type(value) is int and 0 < value < 65536 else None


def _key(value: Any) -> str | int:
    """The value where it can be looked up in a table."""
    return value if isinstance(value, str | int) else ""


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _recognise(record: Mapping[str, Any]) -> bool:
    if isinstance(record.get("eventName"), str) and "timestamp" in record:
        return "processId" in record or "eventId" in record
    has_arguments = isinstance(record.get("workload"), dict) or isinstance(record.get("data"), list)
    return isinstance(record.get("name"), str) and "timestamp" in record and "id" in record and has_arguments


SOURCE = Source(
    title="Tracee",
    log_sources=("auditd:SYSCALL", "NSM:Flow", "containerd:events", "ebpf:syscalls"),
    cannot_see=(
        "The node of what happens inside a container, the pull of an image, the parent's path in the older shape, and "
        "events that no policy selects."
    ),
    decode=decode,
    recognise=_recognise,
    rank=40,
    skim=Skim(
        prefixes=(b'{"timestamp":1', b'{"timestamp":"2'),
        # Each record of the older shape has one `eventName` and must have one `containerId`; each of the newer shape
        # has one `workload` and, if it concerns a container, that container's id.
        keys=(b'"containerId":', b'"container":{"id":', b'"name":"container_id","type":"string","value":'),
        guards=(b'"eventName"', b'"workload"', b'"container_id"'),
    ),
)
