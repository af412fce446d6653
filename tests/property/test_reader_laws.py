"""Laws of the reader: any bytes are survived and accounted for, whatever cuts and wraps them."""

import base64
import gzip
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewaiter.edge.read import decode, read, recogniser_of
from tidewaiter.edge.reader import ReadOptions
from tidewaiter.edge.recognise import Recogniser
from tidewaiter.edge.sieve import Sieve
from tidewaiter.event import Where
from tidewaiter.sources import RecordError, Source, sources

pytestmark = pytest.mark.property

Read = Callable[..., Any]

RECORDS = (
    b'{"flat":1}',
    b'{"flat2": "\\u00e4 \\" }{ ]["}',
    b'{"deep":{"id":[1,{"x":"}"}]}}',
    b'{ "x" : [ ] , "deep" : { "id" : null } }',
    b"TEXT plain",
    b"TEXT [1] {",
)
JOINED = (b"JOINED 1 a", b"JOINED 2 b", b"JOINED 1 c", b"JOINED lonely")
TABLE = (b"#fields", b"row\t1", b"anything")
PRETTY = tuple(json.dumps(json.loads(record), indent=1).encode() for record in RECORDS[:3])
ENVELOPES = (
    b'{"host":"n1","message":"TEXT x"}',
    b'{"log":{"flat":1}}',
    b'{"kind":"FlatList","apiVersion":"v1","items":[{"deep":{"id":1}},{"flat":1},{"y":1}]}',
    b'{"events":[{"flat":1},5]}',
    b"Nov 22 00:40:31 n2 app[1]: JOINED 1 d",
    b'2026-09-21T06:00:00.1Z stdout P {"deep":',
    b'2026-09-21T06:00:00.1Z stdout F {"id":2}}',
    b'[{"flat":1},{"deep":{"id":1}},"TEXT x",7]',
    b"[]",
)
HOSTILE = (
    b"",
    b" ",
    b"\0\0",
    b"\xff\xfe",
    b"{",
    b"[",
    b"}",
    b"]",
    b'{"a":',
    b'{"a":"',
    b"[{}",
    b'"',
    b"{}{}",
    b"{}]",
    b",",
)

line = st.sampled_from(RECORDS + JOINED + TABLE + PRETTY + ENVELOPES + HOSTILE) | st.binary(max_size=40)
broken = st.tuples(st.sampled_from(RECORDS + PRETTY + ENVELOPES), st.integers(0, 60)).map(lambda cut: cut[0][: cut[1]])
ending = st.sampled_from((b"\n", b"\r\n", b"\n\n", b""))
stream = st.lists(st.tuples(line | broken, ending), max_size=25).map(lambda parts: b"".join(a + b for a, b in parts))
cuts = st.lists(st.integers(0, 1200), max_size=12)


@settings(max_examples=400)
@given(data=stream, where=cuts, limit=st.sampled_from((16, 64, 1 << 24)))
def test_where_a_stream_is_cut_changes_nothing(read_bytes: Read, data: bytes, where: list[int], limit: int) -> None:
    """Records, their order, offsets and nodes, and every count."""
    options = ReadOptions(line_limit_bytes=limit)
    cut, whole = read_bytes(data, where, options), read_bytes(data, (), options)
    if limit < len(data):
        cut.whys = whole.whys  # of a line that is too long and broken, one reason is as good as the other
    assert cut == whole


@settings(max_examples=200)
@given(data=stream, where=cuts)
def test_a_sieve_that_lets_everything_through_changes_nothing(read_bytes: Read, data: bytes, where: list[int]) -> None:
    """It may hand lines over in another way, but the same ones, with the same numbers."""
    sieve = Sieve({}, set())
    assert read_bytes(data, where, sieve=sieve) == read_bytes(data)


@settings(max_examples=200)
@given(data=st.binary(max_size=400) | stream)
def test_any_bytes_are_survived(read_bytes: Read, data: bytes) -> None:
    """By the reader and, behind it, by every source: nothing but RecordError comes out."""
    known = recogniser_of()
    for name, record, offset, node, weight in read_bytes(data, recogniser=known).records:
        assert weight >= 1
        try:
            decode(sources()[name], record, Where(name, "-", offset, "c", node))
        except RecordError:
            continue


_openings = st.sampled_from(
    sorted(
        {
            opening
            for source in sources().values()
            for opening in (*source.prefixes, *(prefix for prefix, _ in source.openings))
        }
    )
)


@settings(max_examples=300)
@given(opening=_openings, rest=st.binary(max_size=80) | st.sampled_from((b"", b'"', b'":', b'x":{"', b"1" * 70)))
def test_any_bytes_behind_a_sources_own_opening_are_survived(read_bytes: Read, opening: bytes, rest: bytes) -> None:
    """Tests that decide by the opening alone fail on nothing, and the source rejects what is no record of its own."""
    known = recogniser_of()
    for name, record, offset, node, _ in read_bytes(opening + rest + b"\n", recogniser=known).records:
        try:
            decode(sources()[name], record, Where(name, "-", offset, "c", node))
        except RecordError:
            continue


# Lines that open no document and hold no list, so that each is one record or none.
_single = st.sampled_from(
    RECORDS + JOINED + TABLE + ENVELOPES[:2] + ENVELOPES[4:7] + (b"", b" ", b"\0", b"nobody's")
) | (
    st.binary(max_size=40)
    .map(lambda line: line.replace(b"\n", b"").replace(b"\r", b""))
    .filter(lambda line: not line.lstrip(b" \t\r\n\0\v\f").startswith((b"{", b"[", b'"')))
)


@settings(max_examples=300)
@given(lines=st.lists(_single, max_size=200))
def test_every_line_is_accounted_for_exactly_once(read_bytes: Read, lines: list[bytes]) -> None:
    """In a record, as a header, as blank, as unrecognised or as rejected; joined lines count each."""
    account = read_bytes(b"".join(line + b"\n" for line in lines))
    assert account.lines == len(lines)


@settings(max_examples=300)
@given(
    before=st.lists(st.sampled_from(RECORDS), max_size=4),
    rubbish=broken | st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")),
    after=st.lists(st.sampled_from(RECORDS), min_size=2, max_size=4),
)
def test_a_broken_line_takes_no_whole_record_with_it(
    read_bytes: Read, before: list[bytes], rubbish: bytes, after: list[bytes]
) -> None:
    """A line that was cut anywhere costs itself; the lines around it are read."""
    account = read_bytes(b"".join(line + b"\n" for line in (*before, rubbish, *after)))
    found = [record[1].strip() for record in account.records if record[0] != "joined"]
    assert found[: len(before)] == before
    assert found[len(found) - len(after) :] == after


@settings(max_examples=60)
@given(data=stream, size=st.integers(1, 300), parts=st.integers(1, 3))
def test_compression_changes_nothing(
    toys: Mapping[str, Source], tmp_path_factory: pytest.TempPathFactory, data: bytes, size: int, parts: int
) -> None:
    """In one member or frame, or in several, read in chunks of any size."""
    path: Path = tmp_path_factory.getbasetemp() / "law"
    data = b"TEXT begins without a mark of any form\n" + data
    step = len(data) // parts + 1
    pieces = [data[start : start + step] for start in range(0, len(data), step)]
    forms = (data, b"".join(map(gzip.compress, pieces)), b"".join(map(zstandard.ZstdCompressor().compress, pieces)))
    accounts = []
    for form in forms:
        path.write_bytes(form)
        batches = list(read(str(path), ReadOptions(chunk_bytes=size), Recogniser(toys)))
        assert not any(batch.problems for batch in batches)
        counts = [
            sum(counted)
            for counted in zip(*((b.unrecognised, b.rejected, b.headers, b.blank) for b in batches), strict=True)
        ]
        records = [(batch.where(index), record) for batch in batches for index, record in enumerate(batch.records)]
        accounts.append((counts, records))
    assert accounts[0] == accounts[1] == accounts[2]


def _text(record: bytes) -> str:
    return record.decode("utf-8", "replace")


WRAPPERS: dict[str, Callable[[bytes], bytes]] = {
    "docker": lambda record: json.dumps({"log": _text(record) + "\n", "stream": "stdout", "time": "2026"}).encode(),
    "fluent bit": lambda record: json.dumps({"log": _text(record), "kubernetes": {"host": "n"}}).encode(),
    "filebeat": lambda record: json.dumps(
        {"message": _text(record), "log": {"offset": 1}, "host": {"name": "n"}}
    ).encode(),
    "journald": lambda record: json.dumps({"MESSAGE": _text(record), "_HOSTNAME": "n"}).encode(),
    "journald bytes": lambda record: json.dumps({"MESSAGE": list(record)}).encode(),
    "gelf": lambda record: json.dumps({"version": "1.1", "short_message": _text(record)}).encode(),
    "splunk": lambda record: json.dumps({"event": _text(record), "host": "n"}).encode(),
    "google": lambda record: json.dumps({"textPayload": _text(record)}).encode(),
    "azure": lambda record: json.dumps({"records": [{"properties": {"log": _text(record)}}]}).encode(),
    "cloudwatch": lambda record: json.dumps(
        {"messageType": "DATA_MESSAGE", "logEvents": [{"message": _text(record)}]}
    ).encode(),
    "firehose": lambda record: json.dumps(
        {"records": [{"data": base64.b64encode(gzip.compress(record)).decode()}]}
    ).encode(),
    "strings": lambda record: json.dumps([_text(record)]).encode(),
    "cri": lambda record: b"2026-09-21T06:00:00.123456789Z stderr F " + record,
    "syslog": lambda record: b"<30>Nov 22 00:40:31 n app[1]: " + record,
    "syslog 5424": lambda record: b'<134>1 2026-09-21T06:00:00Z n app - - [a b="\\]"] ' + record,
}
OBJECT_WRAPPERS: dict[str, Callable[[bytes], bytes]] = {
    "log": lambda record: b'{"_name":"x","log":' + record + b"}",
    "watch": lambda record: b'{"type":"ADDED","object":' + record + b"}",
    "webhook": lambda record: b'{"received":1.5,"body":{"events":[' + record + b"]}}",
    "elastic": lambda record: b'{"_source":' + record + b"}",
    "google": lambda record: b'{"jsonPayload":' + record + b"}",
    "list": lambda record: b'{"kind":"List","items":[' + record + b"]}",
    "array": lambda record: b"[" + record + b"]",
    "pretty list": lambda record: b'{\n "kind": "List",\n "items": [\n  ' + record + b"\n ]\n}",
}
_printable = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=30)
_plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | _printable,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_printable, inner, max_size=3),
    max_leaves=8,
)
_objects = st.builds(lambda value: json.dumps({"deep": {"id": value}}).encode(), _plain)
_texts = _printable.map(lambda text: b"TEXT x" + text.encode().rstrip())


@settings(max_examples=100)
@pytest.mark.parametrize("wrapper", WRAPPERS)
@given(record=_objects | _texts)
def test_a_record_in_an_envelope_is_the_same_record(read_bytes: Read, wrapper: str, record: bytes) -> None:
    """As text in any envelope."""
    record = record.strip()
    account = read_bytes(WRAPPERS[wrapper](record) + b"\n")
    assert [(found[0], found[1].strip()) for found in account.records] == [
        ("deep" if record.startswith(b"{") else "text", record)
    ]
    assert account.unrecognised + account.rejected == 0


@settings(max_examples=100)
@pytest.mark.parametrize("wrapper", OBJECT_WRAPPERS)
@given(record=_objects)
def test_an_object_in_an_envelope_is_the_same_object(read_bytes: Read, wrapper: str, record: bytes) -> None:
    """As JSON in any envelope, byte for byte."""
    account = read_bytes(OBJECT_WRAPPERS[wrapper](record) + b"\n")
    assert [found[:2] for found in account.records] == [("deep", record)]
    assert account.unrecognised + account.rejected == 0


@settings(max_examples=150)
@given(records=st.lists(_objects, min_size=1, max_size=6), indent=st.sampled_from((None, 1, 4)))
def test_every_way_to_write_records_down_gives_the_same_records(
    read_bytes: Read, records: list[bytes], indent: int | None
) -> None:
    """One a line, pretty-printed one after the other, as an array, and as a pretty-printed array."""
    values = [json.loads(record) for record in records]
    pretty = [json.dumps(value, indent=indent, ensure_ascii=False) for value in values]
    forms = ["\n".join(pretty), json.dumps(values), json.dumps(values, indent=indent), "\n\n".join(pretty) + "\n"]
    for form in forms:
        account = read_bytes(form.encode())
        assert [json.loads(found[1]) for found in account.records] == values
        assert account.unrecognised + account.rejected == 0
