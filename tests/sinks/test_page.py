"""Proves how words become lines."""

from tidewaiter.sinks._page import RED, Page, Span, cells, cut_off, padded, painted_cells, shortened

PLAIN = Page(20, False)


def test_lines_break_at_blanks_and_hang() -> None:
    assert PLAIN.wrap([Span("one two three four five six")], "> ", "   ") == [
        "> one two three four",
        "   five six",
    ]


def test_word_that_fits_no_line_stays_whole() -> None:
    assert PLAIN.wrap([Span("a " + "b" * 30 + " c")], "", "  ") == ["a", "  " + "b" * 30, "  c"]


def test_glued_span_moves_to_the_next_line_as_one() -> None:
    spans = [Span("some text here"), Span("[source record]", glued=True)]
    assert PLAIN.wrap(spans, "", "") == ["some text here", "[source record]"]


def test_glued_span_that_fits_no_line_is_broken() -> None:
    assert PLAIN.wrap([Span("x"), Span("[source record:123456789]", glued=True)]) == ["x [source", "record:123456789]"]


def test_nothing_makes_one_empty_line() -> None:
    assert PLAIN.wrap([Span(""), Span("")]) == [""]


def test_colour_ends_on_the_line_it_began() -> None:
    lines = Page(12, True).wrap([Span("red words here", RED), Span("plain")])
    assert lines == ["\x1b[31mred words\x1b[0m", "\x1b[31mhere\x1b[0m plain"]


def test_colour_takes_no_room() -> None:
    assert painted_cells(Page(12, True).paint("four", RED)) == 4


def test_wide_characters_fill_two_cells() -> None:
    assert cells("東京a") == 5
    assert padded("東京", 6) == "東京  "
    assert PLAIN.wrap([Span("東京東京東京 東京東京")]) == ["東京東京東京", "東京東京"]


def test_shortened_keeps_both_ends() -> None:
    assert shortened("registry.example/team/name:1.2", 16) == "registr..ame:1.2"
    assert shortened("short", 16) == "short"
    assert cells(shortened("東京" * 20, 15)) <= 15


def test_cut_off_keeps_the_beginning() -> None:
    assert cut_off("untrusted (default)", 16) == "untrusted (def.."
    assert cut_off("trusted (ours)", 16) == "trusted (ours)"
