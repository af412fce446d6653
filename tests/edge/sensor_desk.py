"""Stands in for the run loop's desk, and for a container: a cgroup that is named like one."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from os import geteuid, getpid
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tidewaiter.edge.collector import Collector, Condition, Observation
from tidewaiter.sources._sensor_record import ExecRecord, FlowRecord, SensorRecord

PATIENCE_SECONDS = 30
_CGROUPS = (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup"))
_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(SensorRecord)


class SensorDesk:
    """Keeps what a collector hands in, and lets a test wait for it."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.records: list[SensorRecord] = []
        self.conditions: list[Condition] = []
        self.lost = 0
        self._news = threading.Condition()

    def observe(self, observation: Observation) -> None:
        """See `Desk`."""
        assert observation.source == "sensor"
        with self._news:
            self.records.append(_DECODER.decode(observation.record))
            self._news.notify_all()

    def tell(self, condition: Condition) -> None:
        """See `Desk`."""
        with self._news:
            self.conditions.append(condition)
            self._news.notify_all()

    def lose(self, source: str, count: int) -> None:
        """See `Desk`."""
        assert source == "sensor"
        with self._news:
            self.lost += count
            self._news.notify_all()

    def wait(self, is_there: Callable[[], bool]) -> None:
        """Wait until something that is handed in makes a question true; the test fails where nothing does."""
        with self._news:
            assert self._news.wait_for(is_there, PATIENCE_SECONDS), (self.conditions, len(self.records))

    def state(self, name: str = "sensor") -> Condition | None:
        """The condition that a collector told last."""
        return next((told for told in reversed(self.conditions) if told.collector == name), None)

    def execs(self, container_id: str) -> list[ExecRecord]:
        """The executions in one container."""
        told = [record for record in self.records if isinstance(record, ExecRecord)]
        return [record for record in told if record.container is not None and record.container.id == container_id]

    def flows(self) -> list[FlowRecord]:
        """All flows."""
        return [record for record in self.records if isinstance(record, FlowRecord)]


@contextmanager
def running(collector: Collector, desk: SensorDesk) -> Iterator[None]:
    """A collector in a thread of its own, from its first condition until the context ends."""
    thread = threading.Thread(target=collector.run, args=(desk,))
    thread.start()
    try:
        desk.wait(lambda: desk.state(collector.name) is not None)
        yield
    finally:
        desk.stopped.set()
        thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def needs_root() -> None:
    """Skip the test for other users."""
    if geteuid() != 0:
        pytest.skip("only root may listen to the kernel; what this would prove was not proven")


@contextmanager
def container_cgroup(container_id: str, parent: str = "docker") -> Iterator[Path]:
    """A cgroup that is named like a container's; gives the file by which a process joins it."""
    needs_root()
    top = next((folder for folder in _CGROUPS if (folder / "cgroup.procs").exists()), None)
    if top is None:
        pytest.skip("there is no cgroup hierarchy here; what this would prove was not proven")
    folder = top / parent / container_id
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        pytest.skip(f"no cgroup can be made here ({error.strerror}); what this would prove was not proven")
    try:
        yield folder / "cgroup.procs"
    finally:
        folder.rmdir()
        with suppress(OSError):  # somebody else's too
            folder.parent.rmdir()


def made_id(number: int) -> str:
    """An id that no other container has."""
    return f"{getpid():012x}{number:052x}"
