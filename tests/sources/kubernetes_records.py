"""Turns the project's Kubernetes samples, and the shared recordings, into single records for the tests."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tidewaiter.event import Event, Where
from tidewaiter.sources import RecordError, Source

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
STRANGE: tuple[Any, ...] = (None, True, -1, 10**30, 1.5, "", "\x00", "sha256:zz", [], [None], [[]], {}, {"": {}})


def sample(source: str, case: str) -> list[bytes]:
    """The lines of one hand-written sample."""
    return (SAMPLES / source / f"{case}.in.jsonl").read_bytes().splitlines()


def where(source: str) -> Where:
    """An evidence pointer as the reader would make it."""
    return Where(source, "records.jsonl", 1)


def decode(source: Source, record: bytes | dict[str, Any]) -> list[Event]:
    """Decode a record given as bytes or as a JSON object."""
    data = record if isinstance(record, bytes) else json.dumps(record).encode()
    return list(source.decode(data, where(source.title)))


def records(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a recording: lines or one document; lists and watch envelopes opened."""
    text = path.read_text()
    try:
        documents = [json.loads(text)]
    except ValueError:
        documents = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    for document in documents:
        yield from opened(document)


def opened(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A document, or what is inside its list or envelope."""
    if isinstance(document.get("items"), list):
        for item in document["items"]:
            yield from opened(item)
    elif set(document) == {"type", "object"}:
        yield from opened(document["object"])
    elif isinstance(document.get("log"), dict):
        yield from opened(document["log"])
    elif isinstance(document.get("properties"), dict) and "log" in document["properties"]:
        yield json.loads(document["properties"]["log"])
    else:
        yield document


def mutants(value: Any) -> Iterator[Any]:
    """The value with every part of it replaced, one at a time, by something of a wrong or strange kind."""
    yield from STRANGE
    if isinstance(value, dict):
        for key, inner in value.items():
            yield {name: kept for name, kept in value.items() if name != key}
            for changed in mutants(inner):
                yield {**value, key: changed}
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            for changed in mutants(inner):
                yield [*value[:place], changed, *value[place + 1 :]]


def survives(source: Source, record: bytes) -> int:
    """Decode mutants and stumps of a record, letting nothing but RecordError pass. Gives back how many were tried."""
    tried = 0
    for changed in mutants(json.loads(record)):
        tried += 1
        data = json.dumps(changed).encode()
        if isinstance(changed, dict) and source.recognise is not None:
            source.recognise(changed)
        _decode_or_reject(source, data)
    for end in range(0, len(record), 13):
        tried += 1
        _decode_or_reject(source, record[:end])
        _decode_or_reject(source, record[:end] + b"\xff\x00" + record[end:])
    for rubbish in (b"", b"\x00", b"null", b"[]", b"1e999", b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"a":' * 100_000):
        tried += 1
        _decode_or_reject(source, rubbish)
    return tried


def _decode_or_reject(source: Source, data: bytes) -> None:
    try:
        list(source.decode(data, where(source.title)))
    except RecordError:
        return
