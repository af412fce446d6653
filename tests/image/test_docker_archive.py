"""Proves that archives of `docker save` since 1.10 become views, and that contradictions in them are said."""

import json

import pytest
from folders import faults_of, folder_of
from images import (
    REF_NAME,
    Tree,
    blobs,
    describe,
    docker_v12,
    docker_v25,
    encode,
    entry,
    hex_of,
    image,
    index,
    layout,
    manifest,
    sha256,
    store,
    v1_ids,
)

from tidewaiter.image.blob import read_whole
from tidewaiter.image.docker_archive import read_docker_archive
from tidewaiter.image.view import View

WEB = image()
JOB = image({"bin/sh": b"#!shell", "etc": None}, {"app/job": b"#!job"}, names=["job:1", "job:latest"])


def view_of(tree: Tree) -> View:
    """The view of an archive's tree."""
    return read_docker_archive(folder_of(tree))


def table(**changes: object) -> Tree:
    """An archive whose `manifest.json` tells something else of its one image."""
    tree = dict(docker_v12(WEB))
    told = json.loads(tree["manifest.json"] or b"")
    return {**tree, "manifest.json": encode([{**told[0], **changes}])}


def test_archive_of_1_10_to_24() -> None:
    """Configs, names, claims, layers with their v1 ids; a layer that two images share is a symlink in one."""
    base = {"bin/sh": b"#!shell", "etc": None}
    other = image({"x": b"1"}, base, names=[])
    view = view_of(docker_v12(WEB, JOB, other))
    assert view.form == "docker_archive"
    assert view.faults == ()
    assert [each.references for each in view.images] == [WEB.names, JOB.names, ()]
    assert [each.config_claim for each in view.images] == [made.config_digest for made in (WEB, JOB, other)]
    assert [each.config.digest for each in view.images if each.config] == [m.config_digest for m in (WEB, JOB, other)]
    for made, found in zip((WEB, JOB, other), view.images, strict=True):
        assert [layer.v1.id for layer in found.layers if layer.v1] == v1_ids(made)
        assert [read_whole(layer.blob, 1 << 20) for layer in found.layers if layer.blob] == list(made.layers)
        assert found.layers[0].v1 is not None
        assert found.layers[0].v1.metadata is not None
        assert found.layers[0].v1.metadata.members["id"] == v1_ids(made)[0]


@pytest.mark.parametrize("attest", [False, True])
@pytest.mark.parametrize("packing", ["none", "gzip", "zstd"])
def test_archive_since_25(packing: str, attest: bool) -> None:
    """The manifest and the index of the layout beside it are the image's; attestations are none."""
    view = view_of(docker_v25(WEB, JOB, packing=packing, attest=attest))  # type: ignore[arg-type]
    assert view.form == "docker_archive"
    assert view.faults == ()
    assert len(view.images) == 2
    found = view.images[0]
    assert found.manifest is not None
    assert found.manifest.data == manifest(WEB, packing)  # type: ignore[arg-type]
    assert (found.index is not None) is attest
    assert found.references == (*WEB.names, "1.4")
    assert found.config_claim == WEB.config_digest
    assert all(layer.path and layer.path.startswith("blobs/") and layer.descriptor for layer in found.layers)
    assert [other.kind for other in view.others] == ["attestation"] * 2 * attest


def test_other_platforms_that_only_the_layout_names() -> None:
    """`manifest.json` of containerd's store names one platform of an index; the others are images too."""
    arm = image({"x": b"arm"}, platform={"architecture": "arm64", "os": "linux"})
    both = index(entry(WEB, "none"), entry(arm, "none"))
    tree = {**docker_v25(WEB), **store(arm, "none"), **blobs(both)}
    tree["index.json"] = layout({}, describe(both, "application/vnd.oci.image.index.v1+json"))["index.json"]
    view = view_of(tree)
    assert [str(each.platform) for each in view.images] == ["linux/amd64", "linux/arm64"]
    assert view.faults == ()


def test_manifests_without_layers_say_nothing() -> None:
    """Docker 25 wrote such; the image is that of `manifest.json` alone."""
    empty = manifest(WEB, layers=[])
    notes = {REF_NAME: "1.4"}
    told = describe(empty, "application/vnd.oci.image.manifest.v1+json", annotations=notes)
    view = view_of({**docker_v25(WEB), **blobs(empty), "index.json": layout({}, told)["index.json"]})
    assert view.faults == ()
    assert [(each.manifest, len(each.layers)) for each in view.images] == [(None, 2)]


def test_two_tables_that_name_different_images() -> None:
    """Docker reads `manifest.json`, others read `index.json`: an image for each of them is a trap."""
    tree = {**docker_v25(WEB), **store(JOB, "none"), "index.json": layout({}, entry(JOB, "none"))["index.json"]}
    assert "two readers see two images" in faults_of(view_of(tree))[f"structure no {WEB.config_digest}"]
    swapped = manifest(WEB, "none", layers=json.loads(manifest(JOB, "none"))["layers"])
    told = describe(swapped, "application/vnd.oci.image.manifest.v1+json")
    tree = {**docker_v25(WEB), **store(JOB, "none"), **blobs(swapped), "index.json": layout({}, told)["index.json"]}
    assert "two readers see two images" in faults_of(view_of(tree))[f"structure no {WEB.config_digest}"]


@pytest.mark.parametrize(
    ("changes", "key", "reason"),
    [
        ({"Config": "../../etc/passwd"}, "structure no manifest.json", "leads out of the archive"),
        ({"Config": "/etc/passwd"}, "structure no manifest.json", "leads out of the archive"),
        ({"Config": 7}, "structure no manifest.json", "leads out of the archive or is none"),
        ({"Config": "gone.json"}, "config_digest unknown gone.json", "is not there"),
        ({"Layers": ["../x/layer.tar"]}, "structure no manifest.json", "leads out of the archive"),
        ({"Layers": ["x/layer.tar"]}, "layer_digest unknown x/layer.tar", "is not there"),
        ({"Layers": "all"}, "structure no manifest.json", "are no list"),
        ({"Layers": ["x"] * 2000}, "structure no manifest.json", "no list of at most"),
        ({"RepoTags": "all"}, "structure no manifest.json", "are no list"),
    ],
)
def test_tables_that_lie(changes: dict[str, object], key: str, reason: str) -> None:
    """Every name in the table is checked."""
    assert reason in faults_of(view_of(table(**changes)))[key]


@pytest.mark.parametrize(
    ("data", "key", "reason"),
    [
        (b"{}", "document no manifest.json", "no list of images"),
        (b"[7]", "document no manifest.json", "no object"),
        (b"nonsense", "document no manifest.json", "is no JSON"),
        (b'[{"Config":"a","Config":"b"}]', "document unknown manifest.json", "twice"),
        (b"[" * 100_000, "document no manifest.json", "nested too deep"),
        (b"[{}" + b",{}" * 3000 + b"]", "structure unknown manifest.json", "more than 2000 images"),
        (b" " * (5 << 20), "structure unknown manifest.json", "longer than"),
        (b"[" + b"[]," * 200_000 + b"[]]", "document no manifest.json", "more than 250000 values"),
    ],
)
def test_tables_that_are_none(data: bytes, key: str, reason: str) -> None:
    """Whatever stands in `manifest.json`, it ends in a fault."""
    assert reason in faults_of(view_of({"manifest.json": data}))[key]


def test_a_config_that_is_no_config() -> None:
    """It keeps its bytes and its digest, and the fault is said."""
    view = view_of({**table(Config="c.json"), "c.json": b'{"os":"a","os":"b"}'})
    assert view.images[0].config is not None
    assert view.images[0].config.digest == sha256(b'{"os":"a","os":"b"}')
    assert view.images[0].config_claim is None
    assert 'member "os" twice' in faults_of(view)["document unknown c.json"]


def test_claims_are_taken_from_both_kinds_of_names() -> None:
    """`<hex>.json`, and a blob of an OCI layout."""
    name = hex_of(WEB.config_digest)
    assert view_of(table(Config=f"{name}.json")).images[0].config_claim == WEB.config_digest
    assert view_of(table(Config=f"blobs/sha256/{name}")).images[0].config_claim == WEB.config_digest
