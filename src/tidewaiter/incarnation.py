"""Turns the chain of an id that somebody chose, and may have chosen twice, into one chain for each container.

A container ends when it is removed; the next create under its id is another container. Where no removal was seen, a
second create by the same source means the same.
"""

from itertools import pairwise

import msgspec

from tidewaiter.chain import Chain

_BEFORE_CREATE_NS = 1_000_000_000
"""What belongs to a create (the snapshot it stands on) comes up to this long before it."""
_ONE_CREATE_NS = 1_000_000_000
"""Creates of one source closer than this are one create told twice."""


def incarnations(chain: Chain) -> list[Chain]:
    """The containers that one chain stands for, in order of time; the chain itself where it is only one."""
    if chain.is_unique:
        return [chain]
    bounds = _bounds(chain)
    if not bounds:
        return [msgspec.structs.replace(chain, key=f"{chain.key}#0")]
    edges = [0, *bounds, 2**63]
    return [_part(chain, number, since_ns, until_ns) for number, (since_ns, until_ns) in enumerate(pairwise(edges))]


def _bounds(chain: Chain) -> list[int]:
    bounds: list[int] = []
    removed_ns: int | None = None
    created: dict[str, int] = {}
    for sighting in chain.sightings:
        if sighting.stage == "removed":
            removed_ns = sighting.time_ns
        elif sighting.stage == "create":
            last_ns = created.get(sighting.source)
            if removed_ns is not None and created:
                bounds.append(max(removed_ns + 1, sighting.time_ns - _BEFORE_CREATE_NS))
            elif last_ns is not None and sighting.time_ns - last_ns > _ONE_CREATE_NS:
                bounds.append(sighting.time_ns - _BEFORE_CREATE_NS)
            removed_ns = None
            created[sighting.source] = sighting.time_ns
    return bounds


def _part(chain: Chain, number: int, since_ns: int, until_ns: int) -> Chain:
    sightings = tuple(s for s in chain.sightings if since_ns <= s.time_ns < until_ns)
    actions = tuple(a for a in chain.actions if since_ns <= a.time_ns < until_ns)
    times = [s.time_ns for s in sightings] + [a.time_ns for a in actions]
    first = chain.first_process
    return msgspec.structs.replace(
        chain,
        key=f"{chain.key}#{number}",
        sightings=sightings,
        actions=actions,
        sessions=tuple(s for s in chain.sessions if since_ns <= s.time_ns < until_ns),
        claims=tuple(c for c in chain.claims if c.time_ns == 0 or since_ns <= c.time_ns < until_ns),
        first_seen_ns=min(times, default=chain.first_seen_ns),
        first_process=first if first is not None and since_ns <= first[0] < until_ns else None,
    )
