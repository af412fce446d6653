"""Turns a set that grows without end into what is kept of it: the first and the last by time, and few of a kind.

What is left out of a set is left out of every greater one too, so that the order of arrival leaves no trace.
"""

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

UNUSUAL_KEPT, USUAL_KEPT = 32, 8
_NAMED_KEPT = 32


class _Dated(Protocol):
    @property
    def time_ns(self) -> int | None: ...
    @property
    def order(self) -> tuple[Any, ...]: ...
    @property
    def stream(self) -> str: ...
    @property
    def offset(self) -> int: ...


_Kept = TypeVar("_Kept", bound=_Dated)


def put(kept: Sequence[_Kept], new: _Kept) -> tuple[tuple[_Kept, ...], bool]:
    """(what is kept with one more in its place by `order`, time first; whether it was there already).

    Of two that are equal the earlier record stays.
    """
    at = len(kept)
    if at and (new.time_ns or 0) <= (kept[-1].time_ns or 0):
        order = new.order
        at = bisect_left(kept, order, key=lambda item: item.order)
        if at < len(kept) and kept[at].order == order:
            is_earlier = (new.stream, new.offset) < (kept[at].stream, kept[at].offset)
            return (*kept[:at], new if is_earlier else kept[at], *kept[at + 1 :]), True
    return (*kept[:at], new, *kept[at:]), False


def insert(kept: tuple[_Kept, ...], new: _Kept, first: int, last: int) -> tuple[tuple[_Kept, ...], bool, _Kept | None]:
    """(what is kept, whether `new` was there already, the item that was given up for it).

    The `first` earliest and the `last` latest stay.
    """
    grown, is_known = put(kept, new)
    if len(grown) <= first + last:
        return grown, is_known, None
    return grown[:first] + grown[first + 1 :], False, grown[first]


def earliest(known: Iterable[_Kept], new: _Kept, kind: Callable[[_Kept], Hashable], most: int) -> tuple[_Kept, ...]:
    """The first of each kind, and of these the `most` earliest."""
    first: dict[Hashable, _Kept] = {}
    for item in sorted((*known, new), key=lambda one: (one.order, one.stream, one.offset)):
        first.setdefault(kind(item), item)
    return tuple(first.values())[:most]


def firsts(known: Iterable[tuple[str, bool, _Kept]]) -> tuple[tuple[str, bool, _Kept], ...]:
    """Of (kind, whether that is usual, item): the first item of each kind, and of these the 32 earliest, of the usual
    the 8 earliest."""
    first: dict[str, tuple[str, bool, _Kept]] = {}
    for entry in sorted(known, key=lambda one: (one[2].order, one[2].stream, one[2].offset, one[:2])):
        first.setdefault(entry[0], entry)
    room = {False: UNUSUAL_KEPT, True: USUAL_KEPT}
    kept: list[tuple[str, bool, _Kept]] = []
    for entry in first.values():
        room[entry[1]] -= 1
        if room[entry[1]] >= 0:
            kept.append(entry)
    return tuple(kept)


def first_of_each(known: Iterable[tuple[str, _Kept]]) -> tuple[tuple[str, _Kept], ...]:
    """Of (name, item): the first item of each name, and of these the 32 earliest."""
    first: dict[str, tuple[str, _Kept]] = {}
    for entry in sorted(known, key=lambda one: (one[1].order, one[1].stream, one[1].offset, one[0])):
        first.setdefault(entry[0], entry)
    return tuple(first.values())[:_NAMED_KEPT]


def left_out(kinds: Sequence[Hashable], first: int, last: int, alike: int) -> list[int]:
    """Which items do not stay, by their place; `kinds` tells the kind of each, in order of time.

    The `first` earliest and the `last` latest stay, and of one kind at most `alike` among either.
    """
    count = len(kinds)
    if all(len(end) - len(set(end)) < alike for end in (kinds[:first], kinds[-last:])):
        # No kind comes more often than it may at either end.
        return list(range(first, count - last))
    stay = {*_first(range(count), kinds, first, alike), *_first(range(count - 1, -1, -1), kinds, last, alike)}
    return [at for at in range(count) if at not in stay] if len(stay) < count else []


def _first(places: Iterable[int], kinds: Sequence[Hashable], most: int, alike: int) -> list[int]:
    found: list[int] = []
    seen: dict[Hashable, int] = {}
    for at in places:
        times = seen.get(kinds[at], 0)
        if times < alike:
            seen[kinds[at]] = times + 1
            found.append(at)
            if len(found) == most:
                break
    return found
