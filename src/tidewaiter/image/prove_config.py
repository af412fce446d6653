"""Turns what a config says of its layers and its platform into relations.

Sources: image-spec config.md ("rootfs", "history", "Layer ChainID") and image-index.md ("platform"); containerd
platforms/database.go for variants that go without saying.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from tidewaiter.digest import Digest, chain_id, digest_or_none
from tidewaiter.image.descriptor import parse_platform
from tidewaiter.image.limits import DESCRIPTORS
from tidewaiter.image.settings import misspelt
from tidewaiter.image.verification import Holds, Relation, equal
from tidewaiter.image.view import Image

_IMPLIED_VARIANTS = {"arm64": "v8", "arm": "v7"}


def prove_config(image: Image, measured: Sequence[Digest | None]) -> Iterator[Relation]:
    """The config against the layers, whose own diff_ids are `measured` (None: could not be), and against the index."""
    if image.config is None or not image.config.members:
        return
    subject, config = image.config.digest, image.config.members
    claimed = image.diff_ids
    yield Relation(
        relation="diff_id_count",
        subject=subject,
        holds=equal(len(measured), len(claimed)),
        expected=len(measured),
        found=len(claimed),
        reason="expected for the layers, found in the config",
    )
    if claimed or measured:
        yield _chain(subject, claimed, measured)
    if config.get("history") is not None:
        yield _history(subject, config["history"], len(claimed))
    yield from _platform(image, subject, config)
    for name in misspelt(config):
        yield Relation(
            relation="document",
            subject=subject,
            holds="unknown",
            found=name,
            reason=f"some programs read its member {name[:60]!r} whatever the case of its letters, others do not",
        )


def _chain(subject: Digest, claimed: Sequence[Any], measured: Sequence[Digest | None]) -> Relation:
    expected, found = _folded(claimed), _folded(measured)
    missing = sum(digest is None for digest in measured)
    holds: Holds = "unknown" if missing else equal(expected, found)
    return Relation(
        relation="chain_id",
        subject=subject,
        holds=holds,
        expected=expected,
        found=found,
        reason=(
            f"{missing} of {len(measured)} layers could not be measured"
            if missing
            else "expected from the config's diff_ids, found from those of the layers"
        ),
    )


def _folded(diff_ids: Sequence[Any]) -> Digest | None:
    checked = [told for told in diff_ids if isinstance(told, str) and digest_or_none(told) is not None]
    return chain_id(checked) if len(checked) == len(diff_ids) <= DESCRIPTORS else None


def _history(subject: Digest, history: Any, layers: int) -> Relation:
    if not isinstance(history, list):
        return Relation(relation="history", subject=subject, holds="no", reason='its "history" is no list')
    filled = sum(not (isinstance(step, dict) and step.get("empty_layer") is True) for step in history)
    return Relation(
        relation="history",
        subject=subject,
        holds=equal(layers, filled),
        expected=layers,
        found=filled,
        reason="expected for the diff_ids, found as steps of the history that made a layer",
    )


def _platform(image: Image, subject: Digest, config: dict[str, Any]) -> Iterator[Relation]:
    told = image.manifest_descriptor.platform if image.manifest_descriptor is not None else None
    if told is None:
        return
    # Not `image.platform`, which falls back to what the index tells.
    own = parse_platform(config)
    holds: Holds = "no"
    reason = "expected by the index, found in the config"
    if own is None:
        holds, reason = "unknown", "the index tells a platform, the config none"
    elif (told.os, told.architecture) == (own.os, own.architecture):
        one = told.variant or own.variant
        if told.variant == own.variant:
            holds = "yes"
        elif not (told.variant and own.variant):
            holds = "yes" if one == _IMPLIED_VARIANTS.get(own.architecture) else "unknown"
            reason = f"only one of the two tells the variant, {one}"
        if told.os_version and own.os_version and told.os_version != own.os_version:
            holds, reason = "no", f"the index tells version {told.os_version}, the config {own.os_version}"
    yield Relation(
        relation="platform",
        subject=subject,
        holds=holds,
        expected=str(told),
        found=str(own) if own is not None else None,
        reason=reason,
    )
