"""Proves that digests are named for what they are, as far as bytes prove it, and otherwise not found."""

import json
from pathlib import Path

import pytest
from folders import folder_of
from images import (
    MEDIA_TYPES,
    Tree,
    attestation,
    blobs,
    describe,
    docker_v1,
    docker_v12,
    encode,
    entry,
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

from tidewaiter.digest import chain_id
from tidewaiter.image.docker_archive import read_docker_archive
from tidewaiter.image.docker_archive_v1 import read_docker_archive_v1
from tidewaiter.image.document import parse_document
from tidewaiter.image.loose import Loose, read_loose
from tidewaiter.image.oci_layout import read_oci_layout
from tidewaiter.image.view import View
from tidewaiter.image.whatis import what_is

WEB = image({"bin/sh": b"1"}, {"a": b"2"}, {"b": b"3"})
ARM = image({"x": b"arm"}, platform={"architecture": "arm64", "os": "linux"})


def kinds(digests: list[str], *views: View, loose: tuple[Loose, ...] = ()) -> list[tuple[str, ...]]:
    """What each digest is."""
    answers = what_is(digests, views, loose)
    return [tuple(answer.is_ for answer in answers if answer.digest == digest) for digest in digests]


def layout_of(tree: Tree) -> View:
    """The view of an OCI layout."""
    return read_oci_layout(folder_of(tree), "oci_archive")


def loose_of(**documents: bytes) -> Loose:
    """Documents that lie in one folder."""
    return read_loose("folder", [parse_document(name, data) for name, data in documents.items()])


def test_everything_of_an_image_in_a_layout() -> None:
    """Index, manifest, config, packed layers, diff_ids, chain IDs; the first chain ID is a diff_id."""
    view = layout_of(oci_index_layout(WEB, ARM))
    digests = [view.indexes[0].digest, sha256(manifest(WEB)), WEB.config_digest, sha256(pack(WEB.layers[1], "gzip"))]
    digests += [WEB.diff_ids[0], WEB.diff_ids[2], chain_id(WEB.diff_ids[:2]) or "", WEB.chain_id or ""]
    assert kinds(digests, view) == [
        ("index",),
        ("manifest",),
        ("config",),
        ("layer",),
        ("diff_id",),
        ("diff_id",),
        ("chain_id",),
        ("chain_id",),
    ]


def test_an_uncompressed_blob_is_two_things() -> None:
    """In a layout and in an archive of `docker save`, where only the bytes tell."""
    assert kinds(WEB.diff_ids[:1], layout_of(oci_layout(WEB, "none"))) == [("layer", "diff_id")]
    assert kinds(WEB.diff_ids[:1], read_docker_archive(folder_of(docker_v12(WEB)))) == [("layer", "diff_id")]


def test_v1_ids_of_an_archive_are_recomputed() -> None:
    """With or without the algorithm in front."""
    view = read_docker_archive(folder_of(docker_v12(WEB)))
    assert kinds([v1_ids(WEB)[0], "sha256:" + v1_ids(WEB)[2]], view) == [("v1_id",), ("v1_id",)]


def test_claims_are_not_believed() -> None:
    """A folder that is named by a random id, a config whose name claims a digest, a text that tells what one is."""
    fake = "f" * 64
    tree = {**docker_v12(WEB), f"{fake}/json": encode({"id": fake}), f"{fake}/layer.tar": b""}
    table = [{"Config": f"{fake}.json", "RepoTags": None, "Layers": [f"{fake}/layer.tar"]}]
    tree |= {f"{fake}.json": b'{"os":"linux"}', "manifest.json": encode(table)}
    note = loose_of(note=encode({"digest": fake, "is": "config", "diff_ids": [fake]}))
    assert kinds([fake], read_docker_archive(folder_of(tree)), loose=(note,)) == [("not_found",)]


def test_an_old_archive_is_measured() -> None:
    """Layers without a config: the bytes give diff_ids, and those give chain IDs and the ids below the top."""
    view = read_docker_archive_v1(folder_of(docker_v1(WEB)))
    digests = [WEB.diff_ids[1], WEB.chain_id or "", v1_ids(WEB)[1], v1_ids(WEB)[2], WEB.config_digest]
    assert kinds(digests, view) == [("layer", "diff_id"), ("chain_id",), ("v1_id",), ("not_found",), ("not_found",)]


def test_what_only_names_something_counts_when_it_is_proven() -> None:
    """An index tells of manifests that are not there; a manifest whose bytes are wrong proves its own digest only."""
    whole = oci_index_layout(WEB, ARM, attest=False)
    gone = {name: content for name, content in whole.items() if name not in blobs(manifest(ARM))}
    assert kinds([sha256(manifest(ARM))], layout_of(gone)) == [("manifest",)]
    told = entry(WEB)
    wrong = manifest(WEB, annotations={"changed": "yes"})
    name = next(iter(blobs(manifest(WEB))))
    view = layout_of(layout({**store(WEB), name: wrong}, told))
    assert kinds([told["digest"], sha256(wrong)], view) == [("not_found",), ("manifest",)]


def test_a_document_that_two_readers_read_differently_names_nothing() -> None:
    """A member that occurs twice."""
    told = manifest(WEB)[:-1] + b',"layers":[]}'
    view = layout_of(layout({**store(WEB), **blobs(told)}, describe(told, MEDIA_TYPES["oci"]["manifest"])))
    packed = sha256(pack(WEB.layers[0], "gzip"))
    assert kinds([sha256(told), packed], view) == [("manifest",), ("not_found",)]


def test_answers_say_whose_and_how() -> None:
    """In the order asked, once each."""
    view = layout_of(oci_layout(WEB))
    asked = [WEB.diff_ids[1], "nonsense", WEB.diff_ids[1]]
    first, second = what_is(asked, [view])
    assert (first.digest, first.image) == (asked[0], "1.4")
    assert first.proof == f"layer 2 of 3 in the diff_ids of config {WEB.config_digest}"
    assert (second.is_, second.image, second.proof) == ("not_found", None, None)


def test_statements_about_images_are_told_apart() -> None:
    """An attestation has a manifest too; it says that it is one."""
    data, _ = attestation(sha256(manifest(WEB)))
    (answer,) = what_is([sha256(data)], [layout_of(oci_index_layout(WEB))])
    assert answer.is_ == "manifest"
    assert answer.proof is not None
    assert "a statement about another image" in answer.proof


def test_single_documents_are_enough() -> None:
    """A manifest names, a config lists, a list of diff_ids is computed from but not believed."""
    bare = [digest.partition(":")[2] for digest in WEB.diff_ids]
    digests = [WEB.diff_ids[0], WEB.chain_id or "", v1_ids(WEB)[1]]
    assert kinds(digests, loose=(loose_of(a=encode({"diff_ids": bare})),)) == [
        ("not_found",),
        ("chain_id",),
        ("v1_id",),
    ]
    assert kinds(digests, loose=(loose_of(c=WEB.config),)) == [("diff_id",), ("chain_id",), ("v1_id",)]
    assert kinds([WEB.config_digest], loose=(loose_of(m=manifest(WEB)),)) == [("config",)]


@pytest.mark.parametrize("told", [["x"], [7], "all", [], ["A" * 64], ["a" * 64] * 2000])
def test_lists_that_are_none_are_passed_over(told: object) -> None:
    """Nothing is computed from what is not all digests."""
    assert loose_of(a=encode({"diff_ids": told})).lists == ()


def test_the_twelve_digests_of_the_article(shared: Path) -> None:
    """Two manifests and a list of diff_ids prove nine of them; the rest is not guessed, whatever anybody says of it."""
    folder = shared / "snyk-article"
    files = sorted(folder.glob("*.json"))
    assert len(files) == 3
    loose = read_loose("article", [parse_document(file.name, file.read_bytes()) for file in files])
    asked = [told["sha256"] for told in json.loads((folder / "digests.json").read_bytes())["seed_hashes"]]
    assert [answer.is_ for answer in what_is(asked, [], [loose])] == [
        *("not_found", "v1_id", "config", "v1_id", "manifest", "config"),
        *("layer", "layer", "layer", "manifest", "not_found", "not_found"),
    ]
