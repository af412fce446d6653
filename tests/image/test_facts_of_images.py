"""Proves that facts say only what was proven, and that `hunt --facts` can read them."""

import json
import tarfile

import msgspec
from images import (
    Image,
    Tree,
    docker_v1,
    docker_v12,
    hex_of,
    image,
    manifest,
    oci_index_layout,
    oci_layout,
    pack,
    sha256,
    tar_members,
)
from views import view_of

from tidewaiter.event import ImageFacts, Where
from tidewaiter.image.facts import ImageFactsRecord, examine, facts_of
from tidewaiter.image.measure import Measurements
from tidewaiter.image.validate import validate
from tidewaiter.image.view import View
from tidewaiter.sources.image_facts import decode

WEB = image(run={"Entrypoint": ["/app/web"], "Healthcheck": {"Test": ["CMD", "/app/web", "--check"]}})
ARM64 = image(platform={"architecture": "arm64", "os": "linux"})


def facts(tree: Tree) -> list[ImageFactsRecord]:
    """The records of a tree."""
    view = view_of(tree)
    return facts_of(view, validate(view))


def test_a_proven_image_gives_all_its_relations() -> None:
    """From the index to the layers, and what its config declares."""
    (record,) = facts(oci_index_layout(WEB))
    assert json.loads(msgspec.json.encode(record)) == {
        "kind": "image_facts",
        "schema": 1,
        "index_digest": record.index_digest,
        "manifest_digest": sha256(manifest(WEB)),
        "config_digest": WEB.config_digest,
        "chain_id": WEB.chain_id,
        "diff_ids": WEB.diff_ids,
        "platform": "linux/amd64",
        "entrypoint": ["/app/web"],
        "cmd": [],
        "healthcheck": ["CMD", "/app/web", "--check"],
        "references": ["1.4"],
        "executables": None,
        "links": {},
        "tools": [],
        "proof": "archive",
    }
    assert record.index_digest is not None


def test_every_platform_has_a_record_of_its_own() -> None:
    """Two platforms of one index are two images."""
    first, second = facts(oci_index_layout(WEB, ARM64))
    assert first.index_digest == second.index_digest
    assert (first.config_digest, second.config_digest) == (WEB.config_digest, ARM64.config_digest)


def test_a_broken_image_gives_nothing_and_its_neighbour_does() -> None:
    """What is disproven of one image is not held against another with descriptors of its own."""
    other = image({"x": b"1"}, platform={"architecture": "arm64", "os": "linux"})
    name = f"blobs/sha256/{hex_of(sha256(pack(other.layers[0], 'gzip')))}"
    tree = {**oci_index_layout(WEB, other), name: b"something else"}
    assert [record.config_digest for record in facts(tree)] == [WEB.config_digest]


def test_what_belongs_to_no_image_is_held_against_each() -> None:
    """Where nobody knows whose fault it is, nothing is said."""
    tree = {**docker_v12(WEB, ARM64), "manifest.json": docker_v12(WEB, ARM64)["manifest.json"]}
    assert len(facts(tree)) == 2
    name = next(name for name in tree if name.endswith("/layer.tar") and isinstance(tree[name], bytes))
    assert facts({**tree, name: b"something else"}) == []


def test_layers_that_could_not_be_had_leave_the_chain_out() -> None:
    """The config is proven, its file system is not."""
    gone = hex_of(sha256(pack(WEB.layers[1], "gzip")))
    (record,) = facts({name: content for name, content in oci_layout(WEB).items() if gone not in name})
    assert record.config_digest == WEB.config_digest
    assert (record.chain_id, record.diff_ids) == (None, ())


def test_a_config_that_can_be_read_in_two_ways_declares_nothing() -> None:
    """Two readers may see two entrypoints in a member that occurs twice."""
    made = Image(WEB.layers, WEB.config[:-1] + b',"config":{}}', WEB.names, WEB.platform)
    (record,) = facts(oci_layout(made))
    assert (record.config_digest, record.entrypoint, record.platform) == (None, None, None)
    assert record.chain_id == WEB.chain_id


def test_the_first_form_proves_no_config() -> None:
    """Without a config there is nothing that a running container could be joined by."""
    assert facts(docker_v1(WEB)) == []


def test_the_place_says_how_it_is_known() -> None:
    """An archive, a registry, a daemon."""
    view = view_of(oci_layout(WEB))
    proofs = {
        form: facts_of(told := msgspec.structs.replace(view, form=form), validate(told))[0].proof
        for form in ("oci_layout", "registry", "docker", "containerd")
    }
    assert proofs == {"oci_layout": "archive", "registry": "registry", "docker": "daemon", "containerd": "daemon"}
    assert facts_of(View("registry", "empty"), validate(View("registry", "empty"))) == []


def test_hunt_reads_what_is_printed() -> None:
    """The record is one of the source image_facts."""
    (record,) = facts(oci_layout(WEB))
    (event,) = decode(msgspec.json.encode(record), Where("image_facts", "facts.jsonl", 1))
    assert isinstance(event, ImageFacts)
    assert (event.config_digest, event.entrypoint) == (WEB.config_digest, ("/app/web",))


def test_what_the_layers_hold_is_read_together_with_the_proof() -> None:
    """Each layer once; an image a layer of which is broken says nothing of what it holds."""
    shell, motd = tarfile.TarInfo("bin/sh"), tarfile.TarInfo("etc/motd")
    shell.mode = 0o755
    layer = tar_members((shell, b""), (motd, b""))
    rootfs = {"type": "layers", "diff_ids": [sha256(layer)]}
    made = Image((layer,), image({"one": b"layer"}, rootfs=rootfs).config)
    read: list[int] = []
    verification, (record,) = examine(view_of(oci_layout(made)), Measurements(read.append))
    assert verification.verdict == "proven"
    assert (record.executables, record.links, record.tools) == ({"/bin/sh": sha256(layer)}, {}, ("/bin/sh",))
    assert sum(read) == len(pack(layer, "gzip"))
    blob = f"blobs/sha256/{hex_of(sha256(pack(layer, 'gzip')))}"
    assert examine(view_of({**oci_layout(made), blob: b"something else"}), Measurements())[1] == []
