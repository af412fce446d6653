"""Defines what is remembered of one Kubernetes object, a pod or a workload, as the API server told it.

Who asked, and for which containers, is told in several records: which of them counts, arrival has no say in.
"""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec

from tidewaiter import tally
from tidewaiter.chain import Action, Session, acted, attached
from tidewaiter.event import PodContainer, User, Where
from tidewaiter.shared import shared_text, shared_user

_SPECS_KEPT = 64
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
    generate_name: str | None = None
    """What the name of a pod without an owner was made from."""
    service_account: str | None = None
    specs: tuple[Spec, ...] = ()
    """Of all its containers, in order of time; the latest stay."""
    sessions: tuple[Session, ...] = ()
    """Sessions known by pod only."""
    host_pid: bool = False
    host_network: bool = False
    node: str | None = None
    actions: tuple[Action, ...] = ()
    """Flows that are known by pod only, bounded as those of a container."""
    unfamiliar: tuple[tuple[str, bool, Action], ...] = ()
    """Of these flows, what a baseline is to be asked about (`unfamiliar.py`); bounded."""
    listed: tuple[tuple[str, Action], ...] = ()
    """Of these flows, what matches an indicator, as with a chain."""
    given_up: dict[str, bytes] | None = None
    """Source -> tally of the flows that were given up."""
    habits: dict[str, bytes] | None = None
    """While learning: what it was seen to do, as with a chain."""

    @property
    def container_names(self) -> list[str]:
        """The containers that somebody asked for, each once."""
        return sorted({spec.container.name for spec in self.specs})

    @property
    def actions_omitted(self) -> int:
        """How many flows were seen but not kept."""
        return sum(map(tally.count, self.given_up.values())) if self.given_up is not None else 0

    def flows_by_source(self) -> Counter[str]:
        """How many flows each source told, those that were not kept included."""
        omitted = {source: tally.count(noted) for source, noted in (self.given_up or {}).items()}
        return Counter(action.source for action in self.actions) + Counter(omitted)

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
        self.actions, is_known, left = acted(self.actions, action)
        return not is_known and all([self._give_up(one) for one in left])

    def _give_up(self, action: Action) -> bool:
        self.given_up = self.given_up or {}
        noted, is_new = tally.note(self.given_up.get(action.source, b""), action.order)
        self.given_up[action.source] = noted
        return is_new


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


def ask(record: PodRecord | WorkloadRecord, time_ns: int, where: Where, user: User | None) -> bool:
    """Somebody asked for the object. One who is named stands for it first, then the earlier, then by place in the
    files. Gives back whether this is the best that is known of it now."""
    known = (record.user is None, record.time_ns or 0, record.source, record.stream, record.offset, repr(record.user))
    if record.time_ns is not None and (user is None, time_ns, *_place(where), repr(user)) >= known:
        return False
    record.time_ns, record.source, record.stream, record.offset = time_ns, *_place(where)
    record.user = shared_user(user) if user is not None else None
    return True


def own(record: PodRecord | WorkloadRecord, kind: str | None, name: str | None) -> None:
    """Take in the owner a record names. Where two disagree, the smaller text stays, whatever came first."""
    if kind is not None and name is not None:
        told = (shared_text(kind), shared_text(name))
        known = (record.owner_kind or "", record.owner_name or "") if record.owner_name is not None else told
        record.owner_kind, record.owner_name = min(known, told)


def added_by(spec: Spec, specs: Iterable[Spec]) -> User | None:
    """The person who added an ephemeral container, out of all specs of its pod: to ask for one more lists again those
    that were there. Whoever lists nothing new has added it to another pod of the same name."""
    requests: dict[tuple[int, str], tuple[User | None, set[str]]] = {}
    for told in specs:
        if told.container.kind == "ephemeral":
            request = requests.setdefault((told.time_ns, repr(told.debugger)), (told.debugger, set()))
            request[1].add(told.container.name)
    user, names = requests.get(here := (spec.time_ns, repr(spec.debugger)), (None, set()))
    for _, (earlier, before) in sorted(((at, told) for at, told in requests.items() if at < here), reverse=True):
        if spec.container.name not in before or (names <= before and earlier != user):
            break
        user, names = earlier, before
    return user


def _place(where: Where) -> tuple[str, str, int]:
    return (where.source, where.stream, where.offset)


def _by_order(spec: Spec) -> tuple[Any, ...]:
    return spec.order
