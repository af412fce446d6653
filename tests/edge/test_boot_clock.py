"""Proves that times since boot become UTC, also after the clock was set."""

import time

import pytest

from tidewaiter.edge.boot_clock import BootClock


def test_now_is_now() -> None:
    """Between two readings of the system's clock."""
    clock = BootClock()
    before = time.time_ns()
    told = clock.utc_ns(clock.now_ns())
    assert before - 100_000 <= told <= time.time_ns() + 100_000


def test_a_step_of_the_clock_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no more than noise is not, so that times keep their order."""
    utc = 10**18
    monkeypatch.setattr(time, "clock_gettime_ns", lambda clock: 5_000)
    monkeypatch.setattr(time, "time_ns", lambda: utc)
    clock = BootClock()
    assert clock.utc_ns(6_000) == 10**18 + 1_000
    utc += 50_000
    clock.measure()
    assert clock.utc_ns(6_000) == 10**18 + 1_000
    utc -= 3600 * 10**9
    clock.measure()
    assert clock.utc_ns(6_000) == 10**18 + 51_000 - 3600 * 10**9
