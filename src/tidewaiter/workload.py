"""Turns a case into the key under which its baseline is kept: which container of which workload it is.

A key outlives pods and nodes: replicas of one Deployment share it, and so do the Jobs of one CronJob. Init and
ephemeral containers are apart from the others, since they do other things.

Where nobody told the owner of an owner, the form of the name does: controllers name what they make. A name of that form
may be somebody's choice; all it gains is a place beside the workload, where it is new content.
"""

import re
from typing import TYPE_CHECKING, Literal

import msgspec

from tidewaiter.chain import Chain
from tidewaiter.cluster import ClusterState
from tidewaiter.compose import COMPOSE_SERVICE, ComposePlace, compose_place
from tidewaiter.digest import is_hex
from tidewaiter.objects import PodRecord

if TYPE_CHECKING:
    # A case says what is usual for it, and so knows this module.
    from tidewaiter.case import Case

Role = Literal["container", "init", "ephemeral"]

_RANDOM = "[bcdfghjklmnpqrstvwxz2456789]"
"""What Kubernetes makes random names of (apimachinery, `rand.String` and `rand.SafeEncodeString`)."""
_TEMPLATE_HASH = rf"(?:{_RANDOM}{{8,10}}|\d{{8,10}})"
"""A hash of the pod's template; a number before Kubernetes 1.12."""
_SCHEDULED = r"(?:\d{8}|\d{10})"
"""The minute for which a CronJob made a Job; the second before Kubernetes 1.21."""
_REPLICA_SET = re.compile(rf"(.+)-{_TEMPLATE_HASH}\Z")
_JOB = re.compile(rf"(.+)-{_SCHEDULED}\Z")
_POD_OF_REPLICA_SET = re.compile(rf"(.+)-{_TEMPLATE_HASH}-{_RANDOM}{{5}}\Z")
_POD_OF_JOB = re.compile(rf"(.+)-{_SCHEDULED}-{_RANDOM}{{5}}\Z")
_CONTROLLERS = ("system:serviceaccount:kube-system:", "system:kube-", "system:node:", "system:controller:")
_FULL_ID_LENGTH = 64


class WorkloadKey(msgspec.Struct, frozen=True, order=True, gc=False):
    """One container of one workload."""

    cluster: str
    namespace: str
    """Kubernetes namespace, or the project of Docker Compose; empty where there is none."""
    kind: str
    """Kind of the topmost owner, as Kubernetes writes it; `Pod` for a bare pod; `ComposeService`; `Container` for one
    that is known by its name; `Image` for one that has none."""
    name: str
    """Its name; of a bare pod the generateName it was made from, with the dash at its end; the image's repository."""
    container: str
    """The container's name within its pod or service; empty where the container is the workload."""
    role: Role = "container"

    @property
    def path(self) -> str:
        """The workload as people write it: `NAMESPACE/KIND/NAME`."""
        return f"{self.namespace}/{self.kind}/{self.name}"


def workload_key(case: "Case") -> WorkloadKey:
    """The key of a container.

    A pod without an owner is keyed by its generateName, else by its name; a plain Docker container by its Compose
    service, else by its name, else by its image's repository.
    """
    chain, told = case.chain, case.workload
    kind, name = (told.kind, told.name) if told is not None else (None, None)
    role: Role = case.spec.kind if case.spec is not None else chain.role or "container"
    if case.pod is not None:
        maker = case.created_by.user if case.created_by.via == "kubernetes" and case.debugger is None else None
        kind, name = of_pod(case.pod, kind, name, case.generate_name, maker)
        return WorkloadKey(chain.cluster, case.namespace or "", kind, name, chain.pod_container or "", role)
    place = _compose_place(chain)
    if place is not None:
        return WorkloadKey(chain.cluster, place.project, COMPOSE_SERVICE, place.service, place.container)
    if kind == COMPOSE_SERVICE or not name:
        kind, name = _of_container(case)
    return WorkloadKey(chain.cluster, case.namespace or "", kind or "Workload", name, chain.pod_container or "", role)


def of_pod(
    pod: str, kind: str | None, name: str | None, generate_name: str | None, maker: str | None
) -> tuple[str, str]:
    """(kind, name) of what stands above a pod.

    `kind` and `name`: of the topmost owner that was told. `maker`: who asked for the pod, where that was told.
    """
    if kind == "Node" and name:
        return "Pod", pod.removesuffix(f"-{name}")  # the kubelet adds its node's name to that of a static pod
    if name and kind != "Pod":
        return _above(kind or "Workload", name)
    if generate_name and pod.startswith(generate_name):
        return "Pod", generate_name
    if maker is None or maker.startswith(_CONTROLLERS):
        if found := _POD_OF_JOB.match(pod):
            return "CronJob", found[1]
        if found := _POD_OF_REPLICA_SET.match(pod):
            return "Deployment", found[1]
    return "Pod", pod


def path_of_pod(record: PodRecord, cluster: ClusterState) -> str | None:
    """`NAMESPACE/KIND/NAME` of the workload of a pod; None where its name is not known."""
    if record.name is None:
        return None
    owners = cluster.owners_of((record,))
    kind, name = record.owner_kind, record.owner_name
    if owners:
        top = owners[-1]
        kind, name = (top.owner_kind or top.kind, top.owner_name or top.name)
    user = (owners[-1] if owners else record).user
    kind, name = of_pod(record.name, kind, name, record.generate_name, user.name if user is not None else None)
    return f"{record.namespace or ''}/{kind}/{name}"


def path_of_container(chain: Chain) -> str | None:
    """`NAMESPACE/KIND/NAME` of a container outside Kubernetes; None where nobody gave it a name."""
    place = _compose_place(chain)
    if place is not None:
        return f"{place.project}/{COMPOSE_SERVICE}/{place.service}"
    name = _chosen_name(chain)
    return None if name is None else f"/Container/{name}"


def _above(kind: str, name: str) -> tuple[str, str]:
    if kind == "ReplicaSet" and (found := _REPLICA_SET.match(name)):
        return "Deployment", found[1]
    if kind == "Job" and (found := _JOB.match(name)):
        return "CronJob", found[1]
    return kind, name


def _compose_place(chain: Chain) -> ComposePlace | None:
    is_service = chain.workload_kind == COMPOSE_SERVICE and chain.name is not None and chain.workload is not None
    return compose_place(chain.name or "", chain.workload or "") if is_service else None


def _of_container(case: "Case") -> tuple[str, str]:
    name = _chosen_name(case.chain)
    if name is not None:
        return "Container", name
    repositories = case.provenance.repositories
    return ("Image", min(repositories)) if repositories else ("Container", case.chain.container_id or "")


def _chosen_name(chain: Chain) -> str | None:
    """The name of a container, or its id where somebody chose it (`ctr run IMAGE c1`)."""
    container_id = chain.container_id or ""
    is_random = not container_id or (len(container_id) == _FULL_ID_LENGTH and is_hex(container_id))
    return chain.name or (None if is_random else container_id)
