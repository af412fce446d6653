"""Turns files of telemetry into the engine's verdicts: the run loop of `hunt`.

Files are read side by side in event time: the stream that is furthest behind is read next, so that file boundaries mean
nothing. What has no time (snapshots) comes first. After each batch the engine is told how far *all* streams are read.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence

import msgspec

from tidewaiter.edge.batch import Batch, Unread
from tidewaiter.edge.quick import CanSkip, skipper
from tidewaiter.edge.read import Stream, recogniser_of
from tidewaiter.edge.reader import ReadOptions
from tidewaiter.engine import Engine
from tidewaiter.event import ContainerExec, Event, NetworkFlow, ProcessExec, Tick, Where
from tidewaiter.sources import Decode, RecordError, sources

UNRECOGNISED = "unrecognised"
_BEHAVIOUR = (ProcessExec, NetworkFlow, ContainerExec)
_NO_TIME = 0
_TICK = Where("clock", "-", 0)

OnProgress = Callable[[str, int, int], None]
"""Called after each batch with the stream's name, the bytes of it read so far, and the records read in all."""


class Problem(msgspec.Struct, frozen=True):
    """Something the user should know about one stream."""

    stream: str
    sentence: str


class Hunt:
    """One run over a set of files."""

    def __init__(
        self,
        engine: Engine,
        paths: Sequence[str],
        options: ReadOptions,
        *,
        source: str | None = None,
        since_ns: int | None = None,
        until_ns: int | None = None,
        quick: bool = True,
        on_progress: OnProgress | None = None,
    ) -> None:
        self.engine = engine
        self.problems: list[Problem] = []
        """Streams that could not be read to their end."""
        self.strangers: dict[str, Unread | None] = {}
        """Streams of which nothing was recognised, with their first record."""
        self.skipped = 0
        """Records left undecoded by the quick path."""
        self._since_ns, self._until_ns = since_ns, until_ns
        self._on_progress = on_progress or (lambda stream, position, records: None)
        recogniser = recogniser_of(source)
        self._streams = [Stream(path, recogniser, options) for path in paths]
        self._decoders: dict[str, Decode] = {name: source.decode for name, source in sources().items()}
        self._can_skip: dict[str, CanSkip] = {
            name: skipper(source.skim, engine.quiet, engine.quiet_pods)
            for name, source in sources().items()
            if quick and source.skim is not None
        }
        self._recognised: set[str] = set()
        self._first_unread: dict[str, Unread] = {}

    def run(self) -> None:
        """Read everything into the engine."""
        queue: list[tuple[int, int, Iterator[Batch]]] = []
        for number, stream in enumerate(self._streams):
            head = stream.head()
            first_ns = self._first_time(head) if head is not None else _NO_TIME
            queue.append((first_ns, number, iter(stream)))
        heapq.heapify(queue)
        while queue:
            reached_ns, number, batches = heapq.heappop(queue)
            batch = next(batches, None)
            if batch is None:
                continue
            self._take(batch)
            latest_ns = self._feed(batch)
            heapq.heappush(queue, (max(reached_ns, latest_ns), number, batches))
            if queue[0][0]:
                self._tick(queue[0][0])
            self._on_progress(batch.stream, batch.position, self.engine.ledger.records)
        for stream in self._streams:
            if stream.name not in self._recognised and stream.name in self._first_unread:
                self.strangers[stream.name] = self._first_unread[stream.name]

    def _take(self, batch: Batch) -> None:
        """Account for what the reader could not hand on."""
        ledger = self.engine.ledger
        for count, outcome in (
            (batch.unrecognised, "rejected"),
            (batch.rejected, "rejected"),
            (batch.headers, "irrelevant"),
        ):
            if count:
                ledger.note(UNRECOGNISED, outcome, count)
        for sentence in batch.problems:
            self.problems.append(Problem(batch.stream, sentence))
        if batch.records:
            self._recognised.add(batch.stream)
        for unread in batch.unread[:1]:
            self._first_unread.setdefault(batch.stream, unread)

    def _feed(self, batch: Batch) -> int:
        """Decode the batch's records and feed their events. Gives the latest event time, or 0."""
        engine, can_skip, decoders = self.engine, self._can_skip, self._decoders
        quiet, quiet_pods = engine.quiet, engine.quiet_pods
        stream, cluster, offsets, nodes, weights = (
            batch.stream,
            batch.cluster,
            batch.offsets,
            batch.nodes,
            batch.weights,
        )
        skipped: dict[str, int] = {}
        latest_ns = _NO_TIME
        is_filtered = self._since_ns is not None or self._until_ns is not None
        for index, (name, record) in enumerate(zip(batch.sources, batch.records, strict=True)):
            if (quiet or quiet_pods) and (skip := can_skip.get(name)) is not None and skip(record):
                skipped[name] = skipped.get(name, 0) + 1
                continue
            where = Where(name, stream, offsets[index], cluster, nodes.get(index, batch.node) if nodes else batch.node)
            weight = weights.get(index, 1) if weights else 1
            try:
                events: Sequence[Event] = tuple(decoders[name](record, where))
            except RecordError:
                engine.ledger.note(name, "rejected", weight)
                continue
            for event in events:
                if event.time_ns is not None and event.time_ns > latest_ns:
                    latest_ns = event.time_ns
            if is_filtered:
                events = [event for event in events if self._is_wanted(event)]
            engine.feed_record(name, events, weight)
        for name, count in skipped.items():
            engine.ledger.note(name, "irrelevant", count)
            self.skipped += count
        horizon_ns = engine.horizon_ns
        return latest_ns if horizon_ns is None or latest_ns <= horizon_ns else _NO_TIME

    def _is_wanted(self, event: Event) -> bool:
        """Whether an event lies in `--since` and `--until`; what came before keeps its say on origins and anchors."""
        if event.time_ns is None:
            return True
        if self._until_ns is not None and event.time_ns > self._until_ns:
            return False
        return self._since_ns is None or event.time_ns >= self._since_ns or not isinstance(event, _BEHAVIOUR)

    def _first_time(self, head: Batch) -> int:
        """The earliest time among the first records of a stream; 0 where they have none."""
        times: list[int] = []
        for index in range(min(len(head.records), 32)):
            try:
                events = self._decoders[head.sources[index]](head.records[index], head.where(index))
                times += [event.time_ns for event in events if event.time_ns is not None]
            except RecordError:
                continue
        return min(times, default=_NO_TIME)

    def _tick(self, time_ns: int) -> None:
        self.engine.feed(Tick(time_ns=time_ns, cluster="", node=None, where=_TICK))
