"""Turns the containers, sandboxes and images that a CRI runtime describes into typed values.

Shapes: kubernetes `cri-api/pkg/apis/runtime/v1/api.proto` as `crictl -o json` prints it (lowerCamelCase, 64-bit
numbers as text) and as gRPC tools do. The runtime's own `info` has no schema: containerd's is
`internal/cri/server/{container,sandbox,images/image}_status.go`, CRI-O's `server/container_status.go`. crictl unpacks
it; over gRPC it is a JSON text under the key `info`.
"""

from typing import Any

import msgspec

from tidewaiter.digest import Digest, chain_id, digest_or_none
from tidewaiter.event import ImageClaim, Pod
from tidewaiter.sources import RecordError
from tidewaiter.sources._fields import checked_time_ns, time_ns_or_none
from tidewaiter.sources._images import digest_of_id, pinned_digest, pinned_repository
from tidewaiter.sources._inspect import is_host_root
from tidewaiter.sources._oci_spec import RuntimeSpec
from tidewaiter.sources._place import convert, decode_object

_LONGEST_NUMBER = 21  # digits of the year 9999 in nanoseconds
_HOST_NAMESPACE = ("NODE", 2, "2")
_CONTAINERD_MARK = "io.kubernetes.cri.container-type"
_CRIO_MARK = "io.kubernetes.cri-o.ContainerType"


class Metadata(msgspec.Struct):
    """`uid` and `namespace` stand in a sandbox's only."""

    name: str | None = None
    uid: str | None = None
    namespace: str | None = None


class ImageSpec(msgspec.Struct):
    image: str | None = None
    """A name, or the image's id where the kubelet asked by id."""
    user_specified_image: str | None = msgspec.field(default=None, name="userSpecifiedImage")


class Address(msgspec.Struct):
    ip: str | None = None


class Network(msgspec.Struct):
    ip: str | None = None
    additional_ips: list[Address] | None = msgspec.field(default=None, name="additionalIps")


class CriMount(msgspec.Struct, rename="camel"):
    host_path: str | None = None


class Described(msgspec.Struct, rename="camel"):
    """A container or a sandbox: the status of one, or an element of a list."""

    id: str
    metadata: Metadata | None = None
    created_at: int | str | None = None
    """Nanoseconds since the epoch as a number or as text, or RFC 3339. The same for the next two; 0: not yet."""
    started_at: int | str | None = None
    finished_at: int | str | None = None
    image: ImageSpec | None = None
    image_ref: str | None = None
    """`repository@sha256:..`, or the image's id."""
    image_id: str | None = None
    """The image's id; CRI of Kubernetes 1.30 and later."""
    labels: dict[str, str] | None = None
    """Those that the kubelet gave; an image's own labels are not among them."""
    mounts: list[CriMount] | None = None
    network: Network | None = None
    linux: Any = None


class CriImage(msgspec.Struct, rename="camel"):
    id: str
    repo_tags: list[str] | None = None
    repo_digests: list[str] | None = None


class _Rootfs(msgspec.Struct):
    diff_ids: list[str] | None = None


class ImageConfig(msgspec.Struct, rename="pascal"):
    entrypoint: list[str] | None = None
    cmd: list[str] | None = None


class OciImage(msgspec.Struct):
    """The image's config, as containerd and CRI-O show it. Neither keeps the health check: OCI has none."""

    os: str | None = None
    architecture: str | None = None
    variant: str | None = None
    config: ImageConfig | None = None
    rootfs: _Rootfs | None = None

    def layers(self) -> tuple[tuple[Digest, ...], Digest | None]:
        """(diff_ids, chain_id); nothing where one of them is no digest."""
        texts = (self.rootfs.diff_ids if self.rootfs else None) or []
        diff_ids = tuple(digest for text in texts if (digest := digest_or_none(text)) is not None)
        return (diff_ids, chain_id(diff_ids)) if len(diff_ids) == len(texts) else ((), None)


class ImageInfo(msgspec.Struct, rename="camel"):
    chain_id: str | None = msgspec.field(default=None, name="chainID")
    image_spec: OciImage | None = None


class _SecurityContext(msgspec.Struct):
    privileged: bool | None = None


class _ConfigLinux(msgspec.Struct):
    security_context: _SecurityContext | None = None


class _ContainerConfig(msgspec.Struct):
    """The request that made the container; containerd only."""

    image: ImageSpec | None = None
    linux: _ConfigLinux | None = None


class RuntimeInfo(msgspec.Struct, rename="camel"):
    pid: int | None = None
    image: Any = None
    """containerd, of a sandbox: the name of the pause image."""
    privileged: bool | None = None
    """CRI-O."""
    runtime_spec: RuntimeSpec | None = None
    config: _ContainerConfig | None = None

    @property
    def runtime(self) -> str | None:
        """The runtime, told by the annotations that it wrote itself; None where it left none."""
        annotations = (self.runtime_spec.annotations if self.runtime_spec else None) or {}
        if _CONTAINERD_MARK in annotations:
            return "containerd"
        return "cri-o" if _CRIO_MARK in annotations else None

    @property
    def is_privileged(self) -> bool | None:
        """Whether the container was asked for as privileged; a message of protobuf leaves out what is false."""
        if self.privileged is not None or self.config is None or self.config.linux is None:
            return self.privileged
        context = self.config.linux.security_context
        return bool(context and context.privileged)

    @property
    def has_host_pid(self) -> bool | None:
        """Whether the container shares the host's pid namespace."""
        return self.runtime_spec.has_host_pid if self.runtime_spec else None

    def mounts_host_root(self, mounts: list[CriMount] | None) -> bool | None:
        """Whether the host's root is mounted, from the spec and from the status; None where neither tells."""
        told = self.runtime_spec.mounts_host_root if self.runtime_spec else None
        if told is None and mounts is None:
            return None
        return bool(told) or any(is_host_root(mount.host_path) for mount in mounts or ())


def unpacked_info(info: Any) -> dict[str, Any]:
    """The runtime's own `info`, unpacked if it came as a JSON text; empty where there is none or it cannot be read."""
    if not isinstance(info, dict):
        return {}
    inner = info.get("info")
    if not isinstance(inner, str):
        return info
    try:
        return decode_object(inner.encode("utf-8", "replace"))
    except RecordError:
        return {}


def info_as(info: dict[str, Any], shape: type[msgspec.Struct]) -> Any:
    """`info` as one of the Structs here; an empty one where its shape is another (it has no schema)."""
    try:
        return convert(info, shape)
    except RecordError:
        return shape()


def moment_ns(value: int | str | None) -> int | None:
    """A CRI time; None for none, for 0 and for the zero dates. RecordError for a number that is no time."""
    if isinstance(value, str):
        if not value.isdecimal():
            return time_ns_or_none(value)
        if len(value) > _LONGEST_NUMBER:
            raise RecordError(f"{value[:40]!r}: not a time in nanoseconds")
        value = int(value)
    return checked_time_ns(value) if value else None


def uses_host_network(linux: Any) -> bool:
    """Whether a sandbox's status says that it is in the host's network namespace."""
    try:
        return linux["namespaces"]["options"]["network"] in _HOST_NAMESPACE
    except (KeyError, TypeError):
        return False


def pod_of(described: Described, *, is_sandbox: bool) -> Pod | None:
    """The pod: a sandbox's metadata, a container's labels."""
    metadata, labels = described.metadata or Metadata(), described.labels or {}
    if is_sandbox:
        return Pod(namespace=metadata.namespace, name=metadata.name, uid=metadata.uid) if metadata.name else None
    pod = Pod(
        namespace=labels.get("io.kubernetes.pod.namespace"),
        name=labels.get("io.kubernetes.pod.name"),
        uid=labels.get("io.kubernetes.pod.uid"),
        container_name=labels.get("io.kubernetes.container.name") or metadata.name,
    )
    return pod if pod.name or pod.container_name else None


def claim_of(described: Described, info: RuntimeInfo) -> ImageClaim | None:
    """What the runtime says of a container's image: its name, its id, and the digest it was pulled by."""
    spec = described.image or ImageSpec()
    config = info.config.image.image if info.config and info.config.image else None
    named = next((name for name in (spec.user_specified_image, spec.image) if name and not digest_of_id(name)), None)
    ids = (described.image_id, described.image_ref, spec.image, config)
    config_digest = next((digest for text in ids if (digest := digest_of_id(text)) is not None), None)
    repo_digest = pinned_digest(described.image_ref) or pinned_digest(described.image_id)
    if named is None and config_digest is None and repo_digest is None:
        return None
    return ImageClaim(
        reference=named,
        config_digest=config_digest,
        repo_digest=repo_digest or pinned_digest(named),
        repository=pinned_repository(described.image_ref if repo_digest else named),
        from_runtime=True,
    )
