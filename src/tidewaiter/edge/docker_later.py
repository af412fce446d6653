"""Turns events about which the daemon did not answer at once into the same events with its answer, as it comes.

Docker locks a container while it starts, stops and is cleaned up, and answers nothing about it meanwhile. The event has
been handed in by then; handed in again with the answer it tells the same and more, and nothing waits for it.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tidewaiter.edge.docker_inspected import Inspected

_PATIENCE_S = 0.5
_TRIES = 40
_KEPT = 1_000


class Later:
    """Events that are owed an answer; beyond a bound the oldest go without."""

    def __init__(self) -> None:
        self._owed: deque[tuple[bytes, int]] = deque(maxlen=_KEPT)
        self._changed = threading.Condition()
        self._is_over = False

    def owe(self, line: bytes) -> None:
        """Ask about an event as soon as there is an answer."""
        self._push(line, 0)

    def end(self) -> None:
        """Ask no more."""
        with self._changed:
            self._is_over = True
            self._changed.notify()

    def work(self, inspected: Inspected, hand_in: Callable[[bytes], None]) -> None:
        """Ask until the end; for a thread of its own."""
        while (owed := self._pop()) is not None:
            line, tries = owed
            done = inspected.complete(line, is_patient=True)
            if done.has_more:
                hand_in(done.record)
            elif done.is_owed and tries < _TRIES:
                self._push(line, tries + 1)

    def _push(self, line: bytes, tries: int) -> None:
        with self._changed:
            self._owed.append((line, tries))
            self._changed.notify()

    def _pop(self) -> tuple[bytes, int] | None:
        with self._changed:
            while not self._owed and not self._is_over:
                self._changed.wait()
            return None if self._is_over else self._owed.popleft()


@contextmanager
def asking_later(socket: str, runtime: str, hand_in: Callable[[bytes], None]) -> Iterator[Later]:
    """A thread that asks about what it is given; it ends with the context, within half a second."""
    later = Later()
    inspected = Inspected(socket, runtime, _PATIENCE_S)
    thread = threading.Thread(target=later.work, args=(inspected, hand_in), name="docker inspect", daemon=True)
    thread.start()
    try:
        yield later
    finally:
        later.end()
        thread.join()
        inspected.close()
