"""Holds the state: whatever moment a watch is ended at, the next one knows what it knew, and repeats nothing."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from made_events import AN0691
from tidewaiter.alert import Alert, Incident
from tidewaiter.edge.journal import Fed, Given, Numbers, Ticked, content_of, fed_line, line_of
from tidewaiter.edge.recording import Recording, bare, envelope
from tidewaiter.edge.resume import Resumed, feed, resume, tick
from tidewaiter.edge.state import StateError, StateFolder, default_state
from tidewaiter.engine import Engine
from tidewaiter.event import Where
from tidewaiter.policy import DEFAULT_POLICY
from tidewaiter.snapshot import State

NS = 1_000_000_000
BEGIN = 1_790_000_000
A, B = "9e" * 32, "5f" * 32
Told = Alert | Incident
Step = int | tuple[str, bytes]
"""A tick, in seconds from the beginning, or a record."""


def engine_of(state: State | None) -> Engine:
    """An engine that watches."""
    return Engine(DEFAULT_POLICY, AN0691, state=state, live=True)


def docker(action: str, second: int, container: str) -> tuple[str, bytes]:
    """An event of the Docker daemon."""
    actor = {"ID": container, "Attributes": {"image": "hub.example/cache:latest", "name": "cache"}}
    event = {"Type": "container", "Action": action, "Actor": actor, "time": BEGIN + second}
    return "docker_events", json.dumps(event | {"timeNano": (BEGIN + second) * NS}).encode()


def ran(second: int, container: str, number: int) -> tuple[str, bytes]:
    """An execution, as Docker tells it: a session is a behaviour."""
    return docker(f"exec_create: curl http://203.0.113.{number}/x", second, container)


STORY: list[Step] = [
    0,
    docker("create", 0, A),
    docker("start", 1, A),
    1,
    ran(5, A, 1),
    ran(5, A, 2),
    6,
    docker("create", 7, B),
    docker("start", 8, B),
    ran(9, B, 3),
    9,
    ran(10, A, 4),
    70,
    docker("die", 71, A),
]


class Life:
    """What a watch does to its state, without its threads."""

    def __init__(self, folder: StateFolder, recording: Recording | None = None) -> None:
        self.folder = folder
        self.recording = recording
        self.delivered: list[Told] = []
        resumed = resume(folder, engine_of, recording)
        self.engine = resumed.engine
        self.numbers = resumed.numbers
        for alert in resumed.owed:
            self.give(alert)

    def keep(self) -> None:
        """Take a snapshot."""
        self.folder.keep(self.engine.snapshot(), line_of(Numbers(self.numbers)))
        self.folder.wait()

    def live(self, steps: Sequence[Step]) -> None:
        """Take in what happens."""
        for step in steps:
            if isinstance(step, int):
                self.folder.write([line_of(Ticked((BEGIN + step) * NS))])
                outputs = tick(self.engine, (BEGIN + step) * NS)
            else:
                source, record = step
                written = bare(record, keep_arguments=False)[1]
                self.numbers["s"] = offset = self.numbers.get("s", 0) + 1
                line = envelope(source, "default", "n1")
                self.folder.write([fed_line(line, "s", offset, written)])
                if self.recording is not None:
                    self.recording.append([b'%b,"record":%b}' % (line, written)])
                outputs = feed(self.engine, source, record, Where(source, "s", offset, "default", "n1"))
            for output in outputs:
                assert isinstance(output, Told)
                self.give(output)

    def give(self, alert: Told) -> None:
        """Deliver."""
        self.delivered.append(alert)
        self.folder.write([line_of(Given(alert.id, alert.revision, content_of(alert)))])

    def finals(self) -> dict[str, Told]:
        """What stands at the end."""
        return {told.id: told for told in self.engine.finish() if isinstance(told, Told)}


def contents(alerts: dict[str, Told]) -> dict[str, str]:
    """What is said, whatever its number."""
    return {key: content_of(alert) for key, alert in alerts.items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[Told], dict[str, Told]]:
    """The journal of a life that nothing ended, what it delivered, and its end."""
    path = tmp_path_factory.mktemp("whole")
    folder = StateFolder(path)
    life = Life(folder)
    life.live(STORY)
    journal = (path / "journal.1").read_bytes()
    folder.close()
    return journal, life.delivered, life.finals()


def moments(journal: bytes) -> list[int]:
    """Bytes of the journal at which a life may end: around and within every line, and anywhere."""
    starts = [0, *(index + 1 for index, byte in enumerate(journal) if byte == 10)]
    near = {start + step for start in starts for step in (-2, -1, 0, 1, 30)}
    chosen = {*near, *random.Random(4).sample(range(len(journal)), 60)}  # noqa: S311 - no secret
    return sorted(moment for moment in chosen if 0 <= moment <= len(journal))


def test_a_life_that_ends_at_any_byte_goes_on(whole: tuple[bytes, list[Told], dict[str, Told]], tmp_path: Path) -> None:
    """Each revision once, from 0 without a gap, and the end is the same.

    Only the record whose mark was just being written may come twice, and then it is the same record.
    """
    journal, delivered, finals = whole
    assert {alert.revision for alert in delivered} >= {0, 1, 2}
    assert any(isinstance(told, Incident) for told in delivered)
    for moment in moments(journal):
        path = tmp_path / str(moment)
        path.mkdir()
        (path / "journal.1").write_bytes(journal[:moment])
        lines = journal[:moment].split(b"\n")[:-1]
        marks = sum(b'"kind":"given"' in line for line in lines)
        is_marking = journal[moment:].split(b"\n")[0] != b"" and b'"kind":"given"' in (
            journal[: moment + 60].split(b"\n")[len(lines)] if moment < len(journal) else b""
        )
        before = delivered[: marks + is_marking]
        folder = StateFolder(path)
        life = Life(folder)
        life.live(STORY[sum(b'"kind":"given"' not in line for line in lines) :])
        folder.close()
        came = [*before, *life.delivered]
        once = [alert for index, alert in enumerate(came) if alert not in came[:index]]
        assert len(came) - len(once) <= is_marking
        for key in finals:
            assert [alert.revision for alert in once if alert.id == key] == list(
                range(sum(alert.id == key for alert in once))
            )
        assert contents(life.finals()) == contents(finals)


@pytest.mark.parametrize("cuts", [[3], [5, 6], [1, 4, 8, 12], list(range(len(STORY)))])
@pytest.mark.parametrize("is_kept", [True, False])
def test_lives_that_follow_each_other_are_one(
    whole: tuple[bytes, list[Told], dict[str, Told]], cuts: list[int], is_kept: bool, tmp_path: Path
) -> None:
    """Whether or not the one before took a snapshot at its end; files do not pile up."""
    _, delivered, finals = whole
    came: list[Told] = []
    for start, stop in zip([0, *cuts], [*cuts, len(STORY)], strict=True):
        folder = StateFolder(tmp_path)
        life = Life(folder)
        assert life.delivered == []
        life.keep()
        life.live(STORY[start:stop])
        came += life.delivered
        if is_kept:
            life.keep()
        folder.close()
        assert len(list(tmp_path.iterdir())) == 3
    assert came == delivered
    assert contents(life.finals()) == contents(finals)
    assert life.numbers == {"s": sum(not isinstance(step, int) for step in STORY)}


def test_numbers_that_were_used_stay_used(tmp_path: Path) -> None:
    """Where the next engine says the same in fewer steps, what is known follows what was delivered."""
    folder = StateFolder(tmp_path)
    life = Life(folder)
    life.live(STORY[:5])
    key = life.delivered[-1].id
    folder.write([line_of(Given(key, 7, "something else"))])
    folder.close()
    folder = StateFolder(tmp_path)
    again = Life(folder)
    assert [(alert.id, alert.revision) for alert in again.delivered] == [(key, 8)]
    again.live(STORY[5:6])
    assert [alert.revision for alert in again.delivered] == [8, 9]
    folder.close()


def test_what_is_missing_in_the_recording_is_added(tmp_path: Path) -> None:
    """A life ended between journal and recording."""
    path = tmp_path / "s"
    recording = Recording(str(path))
    recording.name = "s"
    folder = StateFolder(tmp_path / "state")
    Life(folder, recording).live(STORY[:5])
    folder.close()
    recording.close()
    wanted = path.read_bytes()
    path.write_bytes(wanted[:-30])
    recording = Recording(str(path))
    recording.name = "s"
    folder = StateFolder(tmp_path / "state")
    Life(folder, recording)
    assert path.read_bytes() == wanted
    recording.close()
    folder.close()


# ------------------------------------------------------------------------------------------- the folder


def test_only_one_watch_keeps_its_state_in_a_folder(tmp_path: Path) -> None:
    """The second is told why; when the first has ended, the folder is free."""
    first = StateFolder(tmp_path)
    with pytest.raises(StateError, match="another tidewaiter watch"):
        StateFolder(tmp_path)
    first.close()
    StateFolder(tmp_path).close()


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    """A sentence with the name and the reason."""
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match=r"file/state: .*Not a directory"):
        StateFolder(tmp_path / "file" / "state")


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    """Neither folder nor files."""
    folder = StateFolder(tmp_path / "a" / "state")
    life = Life(folder)
    life.keep()
    folder.close()
    found = [tmp_path / "a" / "state", *(tmp_path / "a" / "state").iterdir()]
    assert len(found) == 4
    assert all(path.stat().st_mode & 0o077 == 0 for path in found)


@pytest.mark.parametrize("content", [b"", b"junk", b"\xff" * 100, None])
def test_a_broken_snapshot_is_set_aside(tmp_path: Path, content: bytes | None) -> None:
    """With a sentence, and all begins afresh; a piece of a snapshot is none."""
    folder = StateFolder(tmp_path)
    life = Life(folder)
    life.live(STORY)
    life.keep()
    folder.close()
    (snapshot,) = tmp_path.glob("snapshot.*")
    snapshot.write_bytes(snapshot.read_bytes()[:-1] if content is None else content)
    folder = StateFolder(tmp_path)
    again = Life(folder)
    assert again.engine.ledger.records == 0
    assert any("set aside" in sentence and str(snapshot) in sentence for sentence in folder.sentences)
    assert (tmp_path / f"{snapshot.name}.broken").exists()
    again.keep()
    folder.close()
    folder = StateFolder(tmp_path)
    assert folder.load() is not None
    assert folder.sentences == []
    folder.close()


def test_lines_that_cannot_be_read_are_left_out_and_told(tmp_path: Path) -> None:
    """The rest of the journal counts."""
    folder = StateFolder(tmp_path)
    Life(folder).live(STORY[:4])
    folder.write([b"junk", b'{"kind":"tick","time_ns":"x"}', b'{"kind":"strange"}'])
    folder.close()
    folder = StateFolder(tmp_path)
    life = Life(folder)
    assert life.engine.ledger.records == 2
    assert folder.sentences == ["3 lines of the state's journal could not be read and were left out"]
    folder.close()


def test_what_the_engine_cannot_take_does_not_keep_us_from_watching(tmp_path: Path) -> None:
    """Not even with every start anew."""

    class Failing(Engine):
        """Fails at whatever it is fed."""

        def feed_record(self, *arguments: object) -> list[Alert]:  # type: ignore[override]  # whatever it is given
            raise KeyError("a defect")

    folder = StateFolder(tmp_path)
    Life(folder).live(STORY[:4])
    folder.close()
    folder = StateFolder(tmp_path)
    resumed = resume(folder, lambda state: Failing(DEFAULT_POLICY, AN0691, state=state, live=True))
    assert isinstance(resumed, Resumed)
    assert (resumed.owed, resumed.left_ns) == ([], None)
    assert "a defect" in folder.sentences[0]
    assert [path.name for path in tmp_path.glob("*.broken")] == ["journal.1.broken"]
    folder.close()


def test_a_journal_line_holds_what_was_fed() -> None:
    """Text too."""
    line = fed_line(envelope("auditd", "c", "n"), "kernel", 7, bare(b"type=X\nline", keep_arguments=True)[1])
    told = json.loads(line)
    assert told == {
        **{"kind": "recorded", "schema": 1, "source": "auditd", "cluster": "c", "node": "n"},
        **{"stream": "kernel", "offset": 7, "record": "type=X\nline"},
    }
    assert msgspec.json.decode(line, type=Fed).payload == b"type=X\nline"


@pytest.mark.parametrize(
    ("home", "told", "wanted"),
    [
        ("/home/u", "/data", "/data/tidewaiter"),
        ("/home/u", "", "/home/u/.local/state/tidewaiter"),
        ("/home/u", "relative", "/home/u/.local/state/tidewaiter"),
        ("", "", "/var/lib/tidewaiter"),
    ],
)
def test_the_usual_folder_is_that_of_the_xdg_directories(
    monkeypatch: pytest.MonkeyPatch, home: str, told: str, wanted: str
) -> None:
    """Services often have no home."""
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("XDG_STATE_HOME", told)
    assert default_state() == Path(wanted)
