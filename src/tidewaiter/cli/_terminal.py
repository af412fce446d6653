"""Turns finished output into bytes on stdout, at the width and with the colours of the terminal that is there."""

import os
import select
import shutil
import sys
from typing import NoReturn, TextIO

EXIT_NO_READER = 141
"""What a shell shows of a program that ended by SIGPIPE."""
_NARROWEST, _WIDEST = 60, 140
_PLAIN_TERMINALS = ("", "dumb", "unknown")


def page_size() -> tuple[int, bool]:
    """Width of the text, and whether it is coloured."""
    width = min(max(shutil.get_terminal_size((100, 24)).columns, _NARROWEST), _WIDEST)
    return width, is_terminal(sys.stdout) and not os.environ.get("NO_COLOR")


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream is a terminal that understands escape sequences."""
    return stream.isatty() and os.environ.get("TERM", "dumb") not in _PLAIN_TERMINALS


def write_text(text: str) -> None:
    """Print text as it is."""
    write_bytes(text.encode("utf-8", "replace"))


def write_bytes(data: bytes) -> None:
    """Print bytes; ends the program where nobody reads them any more."""
    try:
        put(data)
    except BrokenPipeError:
        leave_reader()


def leave_reader() -> NoReturn:
    """End the program quietly: whoever read it has seen enough (`| head`)."""
    drop_stdout()
    sys.exit(EXIT_NO_READER)


def drop_stdout() -> None:
    """Whatever is still in a buffer goes nowhere, so that Python has nothing to complain of at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def put(data: bytes) -> None:
    """Write all of the bytes to stdout at once. Raises BrokenPipeError where nobody reads them any more."""
    sys.stdout.flush()
    # Where Python was told not to buffer (PYTHONUNBUFFERED), the buffer is a bare file too, and one such takes as much
    # as fits into a pipe, or nothing where somebody else made it non-blocking.
    bare = getattr(sys.stdout.buffer, "raw", sys.stdout.buffer)
    left = memoryview(data)
    while left:
        taken = bare.write(left)
        if taken is None:
            select.select([], [bare], [])
        else:
            left = left[taken:]
