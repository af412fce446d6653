"""Turns files of telemetry into the engine's verdicts: the run loop of `hunt`.

Files are read side by side in event time (`merge.py`), so that file boundaries mean nothing. Nobody ticks: how far a
recording has been read only its records tell.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence

import msgspec

from tidewaiter.edge.ahead import AnnouncedSet, ReaderDied, is_worthwhile, read_ahead
from tidewaiter.edge.batch import Batch, Unread
from tidewaiter.edge.merge import Merge
from tidewaiter.edge.read import Stream, decode, recogniser_of
from tidewaiter.edge.reader import ReadOptions
from tidewaiter.edge.sieve import CanSkip, Sieve, skipper
from tidewaiter.engine import Engine
from tidewaiter.event import ContainerExec, Event, NetworkFlow, ProcessExec, Where
from tidewaiter.sources import RecordError, sources

UNRECOGNISED = "unrecognised"
_BEHAVIOUR = (ProcessExec, NetworkFlow, ContainerExec)
_DAY_NS = 86_400 * 1_000_000_000

OnProgress = Callable[[str, int, int], None]
"""Called after each batch with the stream's name, the bytes of it read so far, and the records read in all."""


def horizon_ns() -> int:
    """From when on events of a recording are rejected: a day ahead of this computer's clock is a broken clock, not a
    late record."""
    return time.time_ns() + _DAY_NS


class Problem(msgspec.Struct, frozen=True):
    """Something the user should know about one stream."""

    stream: str
    sentence: str


def _say_nothing(record: bytes, where: Where) -> Iterator[Event]:
    return iter(())


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
        without: Collection[str] = (),
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
        self._quick = quick
        engine.quiet = AnnouncedSet()
        sieve = Sieve(recogniser.sources, engine.quiet) if quick else None
        self._streams = [Stream(path, recogniser, options, sieve) for path in paths]
        # Sources to which nobody listens (`without`) are recognised as ever, and say nothing.
        self._sources = {
            name: msgspec.structs.replace(source, decode=_say_nothing) if name in without else source
            for name, source in sources().items()
        }
        # What was settled since a line went through the sieve; words say now what they said there.
        self._can_skip: dict[str, CanSkip] = {
            name: skipper(source.skim, engine.quiet)
            for name, source in sources().items()
            if quick and source.skim is not None and source.skim.words is None
        }
        self._prefixes = {name: source.skim.prefixes for name, source in sources().items() if source.skim is not None}
        self._recognised: set[str] = set()
        self._first_unread: dict[str, Unread] = {}

    def run(self) -> None:
        """Read everything into the engine."""
        try:
            for batch in self._batches():
                self._take(batch)
                self._feed(batch)
                self._on_progress(batch.stream, batch.position, self.engine.ledger.records)
        except ReaderDied as error:
            self.problems.append(Problem("all files", str(error)))
        for stream in self._streams:
            if stream.name not in self._recognised and stream.name in self._first_unread:
                self.strangers[stream.name] = self._first_unread[stream.name]

    def _batches(self) -> Iterator[Batch]:
        """All streams, side by side in event time; large ones are read by a process of their own."""
        size_bytes = sum(stream.size_bytes() for stream in self._streams)
        if self._quick and is_worthwhile(size_bytes) and isinstance(self.engine.quiet, AnnouncedSet):
            return read_ahead(lambda: Merge(self._streams, self._time_of), self.engine.quiet)
        return iter(Merge(self._streams, self._time_of))

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

    def _feed(self, batch: Batch) -> None:
        """Decode the batch's records and feed their events."""
        engine, can_skip, sources_by_name = self.engine, self._can_skip, self._sources
        is_quick = bool(engine.quiet)
        prefixes = self._prefixes
        stream, offsets, nodes, clusters, weights = (
            batch.stream,
            batch.offsets,
            batch.nodes,
            batch.clusters,
            batch.weights,
        )
        cluster = batch.cluster
        skipped = batch.skipped
        is_filtered = self._since_ns is not None or self._until_ns is not None
        told: list[tuple[str, Sequence[Event], int]] = []
        for index, (name, record) in enumerate(zip(batch.sources, batch.records, strict=True)):
            skip = can_skip.get(name) if is_quick else None
            if skip is not None and record.startswith(prefixes[name]) and skip(record, 0, len(record)):
                skipped[name] = skipped.get(name, 0) + (weights.get(index, 1) if weights else 1)
                continue
            if clusters:
                cluster = clusters.get(index, batch.cluster)
            where = Where(name, stream, offsets[index], cluster, nodes.get(index, batch.node) if nodes else batch.node)
            weight = weights.get(index, 1) if weights else 1
            try:
                events: Sequence[Event] = decode(sources_by_name[name], record, where)
            except RecordError:
                engine.ledger.note(name, "rejected", weight)
                continue
            if is_filtered:
                events = [event for event in events if self._is_wanted(event)]
            told.append((name, events, weight))
        # First all are decoded, then all are filed: going back and forth between the two costs a third more.
        for name, events, weight in told:
            engine.feed_record(name, events, weight)
        for name, count in skipped.items():
            engine.ledger.note(name, "irrelevant", count)
            self.skipped += count

    def _is_wanted(self, event: Event) -> bool:
        """Whether an event lies in `--since` and `--until`; what came before keeps its say on origins and anchors."""
        if event.time_ns is None:
            return True
        if self._until_ns is not None and event.time_ns > self._until_ns:
            return False
        return self._since_ns is None or event.time_ns >= self._since_ns or not isinstance(event, _BEHAVIOUR)

    def _time_of(self, batch: Batch, index: int) -> int | None:
        """The time that one record tells, for reading streams side by side."""
        try:
            events = decode(self._sources[batch.sources[index]], batch.records[index], batch.where(index))
            times = [event.time_ns for event in events if event.time_ns is not None]
        except RecordError:
            return None
        return min(times, default=None)
