"""Turns files that `hunt --format jsonl` or `watch` wrote, plain or compressed, into the history that tuning asks."""

from collections.abc import Iterator, Sequence

import msgspec

from tidewaiter.edge.chunks import StreamError, chunks
from tidewaiter.edge.lines import Lines
from tidewaiter.edge.paths import STDIN, expand, shown
from tidewaiter.policy_yaml import printable
from tidewaiter.review.recorded import MAX_RECORDS, History, Kind, Record

SCHEMA = 1
_READ = ("alert", "container")
_KNOWN = (*_READ, "incident", "summary")


class RecordsError(ValueError):
    """A file of alerts cannot be used: one sentence."""


class Read(msgspec.Struct):
    """What became of the lines of all files."""

    history: History
    alerts: int = 0
    """Records of alerts, all revisions."""
    containers: int = 0
    unread: int = 0
    """Lines that are no record of tidewaiter."""
    problems: list[str] = []


def read_records(paths: Sequence[str]) -> Read:
    """Read alerts and containers. Raises `RecordsError` where a path holds no file or a file nothing to read."""
    expansion = expand(paths)
    if expansion.problems:
        path, sentence = expansion.problems[0]
        raise RecordsError(f"{printable(path)}: {sentence}")
    if not expansion.files:
        raise RecordsError(f"{', '.join(map(printable, paths[:3]))}: nothing to read: no path given holds a file")
    read = Read(History())
    kinds, records = msgspec.json.Decoder(Kind), msgspec.json.Decoder(Record)
    for path in expansion.files:
        known = 0
        for line in _lines(path, read):
            known += _take(line, kinds, records, read)
        if not known:
            raise RecordsError(
                f"{printable(shown(path))}: holds no record of tidewaiter; write alerts with hunt --format jsonl"
            )
    if read.history.omitted:
        read.problems.append(
            f"{read.history.omitted} records were left out: no more than {MAX_RECORDS} are kept; give fewer files"
        )
    if read.unread:
        read.problems.append(f"{read.unread} lines are no record of tidewaiter and were left out")
    read.history.settle()
    return read


def _lines(path: str, read: Read) -> Iterator[bytes]:
    lines = Lines()
    try:
        for chunk in chunks(path):
            yield from lines.feed(chunk.data)
            if lines.held_bytes > lines.limit:
                lines.skip()
                read.unread += 1
    except StreamError as error:
        read.problems.append(f"{printable(shown(path))}: {printable(str(error))}")
    except OSError as error:
        name = "standard input" if path == STDIN else printable(shown(path))
        raise RecordsError(f"{name}: cannot be read: {error.strerror or error}") from error
    if (rest := lines.take()) and not lines.is_skipping:
        yield rest


def _take(line: bytes, kinds: msgspec.json.Decoder[Kind], records: msgspec.json.Decoder[Record], read: Read) -> bool:
    """File one line. Gives back whether tidewaiter wrote it."""
    if not line.strip():
        return False
    try:
        told = kinds.decode(line)
        if told.kind not in _KNOWN or told.schema != SCHEMA:
            raise msgspec.ValidationError("another kind of record")
        if told.kind in _READ:
            read.history.add(records.decode(line))
            read.alerts += told.kind == "alert"
            read.containers += told.kind == "container"
    except (msgspec.DecodeError, RecursionError):
        read.unread += 1
        return False
    return True
