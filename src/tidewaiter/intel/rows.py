"""Turns the column and the row of a table in which a value stands into what they say of it."""

import re
from collections.abc import Iterator

from tidewaiter.intel import wording
from tidewaiter.intel.knowledge import Judgement
from tidewaiter.intel.mention import Mention

_MAX_CELLS = 16
_VICTIM_COLUMN = re.compile(r"\b(?:victims?|targets?|targeted)\b", re.I)
_BENIGN_COLUMN = re.compile(
    r"\b(?:legitimate|imitated|imitates|impersonat\w+|mimic\w*|typosquat(?:s|ted|ting)? (?:of|target)|spoofed|"
    r"masquerad\w+|original|real)\b",
    re.I,
)
_CONTEXT_COLUMN = re.compile(
    r"\b(?:references?|source|links?|reports?|vendor|read more|analysis|technique|mitre|version)\b", re.I
)


def by_row(mention: Mention) -> Judgement | None:
    """What a table says of a value: the name of its column first, then the words of its row."""
    block = mention.passage.block
    if block.kind != "table" or not mention.candidate.end:
        return None
    name = mention.column
    if _VICTIM_COLUMN.search(name):
        return Judgement("victim", 84, f"in the column {name!r}")
    if _BENIGN_COLUMN.search(name):
        return Judgement("benign", 84, f"in the column {name!r}")
    if _CONTEXT_COLUMN.search(name) and mention.candidate.type in ("url", "domain", "cve") and not mention.defanged:
        return Judgement("context", 84, f"in the column {name!r}")
    row = mention.passage.text[:600]
    cell = mention.passage.cell(mention.candidate.start)[1]
    words = row.replace(cell, " ", 1) if cell else row
    if re.search(
        r"\b(?:legitimate|benign|clean|not malicious|harmless|false positive|known[- ]good|unmodified|official)\b",
        words,
        re.I,
    ) and not re.search(r"\b(?:impersonat|mimic|fake|typosquat|masquerad|abus|imitat|trojani)", words, re.I):
        return Judgement("benign", 83, "its row calls it legitimate")
    if re.search(r"\b(?:compromised (?:\w+ )?(?:site|website|server|host)|victim|hacked (?:\w+ )?site)\b", words, re.I):
        return Judgement("victim", 82, "its row calls it a victim's")
    if not mention.facts.threat:
        return None
    if any(
        re.search(r"\b(?:iocs?|indicators?|malicious|c2|observable)\b", column, re.I)
        for column in mention.passage.columns
    ):
        return Judgement("malicious", 80, "in a table of indicators")
    if wording.HOSTILE.search(words):
        return Judgement("malicious", 74, f"its row says {_shown(wording.HOSTILE, words)}")
    named = any(
        wording.names_a_kind(text.replace("_", " ").replace(":", " "))
        for text in block.cells[:_MAX_CELLS]
        if 1 < len(text) < 24
    )
    if named and innermost(mention) not in ("context", "benign"):
        return Judgement("malicious", 65, "in a table that names its kind, in an article about an attack")
    if wording.names_a_kind(name) and name and innermost(mention) not in ("context", "benign"):
        return Judgement("malicious", 66, f"in the column {name!r} of an article about an attack")
    return None


def _shown(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return repr(found[0]) if found else "so"


def above(mention: Mention) -> Iterator[str]:
    """The headings above a mention, innermost first."""
    return reversed(mention.passage.headings)


def innermost(mention: Mention) -> str | None:
    """The stance of the innermost heading that has one."""
    for text in above(mention):
        found = wording.of_heading(text)
        if found is not None:
            return found[0]
    return None
