"""Turns the chain of an id that somebody chose, and may have chosen twice, into one chain for each container.

A container ends when it is removed; the next create under its id is another container. Where no removal was seen, a
second create by the same source means the same. What several sources tell within a second is one create.
"""

from itertools import pairwise

import msgspec

from tidewaiter.chain import Chain
from tidewaiter.hours import parted

_BEFORE_CREATE_NS = 1_000_000_000
"""What belongs to a create (the snapshot it stands on) comes up to this long before it."""
_ONE_CREATE_NS = 1_000_000_000
"""Creates closer than this are one create told twice."""
_PROCESSES_KEPT = 64


def incarnations(chain: Chain) -> list[Chain]:
    """The containers that one chain stands for, in order of time; the chain itself where it is only one."""
    if chain.is_unique:
        return [chain]
    bounds = _bounds(chain)
    if not bounds:
        return [msgspec.structs.replace(chain, key=f"{chain.key}#0")]
    edges = [0, *bounds, 2**63]
    return [_part(chain, number, since_ns, until_ns) for number, (since_ns, until_ns) in enumerate(pairwise(edges))]


def note_process(chain: Chain, process: tuple[int, str, tuple[str, ...], str]) -> None:
    """Remember an exec, (time_ns, exe, argv, parent exe), that may have been the first of one of the containers."""
    known = sorted({*chain.processes, process})
    if len(known) > _PROCESSES_KEPT:
        edges = [0, *_bounds(chain), 2**63]
        lives = ([p for p in known if since_ns <= p[0] < until_ns] for since_ns, until_ns in pairwise(edges))
        firsts = [life[0] for life in lives if life]
        known = sorted({*firsts[-_PROCESSES_KEPT // 2 :], *known[-_PROCESSES_KEPT // 2 :]})
    chain.processes = tuple(known)


def _bounds(chain: Chain) -> list[int]:
    """When each container but the first began."""
    bounds: list[int] = []
    begun_ns = removed_ns = 0
    told: dict[str, int] = {}
    for sighting in chain.sightings:
        if sighting.stage == "removed":
            removed_ns = sighting.time_ns
        elif sighting.stage == "create":
            # What one source has told of a container, another may tell a moment later; by itself it tells it once.
            known_ns = told.get(sighting.source, begun_ns)
            is_far = sighting.time_ns - known_ns > _ONE_CREATE_NS
            is_after = removed_ns > known_ns
            if told and (is_far or is_after if sighting.source in told else is_far and is_after):
                bounds.append(max(removed_ns + 1, sighting.time_ns - _BEFORE_CREATE_NS))
                told.clear()
            if not told:
                begun_ns = sighting.time_ns
            told[sighting.source] = sighting.time_ns
    return bounds


def _part(chain: Chain, number: int, since_ns: int, until_ns: int) -> Chain:
    sightings = tuple(s for s in chain.sightings if since_ns <= s.time_ns < until_ns)
    actions = tuple(a for a in chain.actions if since_ns <= a.time_ns < until_ns)
    times = [s.time_ns for s in sightings] + [a.time_ns for a in actions]
    processes = [process for process in chain.processes if since_ns <= process[0] < until_ns]
    return msgspec.structs.replace(
        chain,
        key=f"{chain.key}#{number}",
        sightings=sightings,
        restarts=tuple(t for t in chain.restarts if since_ns <= t < until_ns),
        actions=actions,
        strangers=tuple(a for a in chain.strangers if since_ns <= a.time_ns < until_ns),
        unfamiliar=tuple(entry for entry in chain.unfamiliar if since_ns <= entry[2].time_ns < until_ns),
        listed=tuple(entry for entry in chain.listed if since_ns <= entry[1].time_ns < until_ns),
        habits=parted(chain.habits, since_ns, until_ns),
        sessions=tuple(s for s in chain.sessions if since_ns <= s.time_ns < until_ns),
        claims=tuple(c for c in chain.claims if c.time_ns == 0 or since_ns <= c.time_ns < until_ns),
        first_seen_ns=min(times, default=chain.first_seen_ns),
        first_process=min(processes, default=None),
    )
