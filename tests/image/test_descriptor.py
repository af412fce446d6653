"""Descriptors: digests and sizes that are checked, media types and what content they stand for."""

from typing import Any

import pytest
from images import MEDIA_TYPES

from tidewaiter.image.descriptor import (
    Descriptor,
    Platform,
    checksum,
    compression_of,
    digest_fault,
    is_encrypted,
    is_foreign,
    is_layer_like,
    parse_descriptor,
    parse_platform,
    role_of,
)

DIGEST = "sha256:" + "a" * 64
OCI, DOCKER = "application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs."


def described(**members: Any) -> Descriptor:
    """A descriptor with these members."""
    found = parse_descriptor({"digest": DIGEST, "size": 5, **members})
    assert found is not None
    return found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256",
        "sha256:",
        "sha256:" + "a" * 63,
        "sha256:" + "A" * 64,
        "sha256:" + "g" * 64,
        "SHA256:" + "a" * 64,
        "sha256:../../../etc/passwd",
        "sha256:" + "a" * 64 + "/../x",
        "sha256:" + "a" * 64 + "\n",
        "sha512:" + "a" * 64,
        "sha1:" + "a" * 40,
        "md5:" + "a" * 32,
    ],
)
def test_a_digest_that_cannot_be_checked_is_a_fault(text: str) -> None:
    """Its form, its alphabet, its length, its algorithm: nothing of it becomes a path or is believed."""
    assert digest_fault(text) is not None
    assert described(digest=text).fault is not None


@pytest.mark.parametrize("text", [DIGEST, "sha512:" + "0" * 128])
def test_digests_of_both_algorithms_can_be_checked(text: str) -> None:
    """The checksum is of the digest's own algorithm."""
    assert digest_fault(text) is None
    assert len(checksum(text).hexdigest()) == len(text.partition(":")[2])


@pytest.mark.parametrize("size", [-1, 2**63, 1.5, "5", True, None, [5], {}])
def test_a_size_that_is_no_number_of_bytes_is_a_fault(size: Any) -> None:
    """Negative, huge, a float, a text, a boolean, absent."""
    assert described(size=size).fault is not None


@pytest.mark.parametrize("value", [None, 5, "sha256", [], {}, {"digest": 5}, {"digest": None, "size": 1}])
def test_what_names_no_digest_is_no_descriptor(value: Any) -> None:
    """Whatever else it has."""
    assert parse_descriptor(value) is None


def test_members_of_a_wrong_type_are_passed_over() -> None:
    """They say nothing, and break nothing."""
    found = described(mediaType=5, annotations=[1], urls="x", data=7, platform="linux", artifactType={})
    assert found == Descriptor(DIGEST, 5)
    mixed = described(annotations={"a": "b", "c": 1}, urls=["http://x", 5], data="YWI=", platform={"os": "linux"})
    assert (mixed.annotations, mixed.urls, mixed.data, mixed.platform) == ({"a": "b"}, ("http://x",), b"ab", None)
    assert described(data="not base64!").data is None


def test_a_platform_is_written_as_docker_writes_it() -> None:
    """With its variant, where it has one."""
    assert str(parse_platform({"os": "linux", "architecture": "arm", "variant": "v7"})) == "linux/arm/v7"
    assert parse_platform({"os": "windows", "architecture": "amd64", "os.version": "10.0"}) == Platform(
        "windows", "amd64", None, "10.0"
    )


def test_each_media_type_has_its_role() -> None:
    """Docker's and OCI's names of one thing."""
    for names in MEDIA_TYPES.values():
        assert [role_of(names[kind]) for kind in ("index", "manifest", "config", "none", "gzip", "zstd")] == [
            *("index", "manifest", "config", "layer", "layer", "layer")
        ]
    assert role_of("application/vnd.docker.distribution.manifest.v1+prettyjws") == "schema1"
    assert [role_of(other) for other in (None, "", "application/json", f"{OCI}v1.tar+lz4")] == ["other"] * 4


@pytest.mark.parametrize(
    ("media_type", "compression", "foreign", "encrypted"),
    [
        (f"{OCI}v1.tar", "none", False, False),
        (f"{OCI}v1.tar+gzip", "gzip", False, False),
        (f"{OCI}v1.tar+zstd", "zstd", False, False),
        (f"{OCI}nondistributable.v1.tar+gzip", "gzip", True, False),
        (f"{OCI}v1.tar+gzip+encrypted", "unknown", False, True),
        (f"{DOCKER}diff.tar.gzip", "gzip", False, False),
        (f"{DOCKER}foreign.diff.tar.gzip", "gzip", True, False),
        ("application/octet-stream", "unknown", False, False),
        (None, "unknown", False, False),
    ],
)
def test_what_a_layers_type_tells(media_type: str | None, compression: str, foreign: bool, encrypted: bool) -> None:
    """How it is packed, and whether it can be had at all."""
    assert compression_of(media_type) == compression
    assert is_foreign(media_type) is foreign
    assert is_encrypted(media_type) is encrypted


def test_a_layer_with_an_unknown_ending_was_meant_to_be_one() -> None:
    """It does not turn an image into something that never runs."""
    assert is_layer_like("")
    assert is_layer_like(f"{OCI}v1.tar+brotli")
    assert not is_layer_like("application/vnd.dev.cosign.simplesigning.v1+json")
