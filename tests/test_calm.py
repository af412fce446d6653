"""Holds that an alert which only counts further comes ever more seldom, and that the story itself never waits."""

from engine_cases import engine
from made_events import (
    CORPORATE,
    OURS,
    OUTSIDE,
    UBUNTU,
    at,
    attack,
    connected,
    created,
    described,
    digest,
    feed,
    finished,
    image_facts,
    ran,
    rested,
    started,
    stopped,
    where,
)
from tidewaiter.alert import Alert
from tidewaiter.engine import Engine
from tidewaiter.event import Event, Tick


def ticked(machine: Engine, seconds: float) -> list[Alert]:
    """A second went by."""
    tick = Tick(time_ns=at(seconds), cluster="", node=None, where=where("clock"))
    return [output for output in machine.tick(tick) if isinstance(output, Alert)]


def restless(machine: Engine, seconds: int, events: list[Event] | None = None) -> list[Alert]:
    """A container that runs curl fifty times a second, for so long."""
    given: list[Alert] = []
    for second in range(20, 20 + seconds):
        given += feed(machine, [ran(second + n / 50, "a", "curl", "x", pid=n) for n in range(50)])
        given += ticked(machine, second + 1)
    return given


def test_what_only_counts_further_comes_ever_more_seldom() -> None:
    """Ten minutes of fifty execs a second are not thirty thousand records, and the last says what the end says."""
    machine = engine(live=True)
    given = [*feed(machine, attack()), *restless(machine, 600)]
    assert 2 < len(given) < 20
    assert [alert.revision for alert in given] == list(range(len(given)))
    final = finished(machine).only
    assert final.behaviours_omitted > given[-1].behaviours_omitted
    assert final.revision == given[-1].revision + 1


def test_rest_ends_by_itself() -> None:
    """Nothing more happens, and what was held back is given out."""
    machine = engine(live=True)
    feed(machine, attack())
    restless(machine, 40)
    late = [alert for second in range(60, 130) for alert in ticked(machine, second)]
    final = finished(machine).only
    assert late
    assert late[-1].behaviours_omitted == final.behaviours_omitted


def test_what_changes_the_story_does_not_rest() -> None:
    """A new destination stands in the reasons: it is told at once."""
    machine = engine(live=True)
    feed(machine, attack())
    restless(machine, 30)
    told = feed(machine, [connected(50.5, "a", "198.51.100.9", 4444)])
    assert [any("198.51.100.9:4444" in reason for reason in alert.reasons) for alert in told] == [True]


def test_health_check_is_no_stream_of_revisions() -> None:
    """Ten minutes of the same program every second: what is new at once, its count ever more seldom."""
    machine = engine(live=True)
    check = "wget -q -O- http://127.0.0.1/"
    facts = image_facts(config_digest=digest("C"), healthcheck=("CMD-SHELL", check), proof="runtime")
    given = feed(machine, [facts, created(0, "a", UBUNTU), described(0, "a", "C"), started(1, "a")])
    for second in range(2, 602):
        given += feed(machine, [ran(second, "a", "/bin/sh", "-c", check, pid=second)])
        given += ticked(machine, second + 0.5)
    assert 2 < len(given) < 12
    final = finished(machine).only
    assert (final.verdict, len(final.behaviours), final.behaviours_omitted) == ("suspicious", 6, 594)


def test_second_word_of_a_start_and_an_end_come_together() -> None:
    """Both runtimes tell of both: one revision with the next tick, not four."""
    machine = engine(live=True)
    feed(machine, attack())
    given = feed(machine, [started(1.01, "a", runtime="containerd"), stopped(20, "a"), stopped(20.1, "a")])
    assert given == []
    [told] = ticked(machine, 21)
    assert [stage.stage for stage in told.evidence].count("stop") == 2
    assert ticked(machine, 22) == []


def test_new_behaviour_does_not_rest() -> None:
    """Of what was done before, another one does; of anything else it is told at once."""
    machine = engine(live=True)
    feed(machine, attack())
    assert feed(machine, [ran(20, "a", "curl", "-s", f"http://{OUTSIDE}/x", pid=7)]) == []
    [told] = feed(machine, [ran(21, "a", "curl", "-s", "http://other.example/", pid=8)])
    assert len(told.behaviours) == 4


def test_container_of_which_nothing_is_told_yet_is_waited_for() -> None:
    """The kernel is quicker than the runtime: no suspicion that is taken back, and none that is lost."""
    machine = engine(CORPORATE, live=True)
    assert feed(machine, [ran(9, "a", "curl", "x")]) == []
    assert ticked(machine, 10) == []
    told = [created(0, "a", OURS), started(1, "a")]
    assert [*feed(machine, told), *rested(machine, 11)] == []

    machine = engine(CORPORATE, live=True)
    assert feed(machine, [ran(9, "a", "curl", "x")]) == []
    [alert] = rested(machine, 10)
    assert (alert.verdict, alert.revision) == ("suspicious", 0)
    assert len(feed(machine, [ran(20, "a", "wget", "y")])) == 1
