"""Proves how a stream of bytes becomes records: lines, documents, envelopes, joined lines, and the account of them."""

import json
from collections.abc import Mapping

import msgspec
import pytest
from streams import DEEP, FLAT, PRETTY, Read, found

from tidewaiter.edge import reader
from tidewaiter.edge.reader import ReadOptions
from tidewaiter.edge.recognise import Recogniser
from tidewaiter.edge.sieve import Sieve
from tidewaiter.sources import Skim, Source

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
