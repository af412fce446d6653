"""Turns an image's name in containerd into what it stands for at this moment: target, manifests, configs, layers.

Every document is read through containerd and checked against its digest, so that what is told here is proven by the
image's own bytes. What was read once is kept, for content does not change; whether it is there is asked each time.
"""

from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from tidewaiter.digest import Digest, chain_id, digest_or_none
from tidewaiter.edge.containerd_api import Containerd, Target
from tidewaiter.image.blob import ReadError
from tidewaiter.image.descriptor import Platform, checksum, parse_descriptor
from tidewaiter.image.graph import Graph, Root
from tidewaiter.image.limits import DOCUMENT_BYTES
from tidewaiter.image.settings import healthcheck, misspelt, run_settings, words
from tidewaiter.image.view import Image, View

_KEPT_BYTES = 32 * 1024 * 1024
_STANDINGS_KEPT = 1024
_MANIFESTS_TOLD = 64
_NAME_LENGTH = 64
_DECLARED_LENGTH = 64 * 1024
"""Longest entrypoint, command and health check that are told: no image that means well has one a hundredth as long."""


class Standing(msgspec.Struct, frozen=True):
    """What a name stands for, as records say it (`resolved` of `sources/_containerd_envelope.py`)."""

    target: Digest
    media_type: str
    updated_at: str | None
    """Since when at the latest the name has stood for it."""
    sources: tuple[str, ...] | None
    """From where the target was pulled, `registry/path`, the registry without its port; empty: it was not pulled, None:
    it is not there, so nobody knows."""
    manifests: tuple[dict[str, Any], ...]

    @property
    def chains(self) -> set[str]:
        """The chain IDs of its images that are there."""
        return {chain for found in self.manifests if (chain := chain_id(found.get("diff_ids") or ())) is not None}


class Standings:
    """Asks what names stand for, in any namespace of one containerd."""

    def __init__(self) -> None:
        self._documents: OrderedDict[Digest, bytes] = OrderedDict()
        self._bytes = 0
        self._last: OrderedDict[tuple[str, Digest], Standing] = OrderedDict()

    def of(self, store: Containerd, name: str, stack: str | None = None) -> Standing | None:
        """What a name stands for now, or None where there is no such image. Raises `ReadError`.

        `stack`: the chain ID of a container's layers. Of a target that was looked at before and has an image on those
        layers nothing is asked again.
        """
        target = store.image(name)
        return self.of_target(store, target, stack) if target is not None else None

    def of_target(self, store: Containerd, target: Target, stack: str | None = None) -> Standing:
        """As `of` says, where the name's target is known already. Raises `ReadError`."""
        key = (store.namespace, target.digest)
        known = self._last.get(key)
        if known is None or stack is None or stack not in known.chains:
            known = self._look(store, target)
            self._last[key] = known
            if len(self._last) > _STANDINGS_KEPT:
                self._last.popitem(last=False)
        self._last.move_to_end(key)
        return msgspec.structs.replace(known, updated_at=target.updated_at)

    def _look(self, store: Containerd, target: Target) -> Standing:
        content = store.content(target.digest)
        told = {"digest": target.digest, "size": target.size_bytes, "mediaType": target.media_type or None}
        root = parse_descriptor(told)
        graph = Graph(lambda digest: _Checked(digest, store, self))
        graph.walk([Root(root)] if root is not None else [])
        view = graph.view("containerd", "")
        there = {image.manifest.digest: image for image in view.images if image.manifest is not None}
        present = (_present(digest, image) for digest, image in there.items())
        absent = (found for found in _absent(graph, view) if found["digest"] not in there)
        manifests = (*islice(present, _MANIFESTS_TOLD), *islice(absent, _MANIFESTS_TOLD))
        sources = content.repositories if content is not None else None
        return Standing(target.digest, target.media_type, None, sources, manifests)

    def document(self, store: Containerd, digest: Digest) -> bytes:
        """The bytes under a digest, proven to be its own. Raises `ReadError`, also where they are not there."""
        known = self._documents.get(digest)
        if known is None:
            known = _read(store, digest)
            self._documents[digest] = known
            self._bytes += len(known)
            while self._bytes > _KEPT_BYTES:
                self._bytes -= len(self._documents.popitem(last=False)[1])
        elif store.content(digest) is None:
            raise ReadError(f"{digest} is not there any more")
        else:
            self._documents.move_to_end(digest)
        return known


class _Checked(msgspec.Struct, frozen=True):
    """A document of containerd's content store, looked for only when it is read."""

    digest: Digest
    store: Containerd
    standings: Standings
    size_bytes: None = None

    @property
    def name(self) -> str:
        """The digest."""
        return self.digest

    def chunks(self) -> Iterator[bytes]:
        """The bytes, all at once. Raises `ReadError`."""
        yield self.standings.document(self.store, self.digest)


def _read(store: Containerd, digest: Digest) -> bytes:
    data = bytearray()
    for chunk in store.read(digest):
        data += chunk
        if len(data) > DOCUMENT_BYTES:
            raise ReadError(f"{digest} is longer than {DOCUMENT_BYTES} bytes")
    told = checksum(digest)
    told.update(data)
    if told.hexdigest() != digest.partition(":")[2]:
        raise ReadError(f"what lies under {digest} has another digest")
    return bytes(data)


def _present(digest: Digest, image: Image) -> dict[str, Any]:
    told: dict[str, Any] = {"digest": digest, "platform": _platform(image.platform)}
    if image.config is None:
        return {**told, "missing": "its config is not there"}
    told["config"] = image.config.digest
    if image.config.faults or next(misspelt(image.config.members), None) is not None:
        # Two readers may read it differently, and containerd is one of them.
        return told
    diff_ids = [digest_or_none(text) if isinstance(text, str) else None for text in image.diff_ids]
    if None not in diff_ids:
        told["diff_ids"] = diff_ids
    return {**told, **_declared(image.config.members)}


def _declared(config: dict[str, Any]) -> dict[str, Any]:
    """What the config says will run, without its environment."""
    run = run_settings(config)
    told = {
        "entrypoint": words(run.get("Entrypoint")),
        "cmd": words(run.get("Cmd")),
        "healthcheck": healthcheck(config),
    }
    return told if sum(len(word) for said in told.values() for word in said or ()) <= _DECLARED_LENGTH else {}


def _absent(graph: Graph, view: View) -> Iterator[dict[str, Any]]:
    """The manifests of other platforms, which an index names and nobody pulled."""
    for index in view.indexes:
        for named in graph.descriptors(index, "manifests", index.digest):
            if named.role == "manifest" and not named.is_attestation:
                yield {"digest": named.digest, "platform": _platform(named.platform), "missing": "it is not there"}


def _platform(platform: Platform | None) -> dict[str, str] | None:
    if platform is None:
        return None
    told = {"os": platform.os, "architecture": platform.architecture, "variant": platform.variant}
    return {name: text[:_NAME_LENGTH] for name, text in told.items() if text}
