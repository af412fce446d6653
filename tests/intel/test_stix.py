"""Proves that a bundle is valid STIX 2.1 by OASIS' library, always the same, and that no value leaves its pattern."""

import json
from typing import Any

import pytest
import stix2
from briefings import SHA256, briefing, indicator
from hypothesis import given
from hypothesis import strategies as st
from stix2patterns.v21.pattern import Pattern

from tidewaiter.intel.briefing import Source
from tidewaiter.intel.stix import pattern, stix_bundle

KINDS = (
    *("md5", "sha1", "sha256", "sha512", "domain", "url", "ipv4", "ipv6", "email"),
    *("file_name", "file_path", "registry_key", "package"),
)


def objects(**changes: Any) -> dict[str, list[Any]]:
    """The objects of a bundle by type, as the library reads them."""
    bundle = stix2.parse(stix_bundle(briefing(**changes)).decode(), allow_custom=False, version="2.1")
    found: dict[str, list[Any]] = {}
    for one in bundle.objects:
        found.setdefault(one["type"], []).append(one)
    return found


def test_only_what_is_hunted_becomes_an_indicator() -> None:
    patterns = [one["pattern"] for one in objects()["indicator"]]
    assert patterns == [
        f"[file:hashes.'SHA-256' = '{SHA256}']",
        "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '203.0.113.7'"
        " AND network-traffic:dst_port = 8443]",
        "[url:value = 'http://203.0.113.7/a.sh']",
    ]


def test_the_report_refers_to_all() -> None:
    found = objects()
    (report,) = found["report"]
    everything = {one["id"] for members in found.values() for one in members}
    assert set(report["object_refs"]) == everything - {report["id"]}
    assert report["external_references"][0]["url"] == "https://blog.example/a-slow-loader"
    assert "1 wallet" in report["description"]
    assert found["vulnerability"][0]["external_references"][0]["external_id"] == "CVE-2024-0001"
    (technique,) = found["attack-pattern"]
    assert technique["external_references"][0]["external_id"] == "T1059.004"
    assert technique["external_references"][0]["url"].endswith("/techniques/T1059/004")


def test_only_what_one_sentence_tells_of_is_related() -> None:
    found = objects()
    by_id = {one["id"]: one for members in found.values() for one in members}
    related = {by_id[one["source_ref"]]["name"] for one in found["relationship"]}
    assert related == {"ipv4: 203.0.113.7", "url: http://203.0.113.7/a.sh"}


def test_the_same_briefing_is_the_same_bundle() -> None:
    assert stix_bundle(briefing()) == stix_bundle(briefing())
    other = briefing(source=Source(url=None, publisher=None, date=None, sha256="c3" * 32))
    assert json.loads(stix_bundle(other))["id"] != json.loads(stix_bundle(briefing()))["id"]


def test_a_briefing_of_nothing_is_a_bundle() -> None:
    found = objects(indicators=(), techniques=(), summary=(), why="", title="")
    assert list(found) == ["identity", "report"]


@pytest.mark.parametrize("kind", ["wallet", "image", "image_digest", "cve"])
def test_what_stix_has_no_words_for_has_no_pattern(kind: str) -> None:
    assert pattern(indicator(kind, "x")) is None


@pytest.mark.property
@pytest.mark.parametrize("kind", KINDS)
@given(st.text(st.sampled_from("ab'\\[]= /\n\"().|-AND"), min_size=1, max_size=30))
def test_no_value_leaves_its_pattern(kind: str, value: str) -> None:
    """The grammar's own parser finds one observation, whose literals are the value."""
    told = pattern(indicator(kind, value))
    assert told is not None
    shape = pattern(indicator(kind, "/x/y" if "/" in value else "xy"))
    comparisons = [len(found) for found in Pattern(told).inspect().comparisons.values()]
    assert sum(comparisons) in (1, 2)
    if kind not in ("file_path",):
        assert shape is not None
        assert comparisons == [len(found) for found in Pattern(shape).inspect().comparisons.values()]
