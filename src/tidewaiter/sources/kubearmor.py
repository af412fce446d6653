"""Turns KubeArmor's alerts and logs into process executions and connections of containers.

Source: https://docs.kubearmor.io/kubearmor/documentation/kubearmor-events (the fields), `monitor/logUpdate.go` (how
`Resource` and `Data` are put together).

Rules
- An operation that a policy blocked is an attempt, and an attempt is a behaviour: a blocked execution is given like
  one that took place (the event has no field to tell), a blocked connection is marked refused.
- `Resource` of an execution is the path and the arguments joined with blanks, and is split at blanks; args[0] is the
  path, since argv[0] is not told. `ProcessName` is the path alone.
- Only a destination address makes a connection: `SYS_SOCKET` and a looked-up domain name no peer.
- `ClusterName` "default" is what KubeArmor writes when nobody named the cluster.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypedDict

import msgspec

from tidewaiter.event import Event, ImageClaim, NetworkFlow, Pod, ProcessExec, Where
from tidewaiter.reference import reference_or_none
from tidewaiter.sources import RecordError, Source
from tidewaiter.sources._fields import checked_time_ns, decode_json, ip_or_none, parse_time_ns, split_container_id

_NS = 1_000_000_000
_HIGHEST_SECOND = 2**40
_LONGEST_IMAGE = 4096
_PASSED = "Passed"
_UNNAMED_CLUSTER = "default"
_ABBREVIATIONS = {"id": "ID", "pid": "PID", "ppid": "PPID", "uid": "UID"}
_OPERATIONS = frozenset({"Process", "File", "Network", "Syscall", "Capabilities", "Device"})


class _Owner(msgspec.Struct, gc=False, rename={"kind": "Ref", "name": "Name"}):
    kind: str = ""
    name: str = ""


def _spelled(field: str) -> str:
    return "".join(_ABBREVIATIONS.get(word, word.capitalize()) for word in field.split("_"))


class _Record(msgspec.Struct, gc=False, rename=_spelled):
    """One alert or log. Fields that do not apply are left out, or empty."""

    timestamp: int = 0
    """Seconds."""
    updated_time: str = ""
    """The same moment in microseconds."""
    cluster_name: str = ""
    host_name: str = ""
    """Of the node."""
    namespace_name: str = ""
    pod_name: str = ""
    owner: _Owner | None = None
    container_id: str = ""
    container_name: str = ""
    container_image: str = ""
    host_pid: int | None = None
    host_ppid: int | None = None
    uid: int | None = None
    parent_process_name: str = ""
    process_name: str = ""
    operation: str = ""
    resource: str = ""
    data: str = ""
    result: str = ""
    cwd: str = ""


_DECODER = msgspec.json.Decoder(_Record)


def decode(record: bytes, where: Where) -> Iterable[Event]:
    """One alert or log to at most one event: none for files, for the host, and for sockets without a peer.

    Raises RecordError where the bytes are no JSON object of KubeArmor's types, or an event that counts has no time.
    """
    told = decode_json(_DECODER, record)
    if not told.container_id and not told.pod_name:
        return ()
    if told.operation == "Process":
        return _executed(told, where)
    if told.operation == "Network":
        return _connected(told, where)
    return ()


class _Setting(TypedDict):
    """What all events share."""

    time_ns: int
    cluster: str
    node: str | None
    where: Where
    container_id: str | None
    container_id_prefix: str | None
    pod: Pod | None
    image: ImageClaim | None


def _executed(told: _Record, where: Where) -> tuple[Event, ...]:
    if told.data and "EXECVE" not in told.data and "BPRM" not in told.data:
        return ()
    args = tuple(told.resource.split())
    exe = told.process_name or (args[0] if args else "")
    if not exe:
        return ()
    executed = ProcessExec(
        **_setting(told, where),
        exe=exe,
        args=args or (exe,),
        cwd=told.cwd or None,
        pid=told.host_pid,
        parent_pid=told.host_ppid,
        parent_exe=told.parent_process_name or None,
        uid=told.uid,
    )
    return (executed,)


def _connected(told: _Record, where: Where) -> tuple[Event, ...]:
    named = dict(word.partition("=")[::2] for word in told.resource.split())
    address = named.get("remoteip") or named.get("sin_addr") or named.get("sin6_addr")
    dst_ip = ip_or_none(address)
    if dst_ip is None:
        return ()
    port = named.get("port") or named.get("sin_port") or named.get("sin6_port") or ""
    is_accepted = "accept" in told.data.lower()
    flow = NetworkFlow(
        **_setting(told, where),
        dst_ip=None if is_accepted else dst_ip,
        dst_port=int(port) if port.isdecimal() and len(port) <= 5 and not is_accepted else None,
        src_ip=dst_ip if is_accepted else None,
        protocol=named.get("protocol", "").lower() or None,
        direction="ingress" if is_accepted else "egress",
        is_refused=told.result not in ("", _PASSED),
        exe=told.process_name or None,
        pid=told.host_pid,
    )
    return (flow,)


def _setting(told: _Record, where: Where) -> _Setting:
    container_id, prefix, _ = split_container_id(told.container_id)
    is_clustered = bool(told.cluster_name) and told.cluster_name.lower() != _UNNAMED_CLUSTER
    pod = None
    if told.pod_name:
        pod = Pod(
            namespace=told.namespace_name or None,
            name=told.pod_name,
            container_name=told.container_name or None,
            workload_kind=None if told.owner is None else told.owner.kind or None,
            workload=None if told.owner is None else told.owner.name or None,
        )
    return {
        "time_ns": _time_ns(told),
        "cluster": told.cluster_name if is_clustered else where.cluster,
        "node": told.host_name or where.node,
        "where": where,
        "container_id": container_id,
        "container_id_prefix": prefix,
        "pod": pod,
        "image": _image(told.container_image) if len(told.container_image) <= _LONGEST_IMAGE else None,
    }


def _time_ns(told: _Record) -> int:
    if told.updated_time:
        return parse_time_ns(told.updated_time)
    if not 0 < told.timestamp < _HIGHEST_SECOND:
        raise RecordError(f"{told.operation[:40]!r}: neither `UpdatedTime` nor `Timestamp` in seconds")
    return checked_time_ns(told.timestamp * _NS)


@lru_cache(maxsize=8192)
def _image(text: str) -> ImageClaim | None:
    """`name:tag@sha256:..`; the digest is copied from the runtime, which may give an index or a manifest."""
    if not text:
        return None
    parsed = reference_or_none(text)
    if parsed is None or parsed.digest is None:
        return ImageClaim(reference=text)
    if parsed.registry is None:
        return ImageClaim(reference=text, config_digest=parsed.digest)
    return ImageClaim(reference=text.partition("@")[0], repo_digest=parsed.digest, repository=parsed.repository)


def _recognise(record: Mapping[str, Any]) -> bool:
    operation = record.get("Operation")
    is_ours = isinstance(operation, str) and operation in _OPERATIONS
    return is_ours and isinstance(record.get("HostName"), str) and isinstance(record.get("Result"), str)


SOURCE = Source(
    title="KubeArmor",
    log_sources=("auditd:SYSCALL", "NSM:Flow", "ebpf:syscalls"),
    cannot_see=(
        "argv[0], the address behind a looked-up name, connections over protocols it does not hook, and, in logs "
        "below the default visibility, most of what a container does."
    ),
    decode=decode,
    recognise=_recognise,
    rank=45,
)
