"""Keeps events whose container is not known yet, until a record names it or their time is up.

Bounded in number and in text: where a cap is reached, the events that have waited longest are given up.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator

from tidewaiter.event import ContainerExec, Event, ProcessExec

CAP = 50_000
TEXT_CAP = 64 * 1024 * 1024
"""Characters of command lines that may wait in all."""
END_NS = 2**63
"""Later than all times."""


class WaitingRoom:
    """Events by the names that could resolve them (`id:prefix`, `pid:node/4711`)."""

    def __init__(self) -> None:
        self._events: OrderedDict[int, tuple[Event, tuple[str, ...]]] = OrderedDict()
        self._by_name: dict[str, list[int]] = {}
        self._next = self._text = 0

    def __len__(self) -> int:
        return len(self._events)

    def add(self, event: Event, names: tuple[str, ...]) -> list[Event]:
        """Let an event wait under its names. Gives back the events that had to leave for it."""
        ticket, self._next = self._next, self._next + 1
        names = tuple(dict.fromkeys(names))
        self._events[ticket] = (event, names)
        self._text += _text_of(event)
        for name in names:
            self._by_name.setdefault(name, []).append(ticket)
        left: list[Event] = []
        while len(self._events) > CAP or (self._text > TEXT_CAP and len(self._events) > 1):
            left.append(self._take(next(iter(self._events))))
        return left

    def claim(self, name: str, since_ns: int = 0) -> list[Event]:
        """The events from no earlier than a time that wait under a name; they wait no longer."""
        tickets = self._by_name.get(name, ())
        mine = [ticket for ticket in tickets if (self._events[ticket][0].time_ns or 0) >= since_ns]
        return [self._take(ticket) for ticket in mine]

    def overdue(self, until: Callable[[Event], int]) -> Iterator[Event]:
        """Events from before the time that `until` says for each, the earliest first; each waits until it is its turn,
        so that what becomes of one may claim another. What has no time of its own waits to the end (`END_NS`)."""
        scanned = -1
        while scanned != self._next:
            # Whoever came back in the meantime has a turn too.
            scanned = self._next
            late = [
                ticket
                for ticket, (event, _) in self._events.items()
                if (END_NS - 1 if event.time_ns is None else event.time_ns) < until(event)
            ]
            late.sort(key=lambda ticket: _order(self._events[ticket][0]))
            for ticket in late:
                if ticket in self._events:
                    yield self._take(ticket)

    def first(self, name: str) -> Event | None:
        """Of the events that wait under a name, the one that came first."""
        tickets = self._by_name.get(name)
        return self._events[tickets[0]][0] if tickets else None

    def __iter__(self) -> Iterator[Event]:
        return iter([event for event, _ in self._events.values()])

    def entries(self) -> list[tuple[Event, tuple[str, ...]]]:
        """Each event with the names it waits under, the one that has waited longest first."""
        return list(self._events.values())

    def _take(self, ticket: int) -> Event:
        event, names = self._events.pop(ticket)
        self._text -= _text_of(event)
        for name in names:
            tickets = self._by_name[name]
            tickets.remove(ticket)
            if not tickets:
                del self._by_name[name]
        return event


def _text_of(event: Event) -> int:
    if isinstance(event, ProcessExec):
        return sum(map(len, event.args))
    return sum(map(len, event.command)) if isinstance(event, ContainerExec) else 0


def _order(event: Event) -> tuple[int, str, str, int]:
    return (event.time_ns or 0, event.where.source, event.where.stream, event.where.offset)
