"""Turns what the operator gives as proof (files of image_facts records, archives, layouts) into facts to be believed.

A record of a file is believed because the operator vouches for the file. An image is believed as far as its own bytes
prove it, and no further.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from tidewaiter.event import ImageFacts, Where
from tidewaiter.image.blob import ReadError
from tidewaiter.reference import ImageReferenceError
from tidewaiter.sources import RecordError
from tidewaiter.sources.image_facts import decode

_LARGEST_BYTES = 256 * 1024 * 1024
_HEAD_BYTES = 4096
_encoder = msgspec.json.Encoder()


class FactsError(ValueError):
    """Nothing can be believed of it; the message is one sentence that names the line, or what is wrong."""


def read_facts(
    path: str,
    on_progress: Callable[[int], None] | None = None,
    on_doubt: Callable[[str], None] = lambda sentence: None,
) -> Iterator[ImageFacts]:
    """The facts of a file of records, or of an image in any form.

    `on_progress` takes how many bytes of an image were read since it was last called, `on_doubt` a sentence where not
    all of an image is proven. Raises `FactsError` at the first line that holds no record, and for an image of which
    nothing is proven.
    """
    if _holds_records(path):
        yield from _of_records(path)
    else:
        yield from _of_image(path, on_progress, on_doubt)


def _holds_records(path: str) -> bool:
    """Whether it is a file of text, or none at all: of that the reader of records speaks best."""
    file = Path(path)
    if file.is_dir():
        return False
    try:
        with file.open("rb") as opened:
            head = opened.read(_HEAD_BYTES)
    except FileNotFoundError:
        return "/" not in path or path.startswith((".", "/"))
    except OSError:
        return True
    return b"\0" not in head and not head.startswith(b"\x1f\x8b")


def _of_records(path: str) -> Iterator[ImageFacts]:
    try:
        with Path(path).open("rb") as file:
            for number, line in enumerate(file, 1):
                if file.tell() > _LARGEST_BYTES:
                    raise FactsError(f"{path}: larger than {_LARGEST_BYTES} bytes")
                if line.strip():
                    yield from _facts(line, path, number)
    except OSError as error:
        raise FactsError(f"{path}: the facts cannot be read: {error.strerror or error}") from error


def _of_image(
    path: str, on_progress: Callable[[int], None] | None, on_doubt: Callable[[str], None]
) -> Iterator[ImageFacts]:
    # Imported here: a hunt without images does not wait for all that reads them.
    from tidewaiter.edge.images import NoImage, open_view
    from tidewaiter.image.facts import examine
    from tidewaiter.image.measure import Measurements

    try:
        with open_view(path) as view:
            verification, records = examine(view, Measurements(on_progress))
    except (NoImage, ImageReferenceError, ReadError) as error:
        raise FactsError(str(error)) from error
    except OSError as error:
        raise FactsError(f"{path}: the image cannot be read: {error.strerror or error}") from error
    if not records:
        raise FactsError(
            f"{path}: nothing is proven of this image ({verification.verdict}); tidewaiter image verify says why"
        )
    if verification.verdict != "proven":
        on_doubt(
            f"{path}: {verification.verdict}, and believed as far as it is proven; tidewaiter image verify says why"
        )
    for number, record in enumerate(records, 1):
        yield from _facts(_encoder.encode(record), path, number, record.proof)


def _facts(line: bytes, path: str, number: int, proof: str = "archive") -> Iterator[ImageFacts]:
    try:
        for event in decode(line, Where("image_facts", path, number)):
            if isinstance(event, ImageFacts):
                yield msgspec.structs.replace(event, proof=proof)
    except RecordError as error:
        raise FactsError(
            f"{path}:{number}: not an image_facts record (tidewaiter image facts writes them): {error}"
        ) from None
