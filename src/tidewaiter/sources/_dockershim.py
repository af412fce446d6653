"""Turns a Docker container's name in the kubelet's own form into the pod that it belongs to."""

from collections.abc import Mapping

from tidewaiter.event import Pod
from tidewaiter.sources._fields import kubelet_container_name

_SANDBOX = "POD"
_LABELS = (
    "io.kubernetes.container.name",
    "io.kubernetes.pod.name",
    "io.kubernetes.pod.namespace",
    "io.kubernetes.pod.uid",
)


def pod_of_name(name: str | None, labels: Mapping[str, str]) -> tuple[Pod | None, bool]:
    """(pod, is_sandbox) of a container's name `k8s_<container>_<pod>_<namespace>_<uid>_<attempt>`, else (None, False).

    Labels alone tell nothing, since an image's author can set them; but one that contradicts the name voids it.
    """
    parts = kubelet_container_name(name)
    if parts is None or any(labels.get(label, part) != part for label, part in zip(_LABELS, parts, strict=True)):
        return None, False
    container, pod, namespace, uid = parts
    is_sandbox = container == _SANDBOX
    container_name = None if is_sandbox else container
    return Pod(namespace=namespace, name=pod, uid=uid, container_name=container_name), is_sandbox
