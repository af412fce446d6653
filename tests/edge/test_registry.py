"""Proves that a registry's images are read as they are, and that what a registry says wrongly is noted."""

import base64
import hashlib
import json
from collections.abc import Iterator

import pytest
from images import MEDIA_TYPES, attestation, describe, encode, entry, image, index, manifest, pack, sha256
from registries import Answer, Made, Request, made_registry, quick, ranged, refusal

from tidewaiter.edge.registry import open_registry
from tidewaiter.image.blob import ReadError
from tidewaiter.image.view import View


@pytest.fixture
def registry() -> Iterator[Made]:
    """An empty registry."""
    with made_registry() as server:
        yield server


def read(registry: Made, tag: str = "1.4") -> View:
    """The view of a tag or a digest."""
    with open_registry(registry.name(tag), quick()) as view:
        return view


def digest_of_layer(view: View, layer: int = 0) -> str:
    """The digest over the bytes of a layer, as they come."""
    blob = view.images[0].layers[layer].blob
    assert blob is not None
    return "sha256:" + hashlib.sha256(b"".join(blob.chunks())).hexdigest()


@pytest.mark.parametrize("style", ["oci", "docker"])
def test_reads_one_image(registry: Made, style: str) -> None:
    """Manifest, config and layers, under the name that was asked for."""
    made = image()
    digest = registry.push(made, "1.4", style=style)  # type: ignore[arg-type]
    with open_registry(registry.name(), quick()) as view:
        assert view.form == "registry"
        assert view.faults == ()
        (found,) = view.images
        assert found.manifest is not None
        assert found.manifest.digest == digest
        assert found.config is not None
        assert found.config.data == made.config
        assert found.references == (registry.name(),)
        for layer, plain in zip(found.layers, made.layers, strict=True):
            assert layer.blob is not None
            assert b"".join(layer.blob.chunks()) == pack(plain, "gzip")


def test_reads_an_index_with_platforms_and_attestations(registry: Made) -> None:
    """Both platforms are images, the attestation is not."""
    both = [image(), image({"bin/sh": b"arm"}, platform={"os": "linux", "architecture": "arm64"})]
    for made in both:
        registry.push(made)
    about = registry.push(both[0])
    statement, _ = attestation(about)
    registry.put(statement, MEDIA_TYPES["oci"]["manifest"])
    notes = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": about}
    told = describe(statement, MEDIA_TYPES["oci"]["manifest"], annotations=notes)
    top = registry.put(index(*map(entry, both), told), MEDIA_TYPES["oci"]["index"], "1.4")
    view = read(registry)
    assert [str(found.platform) for found in view.images] == ["linux/amd64", "linux/arm64"]
    assert [found.index.digest for found in view.images if found.index] == [top, top]
    assert [(other.kind, other.about) for other in view.others] == [("attestation", about)]
    assert view.faults == ()


def test_reads_by_digest(registry: Made) -> None:
    """A digest is asked for as it is, and no tag is asked for again."""
    digest = registry.push(image())
    assert read(registry, digest).images[0].manifest_descriptor.digest == digest  # type: ignore[union-attr]
    assert registry.asked("/1.4") == []


def test_digest_of_the_header_is_kept_as_what_the_registry_claims(registry: Made) -> None:
    """The view says what was claimed beside what came, so that the relation fails."""
    data = manifest(image())
    registry.push(image())
    wrong = sha256(b"something else")
    registry.scripts["manifests/1.4"] = lambda request: Answer(
        data, headers={"Content-Type": MEDIA_TYPES["oci"]["manifest"], "Docker-Content-Digest": wrong}
    )
    (found,) = read(registry).images
    assert found.manifest_descriptor is not None
    assert found.manifest_descriptor.digest == wrong
    assert found.manifest is not None
    assert found.manifest.digest == sha256(data)


def test_header_that_contradicts_the_digest_asked_for_is_a_fault(registry: Made) -> None:
    """Whoever asks by digest is told that the registry names another."""
    digest = registry.push(image())
    data, media_type = registry.manifests[digest]
    wrong = sha256(b"something else")
    registry.scripts[f"manifests/{digest}"] = lambda request: Answer(
        data, headers={"Content-Type": media_type, "Docker-Content-Digest": wrong}
    )
    (fault,) = read(registry, digest).faults
    assert (fault.relation, fault.subject, fault.holds) == ("manifest_digest", digest, "no")
    assert wrong in fault.reason


def test_header_with_a_digest_of_another_algorithm_contradicts_nothing(registry: Made) -> None:
    """The two cannot be compared."""
    digest = registry.push(image())
    data, media_type = registry.manifests[digest]
    other = "sha512:" + hashlib.sha512(data).hexdigest()
    registry.scripts[f"manifests/{digest}"] = lambda request: Answer(
        data, headers={"Content-Type": media_type, "Docker-Content-Digest": other}
    )
    assert read(registry, digest).faults == ()


def test_content_type_that_contradicts_the_document_is_a_fault(registry: Made) -> None:
    """CVE-2021-41190: the same bytes must not be an index to one reader and a manifest to the next."""
    registry.push(image())
    registry.put(manifest(image()), MEDIA_TYPES["oci"]["index"], "1.4")
    assert "media_type" in {fault.relation for fault in read(registry).faults if fault.holds == "no"}


def test_content_type_that_contradicts_the_index_is_a_fault(registry: Made) -> None:
    """An inner manifest is compared with what its index calls it."""
    registry.push(image())
    bare = manifest(image())
    registry.put(bare, MEDIA_TYPES["docker"]["manifest"])
    registry.put(index(entry(image())), MEDIA_TYPES["oci"]["index"], "1.4")
    (fault,) = read(registry).faults
    assert (fault.relation, fault.subject) == ("media_type", sha256(bare))


def test_moved_tag_is_said(registry: Made) -> None:
    """What was read stays one state, and the name stands for another by now."""
    first = registry.push(image(), "1.4")
    second = sha256(b"the next one")
    registry.scripts["manifests/1.4"] = lambda request: Answer(
        b"" if request.method == "HEAD" else registry.manifests[first][0],
        headers={
            "Content-Type": MEDIA_TYPES["oci"]["manifest"],
            "Docker-Content-Digest": second if request.method == "HEAD" else first,
        },
    )
    (fault,) = read(registry).faults
    assert (fault.relation, fault.holds) == ("reference", "unknown")
    assert first in fault.reason
    assert second in fault.reason


def test_missing_platform_is_unknown_and_the_others_are_read(registry: Made) -> None:
    """A manifest that the registry refuses does not hide the next."""
    there = image({"bin/sh": b"arm"}, platform={"os": "linux", "architecture": "arm64"})
    registry.push(there)
    registry.put(index(entry(image()), entry(there)), MEDIA_TYPES["oci"]["index"], "1.4")
    view = read(registry)
    assert [str(found.platform) for found in view.images] == ["linux/arm64"]
    (fault,) = view.faults
    assert fault.holds == "unknown"
    assert "manifest unknown" in fault.reason


def schema1() -> tuple[bytes, bytes]:
    """A signed manifest of schema 1, and its payload."""
    payload = b'{\n   "schemaVersion": 1,\n   "fsLayers": [],\n   "history": []\n}'
    header = {"formatLength": len(payload) - 2, "formatTail": "Cn0"}
    protected = base64.urlsafe_b64encode(encode(header)).decode().rstrip("=")
    told = json.dumps([{"protected": protected, "signature": "c2ln"}]).encode()
    return payload[:-2] + b',\n   "signatures": ' + told + b"\n}", payload


def test_schema_1_is_named_and_its_digest_is_the_payloads(registry: Made) -> None:
    """The signatures do not count; nothing of it is an image."""
    data, payload = schema1()
    media_type = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    headers = {"Content-Type": media_type, "Docker-Content-Digest": sha256(payload)}
    registry.scripts["manifests/1.4"] = lambda request: Answer(data, headers=headers)
    view = read(registry)
    assert view.images == ()
    assert [(other.kind, other.digest, other.media_type) for other in view.others] == [
        ("schema1", sha256(payload), media_type)
    ]
    assert view.faults == ()


def test_schema_1_with_another_payload_is_a_fault(registry: Made) -> None:
    """It is not proven further, so the registry's lie is told here."""
    data, payload = schema1()
    wrong = sha256(b"something else")
    registry.scripts["manifests/1.4"] = lambda request: Answer(
        data,
        headers={
            "Content-Type": "application/vnd.docker.distribution.manifest.v1+prettyjws",
            "Docker-Content-Digest": wrong,
        },
    )
    (fault,) = read(registry).faults
    assert (fault.relation, fault.holds) == ("manifest_digest", "no")
    assert sha256(payload) in fault.reason


def test_referrers_and_cosign_tags_are_others(registry: Made) -> None:
    """What speaks of the image stands beside it."""
    digest = registry.push(image(), "1.4")
    sbom = describe(b"sbom", MEDIA_TYPES["oci"]["manifest"], artifactType="application/spdx+json")
    registry.scripts[f"referrers/{digest}"] = lambda request: Answer(
        index(sbom), headers={"Content-Type": MEDIA_TYPES["oci"]["index"]}
    )
    signature = registry.put(b"{}", MEDIA_TYPES["oci"]["manifest"], digest.replace(":", "-") + ".sig")
    view = read(registry)
    assert {(other.kind, other.digest, other.about) for other in view.others} == {
        ("artifact", sha256(b"sbom"), digest),
        ("signature", signature, digest),
    }
    assert view.faults == ()


def test_referrers_by_the_fallback_tag(registry: Made) -> None:
    """A registry without the API keeps the same index under a tag."""
    digest = registry.push(image(), "1.4")
    told = describe(b"sig", MEDIA_TYPES["oci"]["manifest"], artifactType="application/vnd.cncf.notary.signature")
    registry.put(index(told), MEDIA_TYPES["oci"]["index"], digest.replace(":", "-"))
    assert [(other.kind, other.digest) for other in read(registry).others] == [("signature", sha256(b"sig"))]


def test_referrers_that_cannot_be_asked_are_unknown(registry: Made) -> None:
    """A failing registry is not one that holds nothing."""
    digest = registry.push(image(), "1.4")
    registry.scripts[f"referrers/{digest}"] = lambda request: refusal(503, "UNAVAILABLE", "later")
    assert [(fault.relation, fault.holds) for fault in read(registry).faults] == [("referrers", "unknown")]
    assert registry.asked(".sig") == []


def broken_off(registry: Made, digest: str, cuts: list[int | None]) -> None:
    """Let a blob break off after so many bytes, once for each cut."""
    registry.scripts[f"blobs/{digest}"] = lambda request: ranged(
        registry.blobs[digest], request, cuts.pop(0) if cuts else None
    )


def test_blob_that_breaks_off_is_resumed(registry: Made) -> None:
    """Only what is missing is got again."""
    registry.push(image(), "1.4")
    with open_registry(registry.name(), quick()) as view:
        digest = view.images[0].layers[0].descriptor.digest  # type: ignore[union-attr]
        broken_off(registry, digest, [10, 20])
        assert digest_of_layer(view) == digest
    ranges = [request.headers.get("range") for request in registry.asked(digest)]
    assert ranges == [None, "bytes=10-", "bytes=30-"]


def test_blob_is_got_anew_of_a_registry_without_ranges(registry: Made) -> None:
    """What was had already is passed over."""
    registry.push(image(), "1.4")
    with open_registry(registry.name(), quick()) as view:
        digest = view.images[0].layers[0].descriptor.digest  # type: ignore[union-attr]
        cuts: list[int | None] = [10]
        registry.scripts[f"blobs/{digest}"] = lambda request: Answer(
            registry.blobs[digest], cut=cuts.pop() if cuts else None
        )
        assert digest_of_layer(view) == digest


def test_blob_that_always_breaks_off_is_a_read_error(registry: Made) -> None:
    """The number of attempts is bounded."""
    registry.push(image(), "1.4")
    with open_registry(registry.name(), quick(retries=2)) as view:
        digest = view.images[0].layers[0].descriptor.digest  # type: ignore[union-attr]
        broken_off(registry, digest, [1] * 99)
        with pytest.raises(ReadError, match=r"breaks off after 3 bytes"):
            digest_of_layer(view)
    assert len(registry.asked(digest)) == 3


def test_blob_of_another_range_is_a_read_error(registry: Made) -> None:
    """A hole in the bytes is not filled with what comes after it."""
    registry.push(image(), "1.4")
    with open_registry(registry.name(), quick()) as view:
        digest = view.images[0].layers[0].descriptor.digest  # type: ignore[union-attr]

        def shifted(request: Request) -> Answer:
            if "range" not in request.headers:
                return Answer(registry.blobs[digest], cut=10)
            return Answer(b"later", 206, {"Content-Range": "bytes 50-54/55"})

        registry.scripts[f"blobs/{digest}"] = shifted
        with pytest.raises(ReadError, match="sent later ones"):
            digest_of_layer(view)


def test_blob_with_other_bytes_has_another_digest(registry: Made) -> None:
    """The bytes are handed on as they came; who proves the digest sees both."""
    registry.push(image(), "1.4")
    with open_registry(registry.name(), quick()) as view:
        digest = view.images[0].layers[0].descriptor.digest  # type: ignore[union-attr]
        registry.blobs[digest] = b"something else"
        assert digest_of_layer(view) == sha256(b"something else")


def test_blob_that_does_not_end_is_given_up(registry: Made) -> None:
    """A registry can send without end; what the descriptor tells bounds what is read."""
    registry.push(image(), "1.4")
    with open_registry(registry.name(), quick()) as view:
        layer = view.images[0].layers[0]
        assert layer.descriptor is not None
        assert layer.blob is not None
        registry.blobs[layer.descriptor.digest] = bytes(8 * 1024 * 1024)
        read_bytes = sum(map(len, layer.blob.chunks()))
    assert layer.descriptor.size_bytes is not None
    assert layer.descriptor.size_bytes < read_bytes < 1024 * 1024


def test_manifest_longer_than_the_bound_is_refused(registry: Made) -> None:
    """Four MiB is what registries need to take."""
    registry.put(b" " * (4 * 1024 * 1024 + 1), MEDIA_TYPES["oci"]["manifest"], "1.4")
    with pytest.raises(ReadError, match="longer than 4194304 bytes"):
        read(registry)


def test_digest_without_a_repository_is_refused() -> None:
    """No registry holds it by itself."""
    with (
        pytest.raises(ReadError, match="without a repository"),
        open_registry("sha256:" + "0" * 64, quick()),
    ):
        pass
