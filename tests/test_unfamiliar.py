"""Holds what is kept for a baseline to be asked about: the first of each habit, the unusual ones first of all."""

from collections.abc import Sequence

import pytest

from baselines import Known, key, learned
from made_events import AN0691, CORPORATE, OURS, connected, created, feed, pod_of, ran, started
from tidewaiter import unfamiliar
from tidewaiter.chain import Action, Chain
from tidewaiter.engine import Engine
from tidewaiter.event import Event
from tidewaiter.habit import Habit, habit_of
from tidewaiter.policy import TrustPolicy

USUAL = [ran(2 + at / 10, "a", f"/opt/usual/{chr(97 + at)}x") for at in range(20)]
NEW = [connected(5 + at / 10, "a", f"10.9.{at}.1", 6379) for at in range(50)]
BEGUN: list[Event] = [created(0, "a", OURS, pod=pod_of("web-1", "c")), started(1, "a")]


def chain_of(events: Sequence[Event], baseline: Known | None) -> Chain:
    """The one container, after these."""
    engine = Engine(CORPORATE, AN0691, baseline=baseline)
    feed(engine, [*BEGUN, *events])
    (chain,) = engine.directory.chains()
    return chain


def test_without_a_baseline_nothing_is_kept() -> None:
    """Nor is a plain exec a record of interest then."""
    engine = Engine(CORPORATE, AN0691)
    feed(engine, [*BEGUN, *USUAL, *NEW])
    assert engine.ledger.outcomes()["irrelevant"] == len(USUAL) + len(NEW)
    assert chain_of([*USUAL, *NEW], None).unfamiliar == ()


def test_many_usual_habits_drive_out_no_new_one() -> None:
    """Of what is usual in the namespace eight are kept, of what is not thirty-two, the earliest of each."""
    baseline = Known(learned("X", *USUAL, of=key("api")))
    for events in ([*USUAL, *NEW], [*reversed(NEW), *reversed(USUAL)]):
        kept = chain_of(events, baseline).unfamiliar
        assert [action.exe for _, is_usual, action in kept if is_usual] == [event.exe for event in USUAL[:8]]
        assert [action.dst_ip for _, is_usual, action in kept if not is_usual] == [event.dst_ip for event in NEW[:32]]


def test_habit_is_kept_once_for_each_program_that_started_it() -> None:
    """The earliest; nobody is asked what is usual while there is room."""
    baseline = Known(learned("X", *USUAL, of=key("api")))
    many = [ran(9 + at, "a", "/opt/x", parent_exe=f"/bin/{'ab'[at % 2]}") for at in range(10)]
    kept = chain_of(many[::-1], baseline).unfamiliar
    assert [(action.exe, action.parent_exe) for _, _, action in kept] == [("/opt/x", "/bin/a"), ("/opt/x", "/bin/b")]
    assert [action.time_ns for _, _, action in kept] == [many[0].time_ns, many[1].time_ns]
    assert baseline.asked == 0


def test_a_namespace_is_asked_about_each_habit_once() -> None:
    """However often it is seen, and however many containers have it."""
    baseline = Known(learned("X", *USUAL, of=key("api")))
    again = [ran(30 + at, "a", event.exe or "") for event in USUAL for at in range(3)]
    chain_of([*USUAL, *again], baseline)
    assert baseline.asked == len(USUAL)


def test_what_can_be_no_behaviour_is_not_kept() -> None:
    """Loopback, answers to clients, and what is known by a process id alone."""
    none: list[Event] = [
        connected(5, "a", "127.0.0.1", 80),
        connected(5, "a", "10.0.0.1", 80, is_initiator_proven=False),
        connected(5, "a", "169.254.20.10", 53),
    ]
    assert chain_of(none, Known(learned("X", *USUAL))).unfamiliar == ()


def test_of_a_namespace_nobody_learned_nothing_is_kept() -> None:
    """No workload of it can be known; where the namespace is not known yet, it may be."""
    elsewhere = Known(learned("X", *USUAL, of=key("api", namespace="other")))
    engine = Engine(CORPORATE, AN0691, baseline=elsewhere)
    feed(engine, [*BEGUN, *USUAL])
    assert [chain.unfamiliar for chain in engine.directory.chains()] == [()]
    assert engine.ledger.outcomes()["irrelevant"] == len(USUAL)
    nameless: list[Event] = [created(0, "b", OURS), started(1, "b"), ran(5, "b", "/opt/x")]
    engine = Engine(CORPORATE, AN0691, baseline=elsewhere)
    feed(engine, nameless)
    assert [len(chain.unfamiliar) for chain in engine.directory.chains()] == [1]


def test_long_arguments_are_told_apart_though_they_are_not_remembered() -> None:
    """What is remembered of a command line is bounded."""
    baseline = Known(learned("X", *USUAL, of=key("api")))
    long = "word" * 200
    events = [
        ran(5, "a", "/opt/x", "x", long),
        ran(6, "a", "/opt/x", "x", long),
        ran(7, "a", "/opt/x", "x", f"{long}y"),
    ]
    assert [action.time_ns for _, _, action in chain_of(events, baseline).unfamiliar] == [
        events[0].time_ns,
        events[2].time_ns,
    ]


def test_nothing_long_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever chooses names of thousands of characters must not fill the memory with them."""
    named: list[Action] = []

    def counted(action: Action, policy: TrustPolicy) -> Habit | None:
        named.append(action)
        return habit_of(action, policy)

    monkeypatch.setattr(unfamiliar, "habit_of", counted)
    long = "x" * 600
    told: list[list[Event]] = [
        [ran(seconds, "a", "x", exe="/x") for seconds in (5, 6)],
        [ran(seconds, "a", "x", exe=f"/{long}") for seconds in (5, 6)],
        [ran(seconds, "a", "x", parent_exe=f"/{long}") for seconds in (5, 6)],
        [connected(seconds, "a", "10.0.0.1", dst_name=long) for seconds in (5, 6)],
        [connected(seconds, "a", "10.0.0.1", protocol=long) for seconds in (5, 6)],
    ]
    for number, events in enumerate(told):
        named.clear()
        chain_of(events, Known(learned("X", *USUAL, of=key("api"))))
        assert len(named) == (2 if number else 1)
