"""Defines what is remembered of one node: its image names over time, its pulls, its processes and its containers.

Names move, content does not: a name is looked up *as of a moment*. Pulls are kept longer than any window, so that an
image pulled last week still has an origin today.
"""

import msgspec

from tidewaiter.chain import Chain
from tidewaiter.digest import Digest
from tidewaiter.ends import left_out, put
from tidewaiter.event import User
from tidewaiter.sight import Moments, absorb_blindness

_NAMES_KEPT = 50_000
_MOMENTS_KEPT = 32
_ALIKE_KEPT = 8
"""Of moments that tell the same of one name, so many first and last ones stay."""
_PIDS_KEPT = 20_000
_REUSED_KEPT = 256
_HOLDERS_KEPT = 8
VOIDING = frozenset({"tag", "load", "import", "commit", "build"})
"""Actions after which the reference in a create request vouches for nothing: somebody here gave the name."""


class NameMoment(msgspec.Struct, frozen=True, gc=False):
    """From this moment on the name stood for this content on the node."""

    time_ns: int | None
    """None: an untimed listing showed it."""
    action: str
    config_digest: Digest | None
    repo_digest: Digest | None
    source: str
    stream: str
    offset: int

    @property
    def order(self) -> tuple[int, str, str, str, str]:
        """Moments that are equal in this are one and the same."""
        return (self.time_ns or 0, self.action, self.config_digest or "", self.repo_digest or "", self.source)


class Pull(msgspec.Struct, frozen=True, gc=False):
    """Somebody brought content in under a name."""

    time_ns: int
    name: str
    """Normal form of the reference that was pulled."""
    repository: str
    reference: str
    """As written."""
    seen_by: str
    source: str
    stream: str
    offset: int
    config_digest: Digest | None = None
    digests: tuple[Digest, ...] = ()
    """Index, manifest or repository digests the record carries."""
    client: User | None = None

    @property
    def order(self) -> tuple[int, str, str, str, tuple[str, ...]]:
        """Pulls that are equal in this are one and the same."""
        return (self.time_ns, self.name, self.source, self.config_digest or "", self.digests)


class NodeState(msgspec.Struct):
    """All that belongs to one node of one cluster."""

    cluster: str
    name: str
    """The name it is kept under; `""` while no record named the node."""
    aliases: set[str] = msgspec.field(default_factory=set)
    """All names producers gave it, its own among them."""
    assigned: set[str] = msgspec.field(default_factory=set)
    """Those of its names that the API server, the kubelet or the runtime's own records use."""
    names: dict[str, list[NameMoment]] = msgspec.field(default_factory=dict)
    """Normal form of a reference -> moments in order of time."""
    pulls: dict[str, list[Pull]] = msgspec.field(default_factory=dict)
    """Repository -> pulls in order of time."""
    given: dict[Digest, list[NameMoment]] = msgspec.field(default_factory=dict)
    """Config digest -> moments at which somebody on the node gave it a name (tag, load, import, commit, build)."""
    since: dict[Digest, int] = msgspec.field(default_factory=dict)
    """Config digest -> earliest moment at which a timed record showed it on the node."""
    repositories: dict[Digest, set[str]] = msgspec.field(default_factory=dict)
    """Any digest -> names under which the node met it, to find the pulls of content whatever it is called now."""
    chains: dict[str, Chain] = msgspec.field(default_factory=dict)
    pids: dict[int, tuple[int, str]] = msgspec.field(default_factory=dict)
    """Host pid -> (time_ns, chain key) of processes known to be in a container: the last to get the id, and when."""
    reused: dict[int, list[tuple[int, str]]] = msgspec.field(default_factory=dict)
    """Host pid -> who had it before, in order of time, where it was used again; for records that come late."""
    blind: dict[str, Moments] = msgspec.field(default_factory=dict)
    """`collector/sight` -> since when it was seen, and since when not (`sight.py`)."""
    evicted: int = 0

    def learn_name(self, name: str, moment: NameMoment) -> bool:
        """A name stood for content. Gives back whether that was new."""
        moments = self.names.get(name)
        if moments is None:
            if len(self.names) >= _NAMES_KEPT:
                self.names.pop(next(iter(self.names)))
                self.evicted += 1
            moments = self.names.setdefault(name, [])
        self.show(moment.config_digest, moment.time_ns)
        for digest in (moment.config_digest, moment.repo_digest):
            self._met(digest, repository_of(name))
        return _keep(moments, moment)

    def show(self, config: Digest | None, time_ns: int | None) -> None:
        """A record showed the content on the node at a moment."""
        if config is not None and time_ns is not None and (config in self.since or len(self.since) < _NAMES_KEPT):
            self.since[config] = min(self.since.get(config, time_ns), time_ns)

    def _met(self, digest: Digest | None, repository: str) -> None:
        if digest is None:
            return
        known = self.repositories.get(digest)
        if known is None and len(self.repositories) >= _NAMES_KEPT:
            self.repositories.pop(next(iter(self.repositories)))
            self.evicted += 1
        self.repositories.setdefault(digest, set()).add(repository)

    def learn_giving(self, config: Digest, moment: NameMoment) -> bool:
        """Somebody on this node gave content a name. Gives back whether that was new."""
        if config not in self.given and len(self.given) >= _NAMES_KEPT:
            self.given.pop(next(iter(self.given)))
            self.evicted += 1
        return _keep(self.given.setdefault(config, []), moment)

    def learn_pull(self, pull: Pull, retention_ns: int, cap: int) -> bool:
        """Somebody pulled. Pulls older than the retention, measured from the newest of the repository, are dropped."""
        pulls = self.pulls.get(pull.repository)
        if pulls is None:
            if len(self.pulls) >= cap:
                oldest = min(self.pulls, key=lambda repository: self.pulls[repository][-1].time_ns)
                del self.pulls[oldest]
                self.evicted += 1
            pulls = self.pulls.setdefault(pull.repository, [])
        for digest in (pull.config_digest, *pull.digests):
            self._met(digest, pull.repository)
        pulls[:], is_known = put(pulls, pull)
        if is_known:
            return False
        newest = pulls[-1].time_ns
        while newest - pulls[0].time_ns > retention_ns:
            pulls.pop(0)
        if len(pulls) > _MOMENTS_KEPT:
            # The first pull (the origin) and the latest ones stay; the middle repeats them.
            del pulls[_MOMENTS_KEPT // 2]
            self.evicted += 1
        return True

    def learn_pid(self, pid: int, time_ns: int, key: str) -> bool:
        """From this moment on a process was in a container. Gives back whether another container had its id too."""
        known = self.pids.get(pid)
        if known is None:
            if len(self.pids) >= _PIDS_KEPT:
                oldest = next(iter(self.pids))
                del self.pids[oldest]
                self.reused.pop(oldest, None)
                self.evicted += 1
            self.pids[pid] = (time_ns, key)
        elif known[1] != key or time_ns < known[0]:
            self._take_turns(pid, {*self.turns_of(pid), (time_ns, key)})
        return pid in self.reused

    def pass_pid(self, pid: int, time_ns: int, key: str, to: str) -> None:
        """What was learnt of a process at a moment is true of another container."""
        turns = self.turns_of(pid)
        if (time_ns, key) in turns:
            self._take_turns(pid, {*turns, (time_ns, to)} - {(time_ns, key)})

    def turns_of(self, pid: int) -> list[tuple[int, str]]:
        """Who had a process id, in order of time: (since when, chain key)."""
        return [*self.reused.get(pid, ()), self.pids[pid]] if pid in self.pids else []

    def holder_of(self, pid: int, time_ns: int, early_ns: int = 0) -> tuple[int, str] | None:
        """(since when, chain key) of who had a process id at a moment: the last to get it up to then, else the first
        to get it within `early_ns` after it."""
        last = self.pids.get(pid)
        if last is None or last[0] <= time_ns:
            return last
        turns = self.turns_of(pid)
        past = [turn for turn in turns if turn[0] <= time_ns]
        return past[-1] if past else turns[0] if turns[0][0] <= time_ns + early_ns else None

    def _take_turns(self, pid: int, told: set[tuple[int, str]]) -> None:
        turns: list[tuple[int, str]] = []
        for turn in sorted(told):
            if not turns or turns[-1][1] != turn[1]:
                turns.append(turn)
        self.pids[pid] = turns.pop()
        self.reused.pop(pid, None)
        if turns:
            self.reused[pid] = turns[-_HOLDERS_KEPT:]
            if len(self.reused) > _REUSED_KEPT:
                del self.reused[next(iter(self.reused))]

    def content_at(self, name: str, time_ns: int) -> NameMoment | None:
        """What the name stood for at a moment: the last timed one up to then, else the only untimed listing."""
        moments = self.names.get(name, ())
        timed = [m for m in moments if m.time_ns is not None and m.time_ns <= time_ns and _has_target(m)]
        if timed:
            return timed[-1]
        listed = [m for m in moments if m.time_ns is None and _has_target(m)]
        targets = {(m.config_digest, m.repo_digest) for m in listed}
        return listed[0] if len(targets) == 1 else None

    def absorb(self, other: "NodeState", retention_ns: int, cap: int) -> None:
        """Take in all that was kept of the same node under another name (containers are moved by the correlator)."""
        for config, time_ns in other.since.items():
            self.show(config, time_ns)
        self.aliases |= other.aliases
        self.assigned |= other.assigned
        for name, moments in other.names.items():
            for moment in moments:
                self.learn_name(name, moment)
        for config, moments in other.given.items():
            for moment in moments:
                self.learn_giving(config, moment)
        for pulls in other.pulls.values():
            for pull in pulls:
                self.learn_pull(pull, retention_ns, cap)
        for pid in other.pids:
            for time_ns, key in other.turns_of(pid):
                self.learn_pid(pid, time_ns, key)
        absorb_blindness(self.blind, other.blind)
        self.evicted += other.evicted


def repository_of(name: str) -> str:
    """`registry/path` of a reference in normal form."""
    rest = name.partition("@")[0]
    colon = rest.rfind(":")
    return rest[:colon] if colon > rest.rfind("/") else rest


def _keep(moments: list[NameMoment], moment: NameMoment) -> bool:
    moments[:], is_known = put(moments, moment)
    if len(moments) > _ALIKE_KEPT:
        # A name that stands for one content for months is told as often; when it moved must not be lost by that.
        kinds = [(m.action in VOIDING and m.action, m.config_digest, m.repo_digest) for m in moments]
        for at in reversed(left_out(kinds, _MOMENTS_KEPT // 2, _MOMENTS_KEPT // 2, _ALIKE_KEPT)):
            del moments[at]
    return not is_known


def _has_target(moment: NameMoment) -> bool:
    return moment.config_digest is not None or moment.repo_digest is not None
