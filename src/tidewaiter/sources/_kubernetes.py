"""Turns the JSON of Kubernetes objects (pods, workloads, patches of either) into typed records of the fields read.

Shared by the sources that meet such objects: audit records, admission reviews, listings and watch streams.
Field names and meanings: Kubernetes API reference, https://kubernetes.io/docs/reference/kubernetes-api/.
Every field is optional, because patches and the bodies kept at lower audit levels hold only parts.
"""

import msgspec

from tidewaiter.event import Where

WORKLOAD_GROUPS = {
    "Deployment": ("apps", "extensions"),
    "ReplicaSet": ("apps", "extensions"),
    "DaemonSet": ("apps", "extensions"),
    "StatefulSet": ("apps",),
    "ReplicationController": ("",),
    "Job": ("batch", "extensions"),
    "CronJob": ("batch",),
}
"""The workload kinds that hold a pod template, and the API groups they live in (`""` is the core group)."""


class OwnerReference(msgspec.Struct, gc=False):
    """`metadata.ownerReferences[]`; at most one has `controller: true`."""

    kind: str | None = None
    name: str | None = None
    uid: str | None = None
    controller: bool | None = None


class ObjectMeta(msgspec.Struct, gc=False, rename="camel"):
    """`metadata`."""

    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    creation_timestamp: str | None = None
    owner_references: list[OwnerReference] | None = None


class ExecAction(msgspec.Struct, gc=False):
    command: list[str] | None = None


class Handler(msgspec.Struct, gc=False):
    """A probe or a lifecycle hook; only those that run a command matter."""

    exec: ExecAction | None = None


class Lifecycle(msgspec.Struct, gc=False, rename="camel"):
    post_start: Handler | None = None
    pre_stop: Handler | None = None


class SecurityContext(msgspec.Struct, gc=False):
    privileged: bool | None = None


class VolumeMount(msgspec.Struct, gc=False, rename="camel"):
    name: str | None = None
    sub_path: str | None = None


class ContainerSpec(msgspec.Struct, gc=False, rename="camel"):
    """`spec.containers[]`, `initContainers[]`, `ephemeralContainers[]`."""

    name: str | None = None
    image: str | None = None
    image_pull_policy: str | None = None
    security_context: SecurityContext | None = None
    volume_mounts: list[VolumeMount] | None = None
    liveness_probe: Handler | None = None
    readiness_probe: Handler | None = None
    startup_probe: Handler | None = None
    lifecycle: Lifecycle | None = None


class HostPath(msgspec.Struct, gc=False):
    path: str | None = None


class Volume(msgspec.Struct, gc=False, rename="camel"):
    name: str | None = None
    host_path: HostPath | None = None


class PodSpec(msgspec.Struct, gc=False, rename="camel"):
    containers: list[ContainerSpec] | None = None
    init_containers: list[ContainerSpec] | None = None
    ephemeral_containers: list[ContainerSpec] | None = None
    volumes: list[Volume] | None = None
    node_name: str | None = None
    service_account_name: str | None = None
    service_account: str | None = None
    host_pid: bool | None = msgspec.field(name="hostPID", default=None)
    host_network: bool | None = None


class Moment(msgspec.Struct, gc=False, rename="camel"):
    """`state.running` or `state.terminated`."""

    started_at: str | None = None
    finished_at: str | None = None
    container_id: str | None = msgspec.field(name="containerID", default=None)


class State(msgspec.Struct, gc=False):
    running: Moment | None = None
    terminated: Moment | None = None


class ContainerStatus(msgspec.Struct, gc=False, rename="camel"):
    """`status.containerStatuses[]` and its siblings."""

    name: str | None = None
    image: str | None = None
    image_id: str | None = msgspec.field(name="imageID", default=None)
    container_id: str | None = msgspec.field(name="containerID", default=None)
    state: State | None = None
    last_state: State | None = None


class Address(msgspec.Struct, gc=False):
    ip: str | None = None


class Status(msgspec.Struct, gc=False, rename="camel"):
    """`status` of a pod."""

    pod_ip: str | None = msgspec.field(name="podIP", default=None)
    pod_ips: list[Address] | None = msgspec.field(name="podIPs", default=None)
    host_ip: str | None = msgspec.field(name="hostIP", default=None)
    host_ips: list[Address] | None = msgspec.field(name="hostIPs", default=None)
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None
    ephemeral_container_statuses: list[ContainerStatus] | None = None


class PodObject(msgspec.Struct, gc=False, rename="camel"):
    """A Pod, a patch of one, or (before Kubernetes 1.23) an EphemeralContainers object, whose list stands outside."""

    metadata: ObjectMeta | None = None
    spec: PodSpec | None = None
    status: Status | None = None
    ephemeral_containers: list[ContainerSpec] | None = None


class Template(msgspec.Struct, gc=False):
    spec: PodSpec | None = None


class JobSpec(msgspec.Struct, gc=False):
    template: Template | None = None


class JobTemplate(msgspec.Struct, gc=False):
    spec: JobSpec | None = None


class WorkloadSpec(msgspec.Struct, gc=False, rename="camel"):
    template: Template | None = None
    job_template: JobTemplate | None = None


class WorkloadObject(msgspec.Struct, gc=False):
    """Any of WORKLOAD_GROUPS, or a patch of one."""

    metadata: ObjectMeta | None = None
    spec: WorkloadSpec | None = None

    @property
    def pod_spec(self) -> PodSpec | None:
        """The pod template's spec: of the workload itself, or of a CronJob's job template."""
        if self.spec is None:
            return None
        template = self.spec.template
        if template is None and self.spec.job_template is not None and self.spec.job_template.spec is not None:
            template = self.spec.job_template.spec.template
        return None if template is None else template.spec


class Frame(msgspec.Struct, frozen=True, gc=False):
    """What the events made from one record have in common."""

    time_ns: int | None
    cluster: str
    where: Where
    native_id: str | None = None


def controller_of(metadata: ObjectMeta | None) -> OwnerReference:
    """The owner that controls an object; an empty OwnerReference where none does."""
    for owner in (metadata.owner_references if metadata else None) or ():
        if owner.controller:
            return owner
    return OwnerReference()
