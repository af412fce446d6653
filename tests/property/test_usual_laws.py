"""Laws of judging beside a baseline, on small worlds: order, repetition, a restart and watching change no record."""

from functools import lru_cache
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import again, by_time, fed, final, outcome_of, worlds

from made_events import AN0691, CORPORATE, created, described, feed, finished, pod_of, ran, rested, started
from tidewaiter.alert import Alert
from tidewaiter.baseline import Profile, Profiles
from tidewaiter.engine import Engine
from tidewaiter.event import Event
from tidewaiter.learn import profiles_of

pytestmark = pytest.mark.property
SETTINGS = settings(deadline=None, max_examples=60, derandomize=True)
USUAL = {"a": "p", "b": None, "c": "q"}


@lru_cache(maxsize=2)
def learned(is_mature: bool) -> tuple[Profile, ...]:
    """Profiles of the three containers, on other content, that know one thing of each."""
    engine = Engine(CORPORATE, AN0691, learning=True)
    for container, pod in USUAL.items():
        place: dict[str, Any] = {
            "node": "n2" if container == "c" else "n1",
            "pod": pod_of(pod, "main") if pod else None,
        }
        reference = "registry.corp.example/web:1"
        feed(engine, [created(0, container, reference, **place), described(1, container, "before", **place)])
        feed(engine, [started(1, container, **place), ran(5, container, "python3", "-V", **place)])
    profiles = list(profiles_of(engine))
    assert {habit.kind for profile in profiles for habit in profile.entries} == {"exec"}
    if not is_mature:
        return tuple(profiles)
    hours = {"first_hour": profiles[0].last_hour - 900, "hours": 2**24 - 1, "weekdays": 2**7 - 1}
    often = [{habit: msgspec.structs.replace(entry, units=800) for habit, entry in p.entries.items()} for p in profiles]
    return tuple(
        msgspec.structs.replace(profile, units=900, starts=9, **hours, entries=entries)
        for profile, entries in zip(profiles, often, strict=True)
    )


def known(is_mature: bool) -> Profiles:
    """A baseline of these."""
    return Profiles(learned(is_mature))


@SETTINGS
@given(worlds, st.booleans(), st.randoms(use_true_random=False))
def test_order_and_repetition_change_no_final_record(events: list[Event], is_mature: bool, chance: Any) -> None:
    """Within the lateness, whatever comes first, however often."""
    expected = final(by_time(events), baseline=known(is_mature))
    for shuffled in (list(events), [*events, *again(events)]):
        chance.shuffle(shuffled)
        assert final(shuffled, baseline=known(is_mature)) == expected


@SETTINGS
@given(worlds, st.booleans(), st.integers(0, 28))
def test_restart_changes_no_final_record(events: list[Event], is_mature: bool, at: int) -> None:
    """What a snapshot keeps is all that a baseline is asked about."""
    first = fed(events[:at], baseline=known(is_mature))
    second = Engine(CORPORATE, AN0691, baseline=known(is_mature), state=Engine.restore(first.snapshot()))
    feed(second, events[at:])
    assert outcome_of(second) == final(events, baseline=known(is_mature))


@SETTINGS
@given(worlds, st.booleans())
def test_watching_ends_where_hunting_does(events: list[Event], is_mature: bool) -> None:
    """The last revision of each alert, after a tick, is what the end says."""
    engine = Engine(CORPORATE, AN0691, live=True, baseline=known(is_mature))
    given_out = {alert.id: alert for alert in [*feed(engine, events), *rested(engine, 1000)]}
    told = {ident: alert for ident, alert in given_out.items() if alert.verdict != "withdrawn"}
    assert [alert for alert in finished(engine).alerts if _bare(alert) != _bare(told.get(alert.id))] == []


def _bare(alert: Alert | None) -> Alert | None:
    return None if alert is None else msgspec.structs.replace(alert, revision=0, final=True)


@SETTINGS
@given(worlds, st.booleans())
def test_baseline_that_knows_nobody_changes_nothing(events: list[Event], is_mature: bool) -> None:
    """A file without the workload is no baseline."""
    far = [
        msgspec.structs.replace(profile, key=msgspec.structs.replace(profile.key, namespace="elsewhere", name="other"))
        for profile in learned(is_mature)
    ]
    assert len(far) == len(USUAL)
    assert final(events, baseline=Profiles(far)) == final(events)
