"""Turns ATT&CK's text (Markdown with citations and a few HTML tags) into HTML that links to the site's own pages."""

import re
from collections.abc import Callable, Mapping

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

# A picture would be a request.
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).disable("image")
_CITATION = re.compile(r"\(Citation: ([^()]*(?:\([^()]*\)[^()]*)*)\)")
_CODE = re.compile(r"</?code>")
_BREAK = re.compile(r"<br\s*/?>")
_OWN = re.compile(
    r"https?://attack\.mitre\.org/(?:versions/v[0-9.]+/)?"
    r"(?:techniques|tactics|groups|software|mitigations|campaigns|datasources|datacomponents|detectionstrategies|assets)"
    r"/([A-Z]{1,4}\d{4})(?:/(\d{3}))?/?(?:#([A-Z]{2}\d{4}))?\Z"
)


def rendered(text: str, citations: Mapping[str, int], page_of: Callable[[str], str | None]) -> Markup:
    """HTML of one text.

    `citations`: name of a source -> its number in the list below the text; `page_of` gives the page of an ATT&CK id.
    HTML in the text is shown, never obeyed; links to anything but http(s) stay text.
    """
    plain = _CODE.sub("`", _BREAK.sub("\n\n", text))
    plain = _CITATION.sub(lambda match: _citation(match[1].strip(), citations), plain)
    tokens = _MARKDOWN.parse(plain)
    for token in _links(tokens):
        own = _OWN.match(str(token.attrs.get("href", "")))
        if own is not None:
            page = page_of(own[3] or (f"{own[1]}.{own[2]}" if own[2] else own[1]))
            if page is not None:
                token.attrs["href"] = page
                continue
        if not str(token.attrs.get("href", "")).startswith("#"):
            token.attrs["rel"] = "noreferrer noopener"
    html = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return Markup(html)  # noqa: S704 - made by a renderer that lets no HTML of the text through


def _citation(name: str, citations: Mapping[str, int]) -> str:
    number = citations.get(name)
    return f"[\\[{number}\\]](#cite-{number})" if number is not None else ""


def _links(tokens: list[Token]) -> list[Token]:
    return [child for token in tokens for child in token.children or [] if child.type == "link_open"]
