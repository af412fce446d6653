"""Turns an article into its indicators, each once, and into what was found and is not to be reported."""

from typing import Any

import msgspec

from tidewaiter.intel.article import Article
from tidewaiter.intel.briefing import REPORTED, Indicator, NotUsed
from tidewaiter.intel.candidate import Candidate, Passage
from tidewaiter.intel.disposition import judge, mention_of
from tidewaiter.intel.extract import candidates
from tidewaiter.intel.images import is_official
from tidewaiter.intel.knowledge import Judgement
from tidewaiter.intel.names import host_of
from tidewaiter.intel.setting import Facts, Lines, facts_of, passages

MAX_VALUES = 10_000
"""Of one article; what comes after is counted."""
MAX_MENTIONS = 50
"""Of one value that are judged: who says something of it says it by then."""
_ROLES = ("blob", "image", "index", "manifest", "chain_id", "layer", "diff_id", "config")
_OF_IMAGES = ("image", "index", "manifest", "config")
_SEVERITY = ("unknown", "context", "benign", "suspicious", "victim", "malicious")


_HOSTS = ("domain", "ipv4", "ipv6")
_OPEN = ("suspicious", "unknown")


class _Found(msgspec.Struct):
    """All mentions of one value so far."""

    candidate: Candidate
    """The first."""
    offset: int
    written: str
    judgement: Judgement
    evidence: str
    port: int | None
    role: str | None
    mentions: int = 1


def indicators_of(article: Article) -> tuple[tuple[Indicator, ...], tuple[NotUsed, ...]]:
    """The indicators to be reported, and everything else that has the shape of one, both in order of first mention."""
    read = list(passages(article))
    facts = facts_of(article, read)
    found: dict[tuple[str, str], _Found] = {}
    left_out = 0
    for passage in read:
        lines = Lines(passage)
        for each in candidates(passage):
            key = (each.type, each.value)
            if key not in found and len(found) >= MAX_VALUES:
                left_out += 1
            elif key not in found or found[key].mentions < MAX_MENTIONS:
                _take(found, key, each, passage, lines, facts)
    _join_digests(found)
    _follow_images(found)
    _follow_hosts(found)
    ordered = sorted(found.values(), key=lambda each: (each.offset, each.candidate.type, each.candidate.value))
    reported = tuple(_indicator(each) for each in ordered if each.judgement.disposition in REPORTED)
    rest = [_not_used(each) for each in ordered if each.judgement.disposition not in REPORTED]
    if left_out:
        reason = f"{left_out} further mentions: no more than {MAX_VALUES} values are taken from an article"
        rest.append(NotUsed(type="limit", value="", reason=reason, evidence="", offset=len(article.text)))
    return reported, tuple(rest)


def _take(
    found: dict[tuple[str, str], _Found],
    key: tuple[str, str],
    each: Candidate,
    passage: Passage,
    lines: Lines,
    facts: Facts,
) -> None:
    judgement = judge(mention_of(each, passage, lines, facts))
    known = found.get(key)
    if known is None or _outranks(judgement, known.judgement):
        begin, finish = lines.sentence(each.start, each.end)
        evidence = passage.plain.written(begin, finish).strip()
        if known is None:
            offset = passage.block.offset + passage.plain.origin(each.start)
            written = passage.plain.written(each.start, each.end) or each.value
            found[key] = _Found(each, offset, written, judgement, evidence, each.port, each.role)
            return
        known.judgement, known.evidence = judgement, evidence
    known.mentions += 1
    known.port = known.port or each.port
    if each.role in _ROLES and known.role in _ROLES and _ROLES.index(each.role) > _ROLES.index(known.role):
        known.role = each.role


def _outranks(new: Judgement, old: Judgement) -> bool:
    if new.weight != old.weight:
        return new.weight > old.weight
    return _SEVERITY.index(new.disposition) > _SEVERITY.index(old.disposition)


def _join_digests(found: dict[tuple[str, str], _Found]) -> None:
    """A SHA-256 that is somewhere the digest of an image is that everywhere."""
    for (kind, value), digest in list(found.items()):
        plain = found.pop(("sha256", value.removeprefix("sha256:")), None) if kind == "image_digest" else None
        if plain is None:
            continue
        if _outranks(plain.judgement, digest.judgement):
            digest.judgement, digest.evidence = plain.judgement, plain.evidence
        if plain.offset < digest.offset:
            digest.offset, digest.written = plain.offset, plain.written


def _follow_images(found: dict[tuple[str, str], _Found]) -> None:
    """References of one repository share the strongest judgement, and a digest follows the reference that pins it."""
    repositories: dict[str, _Found] = {}
    images = [each for (kind, _), each in found.items() if kind == "image"]
    for each in images:
        name = _repository(each.candidate.value)
        if name not in repositories or _outranks(each.judgement, repositories[name].judgement):
            repositories[name] = each
    hostile = next((each for each in images if each.judgement.disposition == "malicious"), None)
    for (kind, _), each in found.items() if hostile is not None else ():
        if kind == "image_digest" and each.judgement.disposition == "unknown" and each.role in _OF_IMAGES:
            each.judgement = Judgement("malicious", 30, f"the article tells of {hostile.candidate.value[:80]}")  # type: ignore[union-attr]
    for each in images:
        best = repositories[_repository(each.candidate.value)]
        each.judgement = best.judgement
        name, at, digest = each.candidate.value.partition("@")
        pinned = found.get(("image_digest", digest)) if at else None
        if pinned is not None and (_outranks(each.judgement, pinned.judgement) or is_official(name)):
            reason = f"the digest of {name}: {each.judgement.reason}"
            pinned.judgement = Judgement(each.judgement.disposition, each.judgement.weight, reason)


def _follow_hosts(found: dict[tuple[str, str], _Found]) -> None:
    """What the article leaves open of a URL, its host tells, and the other way round; so does a name for those "
    "below."""
    hostile = {
        each.candidate.value: each
        for (kind, _), each in found.items()
        if kind in _HOSTS and each.judgement.disposition == "malicious"
    }
    for (kind, value), each in found.items():
        if kind == "url" and each.judgement.disposition == "malicious":
            host = host_of(value)
            for known in (found.get((of, host)) for of in _HOSTS):
                if known is not None and known.judgement.disposition in _OPEN:
                    known.judgement = Judgement("malicious", 50, f"the host of {value[:80]}")
                    hostile[host] = known
    for (kind, value), each in found.items():
        if (
            kind == "email"
            and value.rpartition("@")[2] in hostile
            and each.judgement.disposition in (*_OPEN, "context")
        ):
            each.judgement = Judgement("malicious", 53, "at a domain that the article tells to be hostile")
        if kind not in ("url", "domain") or each.judgement.disposition not in _OPEN:
            continue
        labels = host_of(value).split(".") if kind == "url" else value.split(".")
        parents = (".".join(labels[at:]) for at in range(max(1, len(labels) - 1)))
        parent = next((name for name in parents if name in hostile), None)
        if parent is not None:
            each.judgement = Judgement("malicious", 50, f"at {parent}, which the article tells to be hostile")


def _repository(value: str) -> str:
    head, _, last = value.partition("@")[0].rpartition("/")
    return f"{head}/{last.partition(':')[0]}"


def _indicator(each: _Found) -> Indicator:
    return Indicator(written=each.written, port=each.port, **_shared(each))


def _not_used(each: _Found) -> NotUsed:
    return NotUsed(**_shared(each))


def _shared(each: _Found) -> dict[str, Any]:
    return {
        "type": each.candidate.type,
        "value": each.candidate.value,
        "reason": each.judgement.reason,
        "evidence": each.evidence,
        "offset": each.offset,
        "disposition": each.judgement.disposition,
        "role": each.role,
    }
