"""Turns an image of a running Docker into a view, through the daemon's socket.

Sources: moby api/swagger.yaml (`ImageInspect`, `ImageGet`), moby daemon/internal/image/tarexport. What the daemon would
save is read as it comes, and nothing is saved: the archive is a stream that is begun anew where something before it is
wanted. The image is asked for by its id, so that a tag that moves meanwhile changes nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast
from urllib.parse import quote

import msgspec

from tidewaiter.edge.docker_api import DockerApi
from tidewaiter.edge.rewound import Rewound
from tidewaiter.edge.runtime_sockets import may_be_socket, socket_of
from tidewaiter.image.blob import ReadError
from tidewaiter.image.docker_archive import read_docker_archive
from tidewaiter.image.limits import DOCUMENT_BYTES
from tidewaiter.image.tar_folder import TarFolder
from tidewaiter.image.view import Fault, Image, View
from tidewaiter.reference import parse_reference

_ARCHIVE_BYTES = 2**50
_SILENCE_S = 300.0
"""A daemon up to 24 writes the whole archive to its own disk before it sends the first byte."""


@contextmanager
def open_docker(reference: str, socket: str | None = None) -> Iterator[View]:
    """The view of an image that a Docker daemon has; its layers can be read until the context ends.

    Raises `ReadError` where the daemon cannot be asked or has no such image, and `ImageReferenceError` where the text
    can be no image's name or id.
    """
    socket = socket or socket_of("docker")
    if not may_be_socket(socket):
        raise ReadError(f"Docker does not listen at {socket}: there is no such socket")
    daemon = DockerApi(socket, _SILENCE_S)
    try:
        told = _inspected(daemon, reference)
        with Rewound(lambda: _archive(daemon, told["Id"])) as stream:
            folder = TarFolder(f"docker:{reference}", cast(BinaryIO, stream), _ARCHIVE_BYTES)
            yield _as_docker_tells(read_docker_archive(folder), told, reference)
    finally:
        daemon.close()


def _inspected(daemon: DockerApi, reference: str) -> dict[str, Any]:
    parse_reference(reference)
    told = daemon.get(f"/images/{quote(reference, safe='/:@')}/json", DOCUMENT_BYTES, reference)
    if not isinstance(told, dict) or not isinstance(told.get("Id"), str):
        raise ReadError(f"what listens at {daemon.socket} does not answer as Docker does")
    return told


@contextmanager
def _archive(daemon: DockerApi, image_id: str) -> Iterator[Iterator[bytes]]:
    with daemon.stream(f"/images/{quote(image_id, safe=':')}/get", "the image") as answer:
        yield answer.pieces()


def _as_docker_tells(view: View, told: dict[str, Any], reference: str) -> View:
    """The archive's images with the names that the daemon knows, and a fault where its id is none of theirs."""
    names = [reference, *_texts(told.get("RepoTags")), *_texts(told.get("RepoDigests"))]
    images = tuple(
        msgspec.structs.replace(image, references=tuple(dict.fromkeys((*names, *image.references))))
        for image in view.images
    )
    known = {digest for image in view.images for digest in _ids(image)} | {index.digest for index in view.indexes}
    faults = view.faults
    if told["Id"] not in known:
        why = f"Docker calls the image {told['Id'][:140]}, and nothing that it saves of it has this digest"
        faults = (*faults, Fault("image_id", told["Id"][:140], "no", why))
    return msgspec.structs.replace(view, form="docker", images=images, faults=faults)


def _ids(image: Image) -> Iterator[str]:
    """What Docker may call an image: its config's digest, or, with containerd's store, its manifest's."""
    for document in (image.config, image.manifest):
        if document is not None:
            yield document.digest


def _texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
