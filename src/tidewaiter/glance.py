"""Turns the state of a running engine into a few rows for people who watch: what runs now, the most suspicious first.

Nothing is changed by looking, and however many containers there are only some are looked at: those that were given out
as alerts, and the newest.
"""

from collections.abc import Iterator
from itertools import islice

import msgspec

from tidewaiter.alert import ContainerShown
from tidewaiter.attribution import is_full_id, unique_nodes
from tidewaiter.case import gather
from tidewaiter.chain import Chain
from tidewaiter.engine import Engine
from tidewaiter.incarnation import incarnations
from tidewaiter.judge import to_container

_NEWEST, _GIVEN = 200, 50
"""Containers looked at of each node, and alerts of which the container is looked up."""
_SECOND_NS = 1_000_000_000
_STAYS_NS = 60 * _SECOND_NS
"""How long a container is shown after its end."""
_STAYS_SUSPICIOUS_NS = 900 * _SECOND_NS
_ENDS = ("stop", "removed")
_TELLING = (
    "actions",
    "given_up",
    "strangers",
    "unfamiliar",
    "sessions",
    "sightings",
    "restarts",
    "claims",
    "first_process",
    "pod_name",
)
"""What changes in a chain when something is seen of it; each is replaced then, and never changed in place."""
_LOOKS_KEPT = 10
_RANKS = {"alert": 0, "suspicious": 1}


class Row(msgspec.Struct, frozen=True):
    """One container as it is now."""

    shown: ContainerShown
    since_ns: int | None
    """Its latest start, else its create, else when it was first heard of."""
    ended_ns: int | None
    """When it ended, where it is not running."""
    steps: tuple[str, ...]
    """Which steps of the chain were seen, in their order: `pull`, `create`, `start`, `behaviour`."""
    behaviours: int
    """How many behaviours count against it."""
    is_open: bool
    """Whether a strong behaviour would make an alert of it now: not trusted, and inside the window."""


class _Named(msgspec.Struct):
    """What names the container of an alert."""

    cluster: str
    container_id: str | None


_named = msgspec.json.Decoder(_Named)


class Glances:
    """What can be seen of an engine now and then."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._judged: dict[int, _Judged] = {}
        """Identity of a chain, which the entry keeps alive -> how it was judged."""
        self._looks = self._spread = 0

    def rows(self, now_ns: int, most: int = 30) -> tuple[Row, ...]:
        """At most so many containers: alerts, suspicious ones, those with an open window, others; each newest first.

        A container that has ended is left out after a while; `now_ns` is the time by the clock of the events. What
        does not concern the container itself (a pull, a moved name) may show a few looks later.
        """
        self._looks += 1
        found = {id(chain): chain for chain in _candidates(self._engine) if not chain.is_sandbox}
        ranked = sorted(
            found.values(), key=lambda chain: (not (chain.actions or chain.sessions), -(_since(chain) or 0))
        )
        rows: list[Row] = []
        kept: dict[int, _Judged] = {}
        for chain in ranked:
            ended_ns = _ended(chain)
            if ended_ns is not None and now_ns - ended_ns > _STAYS_SUSPICIOUS_NS:
                continue
            judged = kept[id(chain)] = self._judge(chain)
            row = judged.row
            if ended_ns is not None and row.shown.verdict not in _RANKS and now_ns - ended_ns > _STAYS_NS:
                continue
            rows.append(msgspec.structs.replace(row, ended_ns=ended_ns, is_open=self._is_open(row, ended_ns, now_ns)))
            if len(rows) >= most:
                break
        self._judged = kept
        rows.sort(key=lambda row: (_RANKS.get(row.shown.verdict, 2), not row.is_open, -(row.since_ns or 0)))
        return tuple(rows)

    def _is_open(self, row: Row, ended_ns: int | None, now_ns: int) -> bool:
        if ended_ns is not None or row.since_ns is None or row.shown.trust.state == "trusted":
            return False
        return now_ns - row.since_ns <= self._engine.policy.time_window_ns

    def _judge(self, chain: Chain) -> "_Judged":
        known = self._judged.get(id(chain))
        told = tuple(getattr(chain, name) for name in _TELLING)
        is_same = known is not None and all(now is then for now, then in zip(told, known.told, strict=True))
        if known is None or not is_same or self._looks >= known.until:
            # Not all that was judged at one look is judged again at one look.
            self._spread = (self._spread + 1) % _LOOKS_KEPT
            until = self._looks + _LOOKS_KEPT + self._spread
            return _Judged(chain, told, until, _row(self._engine, chain))
        return known


class _Judged(msgspec.Struct, frozen=True):
    """How a container was judged, and what was known of it then."""

    chain: Chain
    told: tuple[object, ...]
    until: int
    """The look at which it is judged again in any case."""
    row: Row


def _candidates(engine: Engine) -> Iterator[Chain]:
    given = [known for known in engine.state.given.values() if not known.is_withdrawn]
    for known in given[-_GIVEN:]:
        named = _named.decode(known.record)
        if named.container_id is not None and is_full_id(named.container_id):
            yield from engine.directory.find_prefix(named.cluster, named.container_id)
    for cluster in engine.state.clusters.values():
        for node in unique_nodes(cluster):
            yield from islice(reversed(node.chains.values()), _NEWEST)
        yield from islice(reversed(cluster.chains.values()), _NEWEST)


def _row(engine: Engine, chain: Chain) -> Row:
    # A copy: gathering notes in a chain what its pod tells of it, and that is the engine's to do.
    latest = incarnations(msgspec.structs.replace(engine.directory.whole(chain)))[-1]
    case = gather(latest, engine.directory, engine.state.graph, engine.policy, engine.baseline)
    judgement = engine.analytic.judge(case, engine.policy)
    seen = {"create": bool(latest.creates_ns), "start": bool(latest.starts_ns), "behaviour": bool(judgement.behaviours)}
    seen = {"pull": bool(case.provenance.origins), **seen}
    return Row(
        shown=to_container(case, judgement),
        since_ns=_since(latest),
        ended_ns=None,
        steps=tuple(step for step, is_seen in seen.items() if is_seen),
        behaviours=len(judgement.behaviours) + judgement.omitted,
        is_open=False,
    )


def _since(chain: Chain) -> int | None:
    times = chain.starts_ns or chain.creates_ns
    return times[-1] if times else chain.first_seen_ns


def _ended(chain: Chain) -> int | None:
    ends = [sighting.time_ns for sighting in chain.sightings if sighting.stage in _ENDS]
    starts = chain.starts_ns
    return ends[-1] if ends and (not starts or starts[-1] <= ends[-1]) else None
