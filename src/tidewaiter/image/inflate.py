"""Turns the bytes of a layer as they lie into the bytes of its tar file, in bounded memory.

Rules
- How they are packed is told by the first bytes: gzip (RFC 1952, several members), Zstandard (RFC 8878, several
  frames, skippable frames between them), else they are taken as they are.
- Every piece that comes out is a few MiB at most, whatever went in; `limits.py` bounds the whole, the ratio and the
  Zstandard window.
- What follows the end of compressed data and is no further member or frame is counted, not read.
"""

import zlib
from collections.abc import Iterable, Iterator

import zstandard

from tidewaiter.image.descriptor import Compression
from tidewaiter.image.limits import LAYER_BYTES, PARTS, RATIO, RATIO_FLOOR_BYTES, WINDOW_BYTES

_PIECE_BYTES = 1024 * 1024
# What is left of a step is copied at the end of each gzip member, so that small steps keep many small members cheap.
_STEP_BYTES = 16 * 1024
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = b"\x2a\x4d\x18"
_ZSTD_HEADER_BYTES = 18
_ZSTD_BLOCK_BYTES = 128 * 1024
_UNREADABLE = {b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"PK\x03\x04": "zip", b"\x04\x22\x4d\x18": "lz4"}
_MAGIC_BYTES = 6


class BrokenDataError(ValueError):
    """Nobody can unpack the bytes: they are cut short or contradict themselves. The message is a sentence."""


class BoundError(ValueError):
    """The bytes go beyond a bound of `limits.py`, or are of a form that is not read. The message is a sentence."""


class Packed:
    """Bytes that arrive in pieces of any size, taken in amounts that the reader chooses."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._held = b""
        self._at = 0
        self.taken_bytes = 0

    def peek(self, count: int) -> bytes:
        """The next bytes without taking them; fewer at the end."""
        while len(self._held) - self._at < count:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._held = self._held[self._at :] + piece if self._at < len(self._held) else piece
            self._at = 0
        return self._held[self._at : self._at + count]

    def take(self, count: int) -> bytes:
        """The next bytes; fewer at the end."""
        data = self.peek(count)
        self._at += len(data)
        self.taken_bytes += len(data)
        return data

    def take_some(self, limit: int) -> bytes:
        """At least one byte and at most `limit`, without waiting for more; none at the end."""
        self.peek(1)
        return self.take(min(limit, max(len(self._held) - self._at, 1)))


class Inflation:
    """One layer on its way out of its packing."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        """Raises what `pieces` raises: the first bytes are read at once."""
        self._packed = Packed(pieces)
        head = self._packed.peek(_MAGIC_BYTES)
        self._unreadable = next((name for magic, name in _UNREADABLE.items() if head.startswith(magic)), None)
        self.compression: Compression = "none"
        """As the bytes say; `unknown` where they are packed in a way that is not read."""
        if head.startswith(_GZIP):
            self.compression = "gzip"
        elif _begins_frame(head):
            self.compression = "zstd"
        elif self._unreadable is not None:
            self.compression = "unknown"
        self.plain_bytes = 0
        """How many came out so far."""
        self._parts = 0
        self.trailing_bytes = 0
        """How many follow the end of the compressed data and belong to nothing."""
        self.padding_bytes = 0
        """How many zeros follow the end of the compressed data."""

    def chunks(self) -> Iterator[bytes]:
        """The plain bytes, once. Raises `BrokenDataError`, `BoundError`, and what the pieces raise."""
        if self.compression == "unknown":
            raise BoundError(f"the layer is {self._unreadable} data, which is not read")
        if self.compression == "none":
            return self._bounded(self._as_they_are())
        return self._bounded(self._gunzip() if self.compression == "gzip" else self._unzstd())

    def _bounded(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.plain_bytes = total = self.plain_bytes + len(chunk)
            if total > RATIO_FLOOR_BYTES and total > RATIO * self._packed.taken_bytes:
                raise BoundError(
                    f"the layer expands to more than {RATIO} times its size; reading stopped at {total} bytes"
                )
            if total > LAYER_BYTES:
                raise BoundError(f"the layer expands to more than {LAYER_BYTES} bytes")
            yield chunk

    def _begin_part(self) -> None:
        """Count a member, a frame or a block: millions of empty ones cost time and give nothing."""
        self._parts += 1
        if self._parts > PARTS:
            raise BoundError(f"the compressed data has more than {PARTS} parts")

    def _as_they_are(self) -> Iterator[bytes]:
        while data := self._packed.take_some(_PIECE_BYTES):
            yield data

    def _gunzip(self) -> Iterator[bytes]:
        inflater = zlib.decompressobj(wbits=31)
        while raw := self._packed.take_some(_STEP_BYTES):
            while True:
                try:
                    data = inflater.decompress(raw, _PIECE_BYTES)
                except zlib.error as error:
                    raise BrokenDataError(f"the gzip data is broken: {error}") from None
                if data:
                    yield data
                if not inflater.eof:
                    raw = inflater.unconsumed_tail
                    if raw or len(data) == _PIECE_BYTES:
                        continue
                    break
                raw = inflater.unused_data or self._packed.take_some(_STEP_BYTES)
                if not raw.startswith(_GZIP[:1]):
                    self._trail(raw)
                    return
                self._begin_part()
                inflater = zlib.decompressobj(wbits=31)
        raise BrokenDataError("the gzip data is cut short")

    def _unzstd(self) -> Iterator[bytes]:
        decompressor = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES)
        while head := self._packed.peek(_ZSTD_HEADER_BYTES):
            self._begin_part()
            if head.startswith(_SKIPPABLE, 1) and _begins_frame(head):
                if len(head) < 8:
                    raise BrokenDataError("the Zstandard data is cut short")
                self._packed.take(8)
                self._skip(int.from_bytes(head[4:8], "little"))
            elif head.startswith(_ZSTD):
                yield from self._frame(decompressor, head)
            else:
                self._trail(self._packed.take_some(_STEP_BYTES))
                return

    def _frame(self, decompressor: zstandard.ZstdDecompressor, head: bytes) -> Iterator[bytes]:
        """One frame, a few blocks at a time: a block gives 128 KiB at most, but so may every four bytes."""
        try:
            parameters = zstandard.get_frame_parameters(head)
            pending = bytearray(self._packed.take(zstandard.frame_header_size(head)))
        except zstandard.ZstdError as error:
            if "memory" in str(error):
                raise BoundError("the Zstandard window is larger than any that can be read") from None
            raise BrokenDataError(f"the Zstandard data is broken: {error}") from None
        if parameters.window_size > WINDOW_BYTES:
            raise BoundError(
                f"the Zstandard window is {parameters.window_size} bytes; more than {WINDOW_BYTES} are not read"
            )
        frame = decompressor.decompressobj()
        at_most, is_last = 0, False
        while not is_last:
            self._begin_part()
            header = self._packed.take(3)
            told = int.from_bytes(header, "little")
            is_last, kind, size = bool(told & 1), told >> 1 & 3, told >> 3
            body = self._packed.take(1 if kind == 1 else size)
            if len(header) < 3 or len(body) < (1 if kind == 1 else size):
                raise BrokenDataError("the Zstandard data is cut short")
            pending += header
            pending += body
            at_most += _ZSTD_BLOCK_BYTES
            if is_last and parameters.has_checksum:
                pending += self._packed.take(4)
            if is_last or at_most >= _PIECE_BYTES:
                try:
                    data = frame.decompress(bytes(pending))
                except zstandard.ZstdError as error:
                    raise BrokenDataError(f"the Zstandard data is broken: {error}") from None
                if data:
                    yield data
                pending.clear()
                at_most = 0
        if not frame.eof:
            raise BrokenDataError("the Zstandard data is cut short")

    def _skip(self, count: int) -> None:
        while count:
            data = self._packed.take_some(min(count, _PIECE_BYTES))
            if not data:
                raise BrokenDataError("the Zstandard data is cut short")
            count -= len(data)

    def _trail(self, raw: bytes) -> None:
        """Count what follows the end, up to the last byte."""
        is_padding = True
        count = 0
        while raw:
            is_padding = is_padding and not raw.strip(b"\0")
            count += len(raw)
            raw = self._packed.take_some(_PIECE_BYTES)
        self.padding_bytes = count if is_padding else 0
        self.trailing_bytes = 0 if is_padding else count


def _begins_frame(head: bytes) -> bool:
    return head.startswith(_ZSTD) or (len(head) >= 4 and head[0] & 0xF0 == 0x50 and head.startswith(_SKIPPABLE, 1))
