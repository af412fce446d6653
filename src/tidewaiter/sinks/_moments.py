"""Turns the times of outputs back into numbers, and differences of times into short words."""

from datetime import UTC, datetime

_NS = 1_000_000_000


def parse_moment(text: str | None) -> int | None:
    """Nanoseconds since the epoch of an RFC 3339 UTC time as `alert.format_time` writes it; None where it is not."""
    if text is None or len(text) < 20 or not text.endswith("Z"):
        return None
    whole, _, fraction = text[:-1].partition(".")
    try:
        seconds = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
    if fraction and not (fraction.isascii() and fraction.isdigit() and len(fraction) <= 9):
        return None
    return int(seconds) * _NS + int(fraction.ljust(9, "0") or 0)


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
