"""Defines an article as everything after its reader sees it: blocks of text in order, each with its place."""

from typing import Literal

import msgspec

BlockKind = Literal["heading", "paragraph", "list", "table", "code", "quote"]


class Block(msgspec.Struct, frozen=True):
    """One block of an article's text. A table gives a block for each row, a list one for each item."""

    kind: BlockKind
    text: str
    """As a reader sees it: no markup, entities resolved, white space inside a line kept in code only."""
    offset: int
    """Where its text begins in `Article.text`, in characters."""
    headings: tuple[str, ...] = ()
    """The headings above it, outermost first."""
    cells: tuple[str, ...] = ()
    """Of a table's row."""
    columns: tuple[str, ...] = ()
    """Of a table's row: the names of its columns, where the table has a header."""
    links: tuple[str, ...] = ()
    """Targets of links in it, as written."""


class Article(msgspec.Struct, frozen=True):
    """One article."""

    title: str
    blocks: tuple[Block, ...]
    url: str | None = None
    publisher: str | None = None
    """Host of the URL, or the site's own name."""
    date: str | None = None
    """`YYYY-MM-DD`, as the article or its feed tells it."""
    sha256: str | None = None
    """Of the bytes that were read."""

    @property
    def text(self) -> str:
        """All blocks' texts, in order, with a line feed after each."""
        return "".join(f"{block.text}\n" for block in self.blocks)
