"""Holds how a baseline changes AN0691's verdict: rules 2 to 7 beside what is usual for the workload."""

from typing import Any

import msgspec
import pytest
from an0691_baselines import (
    API,
    CI,
    CURL,
    EVIL,
    LATERAL,
    MATURE,
    OUT,
    SERVE,
    STORE,
    TOOL,
    USUALLY,
    YOUNG,
    began,
    beside,
    judged,
    verdict,
)

from baselines import key, learned, shuffled
from made_events import (
    AN0691,
    CORPORATE,
    OURS,
    Hunted,
    asked,
    cid,
    connected,
    digest,
    entered,
    feed,
    finished,
    hunted,
    image_facts,
    placed,
    pod_of,
    pulled,
    ran,
    rested,
)
from tidewaiter.baseline import Baseline, Profile
from tidewaiter.engine import Engine
from tidewaiter.event import Event
from tidewaiter.image_contents import ImageContents
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy

# ------------------------------------------------------------------------------------------------ rule 7: the moved tag


@pytest.mark.parametrize("baseline", [MATURE, YOUNG])
@pytest.mark.parametrize("policy", [CORPORATE, CI])
def test_new_content_with_one_new_external_destination_alerts(baseline: Baseline, policy: TrustPolicy) -> None:
    """The repository is trusted and CI is quiet there: a tag that moved to a backdoored image is found all the same."""
    run = judged("new", *USUALLY, OUT, beside=baseline, policy=policy)
    alert = run.only
    assert (alert.verdict, alert.severity, alert.confidence) == ("alert", "high", "high")
    assert [(b.what, b.strength, b.known) for b in alert.behaviours] == [("198.51.100.77:443", "strong", None)]
    assert alert.title.startswith(f"New content of trusted image {OURS} connected to 198.51.100.77:443")
    assert alert.baseline is not None
    assert (alert.baseline.content, alert.baseline.predecessor) == ("new", digest("old"))
    assert (alert.baseline.workload, alert.baseline.container) == ("shop/Deployment/web", "c")
    assert any(reason.startswith("inherited: 4 behaviours expected, known from other") for reason in alert.reasons)
    assert verdict(judged("new", *USUALLY, OUT, beside=None, policy=policy)) == "quiet"


def test_old_content_with_a_new_destination_is_quiet() -> None:
    """What the policy vouches for and the workload has run for long raises nothing."""
    run = judged("old", *USUALLY, OUT, LATERAL, TOOL, beside=MATURE)
    assert verdict(run) == "quiet"
    shown = run.about("a").baseline
    assert shown is not None
    assert (shown.content, shown.predecessor, shown.mature) == ("known", None, True)


def test_normal_release_is_quiet() -> None:
    """The same behaviour, a new version in a path, a database's new address under its name."""
    release = ran(2, "a", "/app/server-1.5.0", "--port", "8080")
    named = connected(5, "a", "10.0.0.5", 5432, dst_name="db.shop.svc.cluster.local")
    moved = connected(5, "a", "10.0.7.7", 5432, dst_name="db.shop.svc.cluster.local")
    baseline = beside(learned("old", *USUALLY, named))
    run = judged("new", release, moved, STORE, API, CURL, beside=baseline)
    assert verdict(run) == "quiet"
    assert any(reason.startswith("baseline: shop/Deployment/web does not") for reason in run.about("a").reasons)


def test_new_strong_behaviour_after_the_window_is_suspicious() -> None:
    """The window is that of rule 4; what is weak and late is nothing."""
    late = connected(2000, "a", "198.51.100.77", 443)
    assert judged("new", *USUALLY, late, beside=MATURE).only.verdict == "suspicious"
    assert verdict(judged("new", *USUALLY, connected(2000, "a", "10.0.9.9", 6379), beside=YOUNG)) == "quiet"


def test_known_content_is_quiet_though_the_tag_moved_back_to_it() -> None:
    """A rollback is none of rule 7's business, with a baseline that knows the content."""
    moved = [pulled(-500, OURS, config_digest=digest("new")), *began("old"), OUT]
    assert verdict(hunted(moved, CORPORATE)) == "suspicious"
    assert verdict(hunted(moved, CORPORATE, baseline=MATURE)) == "quiet"
    assert verdict(hunted(moved, CORPORATE, baseline=beside(learned("old", SERVE, of=key("api"))))) == "suspicious"


def test_backdoor_that_was_learned_with_an_alert_alerts_again() -> None:
    """Content is not known for having alerted."""
    poisoned = beside(learned("old", *USUALLY), learned("new", OUT, state="alerted"))
    alert = judged("new", OUT, beside=poisoned).only
    assert alert.verdict == "alert"
    assert any("treats this content as new: it alerted while being learned" in why for why in alert.reasons)
    assert verdict(judged("new", OUT, beside=beside(learned("old", *USUALLY), learned("new", OUT)))) == "quiet"


def test_what_the_new_image_declares_is_no_news() -> None:
    """Its config, its layers, its first process where neither is known."""
    told = image_facts(None, config_digest=digest("new"), entrypoint=("/app/next", "--serve"), proof="runtime")
    run = ran(9, "a", "/app/next", "--serve")
    assert verdict(judged("new", *USUALLY, run, beside=MATURE)) == "alert"
    assert verdict(hunted([told, *began("new"), *USUALLY, run], CORPORATE, baseline=MATURE)) == "quiet"
    shell = ran(9, "a", "sh", "/entry.sh", exe="/bin/sh")
    script = image_facts(None, config_digest=digest("new"), entrypoint=("sh", "/entry.sh"), proof="runtime")
    assert verdict(hunted([script, *began("new"), *USUALLY, shell], CORPORATE, baseline=MATURE)) == "quiet"
    first = ran(1.1, "a", "/app/next", "--serve", parent_exe="/usr/bin/runc")
    assert verdict(judged("new", first, STORE, beside=MATURE)) == "quiet"
    engine = Engine(CORPORATE, AN0691, baseline=MATURE)
    held = ImageContents({"/opt/tools/dump": digest("layer"), "/usr/bin/curl": digest("layer")})
    engine.learn_facts(image_facts(None, config_digest=digest("new"), contents=held, proof="archive"))
    feed(engine, [*began("new"), TOOL])
    assert verdict(finished(engine)) == "quiet"


# ------------------------------------------------------------------------------------------------ rules 2 to 5


def approved(*did: Event, content: str = "C1", **how: Any) -> Profile:
    """What an image that nobody vouches for was approved to do."""
    return learned(content, *did, state="approved", **how)


def unvouched(content: str, *did: Event, beside: Baseline | None, policy: TrustPolicy = DEFAULT_POLICY) -> Hunted:
    """A container of the workload with an image that nobody vouches for."""
    return judged(content, *did, beside=beside, policy=policy, reference=EVIL)


def test_what_was_approved_for_the_content_is_expected() -> None:
    """Strong or weak; and the reason says so."""
    run = unvouched("C1", *USUALLY, beside=beside(approved(*USUALLY)))
    assert verdict(run) == "quiet"
    assert "expected: 2 behaviours known to the baseline of shop/Deployment/web" in run.about("a").reasons
    assert verdict(unvouched("C1", *USUALLY, beside=None)) == "alert"


def test_command_that_only_its_runtime_told_of_is_held_against_the_baseline() -> None:
    """A health check by `docker exec`, of an image whose config is not known."""
    check = entered(9, "a", "curl", "-f", "http://127.0.0.1/healthz", source="docker_events", user=None, native_id="s1")
    told = ran(9, "a", "curl", "-f", "http://127.0.0.1/healthz", exe=None)
    assert verdict(judged("new", check, beside=beside(learned("old", told)))) == "quiet"
    assert judged("new", check, beside=beside(learned("old", SERVE))).only.verdict == "alert"


def test_strong_behaviour_beyond_what_was_approved_alerts() -> None:
    """It alone is told."""
    alert = unvouched("C1", *USUALLY, OUT, beside=beside(approved(*USUALLY))).only
    assert alert.verdict == "alert"
    assert [b.what for b in alert.behaviours] == ["198.51.100.77:443"]


@pytest.mark.parametrize("state", ["unapproved", "alerted", "trusted"])
def test_what_nobody_approved_alerts_though_it_was_learned(state: Any) -> None:
    """Poisoning a baseline takes an approval. The policy that vouched for it then does not now."""
    assert unvouched("C1", CURL, beside=beside(learned("C1", *USUALLY, state=state))).only.verdict == "alert"


def test_what_was_approved_for_other_content_is_a_prior_only() -> None:
    """An attacker's content inherits no strong permission: suspicious at most, and an alert with anything new."""
    baseline = beside(approved(*USUALLY))
    inherited = unvouched("C2", *USUALLY, beside=baseline).only
    assert inherited.verdict == "suspicious"
    assert {(b.strength, b.known) for b in inherited.behaviours} == {("weak", "predecessor")}
    assert inherited.baseline is not None
    assert (inherited.baseline.content, inherited.baseline.predecessor) == ("new", digest("C1"))
    new = unvouched("C2", *USUALLY, OUT, beside=baseline).only
    assert new.verdict == "alert"
    assert {(b.strength, b.known) for b in new.behaviours} == {("weak", "predecessor"), ("strong", None)}


def test_what_was_approved_for_the_content_elsewhere_is_a_prior_only() -> None:
    """Also where this workload is not in the baseline, or the baseline is another cluster's."""
    far = msgspec.structs.replace(key("api", namespace="far"), cluster="far")
    elsewhere = unvouched("C1", CURL, beside=beside(approved(CURL, of=far))).only
    assert (elsewhere.verdict, elsewhere.baseline) == ("suspicious", None)
    assert [(b.strength, b.known) for b in elsewhere.behaviours] == [("weak", "fleet")]
    assert verdict(unvouched("C1", LATERAL, TOOL, beside=beside(approved(CURL, of=far)))) == "quiet"


@pytest.mark.parametrize("other", [key(container="proxy"), key("api")])
def test_strong_behaviour_known_to_neighbours_stays_strong(other: Any) -> None:
    """Another container or workload vouches for what is weak, and for nothing else."""
    baseline = beside(learned("old", SERVE), learned("X", OUT, LATERAL, of=other))
    told = [asked(-7, "web-a", {"c": OURS, "proxy": OURS}), *began("new")]
    known = "workload" if other.container == "proxy" else "namespace"
    alert = hunted([*told, OUT], CORPORATE, baseline=baseline).only
    assert [(b.strength, b.known) for b in alert.behaviours] == [("strong", known)]
    assert verdict(hunted([*told, LATERAL], CORPORATE, baseline=baseline)) == "quiet"


def test_unvouched_workload_that_was_only_watched_is_judged_as_without_a_baseline() -> None:
    """What it was seen to do inside is no news of it, though nobody approved it; what is new inside, is."""
    baseline = beside(learned("C1", SERVE, STORE, state="unapproved", is_mature=False))
    assert verdict(unvouched("C1", SERVE, STORE, beside=baseline)) == "quiet"
    assert verdict(unvouched("C1", SERVE, LATERAL, beside=baseline)) == "suspicious"


def test_doubt_about_who_did_it_is_never_raised() -> None:
    """A mature baseline cannot tell who opened a flow, nor what a person is about to do."""
    doubtful = connected(9, "a", "198.51.100.77", 443, is_initiator_proven=False)
    alice = [entered(20, "a", "ls", native_id="s1"), ran(20.1, "a", "ls")]
    assert judged("new", doubtful, beside=MATURE).only.verdict == "suspicious"
    session = judged("new", *alice, beside=MATURE).only
    assert [(b.reason, b.strength) for b in session.behaviours] == [("interactive_session", "weak")]
    inside = connected(9, "a", "10.0.9.9", 6379, is_initiator_proven=False)
    assert verdict(judged("new", inside, beside=MATURE)) == "quiet"


def test_workload_that_is_not_known_is_judged_as_without_a_baseline() -> None:
    """A file without the workload is no baseline."""
    for content, did, policy in (("new", OUT, CORPORATE), ("C1", CURL, DEFAULT_POLICY), ("C1", LATERAL, CORPORATE)):
        without = judged(content, did, beside=None, policy=policy)
        beside_others = judged(content, did, beside=beside(learned("old", SERVE, of=key("api"))), policy=policy)
        assert beside_others.alerts == without.alerts
        assert beside_others.containers == without.containers


# ------------------------------------------------------------------------------------------------ laws

STORY = [*began("new"), *USUALLY, OUT, LATERAL, TOOL, CURL, ran(9.5, "a", "/opt/tools/dump", "--more")]


@pytest.mark.parametrize("baseline", [MATURE, YOUNG, beside(learned("X", TOOL, of=key("api")), learned("old", SERVE))])
@pytest.mark.parametrize("policy", [CORPORATE, DEFAULT_POLICY])
def test_order_of_arrival_leaves_no_trace(baseline: Baseline, policy: TrustPolicy) -> None:
    """Nor do doubles."""
    told = hunted(STORY, policy, baseline=baseline)
    for order in (*shuffled(STORY), STORY + STORY):
        again = hunted(order, policy, baseline=baseline)
        assert (again.alerts, again.containers) == (told.alerts, told.containers)


@pytest.mark.parametrize("policy", [CORPORATE, DEFAULT_POLICY])
def test_watching_says_in_the_end_what_hunting_says(policy: TrustPolicy) -> None:
    """And says it at once: a plain exec of new content is no revision too late."""
    engine = Engine(policy, AN0691, live=True, baseline=MATURE)
    given = feed(engine, [*began("new"), TOOL])
    assert [alert.verdict for alert in given + rested(engine, 10)][-1] == "alert"
    last = {alert.id: alert for alert in given + feed(engine, STORY) + rested(engine, 20) + finished(engine).alerts}
    hunt = hunted([*began("new"), TOOL, *STORY], policy, baseline=MATURE)
    assert {ident: _bare(alert) for ident, alert in last.items()} == {alert.id: _bare(alert) for alert in hunt.alerts}


def _bare(alert: msgspec.Struct) -> msgspec.Struct:
    return msgspec.structs.replace(alert, revision=0, final=True)


def test_snapshot_keeps_what_the_baseline_is_asked_about() -> None:
    """The baseline itself is no part of it."""
    engine = Engine(CORPORATE, AN0691, baseline=MATURE)
    feed(engine, STORY)
    moved = Engine(CORPORATE, AN0691, baseline=MATURE, state=Engine.restore(engine.snapshot()))
    assert finished(moved).alerts == finished(engine).alerts != []


def test_trusted_container_settles_where_its_content_is_known_or_its_workload_is_not() -> None:
    """New content of a known workload stays under watch."""
    for baseline, is_settled in ((None, True), (MATURE, False), (beside(learned("new", SERVE)), True)):
        engine = Engine(CORPORATE, AN0691, baseline=baseline)
        feed(engine, [*began("new"), *(connected(seconds, "a", "10.0.0.5", 5432) for seconds in (5, 200, 300))])
        [chain] = engine.directory.chains()
        assert chain.is_settled == is_settled
        assert bool(chain.unfamiliar) == (baseline is MATURE)
    engine = Engine(CORPORATE, AN0691, baseline=beside(learned("old", SERVE, of=key("api"))))
    feed(engine, [*began("new"), *(connected(seconds, "a", "10.0.0.5", 5432) for seconds in (5, 200, 300))])
    assert [chain.is_settled for chain in engine.directory.chains()] == [True]


def test_flows_that_only_a_pod_is_known_of_are_held_against_its_baseline() -> None:
    """As a network sensor tells them."""
    inside = connected(9, None, "10.0.9.9", 6379, node=None, pod=pod_of("web-a"), source="hubble")
    alert = judged("new", inside, beside=MATURE).only
    assert [(b.reason, b.attribution) for b in alert.behaviours] == [("internal_egress", "pod")]
    usual = connected(9, None, "10.0.0.5", 5432, node=None, pod=pod_of("web-a"), source="hubble")
    assert verdict(judged("new", usual, beside=MATURE)) == "quiet"
    only_told = [asked(-7, "web-a", {"c": OURS}), placed(-6, "web-a"), inside]
    assert hunted(only_told, CORPORATE, baseline=MATURE).summary.outcomes["used"] == 3


def test_same_content_on_twenty_nodes_is_quiet() -> None:
    """A Deployment that scales: every replica does what one did."""
    events: list[Event] = []
    for number in range(20):
        name, node = f"r{number}", f"n{number}"
        for event in [*began("old", container=name), *_as(name, USUALLY)]:
            events.append(msgspec.structs.replace(event, node=node))
    assert hunted(events, CORPORATE, baseline=MATURE).alerts == []
    approved_only = beside(approved(*USUALLY, content="old"))
    assert hunted(events, DEFAULT_POLICY, baseline=approved_only).alerts == []
    assert len(hunted(events, DEFAULT_POLICY).alerts) == 20


def _as(container: str, events: tuple[Event, ...]) -> list[Event]:
    return [msgspec.structs.replace(event, container_id=cid(container)) for event in events]
