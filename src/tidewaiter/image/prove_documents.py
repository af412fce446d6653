"""Turns documents and the descriptors that led to them into relations: size, digest, media type.

Source: image-spec descriptor.md ("Digests", "Verification").
"""

from collections.abc import Iterator

from tidewaiter.digest import Digest
from tidewaiter.image.descriptor import Descriptor, Role, checksum, digest_fault
from tidewaiter.image.document import Document
from tidewaiter.image.schema1 import payload_digest
from tidewaiter.image.verification import Relation, equal
from tidewaiter.image.view import View

_RELATIONS: dict[Role, str] = {
    "index": "index_digest",
    "manifest": "manifest_digest",
    "schema1": "manifest_digest",
    "config": "config_digest",
}


def prove_documents(view: View) -> Iterator[Relation]:
    """What was read because it was named, against its names."""
    for named in view.named:
        yield from _document(named.role, named.descriptor, named.document)
    for image in view.images:
        if image.manifest is not None and image.manifest_descriptor is not None:
            yield from _document("manifest", image.manifest_descriptor, image.manifest)
        if image.config is None:
            continue
        if image.config_descriptor is not None:
            yield from _document("config", image.config_descriptor, image.config)
        claim = image.config_claim
        told = image.config_descriptor.digest if image.config_descriptor is not None else None
        if claim is not None and claim != told and digest_fault(claim) is None:
            yield _digest("config_digest", claim, image.config, "its file's name")


def _document(role: Role, descriptor: Descriptor, document: Document) -> Iterator[Relation]:
    if descriptor.fault is not None:
        return
    if descriptor.size_bytes is not None:
        yield size_relation(descriptor, len(document.data), document.name)
    relation = _RELATIONS.get(role, "document_digest")
    if role == "schema1" and payload_digest(document.data, document.members) == descriptor.digest:
        yield Relation(
            relation=relation,
            subject=descriptor.digest,
            holds="yes",
            expected=descriptor.digest,
            found=descriptor.digest,
            reason=f"found over the bytes of {document.name} without its signatures, which nobody checked",
        )
    else:
        yield _digest(relation, descriptor.digest, document, "the descriptor")
    if document.media_type is not None and document.media_type == descriptor.media_type:
        yield Relation(
            relation="media_type",
            subject=descriptor.digest,
            holds="yes",
            expected=descriptor.media_type,
            found=document.media_type,
            reason="the document and its descriptor agree",
        )


def size_relation(descriptor: Descriptor, found: int, name: str) -> Relation:
    """The size that a descriptor tells, against how many bytes there are."""
    return Relation(
        relation="size",
        subject=descriptor.digest,
        holds=equal(descriptor.size_bytes, found),
        expected=descriptor.size_bytes,
        found=found,
        reason=f"expected by the descriptor, found in {name}",
    )


def _digest(relation: str, expected: Digest, document: Document, who: str) -> Relation:
    found = document.digest
    if not expected.startswith("sha256:"):
        function = checksum(expected)
        function.update(document.data)
        found = f"{expected.partition(':')[0]}:{function.hexdigest()}"
    return Relation(
        relation=relation,
        subject=expected,
        holds=equal(expected, found),
        expected=expected,
        found=found,
        reason=f"expected by {who}, found over the bytes of {document.name}",
    )
