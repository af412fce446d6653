"""Turns a blob of a registry into its bytes, resumed where the connection breaks off.

Nothing is verified here: whoever reads the bytes to their end compares their digest. A resumed download whose pieces do
not belong together therefore shows as a digest mismatch.
"""

import re
from collections.abc import Iterator

import httpx
import msgspec

from tidewaiter.digest import Digest
from tidewaiter.edge.registry_http import BrokenOff, RegistryClient
from tidewaiter.image.blob import ReadError
from tidewaiter.image.limits import LAYER_BYTES

_PROGRESS_BYTES = 1024 * 1024
"""A connection that brought less does not count as progress, so that a registry cannot break off for ever."""
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)\Z")


class RegistryBlob(msgspec.Struct, frozen=True):
    """Bytes in a registry; each reading downloads them."""

    client: RegistryClient
    digest: Digest

    @property
    def name(self) -> str:
        """Its URL."""
        return self.client.where(self._below)

    @property
    def size_bytes(self) -> int | None:
        """Not known before it is asked for."""
        return None

    def chunks(self) -> Iterator[bytes]:
        """The bytes. Raises `ReadError`."""
        done, failures = 0, 0
        while True:
            started = done
            try:
                for chunk in self._from(done):
                    done += len(chunk)
                    if done > LAYER_BYTES:
                        raise ReadError(f"{self.name} is longer than {LAYER_BYTES} bytes")
                    yield chunk
                return
            except BrokenOff as error:
                failures = failures + 1 if done - started < _PROGRESS_BYTES else 1
                if failures > self.client.options.retries:
                    raise ReadError(f"{self.name} breaks off after {done} bytes, each time: {error}") from None
            self.client.pause(failures - 1)

    def _from(self, start: int) -> Iterator[bytes]:
        """The bytes from `start` on: of a registry that knows ranges only those, else all are got again."""
        headers = {"Accept": "*/*"} | ({"Range": f"bytes={start}-"} if start else {})
        with self.client.open(self._below, headers) as response:
            skip = start - _first_byte(response)
            if skip < 0:
                raise ReadError(f"{self.name} was asked for its bytes from {start} on, and sent later ones")
            for chunk in self.client.steadily(response):
                if skip < len(chunk):
                    yield chunk[skip:]
                skip = max(skip - len(chunk), 0)

    @property
    def _below(self) -> str:
        return f"blobs/{self.digest}"


def _first_byte(response: httpx.Response) -> int:
    match = _CONTENT_RANGE.match(response.headers.get("content-range", "")) if response.status_code == 206 else None
    return int(match[1]) if match is not None else 0
