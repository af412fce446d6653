"""Turns Podman's events and what it tells of its containers and images into events and facts.

Shapes: Podman `libpod/events/config.go` (`podman events --format json`; up to version 4 with `Time` as RFC 3339, then
with `time` and `timeNano`), `libpod/define/container_inspect.go`, `pkg/inspect/inspect.go` and the image list of
`podman images --format json`. Ids have no `sha256:`. A container's `ImageDigest` is the index or manifest it came from.

`podman run` and `podman create` tell a pull each time, also where the image was there already.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from tidewaiter.digest import digest_or_none
from tidewaiter.event import (
    ContainerCreate,
    ContainerExec,
    ContainerFacts,
    ContainerStart,
    ContainerStop,
    Event,
    ImageClaim,
    ImageName,
    ImagePull,
    ImagePullFailed,
    Where,
)
from tidewaiter.sources import RecordError, Source
from tidewaiter.sources._compose import service_of_name
from tidewaiter.sources._fields import checked_time_ns, parse_time_ns, split_container_id, time_ns_or_none
from tidewaiter.sources._images import claim_of_name, digest_of_id, pinned_digest
from tidewaiter.sources._inspect import (
    HostConfig,
    Image,
    Mount,
    NetworkSettings,
    RunConfig,
    State,
    image_events,
    ip_addresses,
    mounts_host_root,
)
from tidewaiter.sources._place import OfContainer, convert, decode_object, happened, has, seconds_to_ns

NameAction = Literal["tag", "untag", "load", "import", "build", "save", "remove"]
_NAME_ACTIONS: dict[str, NameAction] = {
    "tag": "tag",
    "untag": "untag",
    "loadfromarchive": "load",
    "import": "import",
    "build": "build",
    "save": "save",
    "remove": "remove",
}


class _PodmanEvent(msgspec.Struct, rename="pascal"):
    status: str
    type: str
    id: str | None = msgspec.field(default=None, name="ID")
    name: str | None = None
    image: str | None = None
    time: str | None = None
    """RFC 3339; up to Podman 4."""
    seconds: int | None = msgspec.field(default=None, name="time")
    nanoseconds: int | None = msgspec.field(default=None, name="timeNano")
    error: str | None = None
    """With `pull-error`."""
    attributes: dict[str, str] | None = None
    """Labels of the container."""


class _Container(msgspec.Struct, rename="pascal"):
    id: str
    image: str
    """The config digest, 64 hex."""
    image_name: str | None = None
    image_digest: str | None = None
    created: str | None = None
    name: str | None = None
    state: State | None = None
    config: RunConfig | None = None
    host_config: HostConfig | None = None
    mounts: list[Mount] | None = None
    network_settings: NetworkSettings | None = None
    is_infra: bool | None = None


def _time_ns(event: _PodmanEvent) -> int:
    if event.nanoseconds:
        return checked_time_ns(event.nanoseconds)
    time_ns = parse_time_ns(event.time) if event.time else seconds_to_ns(event.seconds)
    if time_ns is None:
        raise RecordError("a Podman event has a time")
    return time_ns


def _image_events(event: _PodmanEvent, where: Where) -> Iterator[Event]:
    here = happened(_time_ns(event), where)
    config_digest = digest_of_id(event.id)
    if event.status in ("pull", "pull-error"):
        if not event.name:
            raise RecordError("a Podman pull names its image")
        if event.status == "pull-error":
            yield ImagePullFailed(**here, reference=event.name, reason=event.error or None)
            return
        yield ImagePull(
            **here, reference=event.name, config_digest=config_digest, repo_digest=pinned_digest(event.name)
        )
        return
    action = _NAME_ACTIONS.get(event.status)
    if action is not None:
        # The name of a load or a save is that of the archive.
        reference = None if action in ("load", "save") else event.name or None
        yield ImageName(**here, action=action, reference=reference, config_digest=config_digest)


def _container_events(event: _PodmanEvent, where: Where) -> Iterator[Event]:
    container_id, prefix, _ = split_container_id(event.id)
    common: OfContainer = {
        **happened(_time_ns(event), where),
        "container_id": container_id,
        "container_id_prefix": prefix,
        "runtime": "podman",
        "runtime_namespace": None,
        "pod": service_of_name(event.name, event.attributes or {}),
        "image": claim_of_name(event.image),
    }
    if event.status == "create":
        yield ContainerCreate(**common, name=event.name)
    elif event.status == "start":
        yield ContainerStart(**common, name=event.name)
    elif event.status in ("died", "remove"):
        yield ContainerStop(**common, removed=event.status == "remove")
    elif event.status == "exec":
        yield ContainerExec(**common)
    elif event.status == "commit":
        here = happened(common["time_ns"], where)
        yield ImageName(**here, action="commit", reference=None, parent_container_id=container_id)


def _container_facts(container: _Container, where: Where) -> ContainerFacts:
    container_id, prefix, _ = split_container_id(container.id)
    if container_id is None and prefix is None:
        raise RecordError(f"{container.id[:80]!r}: a Podman container's id is 64 hex")
    state, host = container.state or State(), container.host_config
    reference = container.image_name or (container.config.image if container.config else None)
    return ContainerFacts(
        **happened(None, where),
        container_id=container_id,
        container_id_prefix=prefix,
        runtime="podman",
        pod=service_of_name(container.name, (container.config and container.config.labels) or {}),
        image=ImageClaim(
            reference=reference or None,
            config_digest=digest_of_id(container.image),
            repo_digest=digest_or_none(container.image_digest),
            from_runtime=True,
        ),
        created_ns=time_ns_or_none(container.created),
        started_ns=time_ns_or_none(state.started_at),
        finished_ns=time_ns_or_none(state.finished_at),
        name=container.name or None,
        pid=state.pid if state.pid and state.pid > 0 else None,
        privileged=host.privileged if host else None,
        host_root_mount=mounts_host_root(host, container.mounts),
        host_pid=host.pid_mode == "host" if host and host.pid_mode is not None else None,
        dns_servers=tuple((host.dns if host else None) or ()),
        ips=ip_addresses(container.network_settings),
        is_sandbox=bool(container.is_infra),
    )


def _is_event(value: Mapping[str, Any]) -> bool:
    is_timed = has(value, Time=str) or has(value, time=int) or has(value, timeNano=int)
    return is_timed and has(value, Status=str, Type=str) and "Action" not in value


def _is_container(value: Mapping[str, Any]) -> bool:
    return has(value, Id=str, Image=str, ImageName=str, State=dict)


def _is_image(value: Mapping[str, Any]) -> bool:
    if not has(value, Id=str, Digest=str):
        return False
    return has(value, RootFS=dict, RepoTags=(list, type(None))) or has(value, Names=(list, type(None)), Created=int)


def decode(record: bytes, where: Where) -> Iterable[Event]:
    """One event, container or image of Podman; the last two untimed. Raises RecordError."""
    value = decode_object(record)
    if _is_event(value):
        event = convert(value, _PodmanEvent)
        if event.type == "image":
            return list(_image_events(event, where))
        return list(_container_events(event, where)) if event.type == "container" else []
    if _is_container(value):
        return [_container_facts(convert(value, _Container), where)]
    if _is_image(value):
        image = convert(value, Image)
        return list(image_events(image, where, config_digest=digest_of_id(image.id)))
    raise RecordError(f"{record[:80]!r}: neither an event nor a container nor an image of Podman")


def recognise(value: Mapping[str, Any]) -> bool:
    """Whether an object is an event, a container or an image as Podman writes them."""
    return "kind" not in value and (_is_event(value) or _is_container(value) or _is_image(value))


SOURCE = Source(
    title="Podman events and inspect output",
    log_sources=("podman:events", "podman:inspect"),
    cannot_see="whether a pull fetched anything, which content a pulled tag stood for (before version 5), what an exec "
    "ran, and who asked",
    decode=decode,
    prefixes=(b'{"ContainerExitCode":',),
    recognise=recognise,
)
