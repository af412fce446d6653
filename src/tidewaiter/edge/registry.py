"""Turns an image reference into the view of what a registry holds under it, over the distribution API.

Sources: distribution-spec spec.md (pull, referrers, "Referrers Tag Schema"), distribution docs/content/spec/api.md,
cosign specs/SIGNATURE_SPEC.md. Documents are read at once, layers when their bytes are wanted. All but the tag is asked
for by digest, so that one view is one state; whether the tag still stands for it is asked at the end.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tidewaiter.digest import Digest
from tidewaiter.edge.registry_blob import RegistryBlob
from tidewaiter.edge.registry_http import Refused, RegistryClient, RegistryOptions
from tidewaiter.image.blob import Blob, Bytes, ReadError
from tidewaiter.image.descriptor import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    SCHEMA1_TYPES,
    Descriptor,
    digest_fault,
    parse_descriptor,
    role_of,
)
from tidewaiter.image.document import parse_document
from tidewaiter.image.graph import Graph, Root
from tidewaiter.image.limits import DESCRIPTORS, DOCUMENT_BYTES
from tidewaiter.image.schema1 import payload_digest
from tidewaiter.image.view import Other, View
from tidewaiter.reference import ImageReference, parse_reference

_ACCEPT = ", ".join(sorted(INDEX_TYPES | MANIFEST_TYPES | SCHEMA1_TYPES))
_SUBJECTS = 20
"""Of how many manifests a registry is asked what else it holds about them."""
_COSIGN_TAGS = {"sig": "signature", "att": "attestation", "sbom": "artifact"}


@contextmanager
def open_registry(reference: str, options: RegistryOptions | None = None) -> Iterator[View]:
    """The view of a reference; its layers can be read until the context ends.

    Raises `ImageReferenceError` where the text is no reference to something in a registry, and `ReadError` where the
    registry cannot be asked or refuses (its own words, the way of authentication tried, no secret).
    """
    parsed = parse_reference(reference)
    if parsed.registry is None or parsed.path is None:
        raise ReadError(f"{reference[:120]} is a digest without a repository: no registry can be asked for it")
    client = RegistryClient(parsed.registry, parsed.path, options or RegistryOptions())
    try:
        repository = _Repository(client)
        root = repository.resolve(parsed)
        repository.graph.walk([Root(root, (reference,))])
        repository.look_around(root)
        repository.ask_tag_again(parsed, root)
        yield repository.graph.view("registry", reference)
    finally:
        client.close()


class _Repository:
    """Fills a graph with what one repository holds."""

    def __init__(self, client: RegistryClient) -> None:
        self.graph = Graph(lambda digest: RegistryBlob(client, digest), self._document)
        self._client = client
        self._read: dict[Digest, Bytes] = {}

    def resolve(self, parsed: ImageReference) -> Descriptor:
        """What the reference stands for now. Raises `ReadError`."""
        blob, headers = self._manifest(parsed.digest or parsed.tag or "latest")
        told = headers.get("docker-content-digest")
        members = parse_document(blob.name, blob.data).members
        unsigned = payload_digest(blob.data, members) if "fsLayers" in members else None
        actual = unsigned or "sha256:" + hashlib.sha256(blob.data).hexdigest()
        digest = parsed.digest or (told if told is not None and digest_fault(told) is None else actual)
        descriptor = Descriptor(digest=digest, size_bytes=len(blob.data), media_type=_content_type(headers))
        if unsigned is not None and digest != unsigned:
            # Nothing else is proven of schema 1, so this would be said nowhere.
            self.graph.fault(
                "manifest_digest", digest, f"the registry sent a manifest of schema 1 with the digest {unsigned}"
            )
        self._compare(descriptor, headers)
        self._read[digest] = blob
        return descriptor

    def ask_tag_again(self, parsed: ImageReference, root: Descriptor) -> None:
        """Note where a tag stands for something else by now."""
        if parsed.digest is not None:
            return
        try:
            with self._client.open(f"manifests/{parsed.tag}", {"Accept": _ACCEPT}, "HEAD") as response:
                now = response.headers.get("docker-content-digest", root.digest)
        except ReadError as error:
            self.graph.fault("reference", parsed.text, f"the tag cannot be asked for again: {error}", holds="unknown")
            return
        if now != root.digest:
            self.graph.fault(
                "reference",
                parsed.text,
                f"the tag moved while it was read: from {root.digest}, which was read, to {now[:140]}",
                holds="unknown",
            )

    def look_around(self, root: Descriptor) -> None:
        """Add what else the registry holds about the manifests: referrers, and cosign's tags."""
        found = [image.manifest_descriptor.digest for image in self.graph.images if image.manifest_descriptor]
        for subject in dict.fromkeys([root.digest, *found[:_SUBJECTS]]):
            try:
                self.graph.others += self._referrers(subject)
                for suffix in _COSIGN_TAGS:
                    self.graph.others += self._cosign(subject, suffix)
            except ReadError as error:
                # The next question would wait for nothing as long as this one did.
                why = f"what else speaks of it cannot be asked: {error}"
                self.graph.fault("referrers", subject, why, holds="unknown")
                return

    def _document(self, descriptor: Descriptor) -> Blob:
        """An index or a manifest, compared with what the registry says of it."""
        if descriptor.digest in self._read:
            return self._read[descriptor.digest]
        try:
            blob, headers = self._manifest(descriptor.digest)
        except ReadError as error:
            return _Absent(self._client.where(f"manifests/{descriptor.digest}"), str(error))
        self._compare(descriptor, headers)
        return blob

    def _manifest(self, name: str) -> tuple[Bytes, httpx.Headers]:
        below = f"manifests/{name}"
        data, headers = self._client.document(below, _ACCEPT, DOCUMENT_BYTES)
        return Bytes(self._client.where(below), data), headers

    def _compare(self, descriptor: Descriptor, headers: httpx.Headers) -> None:
        """Note where the answer's headers contradict what was asked for."""
        told, given = headers.get("docker-content-digest"), _content_type(headers)
        # A registry may file one manifest under digests of two algorithms, and name the other.
        is_comparable = told is not None and told.partition(":")[0] == descriptor.digest.partition(":")[0]
        if told is not None and is_comparable and told != descriptor.digest:
            self.graph.fault(
                "manifest_digest", descriptor.digest, f"the registry calls what it sent {told[:140]} (its header)"
            )
        if given is not None and descriptor.media_type is not None and given != descriptor.media_type:
            self.graph.fault(
                "media_type",
                descriptor.digest,
                f"the registry sent it as {given[:100]}, and it was named as {descriptor.media_type[:100]}",
            )

    def _referrers(self, subject: Digest) -> list[Other]:
        """What names a manifest as its subject: by the API, else by the fallback tag."""
        told = self._index(f"referrers/{subject}")
        if told is None:
            told = self._index(f"manifests/{subject.replace(':', '-', 1)}") or []
        found = [descriptor for descriptor in map(parse_descriptor, told[:DESCRIPTORS]) if descriptor is not None]
        if len(told) > DESCRIPTORS:
            self.graph.fault("referrers", subject, f"more than {DESCRIPTORS} manifests speak of it", holds="unknown")
        return [
            Other(
                "signature" if _is_signature(descriptor) else "artifact",
                descriptor.digest,
                descriptor.artifact_type or descriptor.media_type,
                subject,
            )
            for descriptor in found
            if descriptor.fault is None
        ]

    def _index(self, below: str) -> list[Any] | None:
        try:
            data, headers = self._client.document(below, ", ".join(sorted(INDEX_TYPES)), DOCUMENT_BYTES)
        except Refused as error:
            if _says_nothing(error):
                raise
            return None
        told = parse_document(below, data).members.get("manifests")
        # A registry without the API may answer with its web page.
        return told if isinstance(told, list) and role_of(_content_type(headers)) == "index" else None

    def _cosign(self, subject: Digest, suffix: str) -> list[Other]:
        below = f"manifests/{subject.replace(':', '-', 1)}.{suffix}"
        try:
            with self._client.open(below, {"Accept": _ACCEPT}, "HEAD") as response:
                digest = response.headers.get("docker-content-digest", "")
        except Refused as error:
            if _says_nothing(error):
                raise
            return []
        kind: Any = _COSIGN_TAGS[suffix]
        return [Other(kind, digest, f"cosign tag .{suffix}", subject)] if digest_fault(digest) is None else []


def _says_nothing(error: Refused) -> bool:
    """Whether a registry is busy or failing. Any other refusal means that there is nothing: few registries have the
    API, and not all tags exist."""
    return error.status == 429 or error.status >= 500


class _Absent:
    """Bytes that were refused, so that the reason is told where they are wanted."""

    size_bytes = None

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self._why = why

    def chunks(self) -> Iterator[bytes]:
        """Nothing: raises `ReadError`."""
        raise ReadError(self._why)


def _content_type(headers: httpx.Headers) -> str | None:
    told = str(headers.get("content-type", "")).partition(";")[0].strip()
    # Registries that do not look into manifests send no type of their own.
    return None if told in ("", "application/json", "text/plain", "application/octet-stream") else told


def _is_signature(descriptor: Descriptor) -> bool:
    kind = json.dumps([descriptor.artifact_type, descriptor.media_type])
    return any(word in kind for word in ("cosign", "sigstore", "notary", "signature"))
