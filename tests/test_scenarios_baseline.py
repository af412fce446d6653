"""Holds the laws of delivery over all scenarios beside a baseline that knows half of what they do, on other content.

Which verdict is right is held elsewhere (`analytics/test_an0691_baseline.py`): here, that neither order nor doubles nor
the quick path change one, and that watching ends where hunting does.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from test_scenarios import (
    SCENARIOS,
    doubled_files,
    expectation,
    one_reversed_file,
    reversed_files,
    scenario_folders,
    telemetry,
)
from tidewaiter.alert import Alert, ContainerShown
from tidewaiter.analytics import analytics
from tidewaiter.baseline import Profile, Profiles
from tidewaiter.edge.hunt import Hunt
from tidewaiter.edge.reader import ReadOptions
from tidewaiter.engine import Engine
from tidewaiter.learn import profiles_of
from tidewaiter.policy import TrustPolicy, load_policy

_OTHER = "sha256:" + "0" * 64
FOLDERS = [folder for folder in scenario_folders() if not expectation(folder).get("needs")]


def _engine(folder: Path, **how: Any) -> Engine:
    policy: TrustPolicy = load_policy((folder / "policy.yaml").read_text(), "policy.yaml")
    return Engine(policy, analytics()["AN0691"], **how)


def _read(engine: Engine, folder: Path, paths: list[Path], *, quick: bool) -> None:
    options = expectation(folder).get("options", {})
    read = ReadOptions(options.get("cluster", "default"), options.get("node"))
    Hunt(engine, [str(path) for path in paths], read, quick=quick).run()


@lru_cache(maxsize=1024)
def _baseline(folder: Path, approve: bool) -> Profiles:
    """Every other habit of every workload of the scenario, learned on content that came before."""
    engine = _engine(folder, learning=True)
    _read(engine, folder, telemetry(folder), quick=False)
    return Profiles(_half(profile) for profile in profiles_of(engine, approve=lambda key: approve))


def _half(profile: Profile) -> Profile:
    entries = {
        habit: msgspec.structs.replace(entry, units=900)
        for place, (habit, entry) in enumerate(sorted(profile.entries.items(), key=lambda item: item[0]))
        if place % 2
    }
    hours = {"first_hour": profile.last_hour - 900, "hours": 2**24 - 1, "weekdays": 2**7 - 1}
    return msgspec.structs.replace(profile, content=_OTHER, entries=entries, units=1800, starts=9, **hours)


def _found(folder: Path, paths: list[Path], approve: bool, *, quick: bool = True) -> list[Any]:
    engine = _engine(folder, baseline=_baseline(folder, approve))
    _read(engine, folder, paths, quick=quick)
    outputs = [o for o in engine.finish(containers=True) if isinstance(o, Alert | ContainerShown)]
    records = [msgspec.to_builtins(output) for output in outputs]
    for record in records:
        told = [{key: value for key, value in item.items() if key != "record"} for item in record.get("evidence", ())]
        record["evidence"] = sorted(told, key=repr)
    return sorted(records, key=repr)


@pytest.mark.parametrize("approve", [False, True])
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_delivery_changes_a_record(folder: Path, approve: bool, tmp_path: Path) -> None:
    """Neither does reading what the quick path leaves unread."""
    paths = telemetry(folder)
    told = _found(folder, paths, approve)
    assert _found(folder, paths, approve, quick=False) == told
    for law, rearranged in (("reversed", reversed_files), ("one-file", one_reversed_file), ("twice", doubled_files)):
        if law not in expectation(folder).get("laws_without", ()):
            (tmp_path / law).mkdir()
            assert _found(folder, rearranged(paths, tmp_path / law), approve) == told, law


def test_baseline_has_a_say_in_many_scenarios() -> None:
    """Else the law would hold nothing."""
    assert SCENARIOS.is_dir()
    told = [record for folder in FOLDERS for record in _found(folder, telemetry(folder), approve=True)]
    assert sum(record["baseline"] is not None for record in told) > 50
    rows = {b["reason"] for record in told for b in record.get("behaviours", ())}
    assert {"internal_egress", "unseen_program"} <= rows
