"""Turns what collectors hand in into the engine's verdicts as they arise: the run loop of `watch`.

Theory of operation
- Collectors run in threads; all else happens in this one: take what was handed in, mask it, write it to the journal and
  the recording, decode it, feed it, deliver what comes out. In that order, so that whatever was fed is known again
  after a restart, and whatever was delivered is not delivered twice.
- Whatever enters the engine stands in the journal, time (`Tick`) and losses too. So nothing that is fed depends on the
  clock in any other way.
- What collectors say of themselves becomes records like all others (`sights.py`).
"""

import time
from collections.abc import Callable, Sequence
from threading import Event as Signal
from threading import Thread
from typing import Protocol

import msgspec

from tidewaiter.alert import Alert, Incident, Output, Summary
from tidewaiter.edge.collector import Collector, Condition, Observation
from tidewaiter.edge.inbox import Inbox
from tidewaiter.edge.journal import Given, Lost, Numbers, Ticked, content_of, fed_line, line_of
from tidewaiter.edge.recording import Recording, bare, envelope
from tidewaiter.edge.resume import Resumed, feed, tick
from tidewaiter.edge.sights import SIGHTS, Sights
from tidewaiter.edge.state import StateFolder
from tidewaiter.event import Where

BATCH = 128
TICK_S = 1.0
SNAPSHOT_S = 60.0
JOURNAL_BYTES = 16 * 1024 * 1024
_SNAPSHOT_SHARE = 200
"""A snapshot is not taken before so many times the time has passed that the last one took."""
_JOIN_S, _DRAIN_S = 2.0, 3.0
_MOST_SENTENCES = 20


class Pulse(msgspec.Struct, frozen=True):
    """How the run is, once a second."""

    time_ns: int
    records: int
    containers: int
    waiting: int
    """Records that were handed in and not yet fed."""
    dropped: int
    """Records that were lost, all sources together."""


class View(Protocol):
    """Where people look."""

    def say(self, sentence: str) -> None:
        """Show a sentence, on stderr if the view has no better place. May be called from any thread."""

    def condition(self, condition: Condition) -> None:
        """Show how a collector is now."""

    def output(self, output: Output) -> None:
        """Show what the engine gives out, at once. Raises BrokenPipeError where nobody reads it any more."""

    def tick(self, pulse: Pulse) -> None:
        """Show how the run is."""

    def close(self) -> None:
        """Nothing more comes."""


class _Fed(msgspec.Struct, frozen=True, gc=False):
    """A record on its way from the desk to the engine."""

    source: str
    stream: str
    offset: int
    record: bytes
    line: bytes
    """Its line of a recording up to the record, and the record as it stands there. The same for `written`."""
    written: bytes


class Watch:
    """One run over what is live."""

    def __init__(
        self,
        resumed: Resumed,
        collectors: Sequence[Collector],
        *,
        cluster: str,
        node: str,
        out: Callable[[Output], None],
        view: View,
        recording: Recording | None = None,
        state: StateFolder | None = None,
        keep_arguments: bool = False,
        time_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.engine = resumed.engine
        self.is_ready = False
        """Whether every collector has told a state other than `starting`."""
        self._resumed = resumed
        self._collectors = collectors
        self._cluster, self._node = cluster, node
        self._out, self._view = out, view
        self._recording, self._state = recording, state
        self._keep_arguments = keep_arguments
        self._time_ns = time_ns
        self._numbers = dict(resumed.numbers)
        self._sights = Sights()
        self._inbox = Inbox(Signal())
        self._next_tick_s = self._kept_s = self._keeping_s = 0.0
        self._accounted_ns = time_ns()
        self._has_fed = self._is_mute = False
        self._told: set[str] = set()

    @property
    def conditions(self) -> dict[str, Condition]:
        """Collector -> how it was when the run was ended."""
        return self._sights.conditions

    @property
    def has_seen(self) -> bool:
        """Whether any collector was ever ready."""
        return self._sights.has_seen

    def stop(self) -> None:
        """End the run; may be called from any thread and by the handler of a signal."""
        self._inbox.stopped.set()
        self._inbox.wake()

    def run(self, *, containers: bool = False) -> None:
        """Watch until `stop`, then give out the final records (and, if asked, all containers)."""
        self._begin()
        threads = [
            Thread(target=self._collect, args=(collector,), name=collector.name, daemon=True)
            for collector in self._collectors
        ]
        for thread in threads:
            thread.start()
        self._settle_readiness()
        while not self._inbox.stopped.is_set():
            self._take(self._inbox.take(BATCH, self._next_tick_s - time.monotonic()))
            if time.monotonic() >= self._next_tick_s:
                self._tick()
        self._drain(threads)
        for output in self.engine.finish(containers=containers):
            self._give(output)
        self._keep()

    def summary(self, complete: bool) -> Summary:
        """What the run read, and how many verdicts stand at its end, whoever gave them out first."""
        verdicts = [
            msgspec.json.decode(given.record, type=Alert).verdict
            for given in self.engine.state.given.values()
            if not given.is_withdrawn
        ]
        return self.engine.summary(complete, verdicts.count("alert"), verdicts.count("suspicious"))

    # ------------------------------------------------------------------------------------------ begin and end

    def _begin(self) -> None:
        for owed in self._resumed.owed:
            self._give(owed)
        self._keep()
        self._tick()
        if self._resumed.left_ns is not None:
            self._feed(self._sights.resume(self._resumed.left_ns, self._time_ns()))

    def _collect(self, collector: Collector) -> None:
        try:
            collector.run(self._inbox)
        except Exception as error:  # a thread that ends unheard would be taken for silence
            sentence = f"ended by a fault of tidewaiter: {type(error).__name__}: {error}"
            self._inbox.tell(Condition(collector.name, "off", sentence, SIGHTS))

    def _drain(self, threads: Sequence[Thread]) -> None:
        """What was handed in before the end is fed, as far as there is time for it."""
        join_until_s = time.monotonic() + _JOIN_S
        for thread in threads:
            thread.join(max(0.0, join_until_s - time.monotonic()))
        until_s = time.monotonic() + _DRAIN_S
        while items := self._inbox.take(BATCH, 0):
            if time.monotonic() < until_s:
                self._take(items)
                continue
            for item in items:
                if isinstance(item, Observation):
                    self._inbox.lose(item.source, 1)
        self._account_for_lost()

    # ------------------------------------------------------------------------------------------ records

    def _take(self, items: Sequence[Observation | Condition]) -> None:
        observations: list[Observation] = []
        for item in items:
            if isinstance(item, Observation):
                observations.append(item)
                continue
            self._view.condition(item)
            observations += self._sights.tell(item, self._time_ns())
            self._settle_readiness()
        if observations:
            self._feed(observations)

    def _settle_readiness(self) -> None:
        if self.is_ready or not self._sights.is_ready:
            return
        if all(collector.name in self.conditions for collector in self._collectors):
            self.is_ready = True
            names = [name for name, condition in self.conditions.items() if condition.state == "ready"]
            self._view.say(f"ready: {', '.join(sorted(names)) or 'nothing can be collected yet'}")

    def _feed(self, observations: Sequence[Observation]) -> None:
        """Write records down, then feed them."""
        batch = self._placed(observations)
        if self._state is not None:
            self._state.write([fed_line(fed.line, fed.stream, fed.offset, fed.written) for fed in batch])
        if self._recording is not None:
            self._recording.append([b'%b,"record":%b}' % (fed.line, fed.written) for fed in batch])
        self._has_fed = True
        cluster, node = self._cluster, self._node
        for fed in batch:
            where = Where(fed.source, fed.stream, fed.offset, cluster, node)
            for output in feed(self.engine, fed.source, fed.record, where):
                self._give(output)

    def _placed(self, observations: Sequence[Observation]) -> list[_Fed]:
        """Records without their secrets, each with its evidence pointer: where there is a recording, its line."""
        recording, numbers = self._recording, self._numbers
        if recording is not None and recording.problem is None:
            numbers[recording.name] = recording.lines
        else:
            recording = None
        batch: list[_Fed] = []
        for seen in observations:
            record, written = bare(seen.record, keep_arguments=self._keep_arguments)
            stream = seen.stream if recording is None else recording.name
            numbers[stream] = offset = numbers.get(stream, 0) + 1
            line = envelope(seen.source, self._cluster, self._node)
            batch.append(_Fed(seen.source, stream, offset, record, line, written))
        return batch

    def _give(self, output: Output) -> None:
        if self._is_mute:
            return
        try:
            self._out(output)
        except BrokenPipeError:
            # Nobody reads on. What is not delivered is not marked so, and will be delivered after a restart.
            self._is_mute = True
            self.stop()
            return
        if self._state is not None and isinstance(output, Alert | Incident):
            self._state.write([line_of(Given(output.id, output.revision, content_of(output)))])

    # ------------------------------------------------------------------------------------------ time

    def _tick(self) -> None:
        self._next_tick_s = time.monotonic() + TICK_S
        self._account_for_lost()
        if self._is_snapshot_due():
            self._keep()
        now_ns = self._time_ns()
        if self._state is not None:
            self._state.write([line_of(Ticked(now_ns))])
        for output in tick(self.engine, now_ns):
            self._give(output)
        self._tell_problems()
        ledger = self.engine.ledger
        waiting, dropped = self._inbox.held, sum(ledger.dropped.values())
        self._view.tick(Pulse(now_ns, ledger.records, self.engine.directory.count, waiting, dropped))

    def _is_snapshot_due(self) -> bool:
        if self._state is None:
            return False
        since_s = time.monotonic() - self._kept_s
        if self._state.journal_bytes > JOURNAL_BYTES:
            # Of a state that is costly to write the journal grows longer.
            return since_s >= _SNAPSHOT_SHARE * self._keeping_s
        is_changed = self._has_fed or self._state.problem is not None
        return is_changed and since_s >= max(SNAPSHOT_S, _SNAPSHOT_SHARE * self._keeping_s)

    def _keep(self) -> None:
        """Take a snapshot: everything that was given out by now has been delivered."""
        if self._state is None or self._is_mute:
            return
        began_s = time.monotonic()
        self._state.keep(self.engine.snapshot(), line_of(Numbers(self._numbers)))
        self._kept_s = time.monotonic()
        self._keeping_s = self._kept_s - began_s
        self._has_fed = False

    def _account_for_lost(self) -> None:
        lost, now_ns = self._inbox.take_lost(), self._time_ns()
        unseen = self._sights.lose(lost.keys(), self._accounted_ns, now_ns)
        self._accounted_ns = now_ns
        if unseen:
            self._feed(unseen)
        for source, count in lost.items():
            self.engine.ledger.drop(source, count)
            if self._state is not None:
                self._state.write([line_of(Lost(source, count))])
            self._say_once(f"{source}: records were lost on their way; the summary counts them")

    def _tell_problems(self) -> None:
        if self._recording is not None and self._recording.problem is not None:
            self._say_once(f"{self._recording.name}: records are missing in it: {self._recording.problem}")
        if self._state is not None:
            if self._state.problem is not None:
                self._say_once(f"what is seen now may be forgotten with a restart: {self._state.problem}")
            sentences, self._state.sentences = self._state.sentences, []
            for sentence in sentences:
                self._say_once(sentence)

    def _say_once(self, sentence: str) -> None:
        if sentence not in self._told and len(self._told) < _MOST_SENTENCES:
            self._told.add(sentence)
            self._view.say(sentence)
