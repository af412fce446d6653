"""Proves that structure survives: of pages of many makes, every row, line, item and heading, and nothing else."""

from pathlib import Path

import pytest
from article_pages import PAGES, MadePage, written

from tidewaiter.edge.article import read_article
from tidewaiter.intel.article import Article


def texts(article: Article, kind: str) -> list[str]:
    return [block.text for block in article.blocks if block.kind == kind]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_structure_survives(tmp_path: Path, page: MadePage) -> None:
    article = read_article(written(tmp_path, page))
    rows = [block for block in article.blocks if block.kind == "table"]
    assert [row.cells for row in rows] == list(page.rows)
    assert {row.columns for row in rows} == {page.columns}
    assert texts(article, "code") == list(page.code)
    assert texts(article, "list") == list(page.items)
    assert texts(article, "quote") == list(page.quotes)
    assert set(page.headings) <= set(texts(article, "heading"))
    assert [one for one in texts(article, "paragraph") if one in page.prose] == list(page.prose)
    assert [one for one in page.absent if one in article.text] == []
    assert rows[0].headings[-1] in ("Indicators of compromise", "Appendix")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_block_stands_where_it_says(tmp_path: Path, page: MadePage) -> None:
    article = read_article(written(tmp_path, page))
    assert all(article.text[one.offset :].startswith(f"{one.text}\n") for one in article.blocks)
