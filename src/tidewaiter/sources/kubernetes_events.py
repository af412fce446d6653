"""Turns Kubernetes Event objects (`v1` and `events.k8s.io/v1`) into pulls, failed pulls, creates and starts.

Formats: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/; the texts are the kubelet's
(`pkg/kubelet/images/image_manager.go`, `pkg/kubelet/kuberuntime/kuberuntime_container.go`), 1.2 to now.

Rules
- Only what happened gives an event: `Pulled` with "Successfully pulled image", not "already present on machine";
  `Failed` with "Failed to pull image", not the "Error: ErrImagePull" and back-offs that follow it.
- No container id is told (but by kubelets before 1.8); container and pod are named, and the node.
- The API server keeps one object for a repeated event: its first time, its last time and a count. Both times are
  told here as two events, since at both it happened; of the times between nothing is known. A watch stream shows each.
- `native_id` is `uid:count`, so that the first time, told again by each later version, is counted once.
- v1 times have whole seconds. The recorder puts the nanoseconds of the first time into the object's name
  (client-go `event.go`: `<object>.<hex>`); they are used where they agree with the second.
- Time: first is `firstTimestamp`, `deprecatedFirstTimestamp` or `eventTime`; last is `series.lastObservedTime`,
  `lastTimestamp` or `deprecatedLastTimestamp`; where all are null, `metadata.creationTimestamp`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from tidewaiter.event import ContainerCreate, ContainerStart, Event, ImagePull, ImagePullFailed, Pod, PodStatus, Where
from tidewaiter.sources import RecordError, Source
from tidewaiter.sources._fields import checked_time_ns, decode_json, split_container_id, time_ns_or_none

_NS = 1_000_000_000
_COMBINED = "(combined from similar events): "
_PULLED = re.compile(r'Successfully pulled image "([^"]+)"')
_PULL_FAILED = re.compile(r'Failed to pull image "([^"]+)"(?:: (.*))?', re.DOTALL)
_SCHEDULED = re.compile(r"Successfully assigned \S+ to (\S+)")
_CONTAINER = re.compile(r"(?:Created|Started) container:? ([a-z0-9][a-z0-9-]*)\Z")
_OLD_CONTAINER = re.compile(r"(?:Created|Started) container with (docker )?id ([0-9a-f]{12,64})(?![0-9a-f])")
_FIELD_PATH = re.compile(r"spec\.(containers|initContainers|ephemeralContainers)\{([^}]+)\}")
_ROLES: dict[str, Literal["init", "ephemeral"]] = {"initContainers": "init", "ephemeralContainers": "ephemeral"}
_SANDBOX_PATH = "implicitly required container POD"
_NAME_TIME = re.compile(r".*\.([0-9a-f]{14,16})\Z", re.DOTALL)
_REASONS = frozenset({"Pulled", "Failed", "Created", "Started", "Scheduled"})


class _Meta(msgspec.Struct, gc=False, rename="camel"):
    name: str | None = None
    uid: str | None = None
    creation_timestamp: str | None = None


class _Object(msgspec.Struct, gc=False, rename="camel"):
    kind: str | None = None
    namespace: str | None = None
    name: str | None = None
    uid: str | None = None
    field_path: str | None = None


class _Reporter(msgspec.Struct, gc=False):
    host: str | None = None


class _Series(msgspec.Struct, gc=False, rename="camel"):
    count: int | None = None
    last_observed_time: str | None = None


class _Event(msgspec.Struct, gc=False, rename="camel"):
    reason: str | None = None
    metadata: _Meta | None = None
    involved_object: _Object | None = None
    regarding: _Object | None = None
    message: str | None = None
    note: str | None = None
    source: _Reporter | None = None
    deprecated_source: _Reporter | None = None
    reporting_component: str | None = None
    reporting_controller: str | None = None
    reporting_instance: str | None = None
    first_timestamp: str | None = None
    deprecated_first_timestamp: str | None = None
    last_timestamp: str | None = None
    deprecated_last_timestamp: str | None = None
    event_time: str | None = None
    count: int | None = None
    deprecated_count: int | None = None
    series: _Series | None = None


_DECODER: msgspec.json.Decoder[_Event] = msgspec.json.Decoder(_Event)


def decode(record: bytes, where: Where) -> list[Event]:
    """One Event object; events of other reasons and about other objects than pods say nothing here."""
    event = decode_json(_DECODER, record)
    about = event.involved_object or event.regarding
    if about is None:
        raise RecordError("an event that names no object")
    if event.reason not in _REASONS or about.kind != "Pod":
        return []
    text = event.message or event.note or ""
    message = text.removeprefix(_COMBINED)
    pod = _pod_of(about, message)
    return [
        made
        for time_ns, native_id in _moments(event, is_combined=message != text)
        if (made := _happened(event, about, message, pod, time_ns, native_id, where)) is not None
    ]


def _happened(
    event: _Event, about: _Object, message: str, pod: Pod, time_ns: int, native_id: str | None, where: Where
) -> Event | None:
    """What happened at one moment; None where the text is none of the known ones, or about a pause container."""
    node, cluster = _node_of(event), where.cluster
    if event.reason == "Pulled" and (found := _PULLED.match(message)):
        return ImagePull(
            time_ns=time_ns,
            cluster=cluster,
            node=node,
            where=where,
            native_id=native_id,
            reference=found[1],
            seen_by="kubelet",
            pod=pod,
        )
    if event.reason == "Failed" and (found := _PULL_FAILED.match(message)):
        return ImagePullFailed(
            time_ns=time_ns,
            cluster=cluster,
            node=node,
            where=where,
            native_id=native_id,
            reference=found[1],
            reason=found[2],
            pod=pod,
        )
    if event.reason == "Scheduled" and (found := _SCHEDULED.match(message)):
        return PodStatus(
            time_ns=time_ns,
            cluster=cluster,
            node=found[1],
            where=where,
            native_id=native_id,
            pod=pod,
            assigned_node=found[1],
        )
    if event.reason not in ("Created", "Started") or about.field_path == _SANDBOX_PATH:
        return None
    old = _OLD_CONTAINER.match(message)
    container_id, container_id_prefix, _ = split_container_id(old[2] if old else None)
    kind = ContainerCreate if event.reason == "Created" else ContainerStart
    return kind(
        time_ns=time_ns,
        cluster=cluster,
        node=node,
        where=where,
        native_id=native_id,
        container_id=container_id,
        container_id_prefix=container_id_prefix,
        runtime="docker" if old and old[1] else None,
        pod=pod,
    )


def _pod_of(about: _Object, message: str) -> Pod:
    path, said = _FIELD_PATH.match(about.field_path or ""), _CONTAINER.match(message)
    container = path[2] if path else said[1] if said else None
    role = _ROLES.get(path[1]) if path else None
    return Pod(namespace=about.namespace, name=about.name, uid=about.uid, container_name=container, role=role)


def _node_of(event: _Event) -> str | None:
    source = event.source or event.deprecated_source or _Reporter()
    if source.host:
        return source.host
    reporter = event.reporting_component or event.reporting_controller
    return event.reporting_instance or None if reporter == "kubelet" else None


def _moments(event: _Event, *, is_combined: bool) -> Iterator[tuple[int, str | None]]:
    """(time_ns, native_id) of the first and the last time; one where they are the same.

    An event combined from similar ones tells the text of the last only.
    """
    metadata, series = event.metadata or _Meta(), event.series or _Series()
    first_ns = (
        time_ns_or_none(event.first_timestamp)
        or time_ns_or_none(event.deprecated_first_timestamp)
        or time_ns_or_none(event.event_time)
    )
    last_ns = (
        time_ns_or_none(series.last_observed_time)
        or time_ns_or_none(event.last_timestamp)
        or time_ns_or_none(event.deprecated_last_timestamp)
    )
    count = series.count or event.count or event.deprecated_count or 1
    if first_ns is None and last_ns is None:
        first_ns = time_ns_or_none(metadata.creation_timestamp)
    if first_ns is None and last_ns is None:
        raise RecordError("an event without a time")
    if first_ns is not None and not is_combined:
        yield _refined(first_ns, metadata.name), f"{metadata.uid}:1" if metadata.uid else None
    if last_ns is not None and (first_ns is None or is_combined or last_ns > first_ns):
        yield last_ns, f"{metadata.uid}:{count}" if metadata.uid else None
    elif is_combined and first_ns is not None:
        yield first_ns, f"{metadata.uid}:{count}" if metadata.uid else None


def _refined(time_ns: int, name: str | None) -> int:
    """The time with the nanoseconds in the event's name, where that is the same second."""
    found = _NAME_TIME.match(name or "") if time_ns % _NS == 0 else None
    if found is None:
        return time_ns
    exact_ns = int(found[1], 16)
    return checked_time_ns(exact_ns) if exact_ns // _NS == time_ns // _NS else time_ns


def recognise(record: Mapping[str, Any]) -> bool:
    """An Event by its kind, or (an element of a list that leaves the kind out) by its own members."""
    version = record.get("apiVersion")
    if record.get("kind") == "Event":
        return version == "v1" or (isinstance(version, str) and version.startswith("events.k8s.io/"))
    return (
        record.get("kind") is None
        and isinstance(record.get("reason"), str)
        and (
            (isinstance(record.get("involvedObject"), Mapping) and isinstance(record.get("message"), str))
            or (isinstance(record.get("regarding"), Mapping) and isinstance(record.get("note"), str))
        )
    )


SOURCE = Source(
    title="Kubernetes events",
    log_sources=("kubernetes:events", "kubernetes:orchestrator"),
    cannot_see=(
        "Digests, container ids, who asked, and starts between the first and the last of a repeated event; the API "
        "server forgets events after an hour, and anybody with the right to write events can invent one."
    ),
    decode=decode,
    prefixes=(b'{"kind":"Event","apiVersion":"v1"', b'{"kind":"Event","apiVersion":"events.k8s.io/'),
    recognise=recognise,
    rank=40,
)
