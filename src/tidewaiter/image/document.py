"""Turns the exact bytes of an index, a manifest or a config into a document: its digest, its members, its faults.

Bytes are hashed as they came, never written anew. JSON here is I-JSON (image-spec considerations.md, RFC 7493): a
member that occurs twice is a fault, since two readers may see two images in it.
"""

import hashlib
import json
from collections import Counter
from typing import Any

import msgspec

from tidewaiter.digest import Digest
from tidewaiter.image.blob import Blob, ReadError, read_whole
from tidewaiter.image.limits import (
    DOCUMENT_BYTES,
    DOCUMENT_DEPTH,
    DOCUMENT_VALUES,
    DOCUMENTS_BYTES,
    DOCUMENTS_VALUES,
)


class Document(msgspec.Struct, frozen=True):
    """One JSON document of an image."""

    name: str
    """Where it was found."""
    data: bytes
    """The exact bytes."""
    members: dict[str, Any]
    """What it says; empty where it is no JSON object."""
    faults: tuple[str, ...] = ()
    """What is wrong with it as a document: no JSON, no object, nested too deep, a member that occurs twice."""
    digest: Digest = ""
    """SHA-256 of the exact bytes, computed when it is made: one document may be named thousands of times."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "digest", "sha256:" + hashlib.sha256(self.data).hexdigest())

    @property
    def media_type(self) -> str | None:
        """The type it gives itself."""
        told = self.members.get("mediaType")
        return told if isinstance(told, str) else None


class Unread(msgspec.Struct, frozen=True):
    """A document that could not be had, and why: one sentence without a full stop."""

    why: str


def read_document(blob: Blob | None, wanted: str) -> Document | Unread:
    """Read a document; `wanted` is what it is, for the reason where it cannot be had (`the manifest sha256:..`)."""
    if blob is None:
        return Unread(f"{wanted} is not there")
    try:
        data = read_whole(blob, DOCUMENT_BYTES)
    except ReadError as error:
        return Unread(f"{wanted} could not be read: {error}")
    if data is None:
        return Unread(f"{wanted} is longer than {DOCUMENT_BYTES} bytes")
    return parse_document(blob.name, data)


class DocumentReader:
    """Reads the documents of one view, until they are too long together to be held in memory."""

    def __init__(self) -> None:
        self._bytes = 0
        self._values = 0

    def read(self, blob: Blob | None, wanted: str) -> Document | Unread:
        """As `read_document` does, within the bounds for all."""
        if self._bytes > DOCUMENTS_BYTES or self._values > DOCUMENTS_VALUES:
            return Unread(f"{wanted} is not read: those before it are too long together")
        found = read_document(blob, wanted)
        if isinstance(found, Document):
            self._bytes += len(found.data)
            self._values += count_values(found.data)
        return found


def parse_document(name: str, data: bytes) -> Document:
    """Look into the bytes of a document; whatever they are, they are a document, perhaps a faulty one."""
    value, faults = parse_value(data)
    if isinstance(value, dict):
        return Document(name, data, value, faults)
    return Document(name, data, {}, faults or ("is no JSON object",))


def parse_value(data: bytes) -> tuple[Any, tuple[str, ...]]:
    """The JSON value that bytes are, and what is wrong with it; None where they are no JSON that can be read."""
    repeated: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            times = Counter(name for name, _ in pairs)
            repeated.extend(sorted(name for name in times if times[name] > 1)[:3])
        return found

    if count_values(data) > DOCUMENT_VALUES:
        return None, (f"has more than {DOCUMENT_VALUES} values",)
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=once, parse_constant=_no_constant)
    except RecursionError:
        return None, ("is nested too deep",)
    except ValueError as error:
        return None, (f"is no JSON: {str(error)[:120]}",)
    if _depth(value) > DOCUMENT_DEPTH:
        return None, ("is nested too deep",)
    return value, tuple(f'has the member "{member[:60]}" twice' for member in repeated[:3])


def count_values(data: bytes) -> int:
    """At most how many values stand in a JSON text, told without reading it."""
    return sum(data.count(sign) for sign in (b",", b"[", b"{"))


def _depth(value: Any) -> int:
    """How many objects and lists lie within one another: no recursion, so that it ends the same way everywhere."""
    depth, level = 0, [value] if isinstance(value, dict | list) else []
    while level and depth <= DOCUMENT_DEPTH:
        depth += 1
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
    return depth


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")
