"""Turns what a page says of itself (JSON-LD, Open Graph, meta, time) into title, date and publisher."""

import datetime
import itertools
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tidewaiter.edge.article_blocks import one_line
from tidewaiter.edge.article_html import Page

_ARTICLES = frozenset(
    {
        "Article",
        "NewsArticle",
        "BlogPosting",
        "TechArticle",
        "Report",
        "WebPage",
        "AnalysisNewsArticle",
        "ReportageNewsArticle",
    }
)
_TITLES = ("og:title", "twitter:title", "dc.title", "citation_title")
_DATES = (
    *(
        "article:published_time",
        "og:published_time",
        "datepublished",
        "date",
        "dc.date",
        "dc.date.issued",
        "dcterms.created",
    ),
    *("pubdate", "publishdate", "publish_date", "sailthru.date", "parsely-pub-date", "citation_publication_date"),
)
_SITES = ("og:site_name", "application-name", "dc.publisher", "citation_publisher")
_ISO = re.compile(r"\s*((?:19|20)\d\d)[-/.]?(\d\d)[-/.]?(\d\d)(?!\d)")
_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_WORDED = re.compile(
    rf"\b(?:{_MONTH}\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+((?:19|20)\d\d)"
    rf"|(\d{{1,2}})(?:st|nd|rd|th)?\s+{_MONTH},?\s+((?:19|20)\d\d))\b",
    re.I,
)
_MOST_TITLE = 400


class About(msgspec.Struct):
    """What is known of an article besides its text."""

    title: str | None = None
    date: str | None = None
    publisher: str | None = None
    url: str | None = None
    """Where the page says that it stands."""
    is_free: bool = True
    """False where the page says that it must be paid for."""


def about(page: Page, part: Any) -> About:
    """What a page says of itself and of its article, the element `part`; a date may stand in its first lines."""
    metas = _metas(page)
    told = list(_linked_data(page))
    articles = [one for one in told if _ARTICLES & set(_types(one))]
    title = _first(metas, _TITLES) or _first_of(articles, "headline")
    times = (time.get("datetime", "") for time in page.body.iter("time"))
    dates = (_first_of(articles, "datePublished"), *(metas.get(name) for name in _DATES), *times)
    return About(
        title=_short(title) or _short(_heading(part)) or _short(_title(page)),
        date=next((found for found in map(day, dates) if found), None) or worded_day(_start(page.body)),
        publisher=_short(_first(metas, _SITES) or _publisher(articles)),
        url=_canonical(page) or _web(metas.get("og:url")),
        is_free=not any(str(one.get("isAccessibleForFree")).lower() == "false" for one in articles),
    )


def day(text: str | None) -> str | None:
    """`YYYY-MM-DD` out of a date in ISO 8601, or one in words."""
    found = _ISO.match(text or "")
    return _day(found[1], found[2], found[3]) if found else worded_day((text or "")[:100])


def worded_day(text: str) -> str | None:
    """The first date with a month's name."""
    for found in _WORDED.finditer(text):
        month, at, year = (found[1], found[2], found[3]) if found[1] else (found[5], found[4], found[6])
        told = _day(year, str(_MONTHS[month.lower()]), at)
        if told is not None:
            return told
    return None


def _day(year: str, month: str, at: str) -> str | None:
    try:
        return datetime.date(int(year), int(month), int(at)).isoformat()
    except ValueError:
        return None


def host(url: str | None) -> str | None:
    """The host of an address."""
    try:
        return (urlsplit(url or "").hostname or "").removeprefix("www.") or None
    except ValueError:
        return None


def _metas(page: Page) -> dict[str, str]:
    found: dict[str, str] = {}
    for meta in page.head.iter("meta") if page.head is not None else ():
        name = (meta.get("property") or meta.get("name") or meta.get("itemprop") or "").strip().lower()
        content = meta.get("content")
        if name and content and content.strip():
            found.setdefault(name, content.strip()[:2000])
    return found


def _linked_data(page: Page) -> Iterator[dict[str, Any]]:
    for script in page.scripts:
        try:
            told = msgspec.json.decode(script)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            continue
        for one in told if isinstance(told, list) else [told]:
            if isinstance(one, dict):
                yield one
                graph = one.get("@graph")
                yield from (inner for inner in graph if isinstance(inner, dict)) if isinstance(graph, list) else ()


def _types(one: dict[str, Any]) -> list[str]:
    told = one.get("@type")
    return [name for name in (told if isinstance(told, list) else [told]) if isinstance(name, str)]


def _first(metas: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((metas[name] for name in names if name in metas), None)


def _first_of(articles: list[dict[str, Any]], key: str) -> str | None:
    return next((one[key] for one in articles if isinstance(one.get(key), str) and one[key].strip()), None)


def _publisher(articles: list[dict[str, Any]]) -> str | None:
    for one in articles:
        told = one.get("publisher")
        if isinstance(told, dict) and isinstance(told.get("name"), str):
            return str(told["name"])
    return None


def _start(body: Any) -> str:
    return one_line(" ".join(itertools.islice(body.itertext(), 400)))[:3000]


def _heading(part: Any) -> str | None:
    """The article's first heading; one outside of it names the site."""
    found = part.find(".//h1")
    return "".join(found.itertext()) if found is not None else None


def _title(page: Page) -> str | None:
    found = page.head.find(".//title") if page.head is not None else None
    return found.text if found is not None else None


def _canonical(page: Page) -> str | None:
    for link in page.head.iter("link") if page.head is not None else ():
        if "canonical" in (link.get("rel") or "").lower().split():
            return _web(link.get("href"))
    return None


def _web(url: str | None) -> str | None:
    told = (url or "").strip()
    return told if re.fullmatch(r"https?://[^\s<>\"]{1,2000}", told) else None


def _short(text: str | None) -> str | None:
    return one_line(text or "")[:_MOST_TITLE] or None
