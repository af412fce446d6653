"""Turns bytes and what is said of them into the kind of article they are: content first, then the name."""

import re
from pathlib import PurePosixPath
from typing import Literal

from tidewaiter.edge.article_bytes import Raw
from tidewaiter.edge.article_fault import ArticleError

Kind = Literal["html", "markdown", "text", "pdf", "feed"]
_PACKED = (
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x7fELF", "ELF program"),
    (b"\x89PNG\r\n", "PNG picture"),
    (b"\xff\xd8\xff", "JPEG picture"),
    (b"GIF8", "GIF picture"),
)
_READ = "what can be read is HTML, Markdown, text, PDF or a feed"
_BEFORE = r"(?:\s|<\?[^>]{0,400}>|<!--(?:(?!-->).){0,4000}-->)*"
"""What may stand before a document's first element; each part has one end only, so that no search goes back."""
_FEED = re.compile(
    _BEFORE + r"(?:<!DOCTYPE[^>\[]{0,400}>\s*)?<(?:rss|feed|rdf:RDF|[A-Za-z]\w{0,19}:feed)[\s>]", re.I | re.S
)
_HTML = re.compile(
    _BEFORE + r"<(?:!doctype\s+html|html|head|body|title|meta|article|main|div|h1|p|table)[\s>]", re.I | re.S
)
_BUNDLE = re.compile(r"\s*\{(?:\s*\"(?:id|spec_version)\"\s*:\s*\"[^\"]{0,200}\"\s*,)*\s*\"type\"\s*:\s*\"bundle\"")
_ANY_TAG = re.compile(r"<(?:html|body|article|p|div|h[1-6]|table|ul|pre)(?:\s[^<>]{0,400})?>", re.I)
_MARKDOWN = re.compile(
    r"^(?:#{1,6} \S|```|~~~|\|[^\n]*\|[ \t]*\n\|[ :|-]+\||[*+-] \[[ x]\] |> \S|!?\[[^\]\n]{1,200}\]\([^)\s]{1,500}\))"
    r"|\*\*[^*\n]{1,200}\*\*|\]\(https?://",
    re.M,
)
_NAMES: dict[str, Kind] = {
    **dict.fromkeys((".md", ".markdown", ".mdown", ".mkd"), "markdown"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    ".txt": "text",
}
_MEDIA: dict[str, Kind] = {"text/markdown": "markdown", "text/x-markdown": "markdown", "text/html": "html"}
_LOOKED_AT = 1 << 16


def is_pdf(data: bytes) -> bool:
    """Whether bytes are a PDF; its header may have something before it (ISO 32000-1, note 13 of annex H)."""
    return b"%PDF-" in data[:1024]


def refuse_packed(raw: Raw) -> None:
    """Raise `ArticleError` for bytes that are certainly something else."""
    for magic, name in _PACKED:
        if raw.data.startswith(magic):
            raise ArticleError(f"{raw.shown}: is {'an' if name[0] in 'E7x' else 'a'} {name} file; {_READ}")


def refuse_bundle(text: str, raw: Raw) -> None:
    """Raise `ArticleError` for a bundle of STIX: data, in which no sentence says what a value is."""
    if _BUNDLE.match(text):
        raise ArticleError(
            f"{raw.shown}: is a STIX bundle, no article; one of ATT&CK is read by: tidewaiter attack import"
        )


def kind_of(text: str, raw: Raw) -> Kind:
    """What a text is."""
    start = text[:_LOOKED_AT]
    if _FEED.match(start):
        return "feed"
    named = _NAMES.get(PurePosixPath(raw.url or raw.shown).suffix.lower())
    said = _MEDIA.get(raw.media_type or "") or named
    if _HTML.match(start) and said != "markdown":
        return "html"
    if said == "html" and re.search("<[A-Za-z!/]", start):
        return "html"
    if said == "markdown" or (said != "text" and _MARKDOWN.search(start)):
        return "markdown"
    if said != "text" and len(_ANY_TAG.findall(start)) >= 3:
        return "html"
    return "text"
