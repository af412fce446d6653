"""Proves that the lab is what the live tests take it for, and that nothing of it stays behind."""

from pathlib import Path

import lab_world
import pytest
from lab import Lab
from lab_docker import Docker, DockerError
from lab_images import push
from lab_pods import Kubelet

pytestmark = pytest.mark.e2e


def test_outside_world_answers_by_name_and_both_families(docker: Docker, lab: Lab) -> None:
    """A container reaches the documentary addresses by name, and a closed port refuses."""
    image = push(lab, "lab/outside:1").name
    docker.pull(image)
    container = docker.run(image)
    assert docker.execute(container, "wget", "-qO-", f"http://{lab_world.POOL}/") == (0, b"hi\r\n")
    assert docker.execute(container, "wget", "-qO-", f"http://[{lab_world.OUTSIDE_6}]/") == (0, b"hi\r\n")
    status, said = docker.execute(container, "wget", "-qO-", f"http://{lab_world.OUTSIDE}:{lab_world.CLOSED_PORT}/")
    assert (status, b"refused" in said) == (1, True)


def test_image_has_the_digests_that_were_pushed(docker: Docker, lab: Lab) -> None:
    """Docker agrees with what was built by hand, and refuses what was never pushed."""
    image = push(lab, "lab/digests:1")
    docker.pull(image.name)
    told = docker.image(image.name)
    assert told["Id"] == image.config_digest
    assert told["RepoDigests"] == [f"{image.repository}@{image.index_digest}"]
    with pytest.raises(DockerError, match=r"not found|unknown"):
        docker.pull("127.0.0.1:5000/lab/never:1")


def test_nothing_stays_behind(lab: Lab) -> None:
    """After a lab that ends in the middle of everything: no process, mount, cgroup, namespace or file of it."""
    # The session's lab is asked for first, so that this is skipped where there can be none.
    with Lab.started() as other:
        image = push(other, "lab/pause:1")
        with Docker(other.docker_socket) as docker:
            docker.pull(image.name)
            ids = {docker.run(image.name)}
        other.ctr("images", "pull", "--plain-http", image.name)
        other.ctr("run", "--detach", "--net-host", image.name, f"{other.namespace}-c1")
        with Kubelet(other.containerd_socket, other.folder / "pods") as kubelet:
            pod = kubelet.run(kubelet.pull(image.name), "web-0", "shop", other.namespace)
        ids |= {f"{other.namespace}-c1", pod.container_id, pod.sandbox_id}
        assert len(other.leftovers(ids)) > len(ids)
    assert other.leftovers(ids | {other.namespace, f"pod{other.namespace}"}) == []
    assert other.namespace not in Path("/proc/mounts").read_text()
