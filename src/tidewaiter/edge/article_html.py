"""Turns HTML into blocks: what a reader sees of the article, with its headings, tables, lists, quotations and code.

Where the article stands in the page is told by trafilatura; its own text loses lines of code and cells of tables, so
the part of the page that holds what it found is walked here, element by element.
"""

import copy
import itertools
import re
from typing import Any

import msgspec

from tidewaiter.edge.article_blocks import Blocks, one_line
from tidewaiter.edge.article_fault import ArticleError, needed
from tidewaiter.edge.article_tags import trimmed
from tidewaiter.edge.article_walk import Walk

_DROPPED = (
    *(
        "script",
        "style",
        "noscript",
        "template",
        "svg",
        "math",
        "iframe",
        "object",
        "embed",
        "canvas",
        "audio",
        "video",
    ),
    *("form", "button", "select", "textarea", "input", "dialog", "map", "applet", "datalist", "nav", "head"),
)
_HIDDEN_STYLE = re.compile(
    r"(?:^|[;\s])(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|font-size\s*:\s*0(?![.\d]))", re.I
)
_HIDING_RULE = re.compile(r"([^{}]{1,400})\{([^{}]{0,2000})\}")
_CLASS = re.compile(r"[.#]([A-Za-z_][\w-]{0,80})\Z")
_UNSEEN = frozenset({"sr-only", "visually-hidden", "visuallyhidden", "screen-reader-text", "screen-reader-only"})
_FURNITURE = re.compile(
    r"(?:^|[-_ ])(?:comments?|disqus|respond|share|sharing|social|related|recommended|newsletter|subscribe"
    r"|cookie|consent|breadcrumbs?|sidebar|promo|advert|ads|banner|pagination|pager|toc|menu|masthead"
    r"|popup|modal|byline-share|read-next)"
    r"(?:$|[-_ ])",
    re.I,
)
_ALWAYS = re.compile(r"(?:^|[-_ ])(?:comments|comment-list|disqus_thread|cookie|consent|newsletter)(?:$|[-_ ])", re.I)
_TEXT_TAGS = ("p", "li", "td", "th", "pre", "blockquote", "h1", "h2", "h3", "h4", "dd", "dt")
_ENOUGH = 0.97
"""Share of what trafilatura found that the part to be walked must hold."""
_MOST_ELEMENTS = 50_000
"""With more, the whole body is read: the extractor would take longer than all the rest."""
_MANY_LINKS = 0.5
_SHORT = 200


class Page(msgspec.Struct, frozen=True):
    """One parsed page, hidden parts removed."""

    tree: Any
    """Its root (`lxml.html.HtmlElement`)."""
    head: Any
    """A copy of its head, for what it says of itself."""
    scripts: tuple[str, ...]
    """Texts of its `application/ld+json`."""

    @property
    def body(self) -> Any:
        """Its body."""
        found = self.tree.find(".//body")
        return self.tree if found is None else found


def parsed(data: bytes, shown: str) -> Page:
    """Parse UTF-8 HTML and take out what no reader sees. Raises `ArticleError`."""
    data = trimmed(data, shown)
    html, etree = needed("lxml.html"), needed("lxml.etree")
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=True)
    try:
        tree = html.document_fromstring(data or b"<p></p>", parser=parser)
    except (etree.LxmlError, ValueError, AssertionError) as error:
        raise ArticleError(f"{shown}: is HTML that cannot be parsed: {one_line(str(error))[:200]}") from None
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise ArticleError(f"{shown}: is HTML nested deeper than any page; it was not read")
    scripts = tuple((found.text or "")[:200_000] for found in tree.iterfind(".//script[@type='application/ld+json']"))[
        :20
    ]
    head = copy.deepcopy(tree.find(".//head"))
    _take_out(tree)
    return Page(tree, head, scripts)


def article_part(page: Page) -> Any:
    """The element that holds the article."""
    found = _main_text(page)
    weights: dict[Any, int] = {}
    whole = 0
    for element in page.body.iter(*_TEXT_TAGS):
        key = _key(element)
        if key in found:
            whole += len(key)
            for above in itertools.chain((element,), element.iterancestors()):
                weights[above] = weights.get(above, 0) + len(key)
    part = page.body
    while whole:
        heaviest = max(part, key=lambda child: weights.get(child, 0), default=None)
        if heaviest is None or heaviest.tag in _TEXT_TAGS or weights.get(heaviest, 0) < whole * _ENOUGH:
            break
        part = heaviest
    # What belongs to the article by the page's own word is not cut off, though the extractor left it out.
    above = list(part.iterancestors())
    whole_page = next((one for one in above if one.tag == "main" or one.get("role") == "main"), None)
    return whole_page if whole_page is not None else next((one for one in above if one.tag == "article"), part)


def walked(part: Any, blocks: Blocks) -> None:
    """Add the blocks of an element."""
    for element in list(part.iterdescendants("aside", "footer", "header", "div", "section", "ul", "ol", "td")):
        if element.getparent() is not None and _is_furniture(element):
            element.drop_tree()
    Walk(blocks).element(part)


def _main_text(page: Page) -> frozenset[str]:
    """The texts that trafilatura finds to be the article's; empty where it finds nothing."""
    trafilatura = needed("trafilatura")
    if sum(1 for _ in itertools.islice(page.tree.iter(), _MOST_ELEMENTS + 1)) > _MOST_ELEMENTS:
        return frozenset()
    try:
        found = trafilatura.bare_extraction(
            copy.deepcopy(page.tree), include_comments=False, include_tables=True, favor_recall=True
        )
    except Exception:
        return frozenset()
    body = getattr(found, "body", None)
    return frozenset() if body is None else frozenset(_key(one) for one in body.iter() if len(_key(one)) > 1)


def _key(element: Any) -> str:
    """An element's text without blanks, as far as it tells the element from others."""
    return "".join("".join(itertools.islice(element.itertext(), 200)).split())[:400]


def _is_furniture(element: Any) -> bool:
    """Whether a part of the article's element is about the site: told by its names, and by being made of links."""
    if element.tag in ("footer", "header") and next(element.iterancestors("article", "main"), None) is not None:
        return _share_of_links(element) > _MANY_LINKS
    names = f"{element.get('class') or ''} {element.get('id') or ''}"[:1000]
    if _ALWAYS.search(names):
        return True
    if not _FURNITURE.search(names) and element.tag != "aside":
        return False
    if element.find(".//table") is not None or element.find(".//pre") is not None:
        return False
    return _share_of_links(element) > _MANY_LINKS or len(_key(element)) < _SHORT


def _share_of_links(element: Any) -> float:
    whole = len("".join(element.itertext()).strip())
    linked = sum(len("".join(link.itertext()).strip()) for link in element.iter("a"))
    return linked / whole if whole else 1.0


def _take_out(tree: Any) -> None:
    """Remove what is not text, and what is hidden."""
    hiding = _hiding_names(tree)
    for element in list(tree.iter()):
        if not isinstance(element.tag, str) or element.getparent() is None or element.tag == "body":
            continue
        if element.tag in _DROPPED or _is_hidden(element, hiding):
            element.drop_tree()


def _is_hidden(element: Any, hiding: frozenset[str]) -> bool:
    if element.get("hidden") is not None or element.get("aria-hidden", "").strip().lower() == "true":
        return True
    if _HIDDEN_STYLE.search(element.get("style", "")[:2000]):
        return True
    classes = element.get("class", "")[:2000].split()
    return any(name in _UNSEEN or name in hiding for name in classes) or element.get("id") in hiding


def _hiding_names(tree: Any) -> frozenset[str]:
    """Classes and ids that the page's own style sheets hide, wherever they are used."""
    names: set[str] = set()
    for sheet in itertools.islice(tree.iter("style"), 20):
        for selectors, rules in _HIDING_RULE.findall((sheet.text or "")[:200_000]):
            if _HIDDEN_STYLE.search(rules):
                found = (_CLASS.match(selector.strip()) for selector in selectors.split(","))
                names.update(match[1] for match in found if match)
    return frozenset(names)
