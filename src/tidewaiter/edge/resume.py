"""Turns a state folder into an engine that goes on where the last one ended, and the records that one still owed."""

from collections.abc import Callable, Mapping

import msgspec

from tidewaiter.alert import Alert, Incident, Output
from tidewaiter.edge.journal import Fed, Given, Lost, Numbers, Ticked, content_of
from tidewaiter.edge.read import decode
from tidewaiter.edge.recording import Recording, envelope
from tidewaiter.edge.state import StateFolder
from tidewaiter.engine import Engine
from tidewaiter.event import Tick, Where
from tidewaiter.snapshot import State
from tidewaiter.sources import RecordError, sources

HORIZON_NS = 86_400 * 1_000_000_000
"""A record from later than this behind the clock is no late record: its producer's clock is broken."""
_TICK = Where("clock", "-", 0)


class Resumed(msgspec.Struct):
    """Where the last watch ended."""

    engine: Engine
    owed: list[Alert | Incident]
    """Alerts and incidents that were not delivered, in their order."""
    numbers: dict[str, int]
    """Stream -> records that it had."""
    left_ns: int | None = None
    """When that was; None: nobody watched before."""


def feed(engine: Engine, source: str, record: bytes, where: Where) -> list[Output]:
    """Decode a record and file it; what can be decoded by nobody is counted `rejected`."""
    known = sources().get(source)
    try:
        if known is None:
            raise RecordError(f"{source[:80]!r}: no such source")
        events = decode(known, record, where)
    except RecordError:
        engine.ledger.note(source, "rejected")
        return []
    return engine.feed_record(source, events)


def tick(engine: Engine, time_ns: int) -> list[Output]:
    """Tell the engine that time went on."""
    engine.horizon_ns = time_ns + HORIZON_NS
    return engine.tick(Tick(time_ns=time_ns, cluster="", node=None, where=_TICK))


def resume(
    folder: StateFolder, engine_of: Callable[[State | None], Engine], recording: Recording | None = None
) -> Resumed:
    """Take up what lies in the folder. What cannot be taken up is set aside, with a sentence, and all begins afresh."""
    state = folder.load()
    engine = engine_of(state)
    try:
        return _replayed(folder, engine, recording, is_first=state is None)
    except Exception as error:  # whatever is wrong in there must not keep us from watching, now and with every start
        folder.set_aside(f"{type(error).__name__}: {error}")
        return Resumed(engine_of(None), [], {})


def _replayed(folder: StateFolder, engine: Engine, recording: Recording | None, *, is_first: bool) -> Resumed:
    outputs: list[Output] = []
    delivered: dict[str, Given] = {}
    numbers: dict[str, int] = {}
    unread = 0
    is_empty = is_first
    for entry in folder.entries():
        is_empty = False
        if entry is None:
            unread += 1
        elif isinstance(entry, Fed):
            numbers[entry.stream] = max(numbers.get(entry.stream, 0), entry.offset)
            where = Where(entry.source, entry.stream, entry.offset, entry.cluster, entry.node)
            outputs += feed(engine, entry.source, entry.payload, where)
            _record_again(recording, entry)
        elif isinstance(entry, Ticked):
            outputs += tick(engine, entry.time_ns)
        elif isinstance(entry, Lost):
            engine.ledger.drop(entry.source, entry.count)
        elif isinstance(entry, Numbers):
            numbers.update(entry.streams)
        else:
            delivered[entry.id] = entry
    if unread:
        folder.sentences.append(f"{unread} lines of the state's journal could not be read and were left out")
    left_ns = engine.correlator.now_ns or None
    given = [output for output in outputs if isinstance(output, Alert | Incident)]
    return Resumed(engine, _owed(engine, given, delivered), numbers, None if is_empty else left_ns)


def _record_again(recording: Recording | None, entry: Fed) -> None:
    """We were ended between the journal and the recording: the record belongs into both."""
    if recording is not None and (entry.stream, entry.offset) == (recording.name, recording.lines + 1):
        line = envelope(entry.source, entry.cluster, entry.node)
        recording.append([b'%b,"record":%b}' % (line, bytes(entry.record))])


def _owed(engine: Engine, given: list[Alert | Incident], delivered: Mapping[str, Given]) -> list[Alert | Incident]:
    """What was given out anew and not delivered before.

    Between two ticks an engine may say the same in more or in fewer steps than the one before it. So numbers that were
    used stay used, and where the last record that was delivered is not what is known, what is known follows it.
    """
    owed = [told for told in given if told.id not in delivered or told.revision > delivered[told.id].revision]
    for mark in delivered.values():
        known = engine.state.given.get(mark.id) or engine.state.incidents.get(mark.id)
        if known is None or known.revision > mark.revision:
            continue
        known.revision = mark.revision
        shown = msgspec.json.decode(known.record, type=Alert | Incident)
        if content_of(shown) != mark.content:
            known.revision += 1
            owed.append(msgspec.structs.replace(shown, revision=known.revision, final=known.is_final))
    return owed
