"""Tests that the benchmark's generator keeps its word: same seed, same bytes; valid records; a truth that holds."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tidewaiter.edge.read import read
from tidewaiter.event import ContainerEvent
from tidewaiter.sources import sources

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

# The benchmark is no part of the installed package: it is found beside the tests.
from bench.chains import ALERTS
from bench.clock import SECOND, parse_second
from bench.decoys import SILENT, SUSPICIOUS
from bench.generate import Options, generate

EVENTS = 3000
# Docker's records name their container in full, sensors by as many characters as they know.
_SHOWN = {"docker": 64, "containerd": 64, "journal": 64, "cri": 64, "laurel": 64, "tetragon": 31, "falco": 12}
_BY_POD = {"hubble", "audit"}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small stream and its truth."""
    out = tmp_path_factory.mktemp("generated")
    generate(Options(EVENTS, seed=7), out, per_producer=True)
    return out


@pytest.fixture(scope="module")
def lines(generated: Path) -> list[bytes]:
    """The stream's lines."""
    return (generated / "events.jsonl").read_bytes().splitlines()


@pytest.fixture(scope="module")
def truth(generated: Path) -> dict[str, Any]:
    """The truth about the stream."""
    found = json.loads((generated / "truth.json").read_bytes())
    assert isinstance(found, dict)
    return found


def test_the_same_seed_gives_the_same_bytes(generated: Path, tmp_path: Path) -> None:
    """Both files are equal to the last byte when generated again."""
    generate(Options(EVENTS, seed=7), tmp_path)
    for name in ("events.jsonl", "truth.json"):
        assert (tmp_path / name).read_bytes() == (generated / name).read_bytes()


def test_another_seed_gives_other_bytes(generated: Path, tmp_path: Path) -> None:
    """The seed matters, for the fleet and for the planted stories."""
    generate(Options(EVENTS, seed=8), tmp_path)
    assert (tmp_path / "events.jsonl").read_bytes() != (generated / "events.jsonl").read_bytes()


def test_it_writes_as_many_records_as_asked_for(lines: list[bytes], truth: dict[str, Any]) -> None:
    """The planted stories and the snapshots are part of the number."""
    assert len(lines) == EVENTS
    assert sum(truth["records"].values()) == EVENTS
    assert sum(truth["bytes"].values()) == sum(map(len, lines)) + EVENTS


def test_each_line_is_one_compact_json_object(lines: list[bytes]) -> None:
    """Nothing is left unescaped; blanks stand between members only in Tetragon's records, and not in all of them."""
    for line in lines:
        record = json.loads(line)
        assert isinstance(record, dict)
        has_blanks = b', "' in line and line.startswith(b'{"process_')
        assert has_blanks or len(json.dumps(record, separators=(",", ":"))) >= len(line) * 0.95
    tetragon = [line for line in lines if line.startswith(b'{"process_')]
    assert 0 < sum(b', "node_name":' in line for line in tetragon) < len(tetragon)


def test_the_size_of_records_is_that_of_real_telemetry(lines: list[bytes]) -> None:
    """On average about 1.7 KB."""
    assert 1400 < sum(map(len, lines)) / len(lines) < 2000


def test_all_producers_are_in_the_stream(truth: dict[str, Any]) -> None:
    """The mix of the benchmark: executions are the bulk."""
    records = truth["records"]
    assert records.keys() == {
        "audit", "containerd", "cri", "docker", "falco", "hubble", "journal", "laurel", "pods", "tetragon",
    }  # fmt: skip
    assert records["tetragon"] > EVENTS * 0.4


def test_the_files_of_the_producers_hold_the_same_lines(generated: Path, lines: list[bytes]) -> None:
    """Split or mixed, it is the same stream."""
    split = [line for path in (generated / "by_producer").iterdir() for line in path.read_bytes().splitlines()]
    assert sorted(split) == sorted(lines)


def test_every_kind_of_story_is_planted(truth: dict[str, Any]) -> None:
    """However small the stream, each kind is told once, with its verdict."""
    told = {(entry["kind"], entry["verdict"]) for entry in truth["planted"]}
    expected = {(kind, "alert") for kind in ALERTS} | {(kind, "suspicious") for kind in SUSPICIOUS}
    assert told == expected | {(kind, None) for kind in SILENT}


def test_what_the_truth_points_at_names_the_container(lines: list[bytes], truth: dict[str, Any]) -> None:
    """Each stage has a line that names the planted container, or its pod, as its producer does."""
    for entry in truth["planted"]:
        named: dict[str, bool] = {}
        for stage in entry["stages"]:
            line, source = lines[stage["line"] - 1], stage["source"]
            shown = entry["pod"] if source in _BY_POD else entry["container_id"][: _SHOWN[source]]
            named[stage["stage"]] = named.get(stage["stage"], False) or shown.encode() in line
        for stage in ("asked", "create", "start", "first", "behaviour"):
            # What decoys of which nothing is reported do is done by another container, or another cluster's pod.
            if stage in named and not (stage == "behaviour" and entry["verdict"] is None):
                assert named[stage], (entry["name"], stage)


def test_the_sources_read_every_record(generated: Path) -> None:
    """No record is a stranger to the project's own sources, none is rejected, and no node is unknown."""
    decoders, seen, nodeless = sources(), set(), 0
    for batch in read(str(generated / "events.jsonl")):
        assert (batch.unrecognised, batch.rejected, batch.unread) == (0, 0, [])
        for index, (name, record) in enumerate(zip(batch.sources, batch.records, strict=True)):
            seen.add(name)
            events = tuple(decoders[name].decode(record, batch.where(index)))
            nodeless += sum(event.node is None for event in events if isinstance(event, ContainerEvent))
    assert seen == {
        "containerd_events", "containerd_journal", "cri", "docker_events", "docker_inspect", "falco", "hubble",
        "kubernetes_audit", "kubernetes_pods", "laurel", "tetragon",
    }  # fmt: skip
    assert nodeless == 0


def test_an_alerting_chain_is_whole(truth: dict[str, Any]) -> None:
    """Pull, create, start and behaviour of each are in the stream; only the order of their arrival varies."""
    for entry in truth["planted"]:
        if entry["verdict"] == "alert":
            assert {"pull", "create", "start", "behaviour"} <= {stage["stage"] for stage in entry["stages"]}, entry[
                "name"
            ]


def test_records_arrive_late_but_not_too_late(lines: list[bytes]) -> None:
    """Tetragon's own times fall behind the latest seen by seconds, as with real agents, and never by a minute."""
    latest, behind = 0, []
    for line in lines:
        if line.startswith(b'{"process_'):
            text = line[line.rindex(b'"time":"') + 8 :][:19].decode()
            time_ns = parse_second(text + "Z")
            latest = max(latest, time_ns)
            behind.append(latest - time_ns)
    assert 0 < max(behind) < 60 * SECOND


def test_too_few_events_for_the_stories_are_refused(tmp_path: Path) -> None:
    """The stories are never cut short to fit."""
    with pytest.raises(ValueError, match="too few"):
        generate(Options(100), tmp_path)


def test_armed_containers_are_planted_as_asked(tmp_path: Path) -> None:
    """Each armed container is created, started and weakly suspicious within ten minutes."""
    made = generate(Options(EVENTS, armed=150), tmp_path)
    planted = made["planted"]
    assert isinstance(planted, list)
    armed = [entry for entry in planted if entry["kind"] == "armed"]
    assert len(armed) == len({entry["container_id"] for entry in armed}) == 150
    assert all({stage["stage"] for stage in entry["stages"]} == {"create", "start", "behaviour"} for entry in armed)
