"""Defines one mention of a value with everything around it that says what the value is."""

import re

import msgspec

from tidewaiter.intel.candidate import Candidate, Passage
from tidewaiter.intel.setting import Facts, Lines

_REACH = 90
_MAX_SERIES = 8
_PREFIX = re.compile(r"\b(?:sha-?(?:1|256|512)|md5):\s?\Z", re.I)
"""Which kind of hash it is, before the hash itself: no word about it."""
_SERIES = re.compile(
    r"(?<!\S)[\"'`(]?(?=\S{0,99}[./:0-9-])[^\s,;]{4,100}?[\"'`)]?(?:\s?(?:,|;)\s?(?:and |or )?|\s(?:and|or|&|/)\s)\Z"
)


class Mention(msgspec.Struct, frozen=True):
    """One candidate and what stands around it."""

    candidate: Candidate
    passage: Passage
    facts: Facts
    sentence: str
    labels: tuple[str, ...]
    """Introductions, innermost first."""
    column: str
    before: str
    """Of its own sentence."""
    after: str
    defanged: bool


def mention_of(candidate: Candidate, passage: Passage, lines: Lines, facts: Facts) -> Mention:
    """A candidate with its surroundings."""
    begin, finish = lines.sentence(candidate.start, candidate.end)
    text = passage.text
    return Mention(
        candidate,
        passage,
        facts,
        text[begin:finish].strip(),
        lines.labels(candidate.start),
        passage.cell(candidate.start)[0] if candidate.end else "",
        _without_series(_PREFIX.sub("", text[max(begin, candidate.start - 2 * _REACH) : candidate.start]))[-_REACH:],
        text[candidate.end : min(finish, candidate.end + _REACH)],
        passage.plain.is_defanged(candidate.start, candidate.end),
    )


def _without_series(before: str) -> str:
    """The words before a series of values: what they say of the first value they say of all."""
    for _ in range(_MAX_SERIES):
        found = _SERIES.search(before)
        if found is None:
            break
        before = before[: found.start()]
    return before
