"""Turns moments, and differences between them, into short words."""

from datetime import UTC, datetime

from tidewaiter.alert import parse_moment as parse_moment

_NS = 1_000_000_000


def clock(time_ns: int) -> str:
    """`2026-09-21 14:13:39.074 UTC`: milliseconds are what people can use."""
    seconds, rest = divmod(time_ns, _NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest // 1_000_000:03d} UTC"


def span(length_ns: int) -> str:
    """A length of time in at most two units, cut and not rounded: `40ms`, `2.3s`, `14s`, `3m05s`, `2h04m`, `3d04h`."""
    milliseconds = length_ns // 1_000_000
    if milliseconds < 1000:
        return f"{milliseconds}ms" if milliseconds else "0s"
    if milliseconds < 10_000:
        return f"{milliseconds // 1000}.{milliseconds % 1000 // 100}s".replace(".0s", "s")
    seconds = milliseconds // 1000
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m{seconds % 60:02d}s"
    if seconds < 86_400:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02d}m"
    return f"{seconds // 86_400}d{seconds % 86_400 // 3600:02d}h"


def offset(difference_ns: int) -> str:
    """A distance from the anchor: `+14s`, `-3s`; less than a millisecond either way is `+0s`."""
    return f"{'-' if difference_ns <= -1_000_000 else '+'}{span(abs(difference_ns))}"
