"""What Pod and workload objects say, from each runtime."""

import json
from pathlib import Path
from typing import Any

import pytest
from kubernetes_records import decode, records, sample, survives

from tidewaiter.event import ContainerFacts, Event, PodCreate, PodStatus, WorkloadCreate
from tidewaiter.sources import RecordError, sources
from tidewaiter.sources._fields import parse_time_ns
from tidewaiter.sources.kubernetes_pods import SOURCE


def pods(line: int) -> list[Event]:
    return decode(SOURCE, sample("kubernetes_pods", "pods")[line])


def facts(events: list[Event]) -> list[ContainerFacts]:
    return [event for event in events if isinstance(event, ContainerFacts)]


def claim(image_id: str, container_id: str, image: str = "web") -> Any:
    record = json.loads(sample("kubernetes_pods", "pods")[0])
    record["status"] = {
        "containerStatuses": [{"name": "web", "image": image, "imageID": image_id, "containerID": container_id}]
    }
    (fact,) = facts(decode(SOURCE, record))
    return fact.image


def test_a_pod_is_told_as_asked_placed_and_filled() -> None:
    """The listing's own moment is unknown; only what the object dates has a time."""
    created, status, setup, web, agent = pods(0)
    assert isinstance(created, PodCreate)
    assert isinstance(status, PodStatus)
    assert (created.time_ns, created.user) == (parse_time_ns("2026-03-04T10:00:00Z"), None)
    assert len(created.containers) == 3
    assert (status.time_ns, status.assigned_node) == (None, "node-a")
    assert status.ips == ("198.51.100.40", "2001:db8::40")
    assert {event.time_ns for event in (setup, web, agent)} == {None}
    assert created.native_id == status.native_id == f"{created.pod.uid}:5001"


def test_a_container_that_waits_for_its_restart_keeps_the_times_of_its_end() -> None:
    """CRI-O writes the image id as 64 bare characters: the config digest."""
    (web,) = facts(pods(1))
    assert web.runtime == "cri-o"
    assert web.started_ns == parse_time_ns("2026-03-04T10:00:09Z")
    assert web.finished_ns == parse_time_ns("2026-03-04T10:00:19Z")
    assert web.image is not None
    assert web.image.config_digest is not None
    assert web.image.config_digest.startswith("sha256:")
    assert web.pod is not None
    assert (web.pod.workload_kind, web.pod.container_name) == ("ReplicaSet", "web")


def test_a_restarted_container_tells_of_the_one_before_it_but_not_of_its_image() -> None:
    before, web, debugger = facts(pods(2))
    assert before.container_id != web.container_id
    assert before.image is None
    assert before.finished_ns == parse_time_ns("2026-03-04T10:01:59Z")
    assert web.image is not None
    assert (web.image.repository, web.image.config_digest) == ("nginx", None)
    assert web.image.repo_digest is not None
    assert debugger.image is not None
    assert debugger.image.config_digest is not None
    assert (debugger.image.repo_digest, debugger.runtime) == (None, "docker")


def test_a_pod_that_waits_for_a_node_has_no_status() -> None:
    (created,) = pods(3)
    assert isinstance(created, PodCreate)
    assert created.assigned_node is None


def test_an_element_of_a_list_without_kind_is_a_pod() -> None:
    created, status = pods(4)
    assert isinstance(created, PodCreate)
    assert isinstance(status, PodStatus)
    assert (status.ips, status.host_ips) == ((), ("192.0.2.11",))


A, B = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("image_id", "container_id", "config", "repo_digest", "repository"),
    [
        (f"docker-pullable://r.example.com/x@sha256:{A}", f"docker://{B}", None, f"sha256:{A}", "r.example.com/x"),
        (f"docker://sha256:{A}", f"docker://{B}", f"sha256:{A}", None, None),
        (f"r.example.com:5000/x@sha256:{A}", f"containerd://{B}", None, f"sha256:{A}", "r.example.com:5000/x"),
        (f"r.example.com:5000/x:1@sha256:{A}", f"cri-o://{B}", None, f"sha256:{A}", "r.example.com:5000/x"),
        (f"sha256:{A}", f"containerd://{B}", f"sha256:{A}", None, None),
        (A, f"cri-o://{B}", f"sha256:{A}", None, None),
        (f"sha256:{A}", f"other://{B}", None, None, None),
        (f"sha256:{A}", "c1", None, None, None),
        (f"sha256:{A[:-1]}", f"containerd://{B}", None, None, None),
        (f"x@sha512:{A}", f"containerd://{B}", None, None, None),
        ("", f"containerd://{B}", None, None, None),
    ],
)
def test_image_ids_are_read_as_each_runtime_means_them(
    image_id: str, container_id: str, config: str | None, repo_digest: str | None, repository: str | None
) -> None:
    image = claim(image_id, container_id)
    assert (image.config_digest, image.repo_digest, image.repository) == (config, repo_digest, repository)
    assert image.from_runtime


def test_a_status_without_image_claims_nothing() -> None:
    assert claim("", f"containerd://{B}", "") is None


def test_a_container_that_was_never_made_gives_no_facts() -> None:
    record = json.loads(sample("kubernetes_pods", "pods")[1])
    record["status"]["containerStatuses"] = [
        {"name": "web", "image": "x", "imageID": "", "state": {"waiting": {"reason": "ErrImagePull"}}, "lastState": {}}
    ]
    assert facts(decode(SOURCE, record)) == []


def test_addresses_that_are_none_are_left_out() -> None:
    record = json.loads(sample("kubernetes_pods", "pods")[4])
    record["status"] |= {"podIP": "nonsense", "podIPs": [{"ip": ""}, {}, {"ip": "2001:DB8:0::1"}], "hostIP": "\x00"}
    _, status = decode(SOURCE, record)
    assert isinstance(status, PodStatus)
    assert (status.ips, status.host_ips) == (("2001:db8::1",), ())


def test_workloads_are_told_without_a_user_and_manifests_not_at_all() -> None:
    """Owner chains resolve by them; an object that was never stored has no creation time."""
    deployment, replica_set, cron_job, manifest = (
        decode(SOURCE, record) for record in sample("kubernetes_pods", "workloads")
    )
    (owned,) = replica_set
    assert isinstance(owned, WorkloadCreate)
    assert (owned.kind, owned.owner_kind, owned.owner_name, owned.user) == ("ReplicaSet", "Deployment", "web", None)
    assert deployment[0].native_id == f"{owned.owner_uid}:6000"
    (nightly,) = cron_job
    assert isinstance(nightly, WorkloadCreate)
    assert len(nightly.containers) == 1
    assert manifest == []


@pytest.mark.parametrize("kind", ["ConfigMap", "PodList", "NetworkNeighborhood"])
def test_other_kinds_are_rejected(kind: str) -> None:
    with pytest.raises(RecordError):
        decode(SOURCE, {"kind": kind, "metadata": {"name": "x"}, "spec": {}})


def test_a_pod_without_a_name_is_rejected() -> None:
    with pytest.raises(RecordError):
        decode(SOURCE, {"kind": "Pod", "metadata": {}, "spec": {}})


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"kind": "Pod", "apiVersion": "v1", "metadata": {}, "spec": {}}, True),
        ({"kind": "Pod", "apiVersion": "example.com/v1", "metadata": {}, "spec": {}}, False),
        ({"kind": "Job", "apiVersion": "batch/v1", "metadata": {}, "spec": {}}, True),
        ({"kind": "Job", "apiVersion": "batch.example.com/v1", "metadata": {}, "spec": {}}, False),
        ({"kind": "ReplicationController", "apiVersion": "v1", "metadata": {}, "spec": {}}, True),
        ({"kind": "Node", "apiVersion": "v1", "metadata": {}, "spec": {}}, False),
        ({"metadata": {"name": "x"}, "spec": {"containers": []}, "status": {}}, True),
        ({"metadata": {"name": "x"}, "spec": {"containers": []}}, False),
        ({"kind": "Pod", "apiVersion": 1, "metadata": {}, "spec": {}}, False),
        ({"kind": ["Pod"], "apiVersion": "v1", "metadata": {}, "spec": {}}, False),
        ({"kind": "Pod", "apiVersion": "v1", "metadata": [], "spec": {}}, False),
    ],
)
def test_objects_are_recognised_by_kind_group_and_members(record: dict[str, Any], expected: bool) -> None:
    assert SOURCE.recognise is not None
    assert SOURCE.recognise(record) is expected


@pytest.mark.parametrize(("case", "line"), [("pods", 0), ("pods", 2), ("workloads", 2)])
def test_whatever_is_changed_in_a_record_only_record_error_escapes(case: str, line: int) -> None:
    assert survives(SOURCE, sample("kubernetes_pods", case)[line]) > 300


def test_the_source_is_found() -> None:
    assert sources()["kubernetes_pods"] is SOURCE


def test_the_recorded_node_tells_its_container_from_start_to_end(shared: Path) -> None:
    """A real kubelet's watch stream: one container, its digest, its start, and at last its end."""
    made = [
        event
        for record in records(shared / "captures/kubernetes/real-kubelet-watch-pods.ndjson")
        for event in decode(SOURCE, record)
    ]
    told = facts(made)
    assert {fact.container_id for fact in told} == {"579e34d44fe491878f3aafc8a177841af9ab7368bf910d5d3b56ec064bcd88b5"}
    assert {fact.image.repo_digest for fact in told if fact.image} == {
        "sha256:e90582b42fcfdc597009793f9444283409bedfb8e67219a4873d425590e8eff6"
    }
    assert {fact.node for fact in told} == {"localhost"}
    assert told[0].finished_ns is None
    assert told[-1].finished_ns == parse_time_ns("2026-11-22T01:27:51Z")
    assert {e.pod.name for e in made if isinstance(e, PodCreate)} == {"web", "nopull"}
    assert all(e.host_network for e in made if isinstance(e, PodStatus))
    by_version = [event.native_id for event in made if isinstance(event, PodCreate)]
    assert len(by_version) == len(set(by_version)) == 12


def test_a_listing_tells_the_same_as_the_stream(shared: Path) -> None:
    (fact,) = facts(
        [
            event
            for record in records(shared / "captures/kubernetes/real-kubelet-pods-list.json")
            for event in decode(SOURCE, record)
        ]
    )
    assert fact.image is not None
    assert fact.image.repository == "127.0.0.1:25000/team/web"
    assert fact.image.reference == "127.0.0.1:25000/team/web:latest"


def test_a_moved_tag_shows_as_a_status_that_differs_from_the_spec(shared: Path) -> None:
    made = [
        event for record in records(shared / "captures/kubernetes/pods-list.json") for event in decode(SOURCE, record)
    ]
    created, _, fact = made
    assert isinstance(created, PodCreate)
    assert isinstance(fact, ContainerFacts)
    assert [(c.name, c.kind) for c in created.containers] == [("c", "container"), ("dbg", "ephemeral")]
    assert created.containers[0].image == "docker.io/library/nginx:1.25"
    assert fact.image is not None
    assert fact.image.reference == "docker.io/library/nginx:latest"


def test_learned_profiles_are_no_pods_though_they_list_containers(shared: Path) -> None:
    """Of the profile samples only the Pod and the two Deployments among them are objects of the cluster."""
    folder = shared / "samples/kubescape_profiles"
    recognised = {
        path.name
        for path in folder.iterdir()
        for record in records(path)
        if SOURCE.recognise is not None and SOURCE.recognise(record)
    }
    assert recognised == {"nginx_pod.json", "nginx_deploy.json", "collection_deploy.json"}
    (pod,) = records(folder / "nginx_pod.json")
    status, fact = decode(SOURCE, pod)
    assert isinstance(status, PodStatus)
    assert isinstance(fact, ContainerFacts)
    assert fact.image is not None
    assert fact.image.repository == "docker.io/library/nginx"
    (deployment,) = records(folder / "collection_deploy.json")
    assert decode(SOURCE, deployment) == []  # exported without a creation time


def test_what_a_bare_pod_s_name_was_made_from_is_told() -> None:
    """Of a pod that has an owner the owner says more."""
    record = json.loads(sample("kubernetes_pods", "pods")[0])
    record["metadata"] |= {"generateName": "web-", "ownerReferences": None}
    bare = decode(SOURCE, record)[0]
    record["metadata"]["ownerReferences"] = [{"kind": "Job", "name": "web", "uid": "u", "controller": True}]
    owned = decode(SOURCE, record)[0]
    assert isinstance(bare, PodCreate)
    assert isinstance(owned, PodCreate)
    assert (bare.generate_name, owned.generate_name) == ("web-", None)
