"""Proves that no text makes the search for indicators fail, lie about a place, or take more than its length in work."""

import importlib
import pkgutil
import re
import sys
from collections.abc import Iterator
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tidewaiter.intel
from tidewaiter.intel.article import Article, Block, BlockKind
from tidewaiter.intel.indicators import indicators_of
from tidewaiter.intel.refang import refang

WORDS = (
    'hxxp:// [.] (dot) [at] evil com .com .sh 1.2.3.4 :: : / \\ C:\\ HKLM\\ sha256: {hex} @ " { } [ ] , | \n . - run'
    " docker npm i image: is not malicious compromised site 0x 4A CVE-2031-1 http:// \u200b \u0130 \ud800 \x00 "
    "%TEMP%\\ $"
)
PIECES = st.sampled_from(WORDS.split(" "))
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=6)), max_size=60).map(
    lambda parts: "".join(parts).replace("{hex}", "ab12" * 16)
)
KINDS: tuple[BlockKind, ...] = ("heading", "paragraph", "list", "table", "code", "quote")


@pytest.mark.property
@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KINDS), TEXTS), max_size=6), TEXTS)
def test_any_text_is_read(parts: list[tuple[BlockKind, str]], title: str) -> None:
    """Blocks of every kind; places and evidence are the article's own."""
    blocks, offset = [], 0
    for kind, text in parts:
        blocks.append(Block(kind, text, offset, (title,), (text[: len(text) // 2], text), ("SHA256", title), (text,)))
        offset += len(text) + 1
    article = Article(title, tuple(blocks))
    first = indicators_of(article)
    assert first == indicators_of(article)
    shown = [(each.offset, each.evidence) for each in first[0]] + [(each.offset, each.evidence) for each in first[1]]
    for offset, evidence in shown:
        assert 0 <= offset <= len(article.text)
        assert evidence in article.text


@pytest.mark.property
@settings(deadline=None)
@given(TEXTS)
def test_plain_text_leads_back(text: str) -> None:
    """Every place of the plain text has one in the original, in order."""
    found = refang(text)
    places = [found.origin(place) for place in range(len(found.text) + 1)]
    assert places == sorted(places)
    assert all(0 <= place <= len(text) for place in places)
    assert refang(found.text).text.count("[.]") <= text.count("[.]") + text.count("[")


OTHERS = frozenset({"article", "briefing"})


def patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Every pattern of the room's modules."""
    for module in pkgutil.iter_modules(tidewaiter.intel.__path__):
        if module.name not in OTHERS:
            for name, value in vars(importlib.import_module(f"tidewaiter.intel.{module.name}")).items():
                for pattern in value if isinstance(value, tuple) else (value,):
                    for found in pattern if isinstance(pattern, tuple) else (pattern,):
                        if isinstance(found, re.Pattern):
                            yield f"{module.name}.{name}", found


def unbounded(tree: Any, inside: bool = False) -> Iterator[str]:
    """Repetitions without end that hold, or are held by, another repetition: what can go back over its own steps."""
    for op, argument in tree:
        if op in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
            _, most, body = argument
            endless = most == _constants.MAXREPEAT
            if endless and (inside or len(body) > 1 or body[0][0] in (_constants.SUBPATTERN, _constants.BRANCH)):
                yield str(argument)[:120]
            yield from unbounded(body, inside or most > 1)
        elif op is _constants.SUBPATTERN:
            yield from unbounded(argument[3], inside)
        elif op is _constants.BRANCH:
            for branch in argument[1]:
                yield from unbounded(branch, inside)
        elif op in (_constants.ASSERT, _constants.ASSERT_NOT):
            yield from unbounded(argument[1], inside)


@pytest.mark.parametrize(("name", "pattern"), list(patterns()))
def test_no_pattern_repeats_what_repeats_without_end(name: str, pattern: re.Pattern[str]) -> None:
    """The shape from which catastrophic backtracking comes stands in no pattern."""
    assert list(unbounded(_parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG))) == []


HOSTILE = [
    "a.",
    "a-",
    "ab12",
    "1.1.1.1 ",
    "/a",
    "C:\\a",
    "a@",
    "http://a.com/",
    "a.com,",
    "a[.]",
    '"a":',
    '{"a":[',
    "npm i a ",
]
HOSTILE += [
    "docker run -v ",
    "1::",
    "HKLM\\a b c",
    "sha256:" + "ab" * 32 + " ",
    "is not a b c ",
    "compromised site of ",
    "x\n",
]
HOSTILE += ["ab/cd:latest ", "a.b@c.com, ", "bc1q", "4A", "%aa%\\", "legitimate a b ", "a:\n"]


def calls(text: str, kind: BlockKind) -> int:
    """How many functions are called to read one block."""
    block = Block(kind, text, 0, ("IOCs",), (text,), ("SHA256",))
    count = 0

    def step(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    article = Article("Malware", (block,))
    sys.setprofile(step)
    try:
        indicators_of(article)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("kind", ["paragraph", "code", "table"])
@pytest.mark.parametrize("piece", HOSTILE)
def test_work_grows_with_the_length_alone(piece: str, kind: BlockKind) -> None:
    """Twice the text is at most twice the steps, and some to begin with."""
    once, twice = (calls(piece * (size // len(piece)), kind) for size in (4_000, 8_000))
    assert twice <= 2.3 * once + 2_000


@pytest.mark.parametrize(
    ("piece", "size"), [*((piece, 60_000) for piece in HOSTILE), ("a.", 1_000_000), ("[.]", 1_000_000)]
)
def test_one_long_line_is_read(piece: str, size: int) -> None:
    """It ends, which it would not if some step went back over the line each time."""
    text = piece * (size // len(piece))
    reported, rest = indicators_of(Article("Malware", (Block("paragraph", text, 0),)))
    assert all(len(each.evidence) <= 2_500 for each in reported)
    assert all(len(each.evidence) <= 2_500 for each in rest)
