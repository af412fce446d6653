"""Remembers which process started which, in few bytes: the latest, and those that stand above a behaviour.

A link is one start of a process: (time in ns, process id, id of the process that started it), in order of time.
"""

from collections.abc import Iterable
from struct import Struct

_LINK = Struct(">QII")
_WIDTH = _LINK.size
_LATEST_KEPT = 128
_LIMIT = 2 * _LATEST_KEPT * _WIDTH


def is_over(links: bytes) -> bool:
    """Whether there are so many links that some have to go."""
    return len(links) > _LIMIT


def link(time_ns: int, pid: int | None, parent_pid: int | None) -> bytes:
    """One link; none where a number is told that no kernel gives."""
    if not pid or not parent_pid or not (0 <= time_ns < 2**64 and 0 < pid < 2**32 and 0 < parent_pid < 2**32):
        return b""
    return _LINK.pack(time_ns, pid, parent_pid)


def union(one: bytes, other: bytes) -> bytes:
    """All links of both."""
    if not other or other[:_WIDTH] > one[-_WIDTH:]:
        # In order of time, as almost always.
        return one + other
    return b"".join(sorted({links[at : at + _WIDTH] for links in (one, other) for at in range(0, len(links), _WIDTH)}))


def thinned(links: bytes, below: Iterable[int | None]) -> bytes:
    """The latest links, and those of the processes `below`, of whoever started these, and so on upwards."""
    whole = list(_LINK.iter_unpack(links))
    begun: dict[int, list[int]] = {}
    for at, (_, pid, _) in enumerate(whole):
        begun.setdefault(pid, []).append(at)
    above: set[int] = set()
    asked = {pid for pid in below if pid is not None}
    while asked:
        found = {at for pid in asked for at in begun.get(pid, ())} - above
        above |= found
        asked = {whole[at][2] for at in found}
    kept = {*sorted(above)[-_LATEST_KEPT:], *range(max(len(whole) - _LATEST_KEPT, 0), len(whole))}
    return b"".join(_LINK.pack(*whole[at]) for at in sorted(kept))


def starts(links: bytes) -> list[tuple[int, int, int]]:
    """(time in ns, process id, id of the process that started it) of each link."""
    return list(_LINK.iter_unpack(links))


def pairs(links: bytes) -> list[tuple[int, int]]:
    """(process id, id of the process that started it) of each link."""
    return [(pid, parent_pid) for _, pid, parent_pid in _LINK.iter_unpack(links)]
