"""Defines what is remembered of one Kubernetes object, a pod or a workload, as the API server told it.

Who asked, and for which containers, is told in several records: which of them counts, arrival has no say in.
"""

from collections import Counter
from functools import lru_cache
from typing import Any

import msgspec

from tidewaiter.chain import (
    FIRST_KEPT,
    LAST_KEPT,
    Action,
    Session,
    attached,
    fingerprint,
    insert,
    shared_text,
    shared_user,
)
from tidewaiter.event import PodContainer, User, Where

_SPECS_KEPT = 64
_GIVEN_UP_KEPT = 256
_CHANGES_KEPT = 16
_SECOND_NS = 1_000_000_000


@lru_cache(maxsize=16_384)
def shared_spec(container: PodContainer) -> PodContainer:
    """The container's spec, as one object for all replicas."""
    return container


def is_human(name: str | None) -> bool:
    """Whether a user name is a person's: not a service account, a node or a component (`system:...`)."""
    return bool(name) and not (name or "").startswith("system:")


class Spec(msgspec.Struct, frozen=True, gc=False):
    """What a pod's container was asked to be, from a moment on: a pod's images may be set anew."""

    time_ns: int
    container: PodContainer
    debugger: User | None = None
    """The person who added this ephemeral container."""

    @property
    def order(self) -> tuple[Any, ...]:
        """Specs that are equal in this are one and the same, delivered twice."""
        told = self.container
        policy = told.image_pull_policy or ""
        shape = (told.kind, policy, told.privileged, told.host_root_mount, told.probes)
        return (self.time_ns, told.name, told.image or "", shape, repr(self.debugger) if self.debugger else "")


class Omitted(msgspec.Struct):
    """What was seen but not kept."""

    counts: dict[str, int] = msgspec.field(default_factory=dict)
    """Source -> how many actions."""
    given_up: tuple[int, ...] = ()
    """Their fingerprints, so that a second delivery is not counted again; bounded."""


class PodRecord(msgspec.Struct):
    """One pod, as the API server told it."""

    key: str
    """`namespace/name`, and `/uid` where it is known."""
    namespace: str | None = None
    name: str | None = None
    uid: str | None = None
    time_ns: int | None = None
    """When it was asked for."""
    source: str = ""
    stream: str = ""
    offset: int = 0
    user: User | None = None
    owner_kind: str | None = None
    owner_name: str | None = None
    service_account: str | None = None
    specs: tuple[Spec, ...] = ()
    """Of all its containers, in order of time; the latest stay."""
    sessions: tuple[Session, ...] = ()
    """Sessions known by pod only."""
    host_pid: bool = False
    host_network: bool = False
    node: str | None = None
    actions: tuple[Action, ...] = ()
    """Flows that are known by pod only: the first and the last of them."""
    omitted: Omitted | None = None
    """The flows between those."""

    @property
    def container_names(self) -> list[str]:
        """The containers that somebody asked for, each once."""
        return sorted({spec.container.name for spec in self.specs})

    @property
    def actions_omitted(self) -> int:
        """How many flows were seen but not kept."""
        return sum(self.omitted.counts.values()) if self.omitted is not None else 0

    def flows_by_source(self) -> Counter[str]:
        """How many flows each source told, those that were not kept included."""
        return Counter(action.source for action in self.actions) + Counter(self.omitted.counts if self.omitted else {})

    def specify(self, spec: Spec) -> bool:
        """Somebody asked for a container. Gives back whether what was asked for earliest had to go for it."""
        if spec in self.specs:
            return False
        grown = sorted((*self.specs, spec), key=_by_order)
        self.specs = tuple(grown[-_SPECS_KEPT:])
        return len(grown) > _SPECS_KEPT

    def attach(self, session: Session) -> bool:
        """Add a session known by pod only. Gives back whether it was new."""
        self.sessions, is_new = attached(self.sessions, session)
        return is_new

    def act(self, action: Action) -> bool:
        """Add a flow known by pod only. Gives back whether it was new."""
        self.actions, is_known, given_up = insert(self.actions, action, FIRST_KEPT, LAST_KEPT)
        return not is_known and (given_up is None or self._give_up(given_up))

    def _give_up(self, action: Action) -> bool:
        omitted = self.omitted = self.omitted or Omitted()
        mark = fingerprint(action)
        if mark in omitted.given_up:
            return False
        omitted.given_up = (*omitted.given_up, mark)[:_GIVEN_UP_KEPT]
        omitted.counts[action.source] = omitted.counts.get(action.source, 0) + 1
        return True

    def asked(self, time_ns: int, where: Where, user: User | None) -> None:
        """Somebody asked for the pod; a record that names the person outranks one that does not, then the earlier."""
        if _outranks(self, time_ns, where, user):
            self.time_ns, self.source, self.stream, self.offset = time_ns, where.source, where.stream, where.offset
            self.user = shared_user(user) if user is not None else None


class WorkloadRecord(msgspec.Struct):
    """One Deployment, Job ... as the API server told it."""

    kind: str
    namespace: str | None
    name: str | None
    time_ns: int | None = None
    source: str = ""
    stream: str = ""
    offset: int = 0
    user: User | None = None
    changes: list[tuple[int, User]] = msgspec.field(default_factory=list)
    """Who created it or set its template, in order of time; the first and the latest stay."""
    owner_kind: str | None = None
    owner_name: str | None = None

    def asked(self, time_ns: int, where: Where, user: User | None) -> bool:
        """Somebody asked for it, ranked as for pods. Gives back whether this is the best known of it now."""
        is_best = _outranks(self, time_ns, where, user)
        if is_best:
            self.time_ns, self.source, self.stream, self.offset = time_ns, where.source, where.stream, where.offset
            self.user = user
        return is_best

    def change(self, time_ns: int, user: User) -> bool:
        """Somebody created it or set its template. Gives back whether that was new."""
        if (time_ns, user) in self.changes:
            return False
        self.changes.append((time_ns, shared_user(user)))
        self.changes.sort(key=lambda change: (change[0], repr(change[1])))
        del self.changes[1 : -_CHANGES_KEPT + 1 or None]
        return True

    def changed_by(self, until_ns: int | None) -> User | None:
        """Who made it what it was at a moment: the last named human up to then, else the last of all."""
        known = [user for time_ns, user in self.changes if until_ns is None or time_ns <= until_ns + _SECOND_NS]
        humans = [user for user in known if is_human(user.name)]
        return (humans or known)[-1] if known else self.user


def own(record: PodRecord | WorkloadRecord, kind: str | None, name: str | None) -> None:
    """Take in the owner a record names. Where two disagree, the smaller text stays, whatever came first."""
    if kind is not None and name is not None:
        told = (shared_text(kind), shared_text(name))
        known = (record.owner_kind or "", record.owner_name or "") if record.owner_name is not None else told
        record.owner_kind, record.owner_name = min(known, told)


def _outranks(known: PodRecord | WorkloadRecord, time_ns: int, where: Where, user: User | None) -> bool:
    """Whether a request is to stand for the object: one that names the person first, then the earlier, then its place
    in the files."""
    if known.time_ns is None:
        return True
    before = (known.user is None, known.time_ns, known.source, known.stream, known.offset, repr(known.user))
    return (user is None, time_ns, where.source, where.stream, where.offset, repr(user)) < before


def _by_order(spec: Spec) -> tuple[Any, ...]:
    return spec.order
