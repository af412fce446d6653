"""Turns what containerd tells of an image's name, and what a collector found behind it, into events.

containerd tells of a pull, an import and a tag alike: a name was created or updated. What tells them apart is the mark
that a pull leaves on the content: the repository that it came from.
"""

from collections.abc import Iterator

import msgspec

from tidewaiter.digest import Digest, chain_id, digest_or_none
from tidewaiter.event import Event, ImageClaim, ImageFacts, ImageName, ImagePull, Where
from tidewaiter.reference import reference_or_none
from tidewaiter.sources import RecordError
from tidewaiter.sources._containerd_envelope import Happening, Manifest, Platform, Resolved
from tidewaiter.sources._fields import time_ns_or_none
from tidewaiter.sources._images import claim_of_name, pinned_digest, split_by_media_type
from tidewaiter.sources._place import Happened, happened


def image_events(happening: Happening, where: Where) -> Iterator[Event]:
    """A name was created, updated, deleted, or listed by a collector. RecordError where it has none."""
    name = happening.payload().name
    if not name:
        raise RecordError(f"{happening.topic}: an image event has a name")
    alias = digest_or_none(name)
    here = happened(happening.time_ns, where)
    if happening.topic == "/images/delete":
        yield ImageName(**here, action="remove", reference=None if alias else name, config_digest=alias)
        return
    resolved = happening.resolved or Resolved()
    target = digest_or_none(resolved.target)
    index, manifest, config = _content(resolved)
    reference = None if alias else name
    is_listed = happening.topic == "/images/listed"
    if is_listed:
        here = happened(time_ns_or_none(resolved.updated_at), where)
    if alias is not None:
        yield ImageName(**here, action="seen", config_digest=alias, repo_digest=target)
    elif not _was_pulled(name, resolved):
        yield ImageName(
            **here,
            action="tag" if resolved.sources else "import",
            reference=name,
            config_digest=config,
            repo_digest=target,
        )
    elif is_listed:
        yield ImageName(**here, action="seen", reference=name, config_digest=config, repo_digest=target)
    else:
        yield ImagePull(
            **here,
            reference=name,
            config_digest=config,
            repo_digest=target or pinned_digest(name),
            index_digest=index,
            manifest_digest=manifest,
            seen_by="containerd_name",
        )
    yield from _facts(resolved, resolved.manifests or [], reference, here)


def facts_beside_container(happening: Happening, here: Happened) -> Iterator[ImageFacts]:
    """What a collector read of the images that a container can have been made of."""
    resolved = happening.resolved or Resolved()
    return _facts(resolved, [found for found in resolved.manifests or () if found.config], None, here)


def _facts(
    resolved: Resolved, manifests: list[Manifest], reference: str | None, here: Happened
) -> Iterator[ImageFacts]:
    """What a collector read in the image's own documents."""
    index, _ = split_by_media_type(digest_or_none(resolved.target), resolved.media_type)
    for manifest in manifests:
        diff_ids = _diff_ids(manifest)
        yield ImageFacts(
            **here,
            index_digest=index,
            manifest_digest=digest_or_none(manifest.digest),
            config_digest=digest_or_none(manifest.config),
            diff_ids=diff_ids,
            chain_id=chain_id(diff_ids),
            references=(reference,) if reference else (),
            platform=_platform(manifest.platform),
            entrypoint=_words(manifest.entrypoint),
            cmd=_words(manifest.cmd),
            healthcheck=_words(manifest.healthcheck),
            proof="runtime",
        )


def image_of_container(name: str | None, happening: Happening, *, is_config_store: bool) -> ImageClaim | None:
    """What a container runs: the image behind its name, where its layers are those that the container stands on.

    A name may have moved between the container's making and its being looked up: then its layers are all that is told.
    """
    claim = claim_of_name(name, is_config_store=is_config_store)
    parent = digest_or_none(happening.container.snapshot_parent if happening.container else None)
    if parent is None:
        return claim
    resolved = happening.resolved or Resolved()
    alike = {found.config for found in resolved.manifests or () if chain_id(_diff_ids(found)) == parent}
    config = digest_or_none(alike.pop()) if len(alike) == 1 else None
    claim = msgspec.structs.replace(claim or ImageClaim(), chain_id=parent)
    if config is None:
        return claim
    return msgspec.structs.replace(claim, config_digest=config, from_runtime=True)


def _content(resolved: Resolved) -> tuple[Digest | None, Digest | None, Digest | None]:
    """(index, manifest, config); the last two where the node has one image of the name, or the target is that."""
    index, manifest = split_by_media_type(digest_or_none(resolved.target), resolved.media_type)
    present = [found for found in resolved.manifests or () if found.missing is None and found.config]
    if len(present) != 1:
        return index, manifest, None
    return index, digest_or_none(present[0].digest), digest_or_none(present[0].config)


def _was_pulled(name: str, resolved: Resolved) -> bool:
    """Whether the content came from the repository that the name names, as far as a collector asked."""
    reference = reference_or_none(name)
    if resolved.sources is None or reference is None or reference.registry is None:
        return True
    host, colon, port = reference.registry.rpartition(":")
    registry = host.strip("[]") if colon and port.isdecimal() else reference.registry
    return f"{registry}/{reference.path}" in resolved.sources


def _diff_ids(manifest: Manifest) -> tuple[Digest, ...]:
    told = manifest.diff_ids or ()
    diff_ids = tuple(digest for text in told if (digest := digest_or_none(text)) is not None)
    return diff_ids if len(diff_ids) == len(told) else ()


def _platform(platform: Platform | None) -> str | None:
    parts = (platform.os, platform.architecture, platform.variant) if platform else ()
    return "/".join(part for part in parts if part) or None


def _words(told: list[str] | None) -> tuple[str, ...] | None:
    return None if told is None else tuple(told)
