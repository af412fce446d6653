"""The walk from roots to images: what is an image and what is not, and an end to every walk."""

from typing import Any

import pytest
from images import MEDIA_TYPES, attestation, blobs, describe, encode, entry, image, index, manifest, sha256, store

from tidewaiter.image.blob import Bytes
from tidewaiter.image.descriptor import parse_descriptor
from tidewaiter.image.graph import Graph, Root
from tidewaiter.image.limits import DESCRIPTORS, INDEX_DEPTH
from tidewaiter.image.view import View

OCI = MEDIA_TYPES["oci"]
WEB = image()


def walked(contents: dict[str, bytes], *roots: dict[str, Any]) -> View:
    """The view of a store, from these descriptors on."""
    by_digest = {sha256(data): data for data in contents.values()}
    graph = Graph(lambda digest: Bytes(digest, by_digest[digest]) if digest in by_digest else None)
    found = [parse_descriptor(root) for root in roots]
    graph.walk([Root(descriptor, ("name",)) for descriptor in found if descriptor is not None])
    return graph.view("oci_layout", "store")


def faults(view: View) -> list[tuple[str, str]]:
    """(relation, holds) of each."""
    return [(fault.relation, fault.holds) for fault in view.faults]


def test_an_image_is_found_with_all_that_names_it() -> None:
    """Manifest, config and layers, with the index and the names that led there."""
    table = index(entry(WEB))
    view = walked({**store(WEB), "i": table}, describe(table, OCI["index"]))
    (found,) = view.images
    assert found.config is not None
    assert found.index is not None
    assert found.manifest is not None
    assert (found.config.data, found.index.data, found.manifest.data) == (WEB.config, table, manifest(WEB))
    assert [layer.blob is not None for layer in found.layers] == [True, True]
    assert (found.references, faults(view)) == (("name",), [])


def test_what_speaks_of_an_image_is_none() -> None:
    """An attestation of BuildKit, and a signature."""
    about, contents = attestation(sha256(manifest(WEB)))
    cosign = manifest(WEB).replace(OCI["gzip"].encode(), b"application/vnd.dev.cosign.simplesigning.v1+json")
    notes = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": sha256(manifest(WEB))}
    table = index(entry(WEB), describe(about, OCI["manifest"], annotations=notes), describe(cosign, OCI["manifest"]))
    view = walked({**store(WEB), **contents, **blobs(about, cosign), "i": table}, describe(table, OCI["index"]))
    assert len(view.images) == 1
    assert [(other.kind, other.about) for other in view.others] == [
        ("attestation", sha256(manifest(WEB))),
        ("signature", None),
    ]


def test_an_artifact_type_hides_no_image() -> None:
    """Runtimes run it all the same."""
    posing = manifest(WEB, artifactType="application/vnd.example.report")
    view = walked({**store(WEB), "m": posing}, describe(posing, OCI["manifest"]))
    assert (len(view.images), len(view.others)) == (1, 0)


def test_every_walk_ends() -> None:
    """Deep indexes, and indexes that name each other over and over."""
    deep = index(entry(WEB))
    contents = {**store(WEB), "0": deep}
    for number in range(INDEX_DEPTH + 3):
        deep = index(describe(deep, OCI["index"]))
        contents[f"deep{number}"] = deep
    view = walked(contents, describe(deep, OCI["index"]))
    assert (view.images, faults(view)) == ((), [("structure", "unknown")])
    wide = index(*[entry(WEB)] * 1000)
    wider = index(*[describe(wide, OCI["index"])] * 1000)
    view = walked({**store(WEB), "w": wide, "v": wider}, describe(wider, OCI["index"]))
    assert len(view.images) == 1
    assert ("structure", "unknown") in faults(view)


def test_more_descriptors_than_the_bound_are_said() -> None:
    """Those up to it are followed."""
    table = index(*[entry(WEB)] * (DESCRIPTORS + 1))
    view = walked({**store(WEB), "i": table}, describe(table, OCI["index"]))
    assert (len(view.images), faults(view)) == (1, [("structure", "unknown")])


@pytest.mark.parametrize(
    ("members", "relation"),
    [
        ({"manifests": []}, "media_type"),
        ({"layers": 5}, "structure"),
        ({"layers": [5]}, "descriptor"),
        ({"config": None}, "config_digest"),
        ({"config": {"digest": "sha256:x", "size": 1}}, "descriptor"),
        ({"mediaType": OCI["index"]}, "media_type"),
    ],
)
def test_a_manifest_that_is_two_things_or_half_a_thing_is_a_fault(members: dict[str, Any], relation: str) -> None:
    """CVE-2021-41190 among them; disproven, not merely open."""
    odd = manifest(WEB, **members)
    assert (relation, "no") in faults(walked({**store(WEB), "m": odd}, describe(odd, OCI["manifest"])))


def test_what_is_absent_is_open() -> None:
    """A manifest, and a config: sparse stores are allowed."""
    nothing = walked({}, describe(manifest(WEB), OCI["manifest"]))
    assert (nothing.images, faults(nothing)) == ((), [("manifest_digest", "unknown")])
    half = walked({"m": manifest(WEB)}, describe(manifest(WEB), OCI["manifest"]))
    assert [layer.blob for layer in half.images[0].layers] == [None, None]
    assert faults(half) == [("config_digest", "unknown")]


def test_a_document_without_a_type_is_known_by_its_members() -> None:
    """As OCI allows; one that shows nothing is unknown."""
    bare = encode({"schemaVersion": 2, "manifests": [entry(WEB)]})
    nothing = encode({"schemaVersion": 2})
    view = walked({**store(WEB), "b": bare, "n": nothing}, describe(bare, ""), describe(nothing, ""))
    assert (len(view.images), [other.kind for other in view.others]) == (1, ["unknown"])
