"""Counts different things in few bytes, however often and in whatever order they come.

Kept are the smallest of their fingerprints, in order: all while there are few; of many a fair sample, whose largest
tells how many there are (Bar-Yossef et al., "Counting Distinct Elements in a Data Stream", 2002).
"""

from hashlib import blake2b

EXACT = 1023
"""Up to so many the count is exact; beyond, it is off by three in a hundred, give or take."""
_WIDTH = 8


def note(tally: bytes, thing: object) -> tuple[bytes, bool]:
    """(the tally with this thing in it, whether the thing is new as far as one can tell)."""
    mark = blake2b(repr(thing).encode(), digest_size=_WIDTH).digest()
    is_full = len(tally) > EXACT * _WIDTH
    if is_full and mark > tally[-_WIDTH:]:
        return tally, True
    at = _place(tally, mark)
    if tally[at : at + _WIDTH] == mark:
        return tally, False
    return tally[:at] + mark + tally[at : -_WIDTH if is_full else None], True


def count(tally: bytes) -> int:
    """How many different things were noted."""
    if len(tally) <= EXACT * _WIDTH:
        return len(tally) // _WIDTH
    return (EXACT << 8 * _WIDTH) // int.from_bytes(tally[-_WIDTH:], "big")


def union(one: bytes, other: bytes) -> bytes:
    """The tally of all that either has noted."""
    if not one or not other:
        return one or other
    marks = {tally[at : at + _WIDTH] for tally in (one, other) for at in range(0, len(tally), _WIDTH)}
    return b"".join(sorted(marks)[: EXACT + 1])


def _place(tally: bytes, mark: bytes) -> int:
    low, high = 0, len(tally) // _WIDTH
    while low < high:
        middle = (low + high) // 2
        if tally[middle * _WIDTH : (middle + 1) * _WIDTH] < mark:
            low = middle + 1
        else:
            high = middle
    return low * _WIDTH
