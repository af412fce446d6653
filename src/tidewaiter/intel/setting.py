"""Turns an article into passages, each with the words that introduce it, and into what the article as a whole is.

An introduction is a line that ends with a colon or stands alone without being a sentence; plain text has no other
headings. It holds for the lists, tables, listings and bare values that follow, until prose begins again.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator

import msgspec

from tidewaiter.intel import wording
from tidewaiter.intel.article import Article
from tidewaiter.intel.candidate import Passage
from tidewaiter.intel.names import registrable
from tidewaiter.intel.refang import refang

_WORD = re.compile(r"(?<![\w./\\@:-])[A-Za-z][a-z]{1,20}(?![\w/\\@:-])(?!\.\w)")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]\u201d]{0,2}\s+(?=[\"'(\[\u201cA-Z0-9])|\n\s*\n")
_PROSE_WORDS = 7
_WRAPPED = 45
_WORDS_FOR_LESSON = 60
_LESSON = re.compile(
    r"\b(?:you|your|let['\u2019]s|tutorial|guide|MUST|SHOULD|MAY|specification|implementations?|for example|"
    r"example|run|use|install)\b"
)
_LESSON_HEADING = re.compile(
    r"\b(?:tutorial|guide|how to|how do|getting started|introduction|beginners?|documentation|docs|specification|"
    r"reference manual|install\w*|usage|quick ?start|"
    r"readme|lab|course|explained|cheat ?sheet|under the hood|from the inside|best practices|release notes|"
    r"what(?: is|['\u2019]s)|walk-?through|workshop|example)\b",
    re.IGNORECASE,
)
_ONION = re.compile(r"(?i)(?<![a-z2-7])[a-z2-7]{56}\.onion\b|[\"']c2[\"']\s?:")
"""What stands in reports on hostile software and hardly anywhere else."""
_MAX_LABEL = 300
_MAX_EVIDENCE = 400
_THREAT_WORDS = 2
_WORDS_FOR_ONE = 250
"""A specification names attackers as well, now and then; who tells of an attack does so in every paragraph."""
_STEM = 6
_MANY_EDITS = 3
_BARE_WORDS = 40


class Facts(msgspec.Struct, frozen=True):
    """What an article as a whole is."""

    threat: bool
    """It tells of an attack, or it lists indicators."""
    teaches: bool
    """It tells of no attack and says how something is done or what something is: a tutorial, a manual, a "
    "specification."""
    title: str
    defangs: int
    """How many places are written so that nobody follows them."""
    own: frozenset[str]
    """Names by which its publisher's own site is known: registrable names, and letters of the publisher's name."""


def passages(article: Article) -> Iterator[Passage]:
    """Each block as a passage, with the introductions that hold for it, outermost first."""
    section, label = "", ""
    for block in article.blocks:
        plain = refang(block.text)
        if block.kind == "heading":
            section = label = ""
        elif block.kind in ("paragraph", "quote"):
            told = _introduction(plain.text)
            if told is None and is_prose(plain.text):
                label = ""
        yield Passage(block, plain, tuple(text for text in (section, label) if text))
        if block.kind in ("paragraph", "quote", "list"):
            told = _introduction(plain.text)
            if told is not None and (block.kind != "list" or told.endswith(":")):
                title = not told.endswith(":") and not wording.names_a_kind(told)
                section, label = (told, "") if title else (section, told)


def _introduction(text: str) -> str | None:
    """The line of a block that introduces what follows; None where there is none."""
    lines = [line.strip() for line in text[-2000:].split("\n") if line.strip()]
    return introducing(lines[-1]) if lines else None


def introducing(line: str) -> str | None:
    """What a line introduces others with: its last sentence before a colon, or the whole of a short title."""
    bare = line.strip().strip("*_#=- ")
    if bare.endswith((":", "\uff1a")):
        return _SENTENCE_END.split(bare)[-1][-_MAX_LABEL:]
    if (
        2 < len(bare) <= 80
        and bare[-1] not in ".,;!?"
        and len(bare.split()) <= 9
        and re.fullmatch(r"[\w\s()&/,'\u2019+-]+", bare)
    ):
        letters = sum(char.isalpha() for char in bare)
        return bare if letters > len(bare) * 0.6 and not re.search(r"[0-9a-f]{16}|[a-z]/[a-z]", bare) else None
    return None


def is_prose(text: str, least: int = _PROSE_WORDS) -> bool:
    """Whether a text has sentences and not only values."""
    return sum(1 for _ in zip(range(least), _WORD.finditer(text), strict=False)) >= least


def facts_of(article: Article, found: list[Passage]) -> Facts:
    """What the article as a whole is."""
    stems: set[str] = set()
    hits = concrete = words = listed = edits = 0
    for passage in found:
        if _ONION.search(passage.text):
            stems.add("onion")
            hits, concrete = hits + 1, concrete + 1
        if passage.block.kind != "code":
            words += sum(1 for _ in _WORD.finditer(passage.text))
            told = [match[0].lower() for match in wording.ATTACK.finditer(passage.text)]
            hits += len(told)
            stems.update(word[:_STEM] for word in told)
            concrete += sum(1 for word in told if not wording.GENERAL.match(word))
        if passage.block.kind == "heading":
            listed += bool(re.search(r"\b(?:IoCs?|IOCs?|[Ii]ndicators? of [Cc]ompromise)\b", passage.text))
        edits += len(passage.plain.edits)
    told = [match[0].lower() for match in wording.ATTACK.finditer(article.title)]
    stems.update(word[:_STEM] for word in told)
    hits += 2 * len(told)
    concrete += sum(2 for word in told if not wording.GENERAL.match(word) or wording.HAPPENED.match(word))
    speaks = (
        not wording.is_lesson(article.title)
        and hits >= _THREAT_WORDS
        and (len(stems) > 1 or bool(told))
        and concrete * _WORDS_FOR_ONE >= words
    )
    threat = speaks or listed > 0 or edits >= _MANY_EDITS or (edits > 0 and hits > 0)
    shown = " ".join(passage.text[:200] for passage in found if passage.block.kind == "heading")
    lessons = sum(len(_LESSON.findall(passage.text)) for passage in found if passage.block.kind != "code")
    is_lesson = _LESSON_HEADING.search(f"{article.title} {shown}") is not None or lessons * _WORDS_FOR_LESSON >= words
    teaches = not threat and (wording.is_lesson(article.title) or (words > _BARE_WORDS and is_lesson))
    return Facts(threat, teaches, article.title, edits, _own_names(article))


def _own_names(article: Article) -> frozenset[str]:
    names: set[str] = set()
    for text in (re.sub(r"^[a-z]+://|[/:?#].*$", "", article.url or ""), article.publisher or ""):
        host = text.strip().lower()
        if not host:
            continue
        registered = registrable(host) if re.fullmatch(r"[a-z0-9.-]+\.[a-z-]+", host) else None
        names.add(registered or re.sub(r"[^a-z0-9]", "", host))
    return frozenset(names)


def _line_starts(text: str, listing: bool) -> Iterator[int]:
    """Where lines begin; a line of prose that goes on in the next one is no line of its own."""
    place, last = 0, ""
    for line in text.split("\n"):
        flows = not listing and len(last) >= _WRAPPED and line[:1].isalnum() and is_prose(last, 4)
        if place and not flows:
            yield place
        place += len(line) + 1
        last = line


class Lines:
    """The sentences of one passage, and the introductions between its own lines."""

    def __init__(self, passage: Passage) -> None:
        self._passage = passage
        text = passage.text
        whole = passage.block.kind in ("table", "list") and len(text) <= _MAX_EVIDENCE
        if whole:
            self._starts = [0]
        elif passage.block.kind == "code" or ("\n" in text and passage.block.kind != "table"):
            self._starts = [0, *_line_starts(text, passage.block.kind == "code")]
            if passage.block.kind != "code":
                self._starts = sorted({*self._starts, *(match.end() for match in _SENTENCE_END.finditer(text))})
        else:
            self._starts = [0, *(match.end() for match in _SENTENCE_END.finditer(text))]
        self._labels: list[str] = []
        self._label_starts: list[int] | None = None

    def sentence(self, start: int, end: int) -> tuple[int, int]:
        """Where the sentence, row or line around a value begins and ends in the plain text, bounded."""
        at = bisect_right(self._starts, start) - 1
        begin = self._starts[at]
        finish = self._starts[at + 1] if at + 1 < len(self._starts) else len(self._passage.text)
        finish = max(finish, min(end, len(self._passage.text)))
        if finish - begin > _MAX_EVIDENCE:
            begin = max(begin, start - _MAX_EVIDENCE // 2)
            finish = min(finish, max(end, begin + _MAX_EVIDENCE))
        return begin, finish

    def labels(self, start: int) -> tuple[str, ...]:
        """The introductions that hold at a place, innermost first: lines of the passage itself, then those "
        "before it."""
        if self._label_starts is None:
            self._label_starts = []
            text = self._passage.text
            if self._passage.block.kind == "paragraph" and "\n" in text:
                place = 0
                for line in text.split("\n"):
                    told = introducing(line) if len(line) <= _MAX_LABEL else None
                    if told is not None:
                        self._labels.append(told)
                        self._label_starts.append(place)
                    elif len(line) > 100 and is_prose(line):
                        self._labels.append("")
                        self._label_starts.append(place)
                    place += len(line) + 1
        at = bisect_right(self._label_starts, start)
        inner = tuple(label for label in reversed(self._labels[max(0, at - 2) : at]) if label)
        return (*inner, *reversed(self._passage.labels))
