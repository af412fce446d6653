"""What GKE's audit entries in Cloud Logging form say."""

import json
from pathlib import Path
from typing import Any

import pytest
from kubernetes_records import decode, records, sample, survives

from tidewaiter.event import ContainerExec, ContainerFacts, PodCreate, PodStatus, WorkloadCreate
from tidewaiter.sources import RecordError, sources
from tidewaiter.sources._fields import parse_time_ns
from tidewaiter.sources.gke_audit import SOURCE


def entry(line: int) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(sample("gke_audit", "pods")[line])
    return made


def test_a_created_pod_comes_with_cluster_principal_and_caller() -> None:
    (pod,) = decode(SOURCE, entry(0))
    assert isinstance(pod, PodCreate)
    assert pod.cluster == "example-cluster"
    assert (pod.pod.namespace, pod.pod.name) == ("shop", "tools")
    assert pod.pod.uid is not None
    assert pod.user is not None
    assert (pod.user.name, pod.user.source_ip) == ("carol@example.com", "203.0.113.77")
    assert pod.user.user_agent is not None
    assert [c.image for c in pod.containers] == ["registry.example.com/team/web:1.4"]
    assert pod.time_ns == parse_time_ns("2026-03-04T12:00:00.123456Z")
    assert pod.native_id == entry(0)["operation"]["id"]


def test_a_request_that_failed_creates_nothing() -> None:
    """Either the rpc status or the answer tells."""
    assert decode(SOURCE, entry(1)) == []
    by_answer = entry(1)
    by_answer["protoPayload"]["status"] = {}
    assert decode(SOURCE, by_answer) == []
    by_code = entry(0)
    by_code["protoPayload"]["responseStatus"] = {"code": 403}
    assert decode(SOURCE, by_code) == []


def test_an_exec_is_a_session_whose_command_is_not_known() -> None:
    (session,) = decode(SOURCE, entry(2))
    assert isinstance(session, ContainerExec)
    assert session.pod is not None
    assert (session.pod.namespace, session.pod.name, session.command) == ("shop", "tools", ())
    assert session.interactive is None


def test_an_exec_with_its_options_in_the_body_tells_the_command() -> None:
    record = entry(2)
    record["protoPayload"]["request"] = {"command": ["tar", "cf", "-", "/data"], "container": "web"}
    (session,) = decode(SOURCE, record)
    assert isinstance(session, ContainerExec)
    assert session.command == ("tar", "cf", "-", "/data")


def test_a_patched_deployment_and_a_kubelet_s_status_are_told() -> None:
    (deployment,) = decode(SOURCE, entry(3))
    assert isinstance(deployment, WorkloadCreate)
    assert (deployment.kind, deployment.name) == ("Deployment", "web")
    status, *facts = decode(SOURCE, entry(4))
    assert isinstance(status, PodStatus)
    assert status.assigned_node == "gke-node-1"
    assert len(facts) == 3
    assert all(isinstance(fact, ContainerFacts) and fact.image and fact.image.from_runtime for fact in facts)


@pytest.mark.parametrize(
    ("method", "resource"),
    [
        ("io.k8s.coordination.v1.leases.update", "coordination.k8s.io/v1/namespaces/x/leases/y"),
        ("v2.deploymentmanager.deployments.insert", "deployments/x"),
        ("io.k8s.core.v1.pods", "core/v1/namespaces/x/pods"),
        ("io.k8s.core.pods.create", ""),
        ("io.k8s.v1.pods.create", ""),
        ("io.k8s.metrics.v1beta1.pods.create", ""),
        ("io.k8s.", "//"),
    ],
)
def test_other_methods_say_nothing(method: str, resource: str) -> None:
    record = entry(0)
    record["protoPayload"]["methodName"], record["protoPayload"]["resourceName"] = method, resource
    assert decode(SOURCE, record) == []


def test_a_group_with_dots_and_a_cluster_scoped_resource_are_split() -> None:
    record = entry(0)
    record["protoPayload"] |= {
        "methodName": "io.k8s.core.v1.nodes.proxy.create",
        "resourceName": "core/v1/nodes/gke-node-1/proxy",
    }
    assert decode(SOURCE, record) == []  # relevant, but without an address nothing tells which pod
    record["protoPayload"]["methodName"] = "io.k8s.authorization.rbac.v1.clusterroles.create"
    assert decode(SOURCE, record) == []


def test_a_pod_named_nowhere_says_nothing() -> None:
    record = entry(0)
    record["protoPayload"] |= {"request": None, "response": None, "resourceName": "core/v1/namespaces/shop/pods"}
    assert decode(SOURCE, record) == []


def test_a_relevant_entry_without_a_time_is_rejected() -> None:
    record = entry(2)
    del record["timestamp"]
    with pytest.raises(RecordError, match="no time"):
        decode(SOURCE, record)


def test_without_a_cluster_label_the_user_s_cluster_is_taken() -> None:
    record = entry(0)
    record["resource"], record["operation"] = {"type": "k8s_cluster"}, {}
    (pod,) = decode(SOURCE, record)
    assert (pod.cluster, pod.native_id) == ("default", record["insertId"])


@pytest.mark.parametrize("line", [0, 1, 2, 4])
def test_whatever_is_changed_in_a_record_only_record_error_escapes(line: int) -> None:
    assert survives(SOURCE, sample("gke_audit", "pods")[line]) > 300


def test_only_kubernetes_methods_are_recognised() -> None:
    assert SOURCE.recognise is not None
    assert all(SOURCE.recognise(entry(line)) for line in range(6))
    assert not SOURCE.recognise({"protoPayload": {"methodName": "storage.objects.get"}})
    assert not SOURCE.recognise({"protoPayload": {"serviceName": "k8s.io"}})
    assert not SOURCE.recognise({"jsonPayload": {}})
    assert sources()["gke_audit"] is SOURCE


def test_public_samples_tell_the_privileged_pods_that_were_created(shared: Path) -> None:
    path = shared / "samples/k8s_audit_panther/gcp_k8s_privileged_pod_created.jsonl"
    made = [decode(SOURCE, record) for record in records(path)]
    pods = [event for events in made for event in events if isinstance(event, PodCreate)]
    assert [pod.containers[0].privileged for pod in pods] == [True, False, False, True, True]
    assert made[3] == []  # refused: a pod of that name exists
    assert {pod.cluster for pod in pods} == {"some-project-cluster"}
    assert pods[0].user is not None
    assert (pods[0].user.name, pods[0].user.source_ip) == ("john.doe@company.com", "1.2.3.4")
