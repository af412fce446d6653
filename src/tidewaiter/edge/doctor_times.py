"""Turns the times of events into when a source spoke, where it fell silent, and how far clocks stand apart.

All of it is bounded, and nothing depends on the order of records.
"""

from collections.abc import Iterator
from itertools import pairwise
from statistics import median

import msgspec

from tidewaiter.event import ContainerCreate, ContainerEvent, ContainerStart, Event, ProcessExec

_BUCKETS_KEPT = 4096
_FINEST_NS = 1_000_000_000
_MOMENTS_KEPT = 50_000
_MOMENTS_NEEDED = 3
"""Fewer make no median that one strange pair could not move."""
_ID_CHARACTERS = 12
_AMBIGUOUS = -1


class Presence:
    """When a source spoke, in buckets that grow with the time it spans."""

    def __init__(self) -> None:
        self.first_ns: int | None = None
        self.last_ns: int | None = None
        self._width_ns = _FINEST_NS
        self._buckets: set[int] = set()

    def note(self, time_ns: int) -> None:
        """It spoke."""
        self.first_ns = time_ns if self.first_ns is None else min(self.first_ns, time_ns)
        self.last_ns = time_ns if self.last_ns is None else max(self.last_ns, time_ns)
        self._buckets.add(time_ns // self._width_ns)
        while len(self._buckets) > _BUCKETS_KEPT:
            self._width_ns *= 2
            self._buckets = {bucket // 2 for bucket in self._buckets}

    def longest_gap(self) -> tuple[int, int] | None:
        """(since, how long), in nanoseconds, of the longest silence between two of its records; None: there is none."""
        silences = [(later - earlier - 1, -earlier) for earlier, later in pairwise(sorted(self._buckets))]
        length, start = max(silences, default=(0, 0))
        return ((-start + 1) * self._width_ns, length * self._width_ns) if length > 0 else None


class Offset(msgspec.Struct, frozen=True):
    """How far the clock of one source stands from another's."""

    source: str
    beside: str
    container: str
    """The first 12 characters of a container's id: it tells the node."""
    difference_ns: int


class Moments:
    """Things that several sources may have seen: creates, starts and executions in one container."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, ...], dict[str, int]] = {}

    def note(self, source: str, event: Event) -> None:
        """One source saw it."""
        name = _moment(event)
        if name is None or event.time_ns is None:
            return
        told = self._seen.get(name)
        if told is None:
            if len(self._seen) >= _MOMENTS_KEPT:
                # Which go has no say in a median.
                del self._seen[next(iter(self._seen))]
            told = self._seen[name] = {}
        # What one source tells twice, another may have meant either time.
        told[source] = event.time_ns if told.get(source, event.time_ns) == event.time_ns else _AMBIGUOUS

    def offsets(self, cluster: str) -> Iterator[Offset]:
        """Every two sources that saw one thing in a cluster."""
        for name, told in self._seen.items():
            if name[1] != cluster:
                continue
            known = sorted((source, time_ns) for source, time_ns in told.items() if time_ns != _AMBIGUOUS)
            for place, (beside, time_ns) in enumerate(known):
                for source, other_ns in known[place + 1 :]:
                    yield Offset(source, beside, name[2], other_ns - time_ns)


def middle_s(differences_ns: list[int]) -> float | None:
    """The median in seconds, to the millisecond; None where there are too few."""
    if len(differences_ns) < _MOMENTS_NEEDED:
        return None
    return round(median(differences_ns) / 1e9, 3)


def _moment(event: Event) -> tuple[str, ...] | None:
    """A name that two sources give the same thing; its third part is the container's."""
    if not isinstance(event, ContainerEvent):
        return None
    container = (event.container_id or event.container_id_prefix or "")[:_ID_CHARACTERS]
    if not container:
        return None
    if isinstance(event, ContainerCreate):
        return ("create", event.cluster, container)
    if isinstance(event, ContainerStart):
        return ("start", event.cluster, container)
    if isinstance(event, ProcessExec) and event.pid is not None and event.exe:
        return ("exec", event.cluster, container, str(event.pid), event.exe.rpartition("/")[2])
    return None
