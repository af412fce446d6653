"""Holds the run loop of `watch`: what comes out, and what is known after a restart."""

import json
from pathlib import Path
from typing import Any

import pytest
from watch_runs import ATTACK, BEGIN, NS, Doing, Run, Seen, docker, engine_of, handing_in

from tidewaiter.alert import Alert, ContainerShown, Output
from tidewaiter.edge.collector import Condition, Desk, Observation
from tidewaiter.edge.recording import Recording
from tidewaiter.edge.resume import resume
from tidewaiter.edge.state import StateFolder
from tidewaiter.edge.watch import Pulse, Watch

# ------------------------------------------------------------------------------------------- what comes out


def test_an_alert_comes_at_once_and_a_final_record_at_the_end() -> None:
    """The evidence names the stream and the number of the record in it."""
    run = Run(handing_in(ATTACK))
    assert [(alert.revision, alert.final) for alert in run.alerts] == [(0, False), (1, True)]
    assert {item.record for item in run.alerts[-1].evidence} >= {"/run/docker.sock:1", "/run/docker.sock:2"}
    assert run.alerts[-1].node == "n1"
    summary = run.watch.summary(True)
    assert (summary.alerts, summary.records, summary.sources["docker_events"].records) == (1, 3, 3)
    assert [output.container_id for output in run.outputs if isinstance(output, ContainerShown)] == ["9e" * 32]


def test_ready_is_said_once_when_nobody_is_starting() -> None:
    """Whatever is told afterwards."""

    def late(desk: Desk) -> None:
        desk.tell(Condition("sensor", "starting", "looks"))
        desk.tell(Condition("sensor", "waiting", "nothing there", ("execs",)))
        desk.tell(Condition("sensor", "ready", "attached"))

    run = Run(handing_in(ATTACK), Doing(late, "sensor"))
    assert [sentence.partition(":")[0] for sentence in run.view.sentences] == ["ready"]
    assert [condition.state for condition in run.view.conditions if condition.collector == "sensor"] == [
        "starting",
        "waiting",
        "ready",
    ]
    assert run.watch.has_seen
    assert run.watch.conditions["sensor"].state == "ready"


def test_not_ready_while_somebody_is_starting() -> None:
    """Or has said nothing."""
    run = Run(handing_in([]), Doing(lambda desk: desk.tell(Condition("sensor", "starting", "looks")), "sensor"))
    assert run.view.sentences == []
    assert Run(handing_in([]), Doing(lambda desk: None, "sensor")).view.sentences == []


def test_who_speaks_beside_a_collector_does_not_speak_for_another() -> None:
    """Connection tracking has its own conditions, and is none of those that are waited for."""
    beside = Doing(lambda desk: desk.tell(Condition("conntrack", "ready", "attached")), "sensor")
    assert Run(handing_in([]), beside).view.sentences == []


def test_a_collector_that_fails_is_told_as_blindness() -> None:
    """It is no silence; the others go on."""

    def failing(desk: Desk) -> None:
        raise KeyError("a defect")

    told: list[Condition] = []

    def waiting(desk: Desk) -> None:
        while not any(condition.collector == "sensor" for condition in told):
            told.extend(run_view.conditions)
        for observation in ATTACK:
            desk.observe(observation)

    run_view = Seen()
    original = Watch.__init__

    def patched(self: Watch, *arguments: Any, **how: Any) -> None:
        original(self, *arguments, **{**how, "view": run_view})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Watch, "__init__", patched)
        run = Run(Doing(failing, "sensor"), Doing(waiting, "docker"))
    found = run.watch.conditions["sensor"]
    assert (found.state, len(found.blind)) == ("off", 5)
    assert "a defect" in found.sentence
    assert run.alerts


def test_what_nobody_can_decode_is_rejected_and_counted() -> None:
    """Broken records, strange sources, records that are too long, and what was lost before."""

    def do(desk: Desk) -> None:
        desk.observe(Observation("docker_events", "s", b"junk"))
        desk.observe(Observation("no_such_source", "s", b"{}"))
        desk.observe(Observation("docker_events", "s", b"x" * (16 * 1024 * 1024)))
        desk.lose("sensor", 41)

    summary = (run := Run(Doing(do))).watch.summary(True)
    unseen = 5  # records of our own, one for each sight that the lost records would have told of
    assert (summary.outcomes["rejected"], summary.records) == (2, 2 + unseen)
    assert sum(summary.outcomes.values()) == summary.records
    assert {name: count.dropped for name, count in summary.sources.items()} == {
        "docker_events": 1,
        "no_such_source": 0,
        "sensor": 41,
    }
    assert sum("lost" in sentence for sentence in run.view.sentences) <= 2


def test_what_was_lost_is_missing_in_alerts() -> None:
    """Whoever floods the sensor hides what happens meanwhile; every alert of that time says so."""

    def do(desk: Desk) -> None:
        handing_in(ATTACK).run(desk)
        desk.lose("sensor", 1)

    alert = Run(Doing(do), time_ns=(BEGIN + 5) * NS).alerts[-1]
    lost = {line.partition(":")[0] for line in alert.missing if "records were lost" in line}
    assert (alert.final, lost) == (True, {"egress", "exec", "DNS names"})


def test_nobody_reading_ends_the_run_and_owes_the_rest(tmp_path: Path) -> None:
    """What was not delivered is delivered after the restart."""
    delivered: list[Output] = []

    def out(output: Output) -> None:
        if delivered:
            raise BrokenPipeError
        delivered.append(output)

    other = "5f" * 32
    both = [*ATTACK, docker("create", 6, other), docker("start", 7, other), docker("exec_create: nc -l", 9, other)]
    folder = StateFolder(tmp_path)
    Run(handing_in(both), out=out, resumed=resume(folder, engine_of), state=folder)
    folder.close()
    folder = StateFolder(tmp_path)
    owed = resume(folder, engine_of).owed
    assert [(alert.container_id, alert.revision) for alert in owed if isinstance(alert, Alert)] == [(other, 0)]
    folder.close()


# ------------------------------------------------------------------------------------------- restarts


def test_a_run_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    """One revision 0, numbers without a gap, and streams count on."""
    outputs: list[Alert] = []
    for story in (ATTACK[:2], ATTACK[2:], [], [docker("exec_create: nc -l 4444", 8)]):
        folder = StateFolder(tmp_path)
        run = Run(handing_in(story), resumed=resume(folder, engine_of), state=folder)
        outputs += run.alerts
        folder.close()
    assert [alert.revision for alert in outputs] == list(range(len(outputs)))
    assert [alert.final for alert in outputs] == [False, True, False, True]
    assert {item.record for item in outputs[-1].evidence} >= {f"/run/docker.sock:{number}" for number in (1, 2)}
    assert run.watch.summary(True).alerts == 1
    assert {"/run/docker.sock": 4}.items() <= run.watch._numbers.items()


def test_the_gap_between_two_runs_is_told_as_blindness(tmp_path: Path) -> None:
    """From the last moment of the one to the first of the other."""
    for number in range(2):
        folder, recording = StateFolder(tmp_path / "state"), Recording(str(tmp_path / f"{number}.jsonl"))
        resumed = resume(folder, engine_of)
        Run(handing_in([]), resumed=resumed, state=folder, recording=recording, time_ns=(BEGIN + 100 * number) * NS)
        folder.close()
        recording.close()
    assert (tmp_path / "0.jsonl").read_bytes() == b""
    records = [json.loads(line)["record"] for line in (tmp_path / "1.jsonl").read_bytes().splitlines()]
    ours = [record for record in records if record["collector"] == "tidewaiter"]
    assert {(record["time_ns"], record["why"]) for record in ours} == {
        (BEGIN * NS, "tidewaiter was not running"),
        ((BEGIN + 100) * NS, None),
    }


def test_a_state_that_cannot_be_written_is_told_and_watching_goes_on(tmp_path: Path) -> None:
    """Once, and the next snapshot tries again."""
    folder = StateFolder(tmp_path)
    folder.problem = "No space left on device"
    resumed = resume(folder, engine_of)
    run = Run(handing_in(ATTACK), resumed=resumed, state=folder)
    assert [alert.revision for alert in run.alerts] == [0, 1]
    folder.close()
    assert folder.problem is None


def test_pulses_tell_how_the_run_is() -> None:
    """At least once, with the clock's time."""
    run = Run(handing_in(ATTACK))
    assert run.view.pulses[0] == Pulse(BEGIN * NS, 0, 0, run.view.pulses[0].waiting, 0)
