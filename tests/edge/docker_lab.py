"""Makes what the tests of the live Docker collector share: images that run, a desk that waits, a shop of images."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from daemons import run
from desks import PATIENCE_SECONDS, Noting, collecting
from images import Image, docker_v12, encode, sha256, tar
from runnable import base_layer

from tidewaiter.edge import docker_inspected, docker_watch
from tidewaiter.edge.collector import Condition
from tidewaiter.edge.docker_watch import DockerCollector
from tidewaiter.edge.runtime_sockets import Engine
from tidewaiter.event import Event, Where
from tidewaiter.sources import sources


def runnable(text: str, name: str, **config: Any) -> Image:
    """An image that can run; its content differs by `text`."""
    layers = (base_layer(), tar({"app": text.encode()}))
    run_as = {"Cmd": ["sleep", "100"], "Env": ["PATH=/bin", "TOKEN=s3cret-of-the-image"], **config}
    told = {
        **{"architecture": "amd64", "os": "linux", "config": run_as, "created": "2026-03-02T08:00:00Z"},
        "rootfs": {"type": "layers", "diff_ids": [sha256(layer) for layer in layers]},
    }
    return Image(layers, encode(told), (name,))


def archive(image: Image, folder: Path) -> Path:
    """The image as `docker save` writes it, in a file."""
    path = folder / f"{sha256(image.config)[7:]}.tar"
    path.write_bytes(tar(docker_v12(image)))
    return path


def publish(image: Image, folder: Path) -> None:
    """Push an image to the registry in its name, without Docker."""
    command = ["skopeo", "copy", "--quiet", "--insecure-policy", "--dest-tls-verify=false"]
    run(*command, f"docker-archive:{archive(image, folder)}", f"docker://{image.names[0]}")


class Desk(Noting):
    """A desk for what a Docker or a Podman tells."""

    def wait_state(self, state: str, count: int = 1) -> Condition:
        """Wait until a state was told so many times; the last of them."""
        self.wait(lambda: len(self.told(state)) >= count)
        return self.told(state)[-1]

    def told(self, state: str) -> list[Condition]:
        """The conditions of one state."""
        return [condition for condition in self.conditions if condition.state == state]

    def records(self, source: str = "docker_events") -> list[bytes]:
        """The records of one source."""
        return [found.record for found in self.observed if found.source == source]

    def wait_record(self, *words: str, source: str = "docker_events") -> bytes:
        """Wait for a record that holds all these words; the first of them."""

        def found() -> list[bytes]:
            return [r for r in self.records(source) if all(word.encode() in r for word in words)]

        self.wait(lambda: bool(found()))
        return found()[0]

    def decoded(self) -> Iterator[tuple[str, list[Event]]]:
        """Each record's source and its events, as the run loop would decode them."""
        for number, told in enumerate(self.observed, 1):
            where = Where(told.source, told.stream, number)
            yield told.source, list(sources()[told.source].decode(told.record, where))

    def events(self) -> list[Event]:
        """All events."""
        return [event for _, events in self.decoded() for event in events]


@contextmanager
def watching(
    socket: str, name: Engine = "docker", patience_s: float = PATIENCE_SECONDS, watched_ns: int | None = None
) -> Iterator[Desk]:
    """A collector at work, which ends by itself once the run ends.

    Unless told otherwise it waits for each answer, so that what comes does not depend on how busy the machine is.
    """
    desk = Desk()
    collector = DockerCollector(socket, name, watched_ns)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(docker_watch, "_PATIENCE_S", patience_s)
        patched.setattr(docker_inspected, "_FRESH_NS", 30 * 10**9)
        with collecting(collector, desk):
            yield desk


def member(record: bytes, *path: str) -> Any:
    """A member of a JSON record; None where it is not there."""
    value = msgspec.json.decode(record)
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def of(desk: Desk, kind: type[Any]) -> list[Any]:
    """The events of one kind."""
    return [found for found in desk.events() if isinstance(found, kind)]
