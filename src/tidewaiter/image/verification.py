"""Defines what `image verify` answers: every relation between the digests of an image, and the verdict they add up to.

This shape is a public contract (docs/image.md). Members that are not known are null, never absent.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from tidewaiter.digest import Digest
from tidewaiter.image.view import Form

Holds = Literal["yes", "no", "unknown"]
Verdict = Literal["proven", "broken", "incomplete"]


class Relation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that must agree with another."""

    relation: str
    """What is compared: `manifest_digest`, `config_digest`, `layer_digest`, `size`, `diff_id`, `platform` ..."""
    subject: str
    """What it is about: the digest it was named by, or where it lies in an archive that names no digest."""
    holds: Holds
    expected: str | int | None = None
    """What somebody wrote: a descriptor, the config, a file's name. Bytes and counts are numbers."""
    found: str | int | None = None
    """What came out of the bytes; None where they could not be had."""
    reason: str
    """How each side was got, or why the relation is open, without a full stop."""


class ImageIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """The names of one image. Only the relations say which of them are proven."""

    index_digest: Digest | None
    """The innermost index that holds it."""
    manifest_digest: Digest | None
    config_digest: Digest | None
    """None for archives of the first form of `docker save`, which have no config."""
    chain_id: Digest | None
    diff_ids: tuple[str, ...]
    """As the config lists them; measured where there is no config."""
    platform: str | None
    references: tuple[str, ...]


class Verification(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="image_verification"):
    """All that was proven, disproven or left open about one place."""

    schema: Literal[1] = 1
    verdict: Verdict
    form: Form
    images: tuple[ImageIdentity, ...]
    """In the order of the view's images. Attestations and other artifacts are none."""
    relations: tuple[Relation, ...]


def verdict_of(relations: Iterable[Relation]) -> Verdict:
    """Broken where anything is disproven, else incomplete where anything is open, else proven."""
    held = {relation.holds for relation in relations}
    return "broken" if "no" in held else "incomplete" if "unknown" in held else "proven"


def equal(expected: object, found: object) -> Holds:
    """Whether both sides are the same thing, both being known."""
    return "yes" if expected == found else "no"
