"""What the API server's audit events say, at each level and stage."""

import json
from pathlib import Path
from typing import Any

import pytest
from audit_events import changed, events_of, one
from kubernetes_records import decode, records, sample, survives

from tidewaiter.edge.sieve import skipper
from tidewaiter.event import ContainerExec, ContainerFacts, PodCreate, PodStatus, Where, WorkloadCreate
from tidewaiter.sources import RecordError, sources
from tidewaiter.sources._fields import parse_time_ns
from tidewaiter.sources._kubernetes_requests import is_relevant
from tidewaiter.sources.kubernetes_audit import SOURCE


def test_a_created_pod_comes_from_the_answer_with_its_uid_and_its_asker() -> None:
    """The answer has uid and defaults; the time is the request's, which is before any pull."""
    pod = one(events_of("v1_pods_create")[1])
    assert isinstance(pod, PodCreate)
    assert pod.time_ns == parse_time_ns("2026-03-04T10:00:00.100200Z")
    assert (pod.pod.namespace, pod.pod.name, pod.pod.service_account) == ("shop", "web-0", "shop")
    assert pod.pod.uid == "0ba18df0-8411-9f61-c753-ffb606c63e60"
    assert pod.user is not None
    assert (pod.user.name, pod.user.source_ip) == ("alice@example.com", "203.0.113.20")
    assert pod.user.groups == ("platform", "system:authenticated")
    assert pod.user.user_agent is not None
    assert pod.user.user_agent.startswith("kubectl/")
    assert (pod.host_pid, pod.host_network) == (True, False)
    assert pod.assigned_node == pod.node == "node-a"
    assert pod.native_id == "e276af2d-11e8-8037-e8ba-ce217c6fe897"


def test_a_pod_s_containers_come_with_policy_privileges_mounts_and_probes() -> None:
    """Only a mount of the host's `/` counts as one; probes and hooks count where they run a command."""
    setup, web, agent = one(events_of("v1_pods_create")[1]).containers
    assert (setup.name, setup.kind, setup.image_pull_policy) == ("setup", "init", "IfNotPresent")
    assert (web.image, web.image_pull_policy, web.privileged, web.host_root_mount) == (
        "docker.io/library/nginx:latest",
        "Always",
        False,
        False,
    )
    assert web.probes == (("curl", "-fsS", "http://127.0.0.1:8080/healthz"), ("sh", "-c", "sleep 5"))
    assert (agent.privileged, agent.host_root_mount, agent.kind) == (True, True, "container")


@pytest.mark.parametrize(
    ("path", "mount", "expected"),
    [
        ("/", {}, True),
        ("//", {}, True),
        ("/./", {}, True),
        ("/", {"subPath": "."}, True),
        ("/", {"subPath": "etc"}, False),
        ("/etc", {}, False),
        ("", {}, False),
    ],
)
def test_a_mount_of_the_host_s_root_is_seen_however_it_is_written(
    path: str, mount: dict[str, str], expected: bool
) -> None:
    record = json.loads(sample("kubernetes_audit", "v1_pods_create")[1])
    spec = record["responseObject"]["spec"]
    spec["volumes"][0]["hostPath"]["path"] = path
    spec["containers"][1]["volumeMounts"][0] |= mount
    assert one(decode(SOURCE, record)).containers[2].host_root_mount is expected


def test_a_replica_set_s_pod_has_the_generated_name_and_its_owner() -> None:
    """The controlling owner is told both of the pod and of the request."""
    pod = one(events_of("v1_pods_create")[2])
    assert pod.pod.name == "web-6d4b75cb6d-x2x7p"
    assert (pod.owner_kind, pod.owner_name) == ("ReplicaSet", "web-6d4b75cb6d")
    assert (pod.pod.workload_kind, pod.pod.workload) == ("ReplicaSet", "web-6d4b75cb6d")
    assert pod.owner_uid == "4ff41da4-148e-7dff-0c14-e758b5ff127d"
    assert (pod.node, pod.assigned_node) == (None, None)


def test_an_owner_that_does_not_control_is_no_owner() -> None:
    record = json.loads(sample("kubernetes_audit", "v1_pods_create")[2])
    record["responseObject"]["metadata"]["ownerReferences"][0]["controller"] = False
    pod = one(decode(SOURCE, record))
    assert (pod.owner_kind, pod.owner_uid, pod.pod.workload) == (None, None, None)


def test_an_impersonated_user_is_the_acting_user() -> None:
    """At level Request there is no answer: what was sent is taken, and the first address is the client's."""
    pod = one(events_of("v1_pods_create")[3])
    assert (pod.user.name, pod.user.groups, pod.user.source_ip) == ("bob@example.com", ("dev",), "198.51.100.7")
    assert pod.containers[0].image == "registry.example.com/team/web:1.4"
    assert pod.pod.uid is None


def test_at_level_metadata_only_names_are_known() -> None:
    pod = one(events_of("v1_pods_create")[4])
    assert (pod.pod.namespace, pod.pod.name, pod.pod.uid, pod.containers) == ("shop", "plain", None, ())


@pytest.mark.parametrize("line", [0, 5, 6, 7, 9, 10])
def test_unanswered_nameless_refused_dry_and_unrelated_requests_create_nothing(line: int) -> None:
    assert events_of("v1_pods_create")[line] == []


def test_a_patch_that_sets_an_image_tells_that_container() -> None:
    pod = one(events_of("v1_pods_create")[8])
    assert [(c.name, c.image) for c in pod.containers] == [("web", "docker.io/library/nginx:1.27")]
    assert pod.user.name == "alice@example.com"


@pytest.mark.parametrize(
    ("steps", "is_told"),
    [
        ([{"op": "replace", "path": "/spec/containers/0/image", "value": "x"}], True),
        ([{"op": "add", "path": "/spec/initContainers/-", "value": {}}], True),
        ([{"op": "replace", "path": "/spec", "value": {}}], True),
        ([{"op": "test", "path": "/spec/containers/0/image", "value": "x"}], False),
        ([{"op": "add", "path": "/metadata/labels/image", "value": "x"}], False),
        ([{"op": "replace", "path": "/spec/containers/0/name", "value": "x"}], False),
        ([], False),
    ],
)
def test_a_json_patch_of_a_pod_counts_where_it_sets_images(steps: list[dict[str, Any]], is_told: bool) -> None:
    record = changed(sample("kubernetes_audit", "v1_pods_create")[8], requestObject=steps)
    events = decode(SOURCE, record)
    assert bool(events) is is_told
    assert not is_told or len(one(events).containers) == 3


def test_an_apply_that_creates_a_pod_counts_as_a_create() -> None:
    """Server-side apply is a patch; the code tells that the pod is new."""
    record = changed(sample("kubernetes_audit", "v1_pods_create")[1], verb="patch")
    assert len(one(decode(SOURCE, record)).containers) == 3


@pytest.mark.parametrize(
    "answer",
    [
        {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "rows": []},
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "spec": "none"},
    ],
)
def test_an_answer_that_is_another_object_gives_way_to_what_was_sent(answer: dict[str, Any]) -> None:
    """Clients may ask for a table; bodies of a wrong shape are no pod."""
    pod = one(decode(SOURCE, changed(sample("kubernetes_audit", "v1_pods_create")[1], responseObject=answer)))
    assert len(pod.containers) == 3
    assert pod.pod.uid is None
    workload = one(decode(SOURCE, changed(sample("kubernetes_audit", "v1_workloads")[0], responseObject=answer)))
    assert len(workload.containers) == 1
    assert workload.uid is None


def test_v1beta1_has_the_same_shape() -> None:
    pod = one(events_of("v1beta1_pods_create")[0])
    assert pod.time_ns == parse_time_ns("2026-03-04T11:00:00.867116Z")
    assert pod.pod.name == "old"


def test_a_binding_tells_the_node() -> None:
    status = one(events_of("v1_pods_status")[0])
    assert isinstance(status, PodStatus)
    assert (status.assigned_node, status.node, status.pod.name) == ("node-a", "node-a", "web-0")
    assert status.pod.uid == "0ba18df0-8411-9f61-c753-ffb606c63e60"


def test_a_binding_through_the_old_resource_names_its_pod_inside() -> None:
    record = json.loads(sample("kubernetes_audit", "v1_pods_status")[0])
    record["objectRef"] = {"resource": "bindings", "namespace": "shop", "name": "b", "apiVersion": "v1"}
    assert one(decode(SOURCE, record)).pod.name == "web-0"


def test_a_binding_whose_body_was_not_kept_says_nothing() -> None:
    record = changed(sample("kubernetes_audit", "v1_pods_status")[0], requestObject=None, level="Metadata")
    assert decode(SOURCE, record) == []


def test_the_kubelet_s_status_tells_addresses_and_the_content_of_each_container() -> None:
    """The repository beside the digest may be another than the spec's; a bare digest is the config's."""
    status, setup, web, agent = events_of("v1_pods_status")[1]
    assert isinstance(status, PodStatus)
    assert isinstance(web, ContainerFacts)
    assert status.ips == ("198.51.100.40", "2001:db8::40")
    assert status.host_ips == ("192.0.2.10",)
    assert status.time_ns == web.time_ns == parse_time_ns("2026-03-04T10:00:10.2Z")
    assert web.node == "node-a"
    assert web.runtime == "containerd"
    assert web.container_id is not None
    assert len(web.container_id) == 64
    assert web.image is not None
    assert web.image.reference == "docker.io/library/nginx:latest"
    assert web.image.repository == "mirror.example.com/hub/nginx"
    assert web.image.repo_digest is not None
    assert web.image.config_digest is None
    assert web.image.from_runtime
    assert web.started_ns == parse_time_ns("2026-03-04T10:00:09Z")
    assert isinstance(setup, ContainerFacts)
    assert setup.finished_ns == parse_time_ns("2026-03-04T10:00:06Z")
    assert isinstance(agent, ContainerFacts)
    assert agent.image is not None
    assert agent.image.config_digest == agent.image.reference
    assert agent.image.repo_digest is None
    assert (agent.privileged, agent.host_root_mount, agent.host_pid) == (True, True, True)
    assert (web.privileged, web.host_root_mount) == (False, False)


def test_a_status_patch_without_an_answer_names_the_kubelet_s_node() -> None:
    status, *facts = events_of("v1_pods_status")[2]
    assert isinstance(status, PodStatus)
    assert (status.assigned_node, status.pod.uid) == ("node-a", "0ba18df0-8411-9f61-c753-ffb606c63e60")
    assert {fact.node for fact in facts} == {"node-a"}
    assert len(facts) == 3


def test_at_level_metadata_a_status_still_tells_the_node() -> None:
    status = one(events_of("v1_pods_status")[3])
    assert (status.pod.name, status.assigned_node, status.ips) == ("web-0", "node-a", ())


def test_a_status_that_a_person_wrote_is_no_proof() -> None:
    """Nor is one written by somebody who impersonates a node."""
    _, *facts = events_of("v1_pods_status")[4]
    record = sample("kubernetes_audit", "v1_pods_status")[1]
    _, *disguised = decode(SOURCE, changed(record, impersonatedUser={"username": "system:node:node-a"}))
    images = [fact.image for fact in (*facts, *disguised) if isinstance(fact, ContainerFacts)]
    assert len(images) == 6
    assert not any(image is not None and image.from_runtime for image in images)


def test_workloads_come_with_owner_user_and_template() -> None:
    created, replica_set, patched, annotated, json_patched, cron_job, update, status, other = events_of("v1_workloads")
    deployment = one(created)
    assert isinstance(deployment, WorkloadCreate)
    assert (deployment.kind, deployment.namespace, deployment.name) == ("Deployment", "shop", "web")
    assert deployment.user is not None
    assert deployment.user.name == "alice@example.com"
    assert [c.image for c in deployment.containers] == ["registry.example.com/team/web:1.4"]
    owned = one(replica_set)
    assert (owned.kind, owned.owner_kind, owned.owner_uid) == ("ReplicaSet", "Deployment", deployment.uid)
    assert [c.image for c in one(patched).containers] == ["docker.io/example/web:dev"]
    assert [c.image for c in one(json_patched).containers] == ["docker.io/example/web:dev2"]
    assert (one(cron_job).kind, len(one(cron_job).containers)) == ("CronJob", 1)
    assert (one(update).kind, one(update).name, one(update).containers) == ("DaemonSet", "agent", ())
    assert (annotated, status, other) == ([], [], [])


@pytest.mark.parametrize("resource", ["pods", "deployments"])
def test_a_patch_that_was_not_kept_is_told_of_a_workload_only(resource: str) -> None:
    """It may have changed the template; of a pod hardly any patch sets an image."""
    record = changed(sample("kubernetes_audit", "v1_workloads")[6], verb="patch")
    record["objectRef"] = {"resource": resource, "namespace": "shop", "name": "web"}
    assert len(decode(SOURCE, record)) == (1 if resource == "deployments" else 0)


def test_a_record_without_stage_or_group_is_taken_as_answered() -> None:
    """Shippers cut fields; what is left is enough."""
    record = changed(sample("kubernetes_audit", "v1_workloads")[0], stage=None, auditID=None, responseStatus=None)
    record["objectRef"] = {"resource": "deployments", "namespace": "shop", "name": "web", "apiVersion": "apps/v1"}
    assert one(decode(SOURCE, record)).native_id is None


@pytest.mark.parametrize("stamp", [None, "yesterday", "0001-01-01T00:00:00Z", "2026-13-01T00:00:00Z"])
def test_a_relevant_record_without_a_readable_time_is_rejected(stamp: str | None) -> None:
    record = changed(
        sample("kubernetes_audit", "v1_pods_create")[4], requestReceivedTimestamp=stamp, stageTimestamp=stamp
    )
    with pytest.raises(RecordError):
        decode(SOURCE, record)


def test_the_node_of_the_log_s_host_is_never_taken() -> None:
    """Audit logs are written on the control plane; the pod runs elsewhere."""
    place = Where("kubernetes_audit", "-", 1, "prod", "control-1")
    (pod,) = SOURCE.decode(sample("kubernetes_audit", "v1_pods_create")[2], place)
    assert (pod.node, pod.cluster) == (None, "prod")


def test_elements_of_a_batch_are_recognised_without_kind() -> None:
    record = json.loads(sample("kubernetes_audit", "v1_sessions")[0])
    assert SOURCE.recognise is not None
    assert SOURCE.recognise(record)
    for name in ("kind", "apiVersion"):
        del record[name]
    assert SOURCE.recognise(record)
    del record["auditID"]
    assert not SOURCE.recognise(record)
    assert not SOURCE.recognise({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": []})


@pytest.mark.parametrize(
    "case", ["v1_pods_create", "v1_sessions", "v1_debug_containers", "v1_pods_status", "v1_workloads"]
)
def test_the_opening_of_every_compact_record_is_a_known_one(case: str) -> None:
    assert all(record.startswith(SOURCE.prefixes) for record in sample("kubernetes_audit", case))


@pytest.mark.parametrize(
    ("case", "line"), [("v1_pods_create", 1), ("v1_sessions", 6), ("v1_pods_status", 2), ("v1_workloads", 4)]
)
def test_whatever_is_changed_in_a_record_only_record_error_escapes(case: str, line: int) -> None:
    assert survives(SOURCE, sample("kubernetes_audit", case)[line]) > 300


def test_the_source_is_found_and_says_what_it_cannot_see() -> None:
    assert sources()["kubernetes_audit"] is SOURCE
    assert "kubernetes:audit" in SOURCE.log_sources
    assert "Metadata" in SOURCE.cannot_see


def test_the_recorded_api_server_log_tells_each_request_once(shared: Path) -> None:
    """942 records of a real API server: 2 pods, 1 image change, 1 debug container, 1 deployment, 1 written status."""
    found = [
        event
        for record in records(shared / "captures/kubernetes/audit.log")
        if SOURCE.recognise is not None and SOURCE.recognise(record)
        for event in decode(SOURCE, record)
    ]
    pods = [event for event in found if isinstance(event, PodCreate)]
    assert [(p.pod.name, p.user.name if p.user else None, [c.image for c in p.containers]) for p in pods] == [
        ("web", "alice", [f"registry.example.org/team/web@sha256:{'a' * 64}"]),
        ("mutable", "alice", ["docker.io/library/nginx:latest"]),
        ("mutable", "alice", ["docker.io/library/nginx:1.25"]),
        ("mutable", "admin", ["docker.io/library/alpine:latest"]),
    ]
    assert pods[3].containers[0].kind == "ephemeral"
    (deployment,) = (event for event in found if isinstance(event, WorkloadCreate))
    assert (deployment.name, deployment.containers[0].image) == ("dep", "docker.io/library/busybox:latest")
    (facts,) = (event for event in found if isinstance(event, ContainerFacts))
    assert facts.image is not None
    assert facts.image.reference == "docker.io/library/nginx:latest"
    assert not facts.image.from_runtime  # an administrator wrote it with curl
    assert not any(isinstance(event, ContainerExec) for event in found)  # both exec attempts failed with 404


def test_every_element_of_the_recorded_webhook_batches_is_recognised(shared: Path) -> None:
    batch = list(records(shared / "captures/kubernetes/audit-webhook.batches.ndjson"))
    assert len(batch) == 851
    assert all(SOURCE.recognise is not None and SOURCE.recognise(record) for record in batch)
    assert [event for record in batch for event in decode(SOURCE, record)] == []


def test_public_audit_samples_tell_pods_deployments_and_sessions(shared: Path) -> None:
    folder = shared / "samples/k8s_audit_falco"
    found = {
        path.stem.removeprefix("k8s_audit__"): [event for record in records(path) for event in decode(SOURCE, record)]
        for path in sorted(folder.iterdir())
    }
    assert sum(1 for events in found.values() if events) == 8
    privileged = one(found["create_nginx_pod_no_secctx_1st_container_privileged_2nd_container"])
    assert [c.privileged for c in privileged.containers] == [False, True]
    assert privileged.owner_kind == "ReplicaSet"
    assert one(found["exec_pod"]).command == ("bash",)
    (log,) = records(shared / "samples/k8s_audit_crowdsec/k8s-audit-pod-exec-file.log")
    assert (one(decode(SOURCE, log)).command, one(decode(SOURCE, log)).pod.container_name) == (("/bin/bash",), "centos")


def test_detection_test_events_are_read_or_rejected_never_more(shared: Path) -> None:
    """Many of them leave out the time or the verb, which no API server does: rejected, with the reason."""
    outcomes: dict[str, int] = {}
    for path in sorted((shared / "samples/k8s_audit_panther").iterdir()):
        for record in records(path):
            if SOURCE.recognise is None or not SOURCE.recognise(record):
                continue
            try:
                outcome = "read" if decode(SOURCE, record) else "irrelevant"
            except RecordError as error:
                outcome = "no time" if "no time" in str(error) else "no verb" if "`verb`" in str(error) else "other"
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert set(outcomes) == {"irrelevant", "no time", "no verb"}


@pytest.mark.parametrize("verb", ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"])
@pytest.mark.parametrize("subresource", ["", "binding", "status", "exec", "attach", "ephemeralcontainers", "proxy"])
@pytest.mark.parametrize("resource", ["pods", "bindings", "nodes", "deployments", "cronjobs", "leases", "secrets"])
def test_nothing_that_is_relevant_is_left_out_unread(resource: str, subresource: str, verb: str) -> None:
    """The words that the quick path looks for are in every request that says something."""
    skim = SOURCE.skim
    assert skim is not None
    target = {"resource": resource, "subresource": subresource} if subresource else {"resource": resource}
    record = json.dumps({"kind": "Event", "verb": verb, "objectRef": target}, separators=(",", ":")).encode()
    if is_relevant(verb, None, resource, subresource):
        assert not skipper(skim, set())(record, 0, len(record))
