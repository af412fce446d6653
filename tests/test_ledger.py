"""Holds the count of records: what goes in is the sum of what comes out, whatever is moved between."""

import itertools

from tidewaiter.ledger import OUTCOMES, Ledger, weightiest


def test_every_outcome_is_present_from_the_start() -> None:
    """The summary shows zeros, never gaps."""
    assert Ledger().outcomes() == dict.fromkeys(OUTCOMES, 0)


def test_records_are_the_sum_of_outcomes() -> None:
    """Each note counts once, in its source and in its outcome."""
    ledger = Ledger()
    for count, (source, outcome) in enumerate(itertools.product(("falco", "cri"), OUTCOMES), 1):
        ledger.note(source, outcome, count)
    assert ledger.records == sum(range(1, 15)) == sum(ledger.outcomes().values())
    assert sum(count.records for count in ledger.sources().values()) == ledger.records


def test_moving_changes_no_sum() -> None:
    """A record that waited becomes what it turned out to be."""
    ledger = Ledger()
    ledger.note("falco", "waiting", 3)
    ledger.move("falco", "waiting", "used", 2)
    assert ledger.records == 3
    assert (ledger.outcomes()["waiting"], ledger.outcomes()["used"]) == (1, 2)


def test_no_more_is_moved_than_there_is() -> None:
    """No count goes below zero, nor is one made up."""
    ledger = Ledger()
    ledger.note("falco", "waiting")
    ledger.move("falco", "waiting", "used", 5)
    ledger.move("cri", "waiting", "used")
    assert ledger.records == 1
    assert (ledger.outcomes()["waiting"], ledger.outcomes()["used"]) == (0, 1)


def test_moving_to_the_same_outcome_changes_nothing() -> None:
    """Waiting on is waiting."""
    ledger = Ledger()
    ledger.note("falco", "waiting")
    ledger.move("falco", "waiting", "waiting")
    assert ledger.outcomes()["waiting"] == 1


def test_sources_show_what_could_not_be_attributed() -> None:
    """By source, in order of name."""
    ledger = Ledger()
    ledger.note("tetragon", "used", 2)
    ledger.note("falco", "unattributed", 3)
    assert list(ledger.sources()) == ["falco", "tetragon"]
    assert (ledger.sources()["falco"].records, ledger.sources()["falco"].unattributed) == (3, 3)
    assert ledger.sources()["tetragon"].unattributed == 0


def test_record_of_several_events_is_what_its_best_event_is() -> None:
    """Used, if any was used; a record without events is irrelevant."""
    assert weightiest([]) == "irrelevant"
    assert weightiest(["rejected", "irrelevant", "unattributed", "used"]) == "used"
    assert weightiest(["unattributed", "waiting"]) == "waiting"
    assert weightiest(["irrelevant", "unattributed"]) == "unattributed"
    for outcome in OUTCOMES:
        assert weightiest([outcome]) == outcome
