"""Laws of listed indicators on small worlds: order, repetition, watching and restarts change no record."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import again, by_time, fed, final, outcome_of, worlds

from made_events import AN0691, CORPORATE, OURS, OUTSIDE, digest, feed, finished, hunted, rested
from tidewaiter.engine import Engine
from tidewaiter.event import Event
from tidewaiter.indicators import Indicators, Listed

pytestmark = pytest.mark.property
SETTINGS = settings(deadline=None, max_examples=80, derandomize=True)
LISTED = (
    Listed(type="ipv4", value="10.1.1.1", disposition="suspicious"),
    Listed(type="ipv4", value=OUTSIDE),
    Listed(type="image", value=OURS),
    Listed(type="image_digest", value=digest("ours")),
    Listed(type="file_path", value="/usr/bin/curl"),
    Listed(type="file_name", value="sh"),
)
lists = st.lists(st.sampled_from(LISTED), min_size=1, max_size=3).map(Indicators)


@SETTINGS
@given(worlds, lists, st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_changes_a_record(
    events: list[Event], indicators: Indicators, chance: Any
) -> None:
    """Within the lateness, whatever comes first, and however often."""
    expected = final(by_time(events), indicators=indicators)
    shuffled = list(events)
    chance.shuffle(shuffled)
    assert final(shuffled, indicators=indicators) == expected
    twice = [*events, *again(events)]
    chance.shuffle(twice)
    assert final(twice, indicators=indicators) == expected


@SETTINGS
@given(worlds, lists, st.integers(0, 40))
def test_a_restart_changes_no_record(events: list[Event], indicators: Indicators, cut: int) -> None:
    """What matched before is known after."""
    expected = final(events, indicators=indicators)
    before = fed(events[:cut], indicators=indicators)
    after = Engine(CORPORATE, AN0691, indicators=indicators, state=Engine.restore(before.snapshot()))
    feed(after, events[cut:])
    assert outcome_of(after) == expected


@SETTINGS
@given(worlds)
def test_a_list_that_nothing_meets_changes_nothing(events: list[Event]) -> None:
    """Reading more than is needed shows nowhere but in the account of records."""
    nothing = Indicators([Listed(type="domain", value="nobody.example")])
    assert final(events, indicators=nothing) == final(events)


@SETTINGS
@given(worlds, lists)
def test_watching_ends_with_what_the_hunt_finds(events: list[Event], indicators: Indicators) -> None:
    """What was given out, and revised, is in the end what the recorded telemetry gives."""
    watcher = Engine(CORPORATE, AN0691, indicators=indicators, live=True)
    last = {alert.id: alert for alert in feed(watcher, events)}
    last |= {alert.id: alert for alert in rested(watcher, 1000)}
    last |= {alert.id: alert for alert in finished(watcher).alerts}
    recorded = hunted(events, CORPORATE, indicators=indicators).alerts
    expected = {alert.id: (alert.verdict, alert.reasons) for alert in recorded}
    assert {name: (a.verdict, a.reasons) for name, a in last.items() if a.verdict != "withdrawn"} == expected
