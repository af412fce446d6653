"""Proves how articles are read: kinds told by content, encodings, metadata, and one sentence for what is none."""

import gzip
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from registries import Answer, Made, Request

from tidewaiter.edge.article import read_article
from tidewaiter.edge.article_about import day
from tidewaiter.edge.article_fault import ArticleError
from tidewaiter.edge.article_fetch import leads_inside

PROSE = "The loader fetches its orders from a server and starts a shell on the build machine, as we saw in March. " * 3
PAGE = f"<html><head><title>T</title></head><body><article><h1>A loader</h1><p>{PROSE}</p></article></body></html>"


@pytest.fixture
def server() -> Iterator[Made]:
    made = Made()
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def put(server: Made, path: str, body: bytes | str, status: int = 200, **headers: str) -> str:
    """Serve something; gives its address."""
    data = body.encode() if isinstance(body, str) else body
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    server.scripts[path] = lambda request: Answer(data, status, told)
    return f"http://{server.host}{path}"


def file(tmp_path: Path, content: bytes | str, name: str = "article") -> str:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def refused(source: str) -> str:
    with pytest.raises(ArticleError) as caught:
        read_article(source)
    told = str(caught.value)
    assert "\n" not in told
    assert told.isprintable()
    return told


def kinds(source: str) -> list[str]:
    return [block.kind for block in read_article(source).blocks]


# ------------------------------------------------------------------------------------------------- kinds


@pytest.mark.parametrize("name", ["a.html", "a.txt.bak", "a.md", "a"])
def test_html_is_told_by_its_content(tmp_path: Path, name: str) -> None:
    text = PAGE if name != "a.md" else PAGE.replace("<article>", "<article>\n\n")
    assert kinds(file(tmp_path, text, name)) == ["heading", "paragraph"]


def test_markdown_is_told_by_its_content(tmp_path: Path) -> None:
    front = "---\ntitle: 'A loader'\ndate: 2024-03-01\n---\n"
    table = "| t | v |\n|---|---|\n| ip | 192.0.2.1 |"
    text = f"{front}# One\n\n{PROSE}\n\n- a\n- b\n\n{table}\n\n```sh\na\n  b\n```\n\n> quoted\n"
    article = read_article(file(tmp_path, text))
    assert [(b.kind, b.text) for b in article.blocks[2:]] == [
        *(("list", "a"), ("list", "b"), ("table", "ip | 192.0.2.1"), ("code", "a\n  b"), ("quote", "quoted")),
    ]
    assert article.blocks[4].columns == ("t", "v")
    assert (article.title, article.date) == ("A loader", "2024-03-01")


def test_text_has_headings_lists_rows_and_folded_lines(tmp_path: Path) -> None:
    folded = "The loader fetches its orders from a server and it starts\na shell on the build machine."
    lists = f"- one.example\n- two.example\n\nhash\tname\n{'a' * 32}\tx.sh\n\n192.0.2.1\n192.0.2.2\n"
    text = f"A REPORT\n\n{folded}\n\nIndicators of compromise\n------------------------\n\n{lists}"
    article = read_article(file(tmp_path, text, "report.txt"))
    assert [(block.kind, block.text) for block in article.blocks] == [
        ("heading", "A REPORT"),
        ("paragraph", folded.replace("\n", " ")),
        ("heading", "Indicators of compromise"),
        ("list", "one.example"),
        ("list", "two.example"),
        ("table", f"{'a' * 32} | x.sh"),
        ("paragraph", "192.0.2.1\n192.0.2.2"),
    ]
    assert article.blocks[5].columns == ("hash", "name")
    assert article.blocks[5].headings == ("Indicators of compromise",)


# --------------------------------------------------------------------------------------------- encodings


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        *(("utf-8", ""), ("utf-8-sig", ""), ("utf-16", ""), ("utf-16-le", ""), ("utf-16-be", "")),
        *(("cp1252", "windows-1252"), ("cp1252", ""), ("cp1252", "iso-8859-1"), ("utf-8", "iso-8859-1")),
        *(("shift_jis", "shift_jis"), ("gb18030", "gb2312"), ("cp1251", "windows-1251"), ("utf-8", "no-such-thing")),
    ],
)
def test_text_is_decoded(tmp_path: Path, encoding: str, declared: str) -> None:
    letters = {"shift_jis": "攻撃者", "gb18030": "攻击者", "cp1251": "злодей"}.get(encoding, "Größe, café, naïve")
    meta = f'<meta charset="{declared}">' if declared else ""
    text = f"<html><head>{meta}</head><body><p>{PROSE}</p><p>{letters}</p></body></html>"
    assert read_article(file(tmp_path, text.encode(encoding))).blocks[-1].text == letters


def test_the_servers_charset_counts_where_the_page_says_nothing(server: Made) -> None:
    url = put(server, "/a", f"<p>{PROSE}</p><p>злодей</p>".encode("koi8-r"), Content_Type="text/html; charset=KOI8-R")
    assert read_article(url).blocks[-1].text == "злодей"


# ---------------------------------------------------------------------------------------------- metadata


@pytest.mark.parametrize(
    "head",
    [
        '<meta property="og:title" content="The title"><meta property="article:published_time"'
        ' content="2024-03-01T23:00:00Z"><meta property="og:site_name" content="Site">',
        '<script type="application/ld+json">{"@graph":[{"@type":["BlogPosting"],"headline":"The'
        ' title","datePublished":"2024-03-01","publisher":{"name":"Site"}}]}</script>',
        '<title>The title</title><meta name="DC.date" content="1 March 2024"><meta'
        ' name="application-name" content="Site">',
        '<script type="application/ld+json">{broken</script><title>The title</title><meta name="date"'
        ' content="20240301"><meta property="og:site_name" content="Site">',
    ],
)
def test_metadata_is_found(tmp_path: Path, head: str) -> None:
    article = read_article(file(tmp_path, f"<html><head>{head}</head><body><p>{PROSE}</p></body></html>"))
    assert (article.title, article.date, article.publisher) == ("The title", "2024-03-01", "Site")


def test_the_address_is_that_after_redirects(server: Made) -> None:
    put(server, "/new", PAGE, Content_Type="text/html")
    article = read_article(put(server, "/old", "", 301, Location="/new"))
    assert article.url == f"http://{server.host}/new"
    assert [request.path for request in server.requests] == ["/old", "/new"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("2024-02-30", None), ("Mar. 3rd, 2024", "2024-03-03"), ("3 March 2024", "2024-03-03"), ("", None), ("x", None)],
)
def test_dates(text: str, wanted: str | None) -> None:
    assert day(text) == wanted


# --------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n\t ", "is empty"),
        (b"<html><body><script>1</script></body></html>", "holds no text"),
        (b"<html><body><div style='display:none'>x</div></body></html>", "holds no text"),
        (os.urandom(4096) + bytes(range(32)) * 100, "its bytes are no text"),
        (b"\x7fELF\x02\x01\x01" + bytes(100), "is an ELF program"),
        (gzip.compress(b"x"), "is a gzip file"),
        (b"PK\x03\x04" + bytes(100), "is a zip file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "is a PNG picture"),
        (b"<p>The beginning of a story.</p><div>Subscribe now to continue reading.</div>", "behind a paywall"),
        (b"<p>The beginning.</p><p>Already a member? Sign in to continue</p>", "behind a paywall"),
        (b"<html><body><p>Please enable JavaScript to view this page.</p></body></html>", "only to a browser"),
        (b"<p>" + b"<div>" * 100_000 + b"deep" + b"</div>" * 100_000, "nested deeper"),
        (b"<table><tr><td>" * 100_000, "nested deeper"),
        (b'<?xml version="1.0"?><rss version="2.0"><channel></channel></rss>', "is a feed; name the folder"),
        (b"%PDF-1.7\nrubbish", "is a broken PDF"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_bad_input_gets_one_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    assert words in refused(file(tmp_path, content))


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as opened:
        opened.truncate(200 << 20)
    assert "larger than 32 MiB" in refused(str(tmp_path / "large"))


def test_places_that_are_no_articles(tmp_path: Path) -> None:
    assert "is a folder" in refused(str(tmp_path))
    assert "No such file" in refused(str(tmp_path / "none"))
    assert "only http and https" in refused("ftp://blog.example/a")
    assert "only http and https" in refused("file:///etc/passwd")
    assert "cannot be" in refused("http://")


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE html [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><p>&b;&b; text'
        " of an article</p>",
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><html><body><p>&x; text of an article</p></body></html>',
        '<html xmlns:xi="http://www.w3.org/2001/XInclude"><body><xi:include href="/etc/passwd"/><p>text'
        "</p></body></html>",
    ],
)
def test_entities_are_not_expanded(tmp_path: Path, text: str) -> None:
    told = read_article(file(tmp_path, text)).text
    assert "root:" not in told
    assert "aaaaaaaaaa" * 8 not in told


@pytest.mark.parametrize(
    "unit",
    [
        "<p>a",
        "<b>a",
        "<a href=x>",
        "<td>x",
        "<li>x",
        "&lt;",
        "<!-- a -->",
        "x ",
        "<",
        "[",
        "> ",
        "* ",
        "|a",
        "`",
        "\n",
        "a\n\n",
        "ab" * 16 + "\n",
    ],
)
def test_long_rubbish_is_read_in_time(tmp_path: Path, unit: str) -> None:
    """Much of one thing, in one line or in many: what matters is that this ends."""
    for name in ("a.html", "a.md", "a.txt"):
        source = file(tmp_path, "<p>text of an article</p>\n" + unit * (300_000 // len(unit)), name)
        told = ""
        try:
            read_article(source)
        except ArticleError as error:
            told = str(error)
        assert "\n" not in told


# ----------------------------------------------------------------------------------------------- servers


def test_nothing_but_the_address_is_asked_for(server: Made) -> None:
    evil = (
        '<html><head><link rel="stylesheet" href="/s.css"><script src="/s.js"></script><meta'
        ' http-equiv="refresh" content="0;/r">'
        f'<base href="http://{server.host}/b/"></head><body><img src="/i.png"><iframe src="/f"></iframe>'
        f"<p>{PROSE}</p></body></html>"
    )
    read_article(put(server, "/a", evil, Content_Type="text/html"))
    assert [(request.method, request.path) for request in server.requests] == [("GET", "/a")]
    assert "cookie" not in server.requests[0].headers
    assert server.requests[0].headers["user-agent"].startswith("tidewaiter/")


def test_a_bomb_of_gzip_is_given_up(server: Made) -> None:
    bomb = gzip.compress(bytes(64 << 20), 9)
    assert "larger than 32 MiB" in refused(put(server, "/a", bomb, Content_Encoding="gzip"))


def test_gzip_is_unpacked(server: Made) -> None:
    assert "loader" in read_article(put(server, "/a", gzip.compress(PAGE.encode()), Content_Encoding="gzip")).text


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (404, {}, "answered 404"),
        (500, {}, "answered 500"),
        (302, {"Location": "/loop"}, "redirects more than"),
        (302, {"Location": "ftp://evil.example/"}, "neither http nor https"),
        (302, {"Location": "file:///etc/passwd"}, "neither http nor https"),
        (200, {"Content-Encoding": "br"}, "which was not asked for"),
        (200, {"Content-Encoding": "gzip"}, "packed answer is broken"),
    ],
)
def test_bad_answers_get_one_sentence(server: Made, status: int, headers: dict[str, str], words: str) -> None:
    assert words in refused(put(server, "/loop", "rubbish", status, **headers))


def test_cookies_are_not_sent_back(server: Made) -> None:
    put(server, "/b", PAGE)
    read_article(put(server, "/a", "", 302, Location="/b", Set_Cookie="a=b; Path=/"))
    assert all("cookie" not in request.headers for request in server.requests)


@pytest.mark.parametrize(
    ("at", "target", "wanted"),
    [
        ("https://blog.example/", "http://127.0.0.1/", True),
        ("https://blog.example/", "http://169.254.169.254/latest", True),
        ("https://blog.example/", "http://[::1]/", True),
        ("https://blog.example/", "http://localhost:8080/", True),
        ("https://blog.example/", "http://2130706433/", True),
        ("https://blog.example/", "http://0x7f.1/", True),
        ("https://blog.example/", "http://intranet/", True),
        ("http://10.0.0.1/", "http://10.0.0.2/", False),
        ("https://blog.example/", "https://www.blog.example/", False),
    ],
)
def test_a_page_outside_sends_nobody_inside(at: str, target: str, wanted: bool) -> None:
    assert leads_inside(at, target) is wanted


def test_a_broken_off_answer_gets_one_sentence(server: Made) -> None:
    def half(request: Request) -> Any:
        return Answer(PAGE.encode(), 200, {"Content-Type": "text/html"}, cut=20)

    server.scripts["/a"] = half
    assert "cannot be fetched" in refused(f"http://{server.host}/a")
