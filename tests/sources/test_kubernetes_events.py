"""What Kubernetes Event objects say, in the words of each generation of kubelets."""

import json
from pathlib import Path
from typing import Any

import pytest
from kubernetes_records import decode, records, sample, survives

from tidewaiter.event import ContainerCreate, ContainerStart, Event, ImagePull, ImagePullFailed, PodStatus
from tidewaiter.sources import RecordError, sources
from tidewaiter.sources._fields import parse_time_ns
from tidewaiter.sources.kubernetes_events import SOURCE

UID = "0ba18df0-8411-9f61-c753-ffb606c63e60"


def events_of(case: str) -> list[list[Event]]:
    return [decode(SOURCE, record) for record in sample("kubernetes_events", case)]


def record_of(case: str, line: int) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(sample("kubernetes_events", case)[line])
    return made


def test_a_pull_names_reference_pod_container_and_node() -> None:
    """The nanoseconds come from the object's name."""
    (pull,) = events_of("v1_kubelet_1_31")[2]
    assert isinstance(pull, ImagePull)
    assert (pull.reference, pull.seen_by, pull.node) == ("docker.io/library/nginx:latest", "kubelet", "node-a")
    assert pull.pod is not None
    assert (pull.pod.namespace, pull.pod.name, pull.pod.uid, pull.pod.container_name) == ("shop", "web-0", UID, "web")
    assert pull.time_ns == parse_time_ns("2026-03-04T10:00:02.504000001Z")
    assert (pull.repo_digest, pull.config_digest) == (None, None)


def test_created_and_started_name_the_container_without_an_id() -> None:
    _, _, _, (create,), (start,), *_ = events_of("v1_kubelet_1_31")
    assert isinstance(create, ContainerCreate)
    assert isinstance(start, ContainerStart)
    assert create.pod == start.pod
    assert (create.container_id, create.container_id_prefix, create.runtime) == (None, None, None)
    assert (create.time_ns or 0) < (start.time_ns or 0)


def test_the_scheduler_tells_the_node() -> None:
    (status,) = events_of("v1_kubelet_1_31")[0]
    assert isinstance(status, PodStatus)
    assert (status.assigned_node, status.node, status.pod.uid) == ("node-a", "node-a", UID)
    assert status.time_ns == parse_time_ns("2026-03-04T10:00:00.200123Z")


@pytest.mark.parametrize("line", [1, 5, 7, 8, 9, 10])
def test_what_did_not_happen_yet_or_again_gives_nothing(line: int) -> None:
    """Pulling, present already, ErrImagePull, BackOff, Killing, and events of nodes."""
    assert events_of("v1_kubelet_1_31")[line] == []


def test_a_repeated_failure_is_told_at_its_first_and_its_last_time() -> None:
    first, last = events_of("v1_kubelet_1_31")[6]
    assert isinstance(first, ImagePullFailed)
    assert isinstance(last, ImagePullFailed)
    assert first.reference == "registry.example.com/absent:1"
    assert first.reason is not None
    assert first.reason.startswith("rpc error: code = NotFound")
    assert first.time_ns == parse_time_ns("2026-03-04T10:00:03.000000005Z")
    assert last.time_ns == parse_time_ns("2026-03-04T10:00:50Z")
    assert first.native_id is not None
    assert last.native_id is not None
    assert (first.native_id[-2:], last.native_id[-2:]) == (":1", ":3")


def test_versions_of_one_event_tell_its_first_time_under_one_id() -> None:
    """A watch stream sends the same object again with a higher count: the first time is counted once."""
    record = record_of("v1_kubelet_1_31", 6)
    seen = set()
    for count, last in ((1, "2026-03-04T10:00:03Z"), (2, "2026-03-04T10:00:20Z"), (3, "2026-03-04T10:00:50Z")):
        for event in decode(SOURCE, {**record, "count": count, "lastTimestamp": last}):
            seen.add((event.native_id, event.time_ns))
    assert len(seen) == len({native_id for native_id, _ in seen}) == 3


def test_newer_words_are_understood() -> None:
    """1.32 writes a colon, 1.33 says more of a present image; combined events tell the last only."""
    (create,), starts, pulls, present = events_of("v1_kubelet_1_33")
    assert isinstance(create, ContainerCreate)
    assert create.pod is not None
    assert create.pod.container_name == "web"
    assert [event.time_ns for event in starts] == [
        parse_time_ns("2026-03-04T10:00:02.704000003Z"),
        parse_time_ns("2026-03-04T10:05:00Z"),
    ]
    (pull,) = pulls
    assert isinstance(pull, ImagePull)
    assert (pull.reference, pull.time_ns) == ("docker.io/library/nginx:latest", parse_time_ns("2026-03-04T10:06:00Z"))
    assert present == []


def test_old_kubelets_told_docker_s_id() -> None:
    (create,), (start,), pause = events_of("v1_kubelet_1_5")
    assert isinstance(create, ContainerCreate)
    assert isinstance(start, ContainerStart)
    assert (create.container_id_prefix, create.runtime) == ("0123456789ab", "docker")
    assert start.container_id_prefix == "0123456789ab"
    assert pause == []


def test_the_newer_api_group_has_other_names_for_the_same() -> None:
    (pull,), creates, (start,) = events_of("events_k8s_io_v1")
    assert isinstance(pull, ImagePull)
    assert (pull.node, pull.time_ns) == ("node-a", parse_time_ns("2026-03-04T10:00:02.500001Z"))
    assert [event.time_ns for event in creates] == [
        parse_time_ns("2026-03-04T10:00:02.600001Z"),
        parse_time_ns("2026-03-04T10:07:00.000009Z"),
    ]
    assert isinstance(start, ContainerStart)
    assert (start.node, start.time_ns) == ("node-a", parse_time_ns("2026-03-04T10:00:03Z"))


@pytest.mark.parametrize(
    ("name", "nanoseconds"),
    [
        ("web-0.18ea39b35055c5f9", 0),  # another second
        ("web-0.zzzz", 0),
        ("web-0", 0),
        (None, 0),
        ("web-0." + format(1_772_618_402 * 10**9 + 7, "x"), 7),
    ],
)
def test_nanoseconds_are_taken_from_the_name_only_where_they_agree(name: str | None, nanoseconds: int) -> None:
    record = record_of("v1_kubelet_1_31", 2)
    record["metadata"]["name"] = name
    (pull,) = decode(SOURCE, record)
    assert pull.time_ns == parse_time_ns("2026-03-04T10:00:02Z") + nanoseconds


def test_without_any_other_time_the_creation_of_the_event_counts() -> None:
    record = record_of("v1_kubelet_1_31", 2) | {"firstTimestamp": None, "lastTimestamp": None}
    (pull,) = decode(SOURCE, record)
    assert pull.time_ns == parse_time_ns("2026-03-04T10:00:02.504000001Z")
    record["metadata"] = {}
    with pytest.raises(RecordError, match="time"):
        decode(SOURCE, record)


def test_only_a_last_time_is_told_once() -> None:
    record = record_of("v1_kubelet_1_31", 2) | {"firstTimestamp": None, "count": 4}
    (pull,) = decode(SOURCE, record)
    assert pull.native_id is not None
    assert pull.native_id.endswith(":4")


def test_a_combined_event_with_one_time_only_is_told_at_it() -> None:
    record = record_of("v1_kubelet_1_33", 2) | {"lastTimestamp": None}
    (pull,) = decode(SOURCE, record)
    assert pull.time_ns == parse_time_ns("2026-03-04T10:00:05Z")


def test_the_node_is_the_host_or_the_kubelet_s_instance_and_no_other_reporter() -> None:
    record = record_of("v1_kubelet_1_31", 3) | {"source": {}}
    assert decode(SOURCE, record)[0].node == "node-a"
    assert decode(SOURCE, record | {"reportingComponent": "other"})[0].node is None
    assert decode(SOURCE, record | {"reportingInstance": ""})[0].node is None


def test_without_a_field_path_the_message_names_the_container() -> None:
    record = record_of("v1_kubelet_1_33", 0)
    del record["involvedObject"]["fieldPath"]
    (create,) = decode(SOURCE, record)
    assert isinstance(create, ContainerCreate)
    assert create.pod is not None
    assert create.pod.container_name == "web"


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("Pulled", "Successfully pulled image"),
        ("Pulled", 'said: Successfully pulled image "x"'),
        ("Failed", 'Failed to pull image ""'),
        ("Scheduled", "Successfully assigned"),
        ("Preempted", 'Successfully pulled image "x"'),
    ],
)
def test_other_texts_say_nothing(reason: str, message: str) -> None:
    assert decode(SOURCE, record_of("v1_kubelet_1_31", 2) | {"reason": reason, "message": message}) == []


def test_an_event_about_nothing_is_rejected() -> None:
    with pytest.raises(RecordError):
        decode(SOURCE, {"kind": "Event", "apiVersion": "v1", "reason": "Pulled"})


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"kind": "Event", "apiVersion": "v1"}, True),
        ({"kind": "Event", "apiVersion": "events.k8s.io/v1beta1"}, True),
        ({"kind": "Event", "apiVersion": "audit.k8s.io/v1"}, False),
        ({"involvedObject": {}, "reason": "Pulled", "message": ""}, True),
        ({"regarding": {}, "reason": "Pulled", "note": ""}, True),
        ({"namespace": "x", "reason": "Pulled", "message": "", "lastTimestamp": ""}, False),
    ],
)
def test_events_are_recognised_by_kind_or_members(record: dict[str, Any], expected: bool) -> None:
    assert SOURCE.recognise is not None
    assert SOURCE.recognise(record) is expected


@pytest.mark.parametrize(
    ("case", "line"), [("v1_kubelet_1_31", 0), ("v1_kubelet_1_31", 6), ("v1_kubelet_1_5", 0), ("events_k8s_io_v1", 1)]
)
def test_whatever_is_changed_in_a_record_only_record_error_escapes(case: str, line: int) -> None:
    assert survives(SOURCE, sample("kubernetes_events", case)[line]) > 300


def test_the_source_is_found() -> None:
    assert sources()["kubernetes_events"] is SOURCE
    assert "kubernetes:events" in SOURCE.log_sources
    assert all(
        record.startswith(SOURCE.prefixes)
        for case in ("v1_kubelet_1_31", "v1_kubelet_1_33", "v1_kubelet_1_5")
        for record in sample("kubernetes_events", case)
    )


@pytest.mark.parametrize("name", ["real-kubelet-watch-events.ndjson", "real-kubelet-events-list.json"])
def test_the_recorded_node_tells_pull_create_and_start_in_order(shared: Path, name: str) -> None:
    """All three happened within one second; the order is that of containerd's own events of the same run."""
    made = [event for record in records(shared / "captures/kubernetes" / name) for event in decode(SOURCE, record)]
    chain = sorted((e for e in made if not isinstance(e, ImagePullFailed)), key=lambda e: e.time_ns or 0)
    assert [type(event) for event in chain] == [ImagePull, ContainerCreate, ContainerStart]
    times = [event.time_ns or 0 for event in chain]
    assert parse_time_ns("2026-11-22T01:27:23.769153833Z") < times[0] < parse_time_ns("2026-11-22T01:27:23.784238609Z")
    assert times[1] > parse_time_ns("2026-11-22T01:27:23.784238609Z")  # containerd's /containers/create
    assert times[2] > parse_time_ns("2026-11-22T01:27:23.883708353Z")  # containerd's /tasks/start
    failed = {event.native_id for event in made if isinstance(event, ImagePullFailed)}
    assert len(failed) == 2
    assert {event.node for event in made} == {"localhost"}


def test_public_events_tell_one_pull_and_two_failures(shared: Path) -> None:
    made = [
        event
        for record in records(shared / "samples/k8s_events/message-image-pull-fail.json")
        for event in decode(SOURCE, record)
    ]
    (pull,) = (event for event in made if isinstance(event, ImagePull))
    assert pull.reference.endswith("/memory-eater:1.0")
    failures = [event for event in made if isinstance(event, ImagePullFailed)]
    assert {event.reference for event in failures} == {"noimage.com/no-such-image"}
    assert len(failures) == 2
    assert {event.assigned_node for event in made if isinstance(event, PodStatus)} == {"minikube"}


def test_events_reduced_to_text_are_not_recognised(shared: Path) -> None:
    """They name no object, so nothing could be attributed."""
    folder = shared / "samples/k8s_events"
    found = list(records(folder / "openshift-machine-api-events.json"))
    assert len(found) == 2
    assert not any(SOURCE.recognise is not None and SOURCE.recognise(record) for record in found)


@pytest.mark.parametrize(
    ("path", "role"), [("initContainers", "init"), ("ephemeralContainers", "ephemeral"), ("containers", None)]
)
def test_the_field_of_the_spec_tells_what_a_container_is(path: str, role: str | None) -> None:
    """Also where nobody told the spec."""
    record = record_of("v1_kubelet_1_31", 4)
    record["involvedObject"]["fieldPath"] = f"spec.{path}{{web}}"
    (start,) = decode(SOURCE, record)
    assert isinstance(start, ContainerStart)
    assert start.pod is not None
    assert (start.pod.container_name, start.pod.role) == ("web", role)
