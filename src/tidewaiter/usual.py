"""Turns a baseline and one container into what is usual for it: for each action the level at which it is known.

Levels, the nearest first: `content` (this container of this workload on this very content), `predecessor` (the same on
another content), `fleet` (the same content elsewhere), `workload` (another container of the pod), `namespace` (another
workload of the namespace), `image` (the image's own config or layers, which the analytic asks itself).

Rules
- Expected is what was approved, and what a trusted image did as long as this one is trusted, too. What its workload has
  not done for the policy's retention before it was seen last, by its own hours, is expected no more.
- What only an image did that nobody approved is seen, and expected nowhere.
- A trusted image of another workload vouches in its namespace for trusted images only, and nothing else does.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import msgspec

from tidewaiter.baseline import Baseline, Entry, Profile, content_digests, find, image_content
from tidewaiter.chain import Action
from tidewaiter.cluster import ClusterState
from tidewaiter.completeness import Completeness, completeness_of, is_stale
from tidewaiter.destination import settled
from tidewaiter.habit import Habit, habit_of, parent_of
from tidewaiter.policy import TrustPolicy
from tidewaiter.widening import network_of
from tidewaiter.workload import WorkloadKey, workload_key

if TYPE_CHECKING:
    # A case says what is usual for it, and so knows this module.
    from tidewaiter.case import Case

Level = Literal["content", "predecessor", "fleet", "workload", "namespace", "image"]
Standing = Literal["known", "new", "unknown"]

_ANY_PARENT = "*"


class Usual(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What the baseline knows of the place of one container. Where it knows neither the workload nor, of an image that
    nobody vouched for, the content, there is no `Usual`."""

    key: WorkloadKey
    content: str | None
    """The config digest; where it is not known another digest, else the reference, else None."""
    names: frozenset[str]
    """All under which the content may have been learned."""
    profiles: tuple[Profile, ...]
    """Of this key, all contents, the latest seen last; none where only the content is known."""
    beside: tuple[WorkloadKey, ...]
    """The keys of the pod's other containers, as far as they are known."""
    is_trusted: bool
    baseline: Baseline
    policy: TrustPolicy
    cluster: ClusterState
    """Who had which address inside, when."""

    @property
    def knows_workload(self) -> bool:
        """Whether the workload is in the baseline, on whatever content."""
        return bool(self.profiles)

    def is_mine(self, profile: Profile) -> bool:
        """Whether a profile is of this content."""
        return profile.content in self.names or not self.names.isdisjoint(profile.digests)

    @cached_property
    def standing(self) -> Standing:
        """Whether the workload is known on this content. A name cannot be held against a digest: `unknown`.

        Content of which a container alerted when it was learned is new until somebody approves what it did.
        """
        if any(map(self.is_mine, self.profiles)):
            return "new" if self.has_alerted else "known"
        alike = [p for p in self.profiles if p.content is not None and self.content is not None]
        comparable = any(_is_digest(p.content or "") == _is_digest(self.content or "") for p in alike)
        return "new" if comparable else "unknown"

    @property
    def has_alerted(self) -> bool:
        """Whether a container of this very content alerted when it was learned, and nobody approved what it did."""
        mine = filter(self.is_mine, self.profiles)
        return any(entry.state == "alerted" for profile in mine for entry in profile.entries.values())

    @property
    def is_new_content(self) -> bool:
        """Whether the workload is known, but not on this content."""
        return self.knows_workload and self.standing == "new"

    @cached_property
    def predecessor(self) -> str | None:
        """The content seen last before, where this one is new."""
        if not self.is_new_content:
            return None
        others = [p.content for p in self.profiles if p.content is not None and not self.is_mine(p)]
        return others[-1] if others else None

    @cached_property
    def completeness(self) -> Completeness:
        """How much of what the workload does is known."""
        return completeness_of(self.profiles, self.policy)


def usual_for(case: "Case", baseline: Baseline, policy: TrustPolicy, cluster: ClusterState) -> Usual | None:
    """What is usual for a container; None where the baseline knows nothing that could matter."""
    key = workload_key(case)
    profiles = baseline.of_workload(key)
    content = image_content(case.provenance)
    is_trusted = case.provenance.trust.state == "trusted"
    if not profiles:
        # The same content, approved elsewhere: for trusted images that changes nothing.
        acted = bool(case.actions or case.pod_actions)
        if is_trusted or not acted or not _is_digest(content or "") or not baseline.of_content(content or ""):
            return None
    digests = content_digests(case.provenance)
    beside = (msgspec.structs.replace(key, container=other.name, role=other.kind) for other in case.beside)
    return Usual(
        key=key,
        content=content,
        names=frozenset(digests or ({content} if content is not None else ())),
        profiles=profiles,
        beside=tuple(sorted({other for other in beside if other != key})),
        is_trusted=is_trusted,
        baseline=baseline,
        policy=policy,
        cluster=cluster,
    )


def level_of(usual: Usual, action: Action) -> Level | None:
    """The nearest level at which an action is expected; None: nowhere."""
    habits = _habits(action, usual)
    for profile in sorted(usual.profiles, key=lambda profile: not usual.is_mine(profile)):
        if _holds(usual, profile, action, habits):
            return "content" if usual.is_mine(profile) else "predecessor"
    if any(_holds(usual, profile, action, habits) for profile in _elsewhere(usual)):
        return "fleet"
    if not usual.knows_workload:
        return None
    for key in usual.beside:
        if any(_holds(usual, p, action, habits, any_parent=True) for p in usual.baseline.of_workload(key)):
            return "workload"
    return "namespace" if usual.is_trusted and _is_usual_beside(usual, action, habits) else None


def _is_usual_beside(usual: Usual, action: Action, habits: list[Habit]) -> bool:
    """Whether another workload of the namespace is expected to do this."""
    place = usual.key
    if not place.namespace or any(
        entry.state in ("approved", "trusted") for p in usual.profiles for entry in _entries(p, action, habits)
    ):
        # Its own entry is in the namespace, too: what is not expected for that (too old, started by another program)
        # is not expected by this way.
        return False
    return any(usual.baseline.is_usual_in(place.cluster, place.namespace, habit) for habit in habits)


def is_seen(usual: Usual, action: Action) -> bool:
    """Whether the workload was seen to do this without an alert, whoever vouched for its image then."""
    habits = _habits(action, usual)
    return any(
        entry.state != "alerted"
        and not is_stale(entry.last_hour, profile.last_hour, usual.policy.baseline)
        and _fits(entry, action)
        for profile in usual.profiles
        for entry in _entries(profile, action, habits)
    )


def _habits(action: Action, usual: Usual) -> list[Habit]:
    """The habits that an action may be known by: a destination by its name, by its address, by whose that was."""
    forms = [action]
    if action.dst_name is not None:
        forms.append(msgspec.structs.replace(action, dst_name=None))
    habits = [habit for form in forms if (habit := habit_of(form, usual.policy)) is not None]
    held = [settled(habit, action.time_ns, usual.cluster, usual.policy) for habit in habits]
    return list(dict.fromkeys((*habits, *held)))


def _elsewhere(usual: Usual) -> Iterator[Profile]:
    """The profiles of the same content under other keys. A name may stand for other content there."""
    for name in sorted(filter(_is_digest, usual.names)):
        yield from (profile for profile in usual.baseline.of_content(name) if profile.key != usual.key)


def _holds(usual: Usual, profile: Profile, action: Action, habits: list[Habit], *, any_parent: bool = False) -> bool:
    """Whether a profile has an entry that makes an action expected."""
    return any(
        (entry.state == "approved" or (entry.state == "trusted" and usual.is_trusted))
        and not is_stale(entry.last_hour, profile.last_hour, usual.policy.baseline)
        and (any_parent or _fits(entry, action))
        for entry in _entries(profile, action, habits)
    )


def _entries(profile: Profile, action: Action, habits: list[Habit]) -> Iterator[Entry]:
    for habit in habits:
        entry = find(profile, habit)
        if entry is not None:
            yield entry
    if action.kind == "egress" and action.dst_name is None and action.dst_ip is not None and habits:
        # Another sensor, or another day, told the name that this address was asked for by.
        port = habits[0].what.rpartition(":")[2]
        held = {action.dst_ip, network_of(action.dst_ip)}
        for habit, entry in profile.entries.items():
            if not held.isdisjoint(entry.addresses) and habit.what.rpartition(":")[2] == port:
                yield entry


def _fits(entry: Entry, action: Action) -> bool:
    """Whether a program was started by one that starts it usually, as far as either is known."""
    parent = parent_of(action) if action.kind == "exec" and entry.parents else None
    return parent is None or parent in entry.parents or _ANY_PARENT in entry.parents


def _is_digest(content: str) -> bool:
    return content.startswith("sha256:")
