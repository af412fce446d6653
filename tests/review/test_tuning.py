"""Checks proposals: groups, what each candidate silences besides, precedence of the policy's own scopes, and order."""

from typing import Any

import pytest

from made_records import ONE, TWO, container, history, record
from tidewaiter.alert import CreatedBy, ImageIdentity, TrustShown, Workload
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy
from tidewaiter.policy_rules import Scope
from tidewaiter.review.recorded import Did, Record
from tidewaiter.review.tuning import Candidate, Tuning, propose, ranked
from tidewaiter.review.tuning_rules import Effect, Way

FIRST, SECOND, OTHER = "a" * 32, "b" * 32, "c" * 32
NODE = "docker.io/library/node"


def proposed(
    *given: Record, beside: tuple[Record, ...] = (), policy: TrustPolicy = DEFAULT_POLICY, effect: Effect = "quiet"
) -> Tuning:
    return propose({one.id: one for one in given}, history(*given, *beside), policy, effect)


def of(tuning: Tuning, way: Way) -> Candidate:
    return next(candidate for candidate in tuning.candidates if candidate.way == way)


def ways(tuning: Tuning) -> list[str]:
    return [candidate.way for candidate in tuning.groups[0].candidates]


def test_the_narrowest_comes_first() -> None:
    tuning = proposed(record())
    assert ways(tuning) == ["content", "baseline", "repository", "user"]
    assert [candidate.number for candidate in tuning.candidates] == [1, 2, 3, 4]
    assert all(candidate.silences == (FIRST,) for candidate in tuning.candidates)


def test_what_else_would_be_silenced_is_told_and_weighs() -> None:
    new_content = record(OTHER, image=ImageIdentity(config_digest=TWO))
    tuning = proposed(record(), beside=(new_content, record("d" * 32, namespace="prod")))
    assert of(tuning, "content").also == ()
    assert of(tuning, "repository").also == (new_content,)
    suspicious = record(OTHER, image=ImageIdentity(config_digest=TWO), verdict="suspicious", workload=None)
    wide = proposed(record(), beside=(suspicious, new_content))
    assert ways(wide)[0] == "content"


def test_what_records_do_not_tell_is_told_as_perhaps() -> None:
    unproven = record(OTHER, digest_consistency="by_name")
    candidate = of(proposed(record(), beside=(unproven,)), "content")
    assert (candidate.also, candidate.perhaps) == ((), (unproven,))


def test_containers_that_did_nothing_so_far_are_counted() -> None:
    quiet = (container("c1"), container("c2"), container("c3", namespace="prod"), container("c4", verdict="silenced"))
    assert of(proposed(record(), beside=quiet), "user").containers == 2


def test_one_rule_by_user_covers_groups() -> None:
    tuning = proposed(record(), record(SECOND, trust=TrustShown("untrusted", "default", (NODE,))))
    assert len(tuning.groups) == 2
    shared = {candidate.number for candidate in tuning.groups[0].candidates}
    shared &= {candidate.number for candidate in tuning.groups[1].candidates}
    assert [of(tuning, "user").number] == list(shared)
    assert of(tuning, "user").silences == (FIRST, SECOND)
    assert any("everything" in note for note in of(tuning, "user").notes)


def test_groups_are_the_same_in_whatever_order_alerts_are_given() -> None:
    runs = [record(digit * 32, workload=Workload("Job", f"build-2931000{digit}")) for digit in "321"]
    others = [record(OTHER, namespace="prod")]
    orders = [proposed(*runs, *others), proposed(*others, *runs[::-1])]
    found = [[[one.id for one in group.records] for group in tuning.groups] for tuning in orders]
    assert found[0] == found[1] == [["1" * 32, "2" * 32, "3" * 32], [OTHER]]
    assert [c.scope for c in orders[0].candidates] == [c.scope for c in orders[1].candidates]


class TestPolicy:
    def test_what_is_silent_already_is_said(self) -> None:
        policy = TrustPolicy(scopes=(Scope(name="old", namespace="ci", quiet=True),))
        tuning = proposed(record(), policy=policy)
        assert tuning.groups == ()
        assert [(one.id, scope) for one, scope in tuning.silent] == [(FIRST, "old")]

    def test_a_ceiling_of_the_policy_outranks_silence(self) -> None:
        policy = TrustPolicy(scopes=(Scope(name="cap", namespace="ci", ceiling="suspicious"),))
        tuning = proposed(record(verdict="suspicious"), policy=policy)
        assert ways(tuning) == ["baseline"]
        assert any('"cap"' in reason for reason in tuning.groups[0].reasons)

    @pytest.mark.parametrize(
        ("fields", "why"),
        [
            ({"trust": TrustShown("trusted", "ours", ())}, "trusted"),
            ({"behaviours": (Did("policy"),)}, "broken"),
        ],
    )
    def test_what_no_scope_silences_gets_none(self, fields: dict[str, Any], why: str) -> None:
        tuning = proposed(record(workload=Workload("Deployment", "web"), **fields))
        assert ways(tuning) == ["baseline"]
        assert why in tuning.groups[0].reasons[0]

    def test_a_ceiling_is_offered_for_alerts_only(self) -> None:
        bare = Workload("Pod", "build-1")
        assert ways(proposed(record(workload=bare), effect="suspicious")) == ["content", "repository", "user"]
        assert ways(proposed(record(workload=bare, verdict="suspicious"), effect="suspicious")) == []


def test_reasons_say_why_a_way_is_missing() -> None:
    tuning = proposed(record(digest_consistency="unknown", created_by=CreatedBy()))
    assert ways(tuning) == []
    assert [reason.partition(":")[0] for reason in tuning.groups[0].reasons] == [
        "by content",
        "by user",
        "by repository",
    ]


def test_approval_names_other_alerts_of_the_same_content() -> None:
    web = Workload("Deployment", "web")
    beside = record(OTHER, workload=web)
    candidate = of(proposed(record(workload=web), beside=(beside,)), "baseline")
    assert candidate.approval == ("ci/Deployment/web", ONE)
    assert candidate.perhaps == (beside,)


def test_a_rejected_candidate_goes_last() -> None:
    tuning = proposed(record())
    narrow = of(tuning, "content")
    narrow.lost = ("an-attack",)
    ranked(tuning)
    assert ways(tuning) == ["baseline", "repository", "user", "content"]
    assert narrow.number == 4


def test_content_is_proposed_for_those_that_prove_it() -> None:
    """A missing source on one node does not take the narrowest way from all others."""
    unproven = record(SECOND, digest_consistency="by_name")
    [group] = proposed(record(FIRST), unproven).groups
    silenced = {candidate.way: candidate.silences for candidate in group.candidates}
    assert silenced["content"] == (FIRST,)
    assert silenced["repository"] == (FIRST, SECOND)
    assert group.reasons[0] == "by content for all: 1 of 2 records do not prove which digest ran"
    [group] = proposed(unproven).groups
    assert "by content: no record proves which digest ran" in group.reasons
