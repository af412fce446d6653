"""Turns Markdown into blocks, by way of the HTML that it stands for."""

import re

from markdown_it import MarkdownIt

from tidewaiter.edge.article_blocks import Blocks
from tidewaiter.edge.article_fault import ArticleError
from tidewaiter.edge.article_html import Page, parsed, walked

_FRONT = re.compile(r"\A---[ \t]*\n((?:[^\n]{0,2000}\n){0,80}?)(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
_FIELD = re.compile(
    r"^(title|date|url|link|canonical_url|source|publisher|site)[ \t]*:[ \t]*([^\n]{1,500})$", re.M | re.I
)
_MOST = 1_000_000


def markdown_blocks(text: str, shown: str, blocks: Blocks) -> dict[str, str]:
    """Add the blocks of Markdown; gives the fields of its front matter. Raises `ArticleError`."""
    if len(text) > _MOST:
        raise ArticleError(f"{shown}: is Markdown of more than {_MOST} characters; no article is")
    front = _FRONT.match(text)
    fields: dict[str, str] = {}
    if front is not None:
        fields = {name.lower(): value.strip().strip("'\"") for name, value in _FIELD.findall(front[1])}
        text = text[front.end() :]
    page: Page = parsed(_MARKDOWN.render(text).encode("utf-8", "replace"), shown)
    walked(page.body, blocks)
    return fields


_MARKDOWN = MarkdownIt("commonmark", {"html": True, "maxNesting": 40}).enable(["table", "strikethrough"])
