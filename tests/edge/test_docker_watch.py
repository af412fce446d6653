"""Proves how the live Docker collector begins, goes on and waits, whatever the daemon does."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker_lab import Desk, member, of, watching
from fake_docker import FakeDocker, fake_docker

from tidewaiter.edge import docker_watch
from tidewaiter.edge.lines import LINE_LIMIT_BYTES
from tidewaiter.event import ContainerCreate, ContainerFacts, ContainerStart, ImageFacts, ImageName, ImagePull

CONTAINER = "c" * 64
CONFIG = "sha256:" + "1" * 64
LAYER = "sha256:" + "2" * 64
PUSHED = "sha256:" + "3" * 64
NAME = "registry.example/shop/web:1"


def event(kind: str, action: str, subject: str, age_s: float = 0, **attributes: str) -> bytes:
    """A line of `/events`, as of now."""
    time_ns = time.time_ns() - int(age_s * 1e9)
    actor = {"ID": subject, "Attributes": attributes}
    told = {"Type": kind, "Action": action, "Actor": actor, "time": time_ns // 10**9, "timeNano": time_ns}
    return json.dumps(told, separators=(",", ":")).encode()


def container(**config: Any) -> dict[str, Any]:
    """What inspect tells of a container."""
    return {
        **{"Id": CONTAINER, "Name": "/web", "Image": CONFIG, "Created": "2026-03-02T08:00:00.1Z"},
        "State": {"Status": "running", "Pid": 4711, "StartedAt": "2026-03-02T08:00:01.1Z", "FinishedAt": "0001-01-01"},
        "Config": {"Image": NAME, "Cmd": ["sh"], "Env": ["TOKEN=s3cret"], "Labels": {"team": "shop"}, **config},
        "HostConfig": {
            **{"Privileged": True, "PidMode": "host", "Dns": ["127.0.0.1"], "NetworkMode": "bridge"},
            "Mounts": [{"Type": "volume", "Target": "/d", "VolumeOptions": {"DriverConfig": {"o": "password=s3cret"}}}],
            "LogConfig": {"Config": {"splunk-token": "s3cret"}},
        },
        "Mounts": [{"Type": "bind", "Source": "/", "Destination": "/host"}],
        "NetworkSettings": {"Networks": {"bridge": {"IPAddress": "172.17.0.2", "DriverOpts": {"key": "s3cret"}}}},
        "GraphDriver": {"Name": "overlay2", "Data": {"LowerDir": "/var/lib/docker/overlay2/l/A", "UpperDir": "/u"}},
    }


def image(*tags: str, **members: Any) -> dict[str, Any]:
    """What inspect tells of an image."""
    return {
        **{"Id": CONFIG, "RepoTags": [*tags], "RepoDigests": [f"registry.example/shop/web@{PUSHED}"]},
        **{"Architecture": "amd64", "Os": "linux", "RootFS": {"Type": "layers", "Layers": [LAYER]}},
        "Config": {"Entrypoint": ["/app"], "Env": ["TOKEN=s3cret"], "Labels": {"key": "s3cret"}},
        "GraphDriver": {"Name": "overlay2", "Data": None},
        **members,
    }


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeDocker]:
    """A daemon that has one image, and describes one container when asked."""
    with fake_docker(tmp_path / "docker.sock") as server:
        server.answers |= {
            f"/images/{NAME}/json": image(NAME),
            f"/images/{CONFIG}/json": image(NAME),
            f"/containers/{CONTAINER}/json": container(),
        }
        yield server


@pytest.fixture
def desk(daemon: FakeDocker) -> Iterator[Desk]:
    """What the collector hands in, once it is ready."""
    with watching(daemon.path) as desk:
        desk.wait_state("ready")
        yield desk


def test_what_is_there_is_told_before_ready(daemon: FakeDocker) -> None:
    """Containers and images, and how many; the events are asked for first."""
    daemon.answers["/containers/json"] = [{"Id": CONTAINER, "State": "running"}]
    daemon.answers["/images/json"] = [{"Id": CONFIG, "RepoTags": [NAME]}]
    with watching(daemon.path) as desk:
        ready = desk.wait_state("ready")
        told = desk.records("docker_inspect")
    assert ready.sentence == f"Docker 20.10.24 at {daemon.path} (API 1.41), 1 container, 1 image"
    assert ready.blind == ()
    assert [member(record, "Id") for record in told] == [CONFIG, CONTAINER]
    (facts,) = of(desk, ContainerFacts)
    assert (facts.pid, facts.ips, facts.privileged, facts.host_root_mount) == (4711, ("172.17.0.2",), True, True)
    assert facts.image.config_digest == CONFIG
    asked = [path.partition("?")[0] for path in daemon.asked]
    assert asked.index("/events") < asked.index("/images/json") < asked.index("/containers/json")


def test_life_of_a_container(daemon: FakeDocker, desk: Desk) -> None:
    """Each event has, when it is handed in, what the daemon tells then; a start waits for nothing."""
    daemon.happen(event("image", "pull", NAME, name="registry.example/shop/web"))
    daemon.happen(event("container", "create", CONTAINER, image=NAME, name="web"))
    daemon.happen(event("container", "start", CONTAINER, image=NAME, name="web"))
    desk.wait(lambda: len(desk.records()) == 4)
    (pull,), (create,), starts = of(desk, ImagePull), of(desk, ContainerCreate), of(desk, ContainerStart)
    assert (pull.config_digest, pull.repo_digest) == (CONFIG, PUSHED)
    assert (create.image.config_digest, create.image.from_runtime) == (CONFIG, True)
    assert [start.pid for start in starts] == [None, 4711]
    assert starts[0].time_ns == starts[1].time_ns
    assert [facts.time_ns for facts in of(desk, ContainerFacts)] == [create.time_ns, starts[1].time_ns]
    assert {facts.entrypoint for facts in of(desk, ImageFacts)} == {("/app",)}


def test_secrets_stay_where_they_are(daemon: FakeDocker, desk: Desk) -> None:
    """Environment, options of volumes, logs and networks."""
    daemon.happen(event("image", "load", CONFIG, name=CONFIG))
    daemon.happen(event("container", "create", CONTAINER, image=NAME, name="web"))
    desk.wait(lambda: len(desk.records()) == 2)
    assert not [record for record in desk.records() if b"s3cret" in record]
    assert b'"team":"shop"' in desk.records()[1]


def test_loaded_image_gets_all_its_names(daemon: FakeDocker, desk: Desk) -> None:
    """The event of a load names none of them."""
    daemon.happen(event("image", "load", CONFIG, name=CONFIG))
    desk.wait_record('"Action":"load"')
    assert [(name.action, name.reference) for name in of(desk, ImageName)] == [("load", NAME)]


def test_name_is_not_asked_about_when_it_is_late(daemon: FakeDocker) -> None:
    """What a tag stands for now is not what was pulled a minute ago; what a container is made of stays so."""
    daemon.replayed = [
        event("image", "pull", NAME, age_s=60),
        event("image", "load", CONFIG, age_s=60, name=CONFIG),
        event("container", "create", CONTAINER, age_s=60, image=NAME),
    ]
    with watching(daemon.path, watched_ns=time.time_ns() - 120 * 10**9) as desk:
        desk.wait(lambda: len(desk.records()) == 3)
    (pull,), (load,), (facts,) = of(desk, ImagePull), of(desk, ImageName), of(desk, ContainerFacts)
    assert (pull.config_digest, load.reference) == (None, None)
    assert (facts.image.config_digest, facts.pid, facts.ips) == (CONFIG, None, ())


def test_container_that_is_gone(daemon: FakeDocker, desk: Desk) -> None:
    """What was typed is all that is known."""
    del daemon.answers[f"/containers/{CONTAINER}/json"]
    daemon.happen(event("container", "create", CONTAINER, image=NAME))
    desk.wait_record('"Action":"create"')
    (create,) = desk.events()
    assert isinstance(create, ContainerCreate)
    assert create.image is not None
    assert (create.image.reference, create.image.config_digest) == (NAME, None)


def test_daemon_that_does_not_answer_holds_nothing_up(daemon: FakeDocker) -> None:
    """The event goes on alone; the answer follows as soon as there is one."""
    may_answer = threading.Event()

    def hang() -> dict[str, Any]:
        may_answer.wait()
        return container()

    daemon.answers[f"/containers/{CONTAINER}/json"] = hang
    with watching(daemon.path, patience_s=0.01) as desk:
        desk.wait_state("ready")
        daemon.happen(event("container", "create", CONTAINER, image=NAME))
        daemon.happen(event("container", "exec_create: sh", CONTAINER, image=NAME))
        desk.wait_record('"Action":"exec_create')
        assert member(desk.records()[0], "container") is None
        may_answer.set()
        desk.wait(lambda: any(member(record, "container") for record in desk.records()))
    first, last = (record for record in desk.records() if member(record, "Action") == "create")
    assert last.startswith(first[:-1])


def test_container_that_is_locked_is_told_from_the_list(daemon: FakeDocker) -> None:
    """Docker answers nothing about one that starts; which content it is, its list tells at once."""
    may_answer = threading.Event()

    def hang() -> dict[str, Any]:
        may_answer.wait()
        return container()

    listed = {"Id": CONTAINER, "Image": NAME, "ImageID": CONFIG, "Names": ["/web"], "State": "created", "Created": 1}
    daemon.answers[f"/containers/{CONTAINER}/json"] = hang
    with watching(daemon.path, patience_s=0.01) as desk:
        desk.wait_state("ready")
        daemon.answers["/containers/json"] = [{"Id": "e" * 64}, listed]
        daemon.happen(event("container", "create", CONTAINER, image=NAME))
        desk.wait_record('"Action":"create"')
        (facts,) = of(desk, ContainerFacts)
        assert (facts.image.config_digest, facts.image.from_runtime, facts.privileged) == (CONFIG, True, None)
        may_answer.set()
        desk.wait(lambda: len(of(desk, ContainerFacts)) == 2)
        assert of(desk, ContainerFacts)[-1].privileged is True


def test_lines_that_are_no_events(daemon: FakeDocker, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are handed in, so that they are counted; one without end is given up and said to be lost."""
    daemon.happen(b"garbage", b'{"Type":1}', b"[" * 1000, b"\xff\xfe")
    daemon.happen(b"x" * (LINE_LIMIT_BYTES + 2), event("network", "connect", "n"))
    desk.wait_record('"network"')
    assert desk.records()[:4] == [b"garbage", b'{"Type":1}', b"[" * 1000, b"\xff\xfe"]
    assert len(desk.records()) == 5
    assert desk.lost == {"docker_events": 1}


def test_labels_of_megabytes(daemon: FakeDocker, desk: Desk) -> None:
    """They hide nothing about the container."""
    daemon.answers[f"/containers/{CONTAINER}/json"] = container(Labels={"long": "x" * 3_000_000})
    daemon.happen(event("container", "create", CONTAINER, image=NAME, long="x" * 3_000_000))
    desk.wait_record('"Action":"create"')
    (facts,) = of(desk, ContainerFacts)
    assert (facts.image.config_digest, facts.privileged) == (CONFIG, True)
    assert len(desk.records()[0]) < 3_100_000


def test_command_of_megabytes(daemon: FakeDocker, desk: Desk) -> None:
    """Of a config that is too long nothing is known, rather than a part."""
    daemon.answers[f"/containers/{CONTAINER}/json"] = container(Cmd=["x" * 3_000_000])
    daemon.answers[f"/images/{CONFIG}/json"] = image(Config={"Cmd": ["x" * 3_000_000]})
    daemon.happen(event("container", "create", CONTAINER, image=NAME))
    desk.wait_record('"Action":"create"')
    (create,), (facts,) = of(desk, ContainerCreate), of(desk, ImageFacts)
    assert (create.image.config_digest, facts.config_digest, facts.cmd) == (CONFIG, CONFIG, None)


@pytest.mark.parametrize("answer", [(500, {"message": "broken"}), b"no json", [], {"Version": 1}, b"[" * 100_000])
def test_what_is_no_docker_is_waited_for(daemon: FakeDocker, answer: Any) -> None:
    """One sentence, and on it goes once Docker is there."""
    daemon.answers["/version"] = answer
    with watching(daemon.path) as desk:
        waiting = desk.wait_state("waiting")
        daemon.answers["/version"] = {"Version": "29.0.0", "ApiVersion": "1.52"}
        ready = desk.wait_state("ready")
    assert waiting.sentence.startswith("Docker cannot be watched: ")
    assert waiting.blind == ("images", "containers")
    assert "Docker 29.0.0" in ready.sentence


@pytest.mark.parametrize("path", ["/images/json", "/containers/json", "/events"])
def test_daemon_that_fails_half_way_is_waited_for(daemon: FakeDocker, path: str) -> None:
    """It is not ready before all is told."""
    before = daemon.answers.get(path)
    daemon.answers[path] = (500, {"message": "disk \x1b[31mfull"})
    with watching(daemon.path) as desk:
        assert "disk  [31mfull" in desk.wait_state("waiting").sentence
        assert desk.told("ready") == []
        daemon.answers.pop(path)
        daemon.answers |= {path: before} if before is not None else {}
        desk.wait_state("ready")


def test_list_without_end_is_cut_and_said_so(daemon: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers that run come first."""
    monkeypatch.setattr(docker_watch, "_LISTED", 1)
    daemon.answers["/containers/json"] = [{"Id": "d" * 64, "State": "exited"}, {"Id": CONTAINER, "State": "running"}]
    with watching(daemon.path) as desk:
        assert "2 containers (only 1 of them were asked about), 0 images" in desk.wait_state("ready").sentence
        assert [member(record, "Id") for record in desk.records("docker_inspect")] == [CONTAINER]


def test_listed_container_that_is_locked(daemon: FakeDocker) -> None:
    """What the list tells is told."""
    may_answer = threading.Event()
    listed = {"Names": ["/web"], "Image": NAME, "ImageID": CONFIG, "Created": 1_772_438_400, "State": "running"}
    daemon.answers["/containers/json"] = [{"Id": CONTAINER, **listed, "Labels": {"key": "s3cret"}}]
    daemon.answers[f"/containers/{CONTAINER}/json"] = lambda: may_answer.wait() and container()
    try:
        with watching(daemon.path, patience_s=0.01) as desk:
            desk.wait_state("ready")
            (facts,) = of(desk, ContainerFacts)
            assert (facts.image.config_digest, facts.name) == (CONFIG, "web")
    finally:
        may_answer.set()


def test_interruption_without_a_gap(daemon: FakeDocker, desk: Desk) -> None:
    """What came meanwhile is told once, and what was told before is not told again."""
    daemon.answers["/images/json"] = [{"Id": CONFIG, "RepoTags": [NAME]}]
    first, missed = event("network", "connect", "first"), event("network", "connect", "missed")
    daemon.happen(first)
    desk.wait_record("first")
    daemon.replayed = [first, missed]
    daemon.hang_up()
    ready = desk.wait_state("ready", 2)
    desk.wait_record("missed")
    daemon.hang_up()
    desk.wait_state("ready", 3)
    assert desk.records() == [first, missed]
    assert len(desk.records("docker_inspect")) == 1
    assert desk.told("waiting")[0].blind == ("images", "containers")
    assert "tell any more" not in ready.sentence
    since = [path.partition("since=")[2].replace(".", "") for path in daemon.asked if path.startswith("/events")]
    assert int(since[1]) == json.loads(first)["timeNano"] - 10**9


def test_interruption_with_a_gap(daemon: FakeDocker, desk: Desk) -> None:
    """A daemon that does not know the last event any more has forgotten others."""
    daemon.happen(event("network", "connect", "first"))
    desk.wait_record("first")
    daemon.replayed = [event("network", "connect", "later")]
    daemon.hang_up()
    assert "before it was back, it does not tell any more" in desk.wait_state("ready", 2).sentence


def test_podman_at_the_socket_of_docker(daemon: FakeDocker) -> None:
    """As the package podman-docker has it: the runtime is Podman."""
    daemon.answers["/version"] = {"Version": "4.3.1", "ApiVersion": "1.41", "Components": [{"Name": "Podman Engine"}]}
    daemon.answers["/containers/json"] = [{"Id": CONTAINER, "State": "running"}]
    with watching(daemon.path) as desk:
        assert desk.wait_state("ready").sentence.startswith("Podman 4.3.1")
        daemon.happen(event("container", "create", CONTAINER, image=NAME))
        desk.wait_record('"Action":"create"')
    assert {found.runtime for found in of(desk, ContainerFacts)} == {"podman"}
    assert [found.runtime for found in of(desk, ContainerCreate)] == ["podman"]


def test_container_that_was_gone_before_we_came(daemon: FakeDocker) -> None:
    """What it did, nobody watched; what was pulled for it is an origin still. Unless somebody watched then."""
    gone = "d" * 64
    daemon.answers["/containers/json"] = [{"Id": CONTAINER, "State": "running"}]
    daemon.replayed = [
        event("image", "pull", NAME, 900),
        event("container", "start", gone, 800),
        event("container", "start", CONTAINER, 700),
    ]
    assert begun(daemon, None) == ([CONTAINER], [NAME])
    assert begun(daemon, time.time_ns() - 1800 * 10**9) == ([gone, CONTAINER], [NAME])


def begun(daemon: FakeDocker, watched_ns: int | None) -> tuple[list[str], list[str]]:
    """The containers of which a start is told, up to that of the one that is there; and the pulls."""
    with watching(daemon.path, watched_ns=watched_ns) as desk:
        desk.wait(lambda: any(found.container_id == CONTAINER for found in of(desk, ContainerStart)))
        started = [found.container_id for found in of(desk, ContainerStart)]
        return started, [found.reference for found in of(desk, ImagePull)]
