"""Turns text into its sentences, each with its place.

Written by hand, for what libraries split wrongly in reports: `setup.py`, `evil[.]com`, `v1.2.3`, `192.0.2.1`, `e.g.`.
Such points stand inside a word; a sentence ends only at white space. Every pass over the text is linear.
"""

import re
from collections.abc import Iterator

import msgspec

from tidewaiter.intel.article import Article, Block

MAX_SENTENCE = 2000
"""Characters; what is longer is cut at white space."""
_WORD = re.compile(r"\S{1,4000}")
_PARAGRAPH = re.compile(r"\n[ \t]*(?=\n)|\n[ \t]*(?=(?:[-*•‣]|\d{1,3}[.)])[ \t])")
_CLOSERS = "\"'”’»)]}*_`"
_OPENERS = "\"'“‘«([{*_`"
_ENDS = ".!?…。！？"  # the last three end sentences in Chinese and Japanese
_NEVER_WORDS = (
    "e.g i.e eg ie vs cf viz approx aka a.k.a resp incl esp fig figs eq sec ch ver mr mrs ms dr prof st gen col lt sgt"
    " no nos vol pp ed eds al jan feb mar apr jun jul aug sept oct nov dec"
)
_NEVER = frozenset(_NEVER_WORDS.split())
"""Abbreviations that something follows, without their last point."""
_SELDOM_WORDS = "etc inc ltd corp co llc gmbh u.s u.k e.u u.n a.m p.m ph.d d.c jr sr"
_SELDOM = frozenset(_SELDOM_WORDS.split())
"""Abbreviations that end a sentence only where a word follows that opens one."""
_OPENING_WORDS = (
    "the a an this that these those it its they their there he she we our you in on at as by for from with when while"
    " after before once since if but however although also both each all some most many no not to using during upon"
    " according additionally furthermore finally then next first second another here researchers attackers"
)
_OPENING = frozenset(_OPENING_WORDS.split())


class Sentence(msgspec.Struct, frozen=True):
    """One sentence of a text."""

    text: str
    offset: int
    """In characters, in the text that it was taken from."""


class Told(msgspec.Struct, frozen=True):
    """One sentence of an article, with the block that it stands in."""

    text: str
    offset: int
    """In the article's text."""
    block: Block


def sentences(text: str) -> Iterator[Sentence]:
    """The sentences of a text, in order, without white space around them. They cover all that is not white space."""
    start = 0
    for gap in [*_PARAGRAPH.finditer(text), None]:
        end = gap.start() if gap is not None else len(text)
        yield from _of_paragraph(text, start, end)
        start = end


def _of_paragraph(text: str, start: int, end: int) -> Iterator[Sentence]:
    words = list(_WORD.finditer(text, start, end))
    first = 0
    for place, word in enumerate(words):
        following = words[place + 1] if place + 1 < len(words) else None
        is_long = following is not None and following.end() - words[first].start() > MAX_SENTENCE
        if following is None or is_long or _ends(word.group(), following.group(), place == first):
            begin = words[first].start()
            yield Sentence(text[begin : word.end()], begin)
            first = place + 1


def _ends(word: str, following: str, is_first: bool) -> bool:
    """Whether a sentence ends after a word, given the next one."""
    bare = word.rstrip(_CLOSERS)
    if not bare or bare[-1] not in _ENDS:
        return False
    opening = following.lstrip(_OPENERS)
    if not opening or opening[0].islower():
        return False
    if bare[-1] != ".":
        return True
    stem = bare[:-1].lstrip(_OPENERS)
    low = stem.lower()
    if low in _NEVER or (is_first and stem.isdigit()):
        return False
    if low in _SELDOM or (len(stem) == 1 and stem.isalpha() and stem.isupper()):
        return opening.rstrip(",.:;").lower() in _OPENING
    return True


def sentences_of(article: Article) -> Iterator[Told]:
    """All sentences of an article. A row of a table and a line of code count as one each."""
    for block in article.blocks:
        found: Iterator[Sentence]
        if block.kind == "table":
            found = _pieces(block.text, 0)
        elif block.kind == "code":
            found = _lines(block.text)
        else:
            found = sentences(block.text)
        for one in found:
            yield Told(one.text, block.offset + one.offset, block)


def _lines(text: str) -> Iterator[Sentence]:
    offset = 0
    for line in text.split("\n"):
        yield from _pieces(line, offset)
        offset += len(line) + 1


def _pieces(line: str, offset: int) -> Iterator[Sentence]:
    """A line or a row, in pieces of bounded length."""
    for start in range(0, len(line), MAX_SENTENCE):
        piece = line[start : start + MAX_SENTENCE]
        bare = piece.strip()
        if bare:
            yield Sentence(bare, offset + start + piece.index(bare[0]))


def quoted(text: str, most: int = 300) -> str:
    """A sentence as a quotation of bounded length, on one line."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[:most].rsplit(' ', 1)[0][:most]} …"
