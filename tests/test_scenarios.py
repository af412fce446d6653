"""Runs every scenario folder through reader and engine as `hunt` does, and holds what comes out against expect.toml.

A scenario is a folder: telemetry in the shapes of real producers, `policy.yaml`, and `expect.toml`, which says what a
careful reader of the telemetry would answer; the sub-folder `baseline`, where there is one, is learned before.
`docs/eval.md` explains the keys.

The laws: what is said of a container does not depend on the order in which records arrive within the lateness, on
their being delivered twice, on how streams are cut into files, on how much is read at once, nor on the quick path.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tidewaiter.alert import Alert, ContainerShown, Summary
from tidewaiter.baseline import Profile
from tidewaiter.edge.read import recogniser_of
from tidewaiter.edge.reader import Reader, ReadOptions
from tidewaiter.edge.scenario import Scenario, read_scenario
from tidewaiter.edge.scenario import scenario_folders as trial_folders
from tidewaiter.edge.trial import learned, run
from tidewaiter.sources import RecordError, sources

SCENARIOS = Path(__file__).parent / "scenarios"
BLOCK_NS = 60_000_000_000
_AUDIT_STAMP = re.compile(r"audit\(([0-9.]+:[0-9]+)\)")
_HEADER = re.compile(r"#|version ")
_IDENTIFYING = ("id", "name", "namespace", "pod", "cluster", "reference")

Record = dict[str, Any]


class Outcome(msgspec.Struct, frozen=True):
    """What one run gave: alerts, all containers, and the summary, as the plain values of their JSON."""

    alerts: list[Record]
    containers: list[Record]
    summary: Record


def scenario_folders() -> list[Path]:
    """All scenarios, by name."""
    return trial_folders(SCENARIOS)


@lru_cache(maxsize=1024)
def scenario(folder: Path) -> Scenario:
    """The scenario as `eval` reads it."""
    return read_scenario(folder)


@lru_cache(maxsize=64)
def profiles(folder: Path) -> tuple[Profile, ...]:
    """What the scenario's baseline folder teaches."""
    return learned(scenario(folder)).profiles


def expectation(folder: Path) -> Record:
    """What the scenario expects: the keys that were given."""
    expected: Record = msgspec.to_builtins(scenario(folder).expected)
    return expected


def telemetry(folder: Path) -> list[Path]:
    """The files of a scenario that are read."""
    return list(scenario(folder).telemetry)


def hunt(folder: Path, paths: list[Path], *, quick: bool = True, chunk_bytes: int = 256 * 1024) -> Outcome:
    """Run files under the scenario's policy, options and baseline."""
    outcome = run(scenario(folder), profiles(folder), telemetry=paths, quick=quick, chunk_bytes=chunk_bytes)
    assert outcome.faults == ()
    return Outcome(
        [_as_json(alert) for alert in outcome.alerts],
        [_as_json(container) for container in outcome.containers],
        _as_json(outcome.summary),
    )


def _as_json(output: Alert | ContainerShown | Summary) -> Record:
    record: Record = msgspec.json.decode(msgspec.json.encode(output))
    return record


@lru_cache(maxsize=1024)
def told(folder: Path) -> Outcome:
    """What the scenario gives as it stands."""
    return hunt(folder, telemetry(folder))


every_scenario = pytest.mark.parametrize("folder", scenario_folders(), ids=lambda folder: folder.name)


@every_scenario
def test_says_what_a_careful_reader_would(folder: Path) -> None:
    """Verdict, trust, consistency, evidence and silence are those of expect.toml, and nothing else is reported."""
    outcome, expected = told(folder), expectation(folder)
    assert list(_differences(outcome, expected)) == []


def _differences(outcome: Outcome, expected: Record) -> Iterator[str]:
    verdicts = [alert["verdict"] for alert in outcome.alerts]
    verdict = "alert" if "alert" in verdicts else "suspicious" if verdicts else "quiet"
    yield from _unequal("verdict", verdict, expected["verdict"])
    for key in ("silenced", "attempted_pulls"):
        yield from _unequal(key, outcome.summary[key], expected.get(key, 0))
    if "incidents" in expected:
        yield from _unequal("incidents", len({alert["incident"] for alert in outcome.alerts}), expected["incidents"])
    for key, count in expected.get("outcomes", {}).items():
        yield from _unequal(f"records {key}", outcome.summary["outcomes"][key], count)
    whole = msgspec.json.encode(outcome).decode()
    for secret in expected.get("secrets", ()):
        if secret in whole:
            yield f"the secret {secret!r} is shown"
    containers = expected.get("containers", [])
    reported = sum(container["verdict"] in ("alert", "suspicious") for container in containers)
    if reported != len(outcome.alerts):
        yield f"{len(outcome.alerts)} records, {reported} expected: {[alert['title'] for alert in outcome.alerts]}"
    for container in containers:
        yield from _container_differences(outcome, container)


def _container_differences(outcome: Outcome, expected: Record) -> Iterator[str]:
    wanted = {key: expected[key] for key in _IDENTIFYING if key in expected}
    shown = [found for found in outcome.containers if _is_meant(found, wanted)]
    if len(shown) != 1:
        yield f"{wanted}: {len(shown)} containers fit, of {[_naming(found) for found in outcome.containers]}"
        return
    about = expected.get("id") or expected["name"]
    for key, found in (
        ("verdict", shown[0]["verdict"]),
        ("trust", shown[0]["trust"]["state"]),
        ("rule", shown[0]["trust"]["rule"]),
        ("origins", shown[0]["trust"]["origins"]),
        ("digest_consistency", shown[0]["digest_consistency"]),
        ("node", shown[0]["node"]),
        ("workload", "/".join((shown[0]["workload"] or {}).values()) or None),
        ("config_digest", shown[0]["image"]["config_digest"]),
        ("index_digest", shown[0]["image"]["index_digest"]),
        ("chain_id", shown[0]["image"]["chain_id"]),
    ):
        if key in expected:
            yield from _unequal(f"{about} {key}", found, expected[key])
    alerts = [alert for alert in outcome.alerts if _naming(alert) == _naming(shown[0])]
    if expected["verdict"] in ("alert", "suspicious"):
        if len(alerts) == 1:
            yield from _alert_differences(about, alerts[0], expected)
        else:
            yield f"{about}: {len(alerts)} records about it"
    elif alerts:
        yield f"{about}: reported, though {expected['verdict']}"
    else:
        reasons = "\n".join(shown[0]["reasons"])
        yield from (f"{about}: no reason with {text!r}" for text in expected.get("reasons", ()) if text not in reasons)


def _alert_differences(about: str, alert: Record, expected: Record) -> Iterator[str]:
    for key, found in (
        ("severity", alert["severity"]),
        ("confidence", alert["confidence"]),
        ("created_by", alert["created_by"]["user"]),
        ("created_from", alert["created_by"]["source_ip"]),
        ("pulled_from", alert["pulled_by"]["source_ip"]),
        ("total", len(alert["behaviours"])),
    ):
        if key in expected:
            yield from _unequal(f"{about} {key}", found, expected[key])
    listed = [f"{seen['strength']} {seen['kind']} {seen['attribution']} {seen['what']}" for seen in alert["behaviours"]]
    for text in expected.get("behaviours", ()):
        strength, kind, attribution, what = text.split(" ", 3)
        if not any(line.startswith(f"{strength} {kind} {attribution} ") and what in line for line in listed):
            yield f"{about}: no behaviour {text!r} in {listed}"
    yield from (
        f"{about}: a behaviour with {text!r} in {listed}"
        for text in expected.get("absent", ())
        if any(text in line for line in listed)
    )
    for key in ("reasons", "missing"):
        whole = "\n".join(alert[key])
        yield from (f"{about}: no {text!r} in {key}: {whole}" for text in expected.get(key, ()) if text not in whole)
    stages = {item["stage"] for item in alert["evidence"]}
    yield from (f"{about}: no evidence of {stage}" for stage in expected.get("stages", ()) if stage not in stages)


def _unequal(what: str, found: Any, expected: Any) -> Iterator[str]:
    if found != expected:
        yield f"{what} is {found!r}, expected {expected!r}"


def _is_meant(shown: Record, wanted: Record) -> bool:
    found = {
        "id": (shown["container_id"] or "")[: len(wanted.get("id", ""))],
        "name": shown["container_name"],
        "namespace": shown["namespace"],
        "pod": shown["pod"],
        "cluster": shown["cluster"],
        "reference": shown["image"]["reference"],
    }
    return all(found[key] == value for key, value in wanted.items())


def _naming(record: Record) -> tuple[Any, ...]:
    keys = ("cluster", "node", "namespace", "pod", "container_name", "container_id")
    return (*(record[key] for key in keys), record["image"]["reference"])


# ------------------------------------------------------------------------------------------------ laws


def test_there_are_scenarios() -> None:
    """The corpus was found."""
    assert len(scenario_folders()) > 100


@every_scenario
def test_every_record_ends_in_one_outcome(folder: Path) -> None:
    """What went in is the sum of what became of it, for all sources together."""
    summary = told(folder).summary
    assert sum(summary["outcomes"].values()) == summary["records"] > 0
    assert sum(source["records"] for source in summary["sources"].values()) == summary["records"]
    assert summary["outcomes"]["waiting"] == 0, "at the end nothing can still wait"


@every_scenario
def test_no_field_of_the_contract_is_absent(folder: Path) -> None:
    """Every record has every field of the JSON contract; what is not known is null."""
    outcome, contract = told(folder), json.loads((SCENARIOS / "contract.json").read_text())
    for alert in outcome.alerts:
        assert _absent(alert, contract["alert"]) == []
        assert alert["kind"] == "alert"
    for source in outcome.summary["sources"].values():
        assert source.keys() >= {"records", "unattributed", "dropped"}
    assert _absent(outcome.summary, contract["summary"]) == []


def _absent(found: Any, contract: Any, place: str = "") -> list[str]:
    if isinstance(contract, list):
        return [name for at, item in enumerate(found) for name in _absent(item, contract[0], f"{place}[{at}]")]
    if not isinstance(contract, dict) or found is None:
        return []
    missing = [f"{place}.{key}" for key in contract if key not in found]
    return missing + [
        name for key, inner in contract.items() if key in found for name in _absent(found[key], inner, f"{place}.{key}")
    ]


def final_records(outcome: Outcome) -> Record:
    """What may not change: all but the evidence's pointers into files, and the order of what happened at once."""
    alerts = []
    for alert in outcome.alerts:
        evidence = [{key: value for key, value in item.items() if key != "record"} for item in alert["evidence"]]
        alerts.append({**alert, "evidence": sorted(evidence, key=repr)})
    containers = sorted(outcome.containers, key=repr)
    counts = {key: outcome.summary[key] for key in ("alerts", "suspicious", "silenced", "attempted_pulls")}
    return {"alerts": alerts, "containers": containers, **counts}


class Unit(msgspec.Struct, frozen=True):
    """Lines that cannot be parted (one record; several lines of one audit event), and their event time."""

    lines: tuple[str, ...]
    time_ns: int | None


@lru_cache(maxsize=1024)
def _units(path: Path) -> tuple[tuple[str, ...], tuple[Unit, ...]]:
    """(header lines, units) of a file of lines; a document (`.json`) is one unit."""
    text = path.read_text()
    if path.suffix == ".json":
        return (), (Unit((text.removesuffix("\n"),), None),)
    headers = tuple(line for line in text.splitlines() if _HEADER.match(line))
    groups: dict[str, list[str]] = {}
    for number, line in enumerate(text.splitlines()):
        if line not in headers:
            stamp = _AUDIT_STAMP.search(line) if "type=" in line else None
            groups.setdefault(stamp[0] if stamp else str(number), []).append(line)
    return headers, tuple(Unit(tuple(lines), _time_ns(headers, lines)) for lines in groups.values())


def _time_ns(headers: tuple[str, ...], lines: list[str]) -> int | None:
    reader = Reader("-", recogniser_of(), ReadOptions())
    batches = [reader.feed("".join(f"{line}\n" for line in (*headers, *lines)).encode()), reader.finish()]
    times: list[int] = []
    for batch in batches:
        for at, (name, record) in enumerate(zip(batch.sources, batch.records, strict=True)):
            with suppress(RecordError):
                events = sources()[name].decode(record, batch.where(at))
                times += [event.time_ns for event in events if event.time_ns is not None]
    return min(times, default=None)


def _written(path: Path, headers: tuple[str, ...], units: Iterator[Unit] | list[Unit]) -> Path:
    lines = [*headers, *(line for unit in units for line in unit.lines)]
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def _reversed_in_blocks(units: tuple[Unit, ...] | list[Unit]) -> list[Unit]:
    """The order of event time, turned round within blocks of 60 s; what tells no time comes first."""
    blocks: dict[int, list[Unit]] = {}
    for unit in sorted(units, key=lambda unit: unit.time_ns or 0):
        blocks.setdefault((unit.time_ns or 0) // BLOCK_NS, []).append(unit)
    return [unit for block in blocks.values() for unit in reversed(block)]


def reversed_files(paths: list[Path], folder: Path) -> list[Path]:
    """Every file with its records turned round within blocks of 60 s."""
    return [_written(folder / path.name, _units(path)[0], _reversed_in_blocks(_units(path)[1])) for path in paths]


def one_reversed_file(paths: list[Path], folder: Path) -> list[Path]:
    """All records of all sources in one file, turned round within blocks of 60 s; what has a header stays apart."""
    apart = [path for path in paths if _units(path)[0] or path.suffix == ".json"]
    mixed = [unit for path in paths if path not in apart for unit in _units(path)[1]]
    one = [_written(folder / "mixed.log", (), _reversed_in_blocks(mixed))] if mixed else []
    return [*one, *reversed_files(apart, folder)]


def doubled_files(paths: list[Path], folder: Path) -> list[Path]:
    """Every file, and the same again under another name."""
    for path in paths:
        (folder / f"again-{path.name}").write_bytes(path.read_bytes())
    return [*paths, *(folder / f"again-{path.name}" for path in paths)]


def thirds(paths: list[Path], folder: Path) -> list[Path]:
    """Every file cut in three, as a rotated log is; a document cannot be."""
    cut: list[Path] = []
    for path in paths:
        headers, units = _units(path)
        bounds = [len(units) * part // 3 for part in range(4)]
        for number, (start, stop) in enumerate(pairwise(bounds)):
            if start < stop:
                cut.append(_written(folder / f"{path.stem}.{number}{path.suffix}", headers, list(units[start:stop])))
    return cut


def dealt(paths: list[Path], folder: Path) -> list[Path]:
    """Every file dealt out into three, record by record, as a load balancer does; a document cannot be."""
    hands: list[Path] = []
    for path in paths:
        headers, units = _units(path)
        for hand in range(min(3, len(units))):
            name = folder / f"{path.stem}.{hand}{path.suffix}"
            hands.append(_written(name, headers, list(units[hand::3])))
    return hands


_REARRANGED: dict[str, Callable[[list[Path], Path], list[Path]]] = {
    "reversed": reversed_files,
    "one-file": one_reversed_file,
    "twice": doubled_files,
    "thirds": thirds,
    "dealt": dealt,
}


@pytest.mark.parametrize("law", _REARRANGED)
@every_scenario
def test_delivery_changes_no_final_record(folder: Path, law: str, tmp_path: Path) -> None:
    """Arrival order within 60 s, double delivery and file boundaries leave every final record as it is."""
    if law in expectation(folder).get("laws_without", ()):
        pytest.skip("the scenario is about that very delivery")
    again = hunt(folder, _REARRANGED[law](telemetry(folder), tmp_path))
    assert final_records(again) == final_records(told(folder))


@every_scenario
def test_quick_path_changes_no_final_record(folder: Path) -> None:
    """Decoding every record gives what leaving out the settled ones gives."""
    again = hunt(folder, telemetry(folder), quick=False)
    assert final_records(again) == final_records(told(folder))


@every_scenario
def test_reading_in_small_pieces_changes_no_final_record(folder: Path) -> None:
    """Files read side by side in pieces of 1 KiB give what files read whole give."""
    again = hunt(folder, telemetry(folder), chunk_bytes=1024)
    assert final_records(again) == final_records(told(folder))


@pytest.mark.parametrize("law", _REARRANGED)
@pytest.mark.parametrize(
    "folder", [folder for folder in scenario_folders() if scenario(folder).to_learn], ids=lambda folder: folder.name
)
def test_delivery_changes_nothing_that_is_learned(folder: Path, law: str, tmp_path: Path) -> None:
    """Arrival order within 60 s, double delivery and file boundaries leave every profile as it is."""
    paths = _REARRANGED[law](list(scenario(folder).to_learn), tmp_path)
    again = learned(msgspec.structs.replace(scenario(folder), to_learn=tuple(paths)))
    assert again.profiles == profiles(folder)
    assert again.profiles
