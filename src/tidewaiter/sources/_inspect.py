"""Turns the container and image objects that Docker and Podman describe alike into the facts that both give.

Shapes: https://docs.docker.com/reference/api/engine/ (ContainerInspect, ImageInspect) and Podman's
`libpod/define/container_inspect.go`, `inspect/inspect.go`. Only fields that are read are named.
"""

import posixpath
from collections.abc import Iterator

import msgspec

from tidewaiter.digest import Digest, chain_id, digest_or_none
from tidewaiter.event import ImageFacts, ImageName, Where
from tidewaiter.sources._fields import ip_or_none
from tidewaiter.sources._images import named, pinned_digests
from tidewaiter.sources._place import happened

_HOST_ROOT = "/"


class State(msgspec.Struct, rename="pascal"):
    pid: int | None = None
    """Host pid of the first process; 0 where none runs."""
    started_at: str | None = None
    """RFC 3339; Go's zero time where it never started. The same for `finished_at`."""
    finished_at: str | None = None


class Mount(msgspec.Struct, rename="pascal"):
    source: str | None = None
    type: str | None = None


class HostConfig(msgspec.Struct, rename="pascal"):
    binds: list[str] | None = None
    """`source:destination[:options]`."""
    privileged: bool | None = None
    pid_mode: str | None = None
    dns: list[str] | None = None
    mounts: list[Mount] | None = None


class Endpoint(msgspec.Struct):
    ip_address: str | None = msgspec.field(default=None, name="IPAddress")
    ipv6_address: str | None = msgspec.field(default=None, name="GlobalIPv6Address")


class NetworkSettings(Endpoint):
    networks: dict[str, Endpoint | None] | None = msgspec.field(default=None, name="Networks")


class Descriptor(msgspec.Struct):
    digest: str | None = None
    media_type: str | None = msgspec.field(default=None, name="mediaType")


class Healthcheck(msgspec.Struct, rename="pascal"):
    test: list[str] | None = None


class RunConfig(msgspec.Struct, rename="pascal"):
    """What an image config declares; in a container's description, what it was made with."""

    image: str | None = None
    entrypoint: list[str] | str | None = None
    """Podman writes a container's as one string."""
    cmd: list[str] | str | None = None
    healthcheck: Healthcheck | None = None
    labels: dict[str, str] | None = None


class RootFS(msgspec.Struct, rename="pascal"):
    layers: list[str] | None = None


class Image(msgspec.Struct, rename="pascal"):
    """An image: one object of `docker image inspect`, or one element of a list (which has no Config and RootFS)."""

    id: str
    repo_tags: list[str] | None = None
    repo_digests: list[str] | None = None
    root_fs: RootFS | None = msgspec.field(default=None, name="RootFS")
    config: RunConfig | None = None
    architecture: str | None = None
    os: str | None = None
    variant: str | None = None
    descriptor: Descriptor | None = None
    """Docker with the containerd image store, API 1.48 and later: the index or manifest that `Id` names."""
    names: list[str] | None = None
    """Podman's list: the tags."""
    healthcheck: Healthcheck | None = None
    """Podman's place for it."""


def argv(value: list[str] | str | None) -> tuple[str, ...]:
    """Entrypoint or Cmd as a tuple; nothing and the empty text are the empty argv."""
    if isinstance(value, str):
        return (value,) if value else ()
    return tuple(value or ())


def is_host_root(path: str | None) -> bool:
    """Whether a path of the host is its root, however it is spelt (`/`, `//`, `/etc/..`)."""
    return bool(path) and posixpath.normpath(path or "").strip("/") == "" and (path or "").startswith(_HOST_ROOT)


def mounts_host_root(host_config: HostConfig | None, mounts: list[Mount] | None) -> bool | None:
    """Whether a container mounts the host's root; None where its mounts are not told."""
    if host_config is None and mounts is None:
        return None
    wanted = [*(mounts or ()), *((host_config and host_config.mounts) or ())]
    binds = (host_config and host_config.binds) or ()
    return any(is_host_root(mount.source) for mount in wanted) or any(
        is_host_root(bind.partition(":")[0]) for bind in binds
    )


def ip_addresses(settings: NetworkSettings | None) -> tuple[str, ...]:
    """The container's own addresses, each once."""
    if settings is None:
        return ()
    endpoints = [settings, *(endpoint for endpoint in (settings.networks or {}).values() if endpoint is not None)]
    found = (ip_or_none(text) for endpoint in endpoints for text in (endpoint.ip_address, endpoint.ipv6_address))
    return tuple(dict.fromkeys(address for address in found if address is not None))


def image_events(
    image: Image,
    where: Where,
    *,
    time_ns: int | None = None,
    config_digest: Digest | None,
    target_digest: Digest | None = None,
    index_digest: Digest | None = None,
    manifest_digest: Digest | None = None,
) -> Iterator[ImageFacts | ImageName]:
    """The facts of one image, and a name seen for each of its tags; untimed unless a moment is given.

    What `Id` means, the caller knows: the config digest, or the `target_digest` (index or manifest) of the tags.
    """
    layers = (image.root_fs.layers if image.root_fs else None) or ()
    diff_ids = tuple(diff_id for layer in layers if (diff_id := digest_or_none(layer)) is not None)
    if len(diff_ids) != len(layers):
        diff_ids = ()
    tags = named(dict.fromkeys([*(image.repo_tags or ()), *(image.names or ())]))
    config = image.config
    healthcheck = image.healthcheck or (config.healthcheck if config else None)
    platform = "/".join(part for part in (image.os, image.architecture, image.variant) if part)
    repo_digests = pinned_digests(image.repo_digests)
    yield ImageFacts(
        **happened(time_ns, where),
        index_digest=index_digest,
        manifest_digest=manifest_digest,
        config_digest=config_digest,
        chain_id=chain_id(diff_ids),
        diff_ids=diff_ids,
        repo_digests=repo_digests,
        references=(*tags, *named(image.repo_digests)),
        platform=platform or None,
        entrypoint=argv(config.entrypoint) if config else None,
        cmd=argv(config.cmd) if config else None,
        healthcheck=tuple((healthcheck.test if healthcheck else None) or ()) if config else None,
        proof="runtime",
    )
    for tag in tags:
        yield ImageName(
            **happened(time_ns, where),
            action="seen",
            reference=tag,
            config_digest=config_digest,
            repo_digest=target_digest,
        )
