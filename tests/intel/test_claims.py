"""Holds which sentences claim that something was done, and which only speak of it."""

import pytest
from technique_labels import article_of

from tidewaiter.intel.claims import clauses, is_advice_section, is_cited, is_denied
from tidewaiter.intel.sentences import Told, sentences_of


def told(text: str) -> Told:
    """The last sentence of a text."""
    return list(sentences_of(article_of(text)))[-1]


@pytest.mark.parametrize(
    "text",
    [
        "The malware runs PowerShell.",
        "It can log keystrokes and take screenshots.",
        "Attackers disabled the firewall.",
        "The history is switched off so that the commands do not appear in it.",
        "Download links were sent by mail.",
        "Should that not answer, it asks a second server.",
    ],
)
def test_what_was_done_is_claimed(text: str) -> None:
    assert next(iter(clauses(told(text)))) == text


@pytest.mark.parametrize(
    "text",
    [
        "To mitigate, disable PowerShell.",
        "Disable PowerShell where it is not needed.",
        "First, run docker save.",
        "You can list the processes with ps.",
        "Organisations should block macros.",
        "We recommend that LSASS is protected.",
        "An attacker could dump LSASS.",
        "It allows an unauthenticated attacker to run commands.",
        "An attacker can read the token.",
        "An attacker who gets into a container may try to leave it.",
        "Alert on kubectl exec and on new bindings.",
        "Attackers might move by RDP.",
        "No credentials were dumped.",
        "There was no evidence of lateral movement.",
        "It never used PowerShell.",
        "The tool doesn't write to the registry.",
        "PowerShell is a scripting language of Microsoft.",
        "Phishing is a technique by which people are tricked.",
        "Does it use PowerShell?",
        "See also our post on PowerShell malware.",
        "## Mitigations\nThe group policy blocks PowerShell.",
        "## Indicators of compromise\nPowerShell downloads a file.",
        "## How to protect yourself\nMalware uses PowerShell.",
        "```\npowershell -enc AAAA\n```",
        "# Attackers use PowerShell",
        "| PowerShell | used |",
    ],
)
def test_what_is_only_said_is_not(text: str) -> None:
    assert list(clauses(told(text))) == []


def test_a_denied_clause_leaves_the_others() -> None:
    parts = list(clauses(told("The dropper erased itself from disk, but it did not touch the event logs.")))
    assert parts == ["The dropper erased itself from disk"]


def test_values_are_left_out_of_clauses() -> None:
    text = "It loads hxxp://a[.]b/c from 192.0.2.7:80 and evil[.]com, hash d41d8cd98f00b204e9800998ecf8427e."
    assert next(iter(clauses(told(text)))) == "It loads from and hash ."


def test_advice_is_told_by_its_heading() -> None:
    assert is_advice_section(told("## 5. Recommendations for admins\nx"))
    assert is_advice_section(told("## Detection and hunting\nx"))
    assert not is_advice_section(told("# Affiliates switch off protection\nx"))


def test_ids_count_in_tables_and_headings_but_not_where_they_are_cited() -> None:
    assert not is_cited(told("| T1059 | PowerShell |"))
    assert not is_cited(told("## T1059.001"))
    assert not is_cited(told("It used T1059.001."))
    assert is_cited(told("```\nattack.t1059 T1059\n```"))
    assert is_cited(told("## References\nT1059 at MITRE"))
    assert is_cited(told("T1059 was not observed."))
    assert is_cited(told("Organisations should mitigate T1059."))


def test_denial() -> None:
    assert is_denied("There is no evidence of exploitation in the wild.")
    assert not is_denied("It is exploited in the wild.")
