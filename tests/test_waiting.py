"""Holds the waiting room: events leave it by any of their names, by age, or because it is full."""

from collections.abc import Callable

import msgspec
import pytest

from made_events import at, ran
from tidewaiter import waiting
from tidewaiter.event import Event, ProcessExec
from tidewaiter.waiting import END_NS, WaitingRoom


def before(time_ns: int) -> Callable[[Event], int]:
    """One time for all events."""
    return lambda event: time_ns


def exec_at(seconds: float) -> ProcessExec:
    """An exec of nobody."""
    return ran(seconds, None, "sh")


def test_event_leaves_under_any_of_its_names_once() -> None:
    """A name that resolves it takes it out under all names."""
    room = WaitingRoom()
    event = exec_at(1)
    assert room.add(event, ("pid:1", "pid:2")) == []
    assert len(room) == 1
    assert list(room) == [event]
    assert room.claim("pid:3") == []
    assert room.claim("pid:2") == [event]
    assert room.claim("pid:1") == []
    assert len(room) == 0


def test_events_of_one_name_leave_in_the_order_they_came() -> None:
    """First come, first filed."""
    room = WaitingRoom()
    events = [exec_at(seconds) for seconds in (3, 1, 2)]
    for event in events:
        room.add(event, ("id:a",))
    assert room.claim("id:a") == events


def test_the_same_event_twice_waits_twice() -> None:
    """Each record has its own fate to be counted."""
    room = WaitingRoom()
    event = exec_at(1)
    room.add(event, ("id:a",))
    room.add(event, ("id:a",))
    assert len(room.claim("id:a")) == 2


def test_event_without_names_leaves_by_age_only() -> None:
    """Nothing can claim it."""
    room = WaitingRoom()
    room.add(exec_at(1), ())
    assert len(list(room.overdue(before(at(2))))) == 1


def test_overdue_are_those_from_before_the_time() -> None:
    """What is exactly as old as the bound stays."""
    room = WaitingRoom()
    early, edge, late = (exec_at(seconds) for seconds in (1, 2, 3))
    for event in (late, early, edge):
        room.add(event, ("id:a",))
    assert list(room.overdue(before(at(2)))) == [early]
    assert room.claim("id:a") == [late, edge]


def test_overdue_leave_in_order_of_time_and_may_claim_each_other() -> None:
    """A parent that came after its child has its turn first, and may take the child with it."""
    room = WaitingRoom()
    child, parent = exec_at(2), exec_at(1)
    room.add(child, ("pid:1",))
    room.add(parent, ("pid:0",))
    overdue = room.overdue(before(at(9)))
    assert next(overdue) is parent
    assert room.claim("pid:1") == [child]
    room.add(child, ("pid:2",))
    assert list(overdue) == [child]


def test_event_without_a_time_waits_to_the_end() -> None:
    """Nobody can say how long it has waited."""
    room = WaitingRoom()
    room.add(msgspec.structs.replace(exec_at(1), time_ns=None), ("id:a",))
    assert list(room.overdue(before(2**62))) == []
    assert len(list(room.overdue(before(END_NS)))) == 1


def test_what_is_older_than_asked_for_goes_on_waiting_in_its_place() -> None:
    """It is neither given out nor counted as having come anew."""
    room = WaitingRoom()
    events = [exec_at(seconds) for seconds in (1, 5, 3)]
    for event in events:
        room.add(event, ("pid:7",))
    assert room.claim("pid:7", at(3)) == events[1:]
    assert [event for event, _ in room.entries()] == events[:1]


def test_first_under_a_name_goes_on_waiting() -> None:
    """Asking who waits claims nobody."""
    room = WaitingRoom()
    events = [exec_at(seconds) for seconds in (3, 1)]
    for event in events:
        room.add(event, ("id:a",))
    assert room.first("id:a") is events[0]
    assert room.first("id:b") is None
    assert room.claim("id:a") == events


def test_full_room_gives_up_who_waited_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cap holds, and the one that leaves is handed back so that it can be counted."""
    monkeypatch.setattr(waiting, "CAP", 3)
    room = WaitingRoom()
    events = [exec_at(seconds) for seconds in range(5)]
    left = [room.add(event, (f"id:{number}", "id:all")) for number, event in enumerate(events)]
    assert left == [[], [], [], [events[0]], [events[1]]]
    assert len(room) == 3
    assert room.claim("id:0") == []
    assert room.claim("id:all") == events[2:]


def test_name_given_twice_counts_once() -> None:
    """A process that is told to be its own parent waits under one name."""
    room = WaitingRoom()
    event = exec_at(1)
    room.add(event, ("pid:7", "pid:7"))
    assert room.claim("pid:7") == [event]


def test_text_that_waits_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Command lines are as long as an attacker likes; what leaves makes room again, and one may always wait."""
    monkeypatch.setattr(waiting, "TEXT_CAP", 100)
    room = WaitingRoom()
    events = [ran(number, None, "x", "y" * 39, pid=number) for number in range(4)]
    assert [room.add(event, (f"id:{number}",)) for number, event in enumerate(events)] == [
        [],
        [],
        [events[0]],
        [events[1]],
    ]
    assert room.claim("id:2") == [events[2]]
    assert room.add(events[0], ("id:0",)) == []
    huge = ran(9, None, "z" * 1000, pid=9)
    assert room.add(huge, ("id:9",)) == [events[3], events[0]]
    assert (len(room), room.claim("id:9")) == (1, [huge])
