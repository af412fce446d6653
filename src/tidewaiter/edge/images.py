"""Turns what a user named (a file, a folder, `docker:REF`, `containerd:REF`, a registry's reference) into a view.

A path is taken for what its contents show, never for what its name says. What is no path goes to a registry only where
it names one: a misspelt file name must not become a question to Docker Hub.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import islice
from typing import BinaryIO

import msgspec

from tidewaiter.edge.containerd_images import open_containerd
from tidewaiter.edge.docker_images import open_docker
from tidewaiter.edge.image_files import DiskFolder, FileBlob, open_regular
from tidewaiter.edge.registry import open_registry
from tidewaiter.edge.registry_http import RegistryOptions
from tidewaiter.image.blob import ReadError
from tidewaiter.image.docker_archive import TABLE as DOCKER_TABLE
from tidewaiter.image.docker_archive import read_docker_archive
from tidewaiter.image.docker_archive_v1 import TABLE as V1_TABLE
from tidewaiter.image.docker_archive_v1 import layer_ids, read_docker_archive_v1
from tidewaiter.image.document import Document, Unread, parse_document, read_document
from tidewaiter.image.folder import Folder, printable
from tidewaiter.image.limits import DOCUMENT_BYTES
from tidewaiter.image.loose import Loose, described, read_loose, shape_of, what_is_wrong
from tidewaiter.image.oci_layout import MARK, read_oci_layout
from tidewaiter.image.oci_layout import TABLE as OCI_TABLE
from tidewaiter.image.tar_folder import GZIP, TarFolder
from tidewaiter.image.view import View
from tidewaiter.reference import reference_or_none

_ZSTD = b"\x28\xb5\x2f\xfd"
_WANTED = "manifest.json (docker save), index.json (OCI layout) or repositories (docker save before 1.10)"
_LINES = 10_000
_TEXT = bytes([*b"\t\n\f\r", *range(0x20, 0x7F), *range(0x80, 0x100)])
"""What text is made of, as far as a byte can tell."""


class NoImage(ValueError):
    """What was named holds no image: one sentence says what was looked for and what was found instead."""


class OpenOptions(msgspec.Struct, frozen=True):
    """How what is not a path is got at."""

    registry: RegistryOptions = RegistryOptions()
    docker_socket: str | None = None
    """None: where Docker usually listens."""
    containerd_address: str | None = None
    containerd_namespace: str | None = None


def open_view(target: str, options: OpenOptions | None = None) -> AbstractContextManager[View]:
    """The view of what a user named; layers can be read until the context ends.

    Raises `NoImage`, and of what is asked through a socket `ReadError` and `ImageReferenceError`.
    """
    chosen = options or OpenOptions()
    scheme, colon, rest = target.partition(":")
    if os.path.lexists(target):
        return open_path(target)
    if colon and scheme == "containerd":
        return open_containerd(rest, chosen.containerd_namespace, chosen.containerd_address)
    if colon and scheme == "docker" and not rest.startswith("//"):
        return open_docker(rest, chosen.docker_socket)
    if colon and scheme in ("docker", "registry"):
        return open_registry(rest.removeprefix("//"), chosen.registry)
    return open_registry(target, chosen.registry) if _names_registry(target) else open_path(target)


def _names_registry(target: str) -> bool:
    """Whether a reference begins with a host: only then may it be meant for a registry."""
    host, slash, _ = target.partition("/")
    is_host = "." in host or ":" in host or host == "localhost"
    if not slash or not is_host or host in (".", "..") or os.path.isdir(host):
        return False
    return reference_or_none(target) is not None


@contextmanager
def open_path(path: str) -> Iterator[View]:
    """The view of an archive or a folder; its layers can be read until the context ends. Raises `NoImage`."""
    if os.path.isdir(path):
        yield view_of_folder(DiskFolder(path), is_tar=False)
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open_regular(path))
        except OSError as error:
            raise NoImage(
                f"{path}: an archive or a folder of an image was looked for, and {_why_not(path, error)}"
            ) from error
        yield _archive(path, file)


def read_documents(path: str) -> Loose | None:
    """The single JSON documents of a file or a folder (not below it), or None where there are none."""
    if os.path.isdir(path):
        folder = DiskFolder(path)
        names = [name for name in folder.names() if "/" not in name]
        blobs = [blob for name in names if (blob := folder.get(name)) is not None]
    else:
        blobs = [FileBlob(path, path, os.path.getsize(path))]
    documents: list[Document] = []
    for blob in blobs:
        read = read_document(blob, blob.name)
        if isinstance(read, Document):
            documents.extend(_lines(read))
    known = [document for document in documents if shape_of(document) != "other"]
    return read_loose(path, known) if known else None


def _lines(document: Document) -> Iterator[Document]:
    """A document, or those that stand in its lines, as in a file of image facts."""
    if document.members or not document.data.startswith(b"{"):
        yield document
        return
    for number, line in enumerate(islice(document.data.splitlines(), _LINES), 1):
        if line.strip():
            yield parse_document(f"{document.name}:{number}", line)


def _why_not(path: str, error: OSError) -> str:
    if not isinstance(error, FileNotFoundError):
        return f"it cannot be opened: {error.strerror or error}"
    if not _could_be(path):
        return "nothing is there"
    return f"nothing is there; an image of a registry is named with its host, as in docker.io/library/{path}"


def _could_be(path: str) -> bool:
    """Whether what is no file may have been meant as a short image name."""
    return (
        not path.startswith((".", "/")) and not path.endswith((".tar", ".gz")) and reference_or_none(path) is not None
    )


def _archive(path: str, file: BinaryIO) -> View:
    """The view of a file, by its first bytes."""
    size = os.fstat(file.fileno()).st_size
    start = file.read(512)
    if not start:
        raise NoImage(f"{path}: a tar archive was looked for, and the file is empty")
    if start.startswith(_ZSTD):
        raise NoImage(
            f"{path}: a tar archive, plain or with gzip, was looked for, and it is packed with zstd: unpack it"
        )
    if start.lstrip()[:1] in (b"{", b"[") and b"\0" not in start:
        raise NoImage(f"{path}: an archive or a folder of an image was looked for, and it is {_json(path, file, size)}")
    try:
        folder = TarFolder(path, file, size)
    except ReadError as error:
        what = "something packed with gzip" if start.startswith(GZIP) else _kind(start)
        raise NoImage(f"{path}: a tar archive with an image was looked for, and it is {what} ({error})") from error
    return view_of_folder(folder, is_tar=True)


def _kind(start: bytes) -> str:
    """What the first bytes look like, where they are neither a tar file nor JSON."""
    return "text" if not start.translate(None, _TEXT) else "something else"


def _json(path: str, file: BinaryIO, size: int) -> str:
    if size > DOCUMENT_BYTES:
        return "one long JSON text"
    file.seek(0)
    document = parse_document(path, file.read(DOCUMENT_BYTES))
    if not document.members:
        return f"a JSON text that {document.faults[0]}" if document.faults else "an empty JSON object"
    beside = "" if shape_of(document) in ("other", "diff_ids") else f" ({document.digest}) without what it names"
    wrong = what_is_wrong(document)
    return f"{described(document)}{beside}{f'; {wrong}' if wrong else ''}"


def view_of_folder(folder: Folder, *, is_tar: bool) -> View:
    """The view of a tree of files, by the table that it has. Raises `NoImage`."""
    names = set(folder.names())
    if DOCKER_TABLE in names and not _is_skopeo_dir(folder):
        return read_docker_archive(folder)
    if OCI_TABLE in names or MARK in names:
        return read_oci_layout(folder, "oci_archive" if is_tar else "oci_layout")
    if V1_TABLE in names or layer_ids(folder):
        return read_docker_archive_v1(folder)
    if DOCKER_TABLE in names:
        raise NoImage(
            f"{folder.name}: {_WANTED} was looked for, and its manifest.json is one manifest, as in a `dir:` "
            "folder of skopeo: copy it to `oci:` first"
        )
    raise NoImage(f"{folder.name}: {_WANTED} was looked for, and it holds {_listed(names)}{_hint(folder)}")


def _is_skopeo_dir(folder: Folder) -> bool:
    """Whether `manifest.json` is one manifest instead of a table of images."""
    read = read_document(folder.get(DOCKER_TABLE), DOCKER_TABLE)
    return not isinstance(read, Unread) and shape_of(read) in ("index", "manifest", "schema1")


def _listed(names: Iterable[str]) -> str:
    tops = sorted({printable(name.partition("/")[0]) for name in names})
    if not tops:
        return "no files"
    more = f" and {len(tops) - 5} more" if len(tops) > 5 else ""
    return ", ".join(tops[:5]) + more


def _hint(folder: Folder) -> str:
    faults = list(folder.faults)
    if faults:
        return f"; {faults[0].subject}: {faults[0].reason}"
    tops = {name.partition("/")[0] for name in folder.names()}
    return ": the files of one layer or of a container, not an image" if {"etc", "usr", "bin"} & tops else ""
