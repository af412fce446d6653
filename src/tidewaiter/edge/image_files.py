"""Turns files and folders on this machine into the blobs and folders that images are read from."""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import msgspec

from tidewaiter.image.blob import CHUNK_BYTES, Blob, ReadError
from tidewaiter.image.folder import inside, printable
from tidewaiter.image.limits import ARCHIVE_MEMBERS
from tidewaiter.image.view import Fault


class FileBlob(msgspec.Struct, frozen=True):
    """The bytes of a regular file."""

    name: str
    path: str
    size_bytes: int

    def chunks(self) -> Iterator[bytes]:
        """Its bytes. Raises `ReadError`."""
        try:
            with open_regular(self.path) as file:
                while chunk := file.read(CHUNK_BYTES):
                    yield chunk
        except OSError as error:
            raise ReadError(f"{self.name}: {error.strerror or error}") from error


class DiskFolder:
    """The files below a folder; links count where they stay below it."""

    def __init__(self, path: str) -> None:
        self.name = path
        self.faults: list[Fault] = []
        self._root = os.path.realpath(path)
        self._names: list[str] | None = None

    def names(self) -> Iterable[str]:
        """All regular files, sorted; too many are a fault."""
        if self._names is None:
            found: list[str] = []
            for folder, folders, files in os.walk(self._root):
                folders.sort()
                below = os.path.relpath(folder, self._root)
                found.extend(os.path.normpath(os.path.join(below, file)) for file in sorted(files))
                if len(found) > ARCHIVE_MEMBERS:
                    self._fault("folder", f"there are more than {ARCHIVE_MEMBERS} files")
                    break
            self._names = found[:ARCHIVE_MEMBERS]
        return self._names

    def get(self, name: str) -> Blob | None:
        """A regular file by its name."""
        if inside(name) != name:
            return None
        path = os.path.realpath(os.path.join(self._root, name))
        if os.path.commonpath((path, self._root)) != self._root:
            self._fault(printable(name), "it links to a file out of the folder; it is not read")
            return None
        try:
            told = os.stat(path)
        except (OSError, ValueError):
            return None
        # By its real name: many links to one file are one blob.
        real = printable(os.path.relpath(path, self._root))
        return FileBlob(real, path, told.st_size) if stat.S_ISREG(told.st_mode) else None

    def _fault(self, subject: str, reason: str) -> None:
        fault = Fault("structure", subject, "unknown", reason)
        if fault not in self.faults:
            self.faults.append(fault)


@contextmanager
def open_regular(path: str) -> Iterator[BinaryIO]:
    """A regular file, open for reading. Raises `OSError`; a pipe or a device is not waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is no regular file")
        yield file
