"""Defines the two shapes of Tracee's JSON events, as far as they are read, and gives their arguments by name.

Source: `types/trace/trace.go` (the shape up to v0.24, `eventName` and `args`), `api/v1beta1/event.proto` and
`event_json.go` (the shape after it, `workload` and `data`). The older form of the older shape has the container and the
pod in flat fields; the newer shape has been printed both with protojson's typed values and with a plain `value`.
"""

from collections.abc import Collection
from typing import Any

import msgspec

from tidewaiter.sources import RecordError
from tidewaiter.sources._fields import checked_time_ns, decode_json, parse_time_ns

_NS = 1_000_000_000
_EARLIEST_NS = 946_684_800 * _NS  # 2000-01-01: Tracee can be told to print times relative to its own start
_LATEST_NS = 253_402_300_799 * _NS  # 9999-12-31
_HIGHEST_SECOND = 2**40
_ABSENT = msgspec.Raw(b"[]")


class Timestamp(msgspec.Struct, gc=False):
    seconds: int | str = 0
    nanos: int = 0


class Wrapped(msgspec.Struct, gc=False):
    """A number that was printed with its protobuf wrapper."""

    value: int | None = None


class Path(msgspec.Struct, gc=False):
    path: str = ""


class Container(msgspec.Struct, gc=False, rename={"image_digest": "imageDigest"}):
    id: str = ""
    name: str = ""
    image: "str | Image" = ""
    """The name; in the newer shape an object."""
    image_digest: str = ""


class Image(msgspec.Struct, gc=False):
    name: str = ""
    repo_digests: list[str] = []


class Kubernetes(
    msgspec.Struct, gc=False, rename={"pod_uid": "podUID", "pod_name": "podName", "namespace": "podNamespace"}
):
    pod_name: str = ""
    namespace: str = ""
    pod_uid: str = ""


class User(msgspec.Struct, gc=False):
    id: int | Wrapped | None = None


class Ancestor(msgspec.Struct, gc=False):
    host_pid: int | Wrapped | None = None
    executable: Path | None = None


class Process(msgspec.Struct, gc=False):
    executable: Path | None = None
    host_pid: int | Wrapped | None = None
    real_user: User | None = None
    ancestors: list[Ancestor] = []


class Named(msgspec.Struct, gc=False):
    name: str = ""
    uid: str = ""


class K8s(msgspec.Struct, gc=False):
    pod: Named | None = None
    namespace: Named | None = None


class Workload(msgspec.Struct, gc=False):
    process: Process | None = None
    container: Container | None = None
    k8s: K8s | None = None


class Record(
    msgspec.Struct,
    gc=False,
    rename={
        "host_pid": "hostProcessId",
        "parent_pid": "hostParentProcessId",
        "user_id": "userId",
        "host_name": "hostName",
        "container_id": "containerId",
        "container_image": "containerImage",
        "container_name": "containerName",
        "pod_name": "podName",
        "pod_namespace": "podNamespace",
        "pod_uid": "podUID",
        "event_name": "eventName",
        "return_value": "returnValue",
    },
):
    """One event of either shape: `event_name` belongs to the older, `name` to the newer."""

    timestamp: int | str | Timestamp = 0
    host_pid: int | None = None
    parent_pid: int | None = None
    user_id: int | None = None
    host_name: str = ""
    """The name in the process's own UTS namespace: the node only for processes of the host."""
    container_id: str | None = None
    container: Container | None = None
    kubernetes: Kubernetes | None = None
    container_image: str = ""
    container_name: str = ""
    pod_name: str = ""
    pod_namespace: str = ""
    pod_uid: str = ""
    event_name: str = ""
    return_value: int = 0
    args: msgspec.Raw = _ABSENT
    name: str = ""
    workload: Workload | None = None
    data: msgspec.Raw = _ABSENT


class _Strings(msgspec.Struct, gc=False):
    value: list[str] = []


class _Argument(msgspec.Struct, gc=False, rename={"text": "str", "truth": "bool"}):
    name: str = ""
    value: msgspec.Raw = msgspec.Raw(b"null")
    text: str | None = None
    truth: bool | None = None
    int32: int | None = None
    u_int32: int | None = None
    u_int64: int | str | None = None
    str_array: _Strings | None = None
    sockaddr: Any = None
    tcp: Any = None
    packet_metadata: Any = None


_ARGUMENTS = msgspec.json.Decoder(list[_Argument] | None)
_VALUE: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def arguments(raw: msgspec.Raw, wanted: Collection[str]) -> dict[str, Any]:
    """The values of the wanted arguments by name, as Python values. Raises RecordError for what is no list of them."""
    found: dict[str, Any] = {}
    for argument in decode_json(_ARGUMENTS, bytes(raw)) or ():
        if argument.name not in wanted:
            continue
        value = decode_json(_VALUE, bytes(argument.value))
        if value is None:
            value = argument.text if argument.str_array is None else argument.str_array.value
        for typed in (
            argument.truth,
            argument.int32,
            argument.u_int32,
            argument.u_int64,
            argument.sockaddr,
            argument.tcp,
            argument.packet_metadata,
        ):
            value = typed if value is None else value
        found[argument.name] = value
    return found


def number(value: "int | Wrapped | None") -> int | None:
    """The number, out of its wrapper."""
    return value.value if isinstance(value, Wrapped) else value


def image_names(container: Container) -> tuple[str, str]:
    """(name of the image, its digest with or without a repository) as the record writes them."""
    image = container.image
    if isinstance(image, str):
        return image, container.image_digest
    return image.name, image.repo_digests[0] if image.repo_digests else ""


def pod_names(told: Record) -> tuple[str, str, str]:
    """(name, namespace, uid) of the pod; empty where unknown."""
    if told.workload is not None:
        k8s = told.workload.k8s
        if k8s is None or k8s.pod is None:
            return "", "", ""
        return k8s.pod.name, "" if k8s.namespace is None else k8s.namespace.name, k8s.pod.uid
    if told.kubernetes is not None:
        return told.kubernetes.pod_name, told.kubernetes.namespace, told.kubernetes.pod_uid
    return told.pod_name, told.pod_namespace, told.pod_uid


def credible_ns_or_none(value: Any) -> int | None:
    """A moment in nanoseconds, which may be written as text, or None for what is none in this century."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 20:
        value = int(value)
    return value if type(value) is int and _EARLIEST_NS <= value < _LATEST_NS else None


def event_time_ns(timestamp: int | str | Timestamp) -> int:
    """The moment of an event in nanoseconds. Raises RecordError for a time before 2000, or after 9999."""
    if isinstance(timestamp, str):
        time_ns = parse_time_ns(timestamp)
    elif isinstance(timestamp, Timestamp):
        seconds = timestamp.seconds
        if isinstance(seconds, str):
            seconds = int(seconds) if seconds.isdecimal() and len(seconds) < 16 else 0
        time_ns = seconds * _NS + timestamp.nanos if abs(seconds) < _HIGHEST_SECOND else 0
    else:
        time_ns = timestamp
    if time_ns < _EARLIEST_NS:
        raise RecordError(f"{str(timestamp)[:120]}: not a moment in this century (relative times cannot be used)")
    return checked_time_ns(time_ns)
