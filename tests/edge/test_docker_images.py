"""Proves that an image of a Docker daemon is read as the daemon has it, from a stream and nothing else."""

import hashlib
import json
import os
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from daemons import docker, needed, run
from images import Image, docker_v12, docker_v25, image, tar

from tidewaiter.edge.docker_images import open_docker
from tidewaiter.edge.rewound import SHORT_BYTES
from tidewaiter.image.blob import ReadError
from tidewaiter.image.view import View
from tidewaiter.reference import ImageReferenceError

NAME = "registry.example/shop/web:1.4"


class Daemon(socketserver.ThreadingUnixStreamServer):
    """What Docker answers, from memory: a path's ending -> status and body."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), _Handler)
        self.path = str(path)
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.cut: int | None = None
        self.asked: list[str] = []

    def has(self, archive: bytes, **told: Any) -> None:
        """Answer for one image."""
        self.answers = {"/json": (200, json.dumps(told).encode()), "/get": (200, archive)}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that has read enough hangs up."""


class _Handler(BaseHTTPRequestHandler):
    server: Daemon

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        ending = "/" + self.path.rpartition("/")[2]
        status, body = self.server.answers.get(ending, (404, b'{"message":"No such image: \\u001b[31mx"}'))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.cut if ending == "/get" else None])

    def address_string(self) -> str:
        """A socket has no address."""
        return ""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon without images."""
    with Daemon(tmp_path / "docker.sock") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def layers_of(view: View) -> list[str]:
    """The digest of each layer's bytes, image after image."""
    return [
        "sha256:" + hashlib.sha256(b"".join(layer.blob.chunks())).hexdigest()
        for found in view.images
        for layer in found.layers
        if layer.blob is not None
    ]


@pytest.mark.parametrize("form", [docker_v12, docker_v25])
def test_image(made: Daemon, form: Any) -> None:
    """Config, layers and names; asked for by its id once that is known."""
    built = image(names=[NAME])
    digest = f"registry.example/shop/web@sha256:{'0' * 64}"
    made.has(tar(form(built)), Id=built.config_digest, RepoTags=[NAME], RepoDigests=[digest])
    with open_docker(NAME, made.path) as view:
        assert (view.form, view.name, view.faults) == ("docker", f"docker:{NAME}", ())
        (found,) = view.images
        assert found.config is not None
        assert found.config.digest == built.config_digest
        assert layers_of(view) == built.diff_ids
        assert set(found.references) >= {NAME, digest}
    assert made.asked == [f"/images/{NAME}/json", f"/images/{built.config_digest}/get"]


def test_long_layers_cost_one_more_stream(made: Daemon) -> None:
    """The archive is read once for its table and its documents, and once for its layers; it is never held."""
    names = [f"{letter}.bin" for letter in "abcd"]
    built = image(*({name: os.urandom(2 * SHORT_BYTES)} for name in names), names=[NAME])
    made.has(tar(docker_v25(built)), Id=built.config_digest)
    with open_docker(NAME, made.path) as view:
        blobs = [layer.blob for layer in view.images[0].layers if layer.blob is not None]
        in_order = sorted(blobs, key=lambda blob: getattr(blob, "offset"))  # noqa: B009 - not every blob has it
        for blob in in_order:
            assert sum(map(len, blob.chunks())) == blob.size_bytes
    assert [path.endswith("/get") for path in made.asked] == [False, True, True]


def test_image_saved_under_another_id_is_a_fault(made: Daemon) -> None:
    """What the daemon calls the image must be in what it saves."""
    other = "sha256:" + "0" * 64
    made.has(tar(docker_v12(image(names=[NAME]))), Id=other)
    with open_docker(NAME, made.path) as view:
        (fault,) = view.faults
    assert (fault.relation, fault.subject, fault.holds) == ("image_id", other, "no")


def test_absent_image(made: Daemon) -> None:
    """Docker's own words, as far as they can be shown."""
    with (
        pytest.raises(ReadError, match=r"refused .*1\.4 with status 404: No such image:  \[31mx"),
        open_docker(NAME, made.path),
    ):
        pass


@pytest.mark.parametrize("body", [b"", b"[]", b"no json", b'{"Id": 1}', b"[" * 100_000, b" " * 5_000_000])
def test_what_is_no_docker(made: Daemon, body: bytes) -> None:
    """One sentence, whatever listens there."""
    made.answers["/json"] = (200, body)
    with pytest.raises(ReadError, match=r"does not answer as Docker does|longer than"), open_docker(NAME, made.path):
        pass


def test_archive_that_breaks_off(made: Daemon) -> None:
    """A read error, never a shorter layer."""
    built = image({"a": os.urandom(3 * SHORT_BYTES)}, names=[NAME])
    made.has(tar(docker_v12(built)), Id=built.config_digest)
    with open_docker(NAME, made.path) as view:
        layer = view.images[0].layers[0].blob
        assert layer is not None
        made.cut = 2 * SHORT_BYTES
        with pytest.raises(ReadError, match="broke off"):
            list(layer.chunks())


def test_no_socket(tmp_path: Path) -> None:
    """Docker is not running."""
    with pytest.raises(ReadError, match="there is no such socket"), open_docker(NAME, str(tmp_path / "none.sock")):
        pass


@pytest.mark.parametrize("reference", ["", "../../containers/json", "a b", "x?force=1"])
def test_reference_that_would_ask_for_something_else(made: Daemon, reference: str) -> None:
    """Nothing is asked."""
    with pytest.raises(ImageReferenceError), open_docker(reference, made.path):
        pass
    assert made.asked == []


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Docker."""
    needed("dockerd", "docker", "containerd")
    if os.geteuid() != 0:
        pytest.skip("only root can start dockerd; what it would prove was not proven")
    with docker(tmp_path_factory.mktemp("docker")) as socket:
        yield socket


def two_images() -> tuple[Image, Image]:
    """Two that share a layer; in one of them it lies twice."""
    shared = {"bin/sh": b"#!shell"}
    return (
        image(shared, {"app": b"web"}, shared, names=["shop/web:1"]),
        image(shared, {"app": os.urandom(2 * SHORT_BYTES)}, names=["shop/db:1"]),
    )


@pytest.mark.e2e
@pytest.mark.parametrize("which", [0, 1])
def test_real_docker_agrees(daemon: str, tmp_path: Path, which: int) -> None:
    """Id, layers and names are those of `docker inspect`."""
    built = two_images()[which]
    archive = tmp_path / "image.tar"
    archive.write_bytes(tar(docker_v12(built)))
    host = f"--host=unix://{daemon}"
    run("docker", host, "load", "-q", "-i", str(archive))
    (told,) = json.loads(run("docker", host, "image", "inspect", built.names[0]))
    for reference in (built.names[0], told["Id"], told["Id"].removeprefix("sha256:")[:12]):
        with open_docker(reference, daemon) as view:
            assert view.faults == ()
            (found,) = view.images
            assert found.config is not None
            assert found.config.digest == told["Id"] == built.config_digest
            assert list(found.diff_ids) == told["RootFS"]["Layers"] == layers_of(view)
            assert set(told["RepoTags"]) <= set(found.references)


@pytest.mark.e2e
def test_real_docker_has_no_such_image(daemon: str) -> None:
    """Its own words."""
    with pytest.raises(ReadError, match=r"status 404: .*o such image: shop/none:1"), open_docker("shop/none:1", daemon):
        pass
