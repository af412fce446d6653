"""Defines the lines of the journal: all that went into the engine since its last snapshot, and what was given out.

Fed again in its order, a journal gives the state that was there when the last line was written: the engine has no clock
of its own. Each line is a JSON object; that of a record is its line in a recording, with its evidence pointer.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from tidewaiter.alert import Alert, Incident, stable_id

_encoder = msgspec.json.Encoder()
_texts = msgspec.json.Decoder(str)


class Fed(msgspec.Struct, frozen=True, tag_field="kind", tag="recorded"):
    """A record that was fed."""

    source: str
    cluster: str
    node: str
    stream: str
    """With `offset` what evidence points to."""
    offset: int
    record: msgspec.Raw

    @property
    def payload(self) -> bytes:
        """The record as its source decodes it."""
        record = bytes(self.record)
        return _texts.decode(record).encode() if record.startswith(b'"') else record


class Ticked(msgspec.Struct, frozen=True, tag_field="kind", tag="tick"):
    """Time went on."""

    time_ns: int


class Lost(msgspec.Struct, frozen=True, tag_field="kind", tag="lost"):
    """Records of a source were lost before they could be fed."""

    source: str
    count: int


class Numbers(msgspec.Struct, frozen=True, tag_field="kind", tag="numbers"):
    """How many records each stream had when the journal began."""

    streams: dict[str, int]


class Given(msgspec.Struct, frozen=True, tag_field="kind", tag="given"):
    """An alert or an incident was delivered. Its number may be used no more."""

    id: str
    revision: int
    content: str
    """What it said, but for its number: `content_of`."""


Entry = Fed | Ticked | Lost | Numbers | Given
_entries = msgspec.json.Decoder(Entry)


def content_of(output: Alert | Incident) -> str:
    """A hash of what a record says, whatever its number."""
    return stable_id(_encoder.encode(msgspec.structs.replace(output, revision=0, final=True)).decode())


def line_of(entry: Ticked | Lost | Numbers | Given) -> bytes:
    """The line of an entry, without its end."""
    return _encoder.encode(entry)


def fed_line(envelope: bytes, stream: str, offset: int, record: bytes) -> bytes:
    """The line of a record that is fed; `envelope` and `record` as in a recording."""
    return b'%b,"stream":%b,"offset":%d,"record":%b}' % (envelope, _encoder.encode(stream), offset, record)


def read_journals(paths: Iterable[Path]) -> Iterator[Entry | None]:
    """The entries of journals; None for each line that cannot be read. A last line that was cut is none.

    Raises OSError.
    """
    for path in paths:
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                try:
                    yield _entries.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    yield None
