"""Turns a PDF's pages into blocks: lines joined to paragraphs, running heads left out, broken hashes put together."""

import io
import logging
import re
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from tidewaiter.edge.article_blocks import Blocks, one_line
from tidewaiter.edge.article_fault import ArticleError, needed
from tidewaiter.edge.article_text import text_blocks

_MOST_PAGES = 1000
_MOST_CONTENT = 8 * 1024 * 1024
"""Of one page's drawing instructions."""
_WHOLE_S = 90.0
_MOST_OUTLINE = 2000
_FEW = 40
"""Letters a page: with less, what is there to read is a picture."""
_HEX_CUT = re.compile(
    r"(?<![0-9A-Za-z])([0-9a-f]{8,127}|[0-9A-F]{8,127})[ \t]*\n[ \t]*([0-9a-f]{1,120}|[0-9A-F]{1,120})(?![0-9A-Za-z])"
)
_HASH_LENGTHS = frozenset({32, 40, 64, 128})
_HYPHEN = re.compile(r"([a-z])[-\u2010]\n([a-z]{2,})")
_DATE = re.compile(r"D:(\d{4})(\d\d)(\d\d)")


_SILENT = logging.NullHandler()


class PdfAbout(msgspec.Struct):
    """What a PDF says of itself."""

    title: str | None = None
    date: str | None = None


def pdf_blocks(data: bytes, shown: str, blocks: Blocks) -> PdfAbout:
    """Add the blocks of a PDF. Raises `ArticleError`."""
    pypdf = needed("pypdf")
    logging.getLogger("pypdf").addHandler(_SILENT)  # what it has to say of faults is not what a user can mend
    try:
        reader = pypdf.PdfReader(io.BytesIO(data), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise ArticleError(f"{shown}: is an encrypted PDF; save it without its password and try again")
        if len(reader.pages) > _MOST_PAGES:
            raise ArticleError(f"{shown}: is a PDF of more than {_MOST_PAGES} pages; no article is")
        pages = list(_texts(reader, shown))
        told, outline = _about(reader), list(_outline(reader))
    except ArticleError:
        raise
    except Exception as error:
        name = one_line(str(error))[:120] or type(error).__name__
        raise ArticleError(f"{shown}: is a broken PDF: {name}") from None
    letters = sum(character.isalnum() for page in pages for character in page)
    if letters < _FEW * max(1, len(pages)):
        raise ArticleError(
            f"{shown}: is a PDF of pictures, or an empty one: {letters} letters on {len(pages)} pages; run it through "
            "text recognition (ocrmypdf) first"
        )
    text_blocks(_whole("\n\n".join(_without_running_heads(pages))), blocks, outline)
    return told


def _texts(reader: Any, shown: str) -> Iterator[str]:
    end = time.monotonic() + _WHOLE_S
    for number, page in enumerate(reader.pages, 1):
        contents = page.get_contents()
        if contents is not None and len(contents.get_data()) > _MOST_CONTENT:
            raise ArticleError(f"{shown}: is a PDF whose page {number} is drawn with more than 8 MiB; it was not read")
        yield page.extract_text() or ""
        if time.monotonic() > end:
            raise ArticleError(f"{shown}: is a PDF that takes longer than {_WHOLE_S:.0f} seconds to read")


def _about(reader: Any) -> PdfAbout:
    told = reader.metadata or {}
    title, date = told.get("/Title"), _DATE.match(str(told.get("/CreationDate") or ""))
    return PdfAbout(
        one_line(str(title))[:400] or None if title else None, f"{date[1]}-{date[2]}-{date[3]}" if date else None
    )


def _outline(reader: Any) -> Iterator[str]:
    """The titles of its table of contents."""
    waiting, count = [reader.outline], 0
    while waiting and count < _MOST_OUTLINE:
        for one in waiting.pop():
            count += 1
            if isinstance(one, list):
                waiting.append(one)
            elif isinstance(getattr(one, "title", None), str):
                yield one.title


def _without_running_heads(pages: list[str]) -> Iterator[str]:
    """Pages without lines that stand at the top or the bottom of most of them."""
    ends = [_ends(page) for page in pages]
    counts = Counter(_numberless(line) for found in ends for line in found)
    common = {line for line, count in counts.items() if count >= max(3, len(pages) * 0.5)}
    for page, found in zip(pages, ends, strict=True):
        running = {line for line in found if _numberless(line) in common}
        yield "\n".join(line for line in page.split("\n") if line.strip() not in running)


def _ends(page: str) -> set[str]:
    lines = [line.strip() for line in page.split("\n") if line.strip()]
    return {*lines[:2], *lines[-2:]}


def _numberless(line: str) -> str:
    return re.sub(r"\d+", "#", line)


def _whole(text: str) -> str:
    """Words and hashes that a line's end cut are put together."""
    return _HYPHEN.sub(r"\1\2", _HEX_CUT.sub(_joined, _HEX_CUT.sub(_joined, text)))


def _joined(found: re.Match[str]) -> str:
    lengths = {len(found[1]), len(found[2])}
    # Two whole hashes below each other may add up to the length of a longer one; they are left alone.
    is_cut = sum(map(len, found.groups())) in _HASH_LENGTHS and not lengths <= _HASH_LENGTHS
    return found[1] + found[2] if is_cut else found[0]
