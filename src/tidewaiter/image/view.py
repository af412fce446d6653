"""Defines the read-only view that every form of an image gives: what was found, and nothing that was not.

Digests of *documents* are computed from their bytes (`Document.digest`); digests in *descriptors* are what somebody
wrote. The view proves nothing: whether the two agree is for `validate.py` to say.
"""

from typing import Any, Literal

import msgspec

from tidewaiter.digest import Digest
from tidewaiter.image.blob import Blob
from tidewaiter.image.descriptor import Descriptor, Platform, Role, parse_platform
from tidewaiter.image.document import Document
from tidewaiter.image.limits import DESCRIPTORS

Form = Literal[
    "docker_archive_v1",
    "docker_archive",
    "oci_layout",
    "oci_archive",
    "registry",
    "docker",
    "containerd",
]
"""What kind of thing an image was read from; `docker_archive` is what has a `manifest.json`."""


class Fault(msgspec.Struct, frozen=True):
    """Something that reading alone showed to be wrong or missing. `validate.py` makes a relation of each."""

    relation: str
    """Which relation it breaks or leaves open: `manifest_digest`, `media_type`, `layer_digest`, `structure` ..."""
    subject: str
    """What it is about: a digest, or the name of a member of an archive."""
    holds: Literal["no", "unknown"]
    """`no`: disproven. `unknown`: it could not be had, or lies beyond a bound of `limits.py`."""
    reason: str


class V1Layer(msgspec.Struct, frozen=True):
    """A layer's folder in an archive of `docker save`: its name is the v1 id that somebody claimed for it."""

    id: str
    """64 hex characters, without `sha256:`."""
    metadata: Document | None = None
    """Its `json` (Docker image spec v1): id, parent, created, container_config, config ..."""


class Layer(msgspec.Struct, frozen=True):
    """One layer, from the bottom."""

    blob: Blob | None
    """Its bytes as they lie there, packed or not; None where they are absent."""
    descriptor: Descriptor | None = None
    """What the manifest says of it; None in archives without one, where `path` alone names it."""
    path: str | None = None
    """Its name in an archive's `manifest.json`."""
    v1: V1Layer | None = None


class Image(msgspec.Struct, frozen=True):
    """One image: one platform, one config, one stack of layers."""

    config: Document | None
    """None where it could not be had, and in archives of the first form, which have none."""
    layers: tuple[Layer, ...]
    manifest: Document | None = None
    manifest_descriptor: Descriptor | None = None
    """How an index, or who asked for it, named the manifest."""
    config_descriptor: Descriptor | None = None
    config_claim: Digest | None = None
    """The config digest that the config's file name claims (archives of `docker save`)."""
    index: Document | None = None
    """The innermost index blob that holds the manifest. Never `index.json` of a layout, which is only its table."""
    references: tuple[str, ...] = ()
    """Names that stand beside it, as written: RepoTags, `org.opencontainers.image.ref.name`, the name asked for."""

    @property
    def platform(self) -> Platform | None:
        """The platform that the config tells, else the one that the index tells."""
        told = parse_platform(self.config.members) if self.config is not None else None
        if told is None and self.manifest_descriptor is not None:
            told = self.manifest_descriptor.platform
        return told

    @property
    def diff_ids(self) -> tuple[Any, ...]:
        """What the config lists as `rootfs.diff_ids`, as written: checked by nobody yet.

        Of a list that is longer than any stack of layers, one more than there can be."""
        rootfs = self.config.members.get("rootfs") if self.config is not None else None
        told = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
        return tuple(told[: DESCRIPTORS + 1]) if isinstance(told, list) else ()


class Other(msgspec.Struct, frozen=True):
    """Content that lies beside images and never runs."""

    kind: Literal["attestation", "artifact", "signature", "schema1", "unknown"]
    digest: Digest
    media_type: str | None = None
    about: Digest | None = None
    """The manifest it speaks of (`vnd.docker.reference.digest`, `subject`)."""
    document: Document | None = None


class Named(msgspec.Struct, frozen=True):
    """A document that was read because a descriptor names it; whether the two agree is not yet known."""

    role: Role
    descriptor: Descriptor
    document: Document


class View(msgspec.Struct, frozen=True):
    """All that one place holds."""

    form: Form
    name: str
    """What the user named."""
    images: tuple[Image, ...] = ()
    indexes: tuple[Document, ...] = ()
    """All index blobs, outermost first."""
    others: tuple[Other, ...] = ()
    faults: tuple[Fault, ...] = ()
    named: tuple[Named, ...] = ()
    """Every document that a descriptor led to: indexes, manifests, configs, attestations."""
