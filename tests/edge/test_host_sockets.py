"""Checks how runtimes' sockets are asked: real sockets with made-up daemons behind them."""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tidewaiter.edge.host_sockets import (
    ask_containerd_socket,
    ask_engine,
    ask_sockets,
    parse_engine,
)

VERSION = {"Version": "27.3.1", "ApiVersion": "1.47"}
INFO = {"Driver": "overlay2", "DriverStatus": [["Backing Filesystem", "extfs"]]}


@contextmanager
def daemon(path: Path, answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """Something that listens at a socket and answers each connection once."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        listening.settimeout(10)

        def serve() -> None:
            while True:
                try:
                    taken, _ = listening.accept()
                except OSError:
                    return
                with taken:
                    asked = taken.recv(65536)
                    if not asked:
                        return
                    # Whoever has heard enough hangs up.
                    with suppress(OSError):
                        taken.sendall(answer(asked))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield str(path)
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(path))
        thread.join()


def http(body: bytes, status: str = "200 OK") -> bytes:
    """An answer that ends the connection."""
    return f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def docker(asked: bytes) -> bytes:
    """What Docker would say."""
    return http(json.dumps(VERSION if asked.startswith(b"GET /version") else INFO).encode())


def test_docker_tells_version_and_storage(tmp_path: Path) -> None:
    """Over the socket, whatever proxy the environment names."""
    with daemon(tmp_path / "d.sock", docker) as address:
        found = ask_engine("docker", address)
    assert (found.state, found.why, found.version, found.api) == ("answers", None, "27.3.1", "1.47")
    assert (found.storage_driver, found.image_store) == ("overlay2", "docker")


def test_the_containerd_image_store_is_told_apart() -> None:
    """Docker 29 keeps images in containerd."""
    info = INFO | {"Driver": "overlayfs", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}
    assert parse_engine("docker", "/x", VERSION, info).image_store == "containerd"
    assert parse_engine("podman", "/x", VERSION, INFO).image_store == "podman"
    strange = parse_engine("docker", "/x", {"Version": 7}, {"Driver": None, "DriverStatus": "x"})
    assert (strange.version, strange.storage_driver, strange.image_store) == (None, None, None)


@pytest.mark.parametrize(
    "answer",
    [
        http(b"no JSON"),
        http(b"[]"),
        http(b"{}", "500 Internal Server Error"),
        b"SSH-2.0-x\r\n",
        b"",
        http(b"x" * 2**21),
    ],
)
def test_what_answers_otherwise_is_silent(tmp_path: Path, answer: bytes) -> None:
    """A sentence, whatever listens there."""
    with daemon(tmp_path / "d.sock", lambda asked: answer) as address:
        found = ask_engine("docker", address)
    assert found.state == "silent"
    assert found.why is not None
    assert found.why.startswith("it does not answer")


def test_no_socket(tmp_path: Path) -> None:
    """Nothing there, and something else there."""
    (tmp_path / "file").write_text("")
    assert ask_engine("docker", str(tmp_path / "none")).why == "there is no such socket"
    assert ask_engine("podman", str(tmp_path / "file")).why == "it is no socket"
    assert ask_containerd_socket(str(tmp_path / "none")).state == "absent"


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may do everything, so the answer of access(2) is made up."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with daemon(tmp_path / "d.sock", docker) as address:
        found = ask_engine("docker", address)
    assert found.state == "forbidden"
    assert "may not read and write it" in (found.why or "")


def test_containerd_that_is_none(tmp_path: Path) -> None:
    """What does not speak gRPC is silent, in bounded time."""
    with daemon(tmp_path / "c.sock", lambda asked: b"HTTP/1.0 400 Bad Request\r\n\r\n") as address:
        found = ask_containerd_socket(address)
    assert (found.state, found.runtime) == ("silent", "containerd")


def test_the_environment_names_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All three, and a Docker far away is no socket of this machine."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.1:2375")
    monkeypatch.setenv("CONTAINERD_ADDRESS", str(tmp_path / "c"))
    monkeypatch.setenv("CONTAINER_HOST", f"unix://{tmp_path / 'p'}")
    docker_told, containerd, podman = ask_sockets()
    assert docker_told.state == "absent"
    assert "only a socket of this machine" in (docker_told.why or "")
    assert (containerd.address, podman.address) == (str(tmp_path / "c"), str(tmp_path / "p"))
    monkeypatch.setenv("CONTAINER_HOST", "ssh://elsewhere")
    podman = ask_sockets()[-1]
    assert (podman.state, podman.address) == ("absent", "ssh://elsewhere")
