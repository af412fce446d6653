"""Proves that watching a real Docker and the kernel raises one alert for a whole chain, and none for a trusted one."""

from pathlib import Path

import lab_world
import pytest
from lab import Lab
from lab_docker import Docker, DockerError
from lab_images import Push
from live_watch import Record, Watching, finals, hunt

pytestmark = pytest.mark.e2e

BY_NAME = ("wget", "-qO-", f"http://{lab_world.POOL}/")


def kinds(record: Record) -> set[str]:
    """The kinds of behaviour that a record shows."""
    return {behaviour["kind"] for behaviour in record["behaviours"]}


def destinations(record: Record) -> set[tuple[str, str | None, str | None]]:
    """Address and port, protocol and name of each destination that a record shows."""
    shown = [behaviour for behaviour in record["behaviours"] if behaviour["kind"] == "egress"]
    return {(behaviour["what"], behaviour["protocol"], behaviour["name"]) for behaviour in shown}


def test_whole_chain_alerts_once_and_its_trusted_twin_not(
    lab: Lab, docker: Docker, pushed: Push, policy: Path, tmp_path: Path
) -> None:
    """Pull, create, start, wget, egress by name: one alert with every link; the same from a trusted image is quiet."""
    evil, ours = pushed("evil/web:1.0"), pushed("ours/web:1.0")
    with Watching(lab, tmp_path / "state", "--policy", str(policy)) as watch:
        ran = []
        for image in (evil, ours):
            docker.pull(image.name)
            ran.append(docker.run(image.name))
            assert docker.execute(ran[-1], *BY_NAME)[0] == 0
        alert = watch.record(ran[0], lambda record: kinds(record) >= {"exec", "egress"})
    assert alert["verdict"] == "alert"
    assert (alert["digest_consistency"], alert["confidence"], alert["severity"]) == ("proven", "high", "high")
    assert alert["trust"]["origins"] == [evil.repository]
    image = alert["image"]
    assert (image["reference"], image["config_digest"]) == (evil.name, evil.config_digest)
    assert {stage["stage"] for stage in alert["evidence"]} >= {"pull", "create", "start"}
    assert [stage["time"] for stage in alert["evidence"]] == sorted(stage["time"] for stage in alert["evidence"])
    assert (f"{lab_world.OUTSIDE}:80", "tcp", lab_world.POOL) in destinations(alert)
    assert [line for line in alert["missing"] if not line.startswith("who:")] == []

    assert len([record for record in watch.records(ran[0]) if record["revision"] == 0]) == 1
    assert len({record["id"] for record in watch.records(ran[0])}) == 1
    assert watch.finals()[ran[0]]["verdict"] == "alert"
    assert watch.records(ran[1]) == []
    assert watch.status == 1
    summary = watch.summary()
    assert summary["alerts"] >= 1
    assert summary["records"] == sum(summary["outcomes"].values())


def test_every_kind_of_destination_is_seen(
    lab: Lab, docker: Docker, pushed: Push, policy: Path, tmp_path: Path
) -> None:
    """TCP and UDP, IPv4 and IPv6, and a connection that is refused."""
    image = pushed("evil/web:1.0").name
    with Watching(lab, tmp_path / "state", "--policy", str(policy)) as watch:
        docker.pull(image)
        container = docker.run(image)
        for command in (
            *(f"wget -qO- http://{lab_world.OUTSIDE}/", f"wget -qO- http://[{lab_world.OUTSIDE_6}]/"),
            *(
                f"wget -qO- http://{lab_world.OUTSIDE}:{lab_world.CLOSED_PORT}/",
                f"nslookup a.example {lab_world.OUTSIDE}",
            ),
            f"nslookup a.example {lab_world.OUTSIDE_6}",
        ):
            docker.execute(container, *command.split())
        wanted = {
            *((f"{lab_world.OUTSIDE}:80", "tcp"), (f"[{lab_world.OUTSIDE_6}]:80", "tcp")),
            *((f"{lab_world.OUTSIDE}:{lab_world.CLOSED_PORT} (refused)", "tcp"), (f"{lab_world.OUTSIDE}:53", "udp")),
            (f"[{lab_world.OUTSIDE_6}]:53", "udp"),
        }
        watch.record(container, lambda record: {found[:2] for found in destinations(record)} >= wanted)
    seen = {(what, protocol) for what, protocol, _ in destinations(watch.finals()[container])}
    assert seen == wanted


def test_program_written_after_the_start_is_drift(
    lab: Lab, docker: Docker, pushed: Push, policy: Path, tmp_path: Path
) -> None:
    """No layer holds the file that runs, and the alert says so."""
    image = pushed("evil/web:1.0").name
    with Watching(lab, tmp_path / "state", "--policy", str(policy)) as watch:
        docker.pull(image)
        container = docker.run(image)
        docker.put(container, "/tmp/true", Path("/bin/busybox").read_bytes())  # noqa: S108 - the container's own
        assert docker.execute(container, "/tmp/true") == (0, b"")  # noqa: S108 - the container's own
        alert = watch.record(container, lambda record: "drift" in kinds(record))
    assert alert["verdict"] == "alert"
    (drift,) = [behaviour for behaviour in alert["behaviours"] if behaviour["kind"] == "drift"]
    assert drift["what"].startswith("/tmp/true")  # noqa: S108 - the container's own


def test_failed_pull_opens_no_chain(lab: Lab, docker: Docker, pushed: Push, policy: Path, tmp_path: Path) -> None:
    """Docker tells of none, and what comes after it is seen as before."""
    image = pushed("evil/web:1.0")
    with Watching(lab, tmp_path / "state", "--policy", str(policy)) as watch:
        with pytest.raises(DockerError):
            docker.pull(f"{image.repository}:never")
        docker.pull(image.name)
        container = docker.run(image.name)
        docker.execute(container, *BY_NAME)
        watch.record(container)
        known = set(docker.containers())
    assert known & watch.finals().keys() == {container}


@pytest.mark.parametrize("is_remembered", [True, False])
def test_container_that_ran_before_is_known(
    lab: Lab, docker: Docker, pushed: Push, policy: Path, tmp_path: Path, is_remembered: bool
) -> None:
    """What ran when watching began is judged too; where Docker has forgotten the pull, that is said."""
    image = pushed("evil/web:1.0")
    docker.pull(image.name)
    container = docker.run(image.name, name=f"early-{is_remembered}")
    if not is_remembered:
        # Docker keeps its last events in memory.
        lab.end("dockerd")
        lab.start_dockerd()
    with Watching(lab, tmp_path / "state", "--policy", str(policy)) as watch:
        docker.execute(container, *BY_NAME)
        watch.record(container)
    final = watch.finals()[container]
    assert final["image"]["config_digest"] == image.config_digest
    assert final["container_name"] == f"early-{is_remembered}"
    assert (final["digest_consistency"] == "proven") is is_remembered
    assert any(line.startswith("pull") for line in final["missing"]) is not is_remembered


@pytest.mark.parametrize("sensor", ["proc", "audit"])
def test_other_sensors_see_the_program(
    lab: Lab, docker: Docker, pushed: Push, policy: Path, tmp_path: Path, sensor: str
) -> None:
    """Without BPF the alert comes too, and says what was not seen."""
    image = pushed("evil/web:1.0").name
    with Watching(lab, tmp_path / "state", "--policy", str(policy), "--sensor", sensor) as watch:
        said = next(line for line in reversed(watch.talk) if line.startswith("sensor:"))
        if "not seen:" in said:
            pytest.skip(said)
        docker.pull(image)
        container = docker.run(image)
        # Without BPF a process has to live until it is looked at, and a busy machine takes its time.
        docker.execute(container, "sh", "-c", f"{' '.join(BY_NAME)}; sleep 1")

        def seen(record: Record) -> list[str]:
            return [stage["summary"] for stage in record["evidence"] if stage["source"] == "sensor"]

        alert = watch.record(container, lambda record: any("wget" in summary for summary in seen(record)))
    assert alert["verdict"] == "alert"


def test_recording_gives_the_same_final_records(
    lab: Lab, docker: Docker, pushed: Push, policy: Path, tmp_path: Path
) -> None:
    """`hunt` over what `--record` wrote ends as watching did, ids included."""
    evil, ours = pushed("evil/web:1.0"), pushed("ours/web:1.0")
    recording = tmp_path / "recorded.jsonl"
    options = ("--policy", str(policy), "--record", str(recording))
    docker.pull(ours.name)
    early = docker.run(ours.name)
    with Watching(lab, tmp_path / "state", *options) as watch:
        docker.execute(early, *BY_NAME)
        docker.pull(evil.name)
        first, second = docker.run(evil.name), docker.run(evil.name, "sh", "-c", "wget -qO- http://203.0.113.7/")
        docker.execute(first, *BY_NAME)
        docker.tag(evil.name, "alias:1")
        third = docker.run("alias:1")
        docker.execute(third, "nc", lab_world.OUTSIDE, str(lab_world.CLOSED_PORT))
        docker.remove(first)
        watch.record(third)
    told = hunt(str(recording), "--policy", str(policy))
    hunted = {name: comparable(record) for name, record in finals(told).items()}
    assert hunted == {name: comparable(record) for name, record in watch.finals().items()}
    assert set(hunted) >= {first, second, third}
    assert told[-1]["outcomes"] == watch.summary()["outcomes"]


def comparable(record: Record) -> Record:
    """A record without what differs by nature: the number of its revisions, and where each line was read."""
    evidence = [{name: told for name, told in stage.items() if name != "record"} for stage in record["evidence"]]
    return {**record, "revision": None, "evidence": evidence}
