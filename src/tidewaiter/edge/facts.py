"""Turns a file of image facts (JSON lines, DESIGN's `image_facts` records) into facts that the operator vouches for."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from tidewaiter.digest import Digest, digest_or_none
from tidewaiter.event import ImageFacts, Where

_LARGEST_BYTES = 256 * 1024 * 1024


class FactsError(ValueError):
    """The file is no file of image facts; the message is one sentence that names the line."""


class _Record(msgspec.Struct):
    kind: str
    index_digest: str | None = None
    manifest_digest: str | None = None
    config_digest: str | None = None
    chain_id: str | None = None
    diff_ids: list[str] = []
    platform: str | None = None
    entrypoint: list[str] | None = None
    cmd: list[str] | None = None
    healthcheck: list[str] | None = None
    references: list[str] = []
    proof: str | None = None


_DECODER = msgspec.json.Decoder(_Record)


def read_facts(path: str) -> Iterator[ImageFacts]:
    """The facts of a file, line by line. Raises `FactsError` at the first line that holds none."""
    try:
        with Path(path).open("rb") as file:
            for number, line in enumerate(file, 1):
                if file.tell() > _LARGEST_BYTES:
                    raise FactsError(f"{path}: larger than {_LARGEST_BYTES} bytes")
                if line.strip():
                    yield _facts(line, path, number)
    except OSError as error:
        raise FactsError(f"{path}: the facts cannot be read: {error.strerror or error}") from error


def _facts(line: bytes, path: str, number: int) -> ImageFacts:
    try:
        told = _DECODER.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FactsError(f"{path}:{number}: no image_facts record: {error}") from None
    if told.kind != "image_facts":
        raise FactsError(f"{path}:{number}: kind is {told.kind[:40]!r}, expected 'image_facts'")
    return ImageFacts(
        time_ns=None,
        cluster="default",
        node=None,
        where=Where("facts", path, number),
        index_digest=_checked(told.index_digest, path, number),
        manifest_digest=_checked(told.manifest_digest, path, number),
        config_digest=_checked(told.config_digest, path, number),
        chain_id=_checked(told.chain_id, path, number),
        diff_ids=tuple(d for text in told.diff_ids if (d := _checked(text, path, number)) is not None),
        platform=told.platform,
        entrypoint=None if told.entrypoint is None else tuple(told.entrypoint),
        cmd=None if told.cmd is None else tuple(told.cmd),
        healthcheck=None if told.healthcheck is None else tuple(told.healthcheck),
        references=tuple(told.references),
        proof="archive",
    )


def _checked(text: str | None, path: str, number: int) -> Digest | None:
    if text is not None and digest_or_none(text) is None:
        raise FactsError(f"{path}:{number}: {text[:80]!r} is no sha256 digest")
    return text
