"""Turns what the Docker Engine tells of its containers and images (inspect, lists) into facts about them.

Shapes: https://docs.docker.com/reference/api/engine/ : ContainerInspect, ContainerList, ImageInspect, ImageList and
DistributionInspect; `docker inspect` prints the first and the third as elements of an array.

What `Image` (of a container) and `Id` (of an image) are depends on the image store:
- classic (graph drivers: overlay2 ...): the config digest;
- containerd (default of fresh Engine 29): the digest of the index or manifest. Told by `Descriptor`,
  `ImageManifestDescriptor` or `Storage`, by a missing `GraphDriver` (API 1.52), by a snapshotter's name, or because the
  id stands among the image's own RepoDigests, which a config digest never does.
A container *list* of an Engine below API 1.48 with the containerd store cannot be told from a classic one; its ImageID
is read as a config digest.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from tidewaiter.digest import Digest, digest_or_none, is_hex
from tidewaiter.event import ContainerFacts, Event, ImageClaim, ImageFacts, Where
from tidewaiter.sources import RecordError, Source
from tidewaiter.sources._dockershim import pod_of_name
from tidewaiter.sources._fields import split_container_id, time_ns_or_none
from tidewaiter.sources._images import pinned_digest, pinned_digests, pinned_repository, split_by_media_type
from tidewaiter.sources._inspect import (
    Descriptor,
    HostConfig,
    Image,
    Mount,
    NetworkSettings,
    RunConfig,
    State,
    image_events,
    ip_addresses,
    mounts_host_root,
)
from tidewaiter.sources._place import convert, decode_object, happened, has, seconds_to_ns

Store = Literal["classic", "containerd"]
_GRAPH_DRIVERS = frozenset({"overlay2", "overlay", "aufs", "devicemapper", "vfs", "windowsfilter"})
_SNAPSHOTTERS = frozenset({"overlayfs", "native", "stargz", "nydus", "soci", "erofs", "devmapper", "blockfile"})


class _GraphDriver(msgspec.Struct, rename="pascal"):
    name: str | None = None
    data: Any = None
    """The layer folders of a graph driver; null for a containerd snapshotter (and for btrfs of either store)."""


class _Container(msgspec.Struct, rename="pascal"):
    """ContainerInspect; in a ContainerList the members from `names` on stand instead of Config, State and Created."""

    id: str
    created: int | str | None = None
    """RFC 3339 in inspect, seconds since the epoch in a list."""
    name: str | None = None
    image: str | None = None
    """Inspect: the id of the image. List: its name, or its id once no name is left."""
    state: State | str | None = None
    config: RunConfig | None = None
    host_config: HostConfig | None = None
    mounts: list[Mount] | None = None
    network_settings: NetworkSettings | None = None
    graph_driver: _GraphDriver | None = None
    image_manifest_descriptor: Descriptor | None = None
    """Containerd store, API 1.48: the manifest of the platform that runs."""
    storage: Any = None
    names: list[str] | None = None
    image_id: str | None = msgspec.field(default=None, name="ImageID")
    labels: dict[str, str] | None = None


class _Image(Image, rename="pascal"):
    graph_driver: _GraphDriver | None = None


class _Distribution(msgspec.Struct, rename="pascal"):
    descriptor: Descriptor


def _store(driver: _GraphDriver | None, *, has_descriptor: bool, has_storage: bool) -> Store | None:
    """Which image store the Engine uses; None where the record does not tell (btrfs, zfs and others without data)."""
    if has_descriptor or has_storage or driver is None:
        return "containerd"
    if driver.name in _GRAPH_DRIVERS or driver.data:
        return "classic"
    return "containerd" if driver.name in _SNAPSHOTTERS else None


def _is_id_of(text: str, image: Digest | None) -> bool:
    """Whether a list shows an image's id, whole or cut, in the place of its name."""
    cut = text.removeprefix("sha256:")
    return image is not None and is_hex(cut) and image.removeprefix("sha256:").startswith(cut)


def _claim(container: _Container, store: Store | None) -> ImageClaim:
    is_list = container.names is not None
    image_id = digest_or_none(container.image_id if is_list else container.image)
    reference = container.image if is_list else (container.config.image if container.config else None)
    if is_list and reference and _is_id_of(reference, image_id):
        reference = None
    descriptor = container.image_manifest_descriptor
    repo_digest = image_id if store == "containerd" else pinned_digest(reference)
    return ImageClaim(
        reference=reference or None,
        config_digest=image_id if store == "classic" else None,
        repo_digest=repo_digest,
        repository=pinned_repository(reference) if repo_digest == pinned_digest(reference) else None,
        manifest_digest=digest_or_none(descriptor.digest) if descriptor else None,
        from_runtime=True,
    )


def _container_facts(container: _Container, where: Where) -> ContainerFacts:
    is_list = container.names is not None
    has_descriptor = container.image_manifest_descriptor is not None
    store: Store | None
    if is_list:
        store = "containerd" if has_descriptor else "classic"
    else:
        store = _store(container.graph_driver, has_descriptor=has_descriptor, has_storage=container.storage is not None)
    container_id, prefix, _ = split_container_id(container.id)
    if container_id is None and prefix is None:
        raise RecordError(f"{container.id[:80]!r}: a Docker container's id is 64 hex")
    name = (container.name or next(iter(container.names or ()), "")).removeprefix("/") or None
    labels = container.labels or (container.config.labels if container.config else None) or {}
    pod, is_sandbox = pod_of_name(name, labels)
    state = container.state if isinstance(container.state, State) else State()
    host = container.host_config
    created = container.created
    return ContainerFacts(
        **happened(None, where),
        container_id=container_id,
        container_id_prefix=prefix,
        runtime="docker",
        pod=pod,
        image=_claim(container, store),
        created_ns=seconds_to_ns(created) if isinstance(created, int) else time_ns_or_none(created),
        started_ns=time_ns_or_none(state.started_at),
        finished_ns=time_ns_or_none(state.finished_at),
        name=name,
        pid=state.pid if state.pid and state.pid > 0 else None,
        privileged=host.privileged if host else None,
        host_root_mount=mounts_host_root(None if is_list else host, container.mounts),
        # The HostConfig of a list holds the network mode only.
        host_pid=host.pid_mode == "host" if host and not is_list and host.pid_mode is not None else None,
        dns_servers=tuple((host.dns if host else None) or ()),
        ips=ip_addresses(container.network_settings),
        is_sandbox=is_sandbox,
    )


def _image_events(image: _Image, where: Where) -> Iterator[Event]:
    image_id = digest_or_none(image.id)
    store: Store | None
    if image.descriptor is not None or image_id in pinned_digests(image.repo_digests):
        store = "containerd"
    elif image.root_fs is None:  # an element of a list names no driver
        store = "classic"
    else:
        store = _store(image.graph_driver, has_descriptor=False, has_storage=False)
    descriptor = image.descriptor
    index, manifest = (
        split_by_media_type(digest_or_none(descriptor.digest), descriptor.media_type) if descriptor else (None, None)
    )
    return image_events(
        image,
        where,
        config_digest=image_id if store == "classic" else None,
        target_digest=image_id if store == "containerd" else None,
        index_digest=index,
        manifest_digest=manifest,
    )


def _distribution_facts(distribution: _Distribution, where: Where) -> ImageFacts:
    """What a registry answered the Engine for a name; which name, the record does not tell."""
    descriptor = distribution.descriptor
    index, manifest = split_by_media_type(digest_or_none(descriptor.digest), descriptor.media_type)
    return ImageFacts(**happened(None, where), index_digest=index, manifest_digest=manifest, proof="claimed")


def _is_container(value: Mapping[str, Any]) -> bool:
    if "ImageName" in value:  # Podman
        return False
    if has(value, Id=str, Name=str, Image=str, State=dict, Config=dict):
        return True
    return has(value, Id=str, Names=list, Image=str, ImageID=str, State=str, Created=int)


def _is_image(value: Mapping[str, Any]) -> bool:
    if not has(value, Id=str, RepoTags=(list, type(None))) or "Digest" in value or "Names" in value:  # Podman has these
        return False
    return has(value, RootFS=dict, Architecture=str) or has(
        value, RepoDigests=(list, type(None)), Created=int, Size=int
    )


def _is_distribution(value: Mapping[str, Any]) -> bool:
    return has(value, Descriptor=dict, Platforms=list) and "Id" not in value


def decode(record: bytes, where: Where) -> Iterable[Event]:
    """One container or image as the Engine describes it, untimed. Raises RecordError."""
    value = decode_object(record)
    if _is_container(value):
        return [_container_facts(convert(value, _Container), where)]
    if _is_image(value):
        return list(_image_events(convert(value, _Image), where))
    if _is_distribution(value):
        return [_distribution_facts(convert(value, _Distribution), where)]
    raise RecordError(f"{record[:80]!r}: neither a container nor an image of Docker")


def recognise(value: Mapping[str, Any]) -> bool:
    """Whether an object is a container or an image as the Engine describes it."""
    return "kind" not in value and (_is_container(value) or _is_image(value) or _is_distribution(value))


SOURCE = Source(
    title="Docker inspect output",
    log_sources=("docker:inspect",),
    cannot_see="when a name came to stand for its content, where an image came from before a tag, and who acted",
    decode=decode,
    recognise=recognise,
)
