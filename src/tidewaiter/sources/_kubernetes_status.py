"""Turns the status of a pod into where it runs (PodStatus) and which content its containers hold (ContainerFacts).

`imageID` by runtime (DESIGN section 4; containerd#8408, cri-o#7149): `docker-pullable://repo@sha256:..`,
`docker://sha256:<config>`, `repo@sha256:..`, `sha256:<config>` (containerd, where it knows no repository digest) and
64 bare hex characters (CRI-O). The digest after `@` may be an index or a manifest, and the repository before it may
be another than the pod's spec names: a runtime lists every repository it got the content from.
"""

from collections.abc import Iterable, Iterator

from tidewaiter.digest import digest_or_none, is_hex
from tidewaiter.event import ContainerFacts, Event, ImageClaim, PodContainer, PodStatus
from tidewaiter.sources._fields import FULL_ID_LENGTH, ip_or_none, split_container_id, time_ns_or_none
from tidewaiter.sources._kubernetes import Address, ContainerStatus, Frame, Moment, PodObject, PodSpec, State, Status
from tidewaiter.sources._kubernetes_specs import describe_pod, pod_containers

_CONFIG_NAMING_RUNTIMES = frozenset({"docker", "containerd", "cri-o"})
"""Runtimes whose image id is the config digest. What a bare id of another runtime means, nobody here knows."""


def status_events(
    obj: PodObject,
    frame: Frame,
    *,
    namespace: str | None,
    name: str | None,
    node: str | None,
    from_runtime: bool,
) -> list[Event]:
    """PodStatus, if the object tells a node or an address, and ContainerFacts for each container that has an id.

    `namespace`, `name` and `node` serve where the object itself names none. `from_runtime` says that the kubelet
    wrote this status, so that what it says of images is a proven relation on that node.
    """
    spec, status = obj.spec or PodSpec(), obj.status or Status()
    assigned_node = spec.node_name or node
    ips = _addresses(status.pod_ips, status.pod_ip)
    host_ips = _addresses(status.host_ips, status.host_ip)
    events: list[Event] = []
    if assigned_node or ips or host_ips:
        events.append(
            PodStatus(
                time_ns=frame.time_ns,
                cluster=frame.cluster,
                node=assigned_node,
                where=frame.where,
                native_id=frame.native_id,
                pod=describe_pod(obj, namespace, name),
                assigned_node=assigned_node,
                ips=ips,
                host_ips=host_ips,
                host_network=bool(spec.host_network),
            )
        )
    declared = {container.name: container for container in pod_containers(obj.spec)}
    for statuses in (
        status.init_container_statuses,
        status.container_statuses,
        status.ephemeral_container_statuses,
    ):
        for entry in statuses or ():
            events.extend(
                _container_facts(
                    entry, obj, frame, namespace, name, assigned_node, from_runtime, declared.get(entry.name or "")
                )
            )
    return events


def _container_facts(
    entry: ContainerStatus,
    obj: PodObject,
    frame: Frame,
    namespace: str | None,
    name: str | None,
    node: str | None,
    from_runtime: bool,
    declared: PodContainer | None,
) -> Iterator[ContainerFacts]:
    """The container that stands, and the one before it, if the status still remembers it.

    Of the one before only id and times are told: `image` and `imageID` belong to the latest container.
    """
    state, last = entry.state or State(), (entry.last_state or State()).terminated
    now = state.running or state.terminated
    if now is None and last is not None and last.container_id == entry.container_id:
        now, last = last, None  # waiting for a restart: the id shown is the ended container's
    host_pid = None if obj.spec is None else bool(obj.spec.host_pid)
    told: list[tuple[str | None, Moment | None, ImageClaim | None]] = []
    if last is not None and last.container_id != entry.container_id:
        told.append((last.container_id, last, None))
    told.append((entry.container_id, now, image_claim(entry, from_runtime=from_runtime)))
    for text, moment, image in told:
        if not text:
            continue
        container_id, container_id_prefix, runtime = split_container_id(text)
        yield ContainerFacts(
            time_ns=frame.time_ns,
            cluster=frame.cluster,
            node=node,
            where=frame.where,
            native_id=frame.native_id,
            container_id=container_id,
            container_id_prefix=container_id_prefix,
            runtime=runtime,
            pod=describe_pod(obj, namespace, name, entry.name),
            image=image,
            started_ns=time_ns_or_none(moment.started_at) if moment else None,
            finished_ns=time_ns_or_none(moment.finished_at) if moment else None,
            privileged=declared.privileged if declared else None,
            host_root_mount=declared.host_root_mount if declared else None,
            host_pid=host_pid,
        )


def image_claim(entry: ContainerStatus, *, from_runtime: bool) -> ImageClaim | None:
    """What a container's status says of its image; None where it says nothing."""
    if not entry.image and not entry.image_id:
        return None
    text = (entry.image_id or "").rpartition("://")[2]
    repository, at, digest = text.partition("@")
    repo_digest = digest_or_none(digest) if at else None
    config_digest = None
    if not at and split_container_id(entry.container_id)[2] in _CONFIG_NAMING_RUNTIMES:
        bare = f"sha256:{text}" if len(text) == FULL_ID_LENGTH and is_hex(text) else text
        config_digest = digest_or_none(bare)
    return ImageClaim(
        reference=entry.image or None,
        config_digest=config_digest,
        repo_digest=repo_digest,
        repository=_without_tag(repository) if repo_digest and repository else None,
        from_runtime=from_runtime,
    )


def _without_tag(repository: str) -> str:
    colon = repository.rfind(":")
    return repository[:colon] if colon > repository.rfind("/") else repository


def _addresses(many: Iterable[Address] | None, one: str | None) -> tuple[str, ...]:
    found = tuple(ip for address in many or () if (ip := ip_or_none(address.ip)))
    alone = ip_or_none(one)
    return found or ((alone,) if alone else ())
