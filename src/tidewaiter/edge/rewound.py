"""Turns a stream that can be begun anew into a file that can be read anywhere, in flat memory and without a disk.

What is passed over in a short stretch is kept, as far as there is room: of an archive of an image these are the headers
and the documents, so that its table and its documents cost one stream, and layers in the order of the archive another.
"""

import io
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack

from tidewaiter.image.blob import ReadError

SHORT_BYTES = 1024 * 1024
KEPT_BYTES = 32 * 1024 * 1024
"""Most that is kept, in stretches of at most `SHORT_BYTES`."""

Begin = Callable[[], AbstractContextManager[Iterator[bytes]]]
"""Begins the stream: the same bytes each time, in pieces of any length. Raises `ReadError`, also while it is read."""


class Rewound(io.RawIOBase):
    """A readable, seekable file over a stream. Its end is known only when it is reached, so it cannot be sought from.

    Raises `ReadError` where the stream does, and where a stretch that was kept is another when it is read again.
    """

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._live = ExitStack()
        self._pieces: Iterator[bytes] = iter(())
        self._rest = memoryview(b"")
        """What came of the stream and was not taken yet; it begins at `_next`."""
        self._next = -1
        """Where the stream stands; -1 before it was begun."""
        self._at = 0
        self._starts: list[int] = []
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self.streams = 0
        """How often the stream was begun."""

    def close(self) -> None:
        """Leave the stream."""
        self._live.close()
        super().close()

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is; going back can mean that the stream is begun anew."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere; nothing is read before it must be."""
        if whence == io.SEEK_END:
            raise io.UnsupportedOperation("the end of a stream is not known")
        self._at = max(offset + (self._at if whence == io.SEEK_CUR else 0), 0)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """As many bytes as are asked for, fewer at the end of the stream only."""
        if size is None or size < 0:
            raise io.UnsupportedOperation("a stream is not read as a whole")
        data = bytearray()
        while len(data) < size:
            piece = self._kept_at(self._at, size - len(data)) or self._streamed(size - len(data))
            if not piece:
                break
            data += piece
            self._at += len(piece)
        return bytes(data)

    def _kept_at(self, start: int, size: int) -> bytes:
        """What is kept from `start` on, or nothing."""
        index = bisect_right(self._starts, start) - 1
        if index < 0:
            return b""
        offset = start - self._starts[index]
        return self._kept[index][offset : offset + size]

    def _streamed(self, size: int) -> bytes:
        """The next bytes of the stream at the place that is to be read; begins it, and passes over what is before."""
        if self._next < 0 or self._next > self._at:
            self._live.close()
            self._pieces = self._live.enter_context(self._begin())
            self._rest, self._next = memoryview(b""), 0
            self.streams += 1
        skipped = self._at - self._next
        if 0 < skipped <= SHORT_BYTES:
            self._keep(self._next, self._take(skipped))
        while self._next < self._at:
            if not self._take(min(SHORT_BYTES, self._at - self._next), whole=False):
                return b""
        piece = self._take(size)
        if len(piece) <= SHORT_BYTES // 16:
            self._keep(self._at, piece)
        return piece

    def _take(self, size: int, whole: bool = True) -> bytes:
        """The next bytes of the stream; with `whole` as many as are asked for, if there are so many."""
        taken = bytearray()
        while len(taken) < size:
            if not self._rest:
                found = next(self._pieces, None)
                if found is None:
                    break
                self._rest = memoryview(found)
                continue
            came = self._rest[: size - len(taken)]
            taken += came
            self._rest = self._rest[len(came) :]
            if not whole:
                break
        piece = bytes(taken)
        self._compare(self._next, piece)
        self._next += len(piece)
        return piece

    def _keep(self, start: int, data: bytes) -> None:
        if not data or self._kept_bytes + len(data) > KEPT_BYTES or self._kept_at(start, 1):
            return
        index = bisect_right(self._starts, start)
        self._starts.insert(index, start)
        self._kept.insert(index, data)
        self._kept_bytes += len(data)

    def _compare(self, start: int, piece: bytes) -> None:
        """A stream that is another than before must not be read on as if it were the same."""
        end = start + len(piece)
        index = max(bisect_right(self._starts, start) - 1, 0)
        while index < len(self._starts) and self._starts[index] < end:
            kept, at = self._kept[index], self._starts[index]
            first, last = max(at, start), min(at + len(kept), end)
            if first < last and piece[first - start : last - start] != kept[first - at : last - at]:
                raise ReadError("the stream is not the one that was read before")
            index += 1
