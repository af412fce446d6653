"""Defines what an extractor finds in one block of text, before anybody has judged it."""

from bisect import bisect_right
from functools import cached_property

import msgspec

from tidewaiter.intel.article import Block
from tidewaiter.intel.briefing import IndicatorType
from tidewaiter.intel.refang import Refanged

MAX_HEADING = 200
"""Characters of a heading or of a column's name that count."""
_MAX_HEADINGS = 8
_MAX_COLUMNS = 32


class Passage(msgspec.Struct, frozen=True, dict=True):
    """One block, with its text made plain."""

    block: Block
    plain: Refanged
    labels: tuple[str, ...] = ()
    """Introductions that hold for it, outermost first."""

    @property
    def text(self) -> str:
        """The plain text, in which extractors search."""
        return self.plain.text

    @cached_property
    def headings(self) -> tuple[str, ...]:
        """The innermost headings above it, outermost first, cut."""
        return tuple(heading[:MAX_HEADING] for heading in self.block.headings[-_MAX_HEADINGS:])

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of the first columns of its table, cut."""
        return tuple(name[:MAX_HEADING] for name in self.block.columns[:_MAX_COLUMNS])

    @cached_property
    def _columns(self) -> list[tuple[int, int, str]]:
        found, at = [], 0
        for index, cell in enumerate(self.block.cells):
            place = self.block.text.find(cell, at, at + len(cell) + 16) if cell else -1
            if place >= 0:
                at = place + len(cell)
                name = self.columns[index] if index < len(self.columns) else ""
                found.append((place, at, name))
        return found

    def cell(self, start: int) -> tuple[str, str]:
        """The name of the column and the cell of a row's text at a place of the plain text; both empty elsewhere."""
        place = self.plain.origin(start)
        at = bisect_right(self._columns, place, key=lambda column: column[0]) - 1
        if at < 0 or place >= self._columns[at][1]:
            return "", ""
        begin, end, name = self._columns[at]
        return name, self.block.text[begin:end]


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One value of one type at one place of a passage's plain text."""

    type: IndicatorType
    value: str
    """In normal form."""
    start: int
    end: int
    port: int | None = None
    role: str | None = None
    doubt: str | None = None
    """Why it is probably something else than its shape says; None where nothing speaks against it."""
    inside: bool = False
    """Whether it is a part of another candidate: the host of a URL."""
