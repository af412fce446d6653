"""Laws of the engine on small worlds: neither order, nor repetition, nor strangers, nor a restart change a record."""

from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import (
    again,
    by_time,
    container_records,
    fed,
    final,
    image_records,
    numbered,
    outcome_of,
    worlds,
)

from made_events import (
    AN0691,
    CORPORATE,
    asked,
    at,
    connected,
    created,
    described,
    feed,
    finished,
    hunted,
    placed,
    pulled,
    ran,
    rested,
    started,
)
from tidewaiter.alert import Alert
from tidewaiter.engine import Engine
from tidewaiter.event import Event
from tidewaiter.policy import TrustPolicy

pytestmark = pytest.mark.property
# Always the same worlds: larger searches are run by hand, with what they find reported, not in every build.
SETTINGS = settings(deadline=None, max_examples=120, derandomize=True)


@SETTINGS
@given(worlds, st.randoms(use_true_random=False))
def test_order_of_arrival_changes_no_final_record(events: list[Event], chance: Any) -> None:
    """Within the lateness, whatever comes first."""
    expected = final(by_time(events))
    for _ in range(3):
        shuffled = list(events)
        chance.shuffle(shuffled)
        assert final(shuffled) == expected


@SETTINGS
@given(worlds, st.randoms(use_true_random=False))
def test_delivering_everything_twice_changes_no_final_record(events: list[Event], chance: Any) -> None:
    """At once, or each record a second time at any later moment."""
    expected = final(events)
    assert final([copy for event in events for copy in again([event, event])]) == expected
    twice = [*events, *again(events)]
    chance.shuffle(twice)
    assert final(twice) == expected


def stranger(seconds: float) -> list[Event]:
    """A container on node n1 that has nothing to do with the others."""
    reference = "other.example/z:1"
    return [
        pulled(seconds - 5, reference, line=9001),
        created(seconds, "z", reference, line=9002),
        started(seconds + 1, "z", pid=900, line=9003),
        ran(seconds + 8, "z", "wget", "z", pid=901, parent_pid=900, line=9004),
        ran(seconds + 8.5, None, "curl", "z", pid=902, parent_pid=901, source="auditd", line=9005),
        connected(seconds + 9, "z", "198.51.100.9", line=9006),
    ]


@SETTINGS
@given(worlds, st.randoms(use_true_random=False))
def test_strange_container_changes_nothing_for_the_others(events: list[Event], chance: Any) -> None:
    """Its records stand anywhere between theirs."""
    # Both nodes are named in both runs: a second named node does change what a record without a node can mean.
    world = [*events, created(0, "y", "other.example/y:1", node="n2", line=9100), *stranger(0)[:1]]
    mixed = [*world, *stranger(0)[1:]]
    chance.shuffle(mixed)
    alone, together = hunted(world, CORPORATE), hunted(mixed, CORPORATE)
    others = [alert for alert in together.alerts if alert.image.reference != "other.example/z:1"]
    assert others == alone.alerts
    assert len(together.alerts) == len(others) + 1
    strangers = {shown.container_id for shown in together.containers} - {s.container_id for s in alone.containers}
    assert len(strangers) == 1


@SETTINGS
@given(worlds, st.tuples(st.integers(0, 40), st.integers(0, 40)))
def test_wider_window_never_loses_an_alert(events: list[Event], windows: tuple[int, int]) -> None:
    """Whatever is an alert inside a narrow window is one inside a wider window too, and nothing disappears."""
    narrow, wide = (
        hunted(events, TrustPolicy(time_window_ns=seconds * 10**9, trust=CORPORATE.trust))
        for seconds in sorted(windows)
    )
    assert {a.id for a in narrow.alerts if a.verdict == "alert"} <= {a.id for a in wide.alerts if a.verdict == "alert"}
    strong = {a.id for a in narrow.alerts if any(shown.strength == "strong" for shown in a.behaviours)}
    assert strong <= {a.id for a in wide.alerts}


@SETTINGS
@given(worlds)
def test_what_goes_in_is_the_sum_of_what_comes_out_at_any_moment(events: list[Event]) -> None:
    """After each record, and at the end, when nothing waits any more."""
    engine = Engine(CORPORATE, AN0691)
    for count, event in enumerate([*events, ran(5000, "a", "id"), *again(events)], 1):
        engine.feed_record(event.where.source, [event])
        assert engine.ledger.records == count == sum(engine.ledger.outcomes().values())
        assert min(engine.ledger.outcomes().values()) >= 0
        assert engine.ledger.outcomes()["waiting"] == len(engine.activity.waiting)
    summary = finished(engine).summary
    assert summary.records == sum(summary.outcomes.values()) == 2 * len(events) + 1
    assert summary.outcomes["waiting"] == 0


DAYS = 3 * 86_400
far_ahead = st.lists(
    st.sampled_from(
        [
            placed(DAYS, "later", "n9", "10.0.0.99", uid="uid-later"),
            asked(DAYS, "later", {"main": "other.example/z:1"}, uid="uid-later", user="eve"),
            pulled(DAYS, "other.example/z:1", node="n9"),
            described(DAYS, "w", "other", node="n9", started_ns=at(DAYS)),
            created(DAYS, "w", "other.example/z:1", node="n9"),
            ran(DAYS, "w", "id", node="n9"),
            ran(DAYS, None, "id", node="n9", pid=4711, parent_pid=4710),
        ]
    ),
    max_size=4,
)
"""Lists that tell of days to come, and a node whose streams are days ahead."""


@SETTINGS
@given(worlds, far_ahead, st.booleans(), st.randoms(use_true_random=False))
def test_what_is_far_ahead_gives_nobody_up(events: list[Event], ahead: list[Event], twice: bool, chance: Any) -> None:
    """Wherever it stands, once or twice, and however often what waits is looked through."""
    world = numbered([*events, *ahead])
    expected = final(by_time(world))
    mixed = [*world, *again(world)] if twice else world
    chance.shuffle(mixed)
    engine = Engine(CORPORATE, AN0691)
    for event in mixed:
        feed(engine, [event])
        engine.correlator.sweep()
    assert outcome_of(engine) == expected


records_of_one_kind = st.lists(container_records, max_size=1) | st.lists(
    container_records.filter(lambda event: getattr(event, "container_id", None) is None), max_size=4
)
"""Records of one event, and of several of which none names its container wholly."""


@SETTINGS
@given(st.lists(records_of_one_kind, max_size=12), st.integers(1, 4))
def test_record_of_several_events_and_lines_is_counted_by_its_lines(records: list[list[Event]], lines: int) -> None:
    """However many events it holds and whatever became of each."""
    engine = Engine(CORPORATE, AN0691)
    for record in records:
        engine.feed_record("auditd", record, lines)
    summary = finished(engine).summary
    assert summary.records == sum(summary.outcomes.values()) == lines * len(records)
    assert summary.outcomes["waiting"] == 0


@SETTINGS
@given(worlds, st.integers(1, 2))
def test_state_stays_under_its_cap(events: list[Event], cap: int) -> None:
    """After each record there are no more containers than the cap, and those that went are counted."""
    engine = Engine(CORPORATE, AN0691, chains_cap=cap)
    opened: set[str | None] = set()
    for event in events:
        feed(engine, [event])
        kept = {chain.container_id for chain in engine.directory.chains()}
        opened |= kept
        assert engine.directory.count == len(kept) <= cap
    assert engine.directory.evicted >= len(opened) - cap
    finished(engine)


@SETTINGS
@given(worlds, st.integers(0, 24))
def test_snapshot_in_the_middle_and_at_the_end_changes_no_final_record(events: list[Event], cut: int) -> None:
    """A restart is not seen in what comes out; here, where nothing waits at that moment."""
    expected = final(events)
    engine = Engine(CORPORATE, AN0691)
    for place, event in enumerate(events):
        if place == cut and not engine.activity.waiting:
            engine = Engine(CORPORATE, AN0691, state=Engine.restore(engine.snapshot()))
        feed(engine, [event])
    moved = Engine(CORPORATE, AN0691, state=Engine.restore(engine.snapshot()))
    assert outcome_of(moved) == expected
    assert outcome_of(fed(events)) == expected


@SETTINGS
@given(worlds)
def test_no_two_alerts_share_an_id(events: list[Event]) -> None:
    """One chain, one alert."""
    ids = Counter(alert.id for alert in hunted(events, CORPORATE).alerts)
    assert set(ids.values()) <= {1}


live_worlds = st.builds(
    lambda images, containers: numbered([*images, *by_time(containers)]),
    st.lists(image_records, max_size=8),
    st.lists(container_records.filter(lambda event: getattr(event, "pod", None) is None), min_size=4, max_size=20),
)
"""Worlds without pods, in which what is known of images is known first."""


def blank(alert: Alert) -> Alert:
    """The record without its number, and without the incident (which only the end can know)."""
    return msgspec.structs.replace(alert, revision=0, final=True, incident="")


@SETTINGS
@given(live_worlds)
def test_last_revision_while_watching_is_the_final_record(events: list[Event]) -> None:
    """Revisions of an id count up from 0 without a gap; when nothing rests, the last of them says what the end says."""
    engine = Engine(CORPORATE, AN0691, live=True)
    given_out = [*feed(engine, events), *rested(engine)]
    finals = {alert.id: alert for alert in finished(engine).alerts}
    revisions: dict[str, list[Alert]] = {}
    for alert in given_out:
        revisions.setdefault(alert.id, []).append(alert)
    for known in revisions.values():
        assert [alert.revision for alert in known] == list(range(len(known)))
        assert not any(alert.final for alert in known)
    last = {key: known[-1] for key, known in revisions.items()}
    assert {key: blank(alert) for key, alert in last.items() if alert.verdict != "withdrawn"} == {
        key: blank(alert) for key, alert in finals.items()
    }


@SETTINGS
@given(live_worlds)
def test_watching_and_reading_afterwards_give_the_same_final_records(events: list[Event]) -> None:
    """Ids included: live watching and replay run the same object."""
    engine = Engine(CORPORATE, AN0691, live=True)
    feed(engine, events)
    assert [blank(alert) for alert in finished(engine).alerts] == [
        blank(alert) for alert in hunted(events, CORPORATE).alerts
    ]


texts = st.text(max_size=40) | st.sampled_from(["", "\x00", "sh -c 'x", "a" * 10_000, "sha256:" + "0" * 64, "::", "%"])
"""Text that an attacker may have chosen."""


@SETTINGS
@given(
    st.lists(texts, min_size=8, max_size=8),
    st.lists(texts, max_size=6),
    st.integers(-1, 2**40),
    st.integers(1, 2**62),
)
def test_no_text_stops_the_engine(words: list[str], argv: list[str], number: int, time_ns: int) -> None:
    """Names, arguments, addresses and numbers of any kind are filed, judged, stored and given out."""
    image, name, node, cluster, exe, ip, repository, host = words
    told: dict[str, Any] = {"node": node, "cluster": cluster}
    events: list[Event] = [
        pulled(-5, image, **told),
        pulled(-4, repository, seen_by="registry", **told),
        created(0, "a", image, name=name, **told),
        started(1, "a", pid=number, **told),
        ran(9, "a", *argv, exe=exe, pid=number, parent_pid=number, **told),
        ran(9, None, *argv, exe=exe, pid=number + 1, parent_pid=number, source="auditd", **told),
        connected(9, "a", ip, number, dst_name=host, **told),
        connected(9, None, ip, number, src_ip=host, **told),
        msgspec.structs.replace(ran(9, "a", *argv, exe=exe, parent_exe=exe, **told), time_ns=time_ns),
    ]
    run = hunted([*events, *reversed(events)], live=True)
    assert run.summary.records == sum(run.summary.outcomes.values()) == 2 * len(events)
    moved = Engine(CORPORATE, AN0691, state=Engine.restore(run.engine.snapshot()))
    assert len(finished(moved).containers) == len(run.containers)
