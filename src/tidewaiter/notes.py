"""Turns the actions of one container into notes, the text that stands for each in its habits, and notes into entries.

A note is of one habit, and of one program that started it or one address that it had; its hours are kept with it. So
what is seen ten thousand times is one short text, shared by all replicas, and fourteen bytes. A note begins with `x`
for an exec, `e` for a connection; a capital says that the action falls under a judging row by itself.
"""

from collections.abc import Callable
from functools import reduce

import msgspec

from tidewaiter.baseline import MANY, STATES, Entry, State, kept_parents
from tidewaiter.chain import Action
from tidewaiter.habit import Habit, habit_of, parent_of
from tidewaiter.hours import SHARED, Hours, read, union
from tidewaiter.policy import TrustPolicy
from tidewaiter.widening import kept_addresses, network_of, widened

_BETWEEN = "\x1f"
_REMEMBERED = 16_384


class Notes:
    """Knows the note of every action; what was asked lately is remembered."""

    def __init__(self, policy: TrustPolicy) -> None:
        self._policy = policy
        self._known: dict[object, str | None] = {}

    def of(self, action: Action, is_behaviour: bool) -> str | None:
        """The note of an action; None where it is no habit."""
        same = (
            (action.exe, action.args, action.parent_exe, action.is_upper_layer, is_behaviour)
            if action.kind == "exec"
            else (action.dst_ip, action.dst_port, action.dst_name, action.protocol, is_behaviour)
        )
        try:
            return self._known[same]
        except KeyError:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            note = self._known[same] = self._note(action, is_behaviour)
            return note

    def _note(self, action: Action, is_behaviour: bool) -> str | None:
        habit = habit_of(action, self._policy)
        if habit is None:
            return None
        kind = "x" if habit.kind == "exec" else "e"
        parent = (parent_of(action) or "") if kind == "x" else ""
        address = action.dst_ip or ""
        if kind == "x" or address in habit.what:
            address = ""
        return _note(kind.upper() if is_behaviour else kind, parent, address, habit.what)


class Noted(msgspec.Struct, frozen=True, gc=False):
    """A note, to be read."""

    habit: Habit
    parent: str
    address: str
    is_behaviour: bool
    is_shared: bool
    """It may have been another container that did it."""


def read_note(note: str) -> Noted:
    """A note, to be read."""
    kind, parent, address, what = note.removeprefix(SHARED).split(_BETWEEN, 3)
    habit = Habit("exec" if kind in "xX" else "egress", what)
    return Noted(habit, parent, address, kind.isupper(), note.startswith(SHARED))


def compacted(told: dict[str, bytes], policy: TrustPolicy) -> dict[str, bytes]:
    """The same in fewer notes, as a profile would hold it: nothing is lost that a profile would keep."""
    noted = {note: read_note(note) for note in told}
    wide = widened({one.habit for one in noted.values()}, policy.is_suspicious_binary)
    parents: dict[Habit, set[str]] = {}
    addresses: dict[Habit, set[str]] = {}
    for one in noted.values():
        habit = wide.get(one.habit, one.habit)
        parents.setdefault(habit, set()).update(filter(None, [one.parent]))
        addresses.setdefault(habit, set()).update(filter(None, [one.address]))
    kept: dict[str, bytes] = {}
    for note, one in noted.items():
        habit = wide.get(one.habit, one.habit)
        parent = one.parent and (one.parent if one.parent in kept_parents(parents[habit]) else MANY)
        held = kept_addresses(addresses[habit])
        address = next((text for text in (one.address, network_of(one.address)) if text in held), "")
        kind = note.partition(_BETWEEN)[0]
        shorter = _note(kind, parent, address, habit.what)
        kept[shorter] = union(kept.get(shorter), told[note])
    return kept


def entries_of(
    told: dict[str, bytes],
    state_of: Callable[[Noted], State],
    named: Callable[[Habit, Hours], Habit],
    policy: TrustPolicy,
) -> tuple[dict[Habit, Entry], Hours | None]:
    """(what a container did, as a profile holds it; the hours in which it did anything).

    `named` calls a destination by whose it was in those hours.
    """
    noted = [(read_note(note), named(read_note(note).habit, read(packed)), packed) for note, packed in told.items()]
    wide = widened({habit for _, habit, _ in noted}, policy.is_suspicious_binary)
    alike: dict[Habit, list[tuple[Noted, bytes]]] = {}
    for one, habit, packed in noted:
        alike.setdefault(wide.get(habit, habit), []).append((one, packed))
    entries: dict[Habit, Entry] = {}
    active: bytes | None = None
    for habit, notes in alike.items():
        packed = reduce(union, (packed for _, packed in notes))
        active = union(active, packed)
        hours = read(packed)
        entries[habit] = Entry(
            state=max((state_of(one) for one, _ in notes), key=STATES.index),
            units=hours.count,
            first_hour=hours.first,
            last_hour=hours.last,
            magnitude=hours.magnitude,
            parents=kept_parents({one.parent for one, _ in notes if one.parent}),
            addresses=kept_addresses({one.address for one, _ in notes if one.address}),
        )
    return entries, read(active) if active is not None else None


def _note(kind: str, parent: str, address: str, what: str) -> str:
    # What stands before the last part cannot hold what parts it.
    return _BETWEEN.join((kind, parent.replace(_BETWEEN, ""), address.replace(_BETWEEN, ""), what))
