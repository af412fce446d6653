"""Compares what extractors keep of an article's structure: ours, trafilatura, readability-lxml and newspaper4k.

    pip install readability-lxml newspaper4k    # into an environment of their own; older pips cannot mix them with ours
    python bench/brief_pages.py

The pages are those of the tests (`tests/edge/article_pages.py`). Each extractor's own HTML is taken apart as ours is,
so that only what it left out, or ran together, counts. An extractor that is not installed is left out of the table.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests" / "edge")]

from article_pages import PAGES, MadePage  # noqa: E402

from tidewaiter.edge.article_blocks import Blocks  # noqa: E402
from tidewaiter.edge.article_html import article_part, parsed, walked  # noqa: E402
from tidewaiter.edge.article_walk import Walk  # noqa: E402
from tidewaiter.intel.article import Block  # noqa: E402

KINDS = ("rows", "code", "headings", "items", "quotes", "prose")


def ours(text: str) -> tuple[Block, ...]:
    """As `tidewaiter brief` reads it."""
    page, blocks = parsed(text.encode(), "page"), Blocks("page")
    walked(article_part(page), blocks)
    return blocks.done()


def _taken_apart(html: str) -> tuple[Block, ...]:
    blocks = Blocks("page")
    Walk(blocks).element(parsed(html.encode(), "page").body)
    return blocks.done()


def trafilatura(text: str) -> tuple[Block, ...]:
    """Its HTML output, asked to keep as much as it can."""
    import trafilatura

    told = trafilatura.extract(
        text, output_format="html", include_tables=True, include_comments=False, favor_recall=True
    )
    return _taken_apart(told or "")


def readability(text: str) -> tuple[Block, ...]:
    """Its summary."""
    from readability import Document

    return _taken_apart(Document(text).summary())


def newspaper(text: str) -> tuple[Block, ...]:
    """The HTML of its article."""
    import newspaper

    article = newspaper.Article("https://blog.example/a", keep_article_html=True)
    article.download(input_html=text)
    article.parse()
    return _taken_apart(article.article_html or "")


def found(page: MadePage, blocks: tuple[Block, ...]) -> dict[str, tuple[int, int]]:
    """Kind -> (how many of it were kept with their structure, how many there are), and what should not be there."""
    by_kind = {
        kind: [block.text for block in blocks if block.kind == kind] for kind in ("code", "heading", "list", "quote")
    }
    rows = [block.cells for block in blocks if block.kind == "table"]
    text = "\n".join(block.text for block in blocks)
    told = {
        "rows": (sum(row in rows for row in page.rows), len(page.rows)),
        "code": (sum(code in by_kind["code"] for code in page.code), len(page.code)),
        "headings": (sum(one in by_kind["heading"] for one in page.headings), len(page.headings)),
        "items": (sum(one in by_kind["list"] for one in page.items), len(page.items)),
        "quotes": (sum(one in by_kind["quote"] for one in page.quotes), len(page.quotes)),
        "prose": (sum(one in text for one in page.prose), len(page.prose)),
        "not the article's": (sum(one in text for one in page.absent), len(page.absent)),
    }
    return told


def main() -> None:
    """Print the table."""
    names = (*KINDS, "not the article's")
    print(f"| extractor | {' | '.join(names)} | ms a page |")
    print(f"|---|{'---|' * (len(names) + 1)}")
    extractors: tuple[Callable[[str], tuple[Block, ...]], ...] = (ours, trafilatura, readability, newspaper)
    for extract in extractors:
        try:
            extract(PAGES[0].text)
        except ImportError:
            print(f"{extract.__name__} is not installed", file=sys.stderr)
            continue
        begun = time.perf_counter()
        told = [found(page, extract(page.text)) for page in PAGES]
        spent = (time.perf_counter() - begun) * 1000 / len(PAGES)
        cells = (f"{sum(one[name][0] for one in told)}/{sum(one[name][1] for one in told)}" for name in names)
        print(f"| {extract.__name__} | {' | '.join(cells)} | {spent:.0f} |")


if __name__ == "__main__":
    main()
