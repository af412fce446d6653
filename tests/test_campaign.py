"""Holds how alerts become incidents: one key, no gap of a day."""

import random

from tidewaiter.campaign import GAP_NS, Incidents


def named(alerts: list[tuple[int, str]]) -> list[str]:
    """The incident of each alert, in the order given, as the engine names them: in order of time."""
    incidents = Incidents()
    found = {place: incidents.of(*alerts[place]) for place in sorted(range(len(alerts)), key=lambda at: alerts[at])}
    return [found[place] for place in range(len(alerts))]


def test_alerts_of_one_key_are_one_incident() -> None:
    """Alerts close in time belong together, whatever stands between."""
    found = named([(1000, "a"), (1001, "b"), (1002, "a")])
    assert found[0] == found[2] != found[1]


def test_gap_of_exactly_a_day_does_not_split() -> None:
    """The next alert within a day belongs to the incident."""
    assert len(set(named([(5, "a"), (5 + GAP_NS, "a"), (5 + 2 * GAP_NS, "a")]))) == 1


def test_longer_gap_splits() -> None:
    """A day without an alert ends the incident."""
    found = named([(5, "a"), (6 + GAP_NS, "a"), (7 + GAP_NS, "a")])
    assert found[0] != found[1] == found[2]


def test_other_keys_fill_no_gap() -> None:
    """Another campaign does not keep this one alive."""
    found = named([(5, "a"), (5 + GAP_NS // 2, "b"), (6 + GAP_NS, "a")])
    assert found[0] != found[2]


def test_incidents_do_not_depend_on_the_order_of_arrival() -> None:
    """The order in which chains became known has no say: the id hangs on the key and the first alert of the stretch."""
    alerts = [(number * GAP_NS // 3 + number % 7, "ab"[number % 2]) for number in range(20)]
    expected = dict(zip(alerts, named(alerts), strict=True))
    shuffled = list(alerts)
    random.Random(3).shuffle(shuffled)  # noqa: S311  # no cryptography
    assert dict(zip(shuffled, named(shuffled), strict=True)) == expected


def test_two_alerts_at_one_moment_are_one_incident() -> None:
    """Equal times make no gap."""
    assert len(set(named([(5, "a"), (5, "a")]))) == 1
