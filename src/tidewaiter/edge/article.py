"""Turns a source (a file, a URL, `-`) into an article: read, told what it is, decoded, and taken apart."""

import hashlib
import re

from tidewaiter.edge.article_about import About, about, day, host, worded_day
from tidewaiter.edge.article_blocks import Blocks, one_line
from tidewaiter.edge.article_bytes import Raw, read_source
from tidewaiter.edge.article_decode import decoded
from tidewaiter.edge.article_fault import ArticleError
from tidewaiter.edge.article_html import article_part, parsed, walked
from tidewaiter.edge.article_kind import Kind, is_pdf, kind_of, refuse_bundle, refuse_packed
from tidewaiter.edge.article_markdown import markdown_blocks
from tidewaiter.edge.article_pdf import pdf_blocks
from tidewaiter.edge.article_text import text_blocks
from tidewaiter.intel.article import Article, Block

_PAYWALL = re.compile(
    r"subscri(?:be|bers?|ption)\b.{0,60}\b(?:continue|read|access|unlock|full|only)"
    r"|(?:log|sign) ?in to (?:continue|read|view)|(?:continue|keep) reading"
    r"|already a (?:subscriber|member)|members?[- ]only|premium (?:content|article)|paywall"
    r"|(?:register|create (?:a free|an) account) to (?:continue|read|view)|unlock this (?:article|story)",
    re.IGNORECASE | re.DOTALL,
)
_SCRIPTED = re.compile(
    r"(?:enable|requires?|turn on|activate)\s+javascript|javascript\s+(?:is\s+)?(?:disabled|required)", re.I
)
_CHALLENGE = re.compile(
    r"checking your browser|verify (?:that )?you are (?:a )?human|just a moment\.\.\.|access denied|captcha", re.I
)
_SAYS_NOTHING = re.compile(
    r"\W*(?:(?:executive )?summary|introduction|overview|abstract|background|(?:table of )?contents"
    r"|key (?:findings|takeaways|points)|tl;?dr)\W*\Z",
    re.I,
)
"""Headings that stand in every report and are the title of none."""
_SUBJECT = re.compile(r"\A(?:subject|title|betreff): ?", re.I)
_VALUES = re.compile(r"\W*|\S*[\d.:/\\@=]\S*")
_SHORT = 1500
"""Characters: a paywall's page shows no more than the beginning of an article."""
_VERY_SHORT = 300


def read_article(source: str) -> Article:
    """Read one article. Raises `ArticleError`; a feed is an error, since it is many."""
    raw = read_source(source)
    if raw_kind(raw) == "feed":
        raise ArticleError(f"{raw.shown}: is a feed; name the folder for its articles: tidewaiter brief FEED -o DIR")
    return article_of(raw)


def raw_kind(raw: Raw) -> Kind:
    """What bytes are. Raises `ArticleError`."""
    if not raw.data.strip():
        raise ArticleError(f"{raw.shown}: is empty")
    if is_pdf(raw.data):
        return "pdf"
    refuse_packed(raw)
    text = decoded(raw.data, raw.shown, raw.charset)
    refuse_bundle(text, raw)
    return kind_of(text, raw)


def article_of(raw: Raw, *, title: str | None = None, date: str | None = None) -> Article:
    """The article that bytes hold; a feed's words for title and date go before nothing. Raises `ArticleError`."""
    kind = raw_kind(raw)
    blocks = Blocks(raw.shown)
    if kind == "pdf":
        pdf = pdf_blocks(raw.data, raw.shown, blocks)
        known = About(pdf.title, pdf.date)
    else:
        text = decoded(raw.data, raw.shown, raw.charset)
        if kind == "html":
            known = _html(text, raw.shown, blocks)
        elif kind == "markdown":
            front = markdown_blocks(text, raw.shown, blocks)
            known = About(front.get("title"), day(front.get("date")), front.get("publisher") or front.get("site"))
            known.url = next(
                (front[name] for name in ("url", "link", "canonical_url", "source") if name in front), None
            )
        else:
            text_blocks(text, blocks)
            known = About()
    found = blocks.done()
    _check(found, blocks.size, known, raw.shown)
    url = raw.url or known.url
    start = "\n".join(block.text for block in found[:6])[:1000]
    return Article(
        title=known.title or title or _first_words(found) or raw.shown.rpartition("/")[2],
        blocks=found,
        url=url,
        publisher=known.publisher or host(url),
        date=known.date or date or worded_day(start),
        sha256=hashlib.sha256(raw.data).hexdigest(),
    )


def _html(text: str, shown: str, blocks: Blocks) -> About:
    page = parsed(text.encode("utf-8", "replace"), shown)
    part = article_part(page)
    told = about(page, part)
    walked(part, blocks)
    return told


def _check(found: tuple[Block, ...], size: int, known: About, shown: str) -> None:
    """Raise `ArticleError` where what was found is no article."""
    text = " ".join(block.text for block in found) if size <= _SHORT else ""
    if not found or not any(character.isalnum() for block in found for character in block.text):
        raise ArticleError(f"{shown}: holds no text that could be an article")
    if size > _SHORT:
        return
    if _PAYWALL.search(text) or (not known.is_free and size <= _SHORT):
        raise ArticleError(f"{shown}: is behind a paywall: only {size} characters of it can be read; save it as a file")
    if size <= _VERY_SHORT and (_SCRIPTED.search(text) or _CHALLENGE.search(text)):
        raise ArticleError(f"{shown}: shows its text only to a browser: {size} characters were read; save it as a file")


def _first_words(found: tuple[Block, ...]) -> str:
    """The first heading, else the beginning of the text; nothing where that says nothing."""
    heading = next((block.text for block in found if block.kind == "heading"), None)
    first = heading or (found[0].text if found[0].kind in ("paragraph", "quote", "list") else "")
    line = _SUBJECT.sub("", one_line(first.partition("\n")[0]))
    if _VALUES.fullmatch(line) or _SAYS_NOTHING.match(line):
        return ""
    return line if len(line) <= 120 else f"{line[:117]}..."
