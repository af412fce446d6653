"""Holds what a threat profile and the reason to care say of articles that tell of attacks, and of those that do not."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from technique_labels import article_of

from tidewaiter.intel.briefing import Indicator, NotUsed, Technique
from tidewaiter.intel.severity import severity_of
from tidewaiter.intel.summary import summary_of
from tidewaiter.intel.why import why_of

_REPORT = """# Mail servers under fire
In March 2031 the group known as Brass Otter compromised mail servers of hospitals by CVE-2031-7700.
Its backdoor called TinLadder hides in memory. The attackers also used Mimikatz.
"""
_TUTORIAL = "# Layers\nIn this tutorial we look at layers. You save an image. Let's unpack it. For example with tar."


def digest(role: str | None, value: str) -> Indicator:
    """One digest of an image."""
    return Indicator(
        type="image_digest",
        value=value,
        disposition="unknown",
        reason="a digest of an image",
        evidence="Layers",
        offset=0,
        written=value,
        role=role,
    )


def domain() -> Indicator:
    """One malicious domain."""
    return Indicator(
        type="domain",
        value="a.example",
        disposition="malicious",
        reason="",
        evidence="",
        offset=0,
        written="a[.]example",
    )


def technique(name: str) -> Technique:
    """One technique."""
    return Technique(id=name, name="Name", score=1, how="explicit", evidence="x", offset=0)


def test_a_profile_says_who_what_whom_how_and_when() -> None:
    assert summary_of(article_of(_REPORT), [technique("T1190")], [domain()]) == (
        "Who: the article names Brass Otter.",
        "With: TinLadder and Mimikatz.",
        "What: it tells of a backdoor.",
        "In its own words: “In March 2031 the group known as Brass Otter compromised mail servers of hospitals by "
        "CVE-2031-7700.”",
        "Against: mail servers and hospitals, by what it says of the attack.",
        "Through: CVE-2031-7700.",
        "How: Name (T1190).",
        "When: it speaks of March 2031.",
        "Traces: 1 domain to look for.",
    )


def test_of_a_tutorial_it_says_what_it_is() -> None:
    assert summary_of(article_of(_TUTORIAL), (), ()) == (
        "The article teaches and tells of no attack.",
        "It opens with: “In this tutorial we look at layers.”",
    )


def test_nothing_to_hunt_is_said_with_what_the_digests_are() -> None:
    found = [digest("layer", "a"), digest("config", "b")]
    assert why_of(article_of(_TUTORIAL), "informational", found, (), ()) == (
        "There is nothing to hunt here. The 2 image digests name parts of container images: 1 config and 1 layer. "
        "The article teaches and tells of no attack."
    )
    left = NotUsed(type="sha256", value="c", reason="the hash of an empty file", evidence="x", offset=0)
    assert "1 hash is not malicious: the hash of an empty file." in why_of(
        article_of(_TUTORIAL), "informational", (), [left], ()
    )
    assert why_of(article_of(_TUTORIAL), "informational", (), (), ()) == (
        "There is nothing to hunt here. The article teaches and tells of no attack."
    )


def test_why_it_matters() -> None:
    article = article_of(_REPORT)
    assert why_of(article, "high", [domain()] * 2, (), [technique("T1190")]) == (
        "2 domains can be looked for in your own telemetry. The article shows how it is done: Name (T1190); what "
        "leaves traces of these is worth a look. Look soon: the severity rests on what the article tells, not on the "
        "number of indicators."
    )
    assert "only behaviour can be hunted for" in why_of(article, "low", (), (), [technique("T1190")])


def test_an_advisory_without_an_attack() -> None:
    article = article_of("# CVE-2031-9000 in a proxy\nThe flaw is mended. Update to version 2.")
    assert why_of(article, "informational", (), (), ()).endswith("a vulnerability, and of no attack that used it.")


@pytest.mark.property
@given(
    st.lists(st.sampled_from([*_REPORT.split(), "APT29", "\n", "You", "MUST", "x" * 400]), max_size=60).map(" ".join)
)
def test_a_profile_is_bounded(text: str) -> None:
    told = summary_of(article_of(text), (), ())
    assert 0 < len(told) < 12
    assert all(len(line) < 800 and "\n" not in line for line in told)


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("Crimson Kestrel, an espionage group active since 2019, attacked banks with malware.", "Crimson Kestrel"),
        ("The group, which we track as TeamFrost, attacked clusters with malware.", "TeamFrost"),
        ("The ransomware gang PaleHeron attacked and listed the victim on its leak site.", "PaleHeron"),
        ("The attackers used malware against a hospital group named in the press.", None),
    ],
)
def test_groups_are_named_as_articles_name_them(sentence: str, said: str | None) -> None:
    told = summary_of(article_of(sentence), (), ())[0]
    assert told == (f"Who: the article names {said}." if said else "Who: the article names no group.")


def test_what_no_telemetry_shows_is_checked_for_elsewhere() -> None:
    found = [domain(), msgspec.structs.replace(domain(), type="cve", value="CVE-2031-1")]
    told = why_of(article_of(_REPORT), "medium", found, (), ())
    assert told.startswith("1 domain can be looked for in your own telemetry. Check what you run for 1 vulnerability.")


def test_a_lone_digest_is_named() -> None:
    told = why_of(article_of(_TUTORIAL), "informational", [digest("layer", "a")], (), ())
    assert "The image digest is that of the layer of a container image." in told


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("The intrusion is the work of an actor we call BRASSMOTH.", "Who: the article names BRASSMOTH."),
        ("GREYPIKE, which we track since spring, stole passwords of victims.", "Who: the article names GREYPIKE."),
        ("The victims were hit by a new loader, TINREED, that steals passwords.", "With: TINREED."),
    ],
)
def test_names_in_capitals_are_names(text: str, line: str) -> None:
    assert line in summary_of(article_of(text), [], [])


def test_what_only_announces_the_article_is_not_quoted() -> None:
    told = article_of(
        "This post retraces the steps of the intruder. The attackers stole the keys of a hospital. Victims were many."
    )
    assert "In its own words: “The attackers stole the keys of a hospital.”" in summary_of(told, [], [])
    assert severity_of(told, [], [])[1][0] == (
        "The article tells of an attack: “The attackers stole the keys of a hospital.”"
    )


def test_whom_it_is_against_is_told_as_it_is_written() -> None:
    told = article_of("The attackers broke into Docker hosts and VMware ESXi. The malware of the attackers stole data.")
    assert "Against: Docker hosts and VMware ESXi, by what it says of the attack." in summary_of(told, [], [])
