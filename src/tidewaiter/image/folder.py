"""Defines what a folder or an archive with images looks like to the forms: names of files, and their bytes."""

import posixpath
from collections.abc import Iterable, Sequence
from typing import Protocol

from tidewaiter.image.blob import Blob
from tidewaiter.image.view import Fault


class Folder(Protocol):
    """A tree of files that lies somewhere: a folder, a tar file. Names have no leading `./` and no `..`."""

    @property
    def name(self) -> str:
        """What the user named."""

    @property
    def faults(self) -> Sequence[Fault]:
        """What is wrong with the folder itself: members twice, names that lead outside, an early end."""

    def names(self) -> Iterable[str]:
        """All files, links to files included."""

    def get(self, name: str) -> Blob | None:
        """A file by its name; links are followed inside the folder, and None is what cannot be had."""


def inside(name: str, folder: str = "") -> str | None:
    """The plain form of a name that is told relative to `folder`; None where it leads out of the tree.

    `./a//b` is `a/b`; an absolute name, or one with more `..` than folders, is None. So is the tree itself.
    """
    if name.startswith("/") or "\0" in name:
        return None
    plain = posixpath.normpath(posixpath.join(folder, name))
    return None if plain in (".", "..") or plain.startswith("../") else plain


def printable(name: str) -> str:
    """A name as it can be shown: bytes that are no UTF-8, and signs that are none to read, are escaped."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)[:300]
