"""Holds what an id may mean: whole or the beginning of one, an alert or an incident, in its last revision."""

from collections.abc import Iterable

import msgspec
import pytest

from made_explanations import rich_alert
from tidewaiter.alert import Alert
from tidewaiter.review import sought
from tidewaiter.review.sought import Named, Sought, Target, UnknownId


def alert(name: str, **fields: object) -> Alert:
    """An alert with this id."""
    made: Alert = msgspec.structs.replace(rich_alert(), id=name, revision=0, **fields)
    return made


def meant(typed: str, alerts: Iterable[Alert]) -> Target:
    """What an id means among alerts."""
    found = Sought(typed)
    for one in alerts:
        if found.is_candidate(Named("alert", 1, one.id, one.revision, one.incident)):
            found.add(one)
    return found.target()


ALERTS = [
    alert("aaaa1111", incident="cccc0001", severity="low", verdict="suspicious"),
    alert("aaaa2222", incident="cccc0001", severity="high", time="2026-09-21T15:00:00.000000000Z"),
    alert("aaaa3333", incident="cccc0001", severity="high", time="2026-09-21T14:00:00.000000000Z"),
    alert("bbbb1111", incident="dddd0001"),
]


@pytest.mark.parametrize("typed", ["bbbb1111", "bbbb", "bbbb111"])
def test_beginning_that_fits_one_alert_means_it(typed: str) -> None:
    assert meant(typed, ALERTS) == Target(ALERTS[3], None)


@pytest.mark.parametrize("typed", ["cccc0001", "cccc"])
def test_incident_means_its_gravest_alert_the_first_of_those(typed: str) -> None:
    assert meant(typed, ALERTS) == Target(ALERTS[2], "cccc0001")


def test_incident_does_not_mean_what_was_withdrawn() -> None:
    gone = alert("aaaa0000", incident="cccc0001", severity="critical", verdict="withdrawn")
    assert meant("cccc0001", [gone, *ALERTS]).alert == ALERTS[2]


def test_last_revision_counts_wherever_it_stands() -> None:
    last = msgspec.structs.replace(ALERTS[3], revision=2, title="last")
    for order in ([ALERTS[3], last], [last, ALERTS[3]]):
        assert meant("bbbb1111", order).alert == last


def test_whole_id_wins_over_a_longer_one() -> None:
    assert meant("bbbb1111", [*ALERTS, alert("bbbb11112", incident="x")]).alert == ALERTS[3]


def test_beginning_that_fits_several_is_refused_with_some_of_them() -> None:
    with pytest.raises(UnknownId, match=r'"aaaa" begins 3 ids; give more letters: aaaa1111, aaaa2222, aaaa3333'):
        meant("aaaa", ALERTS)


def test_unknown_id_is_offered_the_nearest() -> None:
    with pytest.raises(UnknownId, match=r'"bbbb1112": no alert and no incident .*nearest are bbbb1111'):
        meant("bbbb1112", ALERTS)


def test_few_letters_mean_nothing() -> None:
    with pytest.raises(UnknownId, match="at least 4 letters"):
        meant("bbb", ALERTS)


def test_hostile_ids_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither all ids of a vast file nor all alerts of a vast incident are kept."""
    monkeypatch.setattr(sought, "MAX_IDS", 10)
    monkeypatch.setattr(sought, "MAX_CANDIDATES", 5)
    found = Sought("cccc0001")
    kept = [found.is_candidate(Named("alert", 1, f"{number:08}", 0, "cccc0001")) for number in range(3)]
    for number in range(50):
        if found.is_candidate(Named("alert", 1, f"{number:08}", 0, "cccc0001")):
            found.add(alert(f"{number:08}", incident="cccc0001"))
            kept.append(True)
    assert sum(kept) == 8
    assert found.target().incident == "cccc0001"
