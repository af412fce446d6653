"""Proves which indicators and techniques are hunted for, in which languages, and what is said of the others."""

import msgspec
import pytest
from hunt_samples import EVERY_KIND, EVERY_TECHNIQUE, indicator, technique

from tidewaiter.indicators import Listed
from tidewaiter.intel.briefing import Disposition, IndicatorType
from tidewaiter.intel.hunts import MAX_VALUES, dialects, hunts_for, not_hunted

LANGUAGES = {"spl", "kql", "eql", "esql", "sigma", "tidewaiter"}


def languages(kind: IndicatorType, value: str, role: str | None = None) -> set[str]:
    """The languages that look for one value."""
    hunts = hunts_for([indicator(kind, value, role=role)], [])
    assert all(hunt.indicators for hunt in hunts)
    return {hunt.language for hunt in hunts}


def test_every_language_is_found_by_its_file() -> None:
    """One file for each."""
    assert {dialect.language for dialect in dialects().values()} == LANGUAGES


@pytest.mark.parametrize("disposition", ["victim", "benign", "context", "unknown"])
def test_only_what_is_bad_is_hunted(disposition: Disposition) -> None:
    """A tutorial's digests give no hunt."""
    assert hunts_for([indicator("sha256", "ab" * 32, disposition)], []) == ()


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("md5", "0f" * 16, LANGUAGES - {"tidewaiter"}),
        ("sha256", "0f" * 32, LANGUAGES),
        ("sha512", "0f" * 64, {"spl", "eql", "esql"}),
        ("domain", "evil.example", LANGUAGES),
        ("email", "a@evil.example", {"spl", "kql", "eql", "esql"}),
        ("registry_key", "HKLM\\Software\\x", LANGUAGES - {"tidewaiter"}),
        ("wallet", "4" * 95, LANGUAGES - {"tidewaiter"}),
        ("image", "evil/miner:1", {"kql", "eql", "esql", "tidewaiter"}),
        ("image_digest", "sha256:" + "0f" * 32, {"esql", "tidewaiter"}),
        ("cve", "CVE-2024-12345", set()),
        ("package", "evil-package", set()),
        ("file_path", "/opt/x/", set()),
        ("file_name", "setup.sh", set()),
    ],
)
def test_a_language_looks_for_what_its_target_has_a_field_for(
    kind: IndicatorType, value: str, expected: set[str]
) -> None:
    """And for nothing else."""
    assert languages(kind, value) == expected


def test_the_digest_of_a_layer_is_no_running_image() -> None:
    """ECS tells the digest of the image; our own hunt knows layers where facts are given."""
    assert languages("image_digest", "sha256:" + "0f" * 32, role="layer") == {"tidewaiter"}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("domain", 'evil"example.com'),
        ("domain", "1.2.3.4"),
        ("ipv4", "2001:db8::1"),
        ("ipv4", "300.1.1.1"),
        ("ipv6", "fe80::1%eth0"),
        ("md5", "0f" * 15),
        ("sha256", "0g" * 32),
        ("url", 'http://evil.example/"|x'),
        ("email", "a b@evil.example"),
        ("file_path", "/opt/a\nb"),
        ("file_path", "/opt/\u202egnp"),
        ("file_path", "/opt/x/" + "a" * 10_000),
        ("wallet", "x" * 10_000),
        ("image", "Not An Image"),
        ("image_digest", "sha256:12"),
    ],
)
def test_what_is_not_of_its_kinds_form_is_left_out_and_said(kind: IndicatorType, value: str) -> None:
    """An article's author chose the value; no query has to be able to hold it."""
    assert languages(kind, value) == set()
    assert any("not of their kind's form" in sentence for sentence in not_hunted([indicator(kind, value)]))


def test_a_file_name_is_hunted_for_in_the_articles_folders_only() -> None:
    """`setup.sh` alone is the name of a thousand files."""
    name = indicator("file_name", "setup.sh")
    assert any("names no folder" in sentence for sentence in not_hunted([name]))
    hunts = [hunt for hunt in hunts_for([name, indicator("file_path", "/opt/.x/")], [])]
    assert {hunt.language for hunt in hunts} == LANGUAGES
    assert all("weak" in hunt.title or "folder" in hunt.title.lower() for hunt in hunts)
    assert all("/opt/.x/" in hunt.query and "setup.sh" in hunt.query for hunt in hunts)


def test_many_values_are_spread_over_several_hunts() -> None:
    """Each value in exactly one of them."""
    many = [indicator("ipv4", f"10.0.{number // 250}.{number % 250}") for number in range(2 * MAX_VALUES + 1)]
    for language in LANGUAGES - {"tidewaiter"}:
        hunts = [hunt for hunt in hunts_for(many, []) if hunt.language == language]
        assert [len(hunt.indicators) for hunt in hunts] == [MAX_VALUES, MAX_VALUES, 1]
        assert hunts[1].title.endswith("(2 of 3)")
        assert {value for hunt in hunts for value in hunt.indicators} == {one.value for one in many}


def test_one_value_told_twice_is_looked_for_once_as_what_is_worse() -> None:
    """Malicious beats suspicious, in any order; another way of writing it is the same value."""
    pair = [indicator("domain", "evil.example", "suspicious"), indicator("domain", "EVIL.example.")]
    for order in (pair, pair[::-1]):
        (hunt,) = [hunt for hunt in hunts_for(order, []) if hunt.language == "tidewaiter"]
        assert msgspec.json.decode(hunt.query, type=Listed).disposition == "malicious"
        assert hunt.indicators == ("evil.example",)


def test_a_behaviour_is_hunted_for_where_there_is_evidence() -> None:
    """No evidence, no hunt; a technique that no few words catch has none either."""
    assert hunts_for([], [technique("T1105", evidence=" ")]) == ()
    assert hunts_for([], [technique("T1190")]) == ()
    hunts = hunts_for([], [technique("T1105")])
    assert {hunt.language for hunt in hunts} == LANGUAGES - {"tidewaiter"}
    assert all("T1105" in hunt.title and hunt.indicators == () for hunt in hunts)


def test_what_means_something_in_containers_only_is_looked_for_in_containers_only() -> None:
    """`docker exec` on a host is everyday life; CIM and Sigma do not know containers."""
    hunts = hunts_for([], [technique("T1609")])
    assert {hunt.language for hunt in hunts} == {"kql", "eql", "esql"}
    for hunt in hunts_for([], EVERY_TECHNIQUE):
        if hunt.language in ("kql", "eql", "esql"):
            assert "container.id" in hunt.query or "ContainerId" in hunt.query


def test_the_same_briefing_gives_the_same_hunts() -> None:
    """In any order of its indicators."""
    assert hunts_for(EVERY_KIND, EVERY_TECHNIQUE) == hunts_for(EVERY_KIND[::-1], EVERY_TECHNIQUE[::-1])


def test_what_is_not_hunted_for_is_said() -> None:
    """Each kind that a target cannot see, with the reason."""
    said = not_hunted([*EVERY_KIND, indicator("cve", "CVE-2024-12345"), indicator("file_path", "/opt/*")])
    assert "CVEs: no query language here has a field for them." in said
    assert "Splunk: no hunt for images, because CIM has no field for a container's image." in said
    assert any("Splunk" in sentence and "no way to write exactly" in sentence for sentence in said)
    assert not_hunted([indicator("sha256", "ab" * 32, "context")]) == ()
