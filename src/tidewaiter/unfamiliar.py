"""Turns one action that falls under no row into whether a baseline is to be asked about it.

Which workload a container belongs to, and whether its image is trusted, is known at the end, and only then what is
usual for it. Until then the first action of each habit is kept, as (habit, whether a trusted or approved workload of
the namespace has it, action): many habits are usual where the container runs, and drive out none that is not. Of the
few that there is room for in any case it is not asked whether they are usual; they stand as not.
"""

from collections.abc import Iterable

from tidewaiter.baseline import Baseline
from tidewaiter.chain import BY_PID, Action, Chain
from tidewaiter.ends import UNUSUAL_KEPT, USUAL_KEPT, firsts
from tidewaiter.habit import Habit, habit_of, parent_of
from tidewaiter.objects import PodRecord
from tidewaiter.policy import TrustPolicy

_REMEMBERED = 32_768
_LONGEST_REMEMBERED = 512
"""Characters of what was done that are worth remembering: what is longer hardly comes twice."""


class Unfamiliar:
    """Keeps what a baseline is to be asked about; what was asked once is remembered."""

    def __init__(self, baseline: Baseline, policy: TrustPolicy) -> None:
        self._baseline = baseline
        self._policy = policy
        self._names: dict[tuple[object, ...], str | None] = {}
        """What was done -> the name of its habit."""
        self._usual: dict[tuple[str, str | None, str], bool] = {}

    def may_be(self, action: Action, row: str | None) -> bool:
        """Whether a baseline can be asked about an action that counts under no row but this one.

        An exec that was found by its process id alone is left out: the id may turn out to have been another's.
        """
        if row is None or (action.kind == "exec" and action.prefix == BY_PID):
            return False
        return bool(getattr(self._policy.behaviours, row) != "none")

    def keep(self, cluster: str, namespace: str | None, actor: Chain | PodRecord, action: Action) -> bool:
        """Keep an action that may be unfamiliar, if it is the first of its habit. Gives back whether it is one at all:
        of a namespace of which nothing was learned no workload is known."""
        if cluster not in self._baseline.clusters or (namespace and not self._baseline.knows(cluster, namespace)):
            return False
        habit = self._name_of(action)
        if habit is None or any(told == habit and _is_before(first, action) for told, _, first in actor.unfamiliar):
            return True
        known = actor.unfamiliar
        if len(known) < USUAL_KEPT:
            # There is room, whatever is usual: most containers never need to know.
            actor.unfamiliar = firsts((*known, (habit, False, action)))
            return True
        known = tuple((name, self._is_usual(cluster, namespace, name), first) for name, _, first in known)
        is_usual = self._is_usual(cluster, namespace, habit)
        alike = [first for _, was_usual, first in known if was_usual == is_usual]
        is_full = len(alike) >= (USUAL_KEPT if is_usual else UNUSUAL_KEPT)
        if not is_full or not _is_before(alike[-1], action):
            actor.unfamiliar = firsts((*known, (habit, is_usual, action)))
        return True

    def _name_of(self, action: Action) -> str | None:
        if action.kind == "exec":
            did: tuple[object, ...] = (action.exe, action.args, action.parent_exe, action.is_upper_layer)
        else:
            did = (action.dst_ip, action.dst_port, action.dst_name, action.protocol)
        if did in self._names:
            return self._names[did]
        habit = habit_of(action, self._policy)
        # Who started it may be what is not known of it.
        name = None if habit is None else f"{habit.kind} {habit.what}\n{parent_of(action) or ''}"
        told = (*action.args, action.exe, action.parent_exe, action.dst_name, action.protocol)
        if sum(len(text) for text in told if text is not None) <= _LONGEST_REMEMBERED:
            if len(self._names) >= _REMEMBERED:
                self._names.clear()
            self._names[did] = name
        return name

    def _is_usual(self, cluster: str, namespace: str | None, name: str) -> bool:
        place = (cluster, namespace, name)
        if place not in self._usual:
            if len(self._usual) >= _REMEMBERED:
                self._usual.clear()
            is_usual = bool(namespace) and self._baseline.is_usual_in(cluster, namespace or "", _habit(name))
            self._usual[place] = is_usual
        return self._usual[place]


def _is_before(one: Action, other: Action) -> bool:
    return one.time_ns < other.time_ns or (one.time_ns == other.time_ns and one.order < other.order)


def kept_of(entries: Iterable[tuple[str, bool, Action]], chain: Chain, baseline: Baseline) -> tuple[Action, ...]:
    """The actions that are kept in the end: what is usual in the namespace is known only once the namespace is."""
    told = list(entries)
    place = chain.pod_namespace
    if len(told) > USUAL_KEPT and place:
        told = [(name, baseline.is_usual_in(chain.cluster, place, _habit(name)), action) for name, _, action in told]
    return tuple(action for _, _, action in (firsts(told) if len(told) > USUAL_KEPT else told))


def _habit(name: str) -> Habit:
    """The habit that a name is of."""
    kind, _, what = name.partition("\n")[0].partition(" ")
    return Habit("exec" if kind == "exec" else "egress", what)
