"""Turns how far the files are read into a line on stderr, where that is a terminal."""

import os
import stat
import sys
import time
from types import TracebackType
from typing import Self

from tidewaiter.cli._terminal import is_terminal
from tidewaiter.policy_yaml import printable

_EVERY_S = 0.25
_MEGABYTE = 1_000_000
_CLEAR = "\r\x1b[K"


class _Line:
    """A line on the terminal that is gone when the work is done."""

    def __init__(self) -> None:
        self._is_shown = is_terminal(sys.stderr)
        self._started_s = self._last_s = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_shown:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()


class Progress(_Line):
    """Shows bytes, records a second and the time left; silent where stderr is no terminal."""

    def __init__(self, files: tuple[str, ...]) -> None:
        self._total = sum(_size(path) for path in files)
        self._read: dict[str, int] = {}
        super().__init__()

    def show(self, stream: str, position: int, records: int) -> None:
        """Take in that a stream is read so far; redraw the line now and then."""
        if not self._is_shown:
            return
        self._read[stream] = position
        now_s = time.monotonic()
        if now_s - self._last_s < _EVERY_S:
            return
        self._last_s = now_s
        read, taken_s = sum(self._read.values()), max(now_s - self._started_s, 1e-6)
        line = f"{read / _MEGABYTE:,.0f} MB, {records:,} records, {records / taken_s:,.0f}/s"
        if self._total and read:
            left_s = max(self._total - read, 0) * taken_s / read
            line = (
                f"{min(read / self._total, 1):4.0%} of {self._total / _MEGABYTE:,.0f} MB: {line}, {left_s:.0f} s left"
            )
        sys.stderr.write(_CLEAR + line)
        sys.stderr.flush()


class Meter(_Line):
    """Shows how many of so many bytes were read; silent where stderr is no terminal."""

    def __init__(self, total_bytes: int) -> None:
        self._total = total_bytes
        self._read = 0
        super().__init__()

    def add(self, count: int) -> None:
        """Take in that so many more bytes were read; redraw the line now and then."""
        self._read += count
        now_s = time.monotonic()
        if not self._is_shown or now_s - self._last_s < _EVERY_S:
            return
        self._last_s = now_s
        taken_s = max(now_s - self._started_s, 1e-6)
        line = f"{self._read / _MEGABYTE:,.0f} MB, {self._read / taken_s / _MEGABYTE:,.0f} MB/s"
        if self._total and self._read:
            left_s = max(self._total - self._read, 0) * taken_s / self._read
            share = min(self._read / self._total, 1)
            line = f"{share:4.0%} of {self._total / _MEGABYTE:,.0f} MB: {line}, {left_s:.0f} s left"
        sys.stderr.write(_CLEAR + line)
        sys.stderr.flush()


class Trials(_Line):
    """Shows how many trials there were and which is on; silent where stderr is no terminal."""

    def __init__(self) -> None:
        self._count = 0
        super().__init__()

    def show(self, what: str) -> None:
        """Take in that the next trial begins; redraw the line now and then."""
        self._count += 1
        now_s = time.monotonic()
        if not self._is_shown or now_s - self._last_s < _EVERY_S:
            return
        self._last_s = now_s
        sys.stderr.write(f"{_CLEAR}{self._count}: {printable(what)[:60]}")
        sys.stderr.flush()


def _size(path: str) -> int:
    try:
        found = os.stat(path)
    except OSError:
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0
