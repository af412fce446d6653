"""CRI through crictl: images, containers, sandboxes and pods; containerd's and CRI-O's own information."""

import json
from pathlib import Path
from typing import Any

import pytest
from runtime_records import decode, decode_all, digest, hex_of, of_kind, one, records, sample, survives

from tidewaiter.digest import chain_id
from tidewaiter.event import ContainerFacts, ImageClaim, ImageFacts, ImageName, PodStatus
from tidewaiter.sources import RecordError
from tidewaiter.sources.cri import SOURCE, recognise

ID = hex_of("c")
LABELS = {
    "io.kubernetes.container.name": "web",
    "io.kubernetes.pod.name": "web-0",
    "io.kubernetes.pod.namespace": "shop",
    "io.kubernetes.pod.uid": "u-1",
}


def container(info: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """What `crictl inspect` prints, with other or further members."""
    status = {
        "id": ID,
        "metadata": {"name": "web", "attempt": 0},
        "createdAt": "1790000006000000001",
        "image": {"image": "registry.example.net/shop/cart:2.3"},
        "imageRef": f"registry.example.net/shop/cart@{digest('1')}",
        "labels": LABELS,
    }
    return {"status": status | changes, "info": info or {}}


def claim(info: dict[str, Any] | None = None, **changes: Any) -> ImageClaim:
    """What such a container says of its image."""
    found = one(SOURCE, container(info, **changes), ContainerFacts).image
    assert found is not None
    return found


def test_a_container_of_containerd_is_described_whole() -> None:
    """Its pod, its image by name, digest and config, its pid, and how far it is let out."""
    found = one(SOURCE, sample("cri", "crictl_1.30_inspect_containerd")[0], ContainerFacts)
    assert found.pod is not None
    assert (found.pod.namespace, found.pod.name, found.pod.container_name) == ("shop", "web-0", "web")
    assert found.image is not None
    assert found.image.reference == "registry.example.net/shop/cart:2.3"
    assert found.image.config_digest is not None
    assert found.image.repo_digest is not None
    assert (found.image.repository, found.image.from_runtime) == ("registry.example.net/shop/cart", True)
    assert (found.privileged, found.host_root_mount, found.host_pid, found.pid) == (True, True, True, 5002)
    assert (found.runtime, found.runtime_namespace, found.time_ns) == ("containerd", "k8s.io", None)
    assert (found.created_ns, found.started_ns, found.finished_ns) == (
        1_790_000_006_000_000_001,
        1_790_000_007_000_000_001,
        None,
    )


def test_a_container_of_cri_o_names_its_image_by_bare_hex() -> None:
    """And tells privilege itself."""
    found = one(SOURCE, sample("cri", "crictl_1.30_inspect_crio")[0], ContainerFacts)
    assert found.image is not None
    assert found.image.config_digest is not None
    assert (found.image.repo_digest, found.runtime, found.runtime_namespace) == (None, "cri-o", None)
    assert (found.privileged, found.host_pid, found.host_root_mount) == (False, False, False)


@pytest.mark.parametrize("case", ["grpc_1.6"])
def test_an_answer_over_grpc_says_the_same_as_crictl(case: str) -> None:
    """There `info` is a JSON text, and times are numbers in text."""
    found = one(SOURCE, sample("cri", case)[0], ContainerFacts)
    assert (found.pid, found.runtime, found.privileged, found.host_pid) == (5002, "containerd", False, False)
    assert found.created_ns == 1_790_000_006 * 10**9
    assert found.image is not None
    assert found.image.config_digest is not None


@pytest.mark.parametrize(
    ("changes", "config", "pinned"),
    [
        ({"imageRef": digest("a")}, "a", None),
        ({"imageRef": hex_of("a")}, "a", None),
        ({"imageId": digest("b"), "imageRef": digest("a")}, "b", None),
        ({"imageId": digest("b")}, "b", "1"),
        ({}, None, "1"),
        ({"image": {"image": digest("a"), "userSpecifiedImage": "cart:2"}}, "a", "1"),
    ],
)
def test_an_id_is_the_config_and_a_pinned_name_is_not(
    changes: dict[str, Any], config: str | None, pinned: str | None
) -> None:
    """imageId before imageRef before image; imageRef has been either over the years."""
    found = claim(**changes)
    assert found.config_digest == (config and digest(config))
    assert found.repo_digest == (pinned and digest(pinned))


def test_the_name_a_user_wrote_is_preferred() -> None:
    """An id is no name."""
    assert claim(image={"image": digest("a"), "userSpecifiedImage": "cart:2"}).reference == "cart:2"
    assert claim(image={"image": digest("a")}).reference is None


def test_what_the_runtime_does_not_tell_is_unknown() -> None:
    """Without `info` there is no pid, no privilege, no namespaces, no runtime."""
    found = one(SOURCE, container(), ContainerFacts)
    assert (found.pid, found.privileged, found.host_pid, found.host_root_mount, found.runtime) == (None,) * 5


def test_a_shared_pid_namespace_is_not_the_hosts() -> None:
    """A namespace that is joined has a path; the host's has no entry."""
    joined = {"runtimeSpec": {"linux": {"namespaces": [{"type": "pid", "path": "/proc/7/ns/pid"}]}}}
    assert one(SOURCE, container(joined), ContainerFacts).host_pid is False
    assert one(SOURCE, container({"runtimeSpec": {"linux": {"namespaces": []}}}), ContainerFacts).host_pid is True


def test_information_of_an_unknown_shape_is_left_out() -> None:
    """`info` has no schema: what a runtime changes there must not cost the record."""
    for info in ({"pid": "many"}, {"info": "{"}, {"info": "[]"}, {"runtimeSpec": {"linux": 5}}):
        assert one(SOURCE, container(info), ContainerFacts).pid is None


def test_a_sandbox_is_its_pods_address() -> None:
    """inspectp: the pause container, and where the pod is reached."""
    facts, status = decode_all(SOURCE, sample("cri", "crictl_1.30_inspectp"))
    assert isinstance(facts, ContainerFacts)
    assert facts.is_sandbox
    assert facts.image is not None
    assert facts.image.reference == "registry.k8s.io/pause:3.9"
    assert isinstance(status, PodStatus)
    assert status.pod == facts.pod
    assert (status.ips, status.host_network) == (("192.0.2.5", "2001:db8::5"), False)
    assert (status.pod.namespace, status.pod.name) == ("shop", "web-0")


@pytest.mark.parametrize("network", ["NODE", 2])
def test_a_pod_in_the_hosts_network_is_marked(network: str | int) -> None:
    """Its addresses are the node's."""
    status = {
        "id": ID,
        "metadata": {"name": "web-0", "uid": "u", "namespace": "shop"},
        "createdAt": 0,
        "network": {"ip": ""},
        "linux": {"namespaces": {"options": {"network": network}}},
    }
    (_, told) = decode(SOURCE, {"status": status, "info": {}})
    assert isinstance(told, PodStatus)
    assert (told.host_network, told.ips) == (True, ())


def test_lists_are_read_whole_and_by_element() -> None:
    """`crictl images`, `ps` and `pods`; a reader may open the list first."""
    for record in sample("cri", "crictl_1.30_lists"):
        listed = json.loads(record)
        ((_, elements),) = listed.items()
        together = decode(SOURCE, record)
        assert together
        assert together == [event for element in elements for event in decode(SOURCE, element)]
        assert all(recognise(element) for element in elements)


def test_a_listed_container_keeps_the_name_beside_the_id() -> None:
    """The kubelet asks by id; userSpecifiedImage keeps what the pod's spec says."""
    events = [event for record in sample("cri", "crictl_1.30_lists") for event in decode(SOURCE, record)]
    (found, sandbox) = of_kind(events, ContainerFacts)
    assert found.image is not None
    assert found.image.reference == "registry.example.net/shop/cart:2.3"
    assert found.image.config_digest is not None
    assert sandbox.is_sandbox


def test_an_image_gives_its_layers_and_commands_but_no_health_check() -> None:
    """The OCI config that a CRI runtime shows has none to show: unknown."""
    facts, name = decode_all(SOURCE, sample("cri", "crictl_1.30_inspecti"))
    assert isinstance(facts, ImageFacts)
    assert facts.chain_id == chain_id(facts.diff_ids) is not None
    assert (facts.entrypoint, facts.cmd, facts.healthcheck) == (("/bin/cart",), ("serve",), None)
    assert (facts.platform, facts.proof) == ("linux/arm64/v8", "runtime")
    assert len(facts.repo_digests) == 1
    assert isinstance(name, ImageName)
    assert name.config_digest == facts.config_digest is not None


def test_an_image_without_information_declares_nothing_known() -> None:
    """Neither empty nor full."""
    facts = one(SOURCE, {"images": [{"id": digest("a"), "repoTags": [], "repoDigests": []}]}, ImageFacts)
    assert (facts.entrypoint, facts.cmd, facts.platform, facts.chain_id) == (None, None, None, None)


def test_an_empty_list_is_claimed_and_says_nothing() -> None:
    """A fresh node."""
    assert recognise({"images": []})
    assert decode(SOURCE, {"images": []}) == []
    assert not recognise({"items": [], "metadata": {}})


def test_other_producers_are_not_claimed() -> None:
    """Kubernetes' objects have a kind; Docker's capitalised keys; other documents other members."""
    pod = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a"}, "status": {"id": ID, "metadata": {}}}
    assert not recognise(pod)
    assert not recognise({"kind": "List", "items": [container()["status"]]})
    assert not recognise({"status": "ok", "info": {}})
    assert not recognise({"images": ["a.png"]})
    assert not recognise({"Id": digest("a"), "RepoTags": []})
    assert not recognise({"imageRef": digest("a")})


@pytest.mark.parametrize(
    "broken",
    [
        container(id="web"),
        container(createdAt=10**30),
        container(createdAt="9" * 21),
        container(createdAt="9" * 5000),
        container(labels=[]),
        {"images": [{"id": digest("a"), "repoTags": [5]}]},
        {"kind": "Pod"},
    ],
)
def test_a_description_of_another_shape_is_rejected(broken: dict[str, Any]) -> None:
    """As is a time that is none."""
    with pytest.raises(RecordError):
        decode(SOURCE, broken)


@pytest.mark.parametrize("zero", [0, "0", "", None, "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"])
def test_a_time_that_means_not_yet_is_unknown(zero: int | str | None) -> None:
    """Each runtime has its own zero."""
    assert one(SOURCE, container(startedAt=zero), ContainerFacts).started_ns is None


def test_hostile_bytes_raise_only_record_errors() -> None:
    """Every member of every shape, left out or replaced."""
    for case in ("lists", "inspect_containerd", "inspect_crio", "inspectp", "inspecti"):
        for record in sample("cri", f"crictl_1.30_{case}"):
            survives(SOURCE, record)
    survives(SOURCE, sample("cri", "grpc_1.6")[0])


def test_a_real_cri_proves_config_and_index_of_its_container(shared: Path) -> None:
    """The container, its sandbox and its image as containerd 1.6 told them."""
    built = json.loads((shared / "captures/00-built-digests.json").read_bytes())
    (found,) = decode_all(SOURCE, records(shared / "captures/cri/container-status.json"))
    assert isinstance(found, ContainerFacts)
    assert found.image is not None
    assert found.image.config_digest == built["web/amd64"]["config"]
    assert found.image.repo_digest == built["web/index"]
    sandbox, status = decode_all(SOURCE, records(shared / "captures/cri/sandbox-status.json"))
    assert isinstance(sandbox, ContainerFacts)
    assert sandbox.is_sandbox
    assert isinstance(status, PodStatus)
    assert (status.pod.name, status.ips) == ("web-0", ("172.18.0.2",))
    facts, name = decode_all(SOURCE, records(shared / "captures/cri/image-status-web.json"))
    assert isinstance(facts, ImageFacts)
    assert facts.diff_ids == tuple(built["web/amd64"]["diff_ids"])
    assert facts.chain_id == chain_id(facts.diff_ids)
    assert isinstance(name, ImageName)
    assert name.reference == "127.0.0.1:5000/acme/web:1.0"
