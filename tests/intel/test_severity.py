"""Holds what a severity rests on, that reasons quote it, and that a hash alone is nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from technique_labels import article_of

from tidewaiter.intel.briefing import Indicator, Severity, Technique
from tidewaiter.intel.severity import severity_of

_ATTACK = "Attackers broke into web servers. The malware hides from its victims.\n"


def indicator(disposition: str = "malicious", kind: str = "sha256") -> Indicator:
    """One indicator."""
    return Indicator(
        type=kind,  # type: ignore[arg-type]
        value="0" * 64,
        disposition=disposition,  # type: ignore[arg-type]
        reason="of the table",
        evidence="a row",
        offset=0,
        written="0" * 64,
    )


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        (_ATTACK, "low"),
        (_ATTACK + "The campaign goes on. Thousands of servers were hit.", "medium"),
        (_ATTACK + "The ransomware encrypted files. Thousands of servers were hit.", "high"),
        (_ATTACK + "The ransomware hit 12,000 servers. The zero-day was exploited for weeks.", "critical"),
        (_ATTACK + "There is no evidence that it is exploited in the wild.", "low"),
        (_ATTACK + "Is it exploited in the wild?", "low"),
        ("# CVE-2031-1000 in a proxy\nThe flaw has a CVSS score of 5.3. Update to version 2.", "low"),
        ("# CVE-2031-1000 in a proxy\nThe flaw has CVSS v3.1 base score: 9.8. Update to version 2.", "medium"),
        (
            "# CVE-2031-1000 in a proxy\nCVSS 9.8. Unauthenticated remote code execution. It is actively exploited.",
            "critical",
        ),
        ("# CVE-2031-1000 in a proxy\nThe flaw is mended. Update to version 2.", "informational"),
    ],
)
def test_severity_comes_from_evidence(text: str, severity: Severity) -> None:
    found, reasons = severity_of(article_of(text), (), ())
    assert found == severity
    assert reasons


@pytest.mark.parametrize(
    "text",
    [
        "In this tutorial you will learn how layers work. You save the image. Let's look inside.",
        "A registry MUST answer. Clients SHOULD retry. The digest is REQUIRED.",
        "We announce version 3. It is released today. New features are many.",
        "Ransomware is a kind of software. You should prevent it. Monitor hosts.",
    ],
)
def test_what_tells_of_no_attack_is_informational_whatever_it_holds(text: str) -> None:
    found, (reason,) = severity_of(article_of(text), [indicator()] * 12, ())
    assert found == "informational"
    assert reason.endswith("tells of no attack.")


def test_malicious_indicators_count_and_others_do_not() -> None:
    article = article_of(_ATTACK + "The attackers' campaign is new.")
    plain = severity_of(article, (), ())
    assert severity_of(article, [indicator("benign"), indicator("unknown"), indicator("victim")] * 9, ()) == plain
    assert plain[0] == "low"
    severity, reasons = severity_of(article, [indicator()], ())
    assert severity == "medium"
    assert any("one malicious indicator" in reason and "“a row”" in reason for reason in reasons)


def test_reasons_quote_the_article() -> None:
    _, reasons = severity_of(article_of(_ATTACK + "The ransomware encrypted files on 700 hosts."), (), ())
    assert reasons[0] == "Data is encrypted or destroyed: “The ransomware encrypted files on 700 hosts.”"


def test_a_chain_of_techniques_counts() -> None:
    told = [
        Technique(id=f"T100{n}", name=None, score=1, how="explicit", evidence="It did.", offset=0) for n in range(4)
    ]
    _, reasons = severity_of(article_of(_ATTACK), (), told)
    assert "It shows 4 techniques, the first here: “It did.”" in reasons


@pytest.mark.property
@given(st.text(max_size=300), st.integers(0, 3))
def test_any_text_has_a_severity_with_reasons(text: str, number: int) -> None:
    severity, reasons = severity_of(article_of(text), [indicator()] * number, ())
    assert severity in ("informational", "low", "medium", "high", "critical")
    assert reasons
    assert all(len(reason) < 400 and "\n" not in reason for reason in reasons)
