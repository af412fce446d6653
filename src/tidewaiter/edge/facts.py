"""Turns a file of image facts (one image_facts record a line) into facts that the operator vouches for."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from tidewaiter.event import ImageFacts, Where
from tidewaiter.sources import RecordError
from tidewaiter.sources.image_facts import decode

_LARGEST_BYTES = 256 * 1024 * 1024


class FactsError(ValueError):
    """The file is no file of image facts; the message is one sentence that names the line."""


def read_facts(path: str) -> Iterator[ImageFacts]:
    """The facts of a file, line by line. Raises `FactsError` at the first line that holds none."""
    try:
        with Path(path).open("rb") as file:
            for number, line in enumerate(file, 1):
                if file.tell() > _LARGEST_BYTES:
                    raise FactsError(f"{path}: larger than {_LARGEST_BYTES} bytes")
                if line.strip():
                    yield from _facts(line, path, number)
    except OSError as error:
        raise FactsError(f"{path}: the facts cannot be read: {error.strerror or error}") from error


def _facts(line: bytes, path: str, number: int) -> Iterator[ImageFacts]:
    try:
        for event in decode(line, Where("image_facts", path, number)):
            if isinstance(event, ImageFacts):
                yield msgspec.structs.replace(event, proof="archive")
    except RecordError as error:
        raise FactsError(f"{path}:{number}: no image_facts record: {error}") from None
