"""Turns an image of containerd into a view, through its API: a name, and the content store that it leads into.

containerd keeps what was pulled as it came: index, manifests, configs and packed layers under their digests. Of an
index usually one platform is there; what is not is told as not there.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from tidewaiter.digest import Digest
from tidewaiter.edge.runtime_sockets import may_be_socket, socket_of
from tidewaiter.image.blob import Blob, ReadError
from tidewaiter.image.descriptor import Descriptor
from tidewaiter.image.graph import Graph, Root
from tidewaiter.image.view import View
from tidewaiter.reference import reference_or_none

if TYPE_CHECKING:
    from tidewaiter.edge.containerd_api import Containerd


def default_namespace() -> str:
    """Whose images are meant: `$CONTAINERD_NAMESPACE`, else `default`, as for `ctr`. Kubernetes uses `k8s.io`."""
    return os.environ.get("CONTAINERD_NAMESPACE") or "default"


@contextmanager
def open_containerd(reference: str, namespace: str | None = None, address: str | None = None) -> Iterator[View]:
    """The view of an image by its name, as written or in its normal form; layers can be read until the context ends.

    Raises `ReadError` where containerd cannot be asked or has no such image.
    """
    namespace, address = namespace or default_namespace(), address or socket_of("containerd")
    if not may_be_socket(address):
        raise ReadError(f"containerd does not listen at {address}: there is no such socket")
    # gRPC takes longer to import than all else together, and most commands never ask for it.
    from tidewaiter.edge.containerd_api import Connection, Containerd

    connection = Connection(address)
    store = Containerd(connection, namespace)
    try:
        root = _root(store, reference, namespace)
        graph = Graph(lambda digest: _fetch(store, digest))
        graph.walk([root])
        yield graph.view("containerd", f"containerd:{reference}")
    finally:
        connection.close()


class ContainerdBlob(msgspec.Struct, frozen=True):
    """Bytes in containerd's content store."""

    store: "Containerd"
    digest: Digest
    size_bytes: int

    @property
    def name(self) -> str:
        """The digest, and where it lies."""
        return f"{self.digest} of containerd at {self.store.address}"

    def chunks(self) -> Iterator[bytes]:
        """The bytes. Raises `ReadError`."""
        yield from self.store.read(self.digest)


def _root(store: "Containerd", reference: str, namespace: str) -> Root:
    parsed = reference_or_none(reference)
    names = dict.fromkeys([reference, *([parsed.name] if parsed is not None else [])])
    for name in names:
        target = store.image(name)
        if target is not None:
            found = Descriptor(digest=target.digest, size_bytes=target.size_bytes, media_type=target.media_type or None)
            return Root(found, (name,))
    tried = " or ".join(name[:200] for name in names)
    raise ReadError(f"containerd has no image {tried} in its namespace {namespace}")


def _fetch(store: "Containerd", digest: Digest) -> Blob | None:
    content = store.content(digest)
    return None if content is None else ContainerdBlob(store, digest, content.size_bytes)
