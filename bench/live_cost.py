"""Turns /proc/PID into what a running process costs: processor time, and memory."""

import os
import time
from pathlib import Path

import msgspec

_TICKS = os.sysconf("SC_CLK_TCK")
_QUIET_SECONDS = 0.5


class Cost(msgspec.Struct, frozen=True):
    """What a process and its ended children have taken so far."""

    cpu_seconds: float
    at_seconds: float
    rss_bytes: int
    peak_bytes: int

    @classmethod
    def of(cls, pid: int) -> "Cost":
        """Now. Raises OSError where it has ended."""
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        # utime, stime, cutime, cstime; the fields count from `state`.
        ticks = sum(int(field) for field in fields[11:15])
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        rss, peak = (int(status[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
        return cls(ticks / _TICKS, time.monotonic(), rss, peak)

    def percent_since(self, before: "Cost") -> float:
        """Processor time as parts of one processor, in percent."""
        return 100 * (self.cpu_seconds - before.cpu_seconds) / (self.at_seconds - before.at_seconds)


def over(pid: int, seconds: float) -> tuple[Cost, Cost]:
    """What a process has taken before and after some time."""
    before = Cost.of(pid)
    time.sleep(seconds)
    return before, Cost.of(pid)


def settled(pid: int, most_seconds: float = 30.0) -> Cost:
    """What a process has taken once it has worked off what lay before it."""
    before, after = over(pid, _QUIET_SECONDS)
    deadline = time.monotonic() + most_seconds
    while after.percent_since(before) > 5 and time.monotonic() < deadline:
        before, after = over(pid, _QUIET_SECONDS)
    return after
