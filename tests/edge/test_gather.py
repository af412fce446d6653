"""Proves when lines that belong together become one record, and that little is ever open."""

import pytest

from tidewaiter.edge import gather
from tidewaiter.edge.gather import CLOSE_AFTER_GROUPS, Groups, Pieces


def test_lines_of_one_key_wait_until_others_overtook_them() -> None:
    """The group that was opened first closes when 64 more were opened after it."""
    groups = Groups()
    assert groups.add("s", b"first", b"1", 1, None) is None
    for number in range(CLOSE_AFTER_GROUPS - 1):
        assert groups.add("s", b"%d" % number, b"x", 2, None) is None
    assert groups.add("s", b"first", b"2", 70, None) is None
    closed = groups.add("s", b"one more", b"x", 71, None)
    assert closed is not None
    assert (closed.lines, closed.offset) == ([b"1", b"2"], 1)
    assert len(list(groups.close())) == CLOSE_AFTER_GROUPS
    assert list(groups.close()) == []


def test_sources_and_nodes_do_not_mix() -> None:
    """The same serial on two nodes is two events."""
    groups = Groups()
    for source, node in (("s", None), ("s", "n1"), ("t", "n1")):
        groups.add(source, b"key", b"x", 1, node)
    assert [(group.source, group.node) for group in groups.close()] == [("s", None), ("s", "n1"), ("t", "n1")]


def test_a_group_does_not_grow_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hostile key that never changes gives many records, not one that fills the memory."""
    monkeypatch.setattr(gather, "MAX_GROUP_LINES", 3)
    groups = Groups()
    closed = [groups.add("s", b"key", b"x", number, None) for number in range(7)]
    assert [len(group.lines) if group else 0 for group in closed] == [0, 0, 3, 0, 0, 3, 0]
    monkeypatch.setattr(gather, "LINE_LIMIT_BYTES", 10)
    assert groups.add("s", b"key", b"y" * 20, 8, None) is not None


def test_pieces_of_a_channel_are_put_together() -> None:
    """The piece that is not cut is the last; a whole line is none."""
    pieces = Pieces()
    assert pieces.add("stdout", b"whole", 1, None, is_cut=False) == (False, None)
    assert pieces.add("stdout", b"a", 2, None, is_cut=True) == (True, None)
    assert pieces.add("stderr", b"whole", 3, None, is_cut=False) == (False, None)
    assert pieces.add("stdout", b"b", 4, None, is_cut=True) == (True, None)
    is_taken, whole = pieces.add("stdout", b"c", 5, None, is_cut=False)
    assert is_taken
    assert whole is not None
    assert (whole.lines, whole.offset) == ([b"a", b"b", b"c"], 2)
    assert list(pieces.close()) == []


def test_pieces_do_not_grow_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """What never ends is given up when it is too large, and only so many channels are open."""
    monkeypatch.setattr(gather, "LINE_LIMIT_BYTES", 10)
    monkeypatch.setattr(gather, "MAX_CHANNELS", 2)
    pieces = Pieces()
    pieces.add("stdout", b"12345678", 1, None, is_cut=True)
    assert pieces.add("stdout", b"9012", 2, None, is_cut=True)[1] is not None
    pieces.add("stdout", b"x", 3, "n1", is_cut=True)
    pieces.add("stdout", b"x", 3, "n2", is_cut=True)
    assert pieces.add("stdout", b"x", 3, "n3", is_cut=True) == (False, None)
    assert len(list(pieces.close())) == 2
