"""Proves that what is found in the labelled articles is found by the real reader, too: as files and as web pages."""

import msgspec
import pytest
from labelled import FOLDER, labelled
from markdown_it import MarkdownIt

from tidewaiter.edge.article import article_of
from tidewaiter.edge.article_bytes import Raw
from tidewaiter.intel.article import Article
from tidewaiter.intel.briefing import REPORTED
from tidewaiter.intel.indicators import indicators_of

UNTYPED = frozenset({"file_name", "file_path", "image", "package"})
"""Their writing is a matter of taste; tests/intel holds what is found of them."""


def read(name: str, form: str) -> Article:
    """One article, from its file or from a page made of it."""
    file = next(FOLDER / f"{name}{end}" for end in (".md", ".txt") if (FOLDER / f"{name}{end}").exists())
    text = file.read_text(encoding="utf-8")
    if form == "file":
        return article_of(Raw(file.name, text.encode()))
    body = MarkdownIt("commonmark").enable("table").render(text)
    page = (
        f"<html><body><nav><a href='/'>Home</a></nav><article>{body}</article><footer>About us</footer></body></html>"
    )
    return article_of(Raw("page.html", page.encode()))


def scored(right: int, found: int, wanted: int) -> tuple[float, float]:
    """Precision and recall."""
    return right / found, right / wanted


@pytest.mark.parametrize("form", ["file", "page"])
def test_the_real_reader_loses_nothing(form: str) -> None:
    """Over what is reported, and over what is called malicious."""
    reported, malicious = [0, 0, 0], [0, 0, 0]
    for one in labelled():
        article = msgspec.structs.replace(read(one.name, form), url=one.article.url, publisher=one.article.publisher)
        told = {(each.type, each.value): each for each in indicators_of(article)[0] if each.type not in UNTYPED}
        told = {key: each for key, each in told.items() if key not in one.either}
        gold = {key: disposition for key, disposition in one.gold.items() if key[0] not in UNTYPED}
        for tally, found, wanted in (
            (reported, set(told), {key for key, disposition in gold.items() if disposition in REPORTED}),
            (
                malicious,
                {key for key, each in told.items() if each.disposition == "malicious"},
                {key for key, disposition in gold.items() if disposition == "malicious"},
            ),
        ):
            tally[0] += len(found & wanted)
            tally[1] += len(found)
            tally[2] += len(wanted)
    precision, recall = scored(*reported)
    assert precision >= 0.97
    assert recall >= 0.98
    precision, recall = scored(*malicious)
    assert precision >= 0.98
    assert recall >= 0.88
