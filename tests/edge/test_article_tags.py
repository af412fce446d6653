"""Proves that only tags no page has are cut, and that what is left is read in time."""

import pytest

from tidewaiter.edge.article_fault import ArticleError
from tidewaiter.edge.article_html import parsed
from tidewaiter.edge.article_tags import trimmed

MANY = b" ".join(b"a%d" % number for number in range(5000))


@pytest.mark.parametrize(
    "tag",
    [
        b"<p " + MANY + b">",
        b'<p x=">" ' + MANY + b">",
        b'<p x=\'>"\' y = ">" ' + MANY + b">",
        b'<p "=">" ' + MANY + b">",
        b"<p < <i " + MANY + b">",
    ],
)
def test_a_tag_of_thousands_of_attributes_is_cut(tag: bytes) -> None:
    assert trimmed(b"<b>before</b>" + tag + b"after", "page") == b"<b>before</b>after"


def test_one_that_does_not_end_is_cut_too() -> None:
    assert trimmed(b"<b>before</b><p " + MANY, "page") == b"<b>before</b>"


@pytest.mark.parametrize(
    "page",
    [
        b'<p data-all="' + b"{'a': 1} > " * 9000 + b'">text</p>',
        b"a < b and b > c " * 9000,
        b"<p title=it's>text</p>" * 9000,
        b"text " * 90_000,
    ],
)
def test_what_pages_have_stays(page: bytes) -> None:
    assert trimmed(page, "page") == page


def test_pictures_in_the_page_do_not_count() -> None:
    page = b'<img src="data:image/png;base64,' + b"A" * (9 << 20) + b'"><p>text</p>'
    assert trimmed(page, "page") == b'<img src=""><p>text</p>'


@pytest.mark.parametrize("page", [b"<p>" + b"a" * (9 << 20), b"<p>" * 600_000])
def test_too_much_is_one_sentence(page: bytes) -> None:
    with pytest.raises(ArticleError, match="no article is"):
        trimmed(page, "page")


def test_attributes_without_end_are_read_in_time() -> None:
    """Eight megabytes of attributes: what matters is that this ends."""
    attributes = b" ".join(b"a%d" % number for number in range(900_000))
    assert parsed(b"<p " + attributes + b">text</p>", "page").tree is not None
