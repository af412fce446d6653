"""Proves that a briefing's Markdown says what it holds, and that no text of an article is anything but text in it."""

from pathlib import Path
from typing import Any

import pytest
from briefings import SENTENCE, briefing, indicator
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tidewaiter.intel.briefing import Briefing, Hunt, NotUsed, Phase, Source, Technique
from tidewaiter.intel.markdown import code, fenced, markdown, text

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "brief"
READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
HOSTILE = (
    "</td></tr><script>alert(1)</script>",
    "a | b \\| c `d` ``e`` \\`f\\` | g",
    "[x](javascript:alert(1)) ![y](http://evil.example/p.png) <http://evil.example>",
    "line\n\n# heading\n\n```\nfence\n~~~\n- item\n\n| a | b |\n|---|---|\n| c | d |",
    "[ref]: http://evil.example\n[ref]",
    "&lt;b&gt; &#60;i&#62; **bold** _em_ ~~gone~~ $x$ www.evil.example a@evil.example",
    "\u202eevil\u202c \x1b[31m \x00 \u2028## x",
    "1. one", "- two", "+ three", "# four", "> five", "====", "---", "    code", "`", "``", " ` ", "\\", "|", "\\|",
)  # fmt: skip


def hostile(words: str) -> Briefing:
    return briefing(
        title=words,
        severity_reasons=(words,),
        source=Source(url=words, publisher=words, date=words, sha256=words),
        summary=(words,),
        not_hunted=(words,),
        indicators=(
            indicator("file_name", words, evidence=words, reason=words),
            indicator("domain", words, "victim", evidence=words, reason=words, role=words),
        ),
        techniques=(Technique(id=words, name=words, score=0.5, how="explicit", evidence=words, offset=0),),
        phases=(Phase(name=words, evidence=words, offset=0),),
        hunts=(Hunt(language="kql", title=words, query=words),),
        why=words,
        not_used=(NotUsed(type=words, value=words, reason=words, evidence=words, offset=0),),
        attack_release=words,
    )


def flat(tokens: list[Token]) -> list[Token]:
    return [inner for token in tokens for inner in (token, *flat(token.children or []))]


def shape(tokens: list[Token]) -> list[str]:
    """The blocks of a page, by kind and nesting."""
    return [token.type for token in tokens]


def golden(name: str, content: str, refresh: bool) -> None:
    file = GOLDEN / name
    if refresh:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    assert content == file.read_text(encoding="utf-8")


def test_page_is_the_golden_one(request: pytest.FixtureRequest) -> None:
    golden("made.md", markdown(briefing()), request.config.getoption("--refresh"))


def test_page_of_nothing_is_the_golden_one(request: pytest.FixtureRequest) -> None:
    nothing: dict[str, Any] = dict.fromkeys(
        ("severity_reasons", "summary", "indicators", "techniques", "phases", "hunts", "not_used"), ()
    )
    empty = briefing(
        severity="informational",
        source=Source(url=None, publisher=None, date=None, sha256=None),
        why="A tutorial: there is nothing to hunt here.",
        attack_release=None,
        **nothing,
    )
    golden("nothing.md", markdown(empty), request.config.getoption("--refresh"))


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_text_changes_no_block(words: str) -> None:
    page = READER.parse(markdown(hostile(words)))
    assert shape(page) == shape(READER.parse(markdown(hostile("plain"))))


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_text_is_no_markup(words: str) -> None:
    found = {token.type for token in flat(READER.parse(markdown(hostile(words))))}
    assert found.isdisjoint({"html_block", "html_inline", "image", "link_open", "em_open", "s_open"})
    assert markdown(hostile(words)).replace("\n", "").isprintable()


@pytest.mark.property
@given(st.text(st.sampled_from("ab1 .-+=#>|\\`*_[]()<>!&~:@$\n\t'\"{}/")) | st.text())
@example("\\|`|``")
def test_no_text_is_markup(words: str) -> None:
    """Whatever a text is: the blocks are the same, and what a reader sees is the text."""
    page = READER.parse(markdown(hostile(f"{words}x")))
    assert [t for t in shape(page) if t != "inline"] == [
        t for t in shape(READER.parse(markdown(hostile("plain")))) if t != "inline"
    ]
    assert {token.type for token in flat(page)}.isdisjoint(
        {"html_block", "html_inline", "image", "link_open", "em_open"}
    )


@pytest.mark.property
@given(st.text(st.sampled_from("ab1 .-+=#>|\\`*_[]()<>!&~:@$'\"{}/"), min_size=1))
def test_what_is_shown_is_what_was_said(words: str) -> None:
    said = " ".join(f"{words}y".split())
    shown = READER.parseInline(f"x {text(said)}")[0].children or []
    assert "".join(token.content for token in shown) == f"x {said}"
    span = READER.parseInline(code(said))[0].children or []
    assert [(token.type, token.content.strip()) for token in span] == [("code_inline", said)]


@pytest.mark.property
@given(st.text(st.sampled_from("`~ ab\n"), max_size=40))
def test_a_query_stays_in_its_fence(query: str) -> None:
    page = READER.parse("\n".join(fenced(query, "kql")) + "\n\nafter\n")
    assert [token.type for token in page] == ["fence", "paragraph_open", "inline", "paragraph_close"]
    assert page[0].content == f"{query}\n"


def test_only_the_article_itself_is_linked() -> None:
    links = [token for token in flat(READER.parse(markdown(briefing()))) if token.type == "link_open"]
    assert [link.attrs["href"] for link in links] == ["https://blog.example/a-slow-loader"]
    assert SENTENCE.replace("[", r"\[").replace("]", r"\]").replace("hxxp://", r"hxxp\://") in markdown(briefing())


def test_what_no_query_looks_for_is_said_with_the_hunts() -> None:
    told = markdown(briefing(not_hunted=("packages: no query language here has a field for them.",)))
    hunts = told[told.index("## Hunts") : told.index("## Why")]
    assert "- packages: no query language here has a field for them." in hunts
