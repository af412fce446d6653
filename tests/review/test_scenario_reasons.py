"""Holds the tables of rules and gaps to what the shipped scenarios give: no reason and no missing link is unknown."""

from pathlib import Path

from test_scenarios import every_scenario, told
from tidewaiter.review.decisions import decision_of
from tidewaiter.review.gaps import gap_of


@every_scenario
def test_every_reason_has_its_rule(folder: Path) -> None:
    """`explain` knows what decided, and what would have shown the links that are missing."""
    outcome = told(folder)
    reasons = {reason for record in (*outcome.alerts, *outcome.containers) for reason in record["reasons"]}
    assert [reason for reason in sorted(reasons) if decision_of(reason).rule is None] == []
    missing = {link for alert in outcome.alerts for link in alert["missing"]}
    assert [link for link in sorted(missing) if "not known to this version" in gap_of(link).means] == []
