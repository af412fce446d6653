"""Turns the kernel's monotonic times into UTC, by a distance between the clocks that is measured again and again."""

import time

_STEP_NS = 100_000
"""Smaller differences are noise of the measurement, and would put near events out of order."""


class BootClock:
    """CLOCK_BOOTTIME goes on while the machine sleeps, and never jumps; UTC is set by people and by NTP."""

    def __init__(self) -> None:
        self._distance_ns = _distance_ns()

    def measure(self) -> None:
        """Take notice of a clock that was set since. Cheap: two readings."""
        now = _distance_ns()
        if abs(now - self._distance_ns) > _STEP_NS:
            self._distance_ns = now

    def utc_ns(self, boot_ns: int) -> int:
        """A time of CLOCK_BOOTTIME in UTC."""
        return boot_ns + self._distance_ns

    @staticmethod
    def now_ns() -> int:
        """The moment, by CLOCK_BOOTTIME."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def _distance_ns() -> int:
    """UTC ahead of CLOCK_BOOTTIME: the best of three, since a process may be interrupted between two readings."""
    return min(_reading() for _ in range(3))[1]


def _reading() -> tuple[int, int]:
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    utc = time.time_ns()
    after = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return after - before, utc - (before + after) // 2
