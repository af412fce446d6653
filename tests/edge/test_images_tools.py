"""Proves with skopeo, umoci and Docker as second opinions that every form of one image is read alike."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import docker, needed, run
from images import (
    Image,
    Packing,
    Style,
    docker_v12,
    hex_of,
    image,
    lay_out,
    manifest,
    oci_layout,
    sha256,
    store,
    tar,
)

from tidewaiter.edge.images import open_path, read_documents
from tidewaiter.image.blob import read_whole
from tidewaiter.image.view import View
from tidewaiter.image.whatis import what_is

pytestmark = pytest.mark.e2e
SHARED_LAYER = {"bin/sh": b"#!shell", "etc": None}
WEB = image(SHARED_LAYER, {"app/web": b"#!web", "link": "app/web"}, {"end": b""}, names=["shop/web:1.4"])


def layout(tmp_path: Path, made: Image = WEB, packing: Packing = "gzip", style: Style = "oci") -> str:
    """An OCI layout on disk, and the name of its image, as skopeo names it."""
    return f"oci:{lay_out(oci_layout(made, packing, style), tmp_path / 'layout')}:1.4"


def copied(source: str, form: str, path: Path, *options: str) -> str:
    """What skopeo makes of an image."""
    run("skopeo", "copy", "--quiet", "--insecure-policy", *options, source, f"{form}:{path}:shop/web:1.4")
    return str(path)


def content(view: View) -> tuple[list[bytes | None], list[object]]:
    """The layers of a view's only image as they lie there, and its diff_ids."""
    (found,) = view.images
    assert view.faults == ()
    return [read_whole(layer.blob, 1 << 20) for layer in found.layers if layer.blob], list(found.diff_ids)


@pytest.mark.parametrize(
    ("packing", "style"),
    [("none", "oci"), ("gzip", "oci"), ("zstd", "oci"), ("none", "docker"), ("gzip", "docker")],  # no Docker zstd there
)
def test_skopeo_agrees_with_every_digest_of_a_layout(packing: Packing, style: Style, tmp_path: Path) -> None:
    """Manifest, layers, config; of Docker's media types skopeo reads no layout, so it is given the same as `dir:`."""
    needed("skopeo")
    path = layout(tmp_path, WEB, packing, style).split(":")[1]
    contents = {hex_of(sha256(blob)): blob for blob in store(WEB, packing, style).values()}
    plain = {"version": b"Directory Transport Version: 1.1\n", "manifest.json": manifest(WEB, packing, style)}
    name = f"dir:{lay_out({**contents, **plain}, tmp_path / 'dir')}"
    told = json.loads(run("skopeo", "inspect", name))
    with open_path(path) as view:
        (found,) = view.images
        assert found.manifest is not None
        assert found.manifest.data.decode() == run("skopeo", "inspect", "--raw", name)
        assert found.manifest.digest == told["Digest"]
        assert [layer.descriptor.digest for layer in found.layers if layer.descriptor] == told["Layers"]
        assert found.config is not None
        assert found.config.data.decode() == run("skopeo", "inspect", "--config", "--raw", name)


def test_archives_that_skopeo_writes(tmp_path: Path) -> None:
    """`docker-archive:` has plain layers, symlinks for them, and v1 ids of its own kind; `oci-archive:` is a layout."""
    needed("skopeo")
    source = layout(tmp_path)
    archive = copied(source, "docker-archive", tmp_path / "docker.tar")
    with open_path(archive) as view:
        assert view.form == "docker_archive"
        assert content(view) == (list(WEB.layers), WEB.diff_ids)
        (found,) = view.images
        assert found.references == ("shop/web:1.4",) or found.references == ("docker.io/shop/web:1.4",)
        assert found.config is not None
        assert found.config.digest == found.config_claim
    with open_path(copied(source, "oci-archive", tmp_path / "oci.tar")) as view:
        assert view.form == "oci_archive"
        assert content(view)[1] == WEB.diff_ids
        assert view.images[0].manifest is not None
        assert view.images[0].manifest.digest == json.loads(run("skopeo", "inspect", source))["Digest"]


def test_v1_ids_that_skopeo_makes(tmp_path: Path) -> None:
    """They lie beside the layers as folders, which no table names."""
    needed("skopeo")
    archive = copied(layout(tmp_path), "docker-archive", tmp_path / "docker.tar")
    ids = {name.split("/")[0] for name in run("tar", "tf", archive).split() if name.endswith("/layer.tar")}
    assert len(ids) == 3
    with open_path(archive) as view:
        assert {answer.is_ for answer in what_is(sorted(ids), [view])} == {"v1_id"}


def test_a_dir_of_skopeo_answers_for_digests(tmp_path: Path) -> None:
    """It is no image form here, but its manifest and config are documents."""
    needed("skopeo")
    source = layout(tmp_path)
    run("skopeo", "copy", "--quiet", "--insecure-policy", source, f"dir:{tmp_path / 'dir'}")
    loose = read_documents(str(tmp_path / "dir"))
    assert loose is not None
    told = json.loads(run("skopeo", "inspect", source))
    asked = [told["Digest"], told["Layers"][0], WEB.config_digest, WEB.diff_ids[1], WEB.chain_id or ""]
    assert [answer.is_ for answer in what_is(asked, [], [loose])] == [
        "manifest",
        "layer",
        "config",
        "diff_id",
        "chain_id",
    ]


def test_umoci_agrees(tmp_path: Path) -> None:
    """A layout that umoci wrote, with a layer that it added; its names and history are read, blob by blob."""
    needed("umoci")
    name = layout(tmp_path).split(":", 1)[1]
    (tmp_path / "more").write_bytes(b"more")
    run("umoci", "insert", "--rootless", "--image", name, "--tag", "new", str(tmp_path / "more"), "/more")
    told = json.loads(run("umoci", "stat", "--json", "--image", name.replace(":1.4", ":new")))
    assert run("umoci", "list", "--layout", name.removesuffix(":1.4")).split() == ["1.4", "new"]
    with open_path(name.removesuffix(":1.4")) as view:
        assert view.faults == ()
        found = {each.references: each for each in view.images}
        assert set(found) == {("1.4",), ("new",)}
        layers = [layer.descriptor.digest for layer in found[("new",)].layers if layer.descriptor]
        assert layers == [entry["layer"]["digest"] for entry in told["history"] if entry.get("layer")]
        assert len(layers) == 4


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Docker."""
    needed("dockerd", "docker", "containerd")
    if os.geteuid() != 0:
        pytest.skip("only root can start dockerd; what it would prove was not proven")
    with docker(tmp_path_factory.mktemp("docker")) as socket:
        yield socket


def test_what_docker_saves(daemon: str, tmp_path: Path) -> None:
    """Two images in one archive, a layer of theirs shared: ids as Docker tells them, v1 ids recomputed."""
    job = image(SHARED_LAYER, {"app/job": b"#!job"}, names=["shop/job:1"], run={"Labels": {"a": "<b>"}, "User": "é"})
    host = f"--host=unix://{daemon}"
    loaded, saved = tmp_path / "loaded.tar", tmp_path / "saved.tar"
    loaded.write_bytes(tar(docker_v12(WEB, job)))
    run("docker", host, "load", "-q", "-i", str(loaded))
    run("docker", host, "save", "-o", str(saved), *WEB.names, *job.names)
    with open_path(str(saved)) as view:
        assert (view.form, view.faults) == ("docker_archive", ())
        assert {each.references for each in view.images} == {WEB.names, job.names}
        for each in view.images:
            (told,) = json.loads(run("docker", host, "image", "inspect", each.references[0]))
            assert each.config is not None
            assert each.config.digest == each.config_claim == told["Id"]
            assert list(each.diff_ids) == told["RootFS"]["Layers"]
            ids = [layer.v1.id for layer in each.layers if layer.v1 is not None]
            assert [answer.is_ for answer in what_is(ids, [view])] == ["v1_id"] * len(ids)
            assert len(ids) in (0, len(each.layers))
