"""Turns bytes into a file that is whole or not there: written beside it under another name, then renamed."""

import contextlib
import os
import tempfile

from tidewaiter.edge.paths import shown
from tidewaiter.policy_yaml import printable


class WholeFileError(ValueError):
    """The file cannot be written; the message is one sentence that names it."""


def write_whole(path: str, data: bytes) -> None:
    """Write a file or replace one; where a link leads to it, that file. Raises `WholeFileError`."""
    target = os.path.realpath(path)
    name = printable(shown(path))
    if os.path.isdir(target):
        raise WholeFileError(f"{name}: is a folder; name the file to write in it")
    if os.path.exists(target) and not os.path.isfile(target):
        raise WholeFileError(f"{name}: is no ordinary file, and is not written over")
    unfinished = ""
    try:
        mode = os.stat(target).st_mode & 0o777 if os.path.exists(target) else None
        number, unfinished = tempfile.mkstemp(prefix=".tidewaiter-", dir=os.path.dirname(target))
        with os.fdopen(number, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode if mode is not None else 0o666 & ~_umask())
        os.replace(unfinished, target)
    except (OSError, ValueError) as error:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)
        told = error.strerror if isinstance(error, OSError) else None
        raise WholeFileError(f"{name}: cannot be written: {told or error}") from error


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
