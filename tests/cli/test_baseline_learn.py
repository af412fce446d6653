"""Proves what `tidewaiter baseline learn` writes and reports: what is known, what is held back, what was not read."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from baselining import baseline, learned, telemetry
from hunting import POLICY, hunt

from tidewaiter.edge.baseline_file import read_profiles

Golden = Callable[[str, str], None]


def states(path: Path) -> dict[str, dict[str, int]]:
    """Workload -> state -> entries."""
    found: dict[str, dict[str, int]] = {}
    for profile in read_profiles(str(path)):
        of = found.setdefault(profile.key.path, {})
        for entry in profile.entries.values():
            of[entry.state] = of.get(entry.state, 0) + 1
    return found


def test_what_is_trusted_is_expected_and_the_rest_held_back(workroom: Path) -> None:
    """What alerted is marked so."""
    path = learned(workroom)
    assert states(path) == {"/Container/web": {"trusted": 2}, "/Container/cache": {"alerted": 2}}


@pytest.mark.usefixtures("known_completeness")
def test_the_report_begins_with_how_little_is_known(workroom: Path, baseline_golden: Golden) -> None:
    """Learning from too little is no failure, and is the headline."""
    learned(workroom, hours=3)
    result = baseline("learn", "events.jsonl", "--policy", "policy.yaml", "-o", "again.jsonl")
    assert result.exit_code == 0
    assert result.stdout.startswith("IMMATURE: too little data: none of 2 containers")
    baseline_golden("learn.txt", result.stdout)


def test_the_json_report_has_the_same(workroom: Path) -> None:
    """For programs."""
    learned(workroom)
    result = baseline("learn", "events.jsonl", "--policy", "policy.yaml", "-o", "b.jsonl", "--format", "json")
    report = json.loads(result.stdout)
    assert (report["kind"], report["schema"], report["complete"], report["mature"]) == ("baseline_learned", 1, True, 0)
    assert (report["profiles"], report["entries"]) == (2, 4)
    assert report["held"]["chains_alerted"] == 1
    assert {row["key"]["name"] for row in report["containers"]} == {"web", "cache"}
    assert sum(report["summary"]["outcomes"].values()) == report["summary"]["records"]


def test_a_pattern_approves_nothing_of_what_alerted(workroom: Path) -> None:
    """Also where it is the name itself: nobody has looked at it yet."""
    path = learned(workroom, "--approve", "Container/ca*")
    assert states(path)["/Container/cache"] == {"alerted": 2}
    path = learned(workroom, "--approve", "/Container/cache")
    assert states(path)["/Container/cache"] == {"alerted": 2}


def test_learning_on_keeps_what_was_known(workroom: Path) -> None:
    """The same file may be written; two days learned one after the other are both in it."""
    path = learned(workroom)
    before = list(read_profiles(str(path)))
    (workroom / "next.jsonl").write_bytes(telemetry(86_400, hours=2))
    result = baseline(
        "learn", "next.jsonl", "--policy", "policy.yaml", "--baseline", path, "-o", path, "--since", "2026-09-22"
    )
    assert result.exit_code == 0, result.output
    after = {profile.key.name: profile for profile in read_profiles(str(path))}
    for profile in before:
        assert set(profile.entries) <= set(after[profile.key.name].entries)
        assert after[profile.key.name].units >= profile.units
    assert after["web"].last_hour > before[-1].last_hour


def test_learning_the_same_twice_is_said(workroom: Path) -> None:
    """It would make the baseline look more complete than it is."""
    path = learned(workroom)
    result = baseline("learn", "events.jsonl", "--policy", "policy.yaml", "--baseline", path, "-o", "two.jsonl")
    assert "1 hour of cluster default was learned before" in result.stderr
    assert "counted twice" in result.stderr


def test_without_a_policy_all_is_held_back_and_said(workroom: Path) -> None:
    """Nothing vouches for anything."""
    learned(workroom)
    result = baseline("learn", "events.jsonl", "-o", "open.jsonl")
    assert "no policy given" in result.stderr
    assert all("trusted" not in of for of in states(workroom / "open.jsonl").values())


def test_nothing_to_learn_from_is_a_baseline_too(workroom: Path) -> None:
    """It knows nothing, and says so; what was not recognised is told."""
    (workroom / "odd.jsonl").write_bytes(b'{"a":1}\n')
    result = baseline("learn", "odd.jsonl", "-o", "empty.jsonl")
    assert result.exit_code == 0
    assert result.stdout.startswith("NOTHING LEARNED: no container activity was observed")
    assert "odd.jsonl: nothing in it was recognised" in result.stderr
    assert list(read_profiles("empty.jsonl")) == []
    assert hunt("odd.jsonl", "--baseline", "empty.jsonl").exit_code in (0, 3)


def test_what_cannot_be_read_makes_it_incomplete(workroom: Path) -> None:
    """The rest was learned."""
    path = learned(workroom)
    result = baseline("learn", "events.jsonl", "absent.jsonl", "--policy", "policy.yaml", "-o", path)
    assert result.exit_code == 3
    assert "incomplete: absent.jsonl: no such file" in result.stderr
    assert set(states(path)) == {"/Container/web", "/Container/cache"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-o", "no/such/baseline.jsonl"], "no/such/baseline.jsonl: the baseline cannot be written: there is no such"),
        (["-o", "."], "regular file"),
        (["-o", "x", "--baseline", "events.jsonl"], "events.jsonl:1: no baseline"),
        (["-o", "x", "--baseline", "absent"], "absent: the baseline cannot be read"),
        (["-o", "x", "--approve", ""], "NAMESPACE/KIND/NAME"),
        (["-o", "x", "--source", "nobody"], "no such source"),
        (["-o", "x", "--since", "2026-01-02", "--until", "2026-01-01"], "--since: lies after --until"),
    ],
)
def test_faults_are_told_before_anything_is_read(workroom: Path, options: list[str], words: str) -> None:
    """One sentence, exit status 2, no file."""
    (workroom / "events.jsonl").write_bytes(telemetry())
    (workroom / "policy.yaml").write_text(POLICY)
    result = baseline("learn", "events.jsonl", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert not (workroom / "x").exists()


def test_an_approval_that_means_nobody_is_told(workroom: Path) -> None:
    """Who misspells a workload would else believe that it is approved."""
    learned(workroom)
    how = ("--policy", "policy.yaml", "-o", "b.jsonl", "--approve", "Container/ca*", "--approve", "cahce")
    result = baseline("learn", "events.jsonl", *how)
    assert result.exit_code == 0
    assert result.stderr.count("--approve") == 1
    assert "--approve cahce approved nothing: no known workload has this name" in result.stderr


def test_telemetry_is_not_written_over(workroom: Path) -> None:
    """`-o` beside the files that are read is soon mistyped."""
    learned(workroom)
    before = (workroom / "events.jsonl").read_bytes()
    result = baseline("learn", "events.jsonl", "--policy", "policy.yaml", "-o", "events.jsonl")
    assert result.exit_code == 2
    assert result.stderr.startswith("events.jsonl: it holds something else than a baseline")
    assert (workroom / "events.jsonl").read_bytes() == before
