"""Proves that chunks become whole lines with their numbers, and that no line is kept growing without bound."""

from tidewaiter.edge.lines import Lines


def test_lines_are_numbered_from_one() -> None:
    """`number` is that of the line which completes next."""
    lines = Lines()
    assert lines.number == 1
    assert lines.feed(b"a\nb\nc") == [b"a", b"b"]
    assert lines.number == 3
    assert lines.feed(b"\n") == [b"c"]


def test_a_line_may_come_in_any_number_of_pieces() -> None:
    """What has begun is held until it ends."""
    lines = Lines()
    assert [line for piece in (b"on", b"e", b" line", b"\n\n", b"x") for line in lines.feed(piece)] == [
        b"one line",
        b"",
    ]
    assert lines.held_bytes == 1
    assert lines.take() == b"x"
    assert lines.held_bytes == 0


def test_carriage_returns_go_with_the_line_feed() -> None:
    """All of them, wherever the cut falls: a line that is read a second time stays the same."""
    assert Lines().feed(b"a\r\nb\r\r\nc\rd\n\r\n") == [b"a", b"b", b"c\rd", b""]
    lines = Lines()
    assert lines.feed(b"a\r") + lines.feed(b"\nb\r\r") + lines.feed(b"\n") == [b"a", b"b"]


def test_a_skipped_line_uses_up_its_number() -> None:
    """What is dropped ends with the next line feed, and the lines behind it keep their numbers."""
    lines = Lines()
    lines.feed(b"first\nvery lo")
    lines.skip()
    assert lines.feed(b"ng and longer") == []
    assert lines.held_bytes == 0
    assert lines.feed(b" still\nthird\n") == [b"third"]
    assert lines.number == 4
