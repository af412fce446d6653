"""Turns one layer's measurements into relations: its digest, size and packing, its diff_id, what it contains.

Sources: image-spec descriptor.md, layer.md and config.md ("Layer DiffID").
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from tidewaiter.digest import Digest, digest_or_none
from tidewaiter.image.descriptor import Descriptor, compression_of, is_foreign, role_of
from tidewaiter.image.measure import Measurements
from tidewaiter.image.prove_documents import size_relation
from tidewaiter.image.unpack import Unpacked
from tidewaiter.image.verification import Relation, equal
from tidewaiter.image.view import Image, Layer

_BLOB_PATH = re.compile(r"(?:.*/)?blobs/(sha256|sha512)/([0-9a-f]+)\Z")


class LayerProof(msgspec.Struct, frozen=True):
    """What is known of a layer after its bytes were read."""

    relations: tuple[Relation, ...]
    diff_id: Digest | None
    """Measured; None where it could not be."""


def prove_layer(image: Image, place: int, measurements: Measurements) -> LayerProof:
    """Read the layer at `place` (from the bottom) and compare it with what its image says of it."""
    layer, claimed = image.layers[place], image.diff_ids[place] if place < len(image.diff_ids) else None
    if layer.descriptor is not None and layer.descriptor.fault is not None:
        return LayerProof((_undescribed(layer.descriptor),), None)
    measured = measurements.of(layer)
    if measured is None:
        return LayerProof((_absent(layer),), None)
    return LayerProof(tuple(_relations(layer, claimed, measured)), measured.diff_id)


def subject_of(layer: Layer, measured: Unpacked | None) -> str:
    """What a layer is called: its descriptor's digest, else its measured one, else where it lies."""
    if layer.descriptor is not None:
        return layer.descriptor.digest
    if measured is not None and measured.layer_digest is not None:
        return measured.layer_digest
    return layer.path or (layer.v1.id if layer.v1 is not None else "layer")


def _undescribed(descriptor: Descriptor) -> Relation:
    return Relation(relation="descriptor", subject=descriptor.digest, holds="no", reason=descriptor.fault or "")


def _absent(layer: Layer) -> Relation:
    descriptor = layer.descriptor
    reason = "its bytes are not there"
    if descriptor is not None and (descriptor.urls or is_foreign(descriptor.media_type)):
        reason += ": it is kept elsewhere by intention"
    return Relation(relation="layer_digest", subject=subject_of(layer, None), holds="unknown", reason=reason)


def _relations(layer: Layer, claimed: Any, measured: Unpacked) -> Iterator[Relation]:
    subject, descriptor = subject_of(layer, measured), layer.descriptor
    name = layer.blob.name if layer.blob is not None else subject
    faulty = {fault.relation for fault in measured.faults}
    if "layer_digest" not in faulty:
        if descriptor is not None and descriptor.fault is None:
            if descriptor.size_bytes is not None:
                yield size_relation(descriptor, measured.size_bytes, name)
            yield _digest(subject, descriptor.digest, measured, "the descriptor", name)
        claim = _claim(layer.path)
        if claim is not None and (descriptor is None or claim != descriptor.digest):
            yield _digest(subject, claim, measured, "its path", name)
    for fault in measured.faults:
        yield Relation(relation=fault.relation, subject=subject, holds=fault.holds, reason=fault.reason)
    if measured.diff_id is not None and "layer_content" not in faulty:
        reason = "; ".join(measured.mentions) or "nothing in it leads out of the image"
        yield Relation(relation="layer_content", subject=subject, holds="yes", reason=reason)
    if descriptor is not None:
        told = compression_of(descriptor.media_type)
        if descriptor.media_type and role_of(descriptor.media_type) != "layer":
            yield Relation(
                relation="media_type",
                subject=subject,
                holds="unknown",
                expected=descriptor.media_type[:140],
                found=measured.compression,
                reason="its media type is no layer's, so that others may not take it for one",
            )
        if told != "unknown" and measured.compression != "unknown":
            yield Relation(
                relation="media_type",
                subject=subject,
                holds=equal(told, measured.compression),
                expected=told,
                found=measured.compression,
                reason="expected by its media type, found in its first bytes",
            )
    if claimed is not None:
        yield from _diff_id(subject, claimed, measured, is_said="diff_id" in faulty)


def _digest(subject: str, expected: Digest, measured: Unpacked, who: str, name: str) -> Relation:
    is_long = expected.startswith("sha512:")
    found = f"sha512:{measured.checksums['sha512']}" if is_long else measured.layer_digest
    return Relation(
        relation="layer_digest",
        subject=subject,
        holds=equal(expected, found),
        expected=expected,
        found=found,
        reason=f"expected by {who}, found over the bytes of {name}",
    )


def _claim(path: str | None) -> Digest | None:
    """The digest that a path of the form `blobs/sha256/..` claims for what lies there."""
    match = _BLOB_PATH.match(path or "")
    return f"{match[1]}:{match[2]}" if match is not None and len(match[2]) in (64, 128) else None


def _diff_id(subject: str, claimed: Any, measured: Unpacked, *, is_said: bool) -> Iterator[Relation]:
    expected = claimed[:140] if isinstance(claimed, str) else None
    if not isinstance(claimed, str) or (digest_or_none(claimed) is None and not claimed.startswith("sha512:")):
        reason = f"what the config lists for it is no diff_id: {str(claimed)[:80]!r}"
        yield Relation(
            relation="diff_id", subject=subject, holds="no", expected=expected, found=measured.diff_id, reason=reason
        )
    elif measured.diff_id is not None:
        open_ = digest_or_none(claimed) is None
        yield Relation(
            relation="diff_id",
            subject=subject,
            holds="unknown" if open_ else equal(claimed, measured.diff_id),
            expected=claimed,
            found=measured.diff_id,
            reason=(
                "the config lists a SHA-512, and only SHA-256 is measured"
                if open_
                else "expected by the config, found over the unpacked bytes"
            ),
        )
    elif not is_said:
        reason = "the layer could not be unpacked to its end"
        yield Relation(relation="diff_id", subject=subject, holds="unknown", expected=claimed, reason=reason)
