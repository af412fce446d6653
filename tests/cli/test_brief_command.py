"""Holds what `tidewaiter brief` writes, for one article and for a feed, and what faults get: one sentence, status 2."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import stix2
from article_pages import PAGES, written
from attack_bundles import written as bundle
from browser import opened_browser
from click.testing import CliRunner, Result
from feeds import PROSE, Site, served
from registries import Answer

from tidewaiter.cli import main
from tidewaiter.edge.article_fetch import Fetched
from tidewaiter.edge.polite import Polite

TESTS = Path(__file__).resolve().parents[1]
GOLDEN, ARTICLES = TESTS / "golden" / "brief", TESTS / "intel" / "articles"


@pytest.fixture(autouse=True)
def _no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def site() -> Iterator[Site]:
    with served() as made:
        yield made


def run(*words: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["brief", *words], input=stdin)


def done(*words: str, stdin: bytes | None = None) -> str:
    result = run(*words, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*words: str, stdin: bytes | None = None) -> str:
    result = run(*words, stdin=stdin)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Each file's time and bytes."""
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}


# ------------------------------------------------------------------------------------------- one article


@pytest.mark.parametrize("form", ["markdown", "json", "stix"])
def test_an_article_in_each_form(tmp_path: Path, form: str) -> None:
    source = tmp_path / "a.txt"
    source.write_text(f"A LOADER\n\n{PROSE}\n")
    told = done(str(source), "--format", form)
    if form == "markdown":
        assert told.partition("\n")[0].endswith(": A LOADER")
    elif form == "json":
        briefing = json.loads(told)
        assert (briefing["kind"], briefing["schema"], briefing["title"]) == ("briefing", 1, "A LOADER")
    else:
        assert stix2.parse(told, version="2.1")["type"] == "bundle"
    assert done(str(source), "--format", form, "-o", str(tmp_path / "out")) == ""
    assert (tmp_path / "out").read_text() == told


def test_standard_input_is_read() -> None:
    assert "loader" in done("-", "--format", "json", stdin=f"<h1>A loader</h1><p>{PROSE}</p>".encode())


def test_an_address_is_read_and_nothing_else(site: Site) -> None:
    told = json.loads(done(site.article("/a", more='<img src="/i.png">'), "--format", "json"))
    assert told["source"]["url"] == site.address("/a")
    assert site.asked == ["/a"]


def test_faults_get_one_sentence(tmp_path: Path, site: Site) -> None:
    assert "is empty" in refused("-", stdin=b"")
    assert "No such file" in refused(str(tmp_path / "none"))
    assert "answered 404" in refused(site.address("/none"))
    assert "is a feed; name the folder" in refused(site.rss("/a"))
    assert "cannot be written" in refused(site.article("/a"), "-o", str(tmp_path / "none" / "b.md"))


@pytest.mark.parametrize(
    "bundle",
    [
        '{"type": "bundle", "id": "bundle--1", "objects": []}',
        '{"id": "bundle--1", "type":"bundle", "objects": []}',
        '{"id": "bundle--1", "spec_version": "2.0", "type":"bundle"}',
    ],
)
def test_a_bundle_is_no_article(bundle: str) -> None:
    assert "is a STIX bundle, no article" in refused("-", stdin=bundle.encode())


def test_a_feed_with_entities_of_its_own_is_not_read(tmp_path: Path) -> None:
    lines = "".join(f'<!ENTITY l{at} "{f"&l{at - 1};" * 10}">' for at in range(1, 9))
    source = tmp_path / "feed.xml"
    source.write_text(
        f'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY l0 "ha">{lines}]><rss version="2.0"><channel><title>&l8;</title>'
        "</channel></rss>"
    )
    for out in ((), ("-o", str(tmp_path / "out"))):
        assert "declares entities of its own" in refused(str(source), *out)
    assert not (tmp_path / "out").exists()


def test_a_program_is_named_with_its_article() -> None:
    assert "is an ELF program" in refused("-", stdin=b"\x7fELF\x02\x01" + bytes(40))


def test_a_broken_pdf_is_one_sentence_of_our_own() -> None:
    """The reader of PDFs has more to say, which nobody could act on."""
    ours = "import sys; from tidewaiter.cli import main; main()"
    told = subprocess.run([sys.executable, "-c", ours, "brief", "-"], input=b"%PDF-1.7 broken", capture_output=True)  # noqa: S603
    assert (told.returncode, told.stdout, told.stderr.count(b"\n")) == (2, b"", 1)
    assert b"is a broken PDF" in told.stderr


def test_a_missing_library_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(f"<html><body><p>{PROSE}</p></body></html>")
    without = "import sys; sys.modules['lxml'] = None; from tidewaiter.cli import main; main()"
    told = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", without, "brief", str(tmp_path / "a.html")], capture_output=True, text=True
    )
    assert told.returncode == 2
    assert told.stderr == (
        "lxml is not installed, which briefings need; in tidewaiter's own folder run: "
        f"{sys.executable} -m pip install -e '.[brief]'\n"
    )


@pytest.mark.parametrize(("form", "name"), [("markdown", "page.md"), ("json", "page.json"), ("stix", "page.stix.json")])
def test_a_page_gives_the_golden_briefing(tmp_path: Path, request: pytest.FixtureRequest, form: str, name: str) -> None:
    told = done(written(tmp_path, PAGES[0]), "--format", form)
    file = GOLDEN / name
    if request.config.getoption("--refresh"):
        file.write_text(told, encoding="utf-8")
    assert told == file.read_text(encoding="utf-8")


def test_a_tutorial_on_image_formats_gives_nothing_to_hunt() -> None:
    told = json.loads(done(str(ARTICLES / "image-formats-tutorial.md"), "--format", "json"))
    assert told["severity"] == "informational"
    assert told["hunts"] == told["techniques"] == told["phases"] == []
    assert {one["disposition"] for one in told["indicators"]} == {"benign"}
    assert "nothing to hunt here" in told["why"]
    assert "12 image digests name parts of container images" in told["why"]
    digests = [one for one in told["indicators"] if one["type"] == "image_digest"]
    assert len(digests) == 12
    assert {one["role"] for one in digests} == {"config", "diff_id", "image", "layer", "manifest"}
    assert not {one["type"] for one in told["not_used"]} & {"image_digest", "sha256"}


def test_a_listing_is_named_after_its_file_and_its_own_words_tell_the_roles(tmp_path: Path) -> None:
    index, *digests = (hashlib.sha256(name).hexdigest() for name in (b"a", b"b", b"c", b"d"))
    words = ["config digest = Docker image ID", "legacy v1 layer ID of layer 2", "OCI image manifest digest"]
    source = tmp_path / "digests.json"
    listed = [{"sha256": digest, "is": words_} for digest, words_ in zip(digests, words, strict=True)]
    source.write_text(json.dumps({"image": "docker.io/library/ubuntu:18.04", "index_digest": index, "of": listed}))
    told = json.loads(done(str(source), "--format", "json"))
    assert (told["title"], told["severity"], told["hunts"]) == ("digests.json", "informational", [])
    roles = {one["value"]: one["role"] for one in told["indicators"] if one["type"] == "image_digest"}
    assert [roles[f"sha256:{value}"] for value in (index, *digests)] == ["index", "config", "layer", "manifest"]


def test_a_release_is_looked_in(tmp_path: Path) -> None:
    store, source = tmp_path / "store.sqlite", tmp_path / "a.txt"
    source.write_text(f"A LOADER\n\n{PROSE}\nIt is what T1204.003 describes.\n")
    assert json.loads(done(str(source), "--format", "json"))["attack_release"] is None
    assert "nothing of ATT&CK is imported" in refused(str(source), "--store", str(store))
    assert "nothing of ATT&CK is imported" in refused(str(source), "--attack-release", "19.1")
    imported = CliRunner().invoke(main, ["attack", "import", str(bundle(tmp_path)), "--store", str(store)])
    assert imported.exit_code == 0, imported.output
    told = json.loads(done(str(source), "--format", "json", "--store", str(store)))
    assert told["attack_release"] == "enterprise 19.1"
    (technique,) = (one for one in told["techniques"] if one["how"] == "explicit")
    assert (technique["id"], technique["name"]) == ("T1204.003", "Malicious Image")
    assert "no such release" in refused(str(source), "--store", str(store), "--attack-release", "1.0")


# ------------------------------------------------------------------------------------------------ a feed


def test_a_feed_becomes_a_folder_and_a_second_run_changes_nothing(tmp_path: Path, site: Site) -> None:
    feed = site.rss(site.article("/a", "One") and "/a", site.article("/b", "Two") and "/b")
    out = tmp_path / "out"
    assert "2 articles: 2 new, 0 changed, 0 unchanged, 0 not read" in done(feed, "-o", str(out))
    before = state(out)
    assert len(before) == 6
    assert "2 articles: 0 new, 0 changed, 2 unchanged, 0 not read" in done(feed, "-o", str(out))
    assert state(out) == before
    again = [request for request in site.server.requests if "if-none-match" in request.headers]
    assert [request.path for request in again] == ["/feed.xml", "/a", "/b"]
    index = json.loads((out / "index.json").read_text())
    assert (index["kind"], index["schema"], index["title"]) == ("briefing_index", 1, "Site")
    assert [one["title"] for one in index["articles"]] == ["Two", "One"]
    assert json.loads((out / f"{index['articles'][0]['file']}.json").read_text())["kind"] == "briefing"


def test_without_validators_a_second_run_changes_nothing_either(tmp_path: Path, site: Site) -> None:
    page, number = f"<p>{PROSE}</p><script>token = ", iter(range(9))
    site.server.scripts["/a"] = lambda request: Answer(
        f"{page}{next(number)}</script>".encode(), 200, {"Content-Type": "text/html"}
    )
    feed, out = site.rss("/a"), tmp_path / "out"
    done(feed, "-o", str(out))
    before = state(out)
    assert "1 unchanged" in done(feed, "-o", str(out))
    assert state(out) == before


def test_what_changed_is_written_under_its_name(tmp_path: Path, site: Site) -> None:
    feed, out = site.rss(site.article("/a") and "/a", site.article("/b") and "/b"), tmp_path / "out"
    done(feed, "-o", str(out))
    before = state(out)
    site.article("/a", "Another title")
    site.rss("/a", "/b", site.article("/c") and "/c")
    assert "3 articles: 1 new, 1 changed, 1 unchanged" in done(feed, "-o", str(out))
    after = state(out)
    assert set(before) < set(after)
    assert len(after) == len(before) + 2
    changed = {name for name in before if before[name] != after[name]}
    assert {name.partition("-")[0] for name in changed} == {"2024", "index.json", "index.html"}
    assert len(changed) == 4


def test_what_cannot_be_read_is_said_and_the_rest_is_written(tmp_path: Path, site: Site) -> None:
    site.pages["/wall"] = "<p>The beginning.</p><p>Subscribe now to continue reading.</p>"
    feed, out = site.rss("/wall", "/gone", site.article("/a") and "/a"), tmp_path / "out"
    result = run(feed, "-o", str(out))
    assert result.exit_code == 3
    assert "3 articles: 1 new, 0 changed, 0 unchanged, 2 not read" in result.stdout
    assert "behind a paywall" in result.stderr
    before = state(out)
    assert run(feed, "-o", str(out)).exit_code == 3
    assert state(out) == before
    reasons = [one.get("not_read", "") for one in json.loads((out / "index.json").read_text())["articles"]]
    assert [bool(reason) for reason in reasons] == [False, True, True]


def test_an_article_that_goes_keeps_its_briefing(tmp_path: Path, site: Site) -> None:
    feed, out = site.rss(site.article("/a") and "/a"), tmp_path / "out"
    done(feed, "-o", str(out))
    before = state(out)
    del site.pages["/a"]
    assert run(feed, "-o", str(out)).exit_code == 3
    assert state(out) == before


def test_a_run_that_was_killed_goes_on(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    feed, out = site.rss(site.article("/a") and "/a", site.article("/b") and "/b"), tmp_path / "out"

    def killed(self: Polite, url: str, **conditions: str) -> Fetched:
        if url.endswith("/b"):
            raise KeyboardInterrupt
        return ask(self, url, **conditions)

    ask = Polite.ask
    with monkeypatch.context() as patched:
        patched.setattr(Polite, "ask", killed)
        assert run(feed, "-o", str(out)).exit_code == 130
    assert "2 articles: 2 new" in done(feed, "-o", str(out))
    assert len(state(out)) == 6


def test_no_more_than_asked_for(tmp_path: Path, site: Site) -> None:
    feed = site.rss(*(f"/{n}" for n in range(5) if site.article(f"/{n}")))
    assert "2 articles: 2 new, 0 changed, 0 unchanged, 0 not read; 3 more were left out" in done(
        feed, "-o", str(tmp_path / "out"), "--most", "2"
    )
    assert site.asked == ["/feed.xml", "/robots.txt", "/0", "/1"]


@pytest.mark.parametrize("page", ["<html><body><h1>Not found</h1></body></html>", "nothing here"])
def test_a_feed_that_is_html_is_said_to_be_none(tmp_path: Path, site: Site, page: str) -> None:
    site.pages["/feed.xml"] = page
    (tmp_path / "out").mkdir()
    for out in (tmp_path / "out", tmp_path / "new"):
        assert "no feed" in refused(site.address("/feed.xml"), "-o", str(out))
    site.pages["/blog"] = (
        '<html><head><link rel="alternate" type="application/rss+xml" href="/f.xml"></head><body>x</body></html>'
    )
    assert f"{site.address('/f.xml')} as its feed" in refused(site.address("/blog"), "-o", str(tmp_path / "out"))


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path, site: Site) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert "neither empty nor a folder of briefings" in refused(site.rss("/a"), "-o", str(tmp_path))
    done(site.rss(site.article("/a") and "/a"), "-o", str(tmp_path / "out"))
    other = site.rss("/a", path="/other.xml")
    assert "holds briefings of" in refused(other, "-o", str(tmp_path / "out"))


def test_a_feed_from_a_file(tmp_path: Path, site: Site) -> None:
    site.rss(site.article("/a") and "/a")
    (tmp_path / "feed.xml").write_text(site.pages["/feed.xml"])
    for _ in range(2):
        done(str(tmp_path / "feed.xml"), "-o", str(tmp_path / "out"))
    assert len(state(tmp_path / "out")) == 4


def test_stix_beside_the_others(tmp_path: Path, site: Site) -> None:
    done(site.rss(site.article("/a") and "/a"), "-o", str(tmp_path / "out"), "--format", "stix")
    (bundle,) = (tmp_path / "out").glob("*.stix.json")
    assert stix2.parse(bundle.read_text(), version="2.1")["type"] == "bundle"


@pytest.mark.e2e
def test_the_index_is_searched_in_a_browser(tmp_path: Path, site: Site) -> None:
    """Words filter the rows; nothing but the page is asked for, and no text of an article runs."""
    evil = '&lt;script&gt;alert(1)&lt;/script&gt;"><img src=x onerror=alert(2)>'
    done(site.rss(site.article("/a", "Alpha") and "/a", site.article("/b", evil) and "/b"), "-o", str(tmp_path / "out"))
    with opened_browser(tmp_path / "profile") as page:
        page.open((tmp_path / "out" / "index.html").as_uri())
        shown = "Array.from(document.querySelectorAll('#list tbody tr')).filter((row) => !row.hidden).length"
        assert page.evaluate(shown) == 2
        page.evaluate(
            "(() => { const w = document.getElementById('wanted'); w.value = 'alpha 2024';"
            " w.dispatchEvent(new Event('input')); })()"
        )
        assert page.evaluate(shown) == 1
        assert page.evaluate("document.getElementById('said').textContent") == "1 of 2 articles"
        assert page.evaluate("document.querySelectorAll('img, iframe').length") == 0
        assert page.console == []
        assert [address for address in page.requests if not address.endswith("index.html")] == []
