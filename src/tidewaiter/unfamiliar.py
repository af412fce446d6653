"""Turns one action that falls under no row into whether a baseline is to be asked about it.

Which workload a container belongs to, and whether its image is trusted, is known at the end, and only then what is
usual for it. Until then the first action of each habit is kept, as (habit, whether a trusted or approved workload of
the namespace has it, action): many habits are usual where the container runs, and drive out none that is not.
"""

from collections.abc import Iterable

from tidewaiter.baseline import Baseline
from tidewaiter.behaviour import row_of
from tidewaiter.chain import BY_PID, Action, Chain
from tidewaiter.ends import UNUSUAL_KEPT, USUAL_KEPT, firsts
from tidewaiter.habit import habit_of, parent_of
from tidewaiter.objects import PodRecord
from tidewaiter.policy import TrustPolicy

_REMEMBERED = 65_536


class Unfamiliar:
    """Keeps what a baseline is to be asked about; what was asked once is remembered."""

    def __init__(self, baseline: Baseline, policy: TrustPolicy) -> None:
        self._baseline = baseline
        self._policy = policy
        self._known: dict[tuple[object, ...], tuple[str, bool] | None] = {}

    def may_be(self, action: Action) -> bool:
        """Whether a baseline can be asked about an action that falls under no row.

        An exec that was found by its process id alone is left out: the id may turn out to have been another's.
        """
        if action.kind == "exec" and action.prefix == BY_PID:
            return False
        row = row_of(action, self._policy, with_baseline=True)
        return row is not None and getattr(self._policy.behaviours, row) != "none"

    def keep(self, cluster: str, namespace: str | None, actor: Chain | PodRecord, action: Action) -> None:
        """Keep an action that may be unfamiliar, if it is the first of its habit."""
        found = self._find(cluster, namespace, action)
        if found is None:
            return
        habit, is_usual = found
        order = action.order
        alike = [(told, first.order) for told, was_usual, first in actor.unfamiliar if was_usual == is_usual]
        is_full = len(alike) >= (USUAL_KEPT if is_usual else UNUSUAL_KEPT)
        if (is_full and alike[-1][1] < order) or any(told == habit and first < order for told, first in alike):
            return
        actor.unfamiliar = firsts((*actor.unfamiliar, (habit, is_usual, action)))

    def _find(self, cluster: str, namespace: str | None, action: Action) -> tuple[str, bool] | None:
        if action.kind == "exec":
            did: tuple[object, ...] = (cluster, namespace, action.exe, action.args, action.parent_exe)
        else:
            did = (cluster, namespace, action.dst_ip, action.dst_port, action.dst_name, action.protocol)
        if did in self._known:
            return self._known[did]
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        habit = habit_of(action, self._policy)
        found = None
        if habit is not None:
            is_usual = bool(namespace) and self._baseline.is_usual_in(cluster, namespace or "", habit)
            # Who started it may be what is not known of it.
            found = (f"{habit.kind} {habit.what}\n{parent_of(action) or ''}", is_usual)
        self._known[did] = found
        return found


def kept_of(
    entries: Iterable[tuple[str, bool, Action]], chain: Chain, baseline: Baseline, policy: TrustPolicy
) -> tuple[Action, ...]:
    """The actions that are kept in the end: what is usual in the namespace is known only once the namespace is."""
    told = list(entries)
    if len(told) > USUAL_KEPT:
        place = chain.pod_namespace
        for at, (name, _, action) in enumerate(told):
            habit = habit_of(action, policy) if place else None
            is_usual = habit is not None and baseline.is_usual_in(chain.cluster, place or "", habit)
            told[at] = (name, is_usual, action)
        told = [*firsts(told)]
    return tuple(action for _, _, action in told)
