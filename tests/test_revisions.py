"""Holds what is given out while watching: judged again is what a record touches, and never more often than it must."""

from typing import Any

import msgspec
import pytest

from engine_cases import EVIL, engine
from made_events import (
    CORPORATE,
    OURS,
    asked,
    at,
    attack,
    cid,
    connected,
    created,
    described,
    digest,
    feed,
    finished,
    image_facts,
    named,
    pod_of,
    pulled,
    ran,
    started,
    where,
)
from tidewaiter import revisions
from tidewaiter.alert import Alert
from tidewaiter.engine import Engine
from tidewaiter.event import Event, ImageClaim, Tick, User, WorkloadCreate
from tidewaiter.judge import Judgement


def ticked(machine: Engine, seconds: float = 50) -> list[Alert]:
    """What a tick gives out."""
    tick = Tick(time_ns=at(seconds), cluster="", node=None, where=where("clock"))
    return [output for output in machine.tick(tick) if isinstance(output, Alert)]


def judged(machine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The containers that are judged from now on, each time they are."""
    found: list[str | None] = []
    judge = machine.analytic.judge

    def noting(case: Any, policy: Any) -> Judgement:
        found.append(case.chain.container_id)
        return judge(case, policy)

    monkeypatch.setattr(machine, "analytic", msgspec.structs.replace(machine.analytic, judge=noting))
    return found


# ------------------------------------------------------------------------------------------------ what is judged again


def test_container_that_did_nothing_of_interest_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most containers never do: they cost no judgement."""
    machine = engine(live=True)
    found = judged(machine, monkeypatch)
    feed(machine, [created(0, "a", EVIL), started(1, "a"), *[ran(9 + n, "a", "ls", str(n)) for n in range(9)]])
    ticked(machine)
    assert found == []


def test_record_that_changes_nothing_of_a_container_does_not_judge_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container that has alerted goes on with its ordinary work."""
    machine = engine(live=True)
    feed(machine, [*attack("a", EVIL), *attack("b", EVIL)])
    found = judged(machine, monkeypatch)
    feed(machine, [ran(20 + n, "a", "ls", str(n)) for n in range(9)])
    assert found == []
    feed(machine, [ran(30, "a", "wget", "x")])
    assert found == [cid("a")]


@pytest.mark.parametrize(
    "told",
    [
        pulled(-5, EVIL, config_digest=digest("C")),
        named(-5, "tag", EVIL, config_digest=digest("C")),
        image_facts(config_digest=digest("C"), cmd=("curl", "x"), proof="runtime"),
        described(2, "z", image=ImageClaim(config_digest=digest("C"), reference=EVIL, from_runtime=True)),
    ],
    ids=["pull", "name", "facts", "another container"],
)
def test_what_is_told_of_an_image_concerns_its_containers_only(told: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are judged with the next tick, whatever number of records told it, and once more if that was to rest."""
    machine = engine(live=True)
    feed(machine, [*attack("a", EVIL), described(2, "a", "C"), *attack("b", "other.example/y:1")])
    ticked(machine)
    found = judged(machine, monkeypatch)
    feed(machine, [told, msgspec.structs.replace(told, time_ns=at(-4))])
    assert found == []
    ticked(machine)
    assert found == [cid("a")]
    ticked(machine)
    assert set(found[1:]) <= {cid("a")}
    judged_by_now = len(found)
    ticked(machine)
    assert len(found) == judged_by_now <= 2


def test_pull_on_another_node_does_not_judge_again_what_it_cannot_concern(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that is rolled out to a thousand nodes is pulled a thousand times."""
    machine = engine(live=True)
    feed(machine, [pulled(-5, EVIL, node=f"n{number}", config_digest=digest("C")) for number in range(1, 4)])
    feed(machine, attack("a", EVIL))
    ticked(machine)
    found = judged(machine, monkeypatch)
    feed(machine, [pulled(-4, EVIL, node="n2", config_digest=digest("C"))])
    ticked(machine)
    assert found == []
    feed(machine, [pulled(-4, EVIL, node="n1", config_digest=digest("C"))])
    ticked(machine)
    assert found == [cid("a")]


def test_container_that_never_rests_is_judged_with_the_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scanner's thousand connections are no thousand revisions; the last of them is told all the same."""
    machine = engine(live=True)
    feed(machine, [created(0, "a", EVIL), started(1, "a")])
    found = judged(machine, monkeypatch)
    given = feed(machine, [connected(10 + n / 100, "a", f"203.0.113.{n}") for n in range(200)])
    assert len(given) <= len(found) == revisions.AT_ONCE
    # What only counts further may rest for a tick or two (test_calm.py).
    given += [alert for _ in range(4) for alert in ticked(machine)]
    assert given[-1].behaviours_omitted == 152
    assert [alert.revision for alert in given] == list(range(len(given)))


def test_tick_judges_a_bounded_number_of_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others wait for the next, so that no alert is held up."""
    monkeypatch.setattr(revisions, "PER_TICK", 2)
    machine = engine(live=True)
    for number in range(5):
        feed(machine, attack(f"c{number}", EVIL))
    feed(machine, [pulled(-5, EVIL, config_digest=digest("C"))])
    assert [len(ticked(machine)) for _ in range(4)] == [2, 2, 1, 0]


# ------------------------------------------------------------------------------------------------ what changes a record


def test_who_made_the_owner_is_told_when_it_becomes_known() -> None:
    """The audit log of a Deployment may come after its pods have misbehaved."""
    machine = engine(live=True)
    pod = asked(-3, "web", {"c": EVIL}, uid="u1", user=None, owner_kind="Deployment", owner_name="web")
    given = feed(machine, [pod, *attack(pod=pod_of("web", "c", uid="u1"))])
    assert given[-1].created_by.user is None
    owner = WorkloadCreate(
        time_ns=at(-9),
        cluster="default",
        node=None,
        where=where("kubernetes_audit"),
        kind="Deployment",
        namespace="shop",
        name="web",
        user=User(name="mallory"),
    )
    assert feed(machine, [owner]) == []
    [revised] = ticked(machine)
    assert (revised.created_by.user, revised.revision) == ("mallory", given[-1].revision + 1)


def test_container_that_only_its_pod_named_is_withdrawn_for_the_one_with_an_id() -> None:
    """One container, one alert: the kubelet's words are its own from then on."""
    machine = engine(live=True)
    [first] = feed(machine, [ran(9, None, "curl", "x", pod=pod_of("web", "c"))])
    given = feed(machine, [created(0, "a", EVIL, pod=pod_of("web", "c"))])
    assert {(alert.id == first.id, alert.verdict) for alert in given} == {(True, "withdrawn"), (False, "alert")}
    assert [alert.id for alert in finished(machine).alerts] == [alert.id for alert in given if alert.id != first.id]


def test_earlier_alert_of_a_campaign_names_the_incident_anew() -> None:
    """The incident is called after its first alert; who was told another name is told this one."""
    machine = engine(live=True)
    [first] = feed(machine, [created(0, "b", EVIL), started(1, "b"), ran(30, "b", "curl", "x")])
    [second] = feed(machine, [created(0, "a", EVIL), started(1, "a"), ran(10, "a", "curl", "x")])
    [renamed] = ticked(machine)
    assert renamed.id == first.id
    assert first.incident != renamed.incident == second.incident


def test_withdrawn_alert_that_comes_again_goes_on_counting() -> None:
    """Withdrawn once, and given out again under the next number."""
    machine = engine(CORPORATE, live=True)
    feed(machine, [pulled(-5, OURS, config_digest=digest("C"))])
    given = feed(machine, [*attack("a", EVIL), described(None, "a", "C")])
    feed(machine, [pulled(-4, OURS, config_digest=digest("D")), pulled(-3, OURS, config_digest=digest("C"))])
    given += ticked(machine) + feed(machine, [described(None, "a", "D", source="docker_inspect")])
    assert [alert.revision for alert in given] == list(range(len(given)))
    assert given[2].verdict == "withdrawn"
    assert given[2].reasons


def test_alert_of_a_container_that_was_given_up_is_closed() -> None:
    """Its final record says what was known, and that nothing came after; whoever shares its pod is not withdrawn."""
    machine = engine(live=True, chains_cap=2)
    given = feed(machine, attack("a", EVIL, pod=pod_of("web", "a")))
    given += feed(machine, attack("b", EVIL, pod=pod_of("web", "b")))
    more = feed(machine, [created(50, "c", EVIL), ran(60, "c", "curl", "x")])
    [closed] = [alert for alert in more if alert.container_id == cid("a")]
    assert (closed.final, closed.verdict, closed.revision) == (True, "alert", 2)
    assert closed.missing[-1].startswith("what came later")
    assert {alert.container_id for alert in finished(machine).alerts} == {cid("b"), cid("c")}


# ------------------------------------------------------------------------------------------------ the end, and after it


def test_final_withdrawal_says_why() -> None:
    """What explained the alert came after the last tick."""
    machine = engine(CORPORATE, live=True)
    given = feed(machine, [*attack("a", EVIL), described(None, "a", "C"), pulled(-5, OURS, config_digest=digest("C"))])
    [last] = finished(machine).alerts
    assert (last.verdict, last.final, last.revision) == ("withdrawn", True, given[-1].revision + 1)
    assert last.reasons == ("trust: trusted by rule ours",)


def test_final_record_is_not_repeated_after_a_restart() -> None:
    """Only what has changed is said, under the next number."""
    machine = engine(live=True)
    feed(machine, [*attack("a", EVIL), *attack("b", EVIL)])
    finals = {alert.container_id: alert.revision for alert in finished(machine).alerts}
    moved = engine(live=True, state=Engine.restore(machine.snapshot()))
    [more] = feed(moved, [ran(20, "a", "wget", "y")])
    assert (more.revision, more.final) == (finals[cid("a")] + 1, False)
    [last] = finished(moved).alerts
    assert (last.container_id, last.revision, last.final) == (cid("a"), finals[cid("a")] + 2, True)


def test_restart_under_another_policy_judges_everything_again() -> None:
    """Whoever vouches for an image after the alert takes it back."""
    machine = engine(live=True)
    feed(machine, [pulled(-5, OURS, config_digest=digest("C")), *attack("a", OURS)])
    moved = engine(CORPORATE, live=True, state=Engine.restore(machine.snapshot()))
    assert [alert.verdict for alert in ticked(moved)] == ["withdrawn"]
