"""Holds that the site of a release is whole, asks nobody for anything, and that its explorer works."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from attack_bundles import STATEMENT, objects, thing, written
from browser import opened_browser

from tidewaiter.edge.attack_bundle import read_bundle
from tidewaiter.edge.attack_library import Library
from tidewaiter.edge.attack_store import StoreError, import_bundle, opened
from tidewaiter.web.attack_markup import rendered
from tidewaiter.web.attack_site import Built, build

_LOADING = {("img", "src"), ("link", "href"), ("script", "src"), ("iframe", "src"), ("form", "action")}
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'


class Links(HTMLParser):
    """The links and the things to be loaded of one page, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[tuple[str, str]] = []
        self.anchors: set[str] = set()
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if tag == "a" and name == "href":
                self.links.append(value or "")
            if (tag, name) in _LOADING or name.startswith("on"):
                self.loaded.append((tag, name))
            if name == "id":
                self.anchors.add(value or "")


def made(folder: Path, told: list[dict[str, Any]] | None = None) -> Built:
    store = folder / "attack.sqlite"
    with opened(store, to_write=True) as connection:
        import_bundle(connection, read_bundle(str(written(folder, told))))
        library = Library(connection)
        return build(library, library.release(), str(folder / "site"))


def crawl(folder: Path) -> dict[Path, Links]:
    """Every page that can be reached from the first one; each link must lead to a page, each anchor to a place."""
    found: dict[Path, Links] = {}
    ahead = [folder / "index.html"]
    while ahead:
        page = ahead.pop()
        if page in found:
            continue
        found[page] = Links(page.read_text(encoding="utf-8"))
        for link in found[page].links:
            if urlsplit(link).scheme in ("http", "https"):
                continue
            place, _, anchor = link.partition("#")
            target = (page.parent / unquote(place)).resolve() if place else page
            assert target.is_file(), f"{page.name}: {link}"
            ahead.append(target)
            if not place and anchor:
                assert anchor in found[page].anchors, f"{page.name}: {link}"
    return found


def test_every_page_is_reached_and_carries_the_licence(tmp_path: Path) -> None:
    built = made(tmp_path)
    pages = crawl((tmp_path / "site").resolve())
    written_pages = set((tmp_path / "site").resolve().rglob("*.html"))
    assert set(pages) == written_pages
    assert built.pages == len(written_pages)
    for page, links in pages.items():
        text = page.read_text()
        assert "reproduced and distributed with the permission of The MITRE Corporation" in text
        assert STATEMENT in text
        assert links.loaded == [], page


def test_a_text_links_to_the_pages_of_its_own_site(tmp_path: Path) -> None:
    made(tmp_path)
    text = (tmp_path / "site/objects/T1204.003.html").read_text()
    assert '<a href="../objects/T1204.html">Parent</a>' in text
    assert "<code>a b</code>" in text
    assert '<a href="#cite-1">[1]</a>' in text
    assert "example.org/source" in text


def test_what_is_said_of_a_relation_is_on_both_pages(tmp_path: Path) -> None:
    told, says = objects(), "<b>It</b> ran [it](https://attack.mitre.org/techniques/T1204).(Citation: Report)"
    [uses] = [one for one in told if one.get("relationship_type") == "uses"]
    uses["description"] = says
    uses["external_references"] = [{"source_name": "Report", "url": "https://example.org/report"}]
    made(tmp_path, [*told, thing("campaign", "C0001", "A Campaign")])
    pages = crawl((tmp_path / "site").resolve())
    for name, number in (("G0139", 1), ("T1204.003", 2)):
        text = (tmp_path / f"site/objects/{name}.html").read_text()
        assert '&lt;b&gt;It&lt;/b&gt; ran <a href="../objects/T1204.html">it</a>' in text
        assert f'<a href="#cite-{number}">[{number}]</a>' in text
        assert "https://example.org/report" in text
    assert tmp_path.resolve() / "site/objects/C0001.html" in pages


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    odd = thing(
        "tool", "S0001", HOSTILE, description=f"{HOSTILE} [a](javascript:alert(3)) ![b](http://h.example/x.png)"
    )
    evil = thing("malware", "../../S2<b>", "Evil")
    made(tmp_path, [*objects(), odd, evil])
    for page, found in crawl((tmp_path / "site").resolve()).items():
        assert found.loaded == []
        assert not any(link.startswith("javascript") for link in found.links)
        assert found.tags.isdisjoint({"img", "iframe", "object", "embed"})
        assert page.name == "explorer.html" or "script" not in found.tags
        assert "<script>alert" not in page.read_text()
    assert list(tmp_path.parent.glob("S2*")) == []


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "mine.txt").write_text("mine")
    with pytest.raises(StoreError, match="neither empty nor a site"):
        made(tmp_path)
    assert (tmp_path / "site" / "mine.txt").read_text() == "mine"


def test_an_earlier_site_is_replaced(tmp_path: Path) -> None:
    made(tmp_path)
    (tmp_path / "site/objects/old.html").write_text("old")
    with opened(tmp_path / "attack.sqlite") as connection:
        library = Library(connection)
        build(library, library.release(), str(tmp_path / "site"))
    assert not (tmp_path / "site/objects/old.html").exists()


def test_a_store_in_an_earlier_site_is_not_thrown_away(tmp_path: Path) -> None:
    made(tmp_path)
    (tmp_path / "site" / "attack.sqlite").touch()
    with pytest.raises(StoreError, match="neither empty nor a site"):
        made(tmp_path)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_to_a_folder_is_followed(tmp_path: Path, is_there: bool) -> None:
    folder = tmp_path / "elsewhere"
    if is_there:
        folder.mkdir()
    (tmp_path / "site").symlink_to(folder)
    made(tmp_path)
    assert (tmp_path / "site").is_symlink()
    assert (folder / "index.html").is_file()
    assert {path.name for path in tmp_path.iterdir()} == {"site", "elsewhere", "attack.sqlite", "enterprise-19.1.json"}


@pytest.mark.parametrize(
    "text",
    [
        "<b>x</b>",
        "[x](javascript:1)",
        "[x](data:text/html,1)",
        "<https://a.example>",
        "&lt;script&gt;",
        "`<i>`",
        "a\n\n<p>b",
    ],
)
def test_markup_lets_no_html_through(text: str) -> None:
    html = str(rendered(text, {}, lambda wanted: None))
    tags = set(re.findall(r"<\s*/?\s*([a-z]+)", html))
    assert tags <= {"p", "a", "code"}
    assert all(link.startswith("http") for link in re.findall(r'href="([^"]*)"', html))


@pytest.mark.e2e
def test_the_explorer_goes_from_object_to_object(tmp_path: Path) -> None:
    """Clicking a neighbour shows that neighbour's neighbours; nothing but the page itself is asked for."""
    made(tmp_path, [*objects(), thing("tool", "S0001", HOSTILE)])
    address = f"file://{tmp_path}/site/explorer.html"
    with opened_browser(tmp_path / "profile") as page:
        page.open(address)
        assert page.evaluate("document.getElementById('said').textContent") == "AN0691 Analytic 0691: 3 relations"
        page.click("[data-id=DET0248] circle")
        assert page.evaluate("location.hash") == "#DET0248"
        assert page.evaluate("document.querySelectorAll('#graph g').length") == 3
        page.click("[data-id='T1204.003'] circle")
        rows = page.evaluate("[...document.querySelectorAll('#list tr')].map((row) => row.cells[1].textContent)")
        assert sorted(rows) == ["DET0248", "G0139", "M1047", "T1204", "TA0002"]
        assert page.evaluate("document.activeElement.dataset.id") == "T1204.003"
        came_back = "addEventListener('hashchange', () => done(document.getElementById('wanted').value), {once: true})"
        go_back = "document.getElementById('back').click()"
        assert page.evaluate(f"new Promise((done) => {{ {came_back}; {go_back}; }})") == "DET0248"
        assert {request.partition("#")[0] for request in page.requests} == {address}
        assert page.console == []
