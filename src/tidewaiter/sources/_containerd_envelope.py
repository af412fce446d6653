"""Turns the shapes in which containerd's events are written (`ctr events` lines, JSON envelopes) into one.

Shapes: containerd `api/events/*.proto`, `api/types/event.proto`, `cmd/ctr/commands/events`; nerdctl `pkg/cmd/system`.
"""

import re

import msgspec

from tidewaiter.sources import RecordError
from tidewaiter.sources._fields import decode_json, parse_time_ns

_TIME = r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [+-]\d{4}) \S+"
_LINE = re.compile(_TIME + r" (\S+) (/[\w./-]+) (\{.*\})\s*\Z", re.DOTALL)
_LINE_OF_2017 = re.compile(_TIME + r" {3}(/[\w./-]+) {3}(.*)\Z", re.DOTALL)


class Payload(msgspec.Struct):
    """The members read of any event; which of them there are, the topic tells. protojson writes them in camelCase."""

    name: str | None = None
    id: str | None = None
    container_id: str | None = None
    container_id_camel: str | None = msgspec.field(default=None, name="containerId")
    exec_id: str | None = None
    exec_id_camel: str | None = msgspec.field(default=None, name="execId")
    pid: int | None = None
    image: str | None = None
    labels: dict[str, str] | None = None
    key: str | None = None
    parent: str | None = None

    @property
    def task(self) -> str | None:
        """The container of a task event."""
        return self.container_id or self.container_id_camel


class Platform(msgspec.Struct):
    os: str | None = None
    architecture: str | None = None
    variant: str | None = None


class Manifest(msgspec.Struct):
    """One manifest of a resolved name; without `config` where its content is not on the node (`missing` says why)."""

    digest: str | None = None
    platform: Platform | None = None
    config: str | None = None
    diff_ids: list[str] | None = None
    missing: str | None = None
    entrypoint: list[str] | None = None
    """What the config declares. Empty: nothing; None: it was not told. The same for the next two."""
    cmd: list[str] | None = None
    healthcheck: list[str] | None = None


class Resolved(msgspec.Struct):
    """A collector's addition: what an image name stood for when the event came."""

    target: str | None = None
    media_type: str | None = None
    manifests: list[Manifest] | None = None
    sources: list[str] | None = None
    """Repositories that the target was pulled from, `registry/path`, the registry without its port: labels of
    containerd's content (`containerd.io/distribution.source.<registry>`). Empty: it was not pulled."""
    updated_at: str | None = None
    """RFC 3339; from then on the name stood for this, or from earlier."""


class Described(msgspec.Struct):
    """A collector's addition to what happens to containers: the container as containerd's API described it."""

    labels: dict[str, str] | None = None
    created_at: str | None = None
    """RFC 3339. The same for `exited_at`."""
    snapshot_parent: str | None = None
    """Chain ID of the image layers that its snapshot stands on."""
    privileged: bool | None = None
    host_root_mount: bool | None = None
    host_pid: bool | None = None
    pid: int | None = None
    """Host pid of its first process, where that runs."""
    exited_at: str | None = None


class _Envelope(msgspec.Struct):
    timestamp: str
    namespace: str
    topic: str
    event: msgspec.Raw
    resolved: Resolved | None = None
    container: Described | None = None


class _GoEnvelope(msgspec.Struct, rename="pascal"):
    """The same as Go prints it without tags; a collector that resolves writes the other."""

    timestamp: str
    namespace: str
    topic: str
    event: msgspec.Raw


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_GO_ENVELOPE = msgspec.json.Decoder(_GoEnvelope)
_PAYLOAD = msgspec.json.Decoder(Payload)
_JSON_TEXT = msgspec.json.Decoder(str)


class Happening(msgspec.Struct):
    """One event in any of the shapes."""

    time_ns: int
    namespace: str | None
    topic: str
    event: bytes
    """The event itself, as JSON; read only where the topic matters."""
    resolved: Resolved | None = None
    container: Described | None = None

    def payload(self) -> Payload:
        """The members of the event. RecordError where they have other types, or are protobuf bytes."""
        return decode_json(_PAYLOAD, self.event)


def read_json(record: bytes) -> Happening:
    """An envelope as JSON: lower-case or capitalised keys, the event as an object or as a JSON text. RecordError."""
    try:
        envelope: _Envelope | _GoEnvelope = decode_json(_ENVELOPE, record)
    except RecordError:
        envelope = decode_json(_GO_ENVELOPE, record)
    event = bytes(envelope.event)
    if event[:1] == b'"':
        event = decode_json(_JSON_TEXT, event).encode("utf-8", "replace")
    happening = Happening(parse_time_ns(envelope.timestamp), envelope.namespace, envelope.topic, event)
    if isinstance(envelope, _Envelope):
        happening.resolved = envelope.resolved
        happening.container = envelope.container
    return happening


def read_text(record: bytes) -> Happening:
    """A line of `ctr events`, of today or of 2017. RecordError."""
    try:
        line = record.decode().strip()
    except UnicodeDecodeError as error:
        raise RecordError(f"{record[:80]!r}: {error.reason}") from None
    match = _LINE.match(line)
    if match is not None:
        time, namespace, topic, event = match.groups()
        return Happening(parse_time_ns(time), namespace, topic, event.encode())
    match = _LINE_OF_2017.match(line)
    if match is None:
        raise RecordError(f"{line[:120]!r}: not a line of `ctr events`")
    time, topic, members = match.groups()
    values = dict(member.split("=", 1) for member in members.split(" ") if "=" in member)
    owner = values.get("id")
    payload = Payload(id=owner, container_id=owner, key=values.get("key"), parent=values.get("parent"))
    return Happening(parse_time_ns(time), None, topic, msgspec.json.encode(payload))
