"""Checks the page of an evaluation: that it holds the figures, asks nobody for anything, and believes no text."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from browser import opened_browser
from evaluations import HOSTILE, an_answer, an_evaluation

from tidewaiter.review.evaluation import Evaluation
from tidewaiter.review.score import Answer
from tidewaiter.web.evaluation_page import page_of

_VOID = {"meta", "link", "br", "img", "input", "hr"}
_SHAPES = {"rect", "line", "circle", "polyline"}


class _Elements(HTMLParser):
    """The elements of a page with their attributes, and its text; fails where they are not nested rightly."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile() -> Evaluation:
    """An evaluation in which every text that comes from outside is an attack on the page."""
    answers = (
        an_answer(HOSTILE, "attack", "alert", "quiet", HOSTILE),
        an_answer(f"{HOSTILE} again", "benign", "alert", "alert", HOSTILE * 500),
        Answer("x", HOSTILE, "benign", "quiet", "alert", (HOSTILE, "\udcff lone")),
    )
    return an_evaluation(*answers, folder=HOSTILE)


def test_figures_stand_on_the_page() -> None:
    """What was scored, what was wrong, and what each variation loses."""
    text = " ".join(_Elements(page_of(an_evaluation())).text.split())
    for told in ("2 verdicts are not as expected", "5/6", "83.3 %", "worm", "0 of 2 containers fit"):
        assert told in text
    for told in ("Without one source", "falco", "kubernetes_audit", "With other settings", "0.50 alerts", "x0.25"):
        assert told in text


def test_everything_as_expected_and_nothing_varied() -> None:
    """A page without wrong ones, without variations and without a background is one, too."""
    evaluation = an_evaluation(quick=True)
    text = _Elements(page_of(evaluation)).text
    assert "Without one source" not in text
    assert "Background" not in text


@pytest.mark.parametrize("evaluation", [an_evaluation(), hostile()], ids=["plain", "hostile"])
def test_page_loads_and_runs_nothing(evaluation: Evaluation) -> None:
    """No script, no handler, no reference to anything outside, whatever the names are."""
    page = page_of(evaluation)
    elements = _Elements(page).found
    assert "default-src 'none'" in page
    assert {tag for tag, _ in elements} & {
        "script",
        "iframe",
        "object",
        "embed",
        "link",
        "base",
        "form",
        "img",
    } == set()
    attributes = {name for _, attrs in elements for name in attrs}
    assert {name for name in attrs_that_load(attributes)} == set()
    assert not re.search(r"url\(|@import|javascript:", page)


def attrs_that_load(attributes: set[str]) -> set[str]:
    """Those attributes that run something or fetch something."""
    return {name for name in attributes if name.startswith("on") or name in ("href", "src", "action", "xlink:href")}


def test_hostile_text_stays_text() -> None:
    """Mark-up and template syntax are shown as they are, what hides is made visible, and long texts are cut."""
    page = page_of(hostile())
    page.encode("utf-8")
    assert "<script>" not in page
    assert "49" not in re.findall(r"gnp\.exe (\S+)", page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "\\x1b[31m" in _Elements(page).text
    assert len(page) < 100_000


def test_figures_stay_on_one_line_on_a_narrow_screen(tmp_path: Path) -> None:
    """A table is scrolled in its own frame instead: the page itself is as wide as the screen."""
    (tmp_path / "page.html").write_text(page_of(an_evaluation()))
    rows = (
        "[...document.querySelectorAll('td.number')].map((cell) => { const range = document.createRange();"
        " range.selectNodeContents(cell); return new Set([...range.getClientRects()].map((r) => r.bottom)).size; })"
    )
    with opened_browser(tmp_path / "profile") as page:
        page.resize(400)
        page.open((tmp_path / "page.html").as_uri())
        assert set(page.evaluate(rows)) == {1}
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        assert page.evaluate("document.querySelector('.scroll > table').offsetWidth") > 600


def test_plots_are_drawn_inside_their_frames() -> None:
    """No shape has a negative size or lies outside the picture."""
    width = height = 0.0
    shapes = 0
    for tag, attrs in _Elements(page_of(an_evaluation())).found:
        if tag == "svg":
            width, height = float(attrs["width"] or 0), float(attrs["height"] or 0)
        if tag not in _SHAPES:
            continue
        shapes += 1
        for name, value in attrs.items():
            if name in ("x", "x1", "x2", "cx", "width"):
                assert 0 <= float(value or "nan") <= width
            if name in ("y", "y1", "y2", "cy", "height"):
                assert 0 <= float(value or "nan") <= height
    assert shapes > 60
