"""Turns outputs into bytes at the end of a file, which may be moved away and made anew by whoever rotates it."""

import os
import stat

from tidewaiter.alert import Output
from tidewaiter.edge.delivery import DestinationError, TryLater
from tidewaiter.policy_yaml import printable
from tidewaiter.sinks import Encode

_MODE = 0o600
"""Alerts hold command lines: for the owner only, unless the file is there already."""


class FileReceiver:
    """Appends to one file. Raises `DestinationError` where that cannot be opened at first."""

    def __init__(self, path: str, encode: Encode) -> None:
        self.name = printable(path)
        self._path, self._encode = path, encode
        try:
            self._file = self._open()
        except OSError as error:
            raise DestinationError(f"{self.name}: alerts cannot be written there: {_why(error)}") from None

    def deliver(self, output: Output) -> None:
        """Append one output, whole or not at all. Raises `TryLater`."""
        data = self._encode(output)
        if not data:
            return
        try:
            if self._file < 0 or self._is_moved():
                self.close()
                self._file = self._open()
            self._append(data)
        except OSError as error:
            raise TryLater(f"cannot be written: {_why(error)}") from None

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _open(self) -> int:
        # Without waiting: a pipe that nobody reads would hold us up.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        file = os.open(self._path, flags, _MODE)
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise OSError(None, "it is no regular file")
        return file

    def _is_moved(self) -> bool:
        try:
            there = os.stat(self._path)
        except FileNotFoundError:
            return True
        here = os.fstat(self._file)
        return (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino)

    def _append(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError:
            end = os.lseek(self._file, 0, os.SEEK_CUR)
            # Half a line would spoil the next one; what another process has appended since is not ours to cut.
            if len(left) < len(data) and os.fstat(self._file).st_size == end:
                os.ftruncate(self._file, end - (len(data) - len(left)))
            raise


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
