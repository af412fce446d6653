"""Defines the chain of one container: everything seen of it, kept so that the order of arrival leaves no trace.

Rules
- Every collection is a set in canonical order (event time first). Adding the same thing twice, or in another order,
  gives the same state; where a bound is reached, the first and the last by time stay and the rest is counted.
- Nothing is decided here. What the evidence means is asked at the end, by `judge.py`.
"""

from functools import lru_cache
from typing import Literal

import msgspec

from tidewaiter import lineage, tally
from tidewaiter.ends import earliest, first_of_each, firsts, insert, left_out, put
from tidewaiter.event import ContainerEvent, ImageClaim, Pod, User, Where
from tidewaiter.hours import united
from tidewaiter.shared import bounded_image, shared_text, shared_user

FIRST_KEPT = LAST_KEPT = 24
_SAME_KEPT = 3
"""Of one and the same action (a probe every ten seconds), so many first and last occurrences stay."""
_STAGES_KEPT, _RESTARTS_KEPT, _STRANGERS_KEPT = 12, 512, 32
BY_PID = -1
"""In place of a prefix's length: the container was found by a process id alone."""
_CLAIMS_KEPT, _SESSIONS_KEPT = 16, 24
_LINGER_NS = 1_000_000_000
"""Words of an end may come this much before the last words of what ended."""
_LIVES = 4
"""An id that somebody chose may stand for many containers: its chain keeps so many times as much."""


class Sighting(msgspec.Struct, frozen=True, gc=False):
    """One record that shows a stage: pull, pod, workload, create, start, stop, removed, session."""

    time_ns: int
    stage: str
    source: str
    detail: str
    """What the record named: a reference, a command, a user."""
    stream: str
    offset: int

    @property
    def order(self) -> tuple[int, str, str, str]:
        """Sightings that are equal in this are one and the same, delivered twice."""
        return (self.time_ns, self.stage, self.source, self.detail)


class Action(msgspec.Struct, frozen=True, gc=False):
    """Something a process did: an exec or a connection, with secrets already masked."""

    time_ns: int
    kind: str
    """`exec` or `egress`."""
    source: str
    stream: str
    offset: int
    exe: str | None = None
    args: tuple[str, ...] = ()
    pid: int | None = None
    parent_pid: int | None = None
    parent_exe: str | None = None
    is_upper_layer: bool = False
    dst_ip: str | None = None
    dst_port: int | None = None
    dst_name: str | None = None
    protocol: str | None = None
    is_initiator_proven: bool = True
    is_refused: bool = False
    prefix: int = 0
    """How many characters of the container's id it was found by, where the record gave no more; BY_PID: none at all."""

    @property
    def order(self) -> tuple[int, str, str, str, str, int, str, int]:
        """Actions that are equal in this are one and the same, delivered twice."""
        return (
            self.time_ns,
            self.kind,
            self.source,
            "\x1f".join(self.args),
            self.exe or "",
            self.pid or 0,
            self.dst_ip or "",
            self.dst_port or 0,
        )


class Session(msgspec.Struct, frozen=True, gc=False):
    """Somebody attached to the container and ran a command in it."""

    time_ns: int
    source: str
    stream: str
    offset: int
    command: tuple[str, ...]
    user: User | None
    session_id: str | None
    """The producer's id (auditID, execID): several records of one session share it."""

    @property
    def order(self) -> tuple[str, int, str]:
        """Sessions that are equal in this are one and the same."""
        if self.session_id is not None:
            return (self.session_id, 0, "")
        return ("", self.time_ns, " ".join(self.command))

    @property
    def rank(self) -> tuple[int, str, str, int, str]:
        """Of several records of one session the least in this stays."""
        return (self.time_ns, self.source, self.stream, self.offset, repr(self.user))


def attached(sessions: tuple[Session, ...], new: Session, room: int = 1) -> tuple[tuple[Session, ...], bool]:
    """(the sessions with one more, whether it was new). Of several records of one session the earliest stays.

    Docker tells of a health check as of a session: of what nobody is named for few stay of one command, so that it
    drives out no other. `room`: for how many containers there must be place.
    """
    told = [known for known in sessions if known.order == new.order]
    best = min((*told, new), key=lambda session: session.rank)
    grown = sorted((*(known for known in sessions if known not in told), best), key=lambda s: (s.time_ns, s.order))
    if len(grown) > 2 * _SAME_KEPT * room:
        kinds = [s.command if s.user is None else s.order for s in grown]
        gone = set(left_out(kinds, _SESSIONS_KEPT // 2 * room, _SESSIONS_KEPT // 2 * room, _SAME_KEPT * room))
        grown = [session for at, session in enumerate(grown) if at not in gone]
    return tuple(grown), not told


def acted(actions: tuple[Action, ...], new: Action, room: int = 1) -> tuple[tuple[Action, ...], bool, list[Action]]:
    """(the actions with one more, whether it was there already, those that were given up for it); `room` as above."""
    grown, is_known = put(actions, new)
    if is_known or len(grown) <= 2 * _SAME_KEPT * room:
        return grown, is_known, []
    kinds = [(a.kind, a.args, a.exe, a.dst_ip, a.dst_port) for a in grown]
    gone = left_out(kinds, FIRST_KEPT * room, LAST_KEPT * room, _SAME_KEPT * room)
    left = [grown[at] for at in gone]
    for at in reversed(gone):
        grown = (*grown[:at], *grown[at + 1 :])
    return grown, False, left


class Claim(msgspec.Struct, frozen=True, gc=False):
    """What one source said about the image of the container."""

    source: str
    image: ImageClaim
    time_ns: int = 0
    """When it was said, where one id may stand for several containers in turn; else 0."""


class Chain(msgspec.Struct):
    """One container on one node, or one container of a pod's spec whose id nobody told."""

    key: str
    """Unique in its cluster and node: the full id; `namespace/id` for containers whose id somebody chose;
    `pod:namespace/pod/container` where no id is known."""
    cluster: str
    node: str
    """Name of the node state it is kept in."""
    container_id: str | None = None
    named_by: tuple[str, ...] = ()
    """Nodes that named this container themselves."""
    runtime: str | None = None
    runtime_namespace: str | None = None
    name: str | None = None
    pod_namespace: str | None = None
    pod_name: str | None = None
    pod_uid: str | None = None
    pod_container: str | None = None
    service_account: str | None = None
    workload_kind: str | None = None
    workload: str | None = None
    role: Literal["init", "ephemeral"] | None = None
    """As told without the pod's spec."""
    claims: tuple[Claim, ...] = ()
    user: User | None = None
    privileged: bool = False
    host_root_mount: bool = False
    host_pid: bool = False
    is_sandbox: bool = False
    dns_servers: tuple[str, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    first_seen_ns: int | None = None
    first_process: tuple[int, str, tuple[str, ...], str] | None = None
    """(time_ns, exe, argv, parent exe) of the earliest exec seen in the container."""
    processes: tuple[tuple[int, str, tuple[str, ...], str], ...] = ()
    """Execs that may each have been the first of a container, where the key can stand for several; bounded."""
    restarts: tuple[int, ...] = ()
    """Times of starts whose sightings were given up, for the window opens with each; bounded."""
    actions: tuple[Action, ...] = ()
    given_up: bytes = b""
    """Tally of the actions that were given up, so that a second delivery is not counted again."""
    strangers: tuple[Action, ...] = ()
    """Runs of files that its image may not hold (`strangers.py`); bounded."""
    unfamiliar: tuple[tuple[str, bool, Action], ...] = ()
    """What a baseline is to be asked about (`unfamiliar.py`); bounded."""
    listed: tuple[tuple[str, Action], ...] = ()
    """What matches an indicator (`indicators.py`): its name, and the first that does; bounded."""
    sessions: tuple[Session, ...] = ()
    lineage: bytes = b""
    """Which process started which (`lineage.py`), of processes that are no actions, to follow a session's processes
    through them; bounded."""
    habits: dict[str, bytes] | None = None
    """While learning: what it was seen to do, each thing with its hours (`notes.py`, `hours.py`); bounded."""
    is_settled: bool = False
    """Trusted and old enough that late records cannot change it: its actions are no longer kept."""
    checked_ns: int = 0
    """When it was last asked whether it can be settled."""

    @property
    def is_unique(self) -> bool:
        """Whether its key can stand for one container only."""
        return self.key == self.container_id or self.container_id is None

    @property
    def _room(self) -> int:
        return 1 if self.is_unique else _LIVES

    @property
    def starts_ns(self) -> tuple[int, ...]:
        """Times of all starts seen, ascending."""
        shown = tuple(sighting.time_ns for sighting in self.sightings if sighting.stage == "start")
        return tuple(sorted((*shown, *self.restarts))) if self.restarts else shown

    @property
    def creates_ns(self) -> tuple[int, ...]:
        """Times of all creates seen, ascending."""
        return tuple(sighting.time_ns for sighting in self.sightings if sighting.stage == "create")

    @property
    def actions_omitted(self) -> int:
        """How many actions were given up; of more than a thousand an estimate."""
        return tally.count(self.given_up)

    def was_open(self, time_ns: int, skew_ns: int) -> bool:
        """Whether the container had begun by then, and not ended since its last start."""
        begun = [*self.creates_ns, *self.starts_ns]
        if begun and min(begun) > time_ns + skew_ns:
            return False
        ends = [
            s.time_ns for s in self.sightings if s.stage in ("stop", "removed") and s.time_ns + _LINGER_NS < time_ns
        ]
        starts = [start for start in self.starts_ns if start <= time_ns]
        return not ends or (bool(starts) and max(starts) > max(ends))

    def see(self, time_ns: int) -> None:
        """The container existed at this time."""
        if self.first_seen_ns is None or time_ns < self.first_seen_ns:
            self.first_seen_ns = time_ns

    def sight(self, stage: str, time_ns: int, where: Where, detail: str) -> bool:
        """Add a stage. Gives back whether it was new."""
        self.see(time_ns)
        new = Sighting(time_ns, stage, where.source, shared_text(detail), where.stream, where.offset)
        return self._keep(new)

    def _keep(self, sighting: Sighting) -> bool:
        # Bounded for each stage by itself: a container that starts over and over keeps its create.
        alike = tuple(known for known in self.sightings if known.stage == sighting.stage)
        kept, duplicate, given_up = insert(alike, sighting, _STAGES_KEPT * self._room, _STAGES_KEPT * self._room)
        others = (known for known in self.sightings if known.stage != sighting.stage)
        self.sightings = tuple(sorted((*others, *kept), key=lambda known: known.order))
        if given_up is not None and given_up.stage == "start":
            self._restart(given_up.time_ns)
        return not duplicate

    def _restart(self, *times_ns: int) -> None:
        known = sorted({*self.restarts, *times_ns})
        self.restarts = (*known[:_RESTARTS_KEPT], *known[_RESTARTS_KEPT:][-_RESTARTS_KEPT:])

    def act(self, action: Action) -> bool:
        """Add an action. Gives back whether it was new."""
        self.actions, is_known, left = acted(self.actions, action, self._room)
        # Each is noted, also where the first was known.
        return not is_known and all([self._give_up(one) for one in left])

    def _give_up(self, action: Action) -> bool:
        self.given_up, is_new = tally.note(self.given_up, action.order)
        return is_new

    def estrange(self, action: Action) -> None:
        """Keep the run of a file that its image may not hold."""
        self.strangers = earliest(self.strangers, action, lambda one: one.exe, _STRANGERS_KEPT)

    def descend(self, links: bytes) -> None:
        """Take in which processes started which, those that are no actions (`lineage.py`)."""
        self.lineage = lineage.union(self.lineage, links)
        if lineage.is_over(self.lineage):
            self.lineage = lineage.thinned(self.lineage, (action.parent_pid for action in self.actions))

    def settle(self, since_ns: int) -> None:
        """Nothing that it does matters any more; what a process id alone told, since then, may have been another's."""
        self.is_settled = True
        self.actions = tuple(a for a in self.actions if a.prefix == BY_PID and a.time_ns >= since_ns)
        self.strangers, self.unfamiliar, self.lineage = (), (), b""

    def claim(self, source: str, image: ImageClaim, time_ns: int = 0) -> None:
        """Take in what a source said about the image, once."""
        new = _claim(source, bounded_image(image), time_ns)
        if new not in self.claims:
            self.claims = tuple(sorted((*self.claims, new), key=repr))[: _CLAIMS_KEPT * self._room]

    def identify(self, event: ContainerEvent) -> None:
        """Take in the names a record gives. Where two disagree, the smaller text stays, whatever came first."""
        self.runtime = _smaller(self.runtime, event.runtime)
        self.runtime_namespace = _smaller(self.runtime_namespace, event.runtime_namespace)
        if event.image is not None:
            self.claim(event.where.source, event.image, 0 if self.is_unique else event.time_ns or 0)
        if event.pod is not None:
            self.place(event.pod)

    def place(self, pod: Pod) -> None:
        """Take in the Kubernetes coordinates."""
        self.pod_namespace = _smaller(self.pod_namespace, pod.namespace)
        self.pod_name = _smaller(self.pod_name, pod.name)
        self.pod_uid = _smaller(self.pod_uid, pod.uid)
        self.pod_container = _smaller(self.pod_container, pod.container_name)
        self.service_account = _smaller(self.service_account, pod.service_account)
        if pod.role is not None:
            self.role = min(self.role or pod.role, pod.role)
        if pod.workload is not None:
            pair = (pod.workload_kind or "", pod.workload)
            known = (self.workload_kind or "", self.workload) if self.workload is not None else pair
            self.workload_kind, self.workload = min(known, pair)

    def ask(self, user: User | None) -> None:
        """Take in who had it created. Where two records disagree, the smaller text stays."""
        if user is not None:
            self.user = min(self.user or user, shared_user(user), key=repr)

    def be_called(self, name: str | None) -> None:
        """Take in the container's own name."""
        self.name = _smaller(self.name, name)

    def attach(self, session: Session) -> bool:
        """Add a session. Gives back whether it was new."""
        self.sessions, is_new = attached(self.sessions, session, self._room)
        return is_new

    def absorb(self, other: "Chain") -> None:
        """Take in all that was kept of the same container under another key or node."""
        for sighting in other.sightings:
            self._keep(sighting)
        if other.restarts:
            self._restart(*other.restarts)
        for action in other.actions:
            self.act(action)
        for stranger in other.strangers:
            self.estrange(stranger)
        self.unfamiliar = firsts((*self.unfamiliar, *other.unfamiliar))
        self.listed = first_of_each((*self.listed, *other.listed))
        for claim in other.claims:
            self.claim(claim.source, claim.image, claim.time_ns)
        for session in other.sessions:
            self.attach(session)
        self.given_up = tally.union(self.given_up, other.given_up)
        self.habits = united(self.habits, other.habits)
        self.named_by = tuple(sorted({*self.named_by, *other.named_by}))
        self.place(
            Pod(
                namespace=other.pod_namespace,
                name=other.pod_name,
                uid=other.pod_uid,
                container_name=other.pod_container,
                service_account=other.service_account,
                workload_kind=other.workload_kind,
                workload=other.workload,
                role=other.role,
            )
        )
        self.be_called(other.name)
        self.runtime = _smaller(self.runtime, other.runtime)
        self.runtime_namespace = _smaller(self.runtime_namespace, other.runtime_namespace)
        self.ask(other.user)
        self.privileged = self.privileged or other.privileged
        self.host_root_mount = self.host_root_mount or other.host_root_mount
        self.host_pid = self.host_pid or other.host_pid
        self.is_sandbox = self.is_sandbox or other.is_sandbox
        self.dns_servers = tuple(sorted({*self.dns_servers, *other.dns_servers}))
        self.descend(other.lineage)
        if other.first_seen_ns is not None:
            self.see(other.first_seen_ns)
        if other.first_process is not None:
            self.first_process = min(self.first_process or other.first_process, other.first_process)
        self.processes = tuple(sorted({*self.processes, *other.processes}))[-128:]


def _smaller(known: str | None, told: str | None) -> str | None:
    if told is None or known == told:
        return known
    # Many containers share a namespace, a workload, a runtime: one text for all of them.
    told = shared_text(told)
    return told if known is None else min(known, told)


@lru_cache(maxsize=16_384)
def _claim(source: str, image: ImageClaim, time_ns: int) -> Claim:
    return Claim(source, image, time_ns)
