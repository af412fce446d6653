"""Holds the public shape of what comes out: every field present, times in RFC 3339 with nanoseconds, stable ids."""

import msgspec
import pytest

from made_events import attack, hunted
from tidewaiter.alert import Alert, ContainerShown, Incident, Output, Summary, format_time, stable_id

CONTRACT = {
    "attack",
    *("kind", "schema", "id", "revision", "final", "analytic", "technique", "verdict", "severity", "confidence"),
    *("title", "time", "cluster", "node", "container_id", "container_name", "namespace", "pod", "workload", "image"),
    *("digest_consistency", "trust", "pulled_by", "created_by", "evidence", "behaviours", "behaviours_omitted"),
    *("reasons", "missing", "incident", "baseline"),
}
IMAGE = {"reference", "index_digest", "manifest_digest", "config_digest", "chain_id"}


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (1_790_000_024_074_027_776, "2026-09-21T14:13:44.074027776Z"),
        (253_402_300_799_999_999_999, "9999-12-31T23:59:59.999999999Z"),
    ],
)
def test_time_has_nine_digits(time_ns: int, text: str) -> None:
    """No nanosecond is lost, and no time zone is local."""
    assert format_time(time_ns) == text


def test_id_depends_on_every_part_and_its_place() -> None:
    """Parts cannot run into one another, and nothing else has a say."""
    ids = [stable_id(*parts) for parts in (("a", "b"), ("ab", ""), ("b", "a"), ("a", "b", ""), ("a",), ("", "a"))]
    assert len(set(ids)) == len(ids)
    assert stable_id("a", "b") == ids[0]
    assert len(ids[0]) == 32


def test_id_takes_any_text() -> None:
    """A lone surrogate in a name is no reason to stop."""
    assert stable_id("\ud800") != stable_id("\ud801")


def test_alert_has_every_field_of_the_contract_and_no_other() -> None:
    """Fields that are not known are null, never absent."""
    record = msgspec.json.decode(msgspec.json.encode(hunted(attack()).only))
    assert set(record) == CONTRACT
    assert record["kind"] == "alert"
    assert set(record["image"]) == IMAGE
    assert record["pod"] is None
    assert set(record["trust"]) == {"state", "rule", "origins"}
    assert set(record["pulled_by"]) == {"client", "source_ip", "user_agent"}
    assert set(record["created_by"]) == {"user", "groups", "source_ip", "user_agent", "via"}
    assert all(set(item) == {"stage", "time", "source", "record", "summary"} for item in record["evidence"])


def test_outputs_are_told_apart_by_kind() -> None:
    """One line of JSON says itself what it is."""
    run = hunted(attack())
    kinds = [
        type(msgspec.json.decode(msgspec.json.encode(out), type=Alert | ContainerShown | Summary))
        for out in (run.only, run.containers[0], run.summary)
    ]
    assert kinds == [Alert, ContainerShown, Summary]


def test_incident_has_every_field_of_the_contract_and_no_other() -> None:
    machine = hunted([*attack("a"), *attack("b")]).engine
    [incident] = [output for output in machine.finish() if isinstance(output, Incident)]
    record = msgspec.json.decode(msgspec.json.encode(incident))
    assert set(record) == {
        *("kind", "schema", "id", "revision", "final", "analytic", "technique", "verdict", "severity", "title"),
        *("cluster", "image", "created_by", "first_seen", "last_seen", "nodes", "namespaces", "workloads"),
        *("members", "members_omitted"),
    }
    assert set(record["members"][0]) == {
        *("alert", "time", "verdict", "node", "namespace", "pod", "container_id", "container_name")
    }
    assert msgspec.json.decode(msgspec.json.encode(incident), type=Output) == incident


def test_summary_has_every_field_of_the_contract() -> None:
    """Every outcome is shown, zeros too."""
    record = msgspec.json.decode(msgspec.json.encode(hunted(attack()).summary))
    assert {"kind", "schema", "complete", "records", "outcomes", "sources", "alerts"} <= set(record)
    assert {"suspicious", "silenced", "attempted_pulls"} <= set(record)
    assert list(record["outcomes"]) == [
        *("used", "irrelevant", "waiting", "expired", "unattributed", "duplicate", "rejected")
    ]
