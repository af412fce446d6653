"""Proves that an image of containerd is read as its content store has it."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import containerd, needed, run
from images import image, oci_index_layout, oci_layout, store, tar

from tidewaiter.edge.containerd_images import default_namespace, open_containerd
from tidewaiter.image.blob import ReadError


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real containerd."""
    needed("containerd", "ctr")
    if os.geteuid() != 0:
        pytest.skip("only root can start containerd; what it would prove was not proven")
    with containerd(tmp_path_factory.mktemp("containerd")) as socket:
        yield socket


def ctr(daemon: str, *command: str) -> str:
    """What containerd's own client prints."""
    return run("ctr", "--address", daemon, *command)


@pytest.mark.e2e
def test_image(daemon: str, tmp_path: Path) -> None:
    """The target is the one that ctr shows, and every blob is the one under its digest."""
    built = image({"bin/sh": os.urandom(3 * 1024 * 1024)}, {"app": b"web"})
    archive = tmp_path / "image.tar"
    archive.write_bytes(tar(oci_layout(built, ref="1.4")))
    ctr(daemon, "images", "import", "--no-unpack", "--base-name", "docker.io/library/web", str(archive))
    listed = [line.split() for line in ctr(daemon, "images", "list").splitlines()[1:]]
    (target,) = [fields[2] for fields in listed if fields[0] == "docker.io/library/web:1.4"]
    for reference in ("docker.io/library/web:1.4", "web:1.4"):
        with open_containerd(reference, "default", daemon) as view:
            assert (view.form, view.faults) == ("containerd", ())
            (found,) = view.images
            assert found.references == ("docker.io/library/web:1.4",)
            assert found.manifest is not None
            assert found.manifest.digest == target
            assert found.config is not None
            assert found.config.data == built.config
            for layer in found.layers:
                assert layer.blob is not None
                assert layer.descriptor is not None
                data = b"".join(layer.blob.chunks())
                assert "sha256:" + hashlib.sha256(data).hexdigest() == layer.descriptor.digest
                assert layer.blob.size_bytes == len(data) == layer.descriptor.size_bytes
            shown = ctr(daemon, "content", "get", target)
            assert json.loads(shown) == found.manifest.members


@pytest.mark.e2e
def test_platform_that_was_not_fetched(daemon: str, tmp_path: Path) -> None:
    """It is unknown, and the other one is read."""
    arm = image({"bin/sh": b"arm"}, platform={"os": "linux", "architecture": "arm64"})
    whole = oci_index_layout(image(), arm, attest=False)
    archive = tmp_path / "image.tar"
    archive.write_bytes(tar({name: content for name, content in whole.items() if name not in store(arm)}))
    ctr(
        daemon,
        "--namespace",
        "k8s.io",
        "images",
        "import",
        "--no-unpack",
        "--base-name",
        "a.example/many",
        str(archive),
    )
    with open_containerd("a.example/many:1.4", "k8s.io", daemon) as view:
        assert [str(found.platform) for found in view.images] == ["linux/amd64"]
        assert {fault.holds for fault in view.faults} == {"unknown"}
        assert len(view.indexes) == 1


@pytest.mark.e2e
def test_absent_image(daemon: str) -> None:
    """Both names that were tried, and the namespace."""
    with (
        pytest.raises(ReadError, match=r"no image web:2 or docker\.io/library/web:2 in its namespace elsewhere"),
        open_containerd("web:2", "elsewhere", daemon),
    ):
        pass


def test_no_socket(tmp_path: Path) -> None:
    """containerd is not running."""
    with pytest.raises(ReadError, match="there is no such socket"), open_containerd("a:1", address=str(tmp_path / "x")):
        pass


def test_namespace_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ctr takes it."""
    monkeypatch.delenv("CONTAINERD_NAMESPACE", raising=False)
    assert default_namespace() == "default"
    monkeypatch.setenv("CONTAINERD_NAMESPACE", "k8s.io")
    assert default_namespace() == "k8s.io"
