"""Turns pieces of text, in the order in which they are read, into the blocks of an article, each with its place."""

import re
from collections.abc import Iterable, Sequence

from tidewaiter.edge.article_fault import MAX_CHARACTERS, ArticleError
from tidewaiter.intel.article import Block, BlockKind

_INVISIBLE = re.compile("[\u00ad\u200b\u200c\u2060\ufeff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Soft hyphens, zero width spaces and changes of direction: no reader sees them, and they split what is looked for."""
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_BLANKS = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" *\n\s*")
_MOST_BLOCKS = 100_000
_MOST_CELLS = 200
_MOST_LINKS = 200
_MOST_LINK = 4096
_MOST_HEADING = 300


class Blocks:
    """The blocks of one article, as they are collected."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._found: list[Block] = []
        self._size = 0
        self._headings: list[tuple[int, str]] = []

    def heading(self, level: int, text: str, links: Sequence[str] = ()) -> None:
        """A heading: 1 is the outermost."""
        text = one_line(text)
        if text:
            while self._headings and self._headings[-1][0] >= level:
                self._headings.pop()
            self._add("heading", text, links=links)
            self._headings.append((level, text[:_MOST_HEADING]))

    def prose(self, kind: BlockKind, text: str, links: Sequence[str] = ()) -> None:
        """A paragraph, an item of a list, or a quotation; a line feed is one that the reader sees."""
        text = _LINES.sub("\n", _BLANKS.sub(" ", visible(text))).strip()
        if text:
            self._add(kind, text, links=links)

    def code(self, text: str) -> None:
        """Code: its lines and blanks stay."""
        lines = [line.rstrip() for line in visible(text).expandtabs(4).split("\n")]
        while lines and not lines[0]:
            lines.pop(0)
        while lines and not lines[-1]:
            lines.pop()
        if lines:
            self._add("code", "\n".join(lines))

    def row(self, cells: Iterable[str], columns: Sequence[str] = (), links: Sequence[str] = ()) -> None:
        """A row of a table."""
        told = tuple(one_line(cell) for cell in cells)[:_MOST_CELLS]
        if any(told):
            names = tuple(one_line(name) for name in columns)[:_MOST_CELLS]
            self._add("table", " | ".join(told), links=links, cells=told, columns=names)

    def done(self) -> tuple[Block, ...]:
        """All blocks."""
        return tuple(self._found)

    @property
    def size(self) -> int:
        """Characters so far."""
        return self._size

    def _add(
        self,
        kind: BlockKind,
        text: str,
        links: Sequence[str] = (),
        cells: tuple[str, ...] = (),
        columns: tuple[str, ...] = (),
    ) -> None:
        headings = tuple(name for _, name in self._headings)
        kept = tuple(link for link in dict.fromkeys(links) if link and len(link) <= _MOST_LINK)[:_MOST_LINKS]
        self._found.append(Block(kind, text, self._size, headings, cells, columns, kept))
        self._size += len(text) + 1
        if self._size > MAX_CHARACTERS:
            raise ArticleError(f"{self._shown}: holds more text than {MAX_CHARACTERS} characters; no article does")
        if len(self._found) > _MOST_BLOCKS:
            raise ArticleError(f"{self._shown}: holds more than {_MOST_BLOCKS} paragraphs; no article does")


def visible(text: str) -> str:
    """Text without what nobody sees."""
    return _CONTROLS.sub(" ", _INVISIBLE.sub("", text)) if not text.isascii() or not text.isprintable() else text


def one_line(text: str) -> str:
    """Visible text in one line."""
    return " ".join(visible(text).split())
