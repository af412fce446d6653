"""Turns the specs of Kubernetes objects into what somebody asked for: PodContainer, PodCreate, WorkloadCreate."""

from collections.abc import Iterator
from typing import Literal

from tidewaiter.event import Pod, PodContainer, PodCreate, User, WorkloadCreate
from tidewaiter.sources._kubernetes import (
    ContainerSpec,
    Frame,
    Lifecycle,
    ObjectMeta,
    PodObject,
    PodSpec,
    WorkloadObject,
    controller_of,
)


def pod_containers(spec: PodSpec | None, names: frozenset[str] | None = None) -> tuple[PodContainer, ...]:
    """The containers of a pod's spec that have a name; with `names`, only those."""
    if spec is None:
        return ()
    root_volumes = frozenset(
        volume.name for volume in spec.volumes or () if volume.host_path and _is_root(volume.host_path.path)
    )
    groups: tuple[tuple[Literal["container", "init", "ephemeral"], list[ContainerSpec] | None], ...] = (
        ("init", spec.init_containers),
        ("container", spec.containers),
        ("ephemeral", spec.ephemeral_containers),
    )
    return tuple(
        PodContainer(
            name=container.name,
            image=container.image,
            kind=kind,
            image_pull_policy=container.image_pull_policy,
            privileged=bool(container.security_context and container.security_context.privileged),
            host_root_mount=any(
                mount.name in root_volumes and (not mount.sub_path or _is_root(mount.sub_path))
                for mount in container.volume_mounts or ()
            ),
            probes=tuple(_commands(container)),
        )
        for kind, containers in groups
        for container in containers or ()
        if container.name and (names is None or container.name in names)
    )


def _is_root(path: str | None) -> bool:
    """Whether a path means `/`: `//` and `/./` do too."""
    return path is not None and path != "" and all(part in ("", ".") for part in path.split("/"))


def _commands(container: ContainerSpec) -> Iterator[tuple[str, ...]]:
    hooks = container.lifecycle or Lifecycle()
    for handler in (
        container.startup_probe,
        container.liveness_probe,
        container.readiness_probe,
        hooks.post_start,
        hooks.pre_stop,
    ):
        if handler is not None and handler.exec is not None and handler.exec.command:
            yield tuple(handler.exec.command)


def describe_pod(obj: PodObject, namespace: str | None, name: str | None, container: str | None = None) -> Pod:
    """The coordinates of a pod (of one container in it); `namespace` and `name` serve where the object names none."""
    metadata, spec, owner = obj.metadata or ObjectMeta(), obj.spec or PodSpec(), controller_of(obj.metadata)
    return Pod(
        namespace=metadata.namespace or namespace,
        name=metadata.name or name,
        uid=metadata.uid,
        container_name=container,
        service_account=spec.service_account_name or spec.service_account,
        workload_kind=owner.kind,
        workload=owner.name,
    )


def pod_create(
    obj: PodObject, frame: Frame, pod: Pod, user: User | None, containers: tuple[PodContainer, ...]
) -> PodCreate:
    """That somebody asked for this pod with these containers."""
    spec, owner = obj.spec or PodSpec(), controller_of(obj.metadata)
    return PodCreate(
        time_ns=frame.time_ns,
        cluster=frame.cluster,
        node=spec.node_name or None,
        where=frame.where,
        native_id=frame.native_id,
        pod=pod,
        owner_kind=owner.kind,
        owner_name=owner.name,
        owner_uid=owner.uid,
        generate_name=obj.metadata.generate_name or None if obj.metadata is not None and owner.name is None else None,
        user=user,
        containers=containers,
        host_pid=bool(spec.host_pid),
        host_network=bool(spec.host_network),
        assigned_node=spec.node_name or None,
    )


def workload_create(
    obj: WorkloadObject, frame: Frame, kind: str, namespace: str | None, name: str | None, user: User | None
) -> WorkloadCreate:
    """That somebody asked for this workload."""
    metadata, owner = obj.metadata or ObjectMeta(), controller_of(obj.metadata)
    return WorkloadCreate(
        time_ns=frame.time_ns,
        cluster=frame.cluster,
        node=None,
        where=frame.where,
        native_id=frame.native_id,
        kind=kind,
        namespace=metadata.namespace or namespace,
        name=metadata.name or name,
        uid=metadata.uid,
        owner_kind=owner.kind,
        owner_name=owner.name,
        owner_uid=owner.uid,
        user=user,
        containers=pod_containers(obj.pod_spec),
    )
