"""Turns the bytes of one layer into its digest, its diff_id and its entries, in one pass and flat memory."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from tidewaiter.digest import Digest
from tidewaiter.image.blob import ReadError
from tidewaiter.image.descriptor import Compression, is_encrypted
from tidewaiter.image.entries import Entries, Entry
from tidewaiter.image.inflate import BoundError, BrokenDataError, Inflation
from tidewaiter.image.limits import LAYER_BYTES
from tidewaiter.image.tar_stream import TarStream
from tidewaiter.image.view import Fault, Layer


class Unpacked(msgspec.Struct):
    """What the bytes of one layer prove, and what is wrong with them."""

    layer_digest: Digest | None
    """SHA-256 of the bytes as they lie; None where they could not be read to their end."""
    checksums: dict[str, str]
    """`sha512`: hex, where it was asked for and the bytes could be read to their end."""
    size_bytes: int
    """How many bytes were read."""
    diff_id: Digest | None
    """SHA-256 of the tar file; None where a bound or a fault ended it."""
    plain_bytes: int
    """How many bytes of the tar file were seen."""
    compression: Compression
    """As the bytes say; `validate.py` compares it with the media type."""
    faults: tuple[Fault, ...]
    mentions: tuple[str, ...] = ()
    """What is unusual and breaks nothing (devices, absolute names, repeated paths ...): sentences without a full
    stop."""


def unpack(layer: Layer, on_entry: Callable[[Entry], None] | None = None, sha512: bool = False) -> Unpacked:
    """Read a layer once, to its end whatever it holds; each safe entry goes to `on_entry` in the order of the file.

    Nothing is raised for bytes, however hostile: what cannot be read or unpacked is a fault. Its subject is the
    digest in the descriptor, else the path, else the blob's name.
    """
    return _Unpacking(layer, on_entry, sha512).run()


class _Unpacking:
    """One pass over one layer."""

    def __init__(self, layer: Layer, on_entry: Callable[[Entry], None] | None, sha512: bool) -> None:
        self._layer = layer
        self._sha256 = hashlib.sha256()
        self._sha512 = hashlib.sha512() if sha512 else None
        self._size_bytes = 0
        self._plain_bytes = 0
        self._compression: Compression = "unknown"
        self._entries = Entries(on_entry)
        self._tar = TarStream(self._entries.take)
        self._tar_is_broken = False
        self._faults: list[tuple[str, Literal["no", "unknown"], str]] = []
        self._mentions: list[str] = []

    def run(self) -> Unpacked:
        """Read all."""
        layer_digest: Digest | None = None
        diff_id: Digest | None = None
        pieces = self._pieces()
        try:
            diff_id = self._diff_id(pieces)
            for _ in pieces:
                pass
            layer_digest = "sha256:" + self._sha256.hexdigest()
        except ReadError as error:
            why = f"the layer could not be read to its end: {error}"
            self._faults += [("layer_digest", "unknown", why), ("diff_id", "unknown", why)]
            diff_id = None
        self._faults += [("layer_content", "no", why) for why in self._entries.unsafe]
        is_whole, subject = layer_digest is not None, self._subject()
        return Unpacked(
            layer_digest=layer_digest,
            checksums={"sha512": self._sha512.hexdigest()} if is_whole and self._sha512 is not None else {},
            size_bytes=self._size_bytes,
            diff_id=diff_id,
            plain_bytes=self._plain_bytes,
            compression=self._compression,
            faults=tuple(Fault(relation, subject, holds, why) for relation, holds, why in self._faults),
            mentions=(*self._mentions, *self._entries.mentions),
        )

    def _subject(self) -> str:
        if self._layer.descriptor is not None:
            return self._layer.descriptor.digest
        return self._layer.path or (self._layer.blob.name if self._layer.blob is not None else "")

    def _pieces(self) -> Iterator[bytes]:
        """The bytes as they lie, hashed on their way."""
        if self._layer.blob is None:
            raise ReadError("it is not there")
        for piece in self._layer.blob.chunks():
            self._sha256.update(piece)
            if self._sha512 is not None:
                self._sha512.update(piece)
            self._size_bytes += len(piece)
            if self._size_bytes > LAYER_BYTES:
                raise ReadError(f"it is longer than {LAYER_BYTES} bytes")
            yield piece

    def _diff_id(self, pieces: Iterator[bytes]) -> Digest | None:
        """Unpack as far as that goes, and look at the tar file on the way."""
        descriptor = self._layer.descriptor
        if descriptor is not None and is_encrypted(descriptor.media_type):
            self._faults.append(("diff_id", "unknown", "the layer is encrypted: only who has the key can unpack it"))
            return None
        inflation = Inflation(pieces)
        self._compression = inflation.compression
        # What is not packed has the hash of the layer itself.
        plain = hashlib.sha256() if inflation.compression != "none" else self._sha256
        try:
            for chunk in inflation.chunks():
                if plain is not self._sha256:
                    plain.update(chunk)
                self._feed(chunk)
        except BrokenDataError as error:
            self._faults.append(("diff_id", "no", str(error)))
            return None
        except BoundError as error:
            self._faults.append(("diff_id", "unknown", str(error)))
            return None
        finally:
            self._plain_bytes = inflation.plain_bytes
        self._end(inflation)
        return "sha256:" + plain.hexdigest()

    def _feed(self, chunk: bytes | None) -> None:
        """Read on in the tar file, or end it (None); a fault in it ends only the reading of entries."""
        if self._tar_is_broken:
            return
        try:
            if chunk is None:
                self._tar.finish()
            else:
                self._tar.feed(chunk)
        except BrokenDataError as error:
            self._tar_is_broken = True
            self._faults.append(("layer_content", "no", str(error)))
        except BoundError as error:
            self._tar_is_broken = True
            self._faults.append(("layer_content", "unknown", str(error)))

    def _end(self, inflation: Inflation) -> None:
        """What the end shows, once all was unpacked."""
        self._feed(None)
        if inflation.trailing_bytes:
            why = f"{inflation.trailing_bytes} bytes follow the end of the compressed data; some readers refuse them"
            self._faults.append(("layer_content", "unknown", why))
        if inflation.padding_bytes:
            self._mentions.append(f"{inflation.padding_bytes} zeros follow the end of the compressed data")
        if self._tar.hidden_bytes:
            self._mentions.append(f"{self._tar.hidden_bytes} bytes that are not zero follow the end of the tar file")
