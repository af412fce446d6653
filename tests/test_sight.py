"""Holds that an alert says what was not watched while its container ran, and nothing about other times and runtimes."""

import random

import pytest

from engine_cases import engine
from made_events import at, attack, connected, created, feed, finished, hunted, ran, started, where
from tidewaiter.event import Blindness, Event, Tick
from tidewaiter.sight import Moments, learn_blindness, unwatched

WHY = "conntrack sees no connections of host-network containers"
GONE = "Docker does not answer at /run/docker.sock"


def blinded(seconds: float, sight: str = "connections", why: str | None = WHY, collector: str = "sensor") -> Blindness:
    """A collector says what it sees from now on."""
    told = {"time_ns": at(seconds), "cluster": "default", "node": "n1", "where": where("sensor", 1)}
    return Blindness(**told, collector=collector, sight=sight, why=why)  # type: ignore[arg-type]  # any sight


def missing(*events: Event) -> list[str]:
    """What the alert of an attack says of what was not watched."""
    return [line for line in hunted([*events, *attack()]).only.missing if "watched" in line]


def test_an_alert_says_what_was_not_watched() -> None:
    """From before the container until after it: not watched; only for a while: not all the time."""
    assert missing(blinded(-3600)) == [f"egress: not watched: {WHY}"]
    assert missing(blinded(20)) == [f"egress: not watched continuously: {WHY}"]
    assert missing(blinded(-3600), blinded(5, why=None)) == [f"egress: not watched continuously: {WHY}"]
    assert missing(blinded(-3600), blinded(-3600, "execs", "no sensor")) == [
        f"egress: not watched: {WHY}",
        "exec: not watched: no sensor",
    ]


@pytest.mark.parametrize(
    "events",
    [
        [],
        [blinded(-3600, why=None)],
        [blinded(-7200), blinded(-3600, why=None)],
        [blinded(3600)],
        [blinded(-3600, "containers", GONE, "containerd")],
    ],
    ids=["nobody spoke", "seen", "seen again long before", "lost long after", "another runtime's collector"],
)
def test_an_alert_says_nothing_of_other_times_and_runtimes(events: list[Event]) -> None:
    """What could be seen then is not called missing."""
    assert missing(*events) == []


def test_the_container_s_own_runtime_counts() -> None:
    """The attack's container is Docker's."""
    assert missing(blinded(-3600, "containers", GONE, "docker")) == [f"create and start: not watched: {GONE}"]


def test_another_node_s_blindness_is_its_own() -> None:
    """What node n2 cannot see says nothing of n1."""
    events = [*attack("a"), *attack("b", node="n2"), blinded(-3600)]
    told = {alert.node: [line for line in alert.missing if "watched" in line] for alert in hunted(events).alerts}
    assert told == {"n1": [f"egress: not watched: {WHY}"], "n2": []}


def test_order_and_repeats_mean_nothing() -> None:
    """The same moments in any order, each of them twice, leave the same words."""
    moments = [blinded(-4000 + 100 * n, why=None if n % 3 else f"reason {n}") for n in range(40)]
    wanted = missing(*moments)
    for seed in range(5):
        shuffled = moments * 2
        random.Random(seed).shuffle(shuffled)  # noqa: S311 - an order, no secret
        assert missing(*shuffled) == wanted


def test_moments_and_sights_are_bounded() -> None:
    """The latest moments stay, and no hostile stream grows the state without end."""
    known: dict[str, Moments] = {}
    for n in range(1000):
        learn_blindness(known, blinded(n, why="x" * 10_000 if n % 2 else None))
        learn_blindness(known, blinded(n, collector=f"c{n}"))
    assert len(known) <= 64
    assert all(len(moments) <= 64 and all(len(why) <= 400 for _, why in moments) for moments in known.values())
    assert list(unwatched(known, None, at(998), at(999)))[-1].startswith("egress: not watched")


def test_watching_revises_what_an_alert_says() -> None:
    """A sight that is lost after the alert was given out is told with the next tick, and the end says the same."""
    machine = engine(live=True)
    feed(machine, attack())
    feed(machine, [blinded(30)])
    tick = Tick(time_ns=at(31), cluster="", node=None, where=where("clock"))
    revised = [output for output in machine.tick(tick)]
    assert [line for alert in revised for line in getattr(alert, "missing", ()) if "watched" in line] == [
        f"egress: not watched continuously: {WHY}"
    ]
    assert f"egress: not watched continuously: {WHY}" in finished(machine).only.missing


def test_a_snapshot_keeps_what_was_not_watched() -> None:
    """What a collector said before the restart holds after it."""
    machine = engine()
    feed(machine, [blinded(-3600), created(0, "a"), started(1, "a")])
    again = engine(state=machine.restore(machine.snapshot()))
    feed(again, [ran(10, "a", "curl", "x"), connected(11, "a")])
    assert f"egress: not watched: {WHY}" in finished(again).only.missing


def test_what_producers_lost_is_counted_beside_the_account() -> None:
    """Records that never came are no part of the sum, and the summary tells them."""
    machine = engine()
    feed(machine, attack())
    machine.ledger.drop("sensor", 3)
    machine.ledger.drop("sensor", 4)
    summary = finished(machine).summary
    assert summary.sources["sensor"].dropped == 7
    assert summary.records == sum(summary.outcomes.values()) == 4
