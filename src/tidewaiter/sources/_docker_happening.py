"""Turns the shapes in which Docker's events are written (JSON of any API, lines of `docker events`) into one.

Shapes: https://docs.docker.com/reference/api/engine/version-history (API 1.52 dropped `status`, `id` and `from`) and
https://docs.docker.com/reference/cli/docker/system/events/ (the text form).

A collector may add, as it was when the event came: `resolved` (the image that the event speaks of, or that its
container was made from), `container` (the container), both as inspect tells them, `runtime` where it is Podman that
speaks as Docker does, and `was_here` where a pull of Podman's brought nothing.
"""

import re
from typing import Any, TypeVar

import msgspec

from tidewaiter.sources import RecordError
from tidewaiter.sources._docker_objects import DockerContainer, DockerImage, runtime_of
from tidewaiter.sources._fields import checked_time_ns, decode_json, parse_time_ns
from tidewaiter.sources._place import convert, seconds_to_ns

_PLAIN_LINE = re.compile(r"(\S+) (\S+) (\S+) (\S+)(?: \((.*)\))?\Z", re.DOTALL)
_EXEC_LINE = re.compile(r"(\S+) container (exec_\w+: .*)\Z", re.DOTALL)
_EXEC_ID_AND_ATTRIBUTES = re.compile(r" ([0-9a-f]{64}|[0-9a-f]{12}) \(")

_PODMAN_ACTIONS = {
    ("container", "exec"): "exec_create",
    ("container", "remove"): "destroy",
    ("image", "build"): "create",
    ("image", "loadfromarchive"): "load",
    ("image", "remove"): "delete",
}
"""What Podman calls otherwise than Docker does."""

Addition = TypeVar("Addition")


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
    resolved: Any = None
    container: Any = None
    runtime: Any = None
    was_here: Any = None


class Happening(msgspec.Struct):
    """One event in either shape."""

    type: str
    action: str
    """As Docker calls it."""
    subject: str
    """A container's id, or an image's reference or id."""
    attributes: dict[str, str]
    time_ns: int
    runtime: str = "docker"
    resolved: DockerImage | None = None
    container: DockerContainer | None = None
    was_here: bool = False


_RECORD = msgspec.json.Decoder(_Record)


def read_json(record: bytes) -> Happening:
    """An event as JSON, of any version of the API. RecordError."""
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
    runtime = runtime_of(found.runtime)
    if runtime == "podman":
        action = _PODMAN_ACTIONS.get((kind, action), action)
    happening = Happening(kind, action, actor.id or found.id or "", attributes, time_ns, runtime)
    happening.was_here = found.was_here is True
    if found.resolved is not None:
        happening.resolved = _addition(found.resolved, DockerImage)
    if found.container is not None:
        happening.container = _addition(found.container, DockerContainer)
    return happening


def _addition(value: Any, shape: type[Addition]) -> Addition | None:
    """An addition, or None where it has not the shape that is known: the event itself is true without it."""
    try:
        return convert(value, shape)
    except RecordError:
        return None


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


def read_text(record: bytes) -> Happening:
    """A line of `docker events`. RecordError."""
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
        return Happening("container", rest[: end.start()], end[1], attributes, parse_time_ns(time))
    match = _PLAIN_LINE.match(line)
    if match is None:
        raise RecordError(f"{line[:120]!r}: not a line of `docker events`")
    time, kind, action, subject, attributes_text = match.groups()
    return Happening(kind, action, subject, _attributes_of_text(attributes_text), parse_time_ns(time))
