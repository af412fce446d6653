"""Turns an article into its indicators, each once, and into what was found and is not to be reported."""

from typing import Any

from tidewaiter.intel.article import Article
from tidewaiter.intel.briefing import REPORTED, Indicator, NotUsed
from tidewaiter.intel.candidate import Candidate, Passage
from tidewaiter.intel.disposition import judge
from tidewaiter.intel.extract import candidates
from tidewaiter.intel.joined import Found, join, outranks
from tidewaiter.intel.mention import mention_of
from tidewaiter.intel.setting import Facts, Lines, facts_of, passages

MAX_VALUES = 10_000
"""Of one article; what comes after is counted."""
MAX_MENTIONS = 50
"""Of one value that are judged: who says something of it says it by then."""
_ROLES = ("blob", "image", "index", "manifest", "chain_id", "layer", "diff_id", "config")


def indicators_of(article: Article) -> tuple[tuple[Indicator, ...], tuple[NotUsed, ...]]:
    """The indicators to be reported, and everything else that has the shape of one, both in order of first mention."""
    read = list(passages(article))
    facts = facts_of(article, read)
    found: dict[tuple[str, str], Found] = {}
    left_out = 0
    for passage in read:
        lines = Lines(passage)
        for each in candidates(passage):
            key = (each.type, each.value)
            if key not in found and len(found) >= MAX_VALUES:
                left_out += 1
            elif key not in found or found[key].mentions < MAX_MENTIONS:
                _take(found, key, each, passage, lines, facts)
    join(found)
    ordered = sorted(found.values(), key=lambda each: (each.offset, each.candidate.type, each.candidate.value))
    reported = tuple(_indicator(each) for each in ordered if each.judgement.disposition in REPORTED)
    rest = [_not_used(each) for each in ordered if each.judgement.disposition not in REPORTED]
    if left_out:
        reason = f"{left_out} further mentions: no more than {MAX_VALUES} values are taken from an article"
        rest.append(NotUsed(type="limit", value="", reason=reason, evidence="", offset=len(article.text)))
    return reported, tuple(rest)


def _take(
    found: dict[tuple[str, str], Found],
    key: tuple[str, str],
    each: Candidate,
    passage: Passage,
    lines: Lines,
    facts: Facts,
) -> None:
    judgement = judge(mention_of(each, passage, lines, facts))
    known = found.get(key)
    if known is None or outranks(judgement, known.judgement):
        begin, finish = lines.sentence(each.start, each.end)
        evidence = passage.plain.written(begin, finish).strip()
        if known is None:
            offset = passage.block.offset + passage.plain.origin(each.start)
            written = passage.plain.written(each.start, each.end) or each.value
            found[key] = Found(each, offset, written, judgement, evidence, each.port, each.role)
            return
        known.judgement, known.evidence = judgement, evidence
    known.mentions += 1
    known.port = known.port or each.port
    if each.role in _ROLES and known.role in _ROLES and _ROLES.index(each.role) > _ROLES.index(known.role):
        known.role = each.role


def _indicator(each: Found) -> Indicator:
    return Indicator(written=each.written, port=each.port, **_shared(each))


def _not_used(each: Found) -> NotUsed:
    return NotUsed(**_shared(each))


def _shared(each: Found) -> dict[str, Any]:
    return {
        "type": each.candidate.type,
        "value": each.candidate.value,
        "reason": each.judgement.reason,
        "evidence": each.evidence,
        "offset": each.offset,
        "disposition": each.judgement.disposition,
        "role": each.role,
    }
