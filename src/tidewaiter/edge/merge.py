"""Turns several streams into one sequence of batches in which event time runs forward, so that files read as one.

Theory of operation
- Of all streams the one whose next record is the earliest goes next. A stream that tells no time goes at once.
- How far its batch may go is decided by looking at the time of its last record: where that lies more than `SPAN_NS`
  behind the next record of another stream, the batch is cut. So streams that do not overlap are read whole, and
  streams that do are interleaved as finely as their times demand, down to single records.
- A file is opened when its turn comes; until then only its head was looked into. So a thousand hourly files cost as
  many open files and as much memory as overlap.
Within a stream the order of the file is kept, whatever its times say.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence

from tidewaiter.edge.batch import Batch
from tidewaiter.edge.read import Stream

SPAN_NS = 2_000_000_000
UNTIMED = -1
_LOOKS = 16

TimeOf = Callable[[Batch, int], int | None]
"""The event time, in nanoseconds, that a record of a batch tells; None where it tells none, or is none."""


class Merge:
    """Reads streams side by side in event time."""

    def __init__(self, streams: Sequence[Stream], time_of: TimeOf) -> None:
        self._streams = streams
        self._time_of = time_of

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of all streams, cut where another stream has to come between."""
        if len(self._streams) == 1:
            yield from self._streams[0]
            return
        waiting = []
        for place, stream in enumerate(self._streams):
            head = stream.head()
            time_ns = None if head is None else self._first_time(head, 0)
            waiting.append((UNTIMED if time_ns is None else time_ns, place, _Cursor(stream)))
        heapq.heapify(waiting)
        while waiting:
            time_ns, place, cursor = heapq.heappop(waiting)
            if cursor.is_at_end() and not cursor.advance():
                continue
            if not waiting:
                yield cursor.rest()
                yield from cursor.batches
                return
            if not cursor.is_placed:
                # Only now is the stream's next record known.
                cursor.is_placed = True
                first = self._first_time(cursor.batch, cursor.start)
                if first is not None and first > waiting[0][0]:
                    heapq.heappush(waiting, (first, place, cursor))
                    continue
            stop = self._stop(cursor, waiting[0][0])
            yield cursor.take(stop)
            following = None if cursor.is_at_end() else self._first_time(cursor.batch, cursor.start)
            cursor.is_placed = not cursor.is_at_end()
            # What tells no time keeps its place in the file: it comes as soon as what stood before it.
            heapq.heappush(waiting, (time_ns if following is None else following, place, cursor))

    def _first_time(self, batch: Batch, start: int) -> int | None:
        for index in range(start, min(start + _LOOKS, len(batch.records))):
            time_ns = self._time_of(batch, index)
            if time_ns is not None:
                return time_ns
        return None

    def _stop(self, cursor: "_Cursor", other_ns: int) -> int:
        """Up to where the batch may go before the stream whose next record is at `other_ns`."""
        start, end = cursor.start, len(cursor.batch.records)
        length = end - start
        while length > 1:
            last_ns = self._last_time(cursor.batch, start, start + length)
            if last_ns is None or last_ns <= other_ns + SPAN_NS:
                break
            length //= 2
        return start + length

    def _last_time(self, batch: Batch, start: int, stop: int) -> int | None:
        for index in range(stop - 1, max(start, stop - _LOOKS) - 1, -1):
            time_ns = self._time_of(batch, index)
            if time_ns is not None:
                return time_ns
        return None


class _Cursor:
    """Where one stream stands: its batch, and how much of it was given away."""

    def __init__(self, stream: Stream) -> None:
        self.batches = iter(stream)
        self.batch = Batch(stream=stream.name)
        self.start = 0
        self.is_placed = False
        self._is_given = True

    def is_at_end(self) -> bool:
        return self._is_given

    def advance(self) -> bool:
        """Take up the next batch; False at the end of the stream."""
        following = next(self.batches, None)
        if following is None:
            return False
        self.batch, self.start, self._is_given = following, 0, False
        return True

    def take(self, stop: int) -> Batch:
        """Give away the records before `stop`."""
        part = self.batch if self.start == 0 and stop == len(self.batch.records) else self.batch.part(self.start, stop)
        self.start = stop
        self._is_given = stop == len(self.batch.records)
        return part

    def rest(self) -> Batch:
        """Give away all that is left of the batch."""
        return self.take(len(self.batch.records))
