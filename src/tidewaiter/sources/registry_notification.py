"""Turns the notifications that a registry (CNCF distribution) posts to a webhook into pulls.

Shape: distribution `docs/content/about/notifications.md`: `{"events": [{id, timestamp, action, target, request,
actor, source}]}`; one event of it by itself is read too. A pull is told once for the index, once for the manifest and
once for each layer: only the first two count. HEAD is told like GET. `node` is None: the registry knows no nodes.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tidewaiter.digest import digest_or_none
from tidewaiter.event import Event, ImagePull, User, Where
from tidewaiter.sources import RecordError, Source
from tidewaiter.sources._fields import decode_json, parse_time_ns
from tidewaiter.sources._images import split_by_media_type
from tidewaiter.sources._place import has
from tidewaiter.sources._registry import client_address, image_name


class _Target(msgspec.Struct):
    digest: str | None = None
    media_type: str | None = msgspec.field(default=None, name="mediaType")
    repository: str | None = None
    tag: str | None = None
    """Only where the request asked by tag."""


class _Request(msgspec.Struct):
    addr: str | None = None
    """The client's address and port; a proxy's where there is one."""
    host: str | None = None
    user_agent: str | None = msgspec.field(default=None, name="useragent")


class _Actor(msgspec.Struct):
    name: str | None = None


class _Event(msgspec.Struct):
    id: str | None = None
    timestamp: str | None = None
    action: str | None = None
    target: _Target | None = None
    request: _Request | None = None
    actor: _Actor | None = None


class _Record(_Event):
    """An envelope, or one event of it."""

    events: list[_Event] | None = None


_RECORD = msgspec.json.Decoder(_Record)


def _pull(event: _Event, where: Where) -> ImagePull | None:
    target, request = event.target or _Target(), event.request or _Request()
    digest = digest_or_none(target.digest)
    index, manifest = split_by_media_type(digest, target.media_type)
    if event.action != "pull" or (index is None and manifest is None):
        return None
    if not target.repository or not event.timestamp:
        raise RecordError("a registry's notification names the repository and the time of a pull")
    return ImagePull(
        time_ns=parse_time_ns(event.timestamp),
        cluster=where.cluster,
        node=None,
        where=where,
        native_id=event.id,
        reference=image_name(request.host, target.repository, target.tag or target.digest or ""),
        index_digest=index,
        manifest_digest=manifest,
        client=User(
            name=(event.actor.name if event.actor else None) or None,
            source_ip=client_address(request.addr),
            user_agent=request.user_agent or None,
        ),
        seen_by="registry",
    )


def decode(record: bytes, where: Where) -> Iterable[Event]:
    """The pulls of one envelope, or of one event; pushes, mounts and layers give none. Raises RecordError."""
    found = decode_json(_RECORD, record)
    events = found.events if found.events is not None else [found]
    return [pull for event in events if (pull := _pull(event, where)) is not None]


def _is_event(value: Mapping[str, Any]) -> bool:
    is_told = has(value, request=dict) or has(value, source=dict)
    return is_told and has(value, id=str, timestamp=str, action=str, target=dict)


def recognise(value: Mapping[str, Any]) -> bool:
    """Whether an object is an envelope of a registry's events, or one event."""
    events = value.get("events")
    if isinstance(events, list) and "kind" not in value:
        return bool(events) and all(isinstance(event, dict) and _is_event(event) for event in events)
    return _is_event(value)


SOURCE = Source(
    title="Registry notifications (distribution)",
    log_sources=("registry:notification", "docker:registry"),
    cannot_see="which node pulled (an address may be a proxy's), failed pulls, and pulls from caches and elsewhere",
    decode=decode,
    recognise=recognise,
)
