"""Turns digest text into a checked digest, and diff_ids into the chain ID that names a stack of layers.

Sources: OCI image-spec `descriptor.md` (digest grammar) and `config.md` (ImageID, DiffID, ChainID).
A digest is kept as plain `str` ("sha256:<64 lower-case hex>") once it has passed through this file.
"""

import hashlib
import re
from collections.abc import Sequence

Digest = str
"""A checked digest: `sha256:` and 64 lower-case hex characters. Which digest it is, the field's name says."""

_SHA256 = re.compile(r"sha256:[0-9a-f]{64}\Z")
_OTHER = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-zA-Z=_-]+\Z")
_HEX = frozenset("0123456789abcdef")


class DigestFormatError(ValueError):
    """The text has no `algorithm:encoded` form."""


class DigestLengthError(ValueError):
    """The algorithm is known, but the encoded part has the wrong length or alphabet."""


class DigestAlgorithmError(ValueError):
    """The form is right, but the algorithm is not one that content is identified by here."""


def parse_digest(text: str) -> Digest:
    """Give back `text` if it is a sha256 digest; raise one of the three errors of this module if not."""
    if _SHA256.match(text):
        return text
    shown = repr(text[:120])
    if text.lower().startswith("sha256:"):
        raise DigestLengthError(f"{shown}: a sha256 digest has 64 lower-case hex characters after the colon")
    if _OTHER.match(text):
        raise DigestAlgorithmError(f"{shown}: only sha256 digests identify content here")
    raise DigestFormatError(f"{shown}: a digest is written algorithm:encoded")


def digest_or_none(text: str | None) -> Digest | None:
    """The digest in `text`, or None where there is none or it is not a valid sha256 digest.

    For telemetry, where a malformed digest makes the field unknown instead of the record wrong.
    """
    return text if text is not None and _SHA256.match(text) else None


def is_hex(text: str) -> bool:
    """Whether every character is a lower-case hex digit (and there is at least one)."""
    return bool(text) and _HEX.issuperset(text)


def chain_id(diff_ids: Sequence[Digest]) -> Digest | None:
    """The ChainID of a stack of layers, bottom first; None for no layers."""
    found = chain_ids(diff_ids)
    return found[-1] if found else None


def chain_ids(diff_ids: Sequence[Digest]) -> list[Digest]:
    """The ChainID of each layer with all below it, bottom first.

    `ChainID(L0) = DiffID(L0)`, `ChainID(L0|..|Ln) = sha256(ChainID(L0|..|Ln-1) + " " + DiffID(Ln))`
    (image-spec config.md, "Layer ChainID").
    """
    found: list[Digest] = []
    for diff_id in diff_ids:
        text = f"{found[-1]} {diff_id}" if found else None
        found.append(diff_id if text is None else "sha256:" + hashlib.sha256(text.encode()).hexdigest())
    return found
