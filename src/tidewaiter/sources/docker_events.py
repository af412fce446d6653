"""Turns events of the Docker Engine (its `/events` stream, `docker events` as JSON or as text) into events.

Shapes: https://docs.docker.com/reference/api/engine/version-history (API 1.52 dropped `status`, `id` and `from`) and
https://docs.docker.com/reference/cli/docker/system/events/ (the text form).

Rules
- `Action`, `Actor.ID` and `Actor.Attributes` are read first; the old fields only where those are absent.
- Labels of the container stand among the attributes. The daemon writes `image` and `name` over them, so these two can
  be believed; a label named `execID` or `imageID` hides the daemon's own, so both are taken only in their strict form.
- `Actor.ID` of tag, load, save, import, untag and delete is the config digest with the classic image store. With the
  containerd image store it is the digest of the index or manifest, and the event does not tell which store it was.
- The same exec comes twice, as `exec_create` and `exec_start`, with one `exec_id`.
- Attaching is no session: `docker run` in the foreground attaches to its own container.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from tidewaiter.digest import digest_or_none, is_hex
from tidewaiter.event import (
    ContainerCreate,
    ContainerExec,
    ContainerStart,
    ContainerStop,
    Event,
    ImageName,
    ImagePull,
    Where,
)
from tidewaiter.sources import RecordError, Skim, Source
from tidewaiter.sources._dockershim import pod_of_name
from tidewaiter.sources._fields import (
    FULL_ID_LENGTH,
    checked_time_ns,
    decode_json,
    parse_time_ns,
    split_container_id,
)
from tidewaiter.sources._images import claim_of_name, pinned_digest
from tidewaiter.sources._place import OfContainer, happened, has, seconds_to_ns

_TYPES = tuple(
    ["container", "image", "network", "volume", "plugin", "daemon", "builder", "service", "node", "secret", "config"]
)
_TEXT = re.compile(rb"\d{4}-\d\d-\d\dT\S+ (?:" + "|".join(_TYPES).encode() + rb") [a-z]\S*(?: |\Z)")
_PLAIN_LINE = re.compile(r"(\S+) (\S+) (\S+) (\S+)(?: \((.*)\))?\Z", re.DOTALL)
_EXEC_LINE = re.compile(r"(\S+) container (exec_\w+: .*)\Z", re.DOTALL)
_EXEC_ID_AND_ATTRIBUTES = re.compile(r" ([0-9a-f]{64}|[0-9a-f]{12}) \(")

NameAction = Literal["tag", "untag", "load", "import", "commit", "build", "save", "remove", "seen"]
_NAME_ACTIONS: dict[str, NameAction] = {
    "tag": "tag",
    "untag": "untag",
    "load": "load",
    "import": "import",
    "save": "save",
    "delete": "remove",
    "create": "build",  # Engine 28 and later: an image was built (moby PR 47929)
}


class _Actor(msgspec.Struct):
    id: str | None = msgspec.field(default=None, name="ID")
    attributes: dict[str, str] | None = msgspec.field(default=None, name="Attributes")


class _Record(msgspec.Struct):
    """The members read. `status`, `id` and `from` exist below API 1.52 only; the capitalised ones since API 1.22."""

    type: str | None = msgspec.field(default=None, name="Type")
    action: str | None = msgspec.field(default=None, name="Action")
    actor: _Actor | None = msgspec.field(default=None, name="Actor")
    time: int | None = None
    time_nano: int | None = msgspec.field(default=None, name="timeNano")
    status: str | None = None
    id: str | None = None
    from_: str | None = msgspec.field(default=None, name="from")


class _Happening(msgspec.Struct):
    """One event in either shape. `subject` is a container's id, or an image's reference or id."""

    type: str
    action: str
    subject: str
    attributes: dict[str, str]
    time_ns: int


_RECORD = msgspec.json.Decoder(_Record)


def _from_json(record: bytes) -> _Happening:
    found = decode_json(_RECORD, record)
    time_ns = checked_time_ns(found.time_nano) if found.time_nano else seconds_to_ns(found.time)
    action = found.action or found.status
    if time_ns is None or not action:
        raise RecordError(f"{record[:80]!r}: a Docker event has a time and an action")
    actor = found.actor or _Actor()
    attributes = actor.attributes or {}
    if "image" not in attributes and found.from_:
        attributes["image"] = found.from_
    kind = found.type or ("container" if found.from_ else "image")
    return _Happening(kind, action, actor.id or found.id or "", attributes, time_ns)


def _attributes_of_text(text: str | None) -> dict[str, str]:
    """The `k=v, k=v` list of the text form. A key that occurs twice (a label may hold `, image=`) is left out."""
    attributes: dict[str, str] = {}
    repeated: set[str] = set()
    for member in (text or "").split(", "):
        key, equals, value = member.partition("=")
        if equals and key in attributes:
            repeated.add(key)
        elif equals:
            attributes[key] = value
    return {key: value for key, value in attributes.items() if key not in repeated}


def _from_text(record: bytes) -> _Happening:
    try:
        line = record.decode().strip()
    except UnicodeDecodeError as error:
        raise RecordError(f"{record[:80]!r}: {error.reason}") from None
    exec_line = _EXEC_LINE.match(line)
    if exec_line is not None:
        time, rest = exec_line.groups()
        ends = list(_EXEC_ID_AND_ATTRIBUTES.finditer(rest))
        if len(ends) != 1:
            raise RecordError(f"{line[:120]!r}: where the command ends and the container's id begins cannot be told")
        end = ends[0]
        attributes = _attributes_of_text(rest[end.end() :].removesuffix(")"))
        return _Happening("container", rest[: end.start()], end[1], attributes, parse_time_ns(time))
    match = _PLAIN_LINE.match(line)
    if match is None:
        raise RecordError(f"{line[:120]!r}: not a line of `docker events`")
    time, kind, action, subject, attributes_text = match.groups()
    return _Happening(kind, action, subject, _attributes_of_text(attributes_text), parse_time_ns(time))


def _image_events(happening: _Happening, where: Where) -> Iterator[Event]:
    name = happening.attributes.get("name")
    if happening.action == "pull":
        reference = happening.subject or name
        if not reference:
            raise RecordError("a Docker pull event names its image in Actor.ID")
        yield ImagePull(**happened(happening.time_ns, where), reference=reference, repo_digest=pinned_digest(reference))
        return
    action = _NAME_ACTIONS.get(happening.action)
    if action is not None:
        # `load` and `save` repeat the digest as the name; an id is no name.
        reference = name if name and digest_or_none(name) is None else None
        yield ImageName(
            **happened(happening.time_ns, where),
            action=action,
            reference=reference,
            config_digest=digest_or_none(happening.subject),
        )


def _container_events(happening: _Happening, where: Where) -> Iterator[Event]:
    attributes = happening.attributes
    action, _, command = happening.action.partition(": ")
    # An id that the CLI's documentation elides (`0fdb...ff37`) is no id: the event stays without a container.
    container_id, prefix, _ = split_container_id(happening.subject)
    name = attributes.get("name")
    pod, is_sandbox = pod_of_name(name, attributes)
    common: OfContainer = {
        **happened(happening.time_ns, where),
        "container_id": container_id,
        "container_id_prefix": prefix,
        "runtime": "docker",
        "runtime_namespace": None,
        "pod": pod,
        "image": claim_of_name(attributes.get("image")),
    }
    if action == "create":
        yield ContainerCreate(**common, name=name, is_sandbox=is_sandbox)
    elif action == "start":
        yield ContainerStart(**common, name=name)
    elif action in ("die", "stop", "destroy"):
        # `kill` only says that a signal was sent; `die` follows if it killed.
        yield ContainerStop(**common, removed=action == "destroy")
    elif action in ("exec_create", "exec_start"):
        exec_id = attributes.get("execID", "")
        yield ContainerExec(
            **common,
            command=tuple(command.split()),  # the daemon joined argv with blanks; they cannot be told apart
            exec_id=exec_id if len(exec_id) == FULL_ID_LENGTH and is_hex(exec_id) else None,
        )
    elif action == "commit":
        yield ImageName(
            **happened(happening.time_ns, where),
            action="commit",
            reference=attributes.get("imageRef") or None,
            config_digest=digest_or_none(attributes.get("imageID")),
            parent_container_id=container_id,
        )


def decode(record: bytes, where: Where) -> Iterable[Event]:
    """One event of the Engine, as JSON or as a line of `docker events`. Raises RecordError.

    Networks, volumes and the daemon itself give no events here; nor do attach, kill, pause, top, health and the like.
    """
    happening = _from_json(record) if record.lstrip()[:1] == b"{" else _from_text(record)
    if happening.type == "image":
        return list(_image_events(happening, where))
    if happening.type == "container":
        return list(_container_events(happening, where))
    return []


def recognise(value: Mapping[str, Any]) -> bool:
    """Whether an object is an Engine event: Type, Action and Actor, or the four fields of before API 1.22."""
    if has(value, Type=str, Action=str, Actor=dict):
        return has(value, time=int) or has(value, timeNano=int)
    return has(value, status=str, id=str, time=int) and value.keys() <= {"status", "id", "from", "time", "timeNano"}


def recognise_text(line: bytes) -> bool:
    """Whether a line is one of `docker events`: a time, a type, an action."""
    return _TEXT.match(line) is not None


def _is_engine_event(record: bytes) -> bool:
    return b'"Type":"' in record and b'"Action":"' in record and b'"Actor":{' in record


SOURCE = Source(
    title="Docker Engine events",
    log_sources=("docker:events",),
    cannot_see="which content a pulled tag stood for, who asked, failed pulls, and what a process did after it started",
    decode=decode,
    prefixes=(b'{"status":"exec_', *(f'{{"Type":"{kind}","Action":"'.encode() for kind in _TYPES)),
    openings=((b'{"status":"', _is_engine_event),),
    recognise=recognise,
    recognise_text=recognise_text,
    # Health checks are most of what a daemon tells: of a settled container they say nothing new.
    skim=Skim(
        prefixes=(b'{"status":"exec_', b'{"Type":"container","Action":"exec_'),
        keys=(b'"id":', b'"ID":'),
        guards=(b'"id"', b'"ID"'),
    ),
)
