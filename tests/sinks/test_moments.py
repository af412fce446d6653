"""Proves how times are read back and how lengths of time are written."""

import pytest

from tidewaiter.alert import format_time
from tidewaiter.sinks._moments import clock, offset, parse_moment, span

S = 1_000_000_000


@pytest.mark.parametrize("time_ns", [0, 1, 1_790_000_003_000_000_000, 1_790_000_003_999_999_999])
def test_times_of_alerts_come_back(time_ns: int) -> None:
    assert parse_moment(format_time(time_ns)) == time_ns


@pytest.mark.parametrize(
    "text",
    [None, "", "yesterday", "2026-09-21T14:13:23+02:00", "2026-13-21T14:13:23Z", "2026-09-21T14:13:23.0x2Z", "Z" * 30],
)
def test_other_text_is_no_time(text: str | None) -> None:
    assert parse_moment(text) is None


def test_time_without_fraction_is_read() -> None:
    assert parse_moment("1970-01-01T00:00:02Z") == 2 * S


def test_clock_cuts_to_milliseconds() -> None:
    assert clock(1_790_000_003_999_999_999) == "2026-09-21 14:13:23.999 UTC"


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (0, "0s"),
        (999_999, "0s"),
        (40_000_000, "40ms"),
        (999_999_999, "999ms"),
        (S, "1s"),
        (2_390_000_000, "2.3s"),
        (9_999_999_999, "9.9s"),
        (10 * S, "10s"),
        (59_999_999_999, "59s"),
        (60 * S, "1m00s"),
        (3599 * S, "59m59s"),
        (3600 * S, "1h00m"),
        (86_399 * S, "23h59m"),
        (86_400 * S * 3 + 4 * 3600 * S, "3d04h"),
    ],
)
def test_span(length: int, words: str) -> None:
    """Cut, not rounded: no time is shown as later than it was."""
    assert span(length) == words


def test_offset_has_a_sign() -> None:
    assert [offset(14 * S), offset(-3 * S), offset(0), offset(-500)] == ["+14s", "-3s", "+0s", "+0s"]
