"""Turns a daemon's endless answer to `/events` into lines, read as fast as they come and kept until they are taken.

A daemon drops what a listener does not read within a tenth of a second (moby `pkg/pubsub`, `daemon/events`), so a
thread does nothing but read.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from tidewaiter.edge.docker_api import Answer, DockerApi
from tidewaiter.edge.lines import LINE_LIMIT_BYTES, Lines
from tidewaiter.image.blob import ReadError

_BACKLOG_BYTES = 4 * LINE_LIMIT_BYTES


class EventLines:
    """The lines that came and were not taken yet."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._held_bytes = 0
        self._lost = 0
        self._end: ReadError | None = None
        self._changed = threading.Condition()

    def take(self, within_s: float) -> bytes | None:
        """The next line; None where none comes in that time. Raises `ReadError` after the last."""
        with self._changed:
            if not self._lines and self._end is None:
                self._changed.wait(within_s)
            if self._lines:
                line = self._lines.popleft()
                self._held_bytes -= len(line)
                return line
            if self._end is not None:
                raise self._end
            return None

    def lost(self) -> int:
        """How many lines were too long, or too many to be kept, since this was asked last."""
        with self._changed:
            lost, self._lost = self._lost, 0
            return lost

    def read(self, answer: Answer) -> None:
        """Read until the answer ends; for a thread of its own."""
        end = ReadError("the daemon ended its event stream")
        splitter = Lines()
        try:
            for piece in answer.pieces():
                lines = splitter.feed(piece)
                is_long = splitter.held_bytes > splitter.limit
                if is_long:
                    splitter.skip()
                self._keep([line for line in lines if line], is_long)
        except ReadError as error:
            end = error
        with self._changed:
            self._end = end
            self._changed.notify()

    def _keep(self, lines: list[bytes], is_long: bool) -> None:
        with self._changed:
            self._lost += is_long
            for line in lines:
                if len(line) > LINE_LIMIT_BYTES or self._held_bytes + len(line) > _BACKLOG_BYTES:
                    self._lost += 1
                    continue
                self._lines.append(line)
                self._held_bytes += len(line)
            self._changed.notify()


@contextmanager
def listening(api: DockerApi, path: str) -> Iterator[EventLines]:
    """The lines of an endless answer; reading ends with the context. Raises as `DockerApi.stream`."""
    with api.stream(path) as answer:
        answer.be_patient()
        lines = EventLines()
        reader = threading.Thread(target=lines.read, args=(answer,), name="docker events", daemon=True)
        reader.start()
        try:
            yield lines
        finally:
            answer.hang_up()
            reader.join()
