"""Turns a source (a file, `-`, a URL) into bytes, bounded in size and time before they are read."""

import os
import stat
import sys
from typing import BinaryIO

import msgspec

from tidewaiter.edge.article_fault import MAX_BYTES, ArticleError, too_large
from tidewaiter.edge.article_fetch import Fetched, fetched, is_url
from tidewaiter.policy_yaml import cut, printable


class Raw(msgspec.Struct, frozen=True):
    """The bytes of one source."""

    shown: str
    """The source, for messages."""
    data: bytes
    url: str | None = None
    """Where they came from, after redirects."""
    media_type: str | None = None
    """As the server told it, in lower case, without parameters."""
    charset: str | None = None

    @classmethod
    def of(cls, source: str, answer: Fetched) -> "Raw":
        """The bytes that a server answered."""
        return cls(cut(source), answer.data, answer.url, answer.media_type, answer.charset)


def read_source(source: str) -> Raw:
    """Read one source wholly. Raises `ArticleError`."""
    if is_url(source):
        return Raw.of(source, fetched(source))
    if source == "-":
        return Raw("standard input", _bounded(sys.stdin.buffer, "standard input"))
    shown = cut(source)
    if "://" in source[:16]:
        raise ArticleError(f"{shown}: only http and https addresses, files and - (standard input) can be read")
    try:
        with open(source, "rb") as file:
            told = os.fstat(file.fileno())
            if stat.S_ISREG(told.st_mode) and told.st_size > MAX_BYTES:
                raise too_large(shown)
            return Raw(shown, _bounded(file, shown))
    except IsADirectoryError:
        raise ArticleError(f"{shown}: is a folder; name one article's file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ArticleError(f"{shown}: cannot be read: {printable(reason)}") from None


def _bounded(file: BinaryIO, shown: str) -> bytes:
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise too_large(shown)
    return data
