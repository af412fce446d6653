"""Proves that `hunt` and `watch` judge by a baseline, and say what of it did not apply."""

import json
from pathlib import Path

import pytest
from baselining import baseline, learned
from hunting import CONTAINER, alerts, docker, falco, hunt, lines, quiet, told
from watching import Script, watch

from made_baselines import NEW, SERVE, WEB, entry, profile
from tidewaiter.edge.baseline_write import write_baseline


def test_what_was_approved_alerts_no_more(workroom: Path) -> None:
    """By name, for it alerted while it was learned; without the baseline, and before, it does."""
    path = learned(workroom)
    arguments = ("events.jsonl", "--policy", "policy.yaml", "--format", "jsonl")
    assert hunt(*arguments).exit_code == 1
    before = hunt(*arguments, "--baseline", path)
    assert before.exit_code == 1
    assert [alert["baseline"]["workload"] for alert in alerts(before)] == ["/Container/cache"]
    assert baseline("approve", path, "Container/cache").exit_code == 0
    assert hunt(*arguments, "--baseline", path).exit_code == 0


def test_relearning_learns_no_alert_of_what_is_approved(workroom: Path) -> None:
    """Judged by the old baseline, what it expects is not held back again."""
    path = learned(workroom)
    assert baseline("approve", path, "Container/cache").exit_code == 0
    result = baseline(
        "learn",
        "events.jsonl",
        "--policy",
        "policy.yaml",
        "--baseline",
        path,
        "-o",
        "next.jsonl",
        "--format",
        "json",
    )
    report = json.loads(result.stdout)
    assert report["held"]["chains_alerted"] == 0
    assert all(set(row["states"]) <= {"approved", "trusted"} for row in report["containers"])


def test_another_cluster_is_said_once(workroom: Path) -> None:
    """With what still applies."""
    learned(workroom)
    write_baseline("other.jsonl", [profile(WEB, NEW, {SERVE: entry()})])
    result = hunt("events.jsonl", "--policy", "policy.yaml", "--baseline", "other.jsonl")
    assert result.exit_code == 1
    assert result.stderr.count("learned from another cluster (prod; what is seen is of default)") == 1
    same = hunt("events.jsonl", "--policy", "policy.yaml", "--baseline", "other.jsonl", "--cluster", "prod")
    assert "another cluster" not in same.stderr


def test_a_cut_baseline_is_used_as_far_as_it_goes(workroom: Path) -> None:
    """And that is said."""
    path = learned(workroom)
    path.write_bytes(path.read_bytes()[:-30])
    result = hunt("events.jsonl", "--policy", "policy.yaml", "--baseline", path)
    assert result.exit_code == 1
    assert "the baseline breaks off; the 1 whole profile before the break" in result.stderr


def test_a_broken_line_is_told_by_its_number(workroom: Path) -> None:
    """The verdicts are there, without what the line's profile says; the status is that of a fault to be mended."""
    path = learned(workroom)
    path.write_bytes(path.read_bytes().replace(b'"alerted"', b'"all right"'))
    result = hunt("events.jsonl", "--policy", "policy.yaml", "--baseline", path, "--format", "jsonl")
    assert result.exit_code == 2
    assert len(alerts(result)) == 1
    assert f"{path}:3: no entry of a baseline: Invalid enum value 'all right'" in result.stderr
    assert "the profile was left out" in result.stderr


@pytest.mark.parametrize("command", ["hunt", "watch"])
@pytest.mark.parametrize(("content", "words"), [(b"", "is empty"), (b"{}\n", "no baseline"), (None, "No such file")])
def test_no_baseline_is_a_fault(
    workroom: Path, monkeypatch: pytest.MonkeyPatch, command: str, content: bytes | None, words: str
) -> None:
    """Exit status 2, before anything is read."""
    (workroom / "events.jsonl").write_bytes(lines(quiet()))
    if content is not None:
        (workroom / "broken.jsonl").write_bytes(content)
    arguments = ("--baseline", "broken.jsonl")
    result = hunt("events.jsonl", *arguments) if command == "hunt" else watch(monkeypatch, [], "--no-state", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") <= 2
    assert words in result.stderr


def test_watch_judges_by_a_baseline(workroom: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As hunt does."""
    path = learned(workroom)
    records = [
        ("docker_events", docker("create", 0)),
        ("docker_events", docker("start", 1)),
        ("falco", falco(11, container=CONTAINER)),
    ]

    def watched(*more: object) -> list[str]:
        result = watch(
            monkeypatch,
            [Script(records, stops=True)],
            "--no-state",
            "--format",
            "jsonl",
            "--policy",
            "policy.yaml",
            "--baseline",
            path,
            *more,
        )
        return [record["kind"] for record in told(result) if record["kind"] != "summary"]

    assert "alert" in watched()
    assert baseline("approve", path, "Container/cache").exit_code == 0
    assert watched() == []
