"""Turns an article into a briefing: what it names, what it tells of, how bad that is, and what to look for."""

from tidewaiter.intel.article import Article
from tidewaiter.intel.briefing import Briefing, Indicator, NotUsed, Source
from tidewaiter.intel.hunts import hunts_for, not_hunted
from tidewaiter.intel.indicators import indicators_of
from tidewaiter.intel.phases import phases_of
from tidewaiter.intel.severity import severity_of
from tidewaiter.intel.summary import summary_of
from tidewaiter.intel.technique_index import TechniqueIndex
from tidewaiter.intel.techniques import techniques_of
from tidewaiter.intel.why import why_of

_DIGESTS = frozenset({"image_digest", "image", "md5", "sha1", "sha256", "sha512"})


def briefing_of(article: Article, index: TechniqueIndex | None) -> Briefing:
    """What an analyst should know of an article; without an index only techniques that it names by their ids."""
    indicators, not_used = indicators_of(article)
    techniques = techniques_of(article, index, indicators)
    severity, reasons = severity_of(article, indicators, techniques)
    return Briefing(
        title=article.title,
        severity=severity,
        severity_reasons=reasons,
        source=Source(url=article.url, publisher=article.publisher, date=article.date, sha256=article.sha256),
        summary=summary_of(article, techniques, indicators),
        indicators=tuple(sorted((*indicators, *_typed(not_used)), key=lambda each: each.offset)),
        techniques=techniques,
        phases=phases_of(techniques, index),
        hunts=hunts_for(indicators, techniques, title=article.title),
        not_hunted=not_hunted(indicators),
        why=why_of(article, severity, indicators, not_used, techniques),
        not_used=tuple(each for each in not_used if each.type not in _DIGESTS),
        attack_release=index.catalogue.release if index is not None else None,
    )


def _typed(not_used: tuple[NotUsed, ...]) -> list[Indicator]:
    """The digests that are no news: what each is the digest of is worth knowing, though nobody should hunt for it."""
    return [
        Indicator(
            type=each.type,  # type: ignore[arg-type]  # one of `_DIGESTS`
            value=each.value,
            disposition=each.disposition,
            reason=each.reason,
            evidence=each.evidence,
            offset=each.offset,
            written=each.value,
            role=each.role,
        )
        for each in not_used
        if each.type in _DIGESTS
    ]
