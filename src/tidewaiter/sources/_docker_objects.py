"""Turns the containers and images that the Docker Engine describes into facts about them.

Shapes: https://docs.docker.com/reference/api/engine/ : ContainerInspect, ContainerList, ImageInspect and ImageList.
Podman answers the same questions alike; a collector says that it was Podman.

What `Image` (of a container) and `Id` (of an image) are depends on the image store:
- classic (graph drivers: overlay2 ...): the config digest;
- containerd (default of fresh Engine 29): the digest of the index or manifest. Told by `Descriptor`,
  `ImageManifestDescriptor` or `Storage`, by a missing `GraphDriver` (API 1.52), by a snapshotter's name, or because the
  id stands among the image's own RepoDigests, which a config digest never does.
A container *list* of an Engine below API 1.48 with the containerd store cannot be told from a classic one; its ImageID
is read as a config digest.
"""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from tidewaiter.digest import Digest, digest_or_none, is_hex
from tidewaiter.event import ContainerFacts, Event, ImageClaim, Where
from tidewaiter.sources import RecordError
from tidewaiter.sources._compose import service_of_name
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
from tidewaiter.sources._place import happened, seconds_to_ns

Store = Literal["classic", "containerd"]
_GRAPH_DRIVERS = frozenset({"overlay2", "overlay", "aufs", "devicemapper", "vfs", "windowsfilter"})
_SNAPSHOTTERS = frozenset({"overlayfs", "native", "stargz", "nydus", "soci", "erofs", "devmapper", "blockfile"})


class _GraphDriver(msgspec.Struct, rename="pascal"):
    name: str | None = None
    data: Any = None
    """The layer folders of a graph driver; null for a containerd snapshotter (and for btrfs of either store)."""


class DockerContainer(msgspec.Struct, rename="pascal"):
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
    runtime: str | None = msgspec.field(default=None, name="runtime")
    """A collector's addition: `podman` where that answered."""
    resolvers: list[str] | None = msgspec.field(default=None, name="resolvers")
    """A collector's addition: the host's, which a container is given that is to have none of its own."""


class DockerImage(Image, rename="pascal"):
    """ImageInspect, or an element of an ImageList."""

    graph_driver: _GraphDriver | None = None
    runtime: str | None = msgspec.field(default=None, name="runtime")
    """A collector's addition, as in `DockerContainer`."""


class ImageDigests(msgspec.Struct, frozen=True):
    """What the id of an image is."""

    config: Digest | None = None
    """Classic store."""
    target: Digest | None = None
    """Containerd store: what the tags stand for; where the record tells which, it is `index` or `manifest` too."""
    index: Digest | None = None
    manifest: Digest | None = None


def runtime_of(told: str | None) -> str:
    """The runtime, from what a collector may have added."""
    return "podman" if told == "podman" else "docker"


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


def claim_of(container: DockerContainer) -> ImageClaim:
    """What the Engine says of a container's image."""
    is_list = container.names is not None
    has_descriptor = container.image_manifest_descriptor is not None
    store: Store | None
    if is_list:
        store = "containerd" if has_descriptor else "classic"
    elif container.runtime == "podman":
        store = "classic"  # its ids are config digests, whatever the driver
    else:
        store = _store(container.graph_driver, has_descriptor=has_descriptor, has_storage=container.storage is not None)
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


def container_facts(container: DockerContainer, where: Where, time_ns: int | None = None) -> ContainerFacts:
    """The facts of one container. Raises RecordError where its id is none."""
    is_list = container.names is not None
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
        **happened(time_ns, where),
        container_id=container_id,
        container_id_prefix=prefix,
        runtime=runtime_of(container.runtime),
        pod=pod or service_of_name(name, labels),
        image=claim_of(container),
        created_ns=seconds_to_ns(created) if isinstance(created, int) else time_ns_or_none(created),
        started_ns=time_ns_or_none(state.started_at),
        finished_ns=time_ns_or_none(state.finished_at),
        name=name,
        pid=state.pid if state.pid and state.pid > 0 else None,
        privileged=host.privileged if host else None,
        host_root_mount=mounts_host_root(None if is_list else host, container.mounts),
        # The HostConfig of a list holds the network mode only.
        host_pid=host.pid_mode == "host" if host and not is_list and host.pid_mode is not None else None,
        dns_servers=tuple((host.dns if host else None) or container.resolvers or ()),
        ips=ip_addresses(container.network_settings),
        is_sandbox=is_sandbox,
    )


def digests_of(image: DockerImage) -> ImageDigests:
    """What the image's id is in the store that the Engine uses."""
    image_id = digest_or_none(image.id)
    store: Store | None
    if image.descriptor is not None or image_id in pinned_digests(image.repo_digests):
        store = "containerd"
    elif image.root_fs is None or image.runtime == "podman":  # an element of a list names no driver
        store = "classic"
    else:
        store = _store(image.graph_driver, has_descriptor=False, has_storage=False)
    descriptor = image.descriptor
    index, manifest = (
        split_by_media_type(digest_or_none(descriptor.digest), descriptor.media_type) if descriptor else (None, None)
    )
    return ImageDigests(
        config=image_id if store == "classic" else None,
        target=image_id if store == "containerd" else None,
        index=index,
        manifest=manifest,
    )


def facts_of_image(image: DockerImage, where: Where, time_ns: int | None = None) -> Iterator[Event]:
    """The facts of one image, and a name seen for each of its tags."""
    digests = digests_of(image)
    return image_events(
        image,
        where,
        time_ns=time_ns,
        config_digest=digests.config,
        target_digest=digests.target,
        index_digest=digests.index,
        manifest_digest=digests.manifest,
    )
