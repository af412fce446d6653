"""Turns the layers of images into measurements, each layer's bytes read once however many images share it."""

from collections.abc import Callable, Iterator

import msgspec

from tidewaiter.image.blob import Blob
from tidewaiter.image.descriptor import is_encrypted
from tidewaiter.image.entries import Entry
from tidewaiter.image.unpack import Unpacked, unpack
from tidewaiter.image.view import Layer

OnProgress = Callable[[int], None]
"""Takes how many bytes were read since it was last called."""


class Measurements:
    """What was measured so far, kept by the blob: equal blobs are the same bytes at the same place."""

    def __init__(self, on_progress: OnProgress | None = None) -> None:
        self._on_progress = on_progress
        self._known: dict[object, Unpacked] = {}

    def of(self, layer: Layer, on_entry: Callable[[Entry], None] | None = None) -> Unpacked | None:
        """The layer's measurements, or None where its bytes are absent.

        With `on_entry` the layer is read again where it was read before, since entries are not kept.
        """
        blob, descriptor = layer.blob, layer.descriptor
        if blob is None:
            return None
        sha512 = descriptor is not None and descriptor.digest.startswith("sha512:")
        # Never by its name: two files may look alike once their names are made fit to be shown.
        key = (blob, descriptor is not None and is_encrypted(descriptor.media_type), sha512)
        found = self._known.get(key)
        if found is None or on_entry is not None:
            if self._on_progress is not None:
                layer = msgspec.structs.replace(layer, blob=_Told(blob, self._on_progress))
            found = self._known[key] = unpack(layer, on_entry, sha512)
        return found


class _Told:
    """A blob that tells how much of it is read."""

    def __init__(self, blob: Blob, on_progress: OnProgress) -> None:
        self._blob = blob
        self._on_progress = on_progress

    @property
    def name(self) -> str:
        """That of the blob."""
        return self._blob.name

    @property
    def size_bytes(self) -> int | None:
        """That of the blob."""
        return self._blob.size_bytes

    def chunks(self) -> Iterator[bytes]:
        """Those of the blob."""
        for chunk in self._blob.chunks():
            self._on_progress(len(chunk))
            yield chunk
