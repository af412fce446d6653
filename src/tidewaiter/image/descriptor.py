"""Turns what a document says of another piece of content into a checked descriptor, and media types into roles.

Sources: image-spec descriptor.md and media-types.md; distribution docs/content/spec/manifest-v2-2.md; moby
docker-image-spec; BuildKit docs/attestations/attestation-storage.md; cosign specs/SIGNATURE_SPEC.md.
"""

import binascii
import hashlib
import re
from typing import Any, Literal

import msgspec

from tidewaiter.digest import Digest

Role = Literal["index", "manifest", "schema1", "config", "layer", "other"]
Compression = Literal["none", "gzip", "zstd", "unknown"]

INDEX_TYPES = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)
MANIFEST_TYPES = frozenset(
    {"application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"}
)
SCHEMA1_TYPES = frozenset(
    {
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    }
)
CONFIG_TYPES = frozenset({"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"})
RUNNABLE_CONFIG_TYPES = CONFIG_TYPES | {"application/octet-stream", "application/json", "text/html", ""}
"""Config types of manifests that are taken for images: moby takes the wrong ones that old registries wrote, too
(distribution/pull_v2.go, "Handle unexpected values")."""
_LAYER = re.compile(
    r"application/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar"
    r"|docker\.image\.rootfs\.diff\.tar)(?P<compression>[+.](?:gzip|zstd))?(?P<encrypted>\+encrypted)?\Z"
)
_LAYER_BEGINNINGS = ("application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs.")
_FOREIGN = re.compile(r"\.(?:nondistributable|foreign)\.")
_DIGEST = re.compile(r"([a-z0-9]+(?:[+._-][a-z0-9]+)*):([0-9a-zA-Z=_-]{1,512})\Z")
_ALGORITHMS = {"sha256": (hashlib.sha256, 64), "sha512": (hashlib.sha512, 128)}
_HEX = re.compile(r"[0-9a-f]+\Z")
_MAX_SIZE = 2**63 - 1


class Platform(msgspec.Struct, frozen=True):
    """Where an image runs: `linux/amd64`, `linux/arm/v7`."""

    os: str
    architecture: str
    variant: str | None = None
    os_version: str | None = None

    def __str__(self) -> str:
        """As Docker writes it."""
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


class Descriptor(msgspec.Struct, frozen=True):
    """What a document says of another piece of content."""

    digest: Digest
    """As written: `sha256:..`, perhaps `sha512:..`, perhaps not valid at all (then `fault` says so)."""
    size_bytes: int | None = None
    media_type: str | None = None
    platform: Platform | None = None
    annotations: dict[str, str] = {}
    urls: tuple[str, ...] = ()
    data: bytes | None = None
    """The content itself, where it is embedded."""
    artifact_type: str | None = None
    fault: str | None = None
    """What is wrong with the descriptor: the digest's form, the size, an algorithm that nobody here can check."""

    @property
    def role(self) -> Role:
        """What the media type says that it is."""
        return role_of(self.media_type)

    @property
    def is_attestation(self) -> bool:
        """Whether BuildKit marked it as a statement about another image, which never runs."""
        return self.annotations.get("vnd.docker.reference.type") == "attestation-manifest"


def role_of(media_type: str | None) -> Role:
    """What content of a media type is."""
    if media_type in INDEX_TYPES:
        return "index"
    if media_type in MANIFEST_TYPES:
        return "manifest"
    if media_type in SCHEMA1_TYPES:
        return "schema1"
    if media_type in CONFIG_TYPES:
        return "config"
    return "layer" if media_type is not None and _LAYER.match(media_type) else "other"


def is_layer_like(media_type: str) -> bool:
    """Whether a type is, or was meant to be, a layer's: no type at all, or a layer's with an unknown ending."""
    return not media_type or media_type.startswith(_LAYER_BEGINNINGS)


def compression_of(media_type: str | None) -> Compression:
    """How a layer of this media type is packed; `unknown` where the type does not tell (its bytes do)."""
    match = _LAYER.match(media_type or "")
    if match is None or match["encrypted"]:
        return "unknown"
    packed = (match["compression"] or "")[1:]
    return "gzip" if packed == "gzip" else "zstd" if packed == "zstd" else "none"


def is_encrypted(media_type: str | None) -> bool:
    """Whether only who has the key can read the layer (ocicrypt)."""
    return (media_type or "").endswith("+encrypted")


def is_foreign(media_type: str | None) -> bool:
    """Whether a layer of this type is not in the registry by intention (Windows base layers)."""
    return _FOREIGN.search(media_type or "") is not None


def digest_fault(text: str) -> str | None:
    """What is wrong with a digest, or None: `sha256` and `sha512` in lower-case hex can be checked here."""
    match = _DIGEST.match(text)
    if match is None:
        return f"{text[:80]!r} is no digest"
    known = _ALGORITHMS.get(match[1])
    if known is None:
        return f"{match[1]!r} is no digest algorithm that can be checked here"
    if len(match[2]) != known[1] or not _HEX.match(match[2]):
        return f"a {match[1]} digest has {known[1]} lower-case hex characters, {text[:140]!r} has not"
    return None


def checksum(digest: Digest) -> "hashlib._Hash":
    """An empty checksum of the digest's algorithm; `digest` must be valid (`digest_fault` is None)."""
    return _ALGORITHMS[digest.partition(":")[0]][0]()


def parse_descriptor(value: Any) -> Descriptor | None:
    """A descriptor out of a document's members, or None where it is no object or has no digest."""
    if not isinstance(value, dict) or not isinstance(value.get("digest"), str):
        return None
    digest, size = value["digest"], value.get("size")
    fault = digest_fault(digest)
    if fault is None and (not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _MAX_SIZE):
        fault = f"its size is {str(size)[:40]}, not a number of bytes"
    annotations = value.get("annotations")
    urls = value.get("urls")
    return Descriptor(
        digest=digest,
        size_bytes=size if isinstance(size, int) and not isinstance(size, bool) else None,
        media_type=_text(value.get("mediaType")),
        platform=parse_platform(value.get("platform")),
        annotations=(
            {key: told for key, told in annotations.items() if isinstance(told, str)}
            if isinstance(annotations, dict)
            else {}
        ),
        urls=tuple(url for url in urls if isinstance(url, str)) if isinstance(urls, list) else (),
        data=_embedded(value.get("data")),
        artifact_type=_text(value.get("artifactType")),
        fault=fault,
    )


def parse_platform(value: Any) -> Platform | None:
    """A platform out of a descriptor or a config (both name the members alike), or None where it names none."""
    if not isinstance(value, dict):
        return None
    system, architecture = _text(value.get("os")), _text(value.get("architecture"))
    if not system or not architecture:
        return None
    return Platform(system, architecture, _text(value.get("variant")) or None, _text(value.get("os.version")) or None)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _embedded(value: Any) -> bytes | None:
    if not isinstance(value, str):
        return None
    try:
        return binascii.a2b_base64(value, strict_mode=True)
    except (binascii.Error, ValueError):
        return None
