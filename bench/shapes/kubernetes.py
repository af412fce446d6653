"""Turns pods into Kubernetes objects: the Pod as `kubectl get pods -o json` lists it, and the parts its requests carry.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/.
"""

from bench.clock import rfc3339_second
from bench.escape import compact_go
from bench.world import Container

_TOLERATIONS = [
    {"effect": "NoExecute", "key": f"node.kubernetes.io/{what}", "operator": "Exists", "tolerationSeconds": 300}
    for what in ("not-ready", "unreachable")
]
OWNERS = {"Deployment": "ReplicaSet", "CronJob": "Job"}
"""Kind of a workload -> kind of what it makes, which owns the pods; all others own their pods themselves."""


def reference(container: Container) -> str:
    """The image as written in the pod's spec."""
    return container.image.reference


def metadata(container: Container, *, created: bool = True) -> dict[str, object]:
    """The pod's metadata; `created`: as the API server answers, with uid and times."""
    fields: dict[str, object] = {"name": container.pod}
    if container.generate_name:
        fields = {"generateName": container.generate_name} if not created else fields
        fields["generateName"] = container.generate_name
    fields["namespace"] = container.namespace
    if created:
        fields["uid"] = container.pod_uid
        fields["resourceVersion"] = str(int(container.id[:8], 16))
        fields["creationTimestamp"] = rfc3339_second(container.created_ns).decode()
    else:
        fields["creationTimestamp"] = None
    fields["labels"] = {
        "app.kubernetes.io/instance": f"{container.namespace}-{container.name}",
        "app.kubernetes.io/name": container.name,
        "app.kubernetes.io/version": container.image.tag,
    }
    if container.workload_kind != "Pod":
        kind = OWNERS.get(container.workload_kind, container.workload_kind)
        name = container.pod.rsplit("-", 1)[0]
        fields["ownerReferences"] = [
            {
                "apiVersion": "batch/v1" if kind == "Job" else "apps/v1", "kind": kind, "name": name,
                "uid": container.owner_uid, "controller": True, "blockOwnerDeletion": True,
            }
        ]  # fmt: skip
    return fields


def spec(container: Container, *, scheduled: bool) -> dict[str, object]:
    """The pod's spec, with the node once it is scheduled."""
    fields: dict[str, object] = {
        "containers": [
            {
                "name": container.name,
                "image": reference(container),
                "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                "resources": {"limits": {"memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
                "imagePullPolicy": "IfNotPresent",
                "securityContext": {"allowPrivilegeEscalation": False},
            }
        ],
        "restartPolicy": "Never" if container.workload_kind == "Job" else "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": container.service_account,
        "securityContext": {},
        "schedulerName": "default-scheduler",
        "tolerations": _TOLERATIONS,
        "priority": 0,
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
    }
    if scheduled:
        fields["nodeName"] = container.node.name
    return fields


def container_status(container: Container, *, running: bool = True) -> dict[str, object]:
    """One element of `containerStatuses`; not running: the image could not be pulled."""
    if not running:
        waiting = {"reason": "ErrImagePull", "message": f'failed to pull image "{reference(container)}": not found'}
        return {
            "name": container.name, "state": {"waiting": waiting}, "lastState": {}, "ready": False, "restartCount": 0,
            "image": reference(container), "imageID": "", "started": False,
        }  # fmt: skip
    return {
        "containerID": f"containerd://{container.id}",
        "image": f"{container.image.repository}:{container.image.tag}",
        "imageID": f"{container.image.repository}@{container.image.index_digest}",
        "lastState": {},
        "name": container.name,
        "ready": True,
        "restartCount": 0,
        "started": True,
        "state": {"running": {"startedAt": rfc3339_second(container.started_ns).decode()}},
    }


def conditions(container: Container) -> list[dict[str, object]]:
    """The pod's conditions once it is ready."""
    at = rfc3339_second(container.started_ns).decode()
    kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    return [{"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": at} for kind in kinds]


def pod(container: Container) -> bytes:
    """The whole running Pod, one item of the list."""
    status: dict[str, object] = {
        "conditions": conditions(container),
        "containerStatuses": [container_status(container)],
        "hostIP": container.node.address,
        "hostIPs": [{"ip": container.node.address}],
        "phase": "Running",
        "podIP": container.address,
        "podIPs": [{"ip": container.address}],
        "qosClass": "Burstable",
        "startTime": rfc3339_second(container.created_ns).decode(),
    }
    return compact_go(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata(container),
            "spec": spec(container, scheduled=True),
            "status": status,
        }
    )
