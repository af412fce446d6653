"""Turns a tar file, packed with gzip or not, into a folder whose files are read where they lie.

Only the table of members is held: about 300 bytes for each. Of two members with one name the last counts, as for
`tar -x`, and the fact is a fault: other readers take the first. Headers are read by `tar_stream.py`, as in layers.
"""

import gzip
import posixpath
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast

import msgspec

from tidewaiter.image.blob import CHUNK_BYTES, Blob, ReadError
from tidewaiter.image.folder import inside, printable
from tidewaiter.image.inflate import BoundError, BrokenDataError
from tidewaiter.image.limits import AGAIN_BYTES, ARCHIVE_MEMBERS, RATIO, RATIO_FLOOR_BYTES
from tidewaiter.image.tar_stream import BLOCK_BYTES, TarStream
from tidewaiter.image.tar_stream import Member as Header
from tidewaiter.image.view import Fault

GZIP = b"\x1f\x8b"
_LINKS = 16
_LOOKS = 64
"""So many chunks behind the end are looked at."""
_FILES = frozenset({b"0", b"\0", b"7", b"S"})
_UNREADABLE = (OSError, EOFError, zlib.error, ValueError)
"""What reading and `gzip` raise on hostile bytes."""


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
        self._at = 0
        """Where the header ends that is read."""
        file.seek(0)
        is_packed = file.read(2) == GZIP
        file.seek(0)
        if is_packed:
            unpacked = cast(BinaryIO, gzip.GzipFile(fileobj=file, mode="rb"))
            most = max(RATIO_FLOOR_BYTES, RATIO * size_bytes)
            self._file = _Bounded(unpacked, most, max(AGAIN_BYTES, RATIO * size_bytes))
        else:
            self._file = _Bounded(file, size_bytes, None)
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
        stream = TarStream(lambda header: self._add(header) if stream.members <= ARCHIVE_MEMBERS else None)
        start = 0
        try:
            while block := self._block(start):
                self._at = start + BLOCK_BYTES
                stream.feed(block)
                if stream.is_at_end:
                    self._look_behind_the_end()
                    return
                start = self._at + stream.pass_over()
                if stream.members > ARCHIVE_MEMBERS:
                    self._fault("archive", f"there are more than {ARCHIVE_MEMBERS} members", holds="unknown")
                    return
                if start > self._at and not self._block(start - 1, 1):
                    raise EOFError("it ends in the contents of a member")
            if not start:
                raise ReadError("it is empty")
            stream.finish()
        except (BrokenDataError, BoundError) as error:
            if not start:
                raise ReadError(str(error)) from error
            reason = f"what stands at byte {start} is no member, and the rest is not read: {error}"
            self._fault("archive", reason, holds="no" if isinstance(error, BrokenDataError) else "unknown")
        except _UNREADABLE as error:
            if not start:
                raise ReadError(str(error)) from error
            self._fault("archive", f"{error}; it cannot be read on after member {stream.members}", holds="unknown")

    def _look_behind_the_end(self) -> None:
        self._file.seek(self._at)
        for _ in range(_LOOKS):
            rest = self._file.read(CHUNK_BYTES)
            if rest.count(0) < len(rest):
                reason = f"more follows its end at byte {self._at}, where some readers read on; it is not read"
                self._fault("archive", reason, holds="unknown")
                return

    def _block(self, start: int, size: int = BLOCK_BYTES) -> bytes:
        """One block, or nothing at the end. Raises `EOFError` where only a part of it is there."""
        self._file.seek(start)
        block = self._file.read(size)
        if len(block) < size and block.strip(b"\0"):
            raise EOFError(f"what stands at byte {start} is no member, since the archive ends in it")
        return block if len(block) == size else b""

    def _add(self, member: Header) -> None:
        name = inside(member.name)
        if name is None:
            if posixpath.normpath(member.name) not in (".", "/"):
                self._fault(member.name, "the name leads out of the archive; it is not read")
            return
        if member.type == b"5" or (member.type == b"\0" and member.name.endswith("/")):
            return
        if name in self._files or name in self._links:
            self._fault(name, "the archive has it twice, and readers differ in which one they take")
            self._files.pop(name, None)
            self._links.pop(name, None)
        if member.type in (b"1", b"2"):
            target = inside(member.link, posixpath.dirname(name) if member.type == b"2" else "")
            if target is None:
                self._fault(name, f"it links to {printable(member.link)}, out of the archive; it is not read")
            else:
                self._links[name] = target
        elif member.type not in _FILES:
            self._fault(name, "it is a device or a pipe, which no image is made of")
        elif member.is_sparse:
            self._fault(name, "it is a sparse file, which is not read", holds="unknown")
        else:
            self._files[name] = Member(printable(name), self._file, self._at, member.size_bytes)

    def _fault(self, subject: str, reason: str, *, holds: str = "no") -> None:
        self.faults.append(Fault("structure", printable(subject), "no" if holds == "no" else "unknown", reason))


class _Bounded:
    """A file that hands out nothing beyond a bound, and goes back in packed data only for so long."""

    def __init__(self, file: BinaryIO, most_bytes: int, again_bytes: int | None) -> None:
        self._file = file
        self._most_bytes = most_bytes
        self._again_bytes = again_bytes
        """How much may still be unpacked again; None where going back costs nothing."""

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int) -> None:
        if offset > self._most_bytes:
            raise ReadError(f"it would be longer than {self._most_bytes} bytes")
        if self._again_bytes is not None and offset < self._file.tell():
            self._again_bytes -= offset
            if self._again_bytes < 0:
                raise ReadError("the packed archive would have to be unpacked again and again: unpack it first")
        self._file.seek(offset)
