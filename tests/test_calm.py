"""Holds that an alert which only counts further comes ever more seldom, and that the story itself never waits."""

from engine_cases import engine
from made_events import at, attack, connected, feed, finished, ran, where
from tidewaiter.alert import Alert
from tidewaiter.calm import AT_EASE
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
    assert AT_EASE < len(given) < AT_EASE + 20
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
