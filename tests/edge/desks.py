"""Stands in for the run loop's desk: keeps what collectors hand in, and lets a test wait for it."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec

from tidewaiter.edge.collector import Collector, Condition, Desk, Observation
from tidewaiter.sources._sensor_record import ExecRecord, FlowRecord, SensorRecord

PATIENCE_SECONDS = 60
_SENSOR: msgspec.json.Decoder[Any] = msgspec.json.Decoder(SensorRecord)

Found = TypeVar("Found")


class Noting:
    """A desk that notes everything."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.observed: list[Observation] = []
        self.conditions: list[Condition] = []
        self.lost: Counter[str] = Counter()
        self._news = threading.Condition()

    def observe(self, observation: Observation) -> None:
        """Note one record."""
        with self._news:
            self.observed.append(observation)
            self._news.notify_all()

    def tell(self, condition: Condition) -> None:
        """Note how a collector is."""
        with self._news:
            self.conditions.append(condition)
            self._news.notify_all()

    def lose(self, source: str, count: int) -> None:
        """Note what was lost."""
        with self._news:
            self.lost[source] += count
            self._news.notify_all()

    def wait(self, found: Callable[[], Found]) -> Found:
        """Wait until what is noted makes something true, and give it back; the test fails where that never comes."""
        with self._news:
            assert self._news.wait_for(found, PATIENCE_SECONDS), (self.conditions, self.observed[-5:])
            return found()


class SensorDesk(Noting):
    """One for the records of sensors."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[SensorRecord] = []

    def observe(self, observation: Observation) -> None:
        """Note one record, decoded."""
        assert observation.source == "sensor"
        record = _SENSOR.decode(observation.record)
        with self._news:
            self.records.append(record)
            self._news.notify_all()

    def state(self, name: str = "sensor") -> Condition | None:
        """The condition that a collector told last."""
        return next((told for told in reversed(self.conditions) if told.collector == name), None)

    def execs(self, container_id: str) -> list[ExecRecord]:
        """The executions in one container."""
        told = [record for record in self.records if isinstance(record, ExecRecord)]
        return [record for record in told if record.container is not None and record.container.id == container_id]

    def flows(self, container_id: str | None = None) -> list[FlowRecord]:
        """The flows of one container; all of them where none is named."""
        told = [record for record in self.records if isinstance(record, FlowRecord)]
        if container_id is None:
            return told
        return [record for record in told if record.container is not None and record.container.id == container_id]


@contextmanager
def collecting(collector: Collector, desk: Desk) -> Iterator[None]:
    """A collector at work in a thread of its own, which has ended when the context has."""
    thread = threading.Thread(target=collector.run, args=(desk,))
    thread.start()
    try:
        yield
    finally:
        desk.stopped.set()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()
