"""Turns descriptors and a store of content into images: index > manifests > config and layers.

Shared by every form that has manifests. Cycles, depth and fan-out are bounded (`limits.py`); a document that says it
is two things at once is refused (CVE-2021-41190: image-spec manifest.md and image-index.md, "mediaType").
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from tidewaiter.digest import Digest
from tidewaiter.image.blob import Blob, Bounded, Bytes, Fetch
from tidewaiter.image.descriptor import (
    RUNNABLE_CONFIG_TYPES,
    Descriptor,
    Role,
    is_layer_like,
    parse_descriptor,
    role_of,
)
from tidewaiter.image.document import Document, DocumentReader, Unread
from tidewaiter.image.limits import DESCRIPTORS, IMAGES, INDEX_DEPTH, LAYERS, STEPS
from tidewaiter.image.view import Fault, Form, Image, Layer, Named, Other, View


class Root(msgspec.Struct, frozen=True):
    """Where to begin: a descriptor in a layout's table, or what a registry answered, with the names given to it."""

    descriptor: Descriptor
    references: tuple[str, ...] = ()


class Graph:
    """Walks from roots to images, noting every fault on the way.

    `documents` gives indexes and manifests where they lie apart from the blobs of `fetch`, as in a registry.
    """

    def __init__(self, fetch: Fetch, documents: Callable[[Descriptor], Blob | None] | None = None) -> None:
        self._fetch = fetch
        self._documents = documents
        self.images: list[Image] = []
        self.indexes: list[Document] = []
        self.others: list[Other] = []
        self.faults: list[Fault] = []
        self.named: list[Named] = []
        self._seen: set[Digest] = set()
        self._read: dict[tuple[Digest, int | None, bytes | None], Document | Unread] = {}
        self._reader = DocumentReader()
        self._steps = 0
        self._layers = 0
        self._places: dict[tuple[bytes, Digest, bytes | None], int] = {}
        """Manifest, the digest it was named by, and index -> the place of that image in `images`."""
        self._lists: dict[tuple[bytes, str, str], list[Descriptor]] = {}

    def view(self, form: Form, name: str) -> View:
        """What was found so far."""
        return View(
            form,
            name,
            tuple(self.images),
            tuple(self.indexes),
            tuple(self.others),
            tuple(dict.fromkeys(self.faults)),
            tuple(self.named),
        )

    def walk(self, roots: Iterable[Root]) -> None:
        """Follow each root."""
        for root in roots:
            self._follow(root.descriptor, None, root.references, ())

    def fault(self, relation: str, subject: str, reason: str, *, holds: Any = "no") -> None:
        """Note something that is wrong, or could not be had."""
        self.faults.append(Fault(relation, subject, holds, reason))

    def blob_of(self, descriptor: Descriptor) -> Blob | None:
        """The bytes that a descriptor names: those it embeds, else those of the store."""
        if descriptor.data is not None:
            return Bytes(f"data of {descriptor.digest}", descriptor.data)
        blob = None if descriptor.fault is not None else self._fetch(descriptor.digest)
        if blob is None or blob.size_bytes is not None or descriptor.size_bytes is None:
            return blob
        return Bounded(blob, descriptor.size_bytes)

    def _document_of(self, descriptor: Descriptor) -> Blob | None:
        if self._documents is None or descriptor.data is not None:
            return self.blob_of(descriptor)
        return self._documents(descriptor)

    def _follow(
        self,
        descriptor: Descriptor,
        index: Document | None,
        references: Sequence[str],
        path: tuple[Digest, ...],
    ) -> None:
        subject = descriptor.digest
        if descriptor.fault is not None:
            self.fault("descriptor", subject, descriptor.fault)
            return
        self._steps += 1
        if self._steps > STEPS:
            self.fault("structure", "index", f"more than {STEPS} descriptors are to be followed", holds="unknown")
            return
        if subject in path:
            self.fault("structure", subject, "the index holds itself")
            return
        if len(path) > INDEX_DEPTH:
            self.fault("structure", subject, f"indexes are nested more than {INDEX_DEPTH} deep", holds="unknown")
            return
        document = self._document(descriptor, f"the {descriptor.role} {subject}", self._document_of)
        if isinstance(document, Unread):
            self.fault(f"{descriptor.role}_digest", subject, document.why, holds="unknown")
            return
        role = self._role(descriptor, document)
        self.named.append(Named(role, descriptor, document))
        is_image = role == "manifest" and self._has_layers(document, subject)
        if descriptor.is_attestation and is_image:
            self.fault(
                "structure", subject, "it is marked as a statement about another image, and has an image's layers"
            )
        if descriptor.is_attestation and not is_image:
            about = descriptor.annotations.get("vnd.docker.reference.digest")
            self.others.append(Other("attestation", subject, descriptor.media_type, about, document))
        elif role == "index":
            self._index(descriptor, document, references, path)
        elif role == "manifest":
            self._manifest(descriptor, document, index, references)
        elif role == "schema1":
            self.others.append(Other("schema1", subject, descriptor.media_type, None, document))
        else:
            self.others.append(Other("unknown", subject, descriptor.media_type, None, document))

    def _document(
        self, descriptor: Descriptor, wanted: str, find: Callable[[Descriptor], Blob | None]
    ) -> Document | Unread:
        """A document, read once however often it is named."""
        key = (descriptor.digest, descriptor.size_bytes, descriptor.data)
        found = self._read.get(key)
        if found is None:
            found = self._read[key] = self._reader.read(find(descriptor), wanted)
        return found

    def _role(self, descriptor: Descriptor, document: Document) -> Role:
        """What a document is: by its own word and its descriptor's, which must not contradict each other."""
        members, subject = document.members, descriptor.digest
        for fault in document.faults:
            self.fault("document", subject, f"the document {fault}", holds="unknown" if members else "no")
        told = document.media_type
        if told is not None and descriptor.media_type is not None and told != descriptor.media_type:
            self.fault(
                "media_type", subject, f"it calls itself {told[:100]}, and was named as {descriptor.media_type[:100]}"
            )
        if "manifests" in members and ("layers" in members or "config" in members or "fsLayers" in members):
            self.fault(
                "media_type", subject, "it has manifests and layers both, so that two readers can see two images"
            )
        role = role_of(told or descriptor.media_type)
        if role == "other" and told is None:
            role = (
                "index"
                if "manifests" in members
                else "manifest"
                if "config" in members or "layers" in members
                else "schema1"
                if "fsLayers" in members
                else "other"
            )
        if role == "manifest" and "manifests" in members and "layers" not in members:
            self.fault("media_type", subject, "it calls itself a manifest and has the members of an index")
        if role == "index" and "layers" in members and "manifests" not in members:
            self.fault("media_type", subject, "it calls itself an index and has the members of a manifest")
        return role

    def _index(
        self, descriptor: Descriptor, document: Document, references: Sequence[str], path: tuple[Digest, ...]
    ) -> None:
        if descriptor.digest not in self._seen:
            self._seen.add(descriptor.digest)
            self.indexes.append(document)
        for inner in self.descriptors(document, "manifests", descriptor.digest):
            if len(self.images) >= IMAGES:
                self.fault("structure", descriptor.digest, f"there are more than {IMAGES} images", holds="unknown")
                return
            self._follow(inner, document, references, (*path, descriptor.digest))

    def _manifest(
        self, descriptor: Descriptor, document: Document, index: Document | None, references: Sequence[str]
    ) -> None:
        members, subject = document.members, descriptor.digest
        key = (document.data, subject, index.data if index is not None else None)
        place = self._places.get(key)
        if place is not None:
            first = self.images[place]
            names = tuple(dict.fromkeys((*first.references, *references)))
            self.images[place] = msgspec.structs.replace(first, references=names)
            return
        config = parse_descriptor(members.get("config"))
        layers = self.descriptors(document, "layers", subject)
        other = self._artifact(descriptor, document, config)
        if other is not None:
            self.others.append(other)
            return
        self._layers += len(layers)
        if self._layers > LAYERS:
            self.fault("structure", subject, f"the images have more than {LAYERS} layers together", holds="unknown")
            return
        self._places[key] = len(self.images)
        found: Document | None = None
        if config is None:
            self.fault("config_digest", subject, "the manifest names no config")
        elif config.fault is not None:
            self.fault("descriptor", config.digest, config.fault)
        else:
            read = self._document(config, f"the config {config.digest}", self.blob_of)
            if isinstance(read, Unread):
                self.fault("config_digest", config.digest, read.why, holds="unknown")
            else:
                found = read
                self.named.append(Named("config", config, read))
                for fault in read.faults:
                    self.fault(
                        "document", config.digest, f"the config {fault}", holds="unknown" if read.members else "no"
                    )
        self.images.append(
            Image(
                config=found,
                layers=tuple(Layer(self.blob_of(layer), layer) for layer in layers),
                manifest=document,
                manifest_descriptor=descriptor,
                config_descriptor=config,
                index=index,
                references=tuple(references),
            )
        )

    def _artifact(self, descriptor: Descriptor, document: Document, config: Descriptor | None) -> Other | None:
        """A manifest that is no image: by a config that no runtime takes, or by its layers.

        Its own word does not count: an `artifactType` keeps no runtime from running an image.
        """
        told = document.members.get("artifactType")
        config_type = config.media_type if config is not None else None
        types = [layer.media_type or "" for layer in self.descriptors(document, "layers", descriptor.digest)]
        are_layers = not types or self._has_layers(document, descriptor.digest)
        if are_layers and (config_type is None or config_type in RUNNABLE_CONFIG_TYPES):
            return None
        subject = parse_descriptor(document.members.get("subject"))
        is_signature = any("cosign" in layer_type or "sigstore" in layer_type for layer_type in types)
        kind = told if isinstance(told, str) else types[0] if types and not are_layers else config_type
        return Other(
            "signature" if is_signature else "artifact",
            descriptor.digest,
            kind,
            subject.digest if subject is not None else None,
            document,
        )

    def _has_layers(self, document: Document, subject: str) -> bool:
        return any(is_layer_like(layer.media_type or "") for layer in self.descriptors(document, "layers", subject))

    def descriptors(self, document: Document, member: str, subject: str) -> list[Descriptor]:
        """The valid descriptors in a list of a document; what is wrong with the others becomes faults."""
        key = (document.data, member, subject)
        known = self._lists.get(key)
        if known is None:
            known = self._lists[key] = self._parsed(document, member, subject)
        return known

    def _parsed(self, document: Document, member: str, subject: str) -> list[Descriptor]:
        told = document.members.get(member)
        if told is None and member in document.members:
            return []  # so Go writes an empty list
        if not isinstance(told, list):
            self.fault("structure", subject, f'its "{member}" is no list')
            return []
        if len(told) > DESCRIPTORS:
            self.fault("structure", subject, f'its "{member}" are more than {DESCRIPTORS}', holds="unknown")
        found = [parse_descriptor(value) for value in told[:DESCRIPTORS]]
        if None in found:
            self.fault("descriptor", subject, f'one of its "{member}" has no digest')
        return [descriptor for descriptor in found if descriptor is not None]
