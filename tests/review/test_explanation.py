"""Holds what an explanation says: steps in the window, relations, rules, gaps, neighbours, and what to do next."""

from pathlib import Path

import msgspec
import pytest

from made_explanations import containers, explanation, rich, rich_alert
from tidewaiter.alert import Alert, BaselineShown, ContainerShown, TrustShown, stable_id
from tidewaiter.policy import load_policy
from tidewaiter.review.decisions import decision_of
from tidewaiter.review.explanation import explained
from tidewaiter.review.gaps import gap_of
from tidewaiter.review.neighbours import MOST, Neighbours, Told
from tidewaiter.review.relations import Proof, relations_of
from tidewaiter.review.timeline import timeline_of

MINUTE = 60_000_000_000
ROWS = (
    *("suspicious_binary", "declared_binary", "written_binary", "external_egress", "blocked_egress"),
    *("control_plane_egress", "unproven_initiator", "interactive_session", "policy_broken", "internal_egress"),
)


def changed(**fields: object) -> Alert:
    """The rich alert with other fields."""
    alert: Alert = msgspec.structs.replace(rich_alert(), **fields)
    return alert


def told(output: Alert | ContainerShown) -> Told:
    """As it is read from a file."""
    return msgspec.convert(msgspec.to_builtins(output), Told)


# ------------------------------------------------------------------------------------------------ timeline


def test_steps_are_in_order_of_time_with_their_distance_from_the_start() -> None:
    timeline = rich().timeline
    offsets = [step.offset_ns for step in timeline.steps if step.offset_ns is not None]
    assert offsets == sorted(offsets)
    assert (timeline.anchor_is, timeline.anchor) == ("the container's start", "2026-09-21T14:13:23.000000000Z")
    starts = [step for step in timeline.steps if step.stage == "start"]
    assert [step.offset_ns for step in starts] == [0]


def test_places_follow_the_window_of_the_policy() -> None:
    """A shorter window makes more of it late; the ends belong to it."""
    alert = rich_alert()
    wide = timeline_of(alert, 15 * MINUTE, MINUTE // 2)
    narrow = timeline_of(alert, 2_310_000_000, MINUTE // 2)
    assert {step.place for step in wide.steps if step.strength} == {"inside", "late"}
    inside = [step for step in narrow.steps if step.place == "inside" and step.strength]
    assert 0 < len(inside) < sum(step.place == "inside" for step in wide.steps)
    assert max(step.offset_ns or 0 for step in inside) == 2_310_000_000


def test_what_happened_before_every_anchor_is_early() -> None:
    alert = rich_alert()
    long_ago = msgspec.structs.replace(alert.behaviours[0], time="2026-09-20T00:00:00.000000000Z")
    [step] = [s for s in timeline_of(changed(behaviours=(long_ago,)), MINUTE, 0).steps if s.strength]
    assert step.place == "early"


def test_what_is_done_again_and_again_is_one_step() -> None:
    first = rich_alert().behaviours[0]
    again = [msgspec.structs.replace(first, time=f"2026-09-21T14:14:0{second}.000000000Z") for second in range(5)]
    [step] = [s for s in timeline_of(changed(behaviours=tuple(again)), MINUTE, 0).steps if s.strength]
    assert (step.times, step.time, step.last) == (5, again[0].time, again[4].time)


def test_records_are_named_with_their_source_and_without_the_folder_they_share() -> None:
    alert = rich_alert()
    moved = tuple(msgspec.structs.replace(e, record=f"logs/day one/{e.record}") for e in alert.evidence)
    timeline = timeline_of(changed(evidence=moved), MINUTE, 0)
    assert timeline.folder == "logs/day one/"
    assert all("logs/day one/" in record for step in timeline.steps for record in step.records)
    assert not any("logs/day one/" in record for step in timeline.steps for record in timeline.near(step))


# ------------------------------------------------------------------------------------------------ relations


@pytest.mark.parametrize(
    ("consistency", "named", "runs"),
    [
        ("proven", "proven", "proven"),
        ("by_name", "by_name", "proven"),
        ("unknown", "by_name", "proven"),
        ("conflicting", "conflicting", "conflicting"),
    ],
)
def test_name_leads_to_bytes_as_surely_as_the_alert_says(consistency: str, named: Proof, runs: Proof) -> None:
    graph = relations_of(changed(digest_consistency=consistency))
    proofs = {(link.source, link.target): link.proof for link in graph.links}
    assert proofs["reference", "index"] == named
    assert proofs["container", "config"] == runs
    assert proofs["index", "manifest"] == "unknown"


def test_without_a_pull_an_origin_is_a_name_only() -> None:
    evidence = tuple(e for e in rich_alert().evidence if e.stage != "pull")
    graph = relations_of(changed(evidence=evidence, digest_consistency="unknown"))
    assert {(link.proof, link.label) for link in graph.links if link.target == "reference"} == {
        ("by_name", "named, no pull seen")
    }


def test_many_origins_are_counted() -> None:
    trust = msgspec.structs.replace(rich_alert().trust, origins=tuple(f"r{number}.example/x" for number in range(9)))
    graph = relations_of(changed(trust=trust))
    assert (sum(node.kind == "origin" for node in graph.nodes), graph.origins_omitted) == (4, 5)


# ------------------------------------------------------------------------------------------------ decisions and gaps


@pytest.mark.parametrize(
    ("reason", "rule"),
    [
        ("trust: untrusted by rule default", 1),
        ("moved tag: x stood for y before", 7),
        ("late: the strong behaviour is outside the window of 900 s", 4),
        ("capped by scope dev", 6),
        ("silenced by scope ci", 6),
        ("capped: ephemeral debug container added by jane", 6),
        ("exposed: privileged", 8),
        ("identity: verified relations name several images", 8),
        ("expected: 2 behaviours known to the baseline of shop/Deployment/web", 6),
        ("all that was seen is usual", 6),
        ("what nobody ever wrote", None),
    ],
)
def test_reasons_have_their_rule(reason: str, rule: int | None) -> None:
    assert decision_of(reason).rule == rule


@pytest.mark.parametrize("row", ROWS)
def test_every_row_has_a_rule_and_a_setting(row: str) -> None:
    decision = decision_of(f"{row}: something (strong)")
    assert decision.rule in (2, 3, 5)
    assert row in decision.setting


def test_page_of_the_rules_numbers_them_so() -> None:
    """The titles stand in docs/analytics/an0691.md under the same numbers."""
    page = (Path(__file__).parents[2] / "docs" / "analytics" / "an0691.md").read_text(encoding="utf-8").lower()
    for reason in ("trust: x", "suspicious_binary: x", "policy_broken: x", "late: x", "declared_binary: x"):
        decision = decision_of(reason)
        assert f"**{decision.rule}. " in page
        title = decision.rule_title.replace("what the image declares", "declared")
        assert f"**{decision.rule}. {title}" in page


def test_gaps_name_what_would_fill_them() -> None:
    assert gap_of("who: creator not named").log_source == "kubernetes:audit (DC0072 Container Creation)"
    assert gap_of("create and start: not watched: gone").means.startswith("the collector")
    assert gap_of("pull: not watched continuously: x").log_source == "containerd:events (DC0015 Image Creation)"
    assert gap_of("something else").log_source is None


# ------------------------------------------------------------------------------------------------ neighbours


def test_neighbours_are_ranked_by_how_much_they_share() -> None:
    found = rich()
    assert [(one.relation, one.verdict) for one in found.silent] == [
        ("content", "silenced"),
        ("content", "quiet"),
        ("workload", "quiet"),
    ]
    assert {(one.relation, one.verdict) for one in found.elsewhere} == {
        ("content", "alert"),
        ("content", "quiet"),
        ("content", "silenced"),
    }
    assert found.silent_words == "3 similar containers raised no alert"


def test_one_container_is_one() -> None:
    [_, one, *_] = containers()
    words = explanation([rich_alert(), one]).silent_words
    assert words == "1 similar container raised no alert"


def test_no_exception_is_advised_where_none_would_help() -> None:
    """`tune` proposes no scope for trusted content that moved, nor where a scope's requirement was broken."""
    broken = rich_alert()
    assert any(behaviour.kind == "policy" for behaviour in broken.behaviours)
    plain = msgspec.structs.replace(
        broken, behaviours=tuple(behaviour for behaviour in broken.behaviours if behaviour.kind != "policy")
    )
    moved = msgspec.structs.replace(plain, trust=TrustShown("trusted", "corp", ()))
    for alert, wanted in (
        (plain, "If this is expected, get the narrowest exception: tidewaiter tune --from ALERTS"),
        (moved, "No scope silences trusted content"),
        (broken, "No exception silences a broken require or forbid"),
    ):
        steps = explanation([alert]).next
        assert steps[-1].startswith(wanted)
        assert any("tune" in step for step in steps) == (alert is plain)


def test_silence_that_was_not_told_of_is_not_claimed() -> None:
    assert "--containers" in explanation([rich_alert()]).silent_words
    [*_, stranger] = containers()
    assert explanation([rich_alert(), stranger]).silent_words.startswith("none: no other container")


def test_incident_without_its_record_is_made_of_the_alerts_that_name_it() -> None:
    alert = rich_alert()
    other = changed(id=stable_id("b"), time="2026-09-21T15:00:00.000000000Z", node="n9")
    gone = changed(id=stable_id("c"), verdict="withdrawn")
    incident = explanation([alert, other, gone]).incident
    assert incident is not None
    assert [member.alert for member in incident.members] == [alert.id, other.id]
    assert explanation([alert, gone]).incident is None


def test_last_revision_of_a_neighbour_counts() -> None:
    alert = rich_alert()
    other = changed(id=stable_id("b"), revision=9, verdict="withdrawn")
    for order in ([other, changed(id=other.id)], [changed(id=other.id), other]):
        assert explanation([alert, *order]).elsewhere == ()


def test_neighbours_are_bounded_and_the_rest_counted() -> None:
    neighbours = Neighbours(rich_alert())
    for number in range(MOST + 7):
        neighbours.add(told(changed(id=stable_id(str(number)), incident="x")))
    assert len(neighbours.elsewhere()) == MOST
    assert neighbours.omitted == 7


# ------------------------------------------------------------------------------------------------ as a whole


def test_completeness_of_the_baseline_is_told_and_never_rounded_up() -> None:
    known = BaselineShown(
        workload="shop/Deployment/web",
        container="web",
        content="new",
        predecessor=None,
        completeness=0.99996,
        completeness_at_least=0.94,
        mature=False,
        pods=3,
        starts=4,
        container_hours=90,
        hours_of_day=24,
        weekdays=2,
    )
    alert = changed(baseline=known)
    found = explained(alert, Neighbours(alert), load_policy("version: 1\n", "p"), (), is_incident=False)
    assert found.baseline == known
    assert found.baseline_words.startswith("99.9 % complete (at least 94 %), not mature")
    assert "3 pods" in found.baseline_words
    assert any("baseline approve" in step for step in found.next)


def test_withdrawn_alert_asks_for_nothing() -> None:
    found = explanation([changed(verdict="withdrawn", reasons=("the container is known under another id now",))])
    assert len(found.next) == 1


def test_id_that_is_none_of_ours_is_not_put_into_a_command() -> None:
    """What is shown may be pasted into a shell."""
    found = explanation([changed(id="$(reboot)")])
    assert not any("reboot" in step for step in found.next)


def test_as_json_it_has_every_section() -> None:
    """docs/explain.md names them."""
    document = msgspec.json.decode(msgspec.json.encode(rich()))
    assert (document["kind"], document["schema"]) == ("explanation", 1)
    page = (Path(__file__).parents[2] / "docs" / "explain.md").read_text(encoding="utf-8")
    for name in document:
        assert f"| `{name}` |" in page
