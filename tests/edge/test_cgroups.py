"""Containers by the paths of their cgroups: every runtime's forms, nesting, the host's own trees, and hostile names."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.edge.cgroups import container_in, container_of
from tidewaiter.sources._sensor_record import ContainerNamed

ID = "845a34df43c6647dba93583b6d11fa419bd5084b942dd3d1198a9157ae66f238"
INNER = "0c" * 32
POD = "pod3a1b9f6e-1111-2222-3333-444455556666"
SLICE = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod3a1b.slice"


@pytest.mark.parametrize(
    ("path", "runtime", "namespace"),
    [
        (f"/docker/{ID}", "docker", None),
        (f"/system.slice/docker-{ID}.scope", "docker", None),
        (f"/actions_job/{ID}", None, None),
        (f"/kubepods/besteffort/{POD}/{ID}", None, None),
        (f"{SLICE}/cri-containerd-{ID}.scope", "containerd", "k8s.io"),
        (f"/system.slice/containerd.service/kubepods-pod3a1b.slice:cri-containerd:{ID}", "containerd", "k8s.io"),
        (f"/k8s.io/{ID}", "containerd", "k8s.io"),
        (f"/system.slice/nerdctl-{ID}.scope", "containerd", None),
        (f"/default/{ID}", "containerd", "default"),
        (f"{SLICE}/crio-{ID}.scope", "cri-o", None),
        (f"/kubepods/{POD}/crio-{ID}", "cri-o", None),
        (f"/libpod_parent/libpod-{ID}", "podman", None),
        (f"/machine.slice/libpod-{ID}.scope", "podman", None),
        (f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope/container", "podman", None),
        (f"/machine.slice/x.service/libpod-payload-{ID}", "podman", None),
        (f"/../../{ID}", None, None),
        (f"/docker/{ID} (deleted)", "docker", None),
        (f"docker-{ID}.scope", "docker", None),
    ],
)
def test_each_runtimes_own_form(path: str, runtime: str | None, namespace: str | None) -> None:
    """With the cgroupfs and with the systemd driver, on the host and seen from another cgroup namespace."""
    assert container_of(path) == ContainerNamed(ID, runtime, namespace)


@pytest.mark.parametrize(
    ("path", "name", "namespace"),
    [
        ("/default/c1", "c1", "default"),
        ("/tenant-7/web.front", "web.front", "tenant-7"),
        ("/default/c1/init.scope", "c1", "default"),
        ("/default/c1 (deleted)", "c1", "default"),
    ],
)
def test_names_that_people_chose_come_with_their_namespace(path: str, name: str, namespace: str) -> None:
    """`ctr run` without a parent cgroup."""
    assert container_of(path) == ContainerNamed(name, "containerd", namespace)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/init.scope",
        "/user.slice/user-0.slice",
        "/system.slice/ssh.service",
        "/system.slice/var-lib.mount",
        "/docker",
        "/docker/buildkit",
        "/docker/buildkit/4ms3xq2m",
        "/kubepods/besteffort",
        f"/kubepods/{POD}",
        "/lxc/web",
        "/machine/qemu-1-vm.libvirt-qemu",
        "/libpod_parent/conmon",
        "/process_api/9769ad43b45290635e8220b09dd2a7a5",
        f"/kubepods/{POD}/crio-conmon-{ID}.scope",
        f"/machine.slice/libpod-conmon-{ID}.scope",
        f"/docker/{ID.upper()}",
        f"/docker/{ID}00",
        f"/docker/{ID[:-1]}",
        f"/docker/{ID}\n",
        "/a/b/c",
        "/default/-c1",
        "/default/" + "c" * 77,
        "/../c1",
    ],
)
def test_what_is_no_container(path: str) -> None:
    """Units, the host's trees, monitors, ids of another form."""
    assert container_of(path) is None


@pytest.mark.parametrize(
    "path",
    [
        f"/docker/{ID}/docker/{INNER}",
        f"/system.slice/docker-{ID}.scope/kubelet.slice/kubepods/{POD}/{INNER}",
        f"/docker/{ID}/libpod_parent/libpod-{INNER}/init.scope",
        f"/docker/{ID}/docker/{INNER}/system.slice/ssh.service",
        f"/default/c1/docker/{INNER}",
    ],
)
def test_the_innermost_container_counts(path: str) -> None:
    """Docker in docker, a cluster in docker, podman in docker; and what an inner init makes below."""
    found = container_of(path)
    assert found is not None
    assert found.id == INNER


def test_inside_a_container_two_chosen_parts_are_no_container() -> None:
    """They could be anything that runs there: the outer one is certain. A monitor is in the outer one too."""
    assert container_of(f"/docker/{ID}/default/c1") == ContainerNamed(ID, "docker")
    assert container_of(f"/docker/{ID}/libpod-conmon-{INNER}") == ContainerNamed(ID, "docker")


def test_a_path_beyond_the_kernels_own_bound_is_none() -> None:
    """PATH_MAX."""
    assert container_of("/a" * 3000 + f"/docker/{ID}") is None


def test_hybrid_hosts_tell_by_the_hierarchies_that_runtimes_use(shared: Path) -> None:
    """A real container's file, and that of a program that has memory limits of its own."""
    real = (shared / "captures" / "docker" / "proc-cgroup-web1.txt").read_text()
    assert container_in(real) == ContainerNamed(ID, "docker")
    assert container_in(f"4:memory:/some/limit\n4:cpu:/docker/{ID}\n0::/\n") is None
    assert container_in(f"8:pids:/docker/{ID}\n0::/init.scope\n") == ContainerNamed(ID, "docker")
    assert container_in(f"0::/docker/{ID}/docker/{INNER}\n8:pids:/docker/{ID}") == ContainerNamed(INNER, "docker")


parts = st.sampled_from(
    ["docker", "default", ID, INNER, f"docker-{ID}.scope", f"crio-conmon-{ID}.scope", "init.scope", "c1", "..", ""]
) | st.text(max_size=90)
paths = st.lists(parts, max_size=8).map("/".join)


@pytest.mark.property
@given(paths | st.text(max_size=300))
def test_any_path_names_a_container_or_none(path: str) -> None:
    """Whatever the path: what is found stands in it, and has the form of an id or of a chosen name."""
    found = container_of(path)
    if found is not None:
        assert found.id in path
        assert 0 < len(found.id) <= 76
        assert "/" not in found.id


@pytest.mark.property
@given(paths, st.sampled_from(["init.scope", "system.slice/ssh.service", "payload"]))
def test_what_a_container_makes_below_its_cgroup_stays_the_containers(outer: str, below: str) -> None:
    """Whatever stands above."""
    found = container_of(f"{outer}/docker-{ID}.scope/{below}")
    assert found is None if len(outer) > 3900 else found == ContainerNamed(ID, "docker")


@pytest.mark.property
@given(st.lists(paths, max_size=5).map("\n".join) | st.text(max_size=300))
def test_any_text_of_proc_is_read(text: str) -> None:
    """Garbage gives nothing, and raises nothing."""
    found = container_in(text)
    assert found is None or found.id in text
