"""Checks `tidewaiter watch` as a command: its options, its end, and what outlives it."""

import signal
from pathlib import Path

import pytest
from click.testing import CliRunner
from hunting import CONTAINER, POLICY, STRANGER, Write, assert_refused, falco, hunt, story, told
from watching import Script, child, finals, watch

from tidewaiter.cli import main
from tidewaiter.cli._watch_collectors import open_collectors

STATELESS = ("--no-state", "--format", "jsonl")


def records(*stories: list[bytes]) -> list[tuple[str, bytes]]:
    """Records with their sources."""
    return [("docker_events" if b'"Type"' in record else "falco", record) for found in stories for record in found]


ATTACK = records(story())
SECOND = records(story(name="other", container=STRANGER)[:2])


@pytest.fixture(autouse=True)
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing outside the test's own folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    for name in ("DOCKER_HOST", "CONTAINERD_ADDRESS", "CONTAINER_HOST"):
        monkeypatch.delenv(name, raising=False)


# ------------------------------------------------------------------------------------------- verdicts and status


def test_an_attack_is_alerted_at_once_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 1; one line on stderr says ready; the summary comes last."""
    result = watch(monkeypatch, [Script(ATTACK, stops=True)], *STATELESS, "--node", "host1")
    kinds = [(record["kind"], record.get("revision"), record.get("final")) for record in told(result)]
    assert kinds == [("alert", 0, False), ("alert", 1, True), ("summary", None, None)]
    assert result.exit_code == 1
    assert {record["node"] for record in told(result)[:2]} == {"host1"}
    assert [line for line in result.stderr.splitlines() if "ready" in line] == ["ready: docker"]
    assert "no policy given" in result.stderr


def test_nothing_found_is_status_0(monkeypatch: pytest.MonkeyPatch, write: Write) -> None:
    """With a policy nobody is told to write one."""
    policy = write(POLICY.encode(), "policy.yaml")
    result = watch(monkeypatch, [Script(ATTACK[:2], stops=True)], *STATELESS, "--policy", policy)
    assert result.exit_code == 0
    assert "no policy" not in result.stderr
    assert told(result)[-1]["complete"] is True


@pytest.mark.parametrize(
    ("script", "options", "words"),
    [
        (Script(ATTACK[:2], stops=True), ["--require", "tetragon"], "tetragon: required"),
        (Script(ATTACK[:2], stops=True, blind=("images",)), [], "docker: from a script"),
        (Script([], stops=True, name="sensor", blind=("execs",)), ["--sensor", "none"], "nothing could be collected"),
    ],
)
def test_what_was_not_seen_is_status_3(
    monkeypatch: pytest.MonkeyPatch, script: Script, options: list[str], words: str
) -> None:
    """A source that never spoke; a sight that is lost at the end; nobody who ever was ready."""
    result = watch(monkeypatch, [script], *STATELESS, *options)
    assert result.exit_code == 3
    assert words in result.stderr
    assert told(result)[-1]["complete"] is False


def test_a_sensor_that_nobody_wants_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told in the alerts, and the run is complete."""
    scripts = [Script([], stops=False, name="sensor", blind=("execs",)), Script(ATTACK[:2], stops=True)]
    result = watch(monkeypatch, scripts, *STATELESS, "--sensor", "none")
    assert result.exit_code == 0


def test_text_is_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """The alert, the containers if asked for, the summary."""
    result = watch(monkeypatch, [Script(ATTACK, stops=True)], "--no-state", "--containers")
    assert "curl" in result.stdout
    assert "cache" in result.stdout
    assert "1 alert" in result.stdout
    result = watch(monkeypatch, [Script(ATTACK, stops=True)], *STATELESS, "--containers")
    assert [record["kind"] for record in told(result)] == ["alert", "alert", "container", "summary"]


def test_it_stops_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time that was asked for."""
    result = watch(monkeypatch, [Script(ATTACK, stops=False)], *STATELESS, "--for", "1")
    assert result.exit_code == 1


# ------------------------------------------------------------------------------------------- recording


def test_hunting_the_recording_gives_the_same_final_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ids and evidence included, also over a second run that goes on in the same file."""
    path = tmp_path / "seen.jsonl"
    watch(monkeypatch, [Script(ATTACK, stops=True)], "--format", "jsonl", "--record", path)
    result = watch(monkeypatch, [Script(SECOND, stops=True)], "--format", "jsonl", "--record", path)
    assert result.exit_code == 1
    first = finals(hunt(path, "--format", "jsonl").stdout)
    assert len(first) == 1
    assert {item["record"] for item in first[0]["evidence"]} >= {f"{path}:1", f"{path}:2"}
    result = watch(monkeypatch, [Script(ATTACK, stops=True)], *STATELESS, "--record", tmp_path / "once.jsonl")
    assert finals(result.stdout) == finals(hunt(tmp_path / "once.jsonl", "--format", "jsonl").stdout)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--record", "/no/such/folder/file"], "/no/such/folder/file: cannot be recorded into: No such file"),
        (["--state", "/proc/none"], "/proc/none: the state cannot be kept here"),
        (["--state", "x", "--no-state"], "only one of them"),
        (["--require", "nobody"], "nobody: no such source"),
        (["--policy", "/no/policy"], "the policy cannot be read"),
        (["--facts", "/no/facts"], "/no/facts"),
        (["--for", "soon"], "--for"),
        (["--lateness", "never"], "--lateness"),
        (["--sensor", "ebpf"], "--sensor"),
    ],
)
def test_a_fault_that_can_be_mended_is_status_2(
    monkeypatch: pytest.MonkeyPatch, options: list[str], words: str
) -> None:
    """A sentence, before anything is watched."""
    state = [] if any("state" in option for option in options) else ["--no-state"]
    assert_refused(watch(monkeypatch, [Script([], stops=True)], *state, *options), words)


def test_docker_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what runs here can be watched."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.1:2375")
    assert_refused(CliRunner().invoke(main, ["watch", "--no-state"]), "DOCKER_HOST", "--docker none")
    monkeypatch.delenv("DOCKER_HOST")
    monkeypatch.setenv("CONTAINER_HOST", "ssh://core@elsewhere/run/podman/podman.sock")
    assert_refused(CliRunner().invoke(main, ["watch", "--no-state"]), "CONTAINER_HOST", "--podman none")


# ------------------------------------------------------------------------------------------- collectors


class Named:
    """A collector that only has a name and a place."""

    def __init__(self, place: str, name: str = "containerd", watched_ns: int | None = None) -> None:
        self.name, self.place = name, place


def opened(monkeypatch: pytest.MonkeyPatch, *places: str | None, there: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Which collectors are opened where."""

    module = "tidewaiter.cli._watch_collectors"
    monkeypatch.setattr(f"{module}.DockerCollector", Named)
    monkeypatch.setattr(f"{module}.ContainerdCollector", Named)
    monkeypatch.setattr(f"{module}.sensors", lambda wanted: [Named(wanted, "sensor")])
    monkeypatch.setattr(Path, "is_socket", lambda path: str(path) in there)
    docker, containerd, podman = [*places, None, None, None][:3]
    found = open_collectors(docker, containerd, podman, "auto")
    assert found.pop().name == "sensor"
    return [(collector.name, collector.place) for collector in found]  # type: ignore[attr-defined]  # it is Named


def test_what_is_there_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is, Docker and containerd are waited for."""
    docker, containerd = "/var/run/docker.sock", "/run/containerd/containerd.sock"
    assert opened(monkeypatch) == [("docker", docker), ("containerd", containerd)]
    assert opened(monkeypatch, there=(containerd,)) == [("containerd", containerd)]
    assert opened(monkeypatch, there=("/run/podman/podman.sock",)) == [("podman", "/run/podman/podman.sock")]
    assert opened(monkeypatch, "none") == [("containerd", containerd)]
    assert opened(monkeypatch, "none", "none", "none") == []


def test_what_is_named_is_watched_wherever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options go before the environment, and none turns one off."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///a.sock")
    monkeypatch.setenv("CONTAINERD_ADDRESS", "/b.sock")
    assert opened(monkeypatch) == [("docker", "/a.sock"), ("containerd", "/b.sock")]
    assert opened(monkeypatch, "unix:///c.sock", "none") == [("docker", "/c.sock")]
    assert opened(monkeypatch, "none", None, "/d.sock") == [("containerd", "/b.sock"), ("podman", "/d.sock")]


# ------------------------------------------------------------------------------------------- restarts and signals


def test_killed_and_started_again_it_alerts_once(tmp_path: Path) -> None:
    """Killed in the middle of one chain and after the alert of another."""
    options = ("--format", "jsonl", "--state", tmp_path / "state")
    with child([*SECOND, *ATTACK], *options) as first:
        came = [first.next_about(CONTAINER)]
        came += first.ended(signal.SIGKILL)[0]
    with child([("falco", falco(12, container=STRANGER))], *options) as second:
        came.append(second.next_about(STRANGER))
        ends, said = second.ended(signal.SIGTERM)
        assert second.process.returncode == 1
    assert "Traceback" not in said
    assert [item["stage"] for item in came[-1]["evidence"][:2]] == ["create", "start"]
    assert (came[0]["revision"], came[-1]["revision"]) == (0, 0)
    summary = ends.pop()
    for container in (CONTAINER, STRANGER):
        about = [record for record in ends if record.get("container_id") == container]
        assert [record["revision"] for record in about] == list(range(1, len(about) + 1))
        assert [record["final"] for record in about] == [*[False] * (len(about) - 1), True]
    assert (summary["kind"], summary["alerts"]) == ("summary", 2)
    assert (ends[-1]["kind"], ends[-1]["final"], len(ends[-1]["members"])) == ("incident", True, 2)


def test_only_one_watches_with_one_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The second says so; the first ends with SIGINT as with SIGTERM."""
    with child(ATTACK, "--format", "jsonl", "--state", tmp_path / "state") as first:
        first.stdout.readline()
        assert_refused(watch(monkeypatch, [], "--state", tmp_path / "state"), "another tidewaiter watch")
        ends, _ = first.ended(signal.SIGINT)
        assert first.process.returncode == 1
    assert ends[-1]["kind"] == "summary"


def test_a_reader_that_goes_away_ends_the_watch(tmp_path: Path) -> None:
    """Without a traceback; what was not read is given after a restart."""
    options = ("--format", "jsonl", "--state", tmp_path / "state")
    with child(ATTACK, *options) as first:
        first.stdout.close()
        said = first.stderr.read().decode()
        assert first.process.wait(timeout=60) == 1
    assert "ready" in said
    assert "Traceback" not in said
    assert "Exception" not in said
    with child([], *options) as second:
        assert second.next_about(CONTAINER)["revision"] == 0


MUCH = [record for number in range(60) for record in records(story(container=f"{number:02x}" * 32)[:2])] + [
    ("falco", falco(11, container=f"{number:02x}" * 32)) for number in range(60)
]
"""More alerts than a pipe holds."""


def test_a_reader_that_stands_still_cannot_keep_us() -> None:
    """After the time that the end may take."""
    with child(MUCH, *STATELESS, end_s=1.0) as run:
        while b"ready" not in run.stderr.readline():
            pass
        run.process.terminate()
        assert run.process.wait(timeout=60) == 3


def test_asked_twice_it_stops_at_once() -> None:
    """Whatever it waits for."""
    with child(MUCH, *STATELESS, end_s=1000.0) as run:
        while b"ready" not in run.stderr.readline():
            pass
        run.process.send_signal(signal.SIGTERM)
        run.process.send_signal(signal.SIGINT)
        assert run.process.wait(timeout=60) in (128 + signal.SIGTERM, 128 + signal.SIGINT)
