"""Turns what somebody typed as paths (files, folders, globs, `-`) into the files to read, in a stable order.

Rules
- Arguments keep their order; what a folder or a glob holds comes sorted. A file that is reached twice is read once.
- Inside a folder only regular files count, and names that begin with a dot are skipped. A named pipe is read where
  it is typed (process substitution), never where it is merely found: opening it could wait for ever.
- Whatever cannot be read becomes a problem with a sentence, never an exception.
"""

import glob
import os
import stat
from collections.abc import Iterator, Sequence

import msgspec

STDIN = "-"


class Expansion(msgspec.Struct, frozen=True):
    """The files to read, in order, and what was wrong with the rest."""

    files: tuple[str, ...]
    """Paths that can be opened; `-` is standard input."""
    problems: tuple[tuple[str, str], ...]
    """(path as shown, sentence) for each argument or folder that could not be read."""


def expand(paths: Sequence[str]) -> Expansion:
    """Find the files behind `paths`. An empty result is no error here: the caller decides what nothing means."""
    search = _Search()
    for path in paths:
        if not path:
            search.problem("''", "an empty name; is a variable not set?")
        elif path == STDIN:
            search.files.setdefault(STDIN, STDIN)
        elif os.path.lexists(path) or not glob.has_magic(path):
            search.add(path)
        else:
            matches = sorted(glob.glob(path, recursive=True))
            if not matches:
                search.problem(path, "no file has a name like this")
            for match in matches:
                search.add(match)
    return Expansion(tuple(search.files.values()), tuple(search.problems))


def shown(path: str) -> str:
    """`path` as text that can be printed and encoded: bytes that are no UTF-8 are replaced."""
    return os.fsencode(path).decode("utf-8", "replace")


class _Search:
    """What was found so far; a file or folder is known by its device and inode."""

    def __init__(self) -> None:
        self.files: dict[object, str] = {}
        self.problems: list[tuple[str, str]] = []
        self._folders: set[tuple[int, int]] = set()

    def problem(self, path: str, sentence: str) -> None:
        self.problems.append((shown(path), sentence))

    def add(self, path: str, *, typed: bool = True) -> None:
        """Take one path; `typed` is False for what was only found inside a folder."""
        try:
            found = os.stat(path)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            if typed or not os.path.islink(path):
                self.problem(path, _reason(error))
            return
        identity = (found.st_dev, found.st_ino)
        if stat.S_ISDIR(found.st_mode):
            if identity not in self._folders:
                self._folders.add(identity)
                for inside in self._list(path):
                    self.add(inside, typed=False)
        elif stat.S_ISREG(found.st_mode) or (typed and stat.S_ISFIFO(found.st_mode)):
            if os.access(path, os.R_OK):
                self.files.setdefault(identity, path)
            else:
                self.problem(path, "permission denied")
        elif typed:
            self.problem(path, "is neither a file nor a folder")

    def _list(self, folder: str) -> Iterator[str]:
        try:
            names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
        except OSError as error:
            self.problem(folder, _reason(error))
            return
        for name in names:
            yield os.path.join(folder, name)


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file or folder"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text[:1].lower() + text[1:]
