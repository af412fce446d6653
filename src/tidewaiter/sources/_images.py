"""Turns the image names, ids and media types that runtimes and registries write into checked digests and claims.

A *pinned* name is `repository@sha256:..`: its digest is an index or a manifest, and the name does not tell which.
Media types: OCI image-spec `media-types.md` and distribution `manifest-v2-2.md`.
"""

from collections.abc import Iterable

from tidewaiter.digest import Digest, digest_or_none
from tidewaiter.event import ImageClaim

_NAMELESS = ("<none>:<none>", "<none>@<none>", "<none>", "")
INDEX_MEDIA_TYPES = frozenset(
    {
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    }
)
MANIFEST_MEDIA_TYPES = frozenset(
    {
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    }
)


def digest_of_id(text: str | None) -> Digest | None:
    """An image id as a digest: `sha256:<64 hex>`, or the 64 hex alone as Podman and CRI-O write it."""
    return digest_or_none(text) or digest_or_none(f"sha256:{text}") if text else None


def pinned_digest(name: str | None) -> Digest | None:
    """The digest after `@` in a pinned name."""
    return digest_or_none(name.rpartition("@")[2]) if name and "@" in name else None


def pinned_repository(name: str | None) -> str | None:
    """The repository before `@` in a pinned name, without a tag; None where the name pins no valid digest."""
    if name is None or pinned_digest(name) is None:
        return None
    repository = name.rpartition("@")[0]
    colon = repository.rfind(":")
    return (repository[:colon] if colon > repository.rfind("/") else repository) or None


def named(names: Iterable[str] | None) -> tuple[str, ...]:
    """The names that name something: without `<none>:<none>` and the like."""
    return tuple(name for name in names or () if name not in _NAMELESS)


def pinned_digests(names: Iterable[str] | None) -> tuple[Digest, ...]:
    """The digests of pinned names (RepoDigests), each once, in their order."""
    return tuple(dict.fromkeys(digest for name in names or () if (digest := pinned_digest(name)) is not None))


def split_by_media_type(digest: Digest | None, media_type: str | None) -> tuple[Digest | None, Digest | None]:
    """(index_digest, manifest_digest): the digest in the place that its media type gives it, parameters cut off."""
    kind = (media_type or "").partition(";")[0].strip()
    return digest if kind in INDEX_MEDIA_TYPES else None, digest if kind in MANIFEST_MEDIA_TYPES else None


def claim_of_name(name: str | None, *, is_config_store: bool = True) -> ImageClaim | None:
    """What the name of a container's image says by itself; None for no name.

    A bare `sha256:..` is a config digest where the runtime names images by config (`is_config_store`).
    """
    if not name:
        return None
    return ImageClaim(
        reference=name,
        config_digest=digest_or_none(name) if is_config_store else None,
        repo_digest=pinned_digest(name),
        repository=pinned_repository(name),
    )
