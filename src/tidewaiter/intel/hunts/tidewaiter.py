"""Turns finds into the indicator file that `tidewaiter hunt --indicators` reads: JSON, one object a line."""

import msgspec

from tidewaiter.indicators import Listed
from tidewaiter.intel.hunts import Chunk, Dialect, Template
from tidewaiter.intel.hunts._finds import Find, is_folder

_EXECUTABLES = "it tells programs by their path, and no source hands it such a hash"


def _lines(chunk: Chunk) -> str:
    lines = (
        Listed(
            type=find.type,
            value=find.value,
            disposition="malicious" if find.indicator.disposition == "malicious" else "suspicious",
            title=chunk.title,
            folders=chunk.folders if find.type == "file_name" else (),
        )
        for find in chunk.finds
    )
    return "".join(f"{msgspec.json.encode(line).decode()}\n" for line in lines)


def _no_folder(find: Find) -> bool:
    return not is_folder(find.value)


DIALECT = Dialect(
    language="tidewaiter",
    target="tidewaiter hunt --indicators",
    writable=lambda value: True,
    blind={
        "md5": _EXECUTABLES,
        "sha1": _EXECUTABLES,
        "sha512": _EXECUTABLES,
        "email": "containers' telemetry tells of no mail",
        "registry_key": "containers' telemetry tells of no registry",
        "wallet": "it matches what runs and where it connects, not every argument",
    },
    templates=(
        # A bare SHA-256 may be an image's: reports list digests without their algorithm.
        Template("Images", ("image", "image_digest", "sha256"), _lines),
        Template("Destinations", ("domain", "url", "ipv4", "ipv6"), _lines),
        Template("Programs", ("file_path",), _lines, _no_folder),
        Template("File names in the article's folders (weak)", ("file_name",), _lines),
    ),
)
