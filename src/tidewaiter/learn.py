"""Turns what the engine saw of each container into profiles: all that it did, whoever vouches for its image.

Rules
- Every exec and connection that can be told is noted with its container, or its pod, in few bytes (`notes.py`).
- At the end each container is judged as ever, and its notes go into the profile of its workload and content. What an
  alert lists is `alerted`, and all that an image did that nobody vouches for; the rest is `trusted` where the image
  is, else `unapproved`.
- What may have been done by another container (of the pod; of the same chosen id) is trusted only where all are.
- A container that has to be given up is judged and folded at once, so that nothing of it is lost.
"""

from collections.abc import Callable, Iterator
from functools import reduce
from hashlib import blake2b
from itertools import pairwise
from operator import or_
from typing import TYPE_CHECKING

import msgspec

from tidewaiter.attribution import Directory, lasting_key
from tidewaiter.baseline import Profile, State, content_digests, image_content, merge
from tidewaiter.behaviour import describe
from tidewaiter.case import Case
from tidewaiter.chain import Action, Chain
from tidewaiter.destination import settled
from tidewaiter.habit import Habit, habit_of
from tidewaiter.hours import HOUR_NS, SHARED, Hours, parted, seen, united
from tidewaiter.judge import Judgement
from tidewaiter.notes import Noted, Notes, compacted, entries_of
from tidewaiter.objects import PodRecord, is_human
from tidewaiter.pods import judged_chains
from tidewaiter.policy import TrustPolicy
from tidewaiter.widening import wider
from tidewaiter.workload import WorkloadKey, workload_key

if TYPE_CHECKING:
    from tidewaiter.engine import Engine

_NOTES_KEPT = 1024
"""From so many notes of one container on, they are put together as a profile would do it."""
_FOLDED_KEPT = 1_000_000
"""Entries of containers that were given up."""
_WORKLOADS_SHOWN = 1000
_MERGED_AT_ONCE = 64
_DAY = 24

_Place = tuple[str, str | None, str | None]
_Kept = tuple[WorkloadKey, str | None]


class Held(msgspec.Struct):
    """What was learned but expects nothing until somebody approves it, and what was given up."""

    unapproved: int = 0
    """Entries of images that nobody vouches for."""
    alerted: int = 0
    """Entries that an alert or a suspicious record lists."""
    chains: int = 0
    """Containers that were learned from."""
    chains_alerted: int = 0
    workloads: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)
    """`NAMESPACE/KIND/NAME` -> (entries that are unapproved, alerted), of the first thousand."""
    workloads_omitted: int = 0
    given_up: int = 0
    """Entries of containers that were given up, for which there was no place."""


class _Judged(msgspec.Struct, gc=False):
    """One container, and what the judge said of it."""

    chain: Chain
    place: _Place
    state: State
    alerted: frozenset[Habit]
    is_all_alerted: bool
    """Whether the alert lists some behaviours only: whatever falls under a judging row is taken for one of them."""
    repositories: tuple[str, ...]
    digests: tuple[str, ...]
    is_held_back: bool
    """Whether nobody vouches for the image and it raised an alert: then nothing that it did is approved in passing."""


Judge = Callable[[Chain], tuple[Case, Judgement]]


class Learning:
    """Notes what is done, and makes profiles of it. One for each engine that learns."""

    def __init__(self, policy: TrustPolicy, directory: Directory, judge: Judge) -> None:
        self.held = Held()
        """Complete when all profiles were taken out."""
        self._policy = policy
        self._directory = directory
        self._judge = judge
        self._notes = Notes(policy)
        self._limits: dict[str, int] = {}
        """Key of a container -> how many notes it may have before they are put together again."""
        self._begun_ns = 2**63 - 1
        """When the first of all that was noted was done."""
        self._folded: dict[_Kept, Profile] = {}
        self._folded_entries = 0

    # ------------------------------------------------------------------------------------------ in

    def note(self, doer: Chain | PodRecord, action: Action, is_behaviour: bool) -> bool:
        """Note what a container, or nobody knows which of a pod, did. Gives back whether it is a habit.

        `is_behaviour`: it falls under a judging row by itself.
        """
        note = self._notes.of(action, is_behaviour)
        if note is None:
            return False
        self._begun_ns = min(self._begun_ns, action.time_ns)
        habits = doer.habits
        if habits is None:
            habits = doer.habits = {}
        known = habits.get(note)
        packed = seen(known, action.time_ns)
        if packed is not known:
            habits[note] = packed
            if known is None and len(habits) > _NOTES_KEPT:
                self._bound(doer, habits)
        return True

    def _bound(self, doer: Chain | PodRecord, habits: dict[str, bytes]) -> None:
        if len(habits) > self._limits.get(doer.key, _NOTES_KEPT):
            doer.habits = compacted(habits, self._policy)
            # Putting together changes nothing in the end: when it is done is a matter of cost alone.
            self._limits[doer.key] = 2 * max(len(doer.habits), _NOTES_KEPT // 2)

    def give_up(self, chain: Chain) -> None:
        """A container has to go: what it did stays. What it shared with others cannot be trusted, for it is not known
        who they were."""
        if not chain.habits:
            return
        judged = self._judged(chain)
        if judged is None:
            return
        kept, told = judged
        profile = self._profile(kept, told, frozenset())
        known = self._folded.get(kept)
        before = len(known.entries) if known is not None else 0
        if known is None and self._folded_entries + len(profile.entries) > _FOLDED_KEPT:
            self.held.given_up += len(profile.entries)
            return
        merged = self._folded[kept] = self._merged([profile] if known is None else [known, profile])
        self._folded_entries += len(merged.entries) - before

    # ------------------------------------------------------------------------------------------ out

    def profiles(self, approve: Callable[[WorkloadKey], bool]) -> Iterator[Profile]:
        """One profile of each workload's container and content, in order; what was given out is forgotten.

        To be called once, when the stream has ended.
        """
        chains, _ = judged_chains(self._directory)
        groups: dict[_Kept, list[_Judged]] = {kept: [] for kept in self._folded}
        doubtful: set[_Place] = set()
        """Where not everybody is trusted."""
        for chain in chains:
            found = None if chain.is_sandbox else self._judged(chain)
            if found is not None:
                kept, judged = found
                groups.setdefault(kept, []).append(judged)
                if judged.state != "trusted":
                    doubtful.add(judged.place)
        del chains
        vouched = frozenset(one.place for alike in groups.values() for one in alike) - doubtful
        for kept in sorted(groups, key=lambda kept: (kept[0], kept[1] or "")):
            merged = self._group(kept, groups.pop(kept), vouched)
            if merged is not None:
                if approve(merged.key):
                    _approve(merged)
                self._count(merged)
                yield merged

    def _group(self, kept: _Kept, alike: list[_Judged], vouched: frozenset[_Place]) -> Profile | None:
        known = self._folded.pop(kept, None)
        parts = [known] if known is not None else []
        while alike:
            judged = alike.pop()
            own, of_pod = judged.chain.habits, self._of_pod(judged.chain)
            told = united(own, of_pod)
            if told:
                judged.chain.habits = told
                parts.append(self._profile(kept, judged, vouched))
                if own is not None:
                    own.clear()
            if len(parts) >= _MERGED_AT_ONCE:
                parts = [self._merged(parts)]
        return self._merged(parts) if parts else None

    def _merged(self, profiles: list[Profile]) -> Profile:
        return merge(profiles, self._policy.is_suspicious_binary)

    def _profile(self, kept: _Kept, judged: _Judged, vouched: frozenset[_Place]) -> Profile:
        chain = judged.chain
        is_alone = _is_alone(chain, self._directory)

        def state_of(noted: Noted) -> State:
            if noted.habit in judged.alerted or (judged.is_all_alerted and noted.is_behaviour):
                return "alerted"
            if judged.is_held_back:
                return "alerted"
            is_certain = is_alone and (not noted.is_shared or judged.place in vouched)
            return judged.state if is_certain else "unapproved"

        def named(habit: Habit, hours: Hours) -> Habit:
            # Whose an address was when it was called last: a pod's address is given out again, and not within the hour.
            cluster = self._directory.states[chain.cluster]
            return settled(habit, (hours.last + 1) * HOUR_NS - 1, cluster, self._policy)

        entries, active = entries_of(chain.habits or {}, state_of, named, self._policy)
        hours = active.all() if active is not None else []
        self.held.chains += 1
        self.held.chains_alerted += bool(judged.alerted) or judged.is_all_alerted
        return Profile(
            key=kept[0],
            content=kept[1],
            repositories=judged.repositories,
            digests=judged.digests,
            units=len(hours),
            # A listing tells of starts that are long past: they counted when that time was learned.
            starts=_starts(chain, self._begun_ns // HOUR_NS * HOUR_NS, self._policy.clock_skew_ns),
            pods=(_mark(chain),),
            hours=reduce(or_, (1 << hour % _DAY for hour in hours), 0),
            # The first day of 1970 was a Thursday.
            weekdays=reduce(or_, (1 << (hour // _DAY + 3) % 7 for hour in hours), 0),
            first_hour=min(hours, default=0),
            last_hour=max(hours, default=0),
            entries=entries,
        )

    def _judged(self, chain: Chain) -> tuple[_Kept, _Judged] | None:
        case, judgement = self._judge(chain)
        for session in case.sessions:
            # Nobody is named: the runtime itself ran this, and nobody else may tell of it.
            if session.command and not (session.user is not None and is_human(session.user.name)):
                ran = Action(session.time_ns, "exec", session.source, "", 0, None, session.command)
                self.note(chain, ran, is_behaviour=False)
        is_alert = judgement.verdict in ("alert", "suspicious")
        alerted = _listed(case, judgement, self._policy) if is_alert else frozenset()
        found = case.provenance
        state: State = "trusted" if found.trust.state == "trusted" else "unapproved"
        place = (chain.cluster, chain.pod_namespace, chain.pod_name)
        if chain.pod_name is None:
            place = (chain.cluster, chain.node, chain.key.partition("#")[0])
        is_part = is_alert and judgement.omitted > 0
        is_held_back = judgement.verdict == "alert" and state != "trusted"
        digests = tuple(sorted(content_digests(found)))
        judged = _Judged(chain, place, state, alerted, is_part, found.repositories, digests, is_held_back)
        return (workload_key(case), image_content(found)), judged

    def _of_pod(self, chain: Chain) -> dict[str, bytes] | None:
        """What the pod is known to have done while the container was there: it may have been any of its containers."""
        cluster = self._directory.states[chain.cluster]
        told: dict[str, bytes] | None = None
        for record in cluster.records_of(chain.pod_namespace, chain.pod_name, chain.pod_uid):
            told = united(told, parted(record.habits, *_life(chain)))
        if told is None:
            return None
        shared: dict[str, bytes] = {}
        for note, packed in told.items():
            shared[note if note.startswith(SHARED) else SHARED + note] = packed
        return shared

    def _count(self, profile: Profile) -> None:
        states = [entry.state for entry in profile.entries.values()]
        unapproved, alerted = states.count("unapproved"), states.count("alerted")
        self.held.unapproved += unapproved
        self.held.alerted += alerted
        path, workloads = profile.key.path, self.held.workloads
        if not unapproved and not alerted:
            return
        if path in workloads or len(workloads) < _WORKLOADS_SHOWN:
            before = workloads.get(path, (0, 0))
            workloads[path] = (before[0] + unapproved, before[1] + alerted)
        else:
            self.held.workloads_omitted += 1


def never(key: WorkloadKey) -> bool:
    """Approves nothing."""
    return False


def profiles_of(engine: "Engine", *, approve: Callable[[WorkloadKey], bool] = never) -> Iterator[Profile]:
    """What an engine that learns has learned, when all was fed: instead of `Engine.finish`, and once.

    One profile of each workload's container and content, in order of key; what was given out is forgotten. `approve`
    says of which workloads the unapproved entries are approved; it never approves what alerted. `engine.learning.held`
    is complete when the last was taken. Raises ValueError where the engine does not learn.
    """
    if engine.learning is None:
        raise ValueError("this engine does not learn: make it with learning=True")
    engine.correlator.close()
    return engine.learning.profiles(approve)


def _approve(profile: Profile) -> None:
    for habit, entry in profile.entries.items():
        if entry.state == "unapproved":
            profile.entries[habit] = msgspec.structs.replace(entry, state="approved")


def _listed(case: Case, judgement: Judgement, policy: TrustPolicy) -> frozenset[Habit]:
    """The habits of the behaviours that a record lists, and all that could stand in their place."""
    what = {behaviour.what.removesuffix(" (refused)") for behaviour in judgement.behaviours}
    actions = [
        action
        for action in (*case.actions, *case.pod_actions, *case.unfamiliar, *case.pod_unfamiliar)
        if describe(action) in what
    ]
    sessions = [session for session in case.sessions if " ".join(session.command) in what]
    actions += [Action(one.time_ns, "exec", one.source, "", 0, None, one.command) for one in sessions]
    habits = [habit for action in actions if (habit := habit_of(action, policy)) is not None]
    return frozenset(one for habit in habits for one in (habit, *wider(habit)))


def _life(chain: Chain) -> tuple[int, int]:
    """From when until when the container was there, as far as that was seen."""
    starts = (*chain.creates_ns, *chain.starts_ns)
    ends = [one.time_ns for one in chain.sightings if one.stage in ("stop", "removed")]
    since_ns = min((*starts, *filter(None, [chain.first_seen_ns])), default=0)
    until_ns = max(ends, default=0)
    return since_ns, until_ns if until_ns > max(starts, default=until_ns) else 2**63


def _starts(chain: Chain, since_ns: int, skew_ns: int) -> int:
    """How often it was started since then: several sources tell of one start, each at its own moment."""
    starts = sorted(start_ns for start_ns in chain.starts_ns if start_ns >= since_ns)
    return len(starts) - sum(later - earlier <= skew_ns for earlier, later in pairwise(starts))


def _is_alone(chain: Chain, directory: Directory) -> bool:
    """Whether no other container's id begins as its own, so that a record that gives the beginning means it."""
    prefix = (chain.container_id or "")[:12]
    return not chain.is_unique or not prefix or len(directory.find_prefix(chain.cluster, prefix)) <= 1


def _mark(chain: Chain) -> str:
    return blake2b(f"{chain.cluster}/{lasting_key(chain)}".encode(), digest_size=6).hexdigest()
