"""Proves the page of an explanation: self-contained, without script; what telemetry holds never becomes markup."""

import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from made_explanations import HOSTILE, explanation, hostile, rich, rich_alert
from tidewaiter.alert import Alert
from tidewaiter.web._relations_drawing import draw_relations
from tidewaiter.web._timeline_drawing import LEFT, RIGHT, WIDTH, draw_timeline
from tidewaiter.web.explanation_page import page_of

TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "footer", "h1", "h2", "p", "dl", "dt", "dd", "span"),
    *("strong", "code", "figure", "figcaption", "div", "table", "tr", "th", "td", "ol", "li", "br"),
    *("svg", "g", "defs", "marker", "path", "rect", "line", "circle", "text"),
}
ATTRIBUTES = {
    *("class", "lang", "charset", "name", "content", "http-equiv", "title", "id", "role", "aria-label"),
    *("viewbox", "width", "height", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "rx", "d", "text-anchor"),
    *("orient", "refx", "refy", "markerwidth", "markerheight", "markerunits", "marker-end"),
}
"""All that the template writes: nothing here loads or runs anything."""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Markup(HTMLParser):
    """What a browser would take for markup, and what for text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag opens."""
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        """Text, or what stands in a style."""
        self.text += data


@pytest.mark.parametrize("outputs", [hostile(), [rich_alert()]], ids=["hostile", "rich"])
def test_page_holds_no_markup_but_its_own(outputs: list[Alert]) -> None:
    """No tag and no attribute that the template does not write, and none that loads or runs."""
    markup = Markup(page_of(explanation(outputs)))
    assert set(markup.tags) <= TAGS
    assert {name for name, _ in markup.attributes} <= ATTRIBUTES
    assert all(value.startswith("url(#to-") for name, value in markup.attributes if name == "marker-end")
    policy = [value for name, value in markup.attributes if name == "content" and "default-src" in value]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def test_hostile_text_is_shown_as_it_is_but_what_hides() -> None:
    """It stands there to be read; control characters and marks that turn text around are written out."""
    page = page_of(explanation(hostile()))
    markup = Markup(page)
    shown = HOSTILE.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e").replace("\x00", "\\x00")
    assert markup.text.count(shown) > 20
    assert not any(char in page for char in "\x1b\x00\u202e\u2066")
    assert "49" not in markup.text.split("gpj.exe")[1][:12]


def test_styles_are_those_of_the_templates() -> None:
    """No text of an alert comes into a style, where escaping would not help."""
    plain, bad = (page_of(explanation(outputs)) for outputs in ([rich_alert()], hostile()))
    assert [part.split("</style>")[0] for part in plain.split("<style>")[1:]] == [
        part.split("</style>")[0] for part in bad.split("<style>")[1:]
    ]


def test_every_section_is_there() -> None:
    markup = Markup(page_of(rich()))
    for words in (
        *("Timeline", "Identity", "Decisions", "Not seen", "Baseline", "Incident", "Elsewhere", "Silent", "Next"),
        *(
            "NSM:Flow",
            "misbehaved in 17 containers",
            "silenced by scope ci",
            "scope never-from-internet",
            "pool.example",
        ),
    ):
        assert words in markup.text
    assert markup.tags.count("circle") >= len(rich().timeline.steps)


def test_drawing_keeps_the_order_of_time_and_its_bounds() -> None:
    """Whatever lies between the first and the last: seconds and days, all on the page."""
    drawing = draw_timeline(rich().timeline)
    assert drawing is not None
    marks = [mark for lane in drawing["lanes"] for mark in lane["marks"]]
    assert all(LEFT <= mark["x"] <= WIDTH - RIGHT for mark in marks)
    assert all(drawing["top"] <= mark["y"] <= drawing["bottom"] for mark in marks)
    placed = sorted(marks, key=lambda mark: mark["number"])
    assert [mark["x"] for mark in placed] == sorted(mark["x"] for mark in marks)
    labels = [tick["x"] for tick in drawing["ticks"]]
    assert labels == sorted(labels)
    assert drawing["window"]["x"] < drawing["zero"] < drawing["window"]["x"] + drawing["window"]["width"]


def test_alert_without_times_has_no_drawing_and_is_shown() -> None:
    alert = msgspec.structs.replace(rich_alert(), evidence=(), behaviours=(), time="")
    found = explanation([alert])
    assert draw_timeline(found.timeline) is None
    assert "Timeline" in page_of(found)


def test_what_is_not_known_is_drawn_as_a_gap() -> None:
    alert = rich_alert()
    graph = draw_relations(explanation([alert]).relations)
    gaps = {box["label"] for box in graph["boxes"] if not box["is_known"]}
    assert gaps == {"manifest digest"}
    assert {link["proof"] for link in graph["links"]} == {"by_name", "unknown", "proven"}


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: what a browser makes of it was not seen")
@pytest.mark.parametrize("name", ["rich", "hostile"])
def test_browser_shows_it_and_runs_nothing(name: str, tmp_path: Path) -> None:
    """The tree a browser builds holds the same elements; it asks nobody for anything, and a picture comes out."""
    page = page_of(rich() if name == "rich" else explanation(hostile()))
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    assert CHROMIUM is not None
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", f"--log-net-log={tmp_path / 'net.json'}"]
    command += [f"--screenshot={tmp_path / 'page.png'}", "--window-size=1200,2000", "--dump-dom"]
    command += [(tmp_path / "page.html").as_uri()]
    ran = subprocess.run(command, capture_output=True, timeout=120, check=False)  # noqa: S603 - our own page
    if ran.returncode:
        pytest.skip(f"Chromium does not run here: {ran.stderr[-300:]!r}")
    built = Markup(ran.stdout.decode("utf-8", "replace"))
    assert set(built.tags) <= TAGS | {"tbody"}
    assert built.tags.count("text") == Markup(page).tags.count("text")
    asked = (tmp_path / "net.json").read_text(encoding="utf-8", errors="replace")
    assert "evil.example" not in asked
    assert (tmp_path / "page.png").stat().st_size > 20_000
