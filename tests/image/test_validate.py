"""Proves that every relation of an image is told as held, broken or open, with both sides, whatever form it came in."""

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from images import (
    MEDIA_TYPES,
    Image,
    Tree,
    attestation,
    blobs,
    describe,
    docker_v1,
    docker_v12,
    docker_v25,
    encode,
    entry,
    hex_of,
    image,
    layout,
    manifest,
    oci_index_layout,
    oci_layout,
    pack,
    sha256,
    store,
    v1_ids,
)
from views import relation, verify, view_of, wrong

from tidewaiter.image.blob import Blob, Bytes
from tidewaiter.image.measure import Measurements
from tidewaiter.image.validate import validate
from tidewaiter.image.view import Layer, View

AMD64 = image()
ARM64 = image(platform={"architecture": "arm64", "os": "linux", "variant": "v8"})
TYPES = MEDIA_TYPES["oci"]


def changed(tree: Tree, change: Callable[[str, Any], Any]) -> Tree:
    """A tree with some files changed."""
    return {name: change(name, content) for name, content in tree.items()}


def layout_of(manifest_members: dict[str, Any], *contents: bytes, **more: Any) -> Tree:
    """A layout of one manifest with these members."""
    data = encode(manifest_members)
    return layout(blobs(data, *contents), describe(data, TYPES["manifest"], **more))


def members(made: Image) -> dict[str, Any]:
    """The members of an image's OCI manifest, to be changed."""
    read = json.loads(manifest(made))
    assert isinstance(read, dict)
    return read


def with_config(made: Image, **config: Any) -> Image:
    """The image with members of its config changed; None takes one away."""
    told = {**json.loads(made.config), **config}
    data = encode({key: value for key, value in told.items() if value is not None})
    return Image(made.layers, data, made.names, made.platform)


# --------------------------------------------------------------------------------------------- what holds


@pytest.mark.parametrize(
    "tree",
    [
        pytest.param(docker_v1(AMD64), id="docker_v1"),
        pytest.param(docker_v12(AMD64), id="docker_v12"),
        pytest.param(docker_v25(AMD64, attest=True), id="docker_v25"),
        pytest.param(oci_layout(AMD64), id="oci"),
        pytest.param(oci_layout(AMD64, "zstd"), id="oci-zstd"),
        pytest.param(oci_layout(AMD64, "none"), id="oci-plain"),
        pytest.param(oci_layout(AMD64, style="docker"), id="schema2"),
        pytest.param(oci_index_layout(AMD64, ARM64), id="platforms"),
    ],
)
def test_every_form_of_a_sound_image_is_proven(tree: Tree) -> None:
    """Nothing is broken, nothing open, and what was asked is answered with both sides."""
    verification = verify(tree)
    assert (verification.verdict, wrong(verification)) == ("proven", [])
    assert all(each.expected == each.found for each in verification.relations)


def test_an_image_is_named_by_all_its_digests() -> None:
    """Index, manifest, config, chain: computed from the bytes."""
    verification = verify(oci_index_layout(AMD64, ARM64))
    first, second = verification.images
    assert first.config_digest == AMD64.config_digest
    assert first.manifest_digest == sha256(manifest(AMD64))
    assert first.chain_id == AMD64.chain_id
    assert list(first.diff_ids) == AMD64.diff_ids
    assert (first.platform, second.platform) == ("linux/amd64", "linux/arm64/v8")
    assert first.index_digest == second.index_digest is not None
    assert first.references == ("1.4",)


def test_the_first_form_has_no_config_and_measured_layers() -> None:
    """Before Docker 1.10 there was no config digest; ids recompute from the layers."""
    verification = verify(docker_v1(AMD64))
    (identity,) = verification.images
    assert identity.config_digest is None
    assert list(identity.diff_ids) == AMD64.diff_ids
    assert identity.platform == "linux/amd64"
    assert [each.subject for each in verification.relations if each.relation == "v1_id"] == v1_ids(AMD64)


def test_attestations_are_no_images() -> None:
    """A statement about an image is verified as a document and listed with no image."""
    verification = verify(oci_index_layout(AMD64))
    assert len(verification.images) == 1
    told = attestation(sha256(manifest(AMD64)))[0]
    assert (
        "manifest_digest",
        sha256(told),
        "yes",
    ) in {(each.relation, each.subject, each.holds) for each in verification.relations}


def test_relations_are_those_of_the_contract() -> None:
    """All kinds of relation of an image with an index, each at least once."""
    found = {each.relation for each in verify(oci_index_layout(AMD64)).relations}
    assert found == {
        *("index_digest", "manifest_digest", "config_digest", "layer_digest", "size", "media_type"),
        *("diff_id", "diff_id_count", "chain_id", "platform", "history", "layer_content"),
    }


# --------------------------------------------------------------------------------------------- what is broken


def test_a_changed_layer_breaks_its_digest_and_tells_both() -> None:
    """Both digests, the blob, and how each was got."""
    layer = pack(AMD64.layers[1], "gzip")
    other = pack(AMD64.layers[0], "gzip")
    name = f"blobs/sha256/{hex_of(sha256(layer))}"
    verification = verify(changed(oci_layout(AMD64), lambda path, content: other if path == name else content))
    assert verification.verdict == "broken"
    broken = relation(verification, "layer_digest")
    assert (broken.expected, broken.found, broken.holds) == (sha256(layer), sha256(other), "no")
    assert name in broken.reason
    assert {"layer_digest", "diff_id", "chain_id"} <= {name for name, holds in wrong(verification) if holds == "no"}


def test_every_fault_is_told_at_once() -> None:
    """A wrong config, a wrong layer and a wrong size in one go."""
    made = with_config(AMD64, history=[{"created_by": "one"}])
    told = members(made)
    told["layers"][0]["size"] += 1
    tree = dict(layout_of(told, made.config, *(pack(layer, "gzip") for layer in made.layers[:1])))
    assert wrong(verify(tree)) == [
        ("chain_id", "unknown"),
        ("history", "no"),
        ("layer_digest", "unknown"),
        ("size", "no"),
    ]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param(
            {"rootfs": {"type": "layers", "diff_ids": AMD64.diff_ids[::-1]}},
            {("diff_id", "no"), ("chain_id", "no")},
            id="order",
        ),
        pytest.param(
            {"rootfs": {"type": "layers", "diff_ids": AMD64.diff_ids[:1]}, "history": None},
            {("diff_id_count", "no"), ("chain_id", "no")},
            id="too few",
        ),
        pytest.param(
            {"rootfs": {"type": "layers", "diff_ids": [AMD64.diff_ids[0], 7]}},
            {("diff_id", "no"), ("chain_id", "no")},
            id="no digest",
        ),
        pytest.param(
            {"rootfs": {"type": "layers", "diff_ids": [AMD64.diff_ids[0], "sha512:" + "0" * 128]}},
            {("diff_id", "unknown"), ("chain_id", "no")},
            id="sha512",
        ),
        pytest.param({"history": [{"empty_layer": True}]}, {("history", "no")}, id="history"),
        pytest.param({"history": 7}, {("history", "no")}, id="history of another kind"),
        pytest.param({"history": None}, set(), id="no history"),
        pytest.param({"architecture": "arm64"}, {("platform", "no")}, id="architecture"),
        pytest.param({"os": "windows"}, {("platform", "no")}, id="os"),
        pytest.param({"os": None}, {("platform", "unknown")}, id="no platform"),
        pytest.param({"variant": "v2"}, {("platform", "unknown")}, id="variant of one side"),
        pytest.param({"config": {"entrypoint": ["/bin/sh"]}}, {("document", "unknown")}, id="case of a member"),
    ],
)
def test_a_config_that_does_not_fit_is_told(config: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    """Each member of the config that contradicts the layers or the index."""
    made = with_config(AMD64, **config)
    made = Image(made.layers, made.config, made.names, AMD64.platform)
    assert set(wrong(verify(oci_layout(made)))) == expected


@pytest.mark.parametrize(
    ("index", "config", "holds"),
    [
        ({"architecture": "arm64", "variant": "v8"}, {"architecture": "arm64"}, "yes"),
        ({"architecture": "arm64"}, {"architecture": "arm64", "variant": "v8"}, "yes"),
        ({"architecture": "arm", "variant": "v7"}, {"architecture": "arm"}, "yes"),
        ({"architecture": "arm", "variant": "v6"}, {"architecture": "arm"}, "unknown"),
        ({"architecture": "arm", "variant": "v6"}, {"architecture": "arm", "variant": "v7"}, "no"),
        (
            {"os": "windows", "architecture": "amd64", "os.version": "10.0.1"},
            {"os": "windows", "architecture": "amd64", "os.version": "10.0.2"},
            "no",
        ),
    ],
)
def test_variants_that_go_without_saying_agree(index: dict[str, str], config: dict[str, str], holds: str) -> None:
    """`arm64` is v8 and `arm` is v7 where nothing is told; everything else must be equal."""
    made = image(platform={"os": "linux", **config})
    told = entry(Image(made.layers, made.config, made.names, {"os": "linux", **index}))
    assert relation(verify(layout(store(made), told)), "platform").holds == holds


@pytest.mark.parametrize(("told", "packed"), [("gzip", "none"), ("none", "gzip"), ("zstd", "gzip")])
def test_a_layer_packed_otherwise_than_its_type_says_is_told(told: Any, packed: Any) -> None:
    """Two readers could take it for two things."""
    layers = [pack(layer, packed) for layer in AMD64.layers]
    read = {**members(AMD64), "layers": [describe(layer, TYPES[told]) for layer in layers]}
    found = relation(verify(layout_of(read, AMD64.config, *layers)), "media_type")
    assert (found.holds, found.expected, found.found) == ("no", told, packed)


def test_a_document_longer_than_told_is_broken() -> None:
    """The size in the descriptor is compared with the bytes."""
    data = manifest(AMD64)
    told = {**describe(data, TYPES["manifest"]), "size": len(data) - 1}
    found = relation(verify(layout(store(AMD64), told)), "size")
    assert (found.holds, found.expected, found.found) == ("no", len(data) - 1, len(data))


def test_a_config_under_anothers_name_is_broken() -> None:
    """The name of the Config file of an archive is a claim of its digest."""
    tree = dict(docker_v12(AMD64))
    name = f"{hex_of(AMD64.config_digest)}.json"
    tree[name] = with_config(AMD64, author="somebody").config
    found = relation(verify(tree), "config_digest")
    assert (found.holds, found.expected) == ("no", AMD64.config_digest)


def test_sha512_is_verified() -> None:
    """A digest of the longer kind is computed as such, for documents and for layers."""
    layers = [pack(layer, "gzip") for layer in AMD64.layers]
    told = members(AMD64)
    long = "sha512:" + hashlib.sha512(layers[0]).hexdigest()
    told["layers"][0]["digest"] = long
    tree = dict(layout_of(told, AMD64.config, layers[1]))
    tree[f"blobs/sha512/{hex_of(long)}"] = layers[0]
    assert wrong(verify(tree)) == []
    tree[f"blobs/sha512/{hex_of(long)}"] = layers[1]
    found = relation(verify(tree), "layer_digest")
    assert (found.holds, found.expected, str(found.found)[:7]) == ("no", long, "sha512:")


# --------------------------------------------------------------------------------------------- what is open


@pytest.mark.parametrize(("foreign", "words"), [(False, "not there"), (True, "elsewhere by intention")])
def test_an_absent_layer_leaves_its_relations_open(foreign: bool, words: str) -> None:
    """What cannot be had is not disproven."""
    told = members(AMD64)
    if foreign:
        told["layers"][1] |= {"urls": ["https://windows.example/layer"]}
    verification = verify(layout_of(told, AMD64.config, pack(AMD64.layers[0], "gzip")))
    assert verification.verdict == "incomplete"
    assert wrong(verification) == [("chain_id", "unknown"), ("layer_digest", "unknown")]
    assert words in relation(verification, "layer_digest").reason
    assert verification.images[0].chain_id == AMD64.chain_id


def test_a_missing_config_is_still_named_by_its_manifest() -> None:
    """The manifest's bytes prove which config it means, though nobody has the config."""
    tree = {name: content for name, content in oci_layout(AMD64).items() if hex_of(AMD64.config_digest) not in name}
    verification = verify(tree)
    assert verification.verdict == "incomplete"
    assert verification.images[0].config_digest == AMD64.config_digest
    assert verification.images[0].diff_ids == tuple(AMD64.diff_ids)


def test_a_random_v1_id_is_open() -> None:
    """Before Docker 1.10 ids were random: nothing is disproven where one does not recompute."""
    old = v1_ids(AMD64)[0]
    new = "d" * 64
    text = {name: content for name, content in docker_v1(AMD64).items()}
    tree: Tree = {
        name.replace(old, new): content.replace(old.encode(), new.encode()) if isinstance(content, bytes) else content
        for name, content in text.items()
    }
    verification = verify(tree)
    assert verification.verdict == "incomplete"
    assert wrong(verification) == [("v1_id", "unknown")]


def test_a_twice_told_member_is_not_proven() -> None:
    """Two readers may see two images in one document."""
    config = AMD64.config[:-1] + b',"author":"a","author":"b"}'
    made = Image(AMD64.layers, config, AMD64.names, AMD64.platform)
    verification = verify(oci_layout(made))
    assert verification.verdict == "incomplete"
    assert wrong(verification) == [("document", "unknown")]


def test_an_empty_place_is_not_proven() -> None:
    """Where there is no image, nothing was proven."""
    assert validate(View("oci_layout", "empty")).verdict == "incomplete"


# --------------------------------------------------------------------------------------------- reading once


class Counting:
    """A blob that counts how often it is read."""

    def __init__(self, blob: Blob) -> None:
        self._blob = blob
        self.reads = 0

    @property
    def name(self) -> str:
        """That of the blob."""
        return self._blob.name

    @property
    def size_bytes(self) -> int | None:
        """That of the blob."""
        return self._blob.size_bytes

    def chunks(self) -> Iterator[bytes]:
        """Its bytes."""
        self.reads += 1
        yield from self._blob.chunks()


def test_a_layer_that_images_share_is_read_once() -> None:
    """Two platforms with equal layers cost one reading, and progress is told in bytes."""
    view = view_of(oci_index_layout(AMD64, ARM64))
    counting: dict[str, Counting] = {}

    def counted(layer: Layer) -> Layer:
        assert layer.blob is not None
        return msgspec.structs.replace(layer, blob=counting.setdefault(layer.blob.name, Counting(layer.blob)))

    images = tuple(
        msgspec.structs.replace(each, layers=tuple(counted(layer) for layer in each.layers)) for each in view.images
    )
    read: list[int] = []
    verification = validate(msgspec.structs.replace(view, images=images), on_progress=read.append)
    assert verification.verdict == "proven"
    assert [each.reads for each in counting.values()] == [1, 1]
    assert sum(read) == sum(len(pack(layer, "gzip")) for layer in AMD64.layers)


def test_two_contents_under_one_embedded_digest_are_told_apart() -> None:
    """What a descriptor embeds is measured by its bytes, not by the digest that it claims."""
    good, bad = AMD64.layers
    measurements = Measurements()
    first, second = (measurements.of(Layer(Bytes("data of sha256:1", data))) for data in (good, bad))
    assert first is not None
    assert second is not None
    assert (first.diff_id, second.diff_id) == (sha256(good), sha256(bad))
