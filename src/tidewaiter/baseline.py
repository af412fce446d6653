"""Defines a baseline: what each workload, on each image content, was seen to do, and in how many container-hours.

Rules
- A profile is kept by workload key *and* image content: a moved tag begins a profile of its own.
- Learning adds, and nothing else: `merge` is associative and commutative, so days and nodes may be learned apart.
- What an image that nobody vouches for did is written down, and expects nothing until somebody approves it.
"""

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Literal, Protocol, get_args

import msgspec

from tidewaiter.habit import Habit
from tidewaiter.policy import DEFAULT_POLICY
from tidewaiter.resolve import Provenance
from tidewaiter.widening import REST, Spares, kept_addresses, widened, wider
from tidewaiter.workload import WorkloadKey

PODS_KEPT = 64
_PARENTS_KEPT = 8
_DIGESTS_KEPT = 16
_REPOSITORIES_KEPT = 16
MANY = "*"

State = Literal["unapproved", "trusted", "alerted", "approved"]
"""Why an entry is or is not expected, the weakest first; of two that are merged the later in this order stays.
`unapproved`: the image was not trusted. `trusted`: the policy vouched for the image; it counts only while it does.
`alerted`: a behaviour of a chain that alerted; a pattern never approves it. `approved`: somebody said so."""
STATES: tuple[State, ...] = get_args(State)


class Entry(msgspec.Struct, gc=False, omit_defaults=True):
    """How one habit was seen."""

    state: State
    units: int
    """In how many container-hours (one container in one hour of the clock) it was seen."""
    first_hour: int
    """Hours since the Unix epoch, UTC."""
    last_hour: int
    magnitude: int = 0
    """floor(log10(n)), n being how often it was seen in a container-hour: an average of a container's, of the busiest
    container. An estimate, within a factor of two or three."""
    parents: tuple[str, ...] = ()
    """Programs that started it, sorted; `*` for more than are kept. Empty: nobody told."""
    addresses: tuple[str, ...] = ()
    """Of a destination known by name: addresses that it had, or networks for many of them, sorted; those that are
    kept."""


class Profile(msgspec.Struct):
    """What one container of one workload does on one image content."""

    key: WorkloadKey
    content: str | None
    """The config digest; where it is not known another digest, else the reference, else None."""
    repositories: tuple[str, ...] = ()
    """Upstream repositories that the content came from, sorted."""
    units: int = 0
    """Container-hours in which it was seen to do something."""
    starts: int = 0
    pods: tuple[str, ...] = ()
    """The least of the hashes of the containers it was seen in (a bottom-k sketch: exact up to its length)."""
    hours: int = 0
    """Bit h: it was seen in hour h of the day, UTC."""
    weekdays: int = 0
    """Bit d: it was seen on day d of the week, Monday 0."""
    first_hour: int = 0
    last_hour: int = 0
    entries: dict[Habit, Entry] = msgspec.field(default_factory=dict)
    digests: tuple[str, ...] = ()
    """Digests that were proven for the content, sorted; those that are kept. One node tells the config digest, another
    that of the index only: it is one content."""


class Baseline(Protocol):
    """Baselines, however they are kept. It never changes while it is asked."""

    @property
    def clusters(self) -> frozenset[str]:
        """The clusters it was learned from."""
        ...

    def of_workload(self, key: WorkloadKey) -> tuple[Profile, ...]:
        """The profiles of one container of one workload, one for each content, the latest seen last."""
        ...

    def of_content(self, content: str) -> tuple[Profile, ...]:
        """The profiles of one image content, wherever it ran."""
        ...

    def knows(self, cluster: str, namespace: str) -> bool:
        """Whether any workload of the namespace was learned."""
        ...

    def is_usual_in(self, cluster: str, namespace: str, habit: Habit) -> bool:
        """Whether an expected entry (`approved` or `trusted`) of some workload of the namespace has this habit."""
        ...


class Profiles:
    """A baseline in memory."""

    def __init__(self, profiles: Iterable[Profile]) -> None:
        same: dict[tuple[WorkloadKey, str | None], list[Profile]] = {}
        for profile in profiles:
            same.setdefault((profile.key, profile.content), []).append(profile)
        self._by_key: dict[WorkloadKey, list[Profile]] = {}
        self._by_content: dict[str, list[Profile]] = {}
        self._usual: dict[tuple[str, str], set[Habit]] = {}
        merged = [merge(alike) for alike in same.values()]
        for profile in sorted(merged, key=lambda one: (one.last_hour, one.content or "", one.key)):
            self._by_key.setdefault(profile.key, []).append(profile)
            if profile.content is not None:
                self._by_content.setdefault(profile.content, []).append(profile)
            place = (profile.key.cluster, profile.key.namespace)
            usual = {habit for habit, entry in profile.entries.items() if entry.state in ("approved", "trusted")}
            self._usual.setdefault(place, set()).update(usual)

        self.clusters = frozenset(key.cluster for key in self._by_key)
        """The clusters it was learned from."""

    def of_workload(self, key: WorkloadKey) -> tuple[Profile, ...]:
        """The profiles of one container of one workload, the latest seen last."""
        return tuple(self._by_key.get(key, ()))

    def of_content(self, content: str) -> tuple[Profile, ...]:
        """The profiles of one image content, wherever it ran."""
        return tuple(self._by_content.get(content, ()))

    def knows(self, cluster: str, namespace: str) -> bool:
        """Whether any workload of the namespace was learned."""
        return (cluster, namespace) in self._usual

    def is_usual_in(self, cluster: str, namespace: str, habit: Habit) -> bool:
        """Whether an expected entry of some workload of the namespace has this habit."""
        usual = self._usual.get((cluster, namespace), set())
        return any(one in usual for one in (habit, *wider(habit)))


def find(profile: Profile, habit: Habit) -> Entry | None:
    """The entry that a habit falls under: its own, else that of the narrowest wider habit."""
    entries = profile.entries
    if habit in entries:
        return entries[habit]
    return next((entries[one] for one in wider(habit) if one in entries), None)


def image_content(found: Provenance) -> str | None:
    """What a profile is kept by: the config digest; where it is not known another digest, else the reference."""
    digests, image = content_digests(found), found.image
    best = (image.config_digest, image.manifest_digest, image.index_digest)
    return next((told for told in best if told in digests), min(digests, default=image.reference))


def content_digests(found: Provenance) -> frozenset[str]:
    """All digests under which a content may have been learned: those that are proven, else those that its name stood
    for, else those that a sensor copied. Beside a digest that is proven a name says nothing: it may have been moved."""
    image = found.image
    named = (image.config_digest, image.manifest_digest, image.index_digest)
    by_name = frozenset(digest for digest in named if digest is not None)
    return found.proven_digests or by_name or found.told_digests


def merge(profiles: Iterable[Profile], spares: Spares = DEFAULT_POLICY.is_suspicious_binary) -> Profile:
    """One profile out of several of one key and content (learned from other hours or other nodes).

    Counts are added, so that hours that were learned twice count twice; all else is a set, and knows nothing of how
    often or in which order. What was approved stays so by itself where it is widened. `spares` names programs whose
    arguments are never widened. Raises ValueError where there is no profile, or one of another key or content.
    """
    known = list(profiles)
    if len({(profile.key, profile.content) for profile in known}) != 1:
        raise ValueError("profiles of one key and content can be merged, and no others")
    entries: dict[Habit, list[Entry]] = {}
    for profile in known:
        for habit, entry in profile.entries.items():
            entries.setdefault(habit, []).append(entry)
    approved: dict[Habit, Habit] = {}
    for habit, wide in widened(entries, spares).items():
        parts = entries.pop(habit)
        if wide.what != REST and any(part.state == "approved" for part in parts):
            approved[habit] = wide
        entries.setdefault(wide, []).extend(map(_held_back, parts))
    found = {habit: one_entry(alike) for habit, alike in entries.items()}
    found |= {habit: _still_approved(found[wide]) for habit, wide in approved.items()}
    seen = [profile for profile in known if profile.units] or known
    return Profile(
        key=known[0].key,
        content=known[0].content,
        repositories=_least(_REPOSITORIES_KEPT, [profile.repositories for profile in known]),
        digests=_least(_DIGESTS_KEPT, [profile.digests for profile in known]),
        units=sum(profile.units for profile in known),
        starts=sum(profile.starts for profile in known),
        pods=_least(PODS_KEPT, [profile.pods for profile in known]),
        hours=reduce(or_, (profile.hours for profile in known)),
        weekdays=reduce(or_, (profile.weekdays for profile in known)),
        first_hour=min(profile.first_hour for profile in seen),
        last_hour=max(profile.last_hour for profile in seen),
        entries={habit: found[habit] for habit in sorted(found)},
    )


def _held_back(part: Entry) -> Entry:
    """What a part gives to the wider entry. Who approved eight addresses approved no network: of that nothing is
    expected until somebody approves it by name."""
    return msgspec.structs.replace(part, state="alerted") if part.state == "approved" else part


def _still_approved(wide: Entry) -> Entry:
    """What stays of an approved part beside the wider entry, which counts its container-hours. It knows nothing else of
    its own, so that it does not matter when it was widened."""
    return Entry("approved", 0, wide.first_hour, wide.last_hour, parents=wide.parents)


def one_entry(entries: list[Entry]) -> Entry:
    """One entry out of several of one habit. What was widened counts every container-hour of each of its parts."""
    if len(entries) == 1:
        return entries[0]
    parents = {parent for entry in entries for parent in entry.parents}
    return Entry(
        state=max((entry.state for entry in entries), key=STATES.index),
        units=sum(entry.units for entry in entries),
        first_hour=min(entry.first_hour for entry in entries),
        last_hour=max(entry.last_hour for entry in entries),
        magnitude=max(entry.magnitude for entry in entries),
        parents=kept_parents(parents),
        addresses=kept_addresses({address for entry in entries for address in entry.addresses}),
    )


def kept_parents(parents: set[str]) -> tuple[str, ...]:
    """Programs that started another, sorted; `*` for more than are kept."""
    return (MANY,) if MANY in parents or len(parents) > _PARENTS_KEPT else tuple(sorted(parents))


def _least(most: int, parts: list[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({text for part in parts for text in part})[:most])
