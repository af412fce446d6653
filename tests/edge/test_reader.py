"""Proves how a stream of bytes becomes records: lines, documents, envelopes, joined lines, and the account of them."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest

from tidewaiter.edge import find, reader
from tidewaiter.edge.reader import ReadOptions
from tidewaiter.edge.recognise import Recogniser
from tidewaiter.edge.sieve import Sieve
from tidewaiter.sources import Skim, Source

FLAT = b'{"flat":1}'
DEEP = b'{"deep":{"id":1}}'
PRETTY = json.dumps({"deep": {"id": 1, "list": [1, {"x": []}]}}, indent=2).encode()

Read = Callable[..., Any]


def found(account: Any) -> list[tuple[str, bytes, int]]:
    """(source, record, offset) of each record."""
    return [record[:3] for record in account.records]


# ------------------------------------------------------------------------------------------------ lines


def test_each_line_is_a_record_with_its_number(read_bytes: Read) -> None:
    """Mixed lines in one stream each find their own source."""
    account = read_bytes(FLAT + b"\n" + DEEP + b"\r\nTEXT x\n\nnobody's\n" + FLAT)
    assert found(account) == [("flat", FLAT, 1), ("deep", DEEP, 2), ("text", b"TEXT x", 3), ("flat", FLAT, 6)]
    assert (account.unrecognised, account.blank, account.rejected, account.lines) == (1, 1, 0, 6)


def test_a_stream_of_one_kind_goes_the_short_way(read_bytes: Read) -> None:
    """Line numbers run on over chunks."""
    data = (FLAT + b"\n") * 5
    assert [record[2] for record in read_bytes(data, cuts=[len(FLAT) * 2]).records] == [1, 2, 3, 4, 5]


def test_options_name_cluster_and_node(read_bytes: Read) -> None:
    """What the user says stands where nothing else names a node."""
    options = ReadOptions(cluster="blue", node="n1")
    account = read_bytes(FLAT + b'\n{"host":"n2","message":"TEXT x"}\n', options=options)
    assert [record[3] for record in account.records] == ["n1", "n2"]


@pytest.mark.parametrize(("data", "counts"), [
    (b"", (0, 0, 0)),
    (b"\n\r\n  \n", (0, 0, 3)),
    (b"\0\0\0", (0, 1, 0)),
    (b"\xff\xfe\x00\x01\n\x80", (2, 0, 0)),
    (b'{"cut":', (0, 1, 0)),
    (b'{"cut":"', (0, 1, 0)),
    (b'{"number":nul}', (0, 1, 0)),
    (b'{"other":1}', (1, 0, 0)),
    (b"[1795309523.183317] text", (1, 0, 0)),
    (b"[]", (0, 0, 0)),
    (b"5\n", (1, 0, 0)),
])  # fmt: skip
def test_what_is_no_record_is_counted(read_bytes: Read, data: bytes, counts: tuple[int, int, int]) -> None:
    """As unrecognised, rejected or blank."""
    account = read_bytes(data)
    assert (account.unrecognised, account.rejected, account.blank) == counts
    assert account.records == []


def test_nuls_before_a_record_are_a_crash_not_a_record(read_bytes: Read) -> None:
    """A block of NULs that a crash left in a log does not take the next record with it."""
    account = read_bytes(b"\0" * 4096 + DEEP + b"\n")
    assert found(account) == [("deep", DEEP, 1)]


def test_a_truncated_last_line_is_for_its_source_to_reject(read_bytes: Read) -> None:
    """Where the opening tells the source, the source tells that the record is cut."""
    assert found(read_bytes(FLAT + b"\n" + b'{"flat":')) == [("flat", FLAT, 1), ("flat", b'{"flat":', 2)]


def test_examples_of_the_unread_are_kept_short_and_few(read_bytes: Read) -> None:
    """Enough for a message to the operator, however much is wrong."""
    account = read_bytes(b"x" * 5000 + b"\n" + b"nobody's\n{broken\n" * 100)
    assert (account.unrecognised, account.rejected) == (101, 100)
    assert sorted(account.whys) == ["broken JSON"] * 3 + ["no source knows this shape"] * 3


def test_a_long_line_is_a_record_up_to_the_limit_and_rejected_beyond(read_bytes: Read) -> None:
    """The lines around it are read as if nothing had been."""
    options = ReadOptions(line_limit_bytes=100)
    short = b"TEXT " + b"x" * 95
    for cuts in (range(0), [50], range(0, 500, 7)):
        account = read_bytes(FLAT + b"\n" + short + b"\n" + short + b"x\n" + FLAT + b"\n", cuts, options)
        assert found(account) == [("flat", FLAT, 1), ("text", short, 2), ("flat", FLAT, 4)]
        assert (account.rejected, account.whys) == (1, ["a line of more than 100 bytes"])


def test_a_five_megabyte_line_is_a_record(read_bytes: Read) -> None:
    """As lines of logs go, this is long, but it is read."""
    line = b'{"deep":{"id":"' + b"x" * 5_000_000 + b'"}}'
    assert found(read_bytes(line + b"\n" + FLAT)) == [("deep", line, 1), ("flat", FLAT, 2)]


def test_a_line_that_need_not_be_read_is_counted(read_bytes: Read, toys: Mapping[str, Source]) -> None:
    """What the sieve leaves out is counted by source, and the lines between keep their numbers."""
    skim = Skim(prefixes=(b'{"deep":',), keys=(b'"id":',), guards=(b'"id"',))
    sieve = Sieve({"deep": msgspec.structs.replace(toys["deep"], prefixes=skim.prefixes, skim=skim)}, {b"0123456789ab"})
    quiet, loud = b'{"deep":{"id":"0123456789ab"}}', b'{"deep":{"id":"ffffffffffff"}}'
    data = b"\n".join((quiet, loud, b"TEXT x", b"", quiet, PRETTY, quiet, loud))
    account = read_bytes(data, sieve=sieve)
    lines = PRETTY.count(b"\n")
    assert found(account)[:3] == [("deep", loud, 2), ("text", b"TEXT x", 3), ("deep", PRETTY, 6)]
    assert found(account)[-1] == ("deep", loud, 8 + lines)
    assert account.skipped + len(account.records) == 7
    assert account.skipped >= 2


# ------------------------------------------------------------------------------------------------ documents


def test_pretty_documents_follow_each_other_and_lines(read_bytes: Read) -> None:
    """A document is one record, told by the number of its first line."""
    account = read_bytes(FLAT + b"\n" + PRETTY + b"\n" + PRETTY + PRETTY + b"\n\n" + FLAT + b"\nTEXT x")
    lines = PRETTY.count(b"\n")
    assert found(account) == [
        ("flat", FLAT, 1),
        ("deep", PRETTY, 2),
        ("deep", PRETTY, 3 + lines),
        ("deep", PRETTY, 3 + 2 * lines),
        ("flat", FLAT, 5 + 3 * lines),
        ("text", b"TEXT x", 6 + 3 * lines),
    ]
    assert (account.rejected, account.unrecognised, account.blank) == (0, 0, 1)


@pytest.mark.parametrize("text", [
    b"[\n %b,\n%b ,%b]\n",
    b"[%b,%b,%b]",
    b"[\n%b\n,\n%b,\n\n%b\n]\n",
    b"[%b]\n[%b,%b]\n",
    b"[%b][%b,%b]",
])  # fmt: skip
def test_elements_of_an_array_are_records_told_by_their_place(read_bytes: Read, text: bytes) -> None:
    """Whether the array stands on one line or on many."""
    account = read_bytes(text % (DEEP, FLAT, PRETTY))
    assert found(account) == [("deep", DEEP, 1), ("flat", FLAT, 2), ("deep", PRETTY, 3)]
    assert (account.rejected, account.unrecognised, account.blank) == (0, 0, 0)


def test_strange_elements_are_counted(read_bytes: Read) -> None:
    """Numbers and unknown objects are elements that nobody knows; a string may hold a record."""
    account = read_bytes(b'[1, {"other":2}, "TEXT x", null, "{\\"flat\\":1}"]')
    assert found(account) == [("text", b"TEXT x", 3), ("flat", FLAT, 5)]
    assert account.unrecognised == 3


def test_a_list_in_a_pretty_document_gives_elements_by_their_place(read_bytes: Read) -> None:
    """In two documents the second goes on counting."""
    text = json.dumps({"kind": "List", "items": [{"flat": 1}, {"x": 1}, {"flat": 2}]}, indent=1).encode()
    account = read_bytes(text + b"\n" + text)
    assert [(source, offset) for source, _, offset, *_ in account.records] == [
        ("flat", 1), ("flat", 3), ("flat", 4), ("flat", 6),
    ]  # fmt: skip
    assert account.unrecognised == 2


def test_a_list_on_a_line_gives_elements_by_the_line(read_bytes: Read) -> None:
    """A stream of batches is a stream of lines."""
    line = b'{"kind":"List","items":[{"flat":1},{"flat":2}]}\n'
    account = read_bytes(line + line)
    assert [record[2] for record in account.records] == [1, 1, 2, 2]


@pytest.mark.parametrize("broken", [
    b'{"cut in a string: ', b'{"cut":1,', b'{"cut":[', b'{"cut":{"x":[1,', b"{", b"[", b'["x', b"[{}", b'[{"a":',
    b'{"a":1}}', b'{"a":1]', b"[[[[", b'{"a":"\\',
])  # fmt: skip
def test_a_broken_line_takes_no_line_behind_it(read_bytes: Read, broken: bytes) -> None:
    """One line that was cut short is one record lost, whatever it looks like."""
    for behind in (FLAT, DEEP, b"TEXT plain"):
        account = read_bytes(FLAT + b"\n" + broken + b"\n" + (behind + b"\n") * 3)
        assert account.sources[0] == "flat"
        assert [record[1:3] for record in account.records[1:]] in (
            [(behind, 3), (behind, 4), (behind, 5)],
            [(behind, 1), (behind, 4), (behind, 5)],  # the first element of an array that then broke
        )
        assert account.rejected + account.unrecognised >= 1


def test_a_document_that_never_closes_is_one_rejected_record(read_bytes: Read) -> None:
    """What was read before it stays read."""
    account = read_bytes(FLAT + b"\n" + PRETTY[:-2])
    assert found(account) == [("flat", FLAT, 1)]
    assert (account.rejected, account.whys) == (1, ["the JSON document has no end"])
    account = read_bytes(b'{"a":\n' + FLAT)
    assert (found(account), account.rejected) == ([("flat", FLAT, 2)], 1)
    account = read_bytes(b"[\n" + DEEP + b",\n" + FLAT)
    assert found(account) == [("deep", DEEP, 1), ("flat", FLAT, 2)]
    assert account.rejected == 1


def test_an_array_longer_than_a_line_may_be_is_read(read_bytes: Read) -> None:
    """Elements are handed over as they come."""
    options = ReadOptions(line_limit_bytes=64)
    text = b"[" + b",".join([FLAT] * 100) + b"]\n" + FLAT
    for cuts in (range(0), range(0, len(text), 13)):
        account = read_bytes(text, cuts, options)
        assert [record[1] for record in account.records] == [FLAT] * 101
        assert account.rejected == 0


def test_a_list_longer_than_a_line_may_be_is_read(read_bytes: Read) -> None:
    """A listing of a large cluster on one line is no less a list."""
    options = ReadOptions(line_limit_bytes=64)
    text = b'{"kind":"List","items":[' + b",".join([FLAT] * 100) + b"]}\n" + FLAT + b"\n"
    for cuts in (range(0), range(0, len(text), 13)):
        account = read_bytes(text, cuts, options)
        assert [record[1] for record in account.records] == [FLAT] * 101
        assert [record[2] for record in account.records] == [1] * 100 + [2]


def test_a_broken_value_beyond_the_limit_is_one_line(read_bytes: Read) -> None:
    """The rest of the line is dropped, wherever it broke."""
    options = ReadOptions(line_limit_bytes=64)
    for text in (b'{"a":' + b"x" * 200, b"[{}" + b"{}" * 200, b'{"a":1}' * 100 + b"{", b"[" * 3000):
        for cuts in (range(0), range(0, 5000, 13)):
            account = read_bytes(text + b"\n" + FLAT + b"\n", cuts, options)
            assert found(account) == [("flat", FLAT, 2)]


def test_documents_on_a_line_are_bounded(read_bytes: Read) -> None:
    """A line of a million empty objects does not cost a million looks."""
    account = read_bytes(b'{"x":1}' * 5000)
    assert (account.unrecognised, account.rejected) == (reader.MAX_DOCUMENTS_IN_A_LINE, 1)


def test_reading_again_is_bounded(read_bytes: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream of documents that break late is at last read by lines only."""
    monkeypatch.setattr(reader, "MAX_REREAD_BYTES", 1000)
    account = read_bytes(b'{"x":[\n' * 300 + FLAT + b"\n")
    assert (account.sources, account.rejected) == (["flat"], 300)


# ------------------------------------------------------------------------------------------------ envelopes


def test_envelopes_in_envelopes_are_opened_to_a_bound(read_bytes: Read) -> None:
    """Four deep; what lies deeper is not known."""
    record = FLAT.decode()
    for depth in range(1, 7):
        record = json.dumps({"message": record})
        account = read_bytes(record.encode())
        assert account.sources == (["flat"] if depth <= find.MAX_UNWRAPPING else [])
        assert account.unrecognised == (depth > find.MAX_UNWRAPPING)


def test_the_innermost_node_counts(read_bytes: Read) -> None:
    """A relay's name does not stand in for the node's."""
    inner = "Nov 22 00:40:31 node1 app[1]: TEXT x"
    account = read_bytes(json.dumps({"host": "relay", "message": inner}).encode())
    assert account.records == [("text", b"TEXT x", 1, "node1", 1)]
    account = read_bytes(json.dumps({"host": "node2", "log": {"message": "TEXT x"}}).encode())
    assert account.records == [("text", b"TEXT x", 1, "node2", 1)]


def test_what_a_source_knows_is_not_opened(read_bytes: Read) -> None:
    """An envelope-like member inside a record is the record's own."""
    record = b'{"deep":{"id":1},"message":"TEXT x"}'
    assert found(read_bytes(record)) == [("deep", record, 1)]


def test_the_first_candidate_that_is_a_record_counts(read_bytes: Read) -> None:
    """In the Elastic Common Schema `log` is about the file."""
    account = read_bytes(b'{"log":{"file":{"path":"/x"}},"message":"TEXT x"}')
    assert found(account) == [("text", b"TEXT x", 1)]


def test_an_envelope_of_nothing_known_is_one_record(read_bytes: Read) -> None:
    """Looking into it in vain counts nothing twice."""
    account = read_bytes(b'{"message":"nothing","log":{"msg":"nothing"},"events":[{"a":1},{"b":2}]}\n{"message":"{"}')
    assert (account.records, account.unrecognised, account.rejected) == ([], 2, 0)


def test_a_list_that_only_looks_like_one_counts_by_its_elements_if_one_is_known(read_bytes: Read) -> None:
    """`events` is a list of records where it holds one, else a member like any other."""
    account = read_bytes(b'{"events":[{"flat":1},{"x":1},5]}\n{"events":[{"x":1}]}\n{"events":[]}')
    assert (account.sources, account.unrecognised) == (["flat"], 2 + 1 + 1)


def test_an_empty_list_is_no_record(read_bytes: Read) -> None:
    """`kubectl get pods` where there are none."""
    account = read_bytes(b'{"kind":"PodList","apiVersion":"v1","items":[]}')
    assert (account.records, account.unrecognised, account.blank) == ([], 0, 1)


def test_elements_of_a_list_are_bounded(read_bytes: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies beyond the bound is counted as rejected, so that nothing vanishes."""
    monkeypatch.setattr(find, "MAX_ELEMENTS", 10)
    account = read_bytes(b'{"kind":"List","items":[' + b",".join([FLAT] * 25) + b"]}\n" + FLAT)
    assert (len(account.records), account.rejected) == (11, 15)


def test_elements_get_the_kind_of_their_list(read_bytes: Read, toys: Mapping[str, Source]) -> None:
    """The element that a source sees says what it is."""
    account = read_bytes(b'{"kind":"FlatList","apiVersion":"v1","items":[{"deep":{"id":1}}]}')
    assert found(account) == [("deep", b'{"kind":"Flat","apiVersion":"v1","deep":{"id":1}}', 1)]


def test_a_record_that_was_cut_in_pieces_is_put_together(read_bytes: Read) -> None:
    """It counts as many records as it has lines, and keeps the number of the first."""
    text = "\n".join([
        '2026-09-21T06:00:00.1Z stdout P {"deep":',
        "2026-09-21T06:00:00.1Z stderr F TEXT between",
        '2026-09-21T06:00:00.1Z stdout P {"id"',
        "2026-09-21T06:00:00.1Z stdout F :1}}",
        "2026-09-21T06:00:00.1Z stdout P unfin",
    ])  # fmt: skip
    account = read_bytes(text.encode())
    assert account.records == [("text", b"TEXT between", 2, None, 1), ("deep", DEEP, 1, None, 3)]
    assert (account.unrecognised, account.lines) == (1, 5)


def test_a_line_that_docker_cut_is_put_together(read_bytes: Read) -> None:
    """The piece without a line feed goes on in the next line."""
    record = '{"deep":{"id":"' + "x" * 40_000 + '"}}'
    pieces = [record[start : start + 16_384] for start in range(0, len(record), 16_384)]
    lines = [
        {"log": piece + ("\n" if piece is pieces[-1] else ""), "stream": "stdout", "time": "2026-09-21T06:00:00Z"}
        for piece in pieces
    ]
    account = read_bytes("\n".join(map(json.dumps, lines)).encode())
    assert account.records == [("deep", record.encode(), 1, None, 3)]


# ------------------------------------------------------------------------------------------------ joined and headed


def test_lines_of_one_event_are_joined(read_bytes: Read) -> None:
    """Interleaved events come apart; the offset is the first line's, and each counts its lines."""
    account = read_bytes(b"JOINED 1 a\nJOINED 2 a\nJOINED 1 b\nJOINED x\nJOINED 2 b\nJOINED 1 c")
    assert account.records == [
        ("joined", b"JOINED x", 4, None, 1),
        ("joined", b"JOINED 1 a\nJOINED 1 b\nJOINED 1 c", 1, None, 3),
        ("joined", b"JOINED 2 a\nJOINED 2 b", 2, None, 2),
    ]
    assert account.lines == 6


def test_joined_lines_in_envelopes_keep_their_nodes_apart(read_bytes: Read) -> None:
    """Two nodes may use the same serial at the same time."""
    text = b"".join(
        b"Nov 22 00:40:31 %b audispd: JOINED 7 %b\n" % (node, part) for part in (b"a", b"b") for node in (b"n1", b"n2")
    )
    assert [(record[1], record[3]) for record in read_bytes(text).records] == [
        (b"JOINED 7 a\nJOINED 7 b", "n1"),
        (b"JOINED 7 a\nJOINED 7 b", "n2"),
    ]


def test_rows_get_their_header(read_bytes: Read) -> None:
    """Each row stands alone with the header lines above it; a second header replaces the first."""
    account = read_bytes(b"#a\n#b\nrow\t1\nanything 2\n#close\n\n#c\nrow\t3\n")
    assert found(account) == [
        ("table", b"#a\n#b\nrow\t1", 3),
        ("table", b"#a\n#b\nanything 2", 4),
        ("table", b"#close\n#c\nrow\t3", 8),
    ]
    assert (account.headers, account.blank, account.lines) == (4, 1, 8)


def test_other_records_among_rows_stay_what_they_are(read_bytes: Read) -> None:
    """A header claims only text that no source knows."""
    account = read_bytes(b"#a\n" + FLAT + b"\nTEXT x\n" + b'{"other":1}\nrow\t1\n')
    assert account.sources == ["flat", "text", "table"]
    assert account.unrecognised == 1


def test_a_header_is_bounded(read_bytes: Read) -> None:
    """A file of nothing but header lines does not grow each row without bound."""
    account = read_bytes((b"#" + b"x" * 10_000 + b"\n") * 3 + b"#" + b"y" * 20_000 + b"\nrow\t1\n")
    assert account.headers == 3
    assert [len(record[1]) for record in account.records] == [30_003, 10_007]


# ------------------------------------------------------------------------------------------------ a named source


@pytest.mark.parametrize(("data", "records"), [
    (b"anything\n", [b"anything"]),
    (b'{"other":1}\n', [b'{"other":1}']),
    (DEEP + b"\n", [DEEP]),
    (PRETTY, [PRETTY]),
    (b'[{"a":1},' + DEEP + b"]", [b'{"a":1}', DEEP]),
    (b'{"message":"{\\"deep\\":{\\"id\\":1}}"}', [DEEP]),
    (b'{"message":"something else"}', [b'{"message":"something else"}']),
    (b'{"kind":"List","items":[{"a":1}]}', [b'{"a":1}']),
])  # fmt: skip
def test_a_named_source_gets_everything(
    read_bytes: Read, toys: Mapping[str, Source], data: bytes, records: list[bytes]
) -> None:
    """What is recognised inside an envelope is taken out; all else goes to the source as it is."""
    account = read_bytes(data, recogniser=Recogniser({"deep": toys["deep"]}, forced="deep"))
    assert [record[:2] for record in account.records] == [("deep", record) for record in records]


def test_a_named_source_gets_no_half_records(read_bytes: Read, toys: Mapping[str, Source]) -> None:
    """What is broken JSON is rejected by the reader already."""
    account = read_bytes(b'{"a":"\n' + DEEP, recogniser=Recogniser({"deep": toys["deep"]}, forced="deep"))
    assert (account.sources, account.rejected) == (["deep"], 1)
