"""Turns what collectors said they could not see into what an alert must say was not watched while its container ran.

A part of what happens on a node (a sight) is watched from the moment on at which a collector said so, until it says
otherwise. What nobody ever spoke of is not mentioned: recorded telemetry does not say what its producers looked at.
"""

from bisect import insort
from collections.abc import Iterator, Mapping

from tidewaiter.event import Blindness

_MOMENTS_KEPT = 64
_SIGHTS_KEPT = 64
_WHY_LENGTH = 400
_RUNTIMES = frozenset({"docker", "podman", "containerd", "cri-o"})
_STAGES = {
    "images": "pull",
    "containers": "create and start",
    "execs": "exec",
    "connections": "egress",
    "names": "DNS names",
}

Moments = list[tuple[int, str]]
"""In order of time: (since when, why it is not seen; empty where it is)."""


def learn_blindness(moments_of: dict[str, Moments], event: Blindness) -> bool:
    """A collector said what it sees from now on. Gives back whether that was new; the latest moments stay."""
    key = f"{event.collector}/{event.sight}"
    if key not in moments_of and len(moments_of) >= _SIGHTS_KEPT:
        return False
    return _learn(moments_of.setdefault(key, []), (event.time_ns or 0, (event.why or "")[:_WHY_LENGTH]))


def absorb_blindness(moments_of: dict[str, Moments], others: Mapping[str, Moments]) -> None:
    """Take in what was kept of the same node under another name."""
    for key, moments in others.items():
        for moment in moments:
            _learn(moments_of.setdefault(key, []), moment)


def unwatched(moments_of: Mapping[str, Moments], runtime: str | None, since_ns: int, until_ns: int) -> Iterator[str]:
    """What was not watched for a container of this runtime at some moment from `since_ns` to `until_ns`, and why."""
    for key in sorted(moments_of):
        collector, _, sight = key.partition("/")
        if collector in _RUNTIMES and runtime is not None and runtime != collector:
            continue
        moments = moments_of[key]
        before = [why for time_ns, why in moments if time_ns <= since_ns][-1:]
        during = [why for time_ns, why in moments if since_ns < time_ns <= until_ns]
        reasons = dict.fromkeys(why for why in (*before, *during) if why)
        if reasons:
            is_all = len(reasons) == len({*before, *during}) and bool(before)
            extent = "not watched" if is_all else "not watched continuously"
            yield f"{_STAGES.get(sight, sight)}: {extent}: {'; '.join(reasons)}"


def _learn(moments: Moments, moment: tuple[int, str]) -> bool:
    if moment in moments:
        return False
    insort(moments, moment)
    del moments[:-_MOMENTS_KEPT]
    return True
