"""Turns a signed manifest of schema 1 into the payload that its digest is taken of.

Source: distribution docs/content/spec/manifest-v2-1.md ("Signed Manifests") and libtrust `JSONSignature.Payload`. The
digest of such a manifest is that of its bytes without the signatures: the first `formatLength` bytes and `formatTail`.
Schema 1 is recognised and named, never proven: it has no config, and its signatures are made by whoever answers.
"""

import base64
import hashlib
from typing import Any

import msgspec

from tidewaiter.digest import Digest


def payload_digest(data: bytes, members: dict[str, Any]) -> Digest | None:
    """The digest of a manifest of schema 1 without its signatures; None where they do not say where the payload ends.

    `data` are the exact bytes, `members` what they hold. A manifest without signatures is all payload.
    """
    signatures = members.get("signatures")
    if signatures is None or signatures == []:
        return _digest(data)
    if not isinstance(signatures, list):
        return None
    protected = signatures[0].get("protected") if isinstance(signatures[0], dict) else None
    header = _json_object(_decoded(protected))
    length, tail = header.get("formatLength"), _decoded(header.get("formatTail"))
    if not isinstance(length, int) or isinstance(length, bool) or not 0 < length <= len(data) or tail is None:
        return None
    return _digest(data[:length] + tail)


def _digest(data: bytes) -> Digest:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _decoded(text: Any) -> bytes | None:
    if not isinstance(text, str) or not text.isascii():
        return None
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None


def _json_object(data: bytes | None) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(data or b"{}")
    except (msgspec.DecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
