"""Turns an element of a page into blocks, in the order in which its text is read."""

import re
from collections.abc import Iterator
from typing import Any

from tidewaiter.edge.article_blocks import Blocks, one_line
from tidewaiter.intel.article import BlockKind

_BLOCK_TAGS = frozenset(
    {"address", "article", "aside", "blockquote", "body", "center", "dd", "details", "div", "dl", "dt", "fieldset"}
    | {"figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li", "listing"}
    | {"main", "menu", "ol", "p", "pre", "section", "summary", "table", "ul", "xmp", "caption", "tr", "td", "th"}
    | {"tbody", "thead", "tfoot"}
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_CODE_TAGS = frozenset({"pre", "listing", "xmp"})
_GUTTER = re.compile(
    r"(?:^|[\s_-])(?:line-?no|line-?nos|line-?numbers?|linenodiv|gutter|blob-num|hljs-ln-numbers|rouge-gutter)(?:$|[\s_-])",
    re.I,
)
_ANCHOR_TEXTS = frozenset({"#", "¶", "§", "🔗", "permalink", "link", "anchor", ""})
_LINE_TAGS = frozenset({"div", "p", "li", "tr", "pre"})
_LINE_BEGINS = "\x02"
"""Stands, while code is read, where an element begins a line, unless one begins there anyway."""
_DEEPEST = 120
_MOST_TABLES = 8
"""In each other; deeper ones are read as prose."""
_WIDEST_SPAN = 50


class Walk:
    """One walk over an article's elements."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._text: list[str] = []
        self._links: list[str] = []

    def element(self, part: Any) -> None:
        """Add an element's blocks."""
        self._within(part, "paragraph", 0)
        self._flush("paragraph")

    def _flush(self, kind: BlockKind) -> None:
        """End the running text."""
        if self._text:
            self._blocks.prose(kind, "".join(self._text), self._links)
        self._text, self._links = [], []

    def _within(self, part: Any, kind: BlockKind, depth: int) -> None:
        """The text of an element and of what is in it; running text is of the given kind."""
        self._say(part.text)
        for child in part:
            if isinstance(child.tag, str):
                self._child(child, kind, depth)
            self._say(child.tail)

    def _say(self, text: str | None) -> None:
        if text:
            self._text.append(text.replace("\n", " "))

    def _child(self, child: Any, kind: BlockKind, depth: int) -> None:
        tag = child.tag.lower()
        if tag == "br":
            self._text.append("\n")
        elif depth >= _DEEPEST:
            self._say(" ".join(child.itertext()))
        elif tag not in _BLOCK_TAGS:
            self._inline(child, kind, depth)
        else:
            self._flush(kind)
            self._block(child, tag, kind, depth)

    def _inline(self, child: Any, kind: BlockKind, depth: int) -> None:
        if child.tag == "a":
            protected = _unprotected(child)
            if protected:
                self._text.append(protected)
                return
            target = (child.get("href") or "").strip()
            if target and not target.startswith("#"):
                self._links.append(target)
        elif child.get("data-cfemail"):
            self._text.append(_unprotected(child))
            return
        if child.tag == "code" and "\n" in (child.text or "") and not len(child) and len(child.text.strip()) > 80:
            self._flush(kind)
            self._blocks.code(child.text)
            return
        self._within(child, kind, depth + 1)

    def _block(self, child: Any, tag: str, kind: BlockKind, depth: int) -> None:
        if tag in _HEADINGS:
            text, links = _inline_text(child)
            self._blocks.heading(_HEADINGS[tag], text, links)
        elif tag in _CODE_TAGS or _is_listing(child):
            self._blocks.code(_code_text(child))
        elif tag == "table":
            self._table(child, kind, depth)
        elif tag == "dl":
            self._definitions(child, depth)
        else:
            inner: BlockKind = "list" if tag == "li" else "quote" if tag == "blockquote" else kind
            self._within(child, inner, depth + 1)
            self._flush(inner)

    def _definitions(self, found: Any, depth: int) -> None:
        """A term and what is said of it are one item."""
        for child in found.iter("dt", "dd"):
            if next(child.iterancestors("dt", "dd", "dl")) is not found:
                continue  # within one that was not closed, or in a list of its own
            if any(
                isinstance(inner.tag, str) and inner.tag in ("dl", "table", *_CODE_TAGS)
                for inner in child.iter()
                if inner is not child
            ):
                self._within(child, "list", depth + 1)
                self._flush("list")
                continue
            text, links = _inline_text(child)
            if child.tag == "dt":
                self._flush("list")
                self._text.append(f"{text}: " if text and not text.endswith(":") else f"{text} ")
            else:
                self._text.append(f"{text} ")
            self._links += links
        self._flush("list")

    # ------------------------------------------------------------------------------------------- tables

    def _table(self, found: Any, kind: BlockKind, depth: int) -> None:
        if sum(1 for _ in found.iterancestors("table")) >= _MOST_TABLES:
            self._within(found, kind, depth + 1)
            self._flush(kind)
            return
        rows = list(_rows(found))
        cells = [cell for row in rows for cell in row]
        numbered = [cell for cell in cells if _GUTTER.search(_names(cell)) or cell.get("data-line-number")]
        if numbered:
            self._blocks.code("\n".join(_code_text(cell) for cell in cells if cell not in numbered))
        elif _is_layout(found, rows):
            for row in rows:
                for cell in row:
                    self._within(cell, kind, depth + 2)
                    self._flush(kind)
        else:
            for caption in found.iterfind("caption"):
                self._blocks.prose("paragraph", *_inline_text(caption))
            self._rows(rows)

    def _rows(self, rows: list[list[Any]]) -> None:
        columns: list[str] = []
        spans: dict[int, tuple[int, str]] = {}
        """Column -> how many rows below still have this cell, and its text."""
        for number, row in enumerate(rows):
            links: list[str] = []
            cells: list[str] = []
            for cell in row:
                while len(cells) in spans:
                    cells.append(_spanned(spans, len(cells)))
                text, found = _inline_text(cell)
                links += found
                below = _span(cell, "rowspan") - 1
                for _ in range(_span(cell, "colspan")):
                    if below > 0:
                        spans[len(cells)] = (below, text)
                    cells.append(text)
            while len(cells) in spans:
                cells.append(_spanned(spans, len(cells)))
            is_head = bool(row) and (all(cell.tag == "th" for cell in row) or _is_in_head(row[0]))
            if (is_head and len(row) > 1 and (not columns or _is_in_head(row[0]))) or (
                number == 0 and len(rows) > 2 and len(row) > 1 and _is_bold(row)
            ):
                columns = cells
            else:
                self._blocks.row(cells, columns, links)


def _rows(table: Any) -> Iterator[list[Any]]:
    """The rows of a table, without those of tables in it."""
    for row in table.iter("tr"):
        if next(row.iterancestors("table"), None) is table:
            yield [cell for cell in row if cell.tag in ("td", "th")]


def _is_layout(table: Any, rows: list[list[Any]]) -> bool:
    """Whether a table only puts things beside each other: it holds tables, headings, or one cell a row with prose."""
    if table.get("role") in ("presentation", "none"):
        return True
    inner = {one.tag for one in table.iterdescendants() if isinstance(one.tag, str)}
    if inner & {"table", "h1", "h2", "h3"}:
        return True
    return all(len(row) <= 1 for row in rows) and bool(inner & {"p", "div", "ul", "ol", "pre"})


def _is_in_head(cell: Any) -> bool:
    return bool(next(cell.iterancestors("thead", "table")).tag == "thead")


def _is_bold(row: list[Any]) -> bool:
    """Whether each cell's whole text is bold: a header by looks."""
    for cell in row:
        bold = "".join("".join(one.itertext()) for one in cell.iter("strong", "b")).strip()
        if not bold or bold != "".join(cell.itertext()).strip():
            return False
    return True


def _span(cell: Any, name: str) -> int:
    told = cell.get(name, "1").strip()
    return min(max(int(told), 1), _WIDEST_SPAN) if told.isascii() and told.isdigit() and len(told) < 6 else 1


def _spanned(spans: dict[int, tuple[int, str]], column: int) -> str:
    left, text = spans.pop(column)
    if left > 1:
        spans[column] = (left - 1, text)
    return text


# ------------------------------------------------------------------------------------------------ texts


def _inline_text(part: Any) -> tuple[str, list[str]]:
    """An element's text with a blank where a reader sees a gap, and where its links lead."""
    pieces: list[str] = []
    links: list[str] = []
    skipped: Any = None
    for event, one in _events(part):
        if skipped is not None:
            if event == "end" and one is skipped:
                skipped = None
                pieces.append(one.tail or "")
            continue
        if event == "start":
            protected = _unprotected(one)
            if protected or (one.tag == "a" and _is_anchor(one)):
                pieces.append(protected)
                skipped = one
                continue
            if one.tag == "a":
                links.append((one.get("href") or "").strip())
            pieces.append("\n" if one.tag == "br" or one.tag in _BLOCK_TAGS else "")
            pieces.append(one.text or "")
        elif one is not part:
            pieces.append("\n" if one.tag in _BLOCK_TAGS else "")
            pieces.append(one.tail or "")
    return "".join(pieces), [link for link in links if link and not link.startswith("#")]


def _events(part: Any) -> Iterator[tuple[str, Any]]:
    """`start` and `end` of each element, without recursion."""
    waiting = [(part, False)]
    while waiting:
        one, is_done = waiting.pop()
        if is_done:
            yield "end", one
            continue
        yield "start", one
        waiting.append((one, True))
        waiting.extend((child, False) for child in reversed(one) if isinstance(child.tag, str))


def _is_anchor(link: Any) -> bool:
    """Whether it is the mark beside a heading by which one links to it."""
    return (link.get("href") or "").startswith("#") and "".join(link.itertext()).strip().lower() in _ANCHOR_TEXTS


def _names(element: Any) -> str:
    return f"{element.get('class') or ''} {element.get('id') or ''}"


def _is_listing(element: Any) -> bool:
    """Whether a `div` only wraps numbered lines of code."""
    if element.tag not in ("div", "figure") or "highlight" not in _names(element):
        return False
    return (
        any(_GUTTER.search(_names(one)) for one in element.iter("td", "span", "pre", "div"))
        and element.find(".//pre") is not None
    )


def _code_text(part: Any) -> str:
    """Code as it stands, without numbers of lines; lines that are elements end in line feeds."""
    pieces: list[str] = []
    skipped: Any = None
    for event, one in _events(part):
        if skipped is not None:
            if event == "end" and one is skipped:
                skipped = None
                pieces.append(one.tail or "")
            continue
        if event == "start":
            if one is not part and (_GUTTER.search(_names(one)) or one.get("data-line-number")):
                skipped = one
                continue
            if one.tag == "br":
                pieces.append("\n")
            elif one.tag in _LINE_TAGS:
                pieces.append(_LINE_BEGINS)
            pieces.append(one.text or "")
        elif one is not part:
            pieces.append(one.tail or "")
    return re.sub(rf"\A{_LINE_BEGINS}+|(?<=\n){_LINE_BEGINS}+", "", "".join(pieces)).replace(_LINE_BEGINS, "\n")


def _unprotected(element: Any) -> str:
    """An e-mail address that Cloudflare hides from robots: hex, each byte xor the first."""
    hidden = element.get("data-cfemail") or ""
    if not hidden and element.tag == "a" and "/cdn-cgi/l/email-protection#" in (element.get("href") or ""):
        hidden = element.get("href").rpartition("#")[2]
    if not re.fullmatch(r"(?:[0-9a-fA-F]{2}){4,160}", hidden):
        return ""
    raw = bytes.fromhex(hidden)
    return one_line(bytes(byte ^ raw[0] for byte in raw[1:]).decode("utf-8", "replace"))
