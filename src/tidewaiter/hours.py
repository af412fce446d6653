"""Turns the moments at which a container did one thing into few bytes: the hours of the clock, and how often about.

Rules
- Hours are a set: the same moment twice, or moments in another order, leave the same bytes.
- How often is a sketch of the different moments (Flajolet and Martin, "Probabilistic Counting", 1985), good for an
  order of magnitude; it forgets doubles too.
- Kept are the latest twelve weeks: what lies further back than that behind the latest hour is left out.
"""

from math import floor, log10

import msgspec

HOUR_NS = 3_600_000_000_000
HOURS_KEPT = 12 * 7 * 24
_HOUR_BITS = 24
_MAPS_BITS = 2
_MAPS = 1 << _MAPS_BITS
_RANKS = 20
_SKETCH_BITS = _MAPS * _RANKS
_MASK_AT = _HOUR_BITS + _SKETCH_BITS
_HOUR = (1 << _HOUR_BITS) - 1
_SKETCH = (1 << _SKETCH_BITS) - 1
_SPREAD = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
"""Of Stafford's mixer (13), the end of SplitMix64: moments at regular distances are spread as if by chance."""
_WORD = (1 << 64) - 1
_LOW_BITS = 64 - _MAPS_BITS
_LOW = (1 << _LOW_BITS) - 1
_PHI = 0.77351


class Hours(msgspec.Struct, frozen=True, gc=False):
    """The same, to be read."""

    last: int
    """Hours since the Unix epoch, UTC."""
    mask: int
    """Bit i: it was seen i hours before the last; bit 0 is set."""
    sketch: int

    @property
    def first(self) -> int:
        """The earliest of the hours."""
        return self.last - self.mask.bit_length() + 1

    @property
    def count(self) -> int:
        """In how many hours it was seen."""
        return self.mask.bit_count()

    @property
    def magnitude(self) -> int:
        """floor(log10(n)), n being how often it was seen in an hour, on average of those hours."""
        return floor(log10(max(_estimate(self.sketch) / self.count, 1)))

    def all(self) -> list[int]:
        """The hours, the latest first."""
        return [self.last - back for back in range(self.mask.bit_length()) if self.mask >> back & 1]


def seen(packed: bytes | None, time_ns: int) -> bytes:
    """The bytes, with one more moment in them."""
    hour = min(max(time_ns, 0) // HOUR_NS, _HOUR)
    mark = (time_ns ^ time_ns >> 30) * _SPREAD[0] & _WORD
    mark = (mark ^ mark >> 27) * _SPREAD[1] & _WORD
    mark ^= mark >> 31
    rank = min(_LOW_BITS - (mark & _LOW).bit_length(), _RANKS - 1)
    bit = 1 << _HOUR_BITS + (mark >> _LOW_BITS) * _RANKS + rank
    if packed is None:
        return _bytes(1 << _MASK_AT | bit | hour)
    value = int.from_bytes(packed, "little")
    back = (value & _HOUR) - hour
    if back == 0:
        new = value | bit
    elif back > 0:
        new = value | bit | (1 << _MASK_AT + back if back < HOURS_KEPT else 0)
    else:
        mask = _bounded((value >> _MASK_AT) << -back | 1)
        new = mask << _MASK_AT | (value >> _HOUR_BITS & _SKETCH) << _HOUR_BITS | bit | hour
    return packed if new == value else _bytes(new)


def union(one: bytes | None, other: bytes | None) -> bytes:
    """All moments of both; one of them at least must be there."""
    if one is None or other is None or one == other:
        return one or other or b""
    this, that = sorted((read(one), read(other)), key=lambda hours: hours.last)
    mask = _bounded(that.mask | this.mask << that.last - this.last)
    return _pack(that.last, mask, this.sketch | that.sketch)


def read(packed: bytes) -> Hours:
    """The bytes, to be read."""
    value = int.from_bytes(packed, "little")
    return Hours(value & _HOUR, value >> _MASK_AT, value >> _HOUR_BITS & _SKETCH)


def within(packed: bytes, since_ns: int, until_ns: int) -> tuple[bytes | None, bytes | None]:
    """(the hours that lie wholly between two moments, those that do so partly); None where there is none of them."""
    hours = read(packed)
    whole = _between(hours, -(-since_ns // HOUR_NS), until_ns // HOUR_NS - 1)
    touched = _between(hours, since_ns // HOUR_NS, -(-until_ns // HOUR_NS) - 1)
    return _of_mask(hours, whole), _of_mask(hours, touched & ~whole)


def _between(hours: Hours, first: int, last: int) -> int:
    """The part of the mask that lies between two hours, both included."""
    latest_back = max(hours.last - last, 0)
    length = hours.last - first + 1 - latest_back
    return hours.mask >> latest_back << latest_back & (1 << latest_back + length) - 1 if length > 0 else 0


def _of_mask(hours: Hours, mask: int) -> bytes | None:
    if not mask:
        return None
    back = (mask & -mask).bit_length() - 1
    return _pack(hours.last - back, mask >> back, hours.sketch)


def _bounded(mask: int) -> int:
    return mask & (1 << HOURS_KEPT) - 1 if mask.bit_length() > HOURS_KEPT else mask


def _pack(last: int, mask: int, sketch: int) -> bytes:
    return _bytes(mask << _MASK_AT | sketch << _HOUR_BITS | last)


def _bytes(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "little")


def _estimate(sketch: int) -> float:
    """How many different moments: from the length of the run of ranks that were met, on average of the maps; with
    the correction for few of Scheuermann and Mauve (2007)."""
    maps = [sketch >> number * _RANKS & (1 << _RANKS) - 1 for number in range(_MAPS)]
    runs = [(~met & met + 1).bit_length() - 1 for met in maps]
    mean = sum(runs) / _MAPS
    return float(_MAPS / _PHI * (2**mean - 2 ** (-1.75 * mean)))


# ------------------------------------------------------------------------------------------------ many things

SHARED = "?"
"""Before the name of a thing: it may have been another container that did it."""


def united(one: dict[str, bytes] | None, other: dict[str, bytes] | None) -> dict[str, bytes] | None:
    """What two records of one container saw it do."""
    if not one or not other:
        return one or other
    both = dict(one)
    for name, packed in other.items():
        both[name] = union(both.get(name), packed)
    return both


def parted(told: dict[str, bytes] | None, since_ns: int, until_ns: int) -> dict[str, bytes] | None:
    """What was done between two moments; of an hour in which one of them lies nobody can tell: it is shared."""
    if not told:
        return None
    part: dict[str, bytes] = {}
    for name, packed in told.items():
        whole, partly = within(packed, since_ns, until_ns)
        doubtful = name if name.startswith(SHARED) else SHARED + name
        for kind, hours in ((name, whole), (doubtful, partly)):
            if hours is not None:
                part[kind] = union(part.get(kind), hours)
    return part or None
