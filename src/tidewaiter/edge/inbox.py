"""Turns what collectors hand in from their threads into one queue for the run loop, bounded in number and in bytes."""

import queue
from threading import Event as Signal
from threading import Lock

from tidewaiter.edge.collector import Condition, Observation
from tidewaiter.edge.recording import RECORD_LIMIT_BYTES

CAP = 200_000
CAP_BYTES = 256 * 1024 * 1024
_CONDITIONS_CAP = 10_000


class Inbox:
    """The desk of `watch`. What does not fit is dropped and counted by its source: collectors never wait."""

    def __init__(self, stopped: Signal, cap: int = CAP, cap_bytes: int = CAP_BYTES) -> None:
        self._stopped = stopped
        self._cap, self._cap_bytes = cap, cap_bytes
        self._items: queue.SimpleQueue[Observation | Condition | None] = queue.SimpleQueue()
        self._lock = Lock()
        self._held = self._held_bytes = 0
        self._lost: dict[str, int] = {}

    @property
    def stopped(self) -> Signal:
        """Set when the run ends."""
        return self._stopped

    @property
    def held(self) -> int:
        """How many observations wait."""
        return self._held

    def observe(self, observation: Observation) -> None:
        """Hand in one record."""
        size = len(observation.record)
        with self._lock:
            if self._held >= self._cap or self._held_bytes + size > self._cap_bytes or size > RECORD_LIMIT_BYTES:
                self._lost[observation.source] = self._lost.get(observation.source, 0) + 1
                return
            self._held += 1
            self._held_bytes += size
        self._items.put(observation)

    def tell(self, condition: Condition) -> None:
        """Say how the collector is. That it ends because the run ends says nothing."""
        if not self._stopped.is_set() and self._items.qsize() < self._cap + _CONDITIONS_CAP:
            self._items.put(condition)

    def lose(self, source: str, count: int) -> None:
        """Say that so many records of a source were lost before they could be handed in."""
        if count > 0:
            with self._lock:
                self._lost[source] = self._lost.get(source, 0) + count

    def wake(self) -> None:
        """End the waiting of `take`; may be called by the handler of a signal."""
        self._items.put(None)

    def take(self, most: int, timeout_s: float) -> list[Observation | Condition]:
        """Up to `most` of what was handed in, in that order; waits for the first of them."""
        taken: list[Observation | Condition] = []
        count = size = 0
        try:
            item = self._items.get(timeout=timeout_s) if timeout_s > 0 else self._items.get_nowait()
            while item is not None:
                taken.append(item)
                if isinstance(item, Observation):
                    count += 1
                    size += len(item.record)
                if len(taken) >= most:
                    break
                item = self._items.get_nowait()
        except queue.Empty:
            pass
        if count:
            with self._lock:
                self._held -= count
                self._held_bytes -= size
        return taken

    def take_lost(self) -> dict[str, int]:
        """What was lost since this was asked last, by source."""
        with self._lock:
            lost, self._lost = self._lost, {}
        return lost
