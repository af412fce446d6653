"""Turns plain text into blocks: headings, paragraphs, lists, rows and code, by the way they are laid out."""

import itertools
import re
from collections.abc import Sequence

from tidewaiter.edge.article_blocks import Blocks

_ITEM = re.compile(r"\s{0,12}(?:[-*+•‣◦·]|\(?\d{1,3}[.)]|[a-z]\))\s+(?=\S)")
_UNDERLINE = re.compile(r"\s{0,3}(={3,}|-{3,}|~{3,})\s*\Z")
_NUMBERED = re.compile(r"(?:\d{1,2}\.){1,4}\s+[A-Z]|(?:[A-Z]|[IVX]{1,5})\.\s+[A-Z]")
_RULE = re.compile(r"\s*[-=_*#+|:~\s]{3,}\Z")
_DOCUMENT = re.compile(r"\s*[\[{]\s*[\"{\[]")
_GAP = re.compile(r"[ \t]{2,}")
_PROSE_COLUMNS = 50
_MOST_HEADING = 90


def text_blocks(text: str, blocks: Blocks, outline: Sequence[str] = ()) -> None:
    """Add the blocks of a text. `outline` names lines that are known to be headings."""
    if _DOCUMENT.match(text) and text.rstrip()[-1:] in ("}", "]"):
        blocks.code(text)
        return
    known = frozenset(" ".join(name.split()).lower() for name in outline)
    paragraph: list[str] = []
    for line in text.split("\n"):
        if line.strip():
            if " ".join(line.split()).lower() in known:
                _paragraph(paragraph, blocks, False)
                paragraph = []
                blocks.heading(2, line)
            else:
                paragraph.append(line)
        elif paragraph:
            _paragraph(paragraph, blocks, not known)
            paragraph = []
    _paragraph(paragraph, blocks, False)


def _paragraph(lines: list[str], blocks: Blocks, may_be_heading: bool) -> None:
    """Lines without a blank one between them."""
    while len(lines) > 1 and _UNDERLINE.match(lines[1]) and len(lines[0].strip()) <= _MOST_HEADING:
        blocks.heading(1 if "=" in lines[1] else 2, lines[0])
        lines = lines[2:]
    lines = [line for line in lines if not _RULE.match(line)]
    if not lines:
        return
    if len(lines) == 1 and may_be_heading and _is_heading(lines[0].strip()):
        blocks.heading(2, lines[0].strip().rstrip(":"))
        return
    if len(lines) > 1 and _is_heading(lines[0].strip()) and lines[0].strip().endswith(":"):
        blocks.heading(3, lines[0].strip().rstrip(":"))
        lines = lines[1:]
    table = _rows(lines)
    if table is not None:
        _add_table(table, blocks)
    elif len(lines) > 1 and all(line.startswith(("    ", "\t")) for line in lines):
        blocks.code("\n".join(lines))
    else:
        _prose(lines, blocks)


def _is_heading(line: str) -> bool:
    """One short line by itself that is no sentence."""
    if not line or len(line) > _MOST_HEADING or line[-1] in ".,;!?)" or not any(c.isalpha() for c in line):
        return False
    words = line.split()
    if len(words) > 12 or (_ITEM.match(line) and not _NUMBERED.match(line)):
        return False
    if any(_is_value(word) for word in words):
        return False
    return line.isupper() or _NUMBERED.match(line) is not None or line.endswith(":") or line[0].isupper()


def _is_value(word: str) -> bool:
    """Something with a dot, a slash or digits among letters inside: a name, an address, a hash."""
    return re.search(r"\w[.\[\]/\\:@=_]\S*\w|[0-9a-fA-F]{16}", word) is not None


def _rows(lines: Sequence[str]) -> list[list[str]] | None:
    """The cells of lines that are rows: between bars, after tabulators, or set apart by blanks in as many columns."""
    for mark in ("|", "\t"):
        if len(lines) > 1 and all(mark in line.strip().strip("|") for line in lines):
            return [[cell.strip() for cell in line.strip().strip("|").split(mark)] for line in lines]
    cells = [_GAP.split(line.strip()) for line in lines]
    if len(lines) > 2 and len(cells[0]) > 1 and len({len(row) for row in cells}) == 1:
        return cells
    return None


def _add_table(rows: list[list[str]], blocks: Blocks) -> None:
    columns = rows[0] if all(cell and len(cell) <= 40 and not _is_value(cell) for cell in rows[0]) else []
    for cells in rows[1:] if columns else rows:
        blocks.row(cells, columns)


def _prose(lines: Sequence[str], blocks: Blocks) -> None:
    """Items of lists, and lines joined where they were only folded."""
    kept: list[str] = []
    is_item = False

    def flush() -> None:
        if kept:
            blocks.prose("list" if is_item else "paragraph", _joined(kept))
            kept.clear()

    for line in lines:
        item = _ITEM.match(line)
        if item is not None:
            flush()
            is_item = True
            kept.append(line[item.end() :])
        else:
            if is_item and kept and not line.startswith((" ", "\t")) and len(kept[-1]) < _PROSE_COLUMNS:
                flush()
                is_item = False
            kept.append(line)
    flush()


def _joined(lines: Sequence[str]) -> str:
    """A long line with blanks before a line was folded there; a short one, or a value alone, ended where it ends."""
    text = lines[0].strip()
    for before, line in itertools.pairwise(lines):
        is_folded = len(before.strip()) >= _PROSE_COLUMNS and " " in before.strip() and " " in line.strip()
        is_last_word = len(before.strip()) >= _PROSE_COLUMNS and before.count(" ") > 4 and not _is_value(line.strip())
        text += (" " if is_folded or is_last_word else "\n") + line.strip()
    return text
