"""Proves that a chain still alerts, and once, when a daemon or tidewaiter itself is restarted in the middle of it."""

import signal
from pathlib import Path

import lab_world
import pytest
from lab import Lab
from lab_docker import Docker
from lab_images import Push
from live_watch import Record, Watching

pytestmark = pytest.mark.e2e

EGRESS = ("wget", "-qO-", f"http://{lab_world.OUTSIDE}/")


def firsts(container_id: str, *runs: Watching) -> list[Record]:
    """All records of revision 0 that some runs gave of a container."""
    return [record for run in runs for record in run.records(container_id) if record["revision"] == 0]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_docker_restarted(
    lab: Lab, pushed: Push, docker: Docker, policy: Path, tmp_path: Path, how: signal.Signals
) -> None:
    """Containers live on without their daemon, and so does the watch."""
    image = pushed("evil/web:1.0")
    with Watching(lab, tmp_path / "state", "--policy", str(policy)) as watch:
        docker.pull(image.name)
        container = docker.run(image.name)
        lab.end("dockerd", how)
        lab.start_dockerd()
        docker.execute(container, *EGRESS)
        watch.record(container)
        # What begins after the restart is seen as before.
        second = docker.run(image.name)
        docker.execute(second, *EGRESS)
        watch.record(second)
    for name in (container, second):
        assert watch.finals()[name]["verdict"] == "alert"
        assert watch.finals()[name]["digest_consistency"] == "proven"
        assert len(firsts(name, watch)) == 1


def test_containerd_restarted(lab: Lab, pushed: Push, policy: Path, tmp_path: Path) -> None:
    """The stream of events ends with containerd; the chain does not."""
    image = pushed("evil/web:1.0")
    with Watching(lab, tmp_path / "state", "--policy", str(policy)) as watch:
        lab.ctr("images", "pull", "--plain-http", image.name)
        with lab.ctr_container(image.name, "survivor"):
            lab.end("containerd")
            lab.start_containerd()
            lab.ctr("task", "exec", "--exec-id", "e1", "survivor", *("/bin/wget", *EGRESS[1:]))
            watch.record("survivor")
    final = watch.finals()["survivor"]
    assert (final["verdict"], final["digest_consistency"]) == ("alert", "proven")
    assert len(firsts("survivor", watch)) == 1


def test_killed_before_the_behaviour(lab: Lab, pushed: Push, docker: Docker, policy: Path, tmp_path: Path) -> None:
    """A new run knows the chain that the killed one had seen begin."""
    image = pushed("evil/web:1.0")
    state = tmp_path / "state"
    with Watching(lab, state, "--policy", str(policy)) as killed:
        docker.pull(image.name)
        container = docker.run(image.name)
        killed.kill()
        with Watching(lab, state, "--policy", str(policy)) as watch:
            docker.execute(container, *EGRESS)
            watch.record(container)
    final = watch.finals()[container]
    assert (final["verdict"], final["digest_consistency"]) == ("alert", "proven")
    assert len(firsts(container, killed, watch)) == 1


def test_killed_after_the_alert(lab: Lab, pushed: Push, docker: Docker, policy: Path, tmp_path: Path) -> None:
    """A new run revises the alert that the killed one gave; it does not give it again."""
    image = pushed("evil/web:1.0")
    state = tmp_path / "state"
    with Watching(lab, state, "--policy", str(policy)) as killed:
        docker.pull(image.name)
        container = docker.run(image.name)
        docker.execute(container, *EGRESS)
        first = killed.record(container)
        killed.kill()
    with Watching(lab, state, "--policy", str(policy)) as watch:
        docker.execute(container, "nc", lab_world.OUTSIDE, str(lab_world.CLOSED_PORT))
        watch.record(container, lambda record: any("refused" in one["what"] for one in record["behaviours"]))
    assert first["revision"] == 0
    assert len(firsts(container, killed, watch)) == 1
    final = watch.finals()[container]
    assert final["id"] == first["id"]
    assert final["revision"] > 0
    assert f"{lab_world.OUTSIDE}:{lab_world.CLOSED_PORT} (refused)" in {one["what"] for one in final["behaviours"]}
