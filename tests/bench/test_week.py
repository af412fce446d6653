"""Tests that the generated week keeps its word: same seed, same bytes; days apart; a truth that holds."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tidewaiter.edge.read import read
from tidewaiter.sources import sources

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

# The benchmark is no part of the installed package: it is found beside the tests.
from bench.week import Options, generate

OPTIONS = Options(4000, seed=5)


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small week and its truth."""
    out = tmp_path_factory.mktemp("week")
    generate(OPTIONS, out)
    return out


@pytest.fixture(scope="module")
def truth(week: Path) -> dict[str, Any]:
    """The truth about it."""
    found = json.loads((week / "truth.json").read_bytes())
    assert isinstance(found, dict)
    return found


def _days(week: Path) -> list[bytes]:
    return [(week / f"day{day}.jsonl").read_bytes() for day in range(1, 8)]


def test_the_same_seed_gives_the_same_bytes(week: Path, tmp_path: Path) -> None:
    """All files are equal to the last byte when generated again."""
    generate(OPTIONS, tmp_path)
    for path in week.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_the_truth_counts_every_record(week: Path, truth: dict[str, Any]) -> None:
    """The everyday records are as many as asked for; what deploys and jobs tell comes on top."""
    days = _days(week)
    assert sum(day.count(b"\n") for day in days) == truth["total"] == sum(truth["records"].values())
    assert sum(map(len, days)) == truth["bytes"]
    assert truth["total"] > OPTIONS.records


def test_the_sources_read_every_record(week: Path) -> None:
    """No record is a stranger to the project's own sources, and none is rejected."""
    decoders, events = sources(), 0
    for day in range(1, 8):
        for batch in read(str(week / f"day{day}.jsonl")):
            assert (batch.unrecognised, batch.rejected, batch.unread) == (0, 0, [])
            for index, (name, record) in enumerate(zip(batch.sources, batch.records, strict=True)):
                events += len(tuple(decoders[name].decode(record, batch.where(index))))
    assert events > OPTIONS.records / 2


def test_there_are_deploys_every_day(truth: dict[str, Any]) -> None:
    """A deploy makes new content, mostly under a new tag; few bring something new."""
    day_ns = 24 * 3600 * 10**9
    days = [deploy["time_ns"] // day_ns for deploy in truth["deploys"]]
    assert len(set(days)) == 7
    assert min(days.count(day) for day in set(days)) >= 3
    assert sum(deploy["novelty"] is not None for deploy in truth["deploys"]) < len(days) / 3
    for workload in truth["workloads"]:
        assert len({release[3] for release in workload["digests"]}) == len(workload["digests"])


def test_each_day_begins_with_what_runs(week: Path, truth: dict[str, Any]) -> None:
    """Each day can be read alone: a pod that runs at midnight stands in its first lines."""
    known = truth["containers"].keys()
    for day in _days(week):
        lines = [line for line in day.splitlines() if line.startswith(b'{"apiVersion":"v1","kind":"Pod"')]
        pods = [json.loads(line) for line in lines]
        own = {status["containerID"][13:] for pod in pods for status in pod["status"]["containerStatuses"]}
        assert len(own) > 50
        assert own <= known


def test_twenty_attacks_are_planted_after_the_first_day(week: Path, truth: dict[str, Any]) -> None:
    """Each on a workload of its own, in a container of its own, which its day's records name."""
    attacks = [attack for attack in truth["attacks"] if not attack["is_again"]]
    assert len(attacks) == len({attack["container_id"] for attack in attacks}) == 20
    assert len({attack["workload"] for attack in attacks}) == 20
    assert {attack["day"] for attack in attacks} == set(range(2, 8))
    paths = {workload["path"] for workload in truth["workloads"]} | {"ci/Pod/toolbox-"}
    days = _days(week)
    for attack in attacks:
        assert attack["workload"] in paths
        assert attack["container_id"] not in truth["containers"]
        assert attack["container_id"].encode() in days[attack["day"] - 1]
        assert not any(attack["container_id"].encode() in day for day in days[: attack["day"] - 1])


def test_too_few_workloads_for_the_attacks_are_refused(tmp_path: Path) -> None:
    """Attacks are never left out to fit."""
    with pytest.raises(ValueError, match="more workloads"):
        generate(Options(1000, workloads=12), tmp_path)
