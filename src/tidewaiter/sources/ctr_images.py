"""Turns the table that `ctr images ls` prints into the names and digests that a containerd knows.

Columns (containerd `cmd/ctr/commands/images/images.go`): REF TYPE DIGEST SIZE PLATFORMS LABELS. REF is a name, or
`sha256:<hex>`: the CRI plugin's alias of an image by its config digest, which proves, on this node, that the config
belongs to the index or manifest in DIGEST. The table carries no time.
"""

import re
from collections.abc import Iterable

from tidewaiter.digest import digest_or_none
from tidewaiter.event import Event, ImageFacts, ImageName, Where
from tidewaiter.sources import RecordError, Source
from tidewaiter.sources._images import INDEX_MEDIA_TYPES, split_by_media_type
from tidewaiter.sources._place import happened

_HEADER = re.compile(rb"REF\s+TYPE\s+DIGEST\s+SIZE\b")
_ROW = re.compile(rb"\S{1,4096}\s+application/\S+\s+sha256:[0-9a-f]{64}\s")
_PLATFORM = re.compile(r"\s([a-z0-9]+/[a-z0-9/]+(?:,[a-z0-9]+/[a-z0-9/]+)*)\s")


def _only_platform(columns: str) -> str | None:
    """The platform that these columns name, if it is exactly one."""
    match = _PLATFORM.search(f" {columns} ")
    return match[1] if match and "," not in match[1] else None


def decode(record: bytes, where: Where) -> Iterable[Event]:
    """One row of the table, after its header line and a newline or without it. Raises RecordError."""
    header, newline, row = record.strip(b"\r\n").rpartition(b"\n")
    if newline and not _HEADER.match(header):
        raise RecordError(f"{header[:80]!r}: not the header of `ctr images ls`")
    if _HEADER.match(row):
        return []
    try:
        columns = row.decode().split(maxsplit=3)
    except UnicodeDecodeError as error:
        raise RecordError(f"{row[:80]!r}: {error.reason}") from None
    target = digest_or_none(columns[2]) if len(columns) > 2 else None
    if target is None:
        raise RecordError(f"{row[:80]!r}: the third column of `ctr images ls` is a digest")
    name, media_type = columns[:2]
    index, manifest = split_by_media_type(target, media_type)
    alias = digest_or_none(name)
    platform = _only_platform(columns[3]) if len(columns) > 3 and media_type not in INDEX_MEDIA_TYPES else None
    here = happened(None, where)
    return [
        ImageName(
            **here,
            action="seen",
            reference=None if alias else name,
            config_digest=alias,
            repo_digest=target,
        ),
        ImageFacts(
            **here,
            index_digest=index,
            manifest_digest=manifest,
            config_digest=alias,
            repo_digests=(target,) if alias else (),
            references=() if alias else (name,),
            platform=platform,
            proof="runtime",
        ),
    ]


def is_header(line: bytes) -> bool:
    """Whether a line names the columns."""
    return _HEADER.match(line) is not None


def recognise_text(line: bytes) -> bool:
    """Whether a line is a row: a name, a media type and a digest."""
    return _ROW.match(line) is not None


SOURCE = Source(
    title="ctr images ls",
    log_sources=("containerd:images",),
    cannot_see="when a name came to stand for its digest, by what (pull, import, tag), and which containers use it",
    decode=decode,
    recognise_text=recognise_text,
    is_header=is_header,
)
