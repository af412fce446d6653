"""What admission reviews say, and what they cannot."""

import json
from pathlib import Path
from typing import Any

import pytest
from kubernetes_records import decode, records, sample, survives

from tidewaiter.event import Event, PodCreate, WorkloadCreate
from tidewaiter.sources import RecordError, sources
from tidewaiter.sources._fields import parse_time_ns
from tidewaiter.sources.admission_review import SOURCE


def review(line: int) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(sample("admission_review", "v1")[line])
    return made


def of(line: int) -> list[Event]:
    return decode(SOURCE, sample("admission_review", "v1")[line])


def test_a_pod_to_be_created_comes_with_its_asker_and_its_creation_time() -> None:
    (pod,) = of(0)
    assert isinstance(pod, PodCreate)
    assert pod.time_ns == parse_time_ns("2026-03-04T10:00:00Z")
    assert (pod.pod.namespace, pod.pod.name, len(pod.containers)) == ("shop", "web-0", 3)
    assert pod.user is not None
    assert (pod.user.name, pod.user.source_ip) == ("alice@example.com", None)
    assert pod.native_id == review(0)["request"]["uid"]


def test_a_workload_to_be_created_is_told() -> None:
    (deployment,) = of(1)
    assert isinstance(deployment, WorkloadCreate)
    assert (deployment.kind, deployment.name) == ("Deployment", "web")


@pytest.mark.parametrize("line", [2, 3, 4, 5, 6])
def test_dry_runs_refusals_sessions_updates_and_other_objects_say_nothing(line: int) -> None:
    assert of(line) == []


def test_a_pod_without_a_creation_time_cannot_be_placed() -> None:
    made = review(0)
    made["request"]["object"]["metadata"]["creationTimestamp"] = None
    assert decode(SOURCE, made) == []


def test_a_review_whose_object_is_missing_is_rejected() -> None:
    made = review(0)
    made["request"]["object"] = None
    with pytest.raises(RecordError):
        decode(SOURCE, made)


def test_a_generated_name_that_is_not_yet_given_leaves_the_uid() -> None:
    made = review(0)
    made["request"]["name"] = ""
    made["request"]["object"]["metadata"] |= {"name": None, "generateName": "web-"}
    (pod,) = decode(SOURCE, made)
    assert isinstance(pod, PodCreate)
    assert pod.pod.name is None
    assert pod.pod.uid is not None


@pytest.mark.parametrize("line", [0, 1, 3])
def test_whatever_is_changed_in_a_record_only_record_error_escapes(line: int) -> None:
    assert survives(SOURCE, sample("admission_review", "v1")[line]) > 300


def test_reviews_are_recognised_by_kind_and_request() -> None:
    assert SOURCE.recognise is not None
    assert SOURCE.recognise(review(0))
    assert not SOURCE.recognise({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "response": {}})
    assert not SOURCE.recognise({"kind": "AdmissionReview", "apiVersion": 1, "request": {}})
    assert sources()["admission_review"] is SOURCE


def test_recorded_reviews_tell_the_pods_that_were_asked_for(shared: Path) -> None:
    """Twelve requests: the dry run, two exec, the update and the debug container give nothing."""
    made = [
        decode(SOURCE, record) for record in records(shared / "captures/kubernetes/admission-review.requests.ndjson")
    ]
    pods = [event for events in made for event in events if isinstance(event, PodCreate)]
    assert [pod.pod.name for pod in pods] == ["web", "mutable", "bad", "p0", "p1", "p2", "p3"]
    assert [pod.user.name for pod in pods if pod.user] == ["alice"] * 3 + ["admin"] * 4
    assert len(made) == 12
