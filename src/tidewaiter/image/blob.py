"""Defines what bytes of an image look like to the rest: something with a name that can be read from the start."""

from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

from tidewaiter.digest import Digest

CHUNK_BYTES = 1024 * 1024


class ReadError(OSError):
    """Bytes of an image could not be got: cut short, broken, refused. The message is a sentence."""


class Blob(Protocol):
    """Bytes that lie somewhere, read in one go from their beginning, any number of times.

    Hashable; two that are equal are the same bytes at the same place.
    """

    @property
    def name(self) -> str:
        """Where they lie, for people: a path in an archive, a file, a URL. Untrusted text."""

    @property
    def size_bytes(self) -> int | None:
        """How many they are, as the place where they lie says; None where it does not."""

    def chunks(self) -> Iterator[bytes]:
        """The bytes, in order. Raises `ReadError`."""


class Bytes(msgspec.Struct, frozen=True):
    """A blob that is held in memory: what a descriptor embeds, and what was read already."""

    name: str
    data: bytes

    @property
    def size_bytes(self) -> int:
        """Their number."""
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        """All at once."""
        yield self.data


class Bounded(msgspec.Struct, frozen=True):
    """A blob of a place that does not say how long it is, and that could therefore send without end.

    It ends with the first chunk that passes `limit_bytes`, what a descriptor tells: the size is disproven then, and so
    is the digest.
    """

    blob: Blob
    limit_bytes: int

    @property
    def name(self) -> str:
        """That of the blob itself."""
        return self.blob.name

    @property
    def size_bytes(self) -> int | None:
        """Still not known."""
        return None

    def chunks(self) -> Iterator[bytes]:
        """The bytes as far as they are wanted. Raises `ReadError`."""
        done = 0
        for chunk in self.blob.chunks():
            yield chunk
            done += len(chunk)
            if done > self.limit_bytes:
                return


Fetch = Callable[[Digest], Blob | None]
"""A store of content: the blob that lies under a digest, or None where there is none. Whether the bytes are those of
the digest is not promised: `validate.py` proves it."""


def read_whole(blob: Blob, limit_bytes: int) -> bytes | None:
    """All bytes of a blob, or None where they are more than `limit_bytes`. Raises `ReadError`."""
    if blob.size_bytes is not None and blob.size_bytes > limit_bytes:
        return None
    data = bytearray()
    for chunk in blob.chunks():
        data += chunk
        if len(data) > limit_bytes:
            return None
    return bytes(data)
