"""Turns the text somebody typed for an image into its registry, repository, tag and digest.

Source: distribution/reference (`reference.go`, `normalize.go`) and distribution-spec `spec.md`. The text as written is
kept beside the parts. `index.docker.io` and `registry-1.docker.io` are `docker.io`; host names are case-insensitive;
another port is another registry.
"""

import re
from functools import lru_cache

import msgspec

from tidewaiter.digest import Digest, digest_or_none

DOCKER_HUB = "docker.io"
_HUB_ALIASES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
_LOCAL_HOST = "localhost"
_MAX_LENGTH = 4096
_PATH = re.compile(r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?\Z")
_HEX64 = re.compile(r"[0-9a-f]{64}\Z")


class ImageReferenceError(ValueError):
    """The text is no image reference."""


class ImageReference(msgspec.Struct, frozen=True):
    """A parsed image reference. `text` is what was written; the other fields are its normal form."""

    text: str
    registry: str | None
    """Host and port, lower case; None where the text is a bare content digest."""
    path: str | None
    """Repository path inside the registry, e.g. `library/alpine`."""
    tag: str | None
    """`latest` where neither tag nor digest was written."""
    digest: Digest | None
    """The digest after `@`, or the bare `sha256:..` itself; which digest it is nobody says."""

    @property
    def repository(self) -> str | None:
        """`registry/path`, the name that trust rules are matched against; None for a bare digest."""
        return None if self.registry is None else f"{self.registry}/{self.path}"

    @property
    def name(self) -> str:
        """The full normal form: `docker.io/library/alpine:latest`, `repo@sha256:..`, or the bare digest."""
        if self.registry is None:
            return self.digest or self.text
        written = f"{self.registry}/{self.path}"
        if self.tag is not None:
            written += f":{self.tag}"
        return f"{written}@{self.digest}" if self.digest is not None else written

    @property
    def is_mutable_tag(self) -> bool:
        """Whether the reference may stand for other content tomorrow: it pins no digest."""
        return self.digest is None


@lru_cache(maxsize=8192)
def parse_reference(text: str) -> ImageReference:
    """Parse a reference as Docker and containerd do. Raises `ImageReferenceError`, naming the rule that was broken."""
    written = text.strip()
    for scheme in ("docker-pullable://", "docker://", "oci://", "containers-storage:"):
        written = written.removeprefix(scheme)
    if not written or len(written) > _MAX_LENGTH:
        raise ImageReferenceError(f"{text[:120]!r}: an image reference has 1 to {_MAX_LENGTH} characters")
    if digest_or_none(written):
        return ImageReference(text, None, None, None, written)
    if _HEX64.match(written):
        return ImageReference(text, None, None, None, f"sha256:{written}")
    rest, at, digest_text = written.partition("@")
    digest = digest_or_none(digest_text) if at else None
    if at and digest is None:
        raise ImageReferenceError(f"{text[:120]!r}: what follows @ is no sha256 digest")
    tag: str | None = None
    colon = rest.rfind(":")
    if colon > rest.rfind("/"):
        rest, tag = rest[:colon], rest[colon + 1 :]
        if not _TAG.match(tag):
            raise ImageReferenceError(f"{text[:120]!r}: {tag[:120]!r} is no tag")
    first, slash, remainder = rest.partition("/")
    has_host = (
        bool(slash)
        and first.isascii()
        and ("." in first or ":" in first or first.lower() == _LOCAL_HOST or first != first.lower())
    )
    host, path = (first.lower(), remainder) if has_host else (DOCKER_HUB, rest)
    if has_host and not _HOST.match(host):
        raise ImageReferenceError(f"{text[:120]!r}: {first[:120]!r} is no registry host")
    if host in _HUB_ALIASES:
        host = DOCKER_HUB
        if "/" not in path:
            path = f"library/{path}"
    if not _PATH.match(path):
        raise ImageReferenceError(
            f"{text[:120]!r}: {path[:120]!r} is no repository path (lower-case letters and digits)"
        )
    if tag is None and digest is None:
        tag = "latest"
    return ImageReference(text, host, path, tag, digest)


def reference_or_none(text: str | None) -> ImageReference | None:
    """The parsed reference, or None where there is none or it cannot be read (telemetry is hostile)."""
    if not text:
        return None
    try:
        return parse_reference(text)
    except ImageReferenceError:
        return None
