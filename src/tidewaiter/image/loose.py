"""Turns single JSON documents (an index, a manifest, a config, a list of diff_ids) into what they are and name.

They are no image, since what they name does not lie beside them; but their own digests are proven, and what a document
with a proven digest says of others counts (`whatis.py`).
"""

import re
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from tidewaiter.digest import Digest
from tidewaiter.image.blob import Blob, Bytes
from tidewaiter.image.descriptor import (
    Descriptor,
    is_encrypted,
    is_layer_like,
    parse_descriptor,
    parse_platform,
    role_of,
)
from tidewaiter.image.document import Document
from tidewaiter.image.graph import Graph, Root
from tidewaiter.image.limits import DESCRIPTORS
from tidewaiter.image.schema1 import payload_digest
from tidewaiter.image.view import Image, View

Shape = Literal["index", "manifest", "schema1", "config", "diff_ids", "other"]
_DIFF_ID = re.compile(r"(?:sha256:)?([0-9a-f]{64})\Z")


class DiffIds(msgspec.Struct, frozen=True):
    """A list of diff_ids that somebody wrote, bottom first: a claim, but what is computed from it can be proven."""

    name: str
    """Where it stands."""
    diff_ids: tuple[Digest, ...]


class Loose(msgspec.Struct, frozen=True):
    """What single documents hold."""

    view: View
    """Indexes, manifests and configs; most of what they name is missing, which is a fault each."""
    lists: tuple[DiffIds, ...] = ()


def read_loose(name: str, documents: Iterable[Document]) -> Loose:
    """Read documents that lie together; what one of them names is looked for among the others."""
    store = {document.digest: document for document in documents}

    def fetch(digest: Digest) -> Blob | None:
        document = store.get(digest)
        return None if document is None else Bytes(document.name, document.data)

    graph = Graph(fetch)
    lists: list[DiffIds] = []
    bare: list[Image] = []
    shapes = {digest: shape_of(document) for digest, document in store.items()}
    for digest, document in store.items():
        if shapes[digest] in ("index", "manifest", "schema1"):
            graph.walk([Root(Descriptor(digest, len(document.data), document.media_type))])
    known = {image.config.digest for image in graph.images if image.config is not None}
    for digest, document in store.items():
        if shapes[digest] == "config" and digest not in known:
            bare.append(Image(document, ()))
        elif shapes[digest] == "diff_ids":
            lists.append(DiffIds(document.name, _diff_ids(document.members)))
    view = graph.view("oci_layout", name)
    return Loose(msgspec.structs.replace(view, images=(*view.images, *bare)), tuple(lists))


def shape_of(document: Document) -> Shape:
    """What a document is: by its own word, else by its members."""
    members = document.members
    role = role_of(document.media_type)
    if role in ("index", "manifest", "schema1", "config"):
        return role
    rootfs = members.get("rootfs")
    if isinstance(rootfs, dict) and isinstance(rootfs.get("diff_ids"), list):
        return "config"
    if isinstance(members.get("manifests"), list) and "schemaVersion" in members:
        return "index"
    if isinstance(members.get("fsLayers"), list):
        return "schema1"
    if isinstance(members.get("config"), dict) and "layers" in members:
        return "manifest"
    return "diff_ids" if _diff_ids(members) else "other"


def described(document: Document) -> str:
    """What a document is, for people, with an article: `a Docker schema 2 manifest of 3 layers`."""
    members = document.members
    config = parse_descriptor(members.get("config"))
    told = document.media_type or (config.media_type if config is not None else None)
    docker = told is not None and "vnd.docker." in told
    shape = shape_of(document)
    if shape == "index":
        kind = "a Docker manifest list" if docker else "an OCI index"
        return f"{kind} of {_count(members.get('manifests'), 'manifest')}"
    if shape == "manifest":
        others = read_loose("", [document]).view.others
        kind = "a Docker schema 2 manifest" if docker else "an OCI manifest"
        said = f", of content that is no image: {others[0].media_type or others[0].kind}" if others else ""
        return f"{kind} of {_count(members.get('layers'), 'layer')}{said}"
    if shape == "schema1":
        return f"a Docker schema 1 manifest, which nothing runs any more, of {_count(members.get('fsLayers'), 'layer')}"
    if shape == "config":
        return f"an image config for {parse_platform(members) or 'no platform'}"
    if shape == "diff_ids":
        return f"a list of {_count(members.get('diff_ids'), 'diff_id')}"
    if "schemaVersion" in members:
        return f"a manifest of a schema that is not known: {str(members['schemaVersion'])[:40]}"
    return "JSON of another kind"


def what_is_wrong(document: Document) -> str | None:
    """The first thing that is wrong with a document by itself, whatever it names; None where nothing is."""
    view = read_loose("", [document]).view
    for fault in view.faults:
        if fault.holds == "no":
            return fault.reason if fault.subject == document.digest else f"{fault.subject}: {fault.reason}"
    if shape_of(document) == "schema1" and payload_digest(document.data, document.members) is None:
        return "its signatures cannot be read"
    for image in view.images:
        for layer in image.layers:
            told = layer.descriptor.media_type if layer.descriptor is not None else None
            if told and is_layer_like(told) and role_of(told) == "other":
                return f"{told[:120]} is no media type of a layer"
            if is_encrypted(told):
                return "its layers are encrypted"
    return None


def _count(told: Any, what: str) -> str:
    number = len(told) if isinstance(told, list) else 0
    return f"{number} {what}" + ("" if number == 1 else "s")


def _diff_ids(members: dict[str, Any]) -> tuple[Digest, ...]:
    """The list, or nothing where one of its members is no digest; bare hex counts."""
    told = members.get("diff_ids")
    if not isinstance(told, list) or len(told) > DESCRIPTORS:
        return ()
    matches = [_DIFF_ID.match(text) if isinstance(text, str) else None for text in told]
    return tuple(f"sha256:{match[1]}" for match in matches if match is not None) if all(matches) else ()
