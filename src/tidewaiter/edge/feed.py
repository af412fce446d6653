"""Turns the bytes of a feed (RSS 0.9 to 2.0, RDF, Atom) into its entries; nothing it names is asked for here."""

import io
import re
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec

from tidewaiter.edge.article_blocks import one_line
from tidewaiter.edge.article_bytes import Raw
from tidewaiter.edge.article_fault import ArticleError, needed
from tidewaiter.edge.article_fetch import is_url

MOST_ENTRIES = 5000
_MOST_TITLE = 400
_FEED_NAMES = re.compile(
    r"(?:^|[/._-])(?:feed|rss|atom|rdf)(?:[0-9.]*)(?:\.(?:xml|php|json))?/?\Z|\.(?:rss|atom|rdf|xml)\Z", re.I
)
_FEED_TYPES = frozenset(
    {"application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/xml", "text/xml"}
)
_ALTERNATE = re.compile(r"<link\b[^>]{0,600}>", re.I)


class Entry(msgspec.Struct, frozen=True):
    """One article of a feed."""

    id: str
    """What the feed knows it by: its id, else its address."""
    url: str | None
    title: str | None
    date: str | None
    """`YYYY-MM-DD`, of its publication."""
    content: str | None
    """HTML of it, where the feed holds that."""


class Feed(msgspec.Struct, frozen=True):
    """One feed."""

    title: str
    entries: tuple[Entry, ...]
    """In the feed's order, each id once."""


def feed_of(raw: Raw) -> Feed:
    """The entries of a feed. Raises `ArticleError`."""
    if re.search(rb"<!ENTITY", raw.data[:65536], re.I):
        raise ArticleError(f"{raw.shown}: is a feed that defines entities, as none needs to; it was not read")
    feedparser = needed("feedparser")
    # As a stream: bytes would first be tried as the name of a file.
    told = feedparser.parse(io.BytesIO(raw.data), sanitize_html=False, resolve_relative_uris=False)
    found: dict[str, Entry] = {}
    for one in told.entries[:MOST_ENTRIES]:
        entry = _entry(one, raw.url)
        if entry is not None:
            found.setdefault(entry.id, entry)
    if not found:
        broken = (
            f": {one_line(str(told.bozo_exception))[:160]}" if told.get("bozo") and told.get("bozo_exception") else ""
        )
        raise ArticleError(f"{raw.shown}: is a feed without any article in it{broken}")
    return Feed(_text(told.feed.get("title")) or raw.shown, tuple(found.values()))


def claims_to_be_feed(raw: Raw) -> bool:
    """Whether a source that is no feed is called one by its server or its name."""
    place = urlsplit(raw.url).path if raw.url else raw.shown
    return raw.media_type in _FEED_TYPES or _FEED_NAMES.search(place) is not None


def no_feed(raw: Raw) -> ArticleError:
    """What to say of a page that was named as a feed."""
    page = raw.data[:200_000].decode("utf-8", "replace")
    if "<!ENTITY" in page:
        return ArticleError(f"{raw.shown}: declares entities of its own, which no feed needs; it was not read")
    linked = (link for link in _ALTERNATE.findall(page) if "rss+xml" in link or "atom+xml" in link)
    address = next(
        (found[1] for found in (re.search(r"href=[\"']?([^\"'\s>]{1,500})", link) for link in linked) if found), None
    )
    hint = f"; it names {one_line(urljoin(raw.url or '', address))} as its feed" if address else ""
    return ArticleError(
        f"{raw.shown}: is a page or a text, no feed{hint}; for one article name a file with -o, such as briefing.md"
    )


def _entry(one: Any, base: str | None) -> Entry | None:
    link = _text(one.get("link"))
    url = urljoin(base or "", link) if link else None
    if url is not None and not is_url(url):
        url = None
    content = next((part.get("value") for part in one.get("content") or () if part.get("value")), None) or one.get(
        "summary"
    )
    key = _text(one.get("id")) or url
    if key is None or (url is None and not content):
        return None
    at = one.get("published_parsed") or one.get("updated_parsed")
    date = (
        f"{at.tm_year:04d}-{at.tm_mon:02d}-{at.tm_mday:02d}" if at is not None and 1970 <= at.tm_year < 2200 else None
    )
    return Entry(key[:2000], url, (_text(one.get("title")) or "")[:_MOST_TITLE] or None, date, content)


def _text(value: object) -> str | None:
    return one_line(value) or None if isinstance(value, str) else None
