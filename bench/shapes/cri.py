"""Turns a container into what `crictl inspect -o json` prints, on one line.

Source: https://github.com/kubernetes-sigs/cri-tools `docs/crictl.md` and the CRI's ContainerStatus (api.proto). The
node is not named: a collector's envelope does (`collector.py`).
"""

from bench.clock import rfc3339
from bench.escape import compact_go
from bench.world import Container


def inspect(container: Container, *, running: bool = True) -> bytes:
    """The status of the container and the plugin's `info`."""
    image, first = container.image, container.image.profile.first
    reference = f"{image.repository}:{image.tag}"
    labels = {
        "io.kubernetes.container.name": container.name,
        "io.kubernetes.pod.name": container.pod,
        "io.kubernetes.pod.namespace": container.namespace,
        "io.kubernetes.pod.uid": container.pod_uid,
    }
    started = container.started_ns if running else 0
    folder = f"{container.namespace}_{container.pod}_{container.pod_uid}"
    return compact_go(
        {
            "info": {
                "sandboxID": container.sandbox_id,
                "pid": container.pid,
                "removing": False,
                "snapshotKey": container.id,
                "snapshotter": "overlayfs",
                "runtimeType": "io.containerd.runc.v2",
                "runtimeOptions": {"systemd_cgroup": True},
                "config": {
                    "metadata": {"name": container.name},
                    "image": {"image": image.config_digest, "user_specified_image": reference},
                    "envs": [
                        {"key": "KUBERNETES_SERVICE_HOST", "value": "10.96.0.1"},
                        {"key": "KUBERNETES_SERVICE_PORT", "value": "443"},
                    ],
                    "labels": labels,
                    "log_path": f"{container.name}/0.log",
                    "linux": {"resources": {"cpu_period": 100000, "cpu_shares": 102, "oom_score_adj": 1000}},
                },
                "runtimeSpec": {
                    "ociVersion": "1.2.0",
                    "process": {
                        "user": {"uid": first.uid, "gid": first.uid},
                        "args": [first.binary, *first.arguments],
                        "cwd": first.cwd,
                        "oomScoreAdj": 1000,
                    },
                    "root": {"path": "rootfs"},
                },
            },
            "status": {
                "annotations": {
                    "io.kubernetes.container.hash": f"{int(container.id[:8], 16):x}",
                    "io.kubernetes.container.restartCount": "0",
                    "io.kubernetes.container.terminationMessagePath": "/dev/termination-log",
                    "io.kubernetes.pod.terminationGracePeriod": "30",
                },
                "createdAt": rfc3339(container.created_ns).decode(),
                "exitCode": 0,
                "finishedAt": "0001-01-01T00:00:00Z",
                "id": container.id,
                "image": {"annotations": {}, "image": reference, "userSpecifiedImage": ""},
                "imageId": image.config_digest,
                "imageRef": f"{image.repository}@{image.index_digest}",
                "labels": labels,
                "logPath": f"/var/log/pods/{folder}/{container.name}/0.log",
                "message": "",
                "metadata": {"attempt": 0, "name": container.name},
                "mounts": [],
                "reason": "",
                "startedAt": rfc3339(started).decode() if started else "0001-01-01T00:00:00Z",
                "state": "CONTAINER_RUNNING" if running else "CONTAINER_CREATED",
            },
        }
    )
