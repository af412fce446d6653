"""Makes layers byte by byte, for what no honest tool writes: wrong sizes, checksums, names, packings."""

import gzip
import io
import tarfile
from collections.abc import Iterable, Iterator

import msgspec
import zstandard

from tidewaiter.image.blob import ReadError
from tidewaiter.image.entries import Entries, Entry
from tidewaiter.image.tar_stream import Member, TarStream

BLOCK = 512
END = bytes(2 * BLOCK)


def padded(data: bytes) -> bytes:
    """Contents up to the end of their last block."""
    return data + bytes(-len(data) % BLOCK)


def header(
    name: bytes,
    size: int | bytes = 0,
    kind: bytes = b"0",
    *,
    link: bytes = b"",
    mode: int = 0o644,
    magic: bytes = b"ustar\x0000",
    prefix: bytes = b"",
    checksum: bytes | None = None,
) -> bytes:
    """One header block, every field as wanted; its checksum is right where none is given."""
    sized = size if isinstance(size, bytes) else b"%011o\0" % size
    fields = (
        name.ljust(100, b"\0")
        + b"%07o\0%07o\0%07o\0" % (mode, 1000, 100)
        + sized
        + b"%011o\0" % 1_700_000_000
        + b" " * 8
        + kind
        + link.ljust(100, b"\0")
        + magic
    )
    block = bytearray(fields.ljust(345, b"\0") + prefix.ljust(155, b"\0") + bytes(12))
    block[148:156] = checksum if checksum is not None else b"%06o\0 " % sum(block)
    assert len(block) == BLOCK
    return bytes(block)


def file(name: bytes, data: bytes = b"x", **told: bytes) -> bytes:
    """A regular file with its contents."""
    return header(name, len(data), **told) + padded(data)  # type: ignore[arg-type]


def pax(records: dict[str, bytes], kind: bytes = b"x") -> bytes:
    """An extended header."""
    body = b""
    for key, value in records.items():
        rest = b" " + key.encode() + b"=" + value + b"\n"
        length = len(rest) + 1
        while len(b"%d" % length) + len(rest) != length:
            length += 1
        body += b"%d" % length + rest
    return raw_pax(body, kind)


def raw_pax(body: bytes, kind: bytes = b"x") -> bytes:
    """An extended header with any bytes in it."""
    return header(b"././@PaxHeader", len(body), kind) + padded(body)


def made(members: Iterable[tarfile.TarInfo], format: int = tarfile.GNU_FORMAT) -> bytes:
    """A tar file as Python makes it, the contents all zeros."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(bytes(member.size)) if member.isreg() else None)
    return out.getvalue()


def info(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    """A member for `made`."""
    member = tarfile.TarInfo(name)
    member.type, member.size, member.linkname, member.mode, member.mtime = kind, size, link, mode, 1_700_000_000
    return member


def zipped(data: bytes) -> bytes:
    """One gzip member."""
    return gzip.compress(data, 6, mtime=0)


def zstd(data: bytes, *, checksum: bool = False) -> bytes:
    """One Zstandard frame."""
    return zstandard.ZstdCompressor(write_checksum=checksum).compress(data)


def skippable(data: bytes) -> bytes:
    """A Zstandard frame that holds nothing of the content (zstd:chunked keeps its table of contents in one)."""
    return b"\x50\x2a\x4d\x18" + len(data).to_bytes(4, "little") + data


class Pieces(msgspec.Struct, frozen=True):
    """A blob that comes in pieces of a chosen size, and perhaps breaks off."""

    data: bytes
    piece_bytes: int = 1024 * 1024
    fails: bool = False
    name: str = "layer"
    size_bytes: int | None = None

    def chunks(self) -> Iterator[bytes]:
        """The pieces."""
        for start in range(0, len(self.data), self.piece_bytes):
            yield self.data[start : start + self.piece_bytes]
        if self.fails:
            raise ReadError("the line went dead")


def members_of(tar: bytes, piece_bytes: int = 1024 * 1024) -> list[Member]:
    """All members of a tar file that is whole."""
    found: list[Member] = []
    stream = TarStream(found.append)
    for start in range(0, len(tar), piece_bytes):
        stream.feed(tar[start : start + piece_bytes])
    stream.finish()
    return found


def judged(tar: bytes) -> tuple[list[Entry], list[str], list[str]]:
    """The entries of a tar file, what must not be in it, and what is unusual."""
    found: list[Entry] = []
    entries = Entries(found.append)
    for member in members_of(tar):
        entries.take(member)
    return found, entries.unsafe, entries.mentions
