"""Turns what a CRI runtime (containerd, CRI-O) describes through crictl into facts about images, containers and pods.

Commands, all with `-o json`: `crictl images`, `inspecti`, `ps`, `inspect`, `pods`, `inspectp`; also the answers of the
same CRI calls as gRPC tools print them, and one element of a list by itself. All are untimed snapshots.

What the runtime says of an image is a proven relation on its node: `imageId` and the id of an image are the config
digest, `imageRef` and the RepoDigests name the index or manifest it came by. Pods come from the kubelet's labels, which
a CRI runtime keeps apart from the image's.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tidewaiter.digest import digest_or_none
from tidewaiter.event import ContainerFacts, Event, ImageClaim, ImageFacts, ImageName, PodStatus, Where
from tidewaiter.sources import RecordError, Source
from tidewaiter.sources._cri_objects import (
    CriImage,
    Described,
    ImageInfo,
    Network,
    RuntimeInfo,
    claim_of,
    info_as,
    moment_ns,
    pod_of,
    unpacked_info,
    uses_host_network,
)
from tidewaiter.sources._fields import ip_or_none, split_container_id
from tidewaiter.sources._images import digest_of_id, named, pinned_digest, pinned_digests, pinned_repository
from tidewaiter.sources._place import convert, decode_object, happened, has

_LIST_OR_NULL = (list, type(None))


def _image_events(image: CriImage, info: dict[str, Any], where: Where) -> Iterator[Event]:
    config_digest = digest_of_id(image.id)
    tags = named(image.repo_tags)
    told: ImageInfo = info_as(info, ImageInfo)
    spec = told.image_spec
    diff_ids, chain = spec.layers() if spec else ((), None)
    platform = "/".join(part for part in (spec.os, spec.architecture, spec.variant) if part) if spec else None
    config = spec.config if spec else None
    yield ImageFacts(
        **happened(None, where),
        config_digest=config_digest,
        chain_id=chain or digest_or_none(told.chain_id),
        diff_ids=diff_ids,
        repo_digests=pinned_digests(image.repo_digests),
        references=(*tags, *named(image.repo_digests)),
        platform=platform or None,
        entrypoint=tuple(config.entrypoint or ()) if config else None,
        cmd=tuple(config.cmd or ()) if config else None,
        proof="runtime",
    )
    for tag in tags:
        yield ImageName(**happened(None, where), action="seen", reference=tag, config_digest=config_digest)


def _addresses(network: Network | None) -> tuple[str, ...]:
    texts = [network.ip, *(address.ip for address in network.additional_ips or ())] if network else []
    return tuple(dict.fromkeys(address for text in texts if (address := ip_or_none(text)) is not None))


def _sandbox_claim(image: Any) -> ImageClaim | None:
    if not isinstance(image, str) or not image:
        return None
    return ImageClaim(
        reference=image, repo_digest=pinned_digest(image), repository=pinned_repository(image), from_runtime=True
    )


def _container_events(described: Described, info: dict[str, Any], where: Where) -> Iterator[Event]:
    container_id, prefix, _ = split_container_id(described.id)
    if container_id is None and prefix is None:
        raise RecordError(f"{described.id[:80]!r}: a container's id in CRI is 64 hex")
    metadata = described.metadata
    is_sandbox = bool(metadata and metadata.uid and metadata.namespace)
    told: RuntimeInfo = info_as(info, RuntimeInfo)
    pod = pod_of(described, is_sandbox=is_sandbox)
    addresses = _addresses(described.network)
    yield ContainerFacts(
        **happened(None, where),
        container_id=container_id,
        container_id_prefix=prefix,
        runtime=told.runtime,
        runtime_namespace="k8s.io" if told.runtime == "containerd" else None,
        pod=pod,
        image=_sandbox_claim(told.image) if is_sandbox else claim_of(described, told),
        created_ns=moment_ns(described.created_at),
        started_ns=moment_ns(described.started_at),
        finished_ns=moment_ns(described.finished_at),
        name=metadata.name if metadata and not is_sandbox else None,
        pid=told.pid if told.pid and told.pid > 0 else None,
        privileged=told.is_privileged,
        host_root_mount=told.mounts_host_root(described.mounts),
        host_pid=told.has_host_pid,
        ips=addresses,
        is_sandbox=is_sandbox,
    )
    if is_sandbox and pod is not None and described.network is not None:
        host_network = uses_host_network(described.linux)
        yield PodStatus(**happened(None, where), pod=pod, ips=addresses, host_network=host_network)


def _is_image(value: Any) -> bool:
    if not isinstance(value, dict) or not has(value, id=str):
        return False
    return has(value, repoTags=_LIST_OR_NULL) or has(value, repoDigests=_LIST_OR_NULL)


def _is_container(value: Any) -> bool:
    """A container or a sandbox."""
    if not isinstance(value, dict) or not has(value, id=str, metadata=dict):
        return False
    is_sandbox = has(value["metadata"], uid=str, namespace=str)
    return has(value, imageRef=str) or has(value, podSandboxId=str) or (is_sandbox and "createdAt" in value)


def _parts(value: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]] | None:
    """(objects, info) of a record, whichever command printed it; None where none did."""
    if "kind" in value or "apiVersion" in value:  # Kubernetes' own objects
        return None
    for key in ("status", "image"):
        described = value.get(key)
        if _is_image(described) or _is_container(described):
            return [described], unpacked_info(value.get("info"))
    for key, is_one in (("images", _is_image), ("containers", _is_container), ("items", _is_container)):
        listed = value.get(key)
        if isinstance(listed, list) and all(is_one(one) for one in listed) and (listed or len(value) == 1):
            return listed, {}
    return ([value], {}) if _is_image(value) or _is_container(value) else None


def decode(record: bytes, where: Where) -> Iterable[Event]:
    """One description or one list of them. Raises RecordError, for a list also where one element breaks the shape."""
    parts = _parts(decode_object(record))
    if parts is None:
        raise RecordError(f"{record[:80]!r}: not what crictl prints of images, containers or pods")
    objects, info = parts
    events: list[Event] = []
    for described in objects:
        if _is_image(described):
            events.extend(_image_events(convert(described, CriImage), info, where))
        else:
            events.extend(_container_events(convert(described, Described), info, where))
    return events


def recognise(value: Mapping[str, Any]) -> bool:
    """Whether an object is what crictl prints of images, containers or pods."""
    return _parts(value) is not None


SOURCE = Source(
    title="CRI through crictl",
    log_sources=("cri:inspect",),
    cannot_see="when an image was pulled and by which name, what was removed before the snapshot, who asked, and an "
    "image's health check",
    decode=decode,
    recognise=recognise,
)
