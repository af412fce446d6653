"""Proves how records are taken out of envelopes, put together from lines, and given their headers."""

import json
from collections.abc import Mapping

import pytest
from streams import DEEP, FLAT, Read, found

from tidewaiter.edge import find
from tidewaiter.sources import Source

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
