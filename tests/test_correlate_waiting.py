"""Holds by whose time waiting ends: by that of the event's own stream, until somebody ticks."""

import msgspec
import pytest

from engine_cases import EVIL, engine
from made_events import (
    AN0691,
    asked,
    at,
    created,
    described,
    feed,
    finished,
    image_facts,
    named,
    placed,
    pulled,
    ran,
    started,
    where,
)
from tidewaiter import correlate, waiting
from tidewaiter.engine import Engine
from tidewaiter.event import Event, Tick
from tidewaiter.policy import DEFAULT_POLICY

DAYS = 3 * 86_400
CURL = ran(10, "a", "curl", "x", prefix=12)
"""By a container that nobody has named yet."""
NAMED = [created(0, "a", EVIL), started(1, "a")]
LISTED: dict[str, Event] = {
    "pod": placed(DAYS, "later", "n1", "10.0.0.9"),
    "request": asked(DAYS, "later", {"main": EVIL}, node="n1"),
    "container": described(DAYS, "later", "evil", started_ns=at(DAYS)),
    "container, told by the same stream": described(DAYS, "later", "evil", source="falco"),
    "name": named(DAYS, "tag", EVIL),
    "content": image_facts(DAYS, config_digest="sha256:" + "1" * 64),
    "pull": pulled(DAYS, EVIL),
}


def waiting_after(*events: Event) -> int:
    """How many records wait after these, when what waits has been looked through."""
    machine = engine()
    feed(machine, events)
    machine.correlator.sweep()
    return machine.ledger.outcomes()["waiting"]


@pytest.mark.parametrize("listed", LISTED)
def test_a_list_read_early_ends_no_waiting(listed: str) -> None:
    """It tells of days that nobody has come to; the container is named a few records later, and has done it."""
    machine = engine()
    feed(machine, [LISTED[listed], CURL])
    machine.correlator.sweep()
    feed(machine, NAMED)
    machine.correlator.sweep()
    run = finished(machine)
    assert run.alert_of("a")
    assert run.summary.outcomes["unattributed"] == 0


@pytest.mark.parametrize("listed", LISTED)
def test_a_list_read_early_makes_nothing_late(listed: str) -> None:
    """What a stream tells of its containers and images says nothing of how far it has come."""
    machine = engine()
    feed(machine, [LISTED[listed], *NAMED, ran(10, "a", "curl", "x")])
    assert machine.ledger.outcomes()["expired"] == 0
    assert finished(machine).alert_of("a")


@pytest.mark.parametrize(
    "ahead",
    [
        ran(DAYS, "b", "id", node="n2"),
        ran(DAYS, "b", "id", source="tetragon"),
        ran(DAYS, "b", "id", cluster="other"),
        ran(DAYS, "b", "id", node=None),
    ],
    ids=["node", "source", "cluster", "no node"],
)
def test_a_stream_that_is_far_ahead_ends_no_waiting_of_another(ahead: Event) -> None:
    """As it makes no other late."""
    assert waiting_after(CURL, ahead) == 1


def test_waiting_ends_when_its_own_stream_is_twice_the_lateness_further() -> None:
    """Then all has been read that could name the container."""
    assert waiting_after(CURL, ran(130, "b", "id")) == 1
    assert waiting_after(CURL, ran(130.001, "b", "id")) == 0


def test_a_stream_that_falls_silent_keeps_nobody_else_waiting() -> None:
    """Its own last records wait to the end, for nobody knows how far it is; they are counted there."""
    machine = engine()
    silent = ran(10, "b", "curl", prefix=12, node="n2")
    feed(machine, [silent, CURL, ran(DAYS, "c", "id")])
    machine.correlator.sweep()
    assert list(machine.activity.waiting) == [silent]
    assert finished(machine).summary.outcomes["unattributed"] == 2


def test_streams_that_fall_silent_keep_no_more_than_the_room_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has waited longest goes, and is counted."""
    monkeypatch.setattr(waiting, "CAP", 3)
    machine = engine()
    feed(machine, [ran(10, "a", "curl", prefix=12, node=f"n{number}") for number in range(10)])
    assert [event.node for event in machine.activity.waiting] == ["n7", "n8", "n9"]
    assert machine.ledger.outcomes()["unattributed"] == 7


def test_what_waits_is_looked_through_after_as_many_events_as_waited_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look takes as long as many wait: were it always the next but one, each event would pay for many."""
    monkeypatch.setattr(correlate, "_SWEEP_EVERY", 2)
    machine = engine()
    left: list[int] = []
    for line in range(1, 9):
        feed(machine, [ran(10, "a", "curl", prefix=12, line=line)])
        left.append(machine.correlator.progress().until_sweep)
    assert left == [2, 1, 2, 1, 4, 3, 2, 1]


def test_what_is_older_than_whoever_has_its_process_id_is_not_filed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty thousand may wait under one id that is used again and again."""
    machine = engine()
    silent = [ran(10, None, "curl", pid=7, parent_pid=100, line=line) for line in range(5)]
    feed(machine, silent)
    filed: list[Event] = []
    monkeypatch.setattr(machine.activity, "refile", filed.append)
    feed(machine, [started(10 + 31 * again, f"c{again}", pid=100, line=again) for again in (1, 2, 3)])
    assert filed == []
    assert list(machine.activity.waiting) == silent


def test_what_was_found_by_its_process_id_is_looked_through_as_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """While learning it waits too, until it is certain whose the id was."""
    monkeypatch.setattr(correlate, "_SWEEP_EVERY", 2)
    machine = engine(learning=True)
    feed(machine, [created(0, "a"), started(1, "a", pid=100)])
    feed(machine, [ran(10, None, "ls", pid=101, parent_pid=100, line=line) for line in range(9)])
    machine.correlator.sweep()
    assert machine.correlator.progress().until_sweep == 9


def test_what_comes_when_its_time_is_up_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins to wait, and is given up before anything else is filed."""
    monkeypatch.setattr(correlate, "_SWEEP_EVERY", 1)
    late = described(10, "a", prefix=12, source="falco")
    machine = engine()
    feed(machine, [ran(500, "b", "id"), late, ran(501, "b", "id")])
    assert machine.ledger.counts["falco"] == {"irrelevant": 2, "waiting": 0, "unattributed": 1}


def test_ticks_end_all_waiting_whatever_the_streams_say() -> None:
    """Whoever ticks knows how far all streams are read, the silent ones too."""
    machine = Engine(DEFAULT_POLICY, AN0691, live=True)
    feed(machine, [CURL, ran(10, "b", "curl", prefix=12, node="n2")])
    for seconds, left in ((130, 2), (130.001, 0)):
        machine.tick(Tick(time_ns=at(seconds), cluster="", node=None, where=where("clock")))
        assert len(machine.activity.waiting) == left


@pytest.mark.parametrize(("seconds", "left"), [(None, 1), (0, 2), (DAYS, 0)])
def test_a_restart_changes_nothing_in_who_waits(seconds: float | None, left: int) -> None:
    """How far each stream is, and what the ticks said, stand in the snapshot."""
    events = [CURL, ran(10, "b", "curl", prefix=12, node="n2"), ran(200, "c", "id")]
    machine = engine()
    feed(machine, events)
    if seconds is not None:
        machine.feed(Tick(time_ns=at(seconds), cluster="", node=None, where=where("clock")))
    moved = engine(state=Engine.restore(machine.snapshot()))
    for each in (machine, moved):
        each.correlator.sweep()
    assert list(moved.activity.waiting) == list(machine.activity.waiting)
    assert len(moved.activity.waiting) == left
    assert msgspec.json.encode(moved.ledger.counts) == msgspec.json.encode(machine.ledger.counts)
