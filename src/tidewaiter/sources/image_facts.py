"""Turns image_facts records (digests of one image and what its config declares) into image facts.

The shape is the project's own (docs/alerts.md does not describe it, docs/digests.md names its digests). Found inside
telemetry such a record is a claim: whoever can write into the stream can write it. Facts that the operator vouches for
are given with `hunt --facts`, which reads the same shape.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tidewaiter.digest import Digest, digest_or_none
from tidewaiter.event import Event, ImageFacts, Where
from tidewaiter.image_contents import ImageContents
from tidewaiter.sources import RecordError, Source
from tidewaiter.sources._fields import decode_json

KIND = "image_facts"


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
    executables: dict[str, str] | None = None
    links: dict[str, str] = {}
    tools: list[str] = []


_DECODER = msgspec.json.Decoder(_Record)


def decode(record: bytes, where: Where) -> Iterable[Event]:
    """One record to one claim about an image. Raises RecordError where it is no image_facts record."""
    told = decode_json(_DECODER, record)
    if told.kind != KIND:
        raise RecordError(f"kind is {told.kind[:40]!r}, not {KIND!r}")
    return (
        ImageFacts(
            time_ns=None,
            cluster=where.cluster,
            node=where.node,
            where=where,
            index_digest=_checked(told.index_digest),
            manifest_digest=_checked(told.manifest_digest),
            config_digest=_checked(told.config_digest),
            chain_id=_checked(told.chain_id),
            diff_ids=tuple(digest for text in told.diff_ids if (digest := _checked(text)) is not None),
            platform=told.platform,
            entrypoint=None if told.entrypoint is None else tuple(told.entrypoint),
            cmd=None if told.cmd is None else tuple(told.cmd),
            healthcheck=None if told.healthcheck is None else tuple(told.healthcheck),
            references=tuple(told.references),
            contents=_contents(told),
            proof="claimed",
        ),
    )


def recognise(record: Mapping[str, Any]) -> bool:
    """Whether an object says of itself that it is one."""
    return record.get("kind") == KIND


def _contents(told: _Record) -> ImageContents | None:
    if told.executables is None:
        return None
    for diff_id in set(told.executables.values()):
        _checked(diff_id)
    return ImageContents(told.executables, told.links, tuple(told.tools))


def _checked(text: str | None) -> Digest | None:
    if text is not None and digest_or_none(text) is None:
        raise RecordError(f"{text[:80]!r} is no sha256 digest")
    return text


SOURCE = Source(
    title="image facts",
    log_sources=("tidewaiter:image_facts",),
    cannot_see="Who wrote the record: inside telemetry it claims and proves nothing.",
    decode=decode,
    prefixes=(b'{"kind":"image_facts",',),
    recognise=recognise,
    rank=5,
)
