"""Holds what all analytics share: ids that nothing can change, incidents, and the record that is given out."""

from itertools import permutations

from made_events import AN0691, asked, attack, created, described, digest, hunted, pod_of, pulled, ran, started
from tidewaiter.event import Event
from tidewaiter.policy import TrustPolicy
from tidewaiter.policy_rules import Scope

EVIL = "evil.example/x:1"


def test_id_depends_on_the_container_alone() -> None:
    """Neither what it did, nor the policy, nor what else is known of it changes the id."""
    plain = hunted(attack("a", EVIL)).only
    more = [pulled(-5, EVIL, config_digest=digest("C")), *attack("a", EVIL), described(None, "a", "C")]
    strict = TrustPolicy(scopes=(Scope(name="all", cluster="*", require="trusted"),))
    assert {hunted(more).only.id, hunted(more, strict).only.id, hunted(attack("a")).only.id} == {plain.id}
    assert hunted(attack("b", EVIL)).only.id != plain.id


def test_id_does_not_depend_on_the_order_of_arrival() -> None:
    """One chain, one alert, one id."""
    assert len({hunted(order).only.id for order in permutations(attack())}) == 1


def test_id_depends_on_node_and_cluster() -> None:
    """A chosen id may repeat from node to node; so may everything from cluster to cluster."""
    ids = {hunted(attack(node=node, cluster=cluster)).only.id for node in ("n1", "n2") for cluster in ("one", "two")}
    assert len(ids) == 4


def life(seconds: float, container: str, user: str, config: str = "C", node: str = "n1") -> list[Event]:
    """A container of a pod that somebody asked for, and that misbehaves."""
    pod = pod_of(f"p-{container}", "c")
    return [
        asked(seconds - 1, f"p-{container}", {"c": EVIL}, user=user),
        created(seconds, container, EVIL, pod=pod, node=node),
        described(None, container, config, node=node),
        started(seconds + 1, container, node=node),
        ran(seconds + 9, container, "curl", "x", node=node),
    ]


def incidents(*lives: list[Event]) -> list[str]:
    """The incident of each alert, in order of time."""
    return [alert.incident for alert in hunted([event for events in lives for event in events]).alerts]


def test_same_content_by_the_same_person_is_one_incident() -> None:
    """On whichever node it ran."""
    first, second = incidents(life(0, "a", "eve"), life(100, "b", "eve", node="n2"))
    assert first == second


def test_other_content_or_another_person_is_another_incident() -> None:
    """Content and creator make the campaign."""
    found = incidents(life(0, "a", "eve"), life(100, "b", "bob"), life(200, "c", "eve", config="D"))
    assert len(set(found)) == 3


def test_content_created_by_nobody_known_is_one_incident_a_node() -> None:
    """Where nobody is named, the node stands for the person."""
    unknown = [
        *attack("a", EVIL),
        *attack("b", EVIL),
        *attack("c", EVIL, node="n2"),
    ]
    found = {alert.container_id: alert.incident for alert in hunted(unknown).alerts}
    assert len(found) == 3
    assert len(set(found.values())) == 2


def test_gap_of_a_day_ends_the_incident() -> None:
    """The same campaign next week is another incident."""
    day = 86_400
    first, second, third = incidents(life(0, "a", "eve"), life(day, "b", "eve"), life(2 * day + 1, "c", "eve"))
    assert first == second != third


def test_incident_does_not_depend_on_the_order_of_arrival() -> None:
    """All incidents are named at the end."""
    lives = [life(0, "a", "eve"), life(20, "b", "eve"), life(40, "c", "bob")]
    assert len({tuple(incidents(*order)) for order in permutations(lives)}) == 1


def test_record_without_an_alert_says_what_is_known() -> None:
    """`--containers` shows every container: image, trust, verdict and why."""
    run = hunted([created(0, "a", EVIL), started(1, "a")])
    shown = run.about("a")
    assert (shown.verdict, shown.trust.state, shown.image.reference) == ("quiet", "untrusted", EVIL)
    assert shown.started == "2026-09-21T14:13:21.250000000Z"
    assert shown.reasons


def test_analytic_is_complete() -> None:
    """An analytic says what it assumes, what it cannot see, and what to do next."""
    assert AN0691.id == "AN0691"
    assert AN0691.assumptions
    assert AN0691.blind_spots
    assert AN0691.triage
