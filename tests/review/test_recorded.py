"""Checks what records tell scopes, what a policy makes of them, and what ids mean."""

from typing import Any

import pytest

from made_records import ONE, container, history, record
from tidewaiter.alert import Alert, ContainerShown, TrustShown
from tidewaiter.policy import TrustPolicy
from tidewaiter.policy_rules import Scope
from tidewaiter.review.recorded import Did, Record, UnknownIds, alerts_named, is_lowered, may_match, verdict_under

QUIET = Scope(name="q", namespace="ci", quiet=True)
CEILING = Scope(name="c", namespace="ci", ceiling="suspicious")


def test_fields_are_those_that_records_have() -> None:
    """A field that was renamed in the contract would be read as absent."""
    known = {*Alert.__struct_fields__, *ContainerShown.__struct_fields__}
    assert set(Record.__struct_fields__) - known <= {"kind", "baseline"}


def test_subject_holds_what_the_record_tells_and_nothing_more() -> None:
    subject = record().subject()
    assert (subject.namespace, subject.workload_kind, subject.workload) == ("ci", "Job", "build-29310000")
    assert subject.user == "system:serviceaccount:ci:runner"
    assert subject.digests == (ONE,)
    assert subject.service_account is None


@pytest.mark.parametrize("consistency", ["by_name", "unknown", "conflicting"])
def test_digests_count_only_where_the_record_proves_them(consistency: str) -> None:
    found = record(digest_consistency=consistency)
    assert found.subject().digests == ()
    scope = Scope(name="s", namespace="ci", digests=(ONE,), quiet=True)
    assert verdict_under(found, TrustPolicy(scopes=(scope,))) == "alert"
    assert may_match(found, scope)


@pytest.mark.parametrize(
    ("fields", "scopes", "verdict"),
    [
        ({}, (), "alert"),
        ({}, (QUIET,), "silenced"),
        ({}, (CEILING,), "suspicious"),
        ({}, (QUIET, CEILING), "suspicious"),
        ({"verdict": "suspicious"}, (CEILING,), "suspicious"),
        ({"namespace": None}, (QUIET,), "alert"),
        ({"namespace": "prod"}, (QUIET,), "alert"),
        ({"behaviours": (Did("policy"),)}, (QUIET,), "alert"),
        ({"trust": TrustShown("trusted", "ours", ())}, (QUIET,), "alert"),
    ],
)
def test_verdict_is_what_the_policy_would_say(fields: dict[str, Any], scopes: tuple[Scope, ...], verdict: str) -> None:
    assert verdict_under(record(**fields), TrustPolicy(scopes=scopes)) == verdict


def test_a_container_that_tells_no_user_may_match_any() -> None:
    scope = Scope(name="s", namespace="ci", user="alice", quiet=True)
    assert may_match(container("c1"), scope)
    assert not may_match(record(), scope)
    assert not may_match(container("c1", namespace="prod"), scope)


@pytest.mark.parametrize(
    ("before", "after", "lowered"),
    [
        ("alert", "suspicious", True),
        ("suspicious", "silenced", True),
        ("alert", "alert", False),
        ("suspicious", "alert", False),
        ("silenced", "quiet", False),
    ],
)
def test_lowered(before: str, after: str, lowered: bool) -> None:
    assert is_lowered(before, after) is lowered


class TestHistory:
    def test_last_revision_counts_in_whatever_order_they_come(self) -> None:
        revisions = [record(revision=0), record(revision=2, verdict="suspicious"), record(revision=1)]
        for order in (revisions, revisions[::-1]):
            assert history(*order).alerts["a" * 32].verdict == "suspicious"

    def test_what_was_withdrawn_is_no_alert(self) -> None:
        found = history(record(), record(revision=1, verdict="withdrawn"))
        assert found.alerts == {}
        named = alerts_named(found, ["a" * 32, "aaaa"])
        assert (named.alerts, named.withdrawn) == ({}, ["a" * 32, "aaaa"])

    def test_containers_are_kept_apart(self) -> None:
        assert len(history(container("c1"), container("c2"), container("c1")).containers) == 2


class TestNames:
    known = history(
        record("abcd1111", incident="ffff0001"),
        record("abcd2222", incident="ffff0001"),
        record("beef3333", incident="ee02"),
    )

    @pytest.mark.parametrize(
        ("typed", "meant"),
        [
            ("abcd1111", {"abcd1111"}),
            ("abcd1", {"abcd1111"}),
            ("beef", {"beef3333"}),
            ("ffff0001", {"abcd1111", "abcd2222"}),
            ("ffff", {"abcd1111", "abcd2222"}),
        ],
    )
    def test_alerts_incidents_and_their_beginnings(self, typed: str, meant: set[str]) -> None:
        assert alerts_named(self.known, [typed]).alerts.keys() == meant

    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            ("abcd", "fits 2 ids"),
            ("abcd3333", "nearest are abcd2222, abcd1111, beef3333"),
            ("bee", "no alert and no incident has this id"),
            ("", "no alert and no incident has this id"),
        ],
    )
    def test_what_names_nothing_is_said_with_the_nearest(self, typed: str, said: str) -> None:
        with pytest.raises(UnknownIds) as told:
            alerts_named(self.known, [typed])
        assert said in str(told.value) or "nearest are" in str(told.value)

    def test_all_faults_are_said_at_once(self) -> None:
        with pytest.raises(UnknownIds) as told:
            alerts_named(self.known, ["abcd", "zzzz", "beef"])
        assert len(str(told.value).splitlines()) == 2
