"""Turns records on their way to the engine into lines of a recording, which `hunt` reads back as the same records.

A line is `{"kind":"recorded","schema":1,"source":..,"cluster":..,"node":..,"record":{..}}`; a record that is text
stands there as a JSON string. The order of the lines is that in which the engine was fed.
"""

import fcntl
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache

import msgspec

from tidewaiter.edge.lines import LINE_LIMIT_BYTES
from tidewaiter.edge.paths import shown
from tidewaiter.mask import mask_text, mask_value

OPENING = b'{"kind":"recorded",'
"""By which a line is known; `unwrap.py` knows it in other forms, too."""
RECORD_LIMIT_BYTES = LINE_LIMIT_BYTES - 64 * 1024
"""Longest record: its line must not be longer than the reader takes."""
_CHUNK_BYTES = 1024 * 1024
_encoder = msgspec.json.Encoder()
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@lru_cache(maxsize=1024)
def envelope(source: str, cluster: str, node: str) -> bytes:
    """The line up to the record: `record` and the closing brace follow."""
    names = {"kind": "recorded", "schema": 1, "source": source, "cluster": cluster, "node": node}
    return _encoder.encode(names)[:-1]


def bare(record: bytes, *, keep_arguments: bool) -> tuple[bytes, bytes]:
    """(the record without its secrets, the same as it stands in a recording).

    An object is written anew, compactly; what is no object, or none that can be read, is text.
    """
    if record.startswith(b"{"):
        try:
            value = msgspec.json.decode(record)
            written = _encoder.encode(value if keep_arguments else mask_value(value))
        except _NOT_JSON:
            pass
        else:
            return written, written
    text = record.decode("utf-8", "replace")
    if not keep_arguments:
        text = mask_text.__wrapped__(text)
    return text.encode(), _encoder.encode(text)


class Recording:
    """A file that records are appended to. Once the disk is full, what was lost is counted, and all else goes on."""

    def __init__(self, path: str) -> None:
        """Raises OSError where the file cannot be written, or somebody else records into it."""
        self.name = shown(path)
        """The stream that evidence names: the file, as `hunt` calls it."""
        self.lost = 0
        """Records that could not be written."""
        self.problem: str | None = None
        """Why the last of them could not."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.lines, self._size = self._count()
        """How many lines are in it; the next has the number behind."""

    def _count(self) -> tuple[int, int]:
        lines = size = line_start = 0
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            return lines, size
        while chunk := os.pread(self._file, _CHUNK_BYTES, size):
            lines += chunk.count(b"\n")
            if b"\n" in chunk:
                line_start = size + chunk.rindex(b"\n") + 1
            size += len(chunk)
        if line_start < size:
            if os.pread(self._file, len(OPENING), line_start) == OPENING:
                # We were ended in the middle of a line.
                os.ftruncate(self._file, line_start)
                return lines, line_start
            os.write(self._file, b"\n")
            return lines + 1, size + 1
        return lines, size

    def append(self, lines: Sequence[bytes]) -> bool:
        """Write lines (without their ends) with one write; False where they are not in the file now."""
        data = b"\n".join((*lines, b""))
        self.problem = append_all(self._file, data, self._size)
        if self.problem is not None:
            self.lost += len(lines)
            return False
        self._size += len(data)
        self.lines += len(lines)
        return True

    def close(self) -> None:
        """Nothing more is written."""
        os.close(self._file)


def append_all(file: int, data: bytes, size: int) -> str | None:
    """Append to a file of this size: all, or nothing and the reason why."""
    written = 0
    try:
        while written < len(data):
            written += os.write(file, data[written:] if written else data)
    except OSError as error:
        if written:
            with suppress(OSError):
                os.ftruncate(file, size)
        return error.strerror or str(error)
    return None
