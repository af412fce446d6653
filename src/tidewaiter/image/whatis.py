"""Turns bare digests into what they are the digests of, as far as the bytes at hand prove it.

Proven is: a document whose bytes have the digest; what such a document names (a manifest its config and layers, an
index its manifests, a config its diff_ids); a layer whose bytes have it; and what is computed from those: chain IDs,
v1 ids. A sentence that somebody wrote about a digest proves nothing, and a digest that nothing proves is `not_found`.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from tidewaiter.digest import Digest, chain_ids, digest_or_none
from tidewaiter.image.blob import Blob, ReadError
from tidewaiter.image.descriptor import Descriptor, digest_fault, parse_descriptor, role_of
from tidewaiter.image.document import Document
from tidewaiter.image.folder import printable
from tidewaiter.image.limits import DESCRIPTORS
from tidewaiter.image.loose import Loose
from tidewaiter.image.schema1 import payload_digest
from tidewaiter.image.v1_ids import v1_ids
from tidewaiter.image.view import Image, View

Kind = Literal["index", "manifest", "config", "layer", "diff_id", "chain_id", "v1_id", "not_found"]
_KINDS: tuple[Kind, ...] = ("index", "manifest", "config", "layer", "diff_id", "chain_id", "v1_id")
_PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\x00")
_SAID = {"attestation": ", a statement about another image", "artifact": ", no image", "signature": ", a signature"}


class Answer(msgspec.Struct, frozen=True):
    """What one digest is."""

    digest: str
    """As asked."""
    is_: Kind = msgspec.field(name="is")
    image: str | None = None
    """Whose it is: the image's first name, else the digest of its manifest or config."""
    proof: str | None = None
    """How it is known: one sentence without a full stop."""


def what_is(digests: Iterable[str], views: Sequence[View], loose: Sequence[Loose] = ()) -> list[Answer]:
    """One answer for each digest and each thing that it is: an uncompressed blob is both `layer` and `diff_id`.

    Digests are answered in the order in which they were asked; 64 hex characters without `sha256:` are one too.
    """
    asked = list(dict.fromkeys(digests))
    search = _Search({_full(text) for text in asked})
    for view in (*views, *(single.view for single in loose)):
        search.view(view)
    for single in loose:
        for told in single.lists:
            search.computed(told.diff_ids, None, None, f"the diff_ids that {printable(told.name)} lists")
    for view in views:
        search.measure(view)
    return [answer for text in asked for answer in search.answers(text)]


class _Search:
    """What was found out about the wanted digests."""

    def __init__(self, wanted: set[str]) -> None:
        self._wanted = wanted
        self._found: dict[tuple[str, Kind], tuple[str | None, str]] = {}

    def answers(self, text: str) -> list[Answer]:
        """Everything that a digest is, the outermost first."""
        told = [(kind, self._found[_full(text), kind]) for kind in _KINDS if (_full(text), kind) in self._found]
        return [Answer(text, kind, image, proof) for kind, (image, proof) in told] or [Answer(text, "not_found")]

    def view(self, view: View) -> None:
        """All that the documents of a view prove."""
        for index in view.indexes:
            self._index(index, view)
        for image in view.images:
            name = _name(image)
            if image.manifest is not None:
                self._manifest(image.manifest, name, "")
            if image.config is not None:
                self._document(image.config, "config", name, "")
                source = f"the diff_ids of config {image.config.digest}"
                self.computed(() if image.config.faults else _diff_ids(image.diff_ids), image.config, name, source)
        for other in view.others:
            if other.document is None:
                continue
            if other.kind == "schema1":
                digest = payload_digest(other.document.data, other.document.members)
                proof = f"SHA-256 of the payload of {printable(other.document.name)}, of Docker schema 1"
                self._add(digest, "manifest", digest, proof)
            elif other.kind != "unknown":
                self._manifest(other.document, other.about, _SAID[other.kind])

    def computed(self, diff_ids: tuple[Digest, ...], config: Document | None, image: str | None, source: str) -> None:
        """Chain IDs and v1 ids of a stack of layers; its diff_ids too where a config proves them."""
        for n, (diff_id, chain) in enumerate(zip(diff_ids, chain_ids(diff_ids), strict=True), 1):
            if config is not None:
                self._add(diff_id, "diff_id", image, f"layer {n} of {len(diff_ids)} in {source}")
            if n > 1:
                self._add(chain, "chain_id", image, f"recomputed from the first {n} of {source}")
        for n, ids in enumerate(v1_ids(diff_ids, None if config is None else config.members), 1):
            for v1_id in ids:
                self._add("sha256:" + v1_id, "v1_id", image, f"of layer {n}, recomputed from {source}")

    def measure(self, view: View) -> None:
        """Read the layers that no descriptor names, where one of them can be what is asked for."""
        open_questions = {
            digest for digest in self._wanted if not any((digest, kind) in self._found for kind in _KINDS)
        }
        read: dict[Blob, tuple[Digest, bool] | None] = {}
        for image in view.images:
            told = {digest for digest in _diff_ids(image.diff_ids) if digest in self._wanted}
            if not open_questions and not told:
                continue
            plain: list[Digest] = []
            for layer in image.layers:
                if layer.descriptor is not None or layer.path is None or layer.blob is None:
                    continue
                if layer.blob not in read:
                    read[layer.blob] = _hashed(layer.blob)
                hashed = read[layer.blob]
                if hashed is None:
                    continue
                digest, is_plain = hashed
                proof = f"SHA-256 of the bytes of {layer.path}"
                self._add(digest, "layer", _name(image), proof)
                if is_plain:
                    plain.append(digest)
                    self._add(digest, "diff_id", _name(image), f"{proof}, which are not compressed")
            if image.config is None and len(plain) == len(image.layers):
                self.computed(tuple(plain), None, _name(image), f"the layers of {printable(_name(image) or view.name)}")

    def _index(self, index: Document, view: View) -> None:
        name = next((_name(image) for image in view.images if image.index is index), index.digest)
        self._document(index, "index", name, "")
        for inner in _descriptors(index, "manifests"):
            role = role_of(inner.media_type)
            if role in ("index", "manifest", "schema1"):
                said = (
                    _SAID["attestation"] if inner.is_attestation else f" for {inner.platform}" if inner.platform else ""
                )
                self._add(
                    inner.digest,
                    "index" if role == "index" else "manifest",
                    name,
                    f"named by index {index.digest}{said}",
                )

    def _manifest(self, manifest: Document, image: str | None, said: str) -> None:
        self._document(manifest, "manifest", image, said)
        config = parse_descriptor(manifest.members.get("config")) if not manifest.faults else None
        if config is not None and config.fault is None:
            self._add(config.digest, "config", image, f"named by manifest {manifest.digest}{said}")
        layers = _descriptors(manifest, "layers")
        for n, layer in enumerate(layers, 1):
            self._add(
                layer.digest, "layer", image, f"layer {n} of {len(layers)}, named by manifest {manifest.digest}{said}"
            )

    def _document(self, document: Document, kind: Kind, image: str | None, said: str) -> None:
        proof = f"SHA-256 of the {len(document.data)} bytes of {printable(document.name)}{said}"
        self._add(document.digest, kind, image, proof)

    def _add(self, digest: str | None, kind: Kind, image: str | None, proof: str) -> None:
        """Keep what was found first: documents come before what only names something."""
        if digest in self._wanted:
            known = self._found.get((digest, kind))
            if known is None or (known[1].startswith(("named", "layer")) and proof.startswith("SHA-256")):
                self._found[digest, kind] = (image, proof)


def _full(text: str) -> str:
    return f"sha256:{text}" if len(text) == 64 and digest_or_none(f"sha256:{text}") else text


def _name(image: Image) -> str | None:
    if image.references:
        return image.references[0]
    for document in (image.manifest, image.config):
        if document is not None:
            return document.digest
    return image.layers[-1].path if image.layers else None


def _diff_ids(told: Sequence[Any]) -> tuple[Digest, ...]:
    """The diff_ids of a config, or none where one of them is no digest: nothing can be computed from those."""
    checked = [digest_or_none(text) if isinstance(text, str) else None for text in told[:DESCRIPTORS]]
    return tuple(digest for digest in checked if digest is not None) if None not in checked else ()


def _descriptors(document: Document, member: str) -> list[Descriptor]:
    """What a document names; nothing where another reader may see other names in it."""
    told = document.members.get(member)
    found = [parse_descriptor(value) for value in told[:DESCRIPTORS]] if isinstance(told, list) else []
    if document.faults:
        return []
    return [each for each in found if each is not None and digest_fault(each.digest) is None]


def _hashed(blob: Blob) -> tuple[Digest, bool] | None:
    """The digest of a layer's bytes, and whether they are packed in no way that is known; None where unreadable."""
    hashed, first = hashlib.sha256(), b""
    try:
        for chunk in blob.chunks():
            hashed.update(chunk)
            first = first or chunk[:6]
    except ReadError:
        return None
    return "sha256:" + hashed.hexdigest(), not first.startswith(_PACKED)
