"""Turns a feed into a folder: Markdown and JSON for each article, and an index that remembers what was read.

What did not change is not written: a second run leaves every file as it is, its time too. An article that cannot be
read any more keeps its briefing.
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import msgspec

from tidewaiter.edge.article import article_of
from tidewaiter.edge.article_bytes import Raw
from tidewaiter.edge.article_fault import ArticleError
from tidewaiter.edge.article_fetch import Fetched, leads_inside
from tidewaiter.edge.feed import Entry, Feed, feed_of
from tidewaiter.edge.whole_file import write_whole
from tidewaiter.intel.article import Article
from tidewaiter.intel.briefing import HUNTED, Briefing
from tidewaiter.policy_yaml import cut, printable

INDEX = "index.json"
_STEM = re.compile(r"[a-z0-9][a-z0-9-]{0,120}\Z")
_MOST_VALUES = 200
"""Indicators that are remembered of one article, to be searched for."""
_MOST_KEPT = 20_000

Ask = Callable[..., Fetched]
Written = Callable[[Briefing], dict[str, bytes]]
"""A briefing -> the bytes of its files, by suffix."""


class Kept(msgspec.Struct, omit_defaults=True):
    """What is known of one article."""

    id: str
    file: str
    """Name of its files, without suffix."""
    title: str
    url: str | None = None
    date: str | None = None
    severity: str | None = None
    """None of one that was never read."""
    indicators: list[str] = []
    """Values of those that are reported."""
    hunted: int = 0
    """How many of them are malicious or suspicious."""
    techniques: list[str] = []
    not_read: str | None = None
    """Why there is no briefing."""
    etag: str | None = None
    modified: str | None = None
    bytes_sha256: str | None = None
    text_sha256: str | None = None


class Index(msgspec.Struct, tag_field="kind", tag="briefing_index"):
    """`index.json`."""

    schema: int = 1
    feed: str = ""
    """The source, as it was given."""
    title: str = ""
    maker: str = ""
    """The versions that the briefings were made with."""
    etag: str | None = None
    modified: str | None = None
    entries: list[Entry] = []
    """Of the feed as it was read last, so that an answer of 304 needs no more."""
    articles: list[Kept] = []


class Run(msgspec.Struct, tag_field="kind", tag="briefing_feed"):
    """What a run did."""

    schema: int = 1
    folder: str = ""
    articles: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    not_read: list[str] = []
    left: int = 0
    """Entries beyond the bound that was given."""


def opened_index(folder: Path) -> Index | None:
    """The index of a folder that was written before; None of a new or an empty one. Raises `ArticleError`."""
    shown = printable(str(folder))
    try:
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return None
        return msgspec.json.decode((folder / INDEX).read_bytes(), type=Index)
    except (OSError, msgspec.DecodeError, RecursionError):
        raise ArticleError(
            f"{shown}: is neither empty nor a folder of briefings written before; name another"
        ) from None


class FeedFolder:
    """One folder, while a feed is read into it."""

    def __init__(
        self, folder: Path, known: Index | None, ask: Ask, brief: Callable[[Article], Briefing], files: Written
    ) -> None:
        self._folder, self._ask, self._brief, self._files = folder, ask, brief, files
        self.index = known or Index()
        self._kept = {one.id: one for one in self.index.articles if _STEM.match(one.file)}

    def read(self, source: str, raw: Raw | None, answer: Fetched | None, maker: str, most: int) -> Run:
        """Read a feed's articles. Without `raw` the feed is as it was. Raises `ArticleError`, `WholeFileError`."""
        index, is_same_maker = self.index, self.index.maker == maker
        feed = feed_of(raw) if raw is not None else Feed(index.title, tuple(index.entries))
        run = Run(
            folder=str(self._folder), articles=min(len(feed.entries), most), left=max(0, len(feed.entries) - most)
        )
        self._make_folder()
        if not (self._folder / INDEX).exists():
            # So that the folder is known for what it is where this run does not come to its end.
            self.write(INDEX, _encoded(Index(feed=source, maker=maker)))
        for entry in feed.entries[:most]:
            self._entry(entry, raw.url if raw is not None else source, is_same_maker, run)
        index.feed, index.title, index.maker = source, feed.title, maker
        # Whole texts are in the articles' own files; those without an address are read from the feed alone.
        index.entries = [e if e.url is None else msgspec.structs.replace(e, content=None) for e in feed.entries]
        if answer is not None and answer.status == 200:
            index.etag, index.modified = answer.etag, answer.modified
        order = sorted(self._kept.values(), key=lambda one: one.id)
        index.articles = sorted(order, key=lambda one: one.date or "", reverse=True)[:_MOST_KEPT]
        self.write(INDEX, _encoded(index))
        return run

    def write(self, name: str, content: bytes) -> None:
        """Write a file unless it is so already."""
        place = self._folder / name
        if not place.is_file() or place.read_bytes() != content:
            write_whole(str(place), content)

    def _make_folder(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArticleError(
                f"{printable(str(self._folder))}: cannot be written: {error.strerror or error}"
            ) from None

    def _entry(self, entry: Entry, base: str | None, is_same_maker: bool, run: Run) -> None:
        known = self._kept.get(entry.id)
        is_whole = known is not None and known.severity is not None and is_same_maker and self._has_files(known)
        try:
            raw, answer = self._raw(entry, base, known if is_whole else None)
            if raw is None:
                run.unchanged += 1
                return
            self._take(entry, raw, answer, known, is_whole, run)
        except ArticleError as error:
            run.not_read.append(str(error))
            if known is None or known.severity is None:
                file = known.file if known is not None else _file(entry)
                self._kept[entry.id] = Kept(
                    entry.id, file, entry.title or file, entry.url, entry.date, not_read=str(error)
                )

    def _has_files(self, known: Kept) -> bool:
        return all((self._folder / f"{known.file}{suffix}").is_file() for suffix in (".md", ".json"))

    def _raw(self, entry: Entry, base: str | None, known: Kept | None) -> tuple[Raw | None, Fetched | None]:
        """(the bytes of an article, the server's answer); no bytes where it is as it was."""
        if entry.url is None:
            return Raw(cut(entry.id), (entry.content or "").encode("utf-8", "replace"), media_type="text/html"), None
        if base is not None and leads_inside(base, entry.url):
            raise ArticleError(f"{cut(entry.url)}: an address inside, named by a feed from outside; it was not asked")
        answer = self._ask(entry.url, etag=known.etag if known else None, modified=known.modified if known else None)
        if answer.status == 304:
            if known is None:
                raise ArticleError(f"{cut(entry.url)}: the server answered 304 to a question without conditions")
            return None, answer
        return Raw.of(entry.url, answer), answer

    def _take(
        self, entry: Entry, raw: Raw, answer: Fetched | None, known: Kept | None, is_whole: bool, run: Run
    ) -> None:
        digest = hashlib.sha256(raw.data).hexdigest()
        etag, modified = (answer.etag, answer.modified) if answer is not None else (None, None)
        if known is not None and is_whole and known.bytes_sha256 == digest:
            known.etag, known.modified = etag, modified
            run.unchanged += 1
            return
        article = article_of(raw, title=entry.title, date=entry.date)
        text = hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(article, sha256=None))).hexdigest()
        if known is not None and is_whole and known.text_sha256 == text:
            # Only what no reader sees is new: a token, an advertisement.
            known.etag, known.modified = etag, modified
            run.unchanged += 1
            return
        briefing = self._brief(article)
        kept = Kept(
            id=entry.id,
            file=known.file if known is not None else _file(entry),
            title=briefing.title,
            url=briefing.source.url,
            date=briefing.source.date,
            severity=briefing.severity,
            indicators=list(dict.fromkeys(one.value for one in briefing.indicators))[:_MOST_VALUES],
            hunted=sum(one.disposition in HUNTED for one in briefing.indicators),
            techniques=[one.id for one in briefing.techniques],
            etag=etag,
            modified=modified,
            bytes_sha256=digest,
            text_sha256=text,
        )
        for suffix, content in self._files(briefing).items():
            self.write(f"{kept.file}{suffix}", content)
        self._kept[entry.id] = kept
        if known is None or known.severity is None:
            run.new += 1
        else:
            run.changed += 1


def _encoded(index: Index) -> bytes:
    return msgspec.json.format(msgspec.json.encode(index), indent=1) + b"\n"


def _file(entry: Entry) -> str:
    """A name that stays: the date and the title at first sight, and a hash of what the feed knows it by."""
    words = re.sub(r"[^a-z0-9]+", "-", (entry.title or "article").lower()).strip("-")[:60].strip("-")
    told = hashlib.sha256(entry.id.encode("utf-8", "replace")).hexdigest()[:10]
    return "-".join(part for part in (entry.date, words, told) if part)
