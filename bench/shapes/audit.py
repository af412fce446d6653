"""Turns requests to the Kubernetes API server into its audit log (`audit.k8s.io/v1`, JSON backend).

Source: https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/. Requests about pods are logged with their
bodies, all others as metadata, as common audit policies do; only the stage ResponseComplete is kept.
"""

import random

from bench.clock import rfc3339_micro
from bench.escape import compact_go, go
from bench.shapes import kubernetes
from bench.world import Container, Node, uuid

_RECORD = (
    b'{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"%b","auditID":"%b","stage":"ResponseComplete",'
    b'"requestURI":"%b","verb":"%b","user":%b,"sourceIPs":["%b"],"userAgent":"%b","objectRef":%b,'
    b'"responseStatus":{"metadata":{},"code":%d},%b"requestReceivedTimestamp":"%b","stageTimestamp":"%b",'
    b'"annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":"%b"}}'
)
_KUBELET = "kubelet/v1.31.4 (linux/amd64) kubernetes/a78aa47"
_MANAGER = "kube-controller-manager/v1.31.4 (linux/amd64) kubernetes/a78aa47/system:serviceaccount:kube-system:%s"
_SLICES = "/apis/discovery.k8s.io/v1/namespaces/%s/endpointslices?limit=500"
_LATER = "&labelSelector=app%%3D%s&resourceVersion=%d"
_NOISE: tuple[tuple[str, str, str, str], ...] = (
    ("get", "configmaps", "", "/api/v1/namespaces/%s/configmaps/%s?resourceVersion=%d"),
    ("list", "endpointslices", "discovery.k8s.io", _SLICES + _LATER),
    ("watch", "secrets", "", "/api/v1/namespaces/%s/secrets?allowWatchBookmarks=true&watch=true" + _LATER),
    ("get", "pods", "", "/api/v1/namespaces/%s/pods/%s?resourceVersion=%d"),
    ("list", "pods", "", "/api/v1/namespaces/%s/pods?limit=500" + _LATER),
    ("update", "leases", "coordination.k8s.io", "/apis/coordination.k8s.io/v1/namespaces/%s/leases/%s?timeout=%ds"),
)  # fmt: skip


def _record(
    rng: random.Random, time_ns: int, *, level: str, uri: str, verb: str, user: bytes, source_ip: str, agent: str,
    target: dict[str, object], code: int, bodies: bytes, reason: str,
) -> bytes:  # fmt: skip
    return _RECORD % (
        level.encode(), uuid(rng).encode(), go(uri), verb.encode(), user, source_ip.encode(), go(agent),
        compact_go(target), code, bodies, rfc3339_micro(time_ns - 9_000_000), rfc3339_micro(time_ns), go(reason),
    )  # fmt: skip


def node_user(node: Node) -> bytes:
    """A kubelet as the API server names it."""
    return compact_go({"username": f"system:node:{node.name}", "groups": ["system:nodes", "system:authenticated"]})


def human(name: str) -> bytes:
    """A person who signed in through the company's identity provider."""
    return compact_go({"username": f"{name}@corp.example", "groups": ["developers", "system:authenticated"]})


def controller(name: str) -> bytes:
    """A service account of the control plane."""
    groups = ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"]
    return compact_go({"username": f"system:serviceaccount:kube-system:{name}", "groups": groups})


def noise(rng: random.Random, node: Node, namespace: str, name: str, number: int, time_ns: int) -> bytes:
    """A request that says nothing about images: get, list, watch, a lease that is renewed."""
    verb, resource, group, uri = _NOISE[number % len(_NOISE)]
    target: dict[str, object] = {"resource": resource, "namespace": namespace, "apiVersion": "v1"}
    if verb not in ("list", "watch"):
        target["name"] = name
    if group:
        target["apiGroup"] = group
    return _record(
        rng, time_ns, level="Metadata", uri=uri % (namespace, name, number % 99_999_999), verb=verb,
        user=node_user(node), source_ip=node.address, agent=_KUBELET, target=target, code=200, bodies=b"", reason="",
    )  # fmt: skip


def create_pod(
    rng: random.Random, container: Container, time_ns: int, user: bytes, agent: str, source_ip: str
) -> bytes:
    """Somebody, or a controller, created the pod."""
    asked = {
        "kind": "Pod", "apiVersion": "v1", "metadata": kubernetes.metadata(container, created=False),
        "spec": kubernetes.spec(container, scheduled=False), "status": {},
    }  # fmt: skip
    answered = {
        "kind": "Pod", "apiVersion": "v1", "metadata": kubernetes.metadata(container),
        "spec": kubernetes.spec(container, scheduled=False), "status": {"phase": "Pending", "qosClass": "Burstable"},
    }  # fmt: skip
    return _record(
        rng, time_ns, level="RequestResponse", uri=f"/api/v1/namespaces/{container.namespace}/pods", verb="create",
        user=user, source_ip=source_ip, agent=agent,
        target={"resource": "pods", "namespace": container.namespace, "name": container.pod, "apiVersion": "v1"},
        code=201,
        bodies=b'"requestObject":%b,"responseObject":%b,' % (compact_go(asked), compact_go(answered)),
        reason='RBAC: allowed by ClusterRoleBinding "developers" of ClusterRole "edit" to Group "developers"',
    )  # fmt: skip


def create_pod_by_controller(rng: random.Random, container: Container, time_ns: int) -> bytes:
    """A controller created the pod for its workload."""
    owner = kubernetes.OWNERS.get(container.workload_kind, container.workload_kind)
    name = "runner-operator" if owner == "Pod" else f"{owner.lower()}-controller"
    return create_pod(rng, container, time_ns, controller(name), _MANAGER % name, "10.10.255.2")


def bind(rng: random.Random, container: Container, time_ns: int) -> bytes:
    """The scheduler gave the pod a node."""
    name = container.pod
    body = {
        "kind": "Binding", "apiVersion": "v1",
        "metadata": {"name": name, "namespace": container.namespace, "uid": container.pod_uid},
        "target": {"kind": "Node", "name": container.node.name},
    }  # fmt: skip
    answer = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
    return _record(
        rng, time_ns, level="RequestResponse", uri=f"/api/v1/namespaces/{container.namespace}/pods/{name}/binding",
        verb="create",
        user=compact_go({"username": "system:kube-scheduler", "groups": ["system:authenticated"]}),
        source_ip="10.10.255.2", agent="kube-scheduler/v1.31.4 (linux/amd64) kubernetes/a78aa47/scheduler",
        target={
            "resource": "pods", "namespace": container.namespace, "name": name, "uid": container.pod_uid,
            "apiVersion": "v1", "subresource": "binding",
        },
        code=201, bodies=b'"requestObject":%b,"responseObject":%b,' % (compact_go(body), compact_go(answer)), reason="",
    )  # fmt: skip


def patch_status(rng: random.Random, container: Container, time_ns: int, *, running: bool = True) -> bytes:
    """The kubelet told the API server the state of the pod's containers: imageID and containerID side by side."""
    status: dict[str, object] = {
        "$setElementOrder/conditions": [{"type": str(entry["type"])} for entry in kubernetes.conditions(container)],
        "conditions": kubernetes.conditions(container) if running else [],
        "containerStatuses": [kubernetes.container_status(container, running=running)],
    }
    if running:
        status |= {"phase": "Running", "podIP": container.address, "podIPs": [{"ip": container.address}]}
    body = {"metadata": {"uid": container.pod_uid}, "status": status}
    return _record(
        rng, time_ns, level="Request", uri=f"/api/v1/namespaces/{container.namespace}/pods/{container.pod}/status",
        verb="patch", user=node_user(container.node), source_ip=container.node.address, agent=_KUBELET,
        target={
            "resource": "pods", "namespace": container.namespace, "name": container.pod, "apiVersion": "v1",
            "subresource": "status",
        },
        code=200, bodies=b'"requestObject":%b,' % compact_go(body), reason="",
    )  # fmt: skip


def create_owner(rng: random.Random, container: Container, time_ns: int, workload_uid: str) -> bytes:
    """A controller made what owns the pod, for the workload above it: a ReplicaSet, or the Job of a CronJob."""
    kind = kubernetes.OWNERS[container.workload_kind]
    group, resource = "batch" if kind == "Job" else "apps", f"{kind.lower()}s"
    name, maker = container.pod.rsplit("-", 1)[0], f"{container.workload_kind.lower()}-controller"
    body = {
        "kind": kind, "apiVersion": f"{group}/v1",
        "metadata": {
            "name": name, "namespace": container.namespace, "uid": container.owner_uid,
            "ownerReferences": [
                {
                    "apiVersion": f"{group}/v1", "kind": container.workload_kind, "name": container.workload,
                    "uid": workload_uid, "controller": True, "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {"template": {"spec": kubernetes.spec(container, scheduled=False)}},
    }  # fmt: skip
    return _record(
        rng, time_ns, level="RequestResponse", uri=f"/apis/{group}/v1/namespaces/{container.namespace}/{resource}",
        verb="create", user=controller(maker), source_ip="10.10.255.2", agent=_MANAGER % maker,
        target={
            "resource": resource, "namespace": container.namespace, "name": name, "apiGroup": group, "apiVersion": "v1",
        },
        code=201, bodies=b'"requestObject":%b,"responseObject":%b,' % (compact_go(body), compact_go(body)), reason="",
    )  # fmt: skip


def session(rng: random.Random, container: Container, time_ns: int, user: bytes, command: str) -> bytes:
    """Somebody opened a terminal in the container: `kubectl exec -it`."""
    pod = f"/api/v1/namespaces/{container.namespace}/pods/{container.pod}"
    query = f"command={command}&container={container.name}&stdin=true&stdout=true&tty=true"
    return _record(
        rng, time_ns, level="Metadata", uri=f"{pod}/exec?{query}", verb="create", user=user, source_ip="192.0.2.77",
        agent="kubectl/v1.31.4 (linux/amd64) kubernetes/a78aa47",
        target={
            "resource": "pods", "namespace": container.namespace, "name": container.pod, "apiVersion": "v1",
            "subresource": "exec",
        },
        code=101, bodies=b"", reason="",
    )  # fmt: skip
