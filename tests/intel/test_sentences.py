"""Holds that sentences end where a reader ends them, that their places are right, and that nothing is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from technique_labels import article_of

from tidewaiter.intel.sentences import MAX_SENTENCE, quoted, sentences, sentences_of


@pytest.mark.parametrize(
    "told",
    [
        ["It drops setup.py. Then it runs node.js code.", 2],
        ["The server evil[.]com answers. So does hxxps://bad[.]example/a.php. Yes.", 3],
        ["Version 1.2.3 is out, e.g. for Linux. It was built by Acme Inc. in May.", 2],
        ["Fig. 3 shows 192.0.2.1:8080. See Dr. Smith, i.e. A. Smith.", 2],
        ["Acme Corp. The report is ours.", 2],
        ["1. Open the file", 1],
        ["“It works.” The end!", 2],
        ["What now? Nothing. (It ends.) Truly...", 4],
        ["the tool.exe file is run. systemd starts it", 1],
        ["first line\n\nsecond line", 2],
        ["- one\n- two", 2],
        ["悪い。 次", 2],
        ["   ", 0],
    ],
    ids=lambda told: str(told[0])[:20],
)
def test_a_text_has_so_many_sentences(told: tuple[str, int]) -> None:
    text, number = told
    assert len(list(sentences(text))) == number


def test_rows_and_lines_of_code_are_taken_whole() -> None:
    article = article_of("# A title\n| a. b | C. D |\n```\ncurl x. Y\n\n  wget z\n```\nOne. Two.")
    told = [(one.text, one.block.kind) for one in sentences_of(article)]
    assert told == [
        ("A title", "heading"),
        ("| a. b | C. D |", "table"),
        ("curl x. Y", "code"),
        ("wget z", "code"),
        ("One.", "paragraph"),
        ("Two.", "paragraph"),
    ]
    assert all(article.text[one.offset :].startswith(one.text) for one in sentences_of(article))


def test_a_quotation_is_bounded_and_stands_on_one_line() -> None:
    assert quoted("a\n b") == "a b"
    assert quoted("word " * 100, 20) == "word word word word …"
    assert len(quoted("x" * 5000, 20)) <= 22


@pytest.mark.property
@given(st.text(alphabet=st.sampled_from("aB1. !?\n\"')(-[]…"), max_size=400) | st.text(max_size=400))
def test_sentences_cover_all_that_is_not_white_space(text: str) -> None:
    told = list(sentences(text))
    assert all(text[one.offset : one.offset + len(one.text)] == one.text for one in told)
    assert all(one.text == one.text.strip() and one.text for one in told)
    assert "".join("".join(one.text.split()) for one in told) == "".join(text.split())
    ends = [one.offset + len(one.text) for one in told]
    assert all(end <= one.offset for end, one in zip(ends, told[1:], strict=False))


@pytest.mark.parametrize("text", ["a" * 10**6, "." * 10**6, "e.g. " * 200_000, "\n- " * 300_000, "A. " * 300_000])
def test_long_texts_are_split_into_bounded_sentences(text: str) -> None:
    assert max(len(one.text) for one in sentences(text)) <= 2 * MAX_SENTENCE
