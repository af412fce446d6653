"""Turns a file on disk, plain or compressed, into chunks of plain bytes with the position reached in the file.

Rules
- The form is told by the first bytes, never by the name: gzip (RFC 1952, several members), Zstandard (RFC 8878,
  several frames), UTF-16 with a byte order mark; anything else is taken as it is. A UTF-8 byte order mark is dropped.
- A file that is cut short or broken gives everything before the fault, then raises `StreamError`.
- Decompression is bounded: a Zstandard window of 128 MiB, chunks of a bounded size, and an end once more than
  1 GiB came out at more than 1,000 times the bytes that went in.
"""

import codecs
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import msgspec
import zstandard

from tidewaiter.edge.paths import STDIN

CHUNK_BYTES = 256 * 1024
MAX_WINDOW_BYTES = 128 * 1024 * 1024
MAX_RATIO = 1000
RATIO_FLOOR_BYTES = 1024 * 1024 * 1024
_READ_BYTES = 64 * 1024
# One block of Zstandard is 3 bytes at least and 128 KiB of output at most, so that this many bytes of input give no
# more than about 90 MiB at once.
_ZSTD_STEP_BYTES = 2048
_HEAD_BYTES = 8
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_UNREADABLE = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
    b"\x04\x22\x4d\x18": "lz4",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"PAR1": "Parquet",
}


class StreamError(ValueError):
    """A file cannot be read on: it is cut short, broken, or of a form that is not read. The message is a sentence."""


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """Some bytes of the plain text of a file."""

    data: bytes
    position: int
    """How many bytes of the file, as it lies on disk, are behind this chunk's end at most."""


def chunks(path: str, size: int = CHUNK_BYTES) -> Iterator[Chunk]:
    """Yield the plain bytes of `path` (`-`: standard input) in chunks of about `size` bytes.

    Raises `OSError` where the file cannot be opened or read, and `StreamError` after everything that could be read.
    """
    with _opened(path) as file:
        yield from _plain(_decompressed(_pieces(file, size), size))


def _opened(path: str) -> BinaryIO:
    return open(0, "rb", buffering=0, closefd=False) if path == STDIN else open(path, "rb", buffering=0)


def _pieces(file: BinaryIO, size: int) -> Iterator[Chunk]:
    """Read the file; the first piece holds at least the bytes that tell the form, where there are so many."""
    position = 0
    head: bytes | None = b""
    while data := file.read(size):
        position += len(data)
        if head is not None:
            data = head + data
            if len(data) < _HEAD_BYTES:
                head = data
                continue
            head = None
        yield Chunk(data, position)
    if head:
        yield Chunk(head, position)


def _decompressed(pieces: Iterator[Chunk], size: int) -> Iterator[Chunk]:
    first = next(pieces, None)
    if first is None:
        return
    data = first.data
    if data.startswith(_GZIP):
        yield from _bounded(_gunzip(_with(first, pieces), size))
    elif data.startswith(_ZSTD) or (data[1:4] == b"\x2a\x4d\x18" and data[0] & 0xF0 == 0x50):
        yield from _bounded(_unzstd(_with(first, pieces), size))
    else:
        for magic, name in _UNREADABLE.items():
            if data.startswith(magic):
                raise StreamError(f"is {name} data, which is not read; unpack it first")
        yield from _with(first, pieces)


def _with(first: Chunk, rest: Iterator[Chunk]) -> Iterator[Chunk]:
    yield first
    yield from rest


def _bounded(decompressed: Iterator[Chunk]) -> Iterator[Chunk]:
    total = 0
    for chunk in decompressed:
        yield chunk
        total += len(chunk.data)
        if total > RATIO_FLOOR_BYTES and total > MAX_RATIO * chunk.position:
            raise StreamError(f"expands to more than {MAX_RATIO} times its size; reading stopped at {total} bytes")


def _gunzip(pieces: Iterator[Chunk], size: int) -> Iterator[Chunk]:
    inflater = zlib.decompressobj(wbits=31)
    for piece in pieces:
        for start in range(0, len(piece.data), _READ_BYTES):
            raw = piece.data[start : start + _READ_BYTES]
            while raw:
                if inflater.eof:
                    # Tapes and some tools pad the last member with zeros (RFC 1952 leaves it open; gzip ignores them).
                    raw = raw.lstrip(b"\0")
                    if raw:
                        inflater = zlib.decompressobj(wbits=31)
                    continue
                try:
                    data = inflater.decompress(raw, size)
                except zlib.error as error:
                    raise StreamError(f"holds broken gzip data near byte {piece.position} ({error})") from None
                raw = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
                if data:
                    yield Chunk(data, piece.position)
                while not raw and len(data) == size and not inflater.eof:
                    data = inflater.decompress(b"", size)
                    if data:
                        yield Chunk(data, piece.position)
    if not inflater.eof:
        raise StreamError("is cut short: the gzip data has no end")


def _unzstd(pieces: Iterator[Chunk], size: int) -> Iterator[Chunk]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES)
    frame = decompressor.decompressobj()
    ready: list[bytes] = []
    ready_bytes = 0
    position = 0
    fault: str | None = None
    for piece in pieces:
        position = piece.position
        for start in range(0, len(piece.data), _ZSTD_STEP_BYTES):
            raw = piece.data[start : start + _ZSTD_STEP_BYTES]
            while raw and fault is None:
                if frame.eof:
                    frame = decompressor.decompressobj()
                try:
                    data = frame.decompress(raw)
                except zstandard.ZstdError as error:
                    fault = f"holds broken Zstandard data near byte {position} ({error})"
                    break
                raw = frame.unused_data if frame.eof else b""
                ready.append(data)
                ready_bytes += len(data)
            if ready_bytes >= size:
                yield Chunk(b"".join(ready), position)
                ready, ready_bytes = [], 0
        if fault is not None:
            break
    if ready_bytes:
        yield Chunk(b"".join(ready), position)
    if fault is not None:
        raise StreamError(fault)
    if not frame.eof:
        raise StreamError("is cut short: the Zstandard data has no end")


def _plain(pieces: Iterator[Chunk]) -> Iterator[Chunk]:
    """Drop a UTF-8 byte order mark, and turn UTF-16 (what PowerShell's `>` writes) into UTF-8."""
    head: bytes | None = b""
    decoder: codecs.IncrementalDecoder | None = None
    position = 0
    for piece in pieces:
        position = piece.position
        data = piece.data
        if head is not None:
            data = head + data
            if len(data) < len(codecs.BOM_UTF8):
                head = data
                continue
            head = None
            if data.startswith(codecs.BOM_UTF8):
                data = data[len(codecs.BOM_UTF8) :]
            elif data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                decoder = codecs.getincrementaldecoder("utf-16")("replace")
        if decoder is not None:
            data = decoder.decode(data).encode("utf-8", "replace")
        yield Chunk(data, position)
    if head:
        yield Chunk(head, position)
