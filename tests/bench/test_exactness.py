"""Tests that the benchmark's comparison with the truth finds every way of being wrong."""

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

# The benchmark is no part of the installed package: it is found beside the tests.
from bench.exactness import compare, compare_containers

ONE, TWO, THREE = "1" * 64, "2" * 64, "3" * 64


def _planted(own: str, verdict: str | None) -> dict[str, Any]:
    place = {"cluster": "default", "node": "node-001"}
    return {"name": f"story-{own[0]}", "kind": "story", "verdict": verdict, "container_id": own, **place}


def _record(own: str | None, verdict: str = "alert", node: str = "node-001") -> dict[str, Any]:
    return {"kind": "alert", "verdict": verdict, "container_id": own, "cluster": "default", "node": node}


TRUTH = {
    "options": {"events": 9},
    "planted": [_planted(ONE, "alert"), _planted(TWO, "suspicious"), _planted(THREE, None)],
}
SUMMARY = {"kind": "summary", "complete": True, "records": 9, "outcomes": {"used": 4, "irrelevant": 5}}
RIGHT = [_record(ONE), _record(TWO, "suspicious")]


def _compare(*records: dict[str, Any], **summary: object) -> dict[str, Any]:
    return compare([*records, {**SUMMARY, "attempted_pulls": 0, **summary}], TRUTH)


def test_the_truth_itself_is_exact() -> None:
    """Nothing is missed, nothing is false."""
    compared = _compare(*RIGHT)
    assert compared["is_exact"]
    assert compared["alert"]["found"] == compared["suspicious"]["found"] == 1


def test_a_prefix_of_the_id_names_the_container() -> None:
    """Some producers give the first twelve characters only."""
    assert _compare(_record(ONE[:12]), RIGHT[1])["is_exact"]


@pytest.mark.parametrize(
    ("records", "missed", "false"),
    [
        ([RIGHT[1]], 1, 0),
        ([*RIGHT, _record(THREE)], 0, 1),
        ([*RIGHT, _record("4" * 64)], 0, 1),
        ([*RIGHT, _record(None)], 0, 1),
        ([*RIGHT, _record(ONE)], 0, 1),
        ([*RIGHT, _record(TWO)], 0, 1),
        ([RIGHT[1], _record(ONE, node="node-002")], 1, 1),
        ([RIGHT[1], _record(ONE[:11])], 1, 1),
    ],
    ids=["missed", "silent one", "stranger", "no id", "twice", "wrong verdict", "wrong node", "too short an id"],
)
def test_each_way_of_being_wrong_is_counted(records: list[dict[str, Any]], missed: int, false: int) -> None:
    """Missed and false alerts are counted, and the run is not exact."""
    compared = _compare(*records)
    assert (compared["alert"]["missed"], compared["alert"]["false"]) == (missed, false)
    assert not compared["is_exact"]


@pytest.mark.parametrize(
    "summary",
    [{"complete": False}, {"records": 8}, {"outcomes": {"used": 4}}, {"attempted_pulls": 1}],
    ids=["incomplete", "records lost", "outcomes do not add up", "pulls counted wrongly"],
)
def test_the_account_of_records_belongs_to_exactness(summary: dict[str, object]) -> None:
    """Right alerts beside a wrong account are not exact."""
    assert not _compare(*RIGHT, **summary)["is_exact"]


def test_a_hunt_without_a_summary_is_not_exact() -> None:
    """A run that broke off has no account."""
    assert not compare(RIGHT, TRUTH)["is_exact"]


def test_tools_that_give_ids_only_are_compared_by_alerts() -> None:
    """Whole ids and their beginnings count alike."""
    assert compare_containers([ONE, TWO[:12], TWO], TRUTH) == {"found": 1, "missed": 0, "false": 1}
