"""Counts what became of every record, so that what goes in is the sum of what comes out."""

import msgspec

from tidewaiter.alert import SourceCount

OUTCOMES = ("used", "irrelevant", "waiting", "expired", "unattributed", "duplicate", "rejected")
_RANK = {
    outcome: rank
    for rank, outcome in enumerate(
        ("used", "waiting", "duplicate", "expired", "unattributed", "irrelevant", "rejected")
    )
}


class Ledger(msgspec.Struct):
    """Records by outcome, and by source and outcome."""

    counts: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    """Source (or `unrecognised`) -> outcome -> records."""
    dropped: dict[str, int] = msgspec.field(default_factory=dict)
    """Source -> records that were lost before they could be read, as their producer says."""

    def drop(self, source: str, records: int) -> None:
        """So many records of a source never came; they are no part of the account of those that did."""
        self.dropped[source] = self.dropped.get(source, 0) + records

    def note(self, source: str, outcome: str, records: int = 1) -> None:
        """So many records of a source ended so."""
        by_outcome = self.counts.setdefault(source, {})
        by_outcome[outcome] = by_outcome.get(outcome, 0) + records

    def move(self, source: str, before: str, after: str, records: int = 1) -> None:
        """Records that were counted as one thing turned out to be another."""
        moved = min(records, self.counts.get(source, {}).get(before, 0))
        if moved and before != after:
            self.note(source, before, -moved)
            self.note(source, after, moved)

    @property
    def records(self) -> int:
        """All records that went in."""
        return sum(sum(by_outcome.values()) for by_outcome in self.counts.values())

    def outcomes(self) -> dict[str, int]:
        """Records by outcome, all sources together; every outcome is present."""
        return {outcome: sum(by_outcome.get(outcome, 0) for by_outcome in self.counts.values()) for outcome in OUTCOMES}

    def sources(self) -> dict[str, SourceCount]:
        """Records by source."""
        return {
            source: SourceCount(
                sum(self.counts.get(source, {}).values()),
                self.counts.get(source, {}).get("unattributed", 0),
                self.dropped.get(source, 0),
            )
            for source in sorted({*self.counts, *self.dropped})
        }


def weightiest(outcomes: list[str]) -> str:
    """The outcome of a record that held several events: used, if any of them was."""
    return min(outcomes, key=_RANK.__getitem__, default="irrelevant")
