"""Proves with containerd's own CRI what is told of pods: coordinates, content, and the pause containers left out."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from daemons import docker_registry, needed
from kubelet import Kubelet, kubelet
from running import Noted, judged, push, runnable, watching

from tidewaiter.alert import Alert
from tidewaiter.edge.containerd_watch import ContainerdCollector


@dataclass
class Node:
    """A node without a kubelet, and what the collector has handed in."""

    folder: Path
    address: str
    registry: str
    kubelet: Kubelet
    noted: Noted

    def pod(self, name: str, image: str, **options: bool) -> tuple[str, str]:
        """Run a pod of one container: (sandbox, container)."""
        sandbox, container = self.kubelet.pod(name, image, **options)
        self.noted.until_topic("/tasks/start", container_id=container)
        return sandbox, container

    def alert(self, container: str) -> Alert:
        """What is said when it has run curl."""
        return alert_of(self.noted, container)


def alert_of(noted: Noted, container: str) -> Alert:
    """What is said of a container that has run curl, and of no other."""
    (alert,) = judged([record for record, _ in noted.records], container).alerts
    return alert


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A real containerd with its CRI, a real registry, and the collector listening."""
    needed("containerd", "runc", "docker-registry", "skopeo", "busybox")
    if os.geteuid() != 0:
        pytest.skip("only root can start containerd; what it would prove was not proven")
    folder = tmp_path_factory.mktemp("node")
    with docker_registry(folder) as registry:
        pause = f"{registry}/pause:1"
        push(folder, pause, runnable("pause"))
        with (
            kubelet(folder, pause) as (address, asking),
            watching(ContainerdCollector(address)) as noted,
        ):
            noted.until_state("ready")
            yield Node(folder, address, registry, asking, noted)


@pytest.mark.e2e
def test_pod(node: Node) -> None:
    """The kubelet pulls by name and creates by the id that it got: pull and container meet in the config digest."""
    made = runnable("pod")
    name = f"{node.registry}/shop/pod:1"
    push(node.folder, name, made)
    image_id = node.kubelet.pull(name)
    assert image_id == made.config_digest
    sandbox, container = node.pod("web-0", image_id)
    alert = node.alert(container)
    assert (alert.namespace, alert.pod) == ("shop", "web-0")
    assert (alert.image.config_digest, alert.image.chain_id) == (made.config_digest, made.chain_id)
    assert (alert.digest_consistency, alert.trust.origins) == ("proven", (f"{node.registry}/shop/pod",))
    told = node.noted.until_topic("/containers/create", id=container)["container"]
    assert (told["privileged"], told["host_root_mount"], told["host_pid"]) == (False, False, False)
    assert container in told["cgroups_path"]
    # The pause container is judged by nobody.
    hunted = judged([record for record, _ in node.noted.records], sandbox)
    assert hunted.alerts == []


@pytest.mark.e2e
def test_image_whose_tag_moved(node: Node) -> None:
    """Made by its id after the name had gone to other content: it is what its id says."""
    old, new = runnable("pod before"), runnable("pod after")
    name = f"{node.registry}/shop/moving:1"
    ids = []
    for made in (old, new):
        push(node.folder, name, made)
        ids.append(node.kubelet.pull(name))
    alerts = [node.alert(node.pod(f"moving-{n}", image)[1]) for n, image in enumerate(ids)]
    assert [alert.image.config_digest for alert in alerts] == [old.config_digest, new.config_digest]
    assert [alert.digest_consistency for alert in alerts] == ["proven", "proven"]


@pytest.mark.e2e
def test_privileged_pod_that_was_there_before(node: Node) -> None:
    """What a collector finds when it comes is the same container, with all that it shares."""
    made = runnable("pod there")
    name = f"{node.registry}/shop/there:1"
    push(node.folder, name, made)
    _, container = node.pod("there-0", node.kubelet.pull(name), privileged=True)
    assert node.alert(container).severity == "critical"
    with watching(ContainerdCollector(node.address)) as later:
        later.until_state("ready")
    alert = alert_of(later, container)
    assert (alert.namespace, alert.pod, alert.severity) == ("shop", "there-0", "critical")
    assert (alert.image.config_digest, alert.digest_consistency) == (made.config_digest, "unknown")
    listed = [r for r, _ in later.records if r["topic"] == "/containers/listed" and r["event"]["id"] == container]
    assert listed[0]["container"]["pid"] > 0
