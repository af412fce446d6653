"""Turns finished output into bytes on stdout, at the width and with the colours of the terminal that is there."""

import os
import shutil
import sys

_NARROWEST, _WIDEST = 60, 140


def page_size() -> tuple[int, bool]:
    """Width of the text, and whether it is coloured."""
    width = min(max(shutil.get_terminal_size((100, 24)).columns, _NARROWEST), _WIDEST)
    return width, sys.stdout.isatty() and "NO_COLOR" not in os.environ


def write_text(text: str) -> None:
    """Print text as it is."""
    write_bytes(text.encode("utf-8", "replace"))


def write_bytes(data: bytes) -> None:
    """Print bytes; ends the program where nobody reads them any more."""
    try:
        sys.stdout.buffer.write(data)
    except BrokenPipeError:
        # Whoever read us has seen enough (`| head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
