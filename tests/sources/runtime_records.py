"""Turns the project's samples of container runtimes, and the shared recordings, into single records for the tests."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from tidewaiter.event import Event, Where
from tidewaiter.sources import RecordError, Source

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
WHERE = Where("test", "records", 1)
STRANGE: tuple[Any, ...] = (None, True, -1, 10**30, 1.5, "", "\x00", "sha256:zz", "k=v", [], [None], {}, {"": {}})
RUBBISH = (b"", b"\x00", b"null", b"[]", b"{}", b"1e999", b"\xff\xfe", b"\xef\xbb\xbf{}", b"[" * 100_000)
DEEP = b'{"a":' * 100_000

Kind = TypeVar("Kind", bound=Event)


def hex_of(character: str) -> str:
    """A whole id, or the hex of a digest, made of one character."""
    return character * 64


def digest(character: str) -> str:
    """A digest made of one hex character."""
    return "sha256:" + hex_of(character)


def decode(source: Source, record: bytes | str | dict[str, Any], where: Where = WHERE) -> list[Event]:
    """Decode one record given as bytes, as a line or as a JSON object."""
    if isinstance(record, dict):
        record = json.dumps(record)
    return list(source.decode(record.encode() if isinstance(record, str) else record, where))


def one(source: Source, record: bytes | str | dict[str, Any], kind: type[Kind], where: Where = WHERE) -> Kind:
    """The only event of a record, which must be of this kind."""
    (event,) = decode(source, record, where)
    assert isinstance(event, kind)
    return event


def of_kind(events: list[Event], kind: type[Kind]) -> list[Kind]:
    """The events of one kind."""
    return [event for event in events if isinstance(event, kind)]


def records(path: Path) -> Iterator[bytes]:
    """The records of a file: the elements of a JSON array, one JSON document, or lines."""
    data = path.read_bytes()
    try:
        document = json.loads(data)
    except ValueError:
        yield from data.splitlines()
        return
    for element in document if isinstance(document, list) else [document]:
        yield json.dumps(element).encode()


def sample(source: str, case: str) -> list[bytes]:
    """The records of one hand-written sample, named without `.in.*`."""
    (path,) = (SAMPLES / source).glob(f"{case}.in.*")
    return list(records(path))


def is_recognised(source: Source, record: bytes) -> bool:
    """Whether a source claims a record, as the reader would ask it."""
    if record.startswith(b"{"):
        return source.recognise is not None and source.recognise(json.loads(record))
    return source.recognise_text is not None and source.recognise_text(record)


def decode_all(source: Source, lines: list[bytes] | Iterator[bytes]) -> list[Event]:
    """All events of a stream, each record of which the source must claim; header lines go before their rows."""
    events: list[Event] = []
    header = b""
    for line in lines:
        if source.is_header is not None and source.is_header(line):
            header = line + b"\n"
            continue
        assert is_recognised(source, line), line[:200]
        events.extend(source.decode(header + line, WHERE))
    return events


def mutants(value: Any) -> Iterator[Any]:
    """The value with every part of it left out, or replaced by something of a wrong or strange kind."""
    yield from STRANGE
    parts = list(value.items()) if isinstance(value, dict) else []
    for key, inner in parts:
        yield {name: kept for name, kept in value.items() if name != key}
        yield from ({**value, key: changed} for changed in mutants(inner))
    if isinstance(value, list):
        for place, inner in enumerate(value):
            yield from ([*value[:place], changed, *value[place + 1 :]] for changed in mutants(inner))


def refuses_or_reads(source: Source, data: bytes) -> bool:
    """Whether the bytes were read; False for RecordError. Anything else escapes, and the test fails."""
    try:
        list(source.decode(data, WHERE))
    except RecordError:
        return False
    return True


def survives(source: Source, record: bytes) -> None:
    """Decode rubbish, stumps and mutants of a record, letting nothing but RecordError pass."""
    for rubbish in (*RUBBISH, DEEP, record.replace(b"a", b"\xff"), record * 3):
        refuses_or_reads(source, rubbish)
        if source.recognise_text is not None:
            source.recognise_text(rubbish)
    for end in range(0, len(record), max(1, len(record) // 100)):
        refuses_or_reads(source, record[:end])
        refuses_or_reads(source, record[:end] + b"\x00\xff" + record[end:])
    if record.startswith(b"{"):
        for changed in mutants(json.loads(record)):
            if isinstance(changed, dict) and source.recognise is not None:
                source.recognise(changed)
            refuses_or_reads(source, json.dumps(changed).encode())
