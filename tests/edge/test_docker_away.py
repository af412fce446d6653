"""Proves what is said while Docker is away, and that all goes on when it is back."""

import os
import socket
from pathlib import Path

import pytest
from daemons import docker, needed, run
from docker_lab import archive, member, of, runnable, watching
from fake_docker import fake_docker
from runnable import BUSYBOX

from tidewaiter.event import ContainerFacts, ContainerStart


def test_socket_that_appears_late(tmp_path: Path) -> None:
    """It is said what was looked for, what still works and how to mend it; then it goes on."""
    path = tmp_path / "docker.sock"
    with watching(str(path)) as desk:
        waiting = desk.wait_state("waiting")
        with fake_docker(path):
            desk.wait_state("ready")
    assert waiting.sentence == (
        f"Docker does not listen at {path}: there is no such socket. Start Docker, or name its socket: "
        "--docker SOCKET, $DOCKER_HOST. Its images and containers are not seen, what processes do is; it is tried again"
    )


def test_socket_where_nobody_listens(tmp_path: Path) -> None:
    """A daemon that was killed leaves its socket."""
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with watching(str(path), "podman") as desk:
        waiting = desk.wait_state("waiting")
    assert f"Podman does not listen at {path}: nobody does" in waiting.sentence
    assert waiting.collector == "podman"


def test_no_permission(tmp_path: Path) -> None:
    """Who may not open the socket is told how to come to."""
    path = tmp_path / "docker.sock"
    with fake_docker(path):
        path.chmod(0o600 if os.geteuid() == 0 else 0)
        drop = os.geteuid() == 0
        if drop:
            os.seteuid(65534)
        try:
            with watching(str(path)) as desk:
                waiting = desk.wait_state("waiting")
        finally:
            if drop:
                os.seteuid(0)
    assert "may not be asked by this user" in waiting.sentence
    assert "sudo" in waiting.sentence


@pytest.mark.e2e
def test_real_docker_is_restarted(tmp_path: Path) -> None:
    """The container that a new daemon finds is the one of the old; the image is not told again."""
    needed("dockerd", "docker", "containerd")
    if os.geteuid() != 0 or not BUSYBOX.exists():
        pytest.skip("only root can start dockerd; what it would prove was not proven")
    built = runnable("restarted", "shop/web:1")
    path = tmp_path / "docker.sock"
    with watching(str(path)) as desk:
        desk.wait_state("waiting")
        with docker(tmp_path):
            desk.wait_state("ready")
            host = f"--host=unix://{path}"
            run("docker", host, "load", "-q", "-i", str(archive(built, tmp_path)))
            run("docker", host, "run", "-d", "--stop-signal=KILL", "--name=web", "--network=none", "shop/web:1")
            started = desk.wait_record('"Action":"start"', '"Pid"')
        desk.wait_state("waiting", 2)
        with docker(tmp_path):
            again = desk.wait_state("ready", 2)
            run("docker", host, "start", "web")
            desk.wait(lambda: len([r for r in desk.records() if b'"Action":"start"' in r and b'"Pid"' in r]) == 2)
            run("docker", host, "rm", "-f", "web")
    assert "1 container, 1 image" in again.sentence
    containers = {found.container_id for found in of(desk, ContainerStart)}
    assert containers == {member(started, "Actor", "ID")}
    assert {found.image.config_digest for found in of(desk, ContainerFacts)} == {built.config_digest}
    pids = {found.pid for found in of(desk, ContainerStart)} - {None}
    assert len(pids) == 2
