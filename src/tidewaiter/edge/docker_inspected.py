"""Turns a daemon's event into the event with what the daemon tells, at that moment, of what it speaks of.

What a name stands for is asked only while the event is fresh. Content does not move: what was told of an image's id is
kept, and ids can be asked about at any time.

Podman tells a pull at each `podman run`, also where nothing was fetched and of an image that was loaded, and its loads
do not name what they loaded. So it is remembered which images it had: only one that was not among them was pulled.
"""

import json
import time
from collections import OrderedDict
from typing import Any
from urllib.parse import quote

import msgspec

from tidewaiter.edge.docker_api import DockerApi, Refused
from tidewaiter.edge.docker_cut import CONTAINER, IMAGE, LISTED_CONTAINER, Shape, kept
from tidewaiter.edge.host_resolvers import host_resolvers
from tidewaiter.edge.lines import LINE_LIMIT_BYTES
from tidewaiter.image.blob import ReadError
from tidewaiter.reference import reference_or_none

_ANSWER_BYTES = 16 * 1024 * 1024
_IMAGE_PATIENCE_S = 1.0
_FRESH_NS = 2_000_000_000
_CONTENTS_KEPT = 1_000
_KNOWN_KEPT = 20_000
_TAKES_AWAY = ("delete", "remove")
_GIVES_NAMES = ("load", "import", "loadfromarchive")

Json = dict[str, Any]


class _Actor(msgspec.Struct):
    id: str = msgspec.field(default="", name="ID")
    attributes: Json = msgspec.field(default_factory=dict, name="Attributes")


class _Event(msgspec.Struct):
    type: str = msgspec.field(default="", name="Type")
    action: str = msgspec.field(default="", name="Action")
    actor: _Actor = msgspec.field(default_factory=_Actor, name="Actor")
    time_nano: int = msgspec.field(default=0, name="timeNano")


class Completed(msgspec.Struct):
    """An event as it can be handed in."""

    record: bytes
    time_ns: int = 0
    """0: not told."""
    is_owed: bool = False
    """Whether the daemon may have more to say of it in a while."""
    has_more: bool = False
    """Whether something was added."""


_EVENT = msgspec.json.Decoder(_Event)


def is_of_gone_container(line: bytes, begun_ns: int, standing: frozenset[str]) -> bool:
    """Whether an event is older than our watch and of a container that was not there any more when it began.

    The images that it tells of matter still, and are told by events of their own; what it did, nobody watched.
    """
    try:
        event = _EVENT.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    is_past = event.type == "container" and event.time_nano < begun_ns
    return is_past and event.action != "commit" and event.actor.id not in standing


class Inspected:
    """One daemon, asked about its images and containers by one thread."""

    def __init__(self, socket: str, runtime: str, patience_s: float) -> None:
        """`patience_s`: how long an answer about a container may take. Docker locks one while it starts or stops."""
        self._runtime = runtime
        self._containers = DockerApi(socket, patience_s)
        self._images = DockerApi(socket, max(patience_s, _IMAGE_PATIENCE_S))
        self._contents: OrderedDict[str, Json] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()
        """Containers of which it was told which content they are."""
        self._present: set[str] = set()
        """Podman: the images that it has, as far as they were seen to come."""

    def close(self) -> None:
        """Hang up."""
        self._containers.close()
        self._images.close()

    def complete(self, line: bytes, *, is_patient: bool = False) -> Completed:
        """The event with `resolved`, `container` and `runtime`, as far as there is an answer soon enough.

        A start adds nothing to which content a container is: unless `is_patient`, it does not wait where that is known.
        A line that is no event stays as it is, for the source to reject.
        """
        try:
            event = _EVENT.decode(line)
        except (ValueError, RecursionError):
            return Completed(line)
        done = Completed(line, event.time_nano)
        added: Json = {} if self._runtime == "docker" else {"runtime": self._runtime}
        is_fresh = time.time_ns() - event.time_nano < _FRESH_NS
        resolved: Json | None = None
        if event.type == "image":
            if event.action in _TAKES_AWAY:
                # Podman's events name an image without the name of the hash.
                self._present.discard(f"sha256:{event.actor.id.removeprefix('sha256:')}")
            resolved = self._image_of(event, is_fresh)
            if self._runtime == "podman" and event.action == "pull":
                image_id = resolved["Id"] if resolved is not None else None
                added["was_here"] = image_id is None or image_id in self._present
                self._arrive(image_id)
        elif event.type == "container" and event.action in ("create", "start"):
            if event.action == "start" and event.actor.id in self._known and not is_patient:
                done.is_owed = is_fresh
            else:
                try:
                    resolved = self._add_container(event, is_fresh, added)
                except TimeoutError:
                    done.is_owed = True
                    resolved = None if is_patient else self._add_listed(event, added)
        elif event.type == "container" and event.action == "commit":
            resolved = self._content(event.actor.attributes.get("imageID"))
        if resolved is not None:
            added["resolved"] = resolved
        if added:
            whole = line[:-1] + b"," + msgspec.json.encode(added)[1:]
            done.record = whole if len(whole) <= LINE_LIMIT_BYTES else line
            done.has_more = len(added) > (self._runtime != "docker")
        return done

    def container(self, container_id: str) -> Json | None:
        """What may be kept of a container's description; None where there is none. TimeoutError: not yet."""
        found = self._asked(self._containers, f"/containers/{quote(container_id, safe='')}/json", CONTAINER)
        if found is None or found.get("Id") != container_id:
            return None
        host = found.get("HostConfig")
        resolvers = [] if isinstance(host, dict) and host.get("Dns") else host_resolvers()
        if resolvers:
            found["resolvers"] = resolvers
        self._known[container_id] = None
        if len(self._known) > _KNOWN_KEPT:
            self._known.popitem(last=False)
        return found

    def image(self, name: Any) -> Json | None:
        """What may be kept of the description of the image that a name or an id stands for now; None for none."""
        if not isinstance(name, str) or reference_or_none(name) is None:
            return None
        try:
            found = self._asked(self._images, f"/images/{quote(name, safe='/:@')}/json", IMAGE)
        except TimeoutError:
            return None
        if found is not None and isinstance(found.get("Id"), str):
            self._contents[found["Id"]] = {**found, "RepoTags": None}
            self._contents.move_to_end(found["Id"])
            if len(self._contents) > _CONTENTS_KEPT:
                self._contents.popitem(last=False)
        return found

    def listed(self, element: Json) -> Json | None:
        """The description of an element of a list of containers or images; None where it is gone."""
        if "RepoTags" in element:
            self._arrive(element["Id"])
            return self.image(element["Id"])
        try:
            return self.container(element["Id"])
        except TimeoutError:
            # It is locked: what the list tells of it is less, and true.
            return self._marked(kept(element, LISTED_CONTAINER))

    def _add_container(self, event: _Event, is_fresh: bool, added: Json) -> Json | None:
        container = self.container(event.actor.id)
        if container is None:
            return None
        if not is_fresh:
            # The process and the addresses are those of now.
            container.pop("State", None)
            container.pop("NetworkSettings", None)
        added["container"] = container
        return self._content(container.get("Image"))

    def _add_listed(self, event: _Event, added: Json) -> Json | None:
        """What a list tells of a container that is locked: Docker's lists wait for nobody."""
        wanted = quote(json.dumps({"id": [event.actor.id]}))
        try:
            told = self._images.get(f"/containers/json?all=1&filters={wanted}", _ANSWER_BYTES)
        except (ReadError, TimeoutError):
            return None
        elements = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
        found = next((one for one in elements if one.get("Id") == event.actor.id), None)
        content = self._content(found.get("ImageID")) if found is not None else None
        if found is None or content is None or content.get("Descriptor") is not None:
            # With containerd's store a list does not tell what kind of digest it shows.
            return None
        added["container"] = self._marked(kept(found, LISTED_CONTAINER))
        return content

    def _image_of(self, event: _Event, is_fresh: bool) -> Json | None:
        if event.action == "pull":
            # That a name stood for this a while ago, nobody can tell.
            name = event.actor.id if self._runtime == "docker" else event.actor.attributes.get("name")
            return self.image(name) if is_fresh else None
        if self._runtime == "podman" and not event.actor.id:
            return self._newcomer() if is_fresh else None
        if event.action in _GIVES_NAMES or (event.action == "tag" and self._runtime == "podman"):
            return self.image(event.actor.id) if is_fresh else self._content(event.actor.id)
        return self._content(event.actor.id) if event.action in ("tag", "create", "build") else None

    def _newcomer(self) -> Json | None:
        """The one image that Podman has now and had not before; None where there are more."""
        try:
            told = self._images.get("/images/json", _ANSWER_BYTES)
        except ReadError:
            return None
        ids = {one.get("Id") for one in told if isinstance(one, dict)} if isinstance(told, list) else set()
        new = [image_id for image_id in ids if isinstance(image_id, str) and image_id not in self._present]
        for image_id in new:
            self._arrive(image_id)
        return self.image(new[0]) if len(new) == 1 else None

    def _arrive(self, image_id: str | None) -> None:
        if image_id is not None and len(self._present) < _KNOWN_KEPT:
            self._present.add(image_id)

    def _content(self, image_id: Any) -> Json | None:
        """What is true of an image under any name."""
        known = self._contents.get(image_id) if isinstance(image_id, str) else None
        if known is not None:
            return known
        found = self.image(image_id)
        return {**found, "RepoTags": None} if found is not None else None

    def _asked(self, api: DockerApi, path: str, shape: Shape) -> Json | None:
        try:
            told = api.get(path, _ANSWER_BYTES)
        except Refused:
            return None
        except ReadError as error:
            if isinstance(error.__cause__, TimeoutError):
                raise TimeoutError from error
            return None
        return self._marked(kept(told, shape)) if isinstance(told, dict) else None

    def _marked(self, found: Json | None) -> Json | None:
        if found is not None and self._runtime != "docker":
            found["runtime"] = self._runtime
        return found
