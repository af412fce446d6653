"""Turns words with styles into lines of a given width, plain or with colours.

Rules
- Everything that comes in as text must have been made visible (`_escape`): a cell is one character, or two where the
  character is wide.
- Colours are SGR codes only, and each line ends what it began, so that pagers and cut output stay right.
"""

import re
import unicodedata
from collections.abc import Iterable
from itertools import groupby

import msgspec

BOLD, DIM = "1", "2"
RED, GREEN, YELLOW, CYAN = "31", "32", "33", "36"


_SGR = re.compile(r"\x1b\[[0-9;]*m")


class Span(msgspec.Struct, frozen=True):
    """A piece of text in one style."""

    text: str
    style: str = ""
    """SGR parameters, e.g. `1;31`; empty for plain."""
    glued: bool = False
    """True: not broken at its blanks where it fits on a line of its own."""


class Page(msgspec.Struct, frozen=True):
    """How wide, and whether coloured."""

    width: int
    color: bool

    def paint(self, text: str, style: str) -> str:
        """The text in a style, where colours are wanted; blanks at its end stay plain."""
        words = text.rstrip(" ")
        if not (self.color and style and words):
            return text
        return f"\x1b[{style}m{words}\x1b[0m{text[len(words) :]}"

    def wrap(self, spans: Iterable[Span], first: str = "", hang: str = "") -> list[str]:
        """Lines of at most `width` cells, the first after `first`, the others after `hang` (text already painted).

        Spans follow each other with one blank between; runs of blanks inside them count as one. Only a word longer
        than a line makes a line longer.
        """
        indent = painted_cells(hang)
        lines: list[str] = []
        line: list[Span] = []
        used = painted_cells(first)
        for span in spans:
            for word in _words(span, self.width - indent):
                size = cells(word)
                if line and used + 1 + size > self.width:
                    lines.append(self._line(hang if lines else first, line))
                    line, used = [], indent
                used += size + bool(line)
                line.append(Span(word, span.style))
        return [*lines, self._line(hang if lines else first, line)]

    def _line(self, indent: str, words: list[Span]) -> str:
        runs = (
            (style, " ".join(word.text for word in run)) for style, run in groupby(words, key=lambda word: word.style)
        )
        return (indent + " ".join(self.paint(text, style) for style, text in runs)).rstrip()


def cells(text: str) -> int:
    """How many cells of a terminal the text fills."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def painted_cells(text: str) -> int:
    """How many cells a line with our own colours fills."""
    return cells(unpainted(text))


def unpainted(text: str) -> str:
    """A line without our own colours."""
    return _SGR.sub("", text)


def padded(text: str, width: int) -> str:
    """The text filled with blanks to a width in cells."""
    return text + " " * (width - cells(text))


def shortened(text: str, width: int) -> str:
    """The text cut in its middle to a width in cells: names differ at their ends."""
    if cells(text) <= width:
        return text
    tail = (width - 2) // 2
    head = width - 2 - tail
    return f"{_prefix(text, head)}..{_prefix(text[::-1], tail)[::-1]}"


def cut_off(text: str, width: int) -> str:
    """The text cut at its end to a width in cells."""
    return text if cells(text) <= width else f"{_prefix(text, width - 2)}.."


def _prefix(text: str, width: int) -> str:
    taken = 0
    for place, char in enumerate(text):
        taken += cells(char)
        if taken > width:
            return text[:place]
    return text


def _words(span: Span, room: int) -> list[str]:
    words = [word for word in span.text.split(" ") if word]
    whole = " ".join(words)
    return [whole] if words and span.glued and cells(whole) <= room else words
