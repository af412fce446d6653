"""Proves that watching a real containerd raises the alert for `ctr` containers and for pods of the CRI."""

from pathlib import Path

import lab_world
import pytest
from lab import Lab
from lab_images import Push
from lab_pods import Kubelet
from live_watch import Watching

pytestmark = pytest.mark.e2e

EGRESS = ("/bin/wget", "-qO-", f"http://{lab_world.OUTSIDE}/")


def test_chain_of_ctr(lab: Lab, pushed: Push, policy: Path, tmp_path: Path) -> None:
    """A chosen name is the container's id, and containerd's namespace stands beside it."""
    image = pushed("evil/web:1.0")
    with Watching(lab, tmp_path / "state", "--policy", str(policy)) as watch:
        lab.ctr("images", "pull", "--plain-http", image.name)
        with lab.ctr_container(image.name, "miner"):
            lab.ctr("task", "exec", "--exec-id", "e1", "miner", *EGRESS)
            alert = watch.record("miner", lambda record: len(record["behaviours"]) > 1)
    assert (alert["verdict"], alert["digest_consistency"]) == ("alert", "proven")
    assert alert["image"]["config_digest"] == image.config_digest
    assert alert["image"]["index_digest"] == image.index_digest
    assert alert["trust"]["origins"] == [image.repository]
    assert {stage["stage"] for stage in alert["evidence"]} >= {"pull", "create", "start"}


def test_pod_of_the_cri(lab: Lab, pushed: Push, policy: Path, tmp_path: Path) -> None:
    """Without a kubelet the alert still names pod and namespace."""
    image = pushed("evil/web:1.0")
    with (
        Watching(lab, tmp_path / "state", "--policy", str(policy)) as watch,
        Kubelet(lab.containerd_socket, tmp_path) as kubelet,
        kubelet.pod(kubelet.pull(image.name), "web-0", "payments", "5f1a7c1e-0c1d-4a57-9d6b-6f1f2f3f4f5f") as pod,
    ):
        kubelet.execute(pod, *EGRESS)
        alert = watch.record(pod.container_id, lambda record: len(record["behaviours"]) > 1)
    assert (alert["verdict"], alert["digest_consistency"]) == ("alert", "proven")
    assert (alert["pod"], alert["namespace"]) == ("web-0", "payments")
    assert alert["image"]["config_digest"] == image.config_digest
    assert alert["trust"]["origins"] == [image.repository]
    assert pod.sandbox_id not in watch.finals()
