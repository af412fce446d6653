"""Turns everything the engine knows into bytes, and those bytes into a state from which another engine goes on."""

from typing import Any, Literal

import msgspec

from tidewaiter.activity import Activity
from tidewaiter.cluster import ClusterState
from tidewaiter.correlate import Progress
from tidewaiter.event import (
    ContainerCreate,
    ContainerExec,
    ContainerFacts,
    ContainerStart,
    ContainerStop,
    NetworkFlow,
    ProcessExec,
)
from tidewaiter.identity import IdentityGraph
from tidewaiter.incident_revisions import GivenIncident
from tidewaiter.ledger import Ledger
from tidewaiter.revisions import Given

_Waits = ContainerFacts | ContainerCreate | ContainerStart | ContainerStop | ContainerExec | ProcessExec | NetworkFlow


class Waiting(msgspec.Struct, frozen=True):
    """An event whose container is not known yet."""

    event: _Waits
    names: tuple[str, ...]
    """What could resolve it."""
    source: str | None
    """Source of the record whose fate it is; None where it decides no record's fate."""
    lines: int


class State(msgspec.Struct):
    """Everything the engine knows."""

    schema: Literal[1] = 1
    clusters: dict[str, ClusterState] = msgspec.field(default_factory=dict)
    graph: IdentityGraph = msgspec.field(default_factory=IdentityGraph)
    ledger: Ledger = msgspec.field(default_factory=Ledger)
    given: dict[str, Given] = msgspec.field(default_factory=dict)
    """Alert id -> the record that was given out last, while watching."""
    incidents: dict[str, GivenIncident] = msgspec.field(default_factory=dict)
    """Incident id -> the record that was given out last, while watching."""
    progress: Progress = msgspec.field(default_factory=Progress)
    """Up to date in a snapshot only, as are `waiting` and `evicted`: the engine keeps them where they change."""
    waiting: tuple[Waiting, ...] = ()
    evicted: int = 0
    """Containers that were given up because a bound was reached."""
    lost: dict[str, int] = msgspec.field(default_factory=dict)
    """Source -> records for which no container could be found when the end had come last."""


def waiting_of(activity: Activity, awaited: dict[int, tuple[str, int]]) -> tuple[Waiting, ...]:
    """What waits, without secrets, in its order; `awaited` is told by the identity of the event."""
    found: list[Waiting] = []
    for event, names in activity.waiting.entries():
        source, lines = awaited.get(id(event), (None, 0))
        if isinstance(event, ProcessExec):
            event = msgspec.structs.replace(event, args=activity.bare_arguments(event.args))
        elif isinstance(event, ContainerExec):
            event = msgspec.structs.replace(event, command=activity.bare_arguments(event.command))
        elif not isinstance(event, _Waits):
            continue
        found.append(Waiting(event, names, source, lines))
    return tuple(found)


def encode(state: State) -> bytes:
    """The state as bytes (msgpack); a node of several names is written once."""
    clusters = {
        name: msgspec.structs.replace(
            cluster, nodes={alias: node for alias, node in cluster.nodes.items() if alias == node.name}
        )
        for name, cluster in state.clusters.items()
    }
    return msgspec.msgpack.encode(msgspec.structs.replace(state, clusters=clusters))


def decode(snapshot: bytes) -> State:
    """The state out of a snapshot. Raises ValueError where the bytes are no snapshot."""
    try:
        state = msgspec.msgpack.decode(snapshot, type=State)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not a snapshot of the engine's state: {error}") from None
    _share(state, {})
    for cluster in state.clusters.values():
        for node in list(cluster.nodes.values()):
            for alias in node.aliases:
                cluster.nodes[alias] = node
    return state


def _share(value: Any, known: dict[Any, Any]) -> Any:
    """The value, with one object for all that is equal in it and cannot change: a text, a user, a spec."""
    kind = type(value)
    if kind is str:
        return known.setdefault(value, value)
    if kind is tuple:
        parts = tuple([_share(part, known) for part in value])
        # Of numbers and texts side by side none is said twice.
        return known.setdefault(parts, parts) if all(type(part) is str for part in parts) else parts
    if kind is list:
        value[:] = [_share(part, known) for part in value]
    elif kind is dict:
        shared = {_share(key, known): _share(part, known) for key, part in value.items()}
        value.clear()
        value.update(shared)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            part = getattr(value, name)
            if (one := _share(part, known)) is not part:
                msgspec.structs.force_setattr(value, name, one)
        return known.setdefault(value, value) if kind.__struct_config__.frozen else value
    return value
