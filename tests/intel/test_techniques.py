"""Holds which techniques are found by their ids and by likeness, and which sentences are shown for them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from technique_labels import article_of, made_index

from tidewaiter.intel.article import Article, Block
from tidewaiter.intel.briefing import Indicator
from tidewaiter.intel.sentences import MAX_SENTENCE
from tidewaiter.intel.severity import severity_of
from tidewaiter.intel.summary import summary_of
from tidewaiter.intel.technique_index import TechniqueIndex
from tidewaiter.intel.techniques import techniques_of

_ATTACK = "Attackers broke in. The malware hides. Victims were many.\n"


def found(text: str, index: TechniqueIndex | None) -> dict[str, str]:
    """Id -> how."""
    return {one.id: one.how for one in techniques_of(article_of(text), index)}


def test_ids_are_found_without_a_release() -> None:
    told = techniques_of(article_of("It used T1059.004 and then T1105. See model T1 and XT1059."), None)
    assert [(one.id, one.name, one.how, one.score) for one in told] == [
        ("T1059.004", None, "explicit", 1.0),
        ("T1105", None, "explicit", 1.0),
    ]
    assert told[0].evidence == "It used T1059.004 and then T1105."


def test_ids_in_rows_and_links_are_found(index: TechniqueIndex) -> None:
    row = Block("table", "T1053.003 Cron A job", 0, cells=("T1053.003", "Cron", "A job"))
    linked = Block("list", "PowerShell", 30, links=("https://attack.mitre.org/techniques/T1059/001/",))
    elsewhere = Block(
        "list", "x", 50, links=("https://example.org/techniques/T1105", "https://attack.mitre.org.evil/T1")
    )
    told = techniques_of(Article("t", (row, linked, elsewhere)), index)
    assert [(one.id, one.name, one.evidence) for one in told] == [
        ("T1053.003", "Cron", "T1053.003 Cron A job"),
        ("T1059.001", "PowerShell", "PowerShell"),
    ]


def test_names_in_a_table_of_techniques_are_found(index: TechniqueIndex) -> None:
    about = ("MITRE ATT&CK",)
    row = Block("table", "Execution Unix Shell runs", 0, about, ("Execution", "Unix Shell", "runs"))
    other = Block("table", "Cron", 40, ("Programs",), ("Cron",))
    article = Article("t", (row, other))
    assert [(one.id, one.how, one.evidence) for one in techniques_of(article, index)] == [
        ("T1059.004", "inferred", "Execution Unix Shell runs")
    ]


def test_only_living_techniques_are_given(index: TechniqueIndex) -> None:
    assert found("They used T1562.001, T9999 and T1204.", index) == {"T1685": "explicit"}


@pytest.mark.parametrize(
    "text",
    [
        "T1105 was not observed.",
        "Organisations should look for T1105.",
        "```\ntags: attack.t1105 T1105\n```",
        "## References\nT1105 at attack.mitre.org",
    ],
)
def test_ids_that_are_only_cited_do_not_count(text: str, index: TechniqueIndex) -> None:
    assert found(text, index) == found(text, None) == {}


def test_behaviour_is_inferred_with_its_sentence(index: TechniqueIndex) -> None:
    article = article_of(f"{_ATTACK}An entry was written to the crontab of root. The lights went out.")
    (told,) = techniques_of(article, index)
    assert (told.id, told.name, told.how) == ("T1053.003", "Cron", "inferred")
    assert told.evidence == "An entry was written to the crontab of root."
    assert article.text[told.offset :].startswith(told.evidence)
    assert 0 < told.score <= 1


@pytest.mark.parametrize(
    "text",
    [
        "To mitigate, disable PowerShell scripts.",
        "The malware did not run PowerShell scripts.",
        "Attackers could write an entry to the crontab.",
        "PowerShell is a scripting language for administrators.",
        "```\ncrontab -l; powershell.exe\n```",
        "## Mitigations\nA cron job checks the files.",
        "Sources of forces race through the trace of a Powershellish chrontable.",
    ],
)
def test_what_is_only_said_shows_nothing(text: str, index: TechniqueIndex) -> None:
    assert found(_ATTACK + text, index) == {}


def test_nothing_is_inferred_without_a_release_or_an_attack(index: TechniqueIndex) -> None:
    prose = "The tool writes an entry to the crontab. A bash script is run. It downloads a file with curl.\n" * 4
    assert found(_ATTACK + prose, None) == {}
    assert found(prose, index) == {}
    assert found(_ATTACK + prose, index).keys() >= {"T1053.003", "T1059.004", "T1105"}


def test_an_id_is_better_evidence_than_likeness(index: TechniqueIndex) -> None:
    text = f"{_ATTACK}A cron job starts the malware. This is T1053.003."
    assert found(text, index)["T1053.003"] == "explicit"


@pytest.mark.parametrize(
    "piece",
    [
        *("a", "attacker ", "....!!!", "The malware can. ", "(", "T1059 ", "scan ", "CVE-2024-1000 exploit ", "[a]("),
        *("1,000,", "\n- ", "e.g. ", "no a ", "An attacker could the the ", "a[.]", "hxxp://"),
    ],
)
def test_a_long_line_is_read_to_its_end(piece: str, index: TechniqueIndex) -> None:
    article = Article("t", (Block("paragraph", piece * (200_000 // len(piece)), 0),))
    assert len(techniques_of(article, index)) < 10
    severity_of(article, (), ())
    summary_of(article, (), ())


@pytest.mark.property
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["heading", "paragraph", "list", "table", "code", "quote"]),
            st.text(max_size=200)
            | st.lists(
                st.sampled_from(
                    ["attackers", "crontab", "bash", "T1105", "T1562.001", "not", ".", ",", "PowerShell", "ran"]
                )
            ).map(" ".join),
        ),
        max_size=12,
    )
)
def test_any_article_gives_bounded_answers(told: list[tuple[str, str]]) -> None:
    blocks, offset = [], 0
    for kind, text in told:
        blocks.append(Block(kind, text, offset))  # type: ignore[arg-type]
        offset += len(text) + 1
    article, index = Article("", tuple(blocks)), made_index()
    techniques = techniques_of(article, index)
    assert techniques == techniques_of(article, index)
    assert len({one.id for one in techniques}) == len(techniques)
    for one in techniques:
        assert one.id in index.catalogue.names
        assert one.name == index.catalogue.names[one.id]
        assert 0 <= one.score <= 1
        assert len(one.evidence) <= MAX_SENTENCE
        assert 0 <= one.offset < len(article.text)
        assert re.sub(r"\s", "", article.text[one.offset :]).startswith(re.sub(r"\s", "", one.evidence[:50]))


def test_a_malicious_value_makes_sober_notes_a_report(index: TechniqueIndex) -> None:
    prose = "The tool writes an entry to the crontab. A bash script is run. It downloads a file with curl.\n" * 4
    hash_of_sample = Indicator(
        type="sha256", value="0" * 64, disposition="malicious", reason="", evidence="", offset=0, written=""
    )
    told = techniques_of(article_of(prose), index, (hash_of_sample,))
    assert {one.id for one in told} >= {"T1053.003", "T1059.004"}
    assert techniques_of(article_of(prose), index) == ()
