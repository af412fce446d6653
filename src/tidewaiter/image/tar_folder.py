"""Turns a tar file, packed with gzip or not, into a folder whose files are read where they lie.

Only the table of members is held: about 300 bytes for each. Of two members with one name the last counts, as for
`tar -x`, and the fact is a fault: other readers take the first. Formats: POSIX.1-2001 pax, GNU tar.
"""

import gzip
import posixpath
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast

import msgspec

from tidewaiter.image.blob import CHUNK_BYTES, Blob, ReadError
from tidewaiter.image.folder import inside, printable
from tidewaiter.image.limits import ARCHIVE_MEMBERS, RATIO, RATIO_FLOOR_BYTES, TAR_HEADER_BYTES
from tidewaiter.image.view import Fault

GZIP = b"\x1f\x8b"
_LINKS = 16
_MOST_READ = max(CHUNK_BYTES, TAR_HEADER_BYTES)
_ZEROS = bytes(512)
_UNREADABLE = (OSError, EOFError, zlib.error, tarfile.TarError, ValueError, RecursionError)
"""What `tarfile` and `gzip` raise on hostile bytes."""


class Member(msgspec.Struct, frozen=True):
    """A regular file inside an archive."""

    name: str
    file: "_Bounded"
    offset: int
    size_bytes: int

    def chunks(self) -> Iterator[bytes]:
        """Its bytes. Raises `ReadError`."""
        at, end = self.offset, self.offset + self.size_bytes
        while at < end:
            try:
                self.file.seek(at)
                chunk = self.file.read(min(CHUNK_BYTES, end - at))
            except _UNREADABLE as error:
                raise ReadError(f"{self.name}: {error}") from error
            if not chunk:
                raise ReadError(f"{self.name}: the archive ends {end - at} bytes before the end of this member")
            yield chunk
            at += len(chunk)


class TarFolder:
    """The files of a tar file. `file` is seekable and stays open; raises `ReadError` where it is no tar file."""

    def __init__(self, name: str, file: BinaryIO, size_bytes: int) -> None:
        self.name = name
        self.faults: list[Fault] = []
        self._files: dict[str, Member] = {}
        self._links: dict[str, str] = {}
        file.seek(0)
        is_packed = file.read(2) == GZIP
        file.seek(0)
        if is_packed:
            unpacked = cast(BinaryIO, gzip.GzipFile(fileobj=file, mode="rb"))
            self._file = _Bounded(unpacked, max(RATIO_FLOOR_BYTES, RATIO * size_bytes))
        else:
            self._file = _Bounded(file, size_bytes)
        self._index()

    def names(self) -> Iterable[str]:
        """All files, links to files included."""
        yield from self._files
        yield from (name for name in self._links if self.get(name) is not None)

    def get(self, name: str) -> Blob | None:
        """A file by its name, through links that stay inside the archive."""
        for _ in range(_LINKS):
            found = self._files.get(name)
            if found is not None:
                return found
            target = self._links.get(name)
            if target is None:
                return None
            name = target
        return None

    def _index(self) -> None:
        """Read the table of members, up to the first thing that is none."""
        try:
            self._file.seek(0)
            archive = tarfile.open(fileobj=cast(BinaryIO, self._file), mode="r:")  # noqa: SIM115 - closes nothing of its own
        except _UNREADABLE as error:
            raise ReadError(str(error)) from error
        member, count, before = archive.next(), 0, -1
        while member is not None:
            archive.members = []  # type: ignore[attr-defined] # tarfile would keep every member that it read
            count += 1
            if archive.offset <= before or member.size < 0:
                self._fault(member.name, "its size would lead back in the archive; the rest is not read")
                return
            if count > ARCHIVE_MEMBERS:
                self._fault("archive", f"there are more than {ARCHIVE_MEMBERS} members", holds="unknown")
                return
            before = archive.offset
            self._add(member)
            try:
                member = archive.next()
            except _UNREADABLE as error:
                self._fault("archive", f"it cannot be read on after member {count}: {error}", holds="unknown")
                return
        self._check_end(archive.offset)

    def _check_end(self, offset: int) -> None:
        try:
            self._file.seek(offset)
            rest = self._file.read(512)
        except _UNREADABLE as error:
            self._fault("archive", f"its end cannot be read: {error}", holds="unknown")
            return
        if rest and rest != _ZEROS[: len(rest)]:
            self._fault("archive", f"what stands at byte {offset} is no member; the rest is not read", holds="unknown")

    def _add(self, member: tarfile.TarInfo) -> None:
        name = inside(member.name)
        if name is None:
            if posixpath.normpath(member.name) not in (".", "/"):
                self._fault(member.name, "the name leads out of the archive; it is not read")
            return
        if member.isdir():
            return
        if name in self._files or name in self._links:
            self._fault(name, "the archive has it twice, and readers differ in which one they take")
            self._files.pop(name, None)
            self._links.pop(name, None)
        if member.issym() or member.islnk():
            target = inside(member.linkname, posixpath.dirname(name) if member.issym() else "")
            if target is None:
                self._fault(name, f"it links to {printable(member.linkname)}, out of the archive; it is not read")
            else:
                self._links[name] = target
        elif not member.isreg():
            self._fault(name, "it is a device or a pipe, which no image is made of")
        elif member.issparse():
            self._fault(name, "it is a sparse file, which is not read", holds="unknown")
        else:
            self._files[name] = Member(printable(name), self._file, member.offset_data, member.size)

    def _fault(self, subject: str, reason: str, *, holds: str = "no") -> None:
        self.faults.append(Fault("structure", printable(subject), "no" if holds == "no" else "unknown", reason))


class _Bounded:
    """A file that hands out no header that is too long, and nothing beyond a bound."""

    def __init__(self, file: BinaryIO, most_bytes: int) -> None:
        self._file = file
        self._most_bytes = most_bytes

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MOST_READ:
            raise ReadError(f"a header would have {size} bytes")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        if offset > self._most_bytes:
            raise ReadError(f"it would be longer than {self._most_bytes} bytes")
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
