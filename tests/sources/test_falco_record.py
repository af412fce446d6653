"""Falco's alerts: whose container it was, when and where, sessions, and what is rejected."""

import json
from pathlib import Path
from typing import Any

import pytest
from falco_alerts import DIGEST, SAMPLES, TIME, TIME_NS, WHERE, alerted, decoded, executed, sample

from tidewaiter.event import (
    ContainerExec,
    ContainerFacts,
    ImageClaim,
    NetworkFlow,
    Pod,
    ProcessExec,
    User,
    Where,
)
from tidewaiter.sources import RecordError
from tidewaiter.sources.falco import SOURCE


@pytest.mark.parametrize("container", ["", "host"])
def test_process_of_the_host_is_no_event(container: str) -> None:
    """Not even where its Kubernetes fields are filled."""
    assert alerted(**{"container.id": container, "evt.type": "execve", "k8s.pod.name": "web-0"}) == []
    assert sample("0.41-syscall.in.jsonl")[3] == []


def test_container_that_is_not_told_stays_unknown() -> None:
    """A rule whose output names no container gives an event of no container; a pod in it counts."""
    event = executed(**{"container.id": None, "k8s.pod.name": "web-0", "k8s.pod.uid": "u-1"})
    assert (event.container_id, event.container_id_prefix) == (None, None)
    assert event.pod == Pod(name="web-0", uid="u-1")


@pytest.mark.parametrize("container", ["<NA>", "c1", "XYZ", 7])
def test_unreadable_container_takes_the_pod_with_it(container: Any) -> None:
    """Kubernetes names come through the container's id."""
    event = executed(**{"container.id": container, "k8s.pod.name": "web-0"})
    assert (event.container_id, event.container_id_prefix, event.pod) == (None, None, None)


def test_name_of_the_container_is_the_pod_specs() -> None:
    """The kubelet's long form holds it; the deployment is the workload."""
    name = "k8s_web_web-0_shop_75cf460d-dd27-41e7-9d29-19b517dc730f_19"
    event = executed(**{"container.name": name, "k8s.pod.name": "web-0", "k8s.deployment.name": "web"})
    assert event.pod == Pod(name="web-0", container_name="web", workload_kind="Deployment", workload="web")
    assert executed(**{"container.name": name}).pod is None


@pytest.mark.parametrize(
    ("fields", "claim"),
    [
        ({"container.image.repository": "nginx"}, ImageClaim(reference="nginx")),
        ({"container.image.repository": "nginx", "container.image.tag": "<NA>"}, ImageClaim(reference="nginx")),
        ({"container.image.digest": "<NA>", "container.image.tag": "1"}, None),
        ({"container.image.digest": DIGEST}, ImageClaim(repo_digest=DIGEST)),
        ({"container.image.digest": DIGEST[:-1]}, None),
        ({"container.image.id": "71c071c071c0"}, ImageClaim(config_digest_prefix="71c071c071c0")),
        ({"container.image.id": "71c0" * 16}, ImageClaim(config_digest="sha256:" + "71c0" * 16)),
        ({"container.image.id": "busybox"}, None),
        ({"container.image.repository": "n" * 5000}, None),
        ({"container.image.repository": None}, None),
    ],
)
def test_image_fields_may_be_late_or_empty(fields: dict[str, Any], claim: ImageClaim | None) -> None:
    """What is not a digest, or longer than any name, is not claimed."""
    assert executed(**fields).image == claim


def test_privileged_and_host_root_are_facts() -> None:
    """Told by the rule about privileged containers, without an execution or a start."""
    (facts,) = sample("0.41-syscall.in.jsonl")[9]
    assert isinstance(facts, ContainerFacts)
    assert (facts.privileged, facts.host_root_mount, facts.runtime) == (True, True, "containerd")
    assert (facts.created_ns, facts.started_ns) == (None, None)
    assert alerted(**{"container.privileged": "false", "container.mounts": "/data:/host::true:rprivate"}) == []
    (facts,) = alerted(**{"container.privileged": "true"})
    assert isinstance(facts, ContainerFacts)
    assert (facts.privileged, facts.host_root_mount) == (True, None)


@pytest.mark.parametrize(
    ("fields", "hostname", "node"),
    [
        ({}, "falco-xczjd", "falco-xczjd"),
        ({"evt.hostname": "node-b"}, "falco-xczjd", "node-b"),
        ({"evt.hostname": "node-b", "k8s.node.name": "node-c"}, "falco-xczjd", "node-c"),
        ({"k8s.node.name": "<NA>"}, None, "node-z"),
    ],
)
def test_node_is_named_best_by_kubernetes(fields: dict[str, Any], hostname: str | None, node: str) -> None:
    """Then by the event, then by Falco's own host name, then by the user."""
    where = Where("falco", "alerts.jsonl", 1, "blue", "node-z")
    event = executed({"hostname": hostname}, where, **fields)
    assert (event.node, event.cluster) == (node, "blue")


@pytest.mark.parametrize(
    ("alert", "evt_time"),
    [
        ({"time": TIME}, 1),
        ({"time": "2026-09-21T16:13:44.074027776+02:00"}, None),
        ({"time": "2026-09-21T14:13:44.074027776Z+2"}, TIME_NS),
        ({"time": None}, TIME_NS),
        ({"time": 5}, str(TIME_NS)),
    ],
)
def test_time_falls_back_on_the_events_own(alert: dict[str, Any], evt_time: Any) -> None:
    """`time` first; an unreadable one gives way to `evt.time` in nanoseconds."""
    assert executed(alert, **{"evt.time": evt_time}).time_ns == TIME_NS


@pytest.mark.parametrize("evt_time", [None, 1_618_347_519_000_000, -1, 2**62 * 4, "soon", 1.6e18])
def test_alert_without_a_credible_time_is_rejected(evt_time: Any) -> None:
    """Microseconds taken for nanoseconds are in 1970."""
    with pytest.raises(RecordError):
        executed({"time": "2021-04-13T20:58:00.746609046Z+2"}, **{"evt.time": evt_time})


def test_older_and_forwarded_forms_are_the_same() -> None:
    """Before `source` and `hostname` existed, and as falcosidekick writes it, with an id and the operator's fields."""
    shell, write = sample("0.28-before-source.in.jsonl")
    assert [type(event) for event in shell] == [ProcessExec]
    assert (shell[0].node, write) == (None, [])
    (event,) = sample("falcosidekick-2.29.in.jsonl")[0]
    assert isinstance(event, NetworkFlow)
    assert event.native_id == "6b0b5f6e-7f6b-4c1f-9a1f-0c2f8d0f6a11"
    assert (event.dst_ip, event.direction, event.node) == ("203.0.113.13", "egress", "node-b")


def test_session_in_a_pod_is_told_by_the_audit_plugin() -> None:
    """Who, from where, with what, into which container; the host name is where Falco runs."""
    session, denied, other = sample("k8saudit-0.11.in.jsonl")
    assert session == [
        ContainerExec(
            time_ns=TIME_NS,
            cluster="default",
            node=None,
            where=WHERE,
            native_id="1f2b3c4d-0000-4000-8000-000000000001",
            pod=Pod(namespace="shop", name="web-7d9f8b6c5-x2x4z", container_name="web"),
            command=("sh",),
            user=User(
                name="alice@site.example",
                groups=("system:authenticated", "oncall"),
                source_ip="198.51.100.30",
                user_agent="kubectl/v1.30.0",
            ),
        )
    ]
    assert (denied, other) == ([], [])


def test_audit_fields_may_be_lists() -> None:
    """Newer plugins print lists; an attach has no command."""
    fields = {
        "ka.target.resource": "pods",
        "ka.target.subresource": "attach",
        "ka.target.name": "web-0",
        "ka.user.groups": ["a", 1, "b"],
        "ka.sourceips": ["x", "198.51.100.30"],
    }
    (event,) = alerted({"source": None}, **fields)
    assert isinstance(event, ContainerExec)
    assert event.user == User(groups=("a", "b"), source_ip="198.51.100.30")
    assert event.command == ()


@pytest.mark.parametrize("source", ["internal", "aws_cloudtrail", "okta", 5])
def test_other_sources_say_nothing(source: Any) -> None:
    """Falco's own metrics, and plugins about other things."""
    assert alerted({"source": source}, **{"evt.type": "execve", "proc.name": "sh"}) == []


def test_text_for_people_is_not_read() -> None:
    """What `output` says of containers and addresses is not evidence."""
    assert alerted() == []
    assert decoded({"rule": "r", "priority": "p", "time": TIME, "output": "fd.name=10.0.0.1:1->203.0.113.66:6"}) == []


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"\x00",
        b"[]",
        b"7",
        b'{"output_fields":[]}',
        b'{"output_fields":{"evt.type":"execve","proc.name":"sh"}}',
        b'{"output_fields":{"proc.name":"\xff"}}',
        b'{"output_fields":{"x":' + b"[" * 100_000,
        b'{"source":"k8s_audit","output_fields":{"ka.target.resource":"pods","ka.target.subresource":"exec"}}',
    ],
)
def test_rubbish_is_rejected(record: bytes) -> None:
    """Broken JSON, wrong types, no time: one kind of error."""
    with pytest.raises(RecordError):
        decoded(record)


def test_odd_types_make_fields_unknown() -> None:
    """Every field that is read may be of any type without a record being lost."""
    odd: list[Any] = [None, True, 1, -1.5, 2**80, "", "<NA>", [], {}, [[]], "x" * 300, "\x00"]
    names = (SAMPLES / "0.41-syscall.in.jsonl").read_bytes().splitlines()
    for line in names:
        record = json.loads(line)
        for name in record["output_fields"]:
            for value in odd:
                changed = record | {"output_fields": record["output_fields"] | {name: value}}
                decoded(json.dumps(changed).encode())


def test_samples_are_recognised() -> None:
    """Alerts by their rule, priority and fields; other things with a rule are not Falco's."""
    assert SOURCE.recognise is not None
    for path in SAMPLES.glob("*.in.jsonl"):
        assert all(SOURCE.recognise(json.loads(line)) for line in path.read_bytes().splitlines())
    assert SOURCE.recognise({"rule": "r", "priority": "Notice", "output": "text", "time": TIME})
    assert not SOURCE.recognise({"rule": {"name": "r"}, "priority": 3, "output_fields": {}})
    assert not SOURCE.recognise({"rule": "r", "priority": "Notice"})


def test_alerts_of_the_website_are_decoded(shared: Path) -> None:
    """The public alerts: shells in containers, one session, one unreadable time, and what is no behaviour."""
    assert SOURCE.recognise is not None
    lines = (shared / "samples" / "falco_alerts" / "falco-website-alerts.jsonl").read_bytes().splitlines()
    kinds: list[str] = []
    for line in lines:
        assert SOURCE.recognise(json.loads(line))
        try:
            kinds += [type(event).__name__ for event in decoded(line)] or ["none"]
        except RecordError:
            kinds.append("rejected")
    assert sorted(kinds) == ["ContainerExec"] + ["ProcessExec"] * 5 + ["none"] * 5 + ["rejected"]
    (event,) = decoded(lines[11])
    assert isinstance(event, ProcessExec)
    assert (event.container_id_prefix, event.args[:2]) == ("ee97d9c4186f", ("sh", "-c"))
    assert event.image == ImageClaim(reference="docker.io/library/alpine")
