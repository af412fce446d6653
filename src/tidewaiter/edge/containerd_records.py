"""Turns events of containerd, and what is there, into records of `containerd_events`, looked up at that very moment.

A record is the envelope as JSON, with `resolved` (what the image's name stands for) and `container` (the container as
the API describes it, without what may hold secrets) where they could be had. What has been deleted meanwhile, or has
moved on since, is left out: a record tells what was true at its time or nothing.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from google.protobuf.message import DecodeError

from tidewaiter.edge.containerd_api import Connection, Containerd, is_running
from tidewaiter.edge.containerd_messages import EVENTS, members_of, message_class, text_of_time
from tidewaiter.edge.containerd_standing import Standing, Standings
from tidewaiter.image.blob import ReadError
from tidewaiter.sources._oci_spec import RuntimeSpec

_SPEC = msgspec.json.Decoder(RuntimeSpec)
_SPEC_BYTES = 4 * 1024 * 1024
_PARENTS_KEPT = 4096


class Records:
    """Makes the records of one containerd, over one connection."""

    def __init__(self, connection: Connection, standings: Standings) -> None:
        self._connection = connection
        self._standings = standings
        self._parents: dict[tuple[str, str], str] = {}
        """(namespace, snapshot's key) -> its parent, as told when it was prepared; for containers gone at once."""

    def of_event(self, envelope: Any) -> bytes:
        """The record of one Envelope."""
        event = _event_of(envelope)
        timestamp = text_of_time(envelope.timestamp) or ""
        topic, store = envelope.topic, Containerd(self._connection, envelope.namespace)
        more: dict[str, Any] = {}
        if topic in ("/images/create", "/images/update"):
            more["resolved"] = _at(timestamp, self._standing(store, event.get("name"), None))
        elif topic == "/snapshot/prepare" and "parent" in event:
            self._prepared(envelope.namespace, event.get("key", ""), event["parent"])
        elif topic == "/containers/create":
            found = self._container(store, event.get("id", ""))
            parent = self._parent(store, found, event.get("id", ""))
            described = {**(_described(found) if found is not None else {}), "snapshot_parent": parent}
            until = described.get("created_at") or timestamp
            more["resolved"] = _at(until, self._standing(store, event.get("image"), parent))
            more["container"] = described
        return _record(timestamp, envelope.namespace, topic, event, more)

    def of_what_is_there(self) -> Iterator[bytes]:
        """A record for each image's name and each container in any namespace. Raises `ReadError`."""
        for namespace in self._connection.namespaces():
            store = Containerd(self._connection, namespace)
            now = f"{datetime.now(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
            for name, target in store.images():
                standing = self._standings.of_target(store, target)
                yield _record(now, namespace, "/images/listed", {"name": name}, {"resolved": standing})
            tasks = self._tasks(store)
            for container in store.containers():
                parent = self._parent(store, container, container.id)
                described = {**_described(container), "snapshot_parent": parent}
                task = tasks.get(container.id)
                if task is not None and is_running(task):
                    described["pid"] = task.pid
                elif task is not None and task.HasField("exited_at"):
                    described["exited_at"] = text_of_time(task.exited_at)
                standing_then = _at(described.get("created_at"), self._standing(store, container.image, parent))
                event = {"id": container.id, "image": container.image}
                more = {"resolved": standing_then, "container": described}
                yield _record(now, namespace, "/containers/listed", event, more)

    def _standing(self, store: Containerd, name: str | None, stack: str | None) -> Standing | None:
        with suppress(ReadError):
            return self._standings.of(store, name, stack) if name else None
        return None

    def _container(self, store: Containerd, container_id: str) -> Any:
        with suppress(ReadError):
            return store.container(container_id) if container_id else None
        return None

    def _tasks(self, store: Containerd) -> dict[str, Any]:
        # One shim that hangs keeps containerd from listing any.
        with suppress(ReadError):
            return store.tasks()
        return {}

    def _parent(self, store: Containerd, container: Any, container_id: str) -> str | None:
        told: str | None = None
        if container is not None:
            with suppress(ReadError):
                told = store.snapshot_chain(container.snapshotter, container.snapshot_key)
        return told or self._parents.get((store.namespace, container_id))

    def _prepared(self, namespace: str, key: str, parent: str) -> None:
        if len(self._parents) >= _PARENTS_KEPT:
            del self._parents[next(iter(self._parents))]
        self._parents[namespace, key] = parent


def _event_of(envelope: Any) -> dict[str, Any]:
    """What the event itself says; empty for topics that are not known here."""
    kind = EVENTS.get(envelope.topic)
    if kind is None:
        return {}
    try:
        return members_of(message_class(kind).FromString(envelope.event.value), kind)
    except DecodeError:
        return {}


def _at(moment: str | None, standing: Standing | None) -> Standing | None:
    """What a name stood for at a moment: nothing, where it was given anew since."""
    if standing is None or moment is None or standing.updated_at is None:
        return standing
    # Both are UTC with nine digits, so that their order is that of their text.
    return standing if standing.updated_at <= moment else None


def _described(container: Any) -> dict[str, Any]:
    """What is told of a Container: of its spec only what it shares with the host."""
    described: dict[str, Any] = {
        "labels": {label.key: label.value for label in container.labels},
        "created_at": text_of_time(container.created_at) if container.HasField("created_at") else None,
        "snapshotter": container.snapshotter,
        "snapshot_key": container.snapshot_key,
    }
    try:
        spec = _SPEC.decode(container.spec.value) if len(container.spec.value) <= _SPEC_BYTES else RuntimeSpec()
    except (ValueError, RecursionError):
        # Another kind of container: its spec is no runtime-spec.
        return described
    return {
        **described,
        "privileged": spec.is_privileged,
        "host_root_mount": spec.mounts_host_root,
        "host_pid": spec.has_host_pid,
        "cgroups_path": spec.linux.cgroups_path if spec.linux else None,
    }


def _record(timestamp: str, namespace: str, topic: str, event: dict[str, Any], more: dict[str, Any]) -> bytes:
    told = {name: value for name, value in more.items() if value is not None}
    return msgspec.json.encode({"timestamp": timestamp, "namespace": namespace, "topic": topic, "event": event, **told})
