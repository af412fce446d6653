"""Checks what people may type as times and durations, and what they are told where it is none."""

import click
import pytest

from tidewaiter.cli._faults import UsageFault
from tidewaiter.cli._times import duration_ns, moment_ns

S = 1_000_000_000
MOMENT = 1_790_000_024
CONTEXT = click.Context(click.Command("hunt"))
SINCE, LATENESS = click.Option(["--since"]), click.Option(["--lateness"])


def moment(text: str | None) -> int | None:
    return moment_ns(CONTEXT, SINCE, text)


def duration(text: str | None) -> int | None:
    return duration_ns(CONTEXT, LATENESS, text)


def test_what_was_not_given_is_nothing() -> None:
    """An option that is left out has no value."""
    assert moment(None) is None
    assert duration(None) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90", 90), ("60s", 60), ("15m", 900), ("2h", 7200), ("30d", 30 * 86400)],
)
def test_durations_are_nanoseconds(text: str, seconds: int) -> None:
    """Seconds where no unit is written."""
    assert duration(text) == seconds * S


@pytest.mark.parametrize("text", ["", "x", "-5s", "1 week", "5y", "1h\n", "nan", "\x1b[31m", "9" * 400])
def test_a_text_that_is_no_duration_is_told_with_its_option(text: str) -> None:
    """One sentence, in which nothing steers a terminal."""
    with pytest.raises(UsageFault) as caught:
        duration(text)
    assert caught.value.message.startswith("--lateness: ")
    assert caught.value.message.isprintable()
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "text",
    [
        "2026-09-21T14:13:44Z",
        "2026-09-21T14:13:44",
        "2026-09-21 14:13:44",
        "2026-09-21T16:13:44+02:00",
        "2026-09-21T14:13:44.000000Z",
        "2026-09-21T14:13:44.000000000Z",
    ],
)
def test_moments_are_nanoseconds_since_the_epoch(text: str) -> None:
    """UTC where no zone is written."""
    assert moment(text) == MOMENT * S


def test_a_date_is_its_midnight_in_utc() -> None:
    """Whatever zone this computer is in."""
    assert moment("2026-09-21") == (MOMENT // 86400) * 86400 * S


def test_microseconds_count() -> None:
    """No float comes between."""
    assert moment("2026-09-21T14:13:44.074027Z") == MOMENT * S + 74_027_000


def test_nanoseconds_count() -> None:
    """A time copied from an alert into --until keeps that alert's behaviour inside."""
    assert moment("2026-09-21T14:13:44.074027776Z") == MOMENT * S + 74_027_776


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-13-01", "2026-09-21T25:00:00Z", "1790000024", "-1h", "\x1b[31m\u202e", "2026-02-30"],
)
def test_a_text_that_is_no_time_is_told_with_an_example(text: str) -> None:
    """One sentence, in which nothing steers a terminal."""
    with pytest.raises(UsageFault) as caught:
        moment(text)
    assert caught.value.message.startswith('--since: "')
    assert "2026-09-21T14:13:00Z" in caught.value.message
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"])
def test_the_ends_of_the_calendar_are_times(text: str) -> None:
    """A careless bound is no crash."""
    assert isinstance(moment(text), int)
