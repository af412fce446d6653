"""Turns nanoseconds into the spellings of time that producers use, cheaply enough for a million records."""

import calendar
import time
from functools import lru_cache

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


@lru_cache(maxsize=4096)
def _second(seconds: int) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)).encode()


def rfc3339(time_ns: int) -> bytes:
    """`2026-09-21T08:00:00.123456789Z`."""
    seconds, fraction = divmod(time_ns, SECOND)
    return b"%b.%09dZ" % (_second(seconds), fraction)


def rfc3339_micro(time_ns: int) -> bytes:
    """`2026-09-21T08:00:00.123456Z`, as the Kubernetes API server prints its MicroTime."""
    seconds, fraction = divmod(time_ns, SECOND)
    return b"%b.%06dZ" % (_second(seconds), fraction // 1000)


def rfc3339_second(time_ns: int) -> bytes:
    """`2026-09-21T08:00:00Z`, as the Kubernetes API server prints metav1.Time."""
    return _second(time_ns // SECOND) + b"Z"


def clock_nine(time_ns: int) -> bytes:
    """`08:00:00.123456789`, the time of day with which Falco opens its output line."""
    seconds, fraction = divmod(time_ns, SECOND)
    return b"%b.%09d" % (_second(seconds)[11:], fraction)


def parse_second(text: str) -> int:
    """Nanoseconds of `2026-09-21T08:00:00Z`."""
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")) * SECOND
