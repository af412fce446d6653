"""Proves what a watch prints where stdout is no terminal: the whole story, then what is new, and all at the end."""

import msgspec
import pytest
from sample_incidents import pods_incident

from tidewaiter.cli._watch_lines import Lines


def test_incident_that_grows_is_told_by_what_is_new(capfd: pytest.CaptureFixture[str]) -> None:
    """Whole at first and at the end; between, its headline and the members that came."""
    whole = pods_incident()
    first = msgspec.structs.replace(whole, members=whole.members[:8], final=False)
    grown = msgspec.structs.replace(whole, members=whole.members[:10], revision=1, final=False)
    last = msgspec.structs.replace(whole, members=whole.members[:10], revision=2)
    lines, told = Lines("text"), []
    for incident in (first, grown, last):
        lines.output(incident)
        told.append(capfd.readouterr().out)
    shown = [[member.alert[:12] in text for member in whole.members[:10]] for text in told]
    assert shown == [[True] * 8 + [False] * 2, [False] * 8 + [True] * 2, [True] * 10]
    assert ["  nodes " in text for text in told] == [True, False, True]
    assert all(text.startswith("INCIDENT critical") and text.endswith("\n\n") for text in told)


def test_incident_that_is_none_any_more_is_told_whole(capfd: pytest.CaptureFixture[str]) -> None:
    lines, whole = Lines("text"), pods_incident()
    lines.output(msgspec.structs.replace(whole, final=False))
    lines.output(
        msgspec.structs.replace(whole, verdict="withdrawn", members=(), title="No incident any more", revision=1)
    )
    assert "INCIDENT withdrawn No incident any more" in capfd.readouterr().out
