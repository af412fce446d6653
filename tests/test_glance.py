"""Proves which containers people who watch are shown, and that looking changes nothing."""

import msgspec

from engine_cases import EVIL, engine
from made_events import (
    CORPORATE,
    OURS,
    asked,
    at,
    attack,
    cid,
    created,
    digest,
    entered,
    feed,
    finished,
    named,
    pod_of,
    pulled,
    ran,
    started,
    stopped,
)
from tidewaiter.engine import Engine
from tidewaiter.event import Event, Pod, Tick
from tidewaiter.glance import Glances, Row
from tidewaiter.policy import TrustPolicy


def watched(*events: Event, policy: TrustPolicy = CORPORATE) -> Engine:
    """An engine that was fed while watching."""
    machine = engine(policy, live=True)
    feed(machine, events)
    return machine


def rows(machine: Engine, seconds: float = 20, most: int = 30) -> list[Row]:
    return list(Glances(machine).rows(at(seconds), most))


def shown(found: list[Row]) -> list[tuple[str | None, str]]:
    return [(row.shown.container_id, row.shown.verdict) for row in found]


def test_row_tells_how_far_the_chain_has_come() -> None:
    machine = watched(pulled(-5, EVIL), *attack("a", EVIL), entered(15, "a", "sh", user="ann"))
    (row,) = rows(machine)
    assert row.steps == ("pull", "create", "start", "behaviour")
    assert row.shown.verdict == "alert"
    assert row.behaviours == 3
    assert (row.since_ns, row.ended_ns, row.is_open) == (at(1), None, True)


def test_steps_that_were_not_seen_are_left_out() -> None:
    (row,) = rows(watched(started(1, "a")))
    assert row.steps == ("start",)


def test_most_suspicious_come_first_then_the_newest() -> None:
    machine = watched(
        created(-2000, "long", EVIL),
        started(-1999, "long"),
        *attack("old attack", EVIL),
        created(3, "ours", OURS),
        started(4, "ours"),
        created(5, "new", EVIL),
        started(6, "new"),
        ran(7, "long", "id"),
        ran(7.5, "long", "curl", "x"),
        created(8, "newest", EVIL),
        started(9, "newest"),
    )
    assert shown(rows(machine)) == [
        (cid("old attack"), "alert"),
        (cid("long"), "suspicious"),
        (cid("newest"), "quiet"),
        (cid("new"), "quiet"),
        (cid("ours"), "quiet"),
    ]
    assert [row.is_open for row in rows(machine)] == [True, False, True, True, False]
    assert len(rows(machine, most=2)) == 2


def test_window_closes_with_time() -> None:
    """Nothing happens, and yet the row changes."""
    glances = Glances(watched(created(0, "a", EVIL), started(1, "a")))
    assert [row.is_open for seconds in (901, 902) for row in glances.rows(at(seconds))] == [True, False]


def test_container_that_ended_is_shown_for_a_while() -> None:
    machine = watched(created(0, "a", EVIL), started(1, "a"), stopped(10, "a"))
    glances = Glances(machine)
    assert [row.ended_ns for row in glances.rows(at(70))] == [at(10)]
    assert glances.rows(at(71)) == ()


def test_container_that_was_started_again_has_not_ended() -> None:
    (row,) = rows(watched(created(0, "a", EVIL), started(1, "a"), stopped(10, "a"), started(12, "a")))
    assert (row.ended_ns, row.since_ns) == (None, at(12))


def test_alert_stays_longer_than_its_container() -> None:
    machine = watched(*attack("a", EVIL), stopped(12, "a"))
    assert len(rows(machine, 800)) == 1
    assert rows(machine, 1000) == []


def test_sandbox_is_no_container_to_be_shown() -> None:
    assert rows(watched(created(0, "a", "registry.k8s.io/pause:3.9", is_sandbox=True))) == []


def test_alert_is_found_among_very_many() -> None:
    """Only some containers are looked at; those that were given out are always among them."""
    machine = watched(*attack("a", EVIL))
    feed(machine, [created(20 + n / 100, f"c{n}", OURS) for n in range(500)])
    found = rows(machine, 30, most=5)
    assert shown(found)[0] == (cid("a"), "alert")
    assert [row.shown.container_id for row in found[1:]] == [cid(f"c{n}") for n in (499, 498, 497, 496)]


def test_what_a_container_does_shows_at_once() -> None:
    machine = watched(created(0, "a", EVIL), started(1, "a"))
    glances = Glances(machine)
    assert shown(list(glances.rows(at(2)))) == [(cid("a"), "quiet")]
    feed(machine, attack("a", EVIL))
    assert shown(list(glances.rows(at(4)))) == [(cid("a"), "alert")]


def test_what_is_learned_elsewhere_shows_after_some_looks() -> None:
    """The pull that makes the image ours comes late."""
    machine = watched(created(0, "a", "web:1"), started(1, "a"), named(-1, "tag", "web:1", config_digest=digest("C")))
    glances = Glances(machine)
    assert glances.rows(at(2))[0].shown.trust.state != "trusted"
    feed(machine, [pulled(-5, OURS, config_digest=digest("C"))])
    states = [glances.rows(at(3))[0].shown.trust.state for _ in range(20)]
    assert states[-1] == Glances(machine).rows(at(3))[0].shown.trust.state == "trusted"


def test_id_that_was_chosen_twice_shows_its_latest_container() -> None:
    lives = [
        created(0, "c", EVIL),
        started(1, "c"),
        stopped(2, "c", removed=True),
        created(50, "c", OURS),
        started(51, "c"),
    ]
    events = [msgspec.structs.replace(event, container_id="c1") for event in lives]
    (row,) = rows(watched(*events), 60)
    assert (row.shown.image.reference, row.since_ns) == (OURS, at(51))


def test_looking_changes_nothing() -> None:
    """The state, and what the end says of it, are those of an engine that nobody looked at."""
    events = [
        pulled(-5, EVIL),
        *attack("a", EVIL, pod=pod_of("p", "main")),
        created(5, "b", OURS),
        stopped(30, "b"),
        asked(3, "q", {"main": EVIL}, uid="u"),
        *attack("c", EVIL, pod=Pod(uid="u")),
    ]
    alone, looked_at = engine(CORPORATE, live=True), engine(CORPORATE, live=True)
    glances = Glances(looked_at)
    for event in events:
        assert feed(alone, [event]) == feed(looked_at, [event])
        glances.rows(at(40))
        tick = Tick(time_ns=event.time_ns, cluster="default", node=None, where=event.where)
        assert alone.tick(tick) == looked_at.tick(tick)
    assert alone.snapshot() == looked_at.snapshot()
    assert finished(alone).alerts == finished(looked_at).alerts
