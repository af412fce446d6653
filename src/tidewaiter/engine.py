"""Turns events into alerts: the whole core, wired.

The engine has no clock, file, socket or chance: time arrives in events. Replaying a file, watching a host and a test
run this same object and get the same answer.
"""

from collections.abc import Iterable, Iterator

import msgspec

from tidewaiter.activity import Activity, Outcome
from tidewaiter.alert import Alert, ContainerShown, Output, Summary
from tidewaiter.attribution import Directory, is_full_id
from tidewaiter.campaign import Incidents
from tidewaiter.case import Case, gather
from tidewaiter.chain import Chain
from tidewaiter.cluster import ClusterState
from tidewaiter.correlate import Correlator
from tidewaiter.event import Event, ImageFacts, Tick
from tidewaiter.identity import EVERYWHERE, IdentityGraph
from tidewaiter.incarnation import incarnations
from tidewaiter.judge import Analytic, Judgement, incident_key, to_alert, to_container
from tidewaiter.ledger import Ledger, weightiest
from tidewaiter.pods import judged_chains
from tidewaiter.policy import TrustPolicy
from tidewaiter.resolve import provenance

_PULLS_CAP = 20_000
_CHAINS_CAP = 250_000
_RECHECK_NS = 60_000_000_000


class State(msgspec.Struct):
    """Everything the engine knows; `Engine.snapshot` encodes it and `Engine.restore` takes it back."""

    clusters: dict[str, ClusterState] = msgspec.field(default_factory=dict)
    graph: IdentityGraph = msgspec.field(default_factory=IdentityGraph)
    ledger: Ledger = msgspec.field(default_factory=Ledger)


class Engine:
    """Feed it records' events; take alerts out at the end (`finish`) or as they arise (`live`)."""

    def __init__(
        self,
        policy: TrustPolicy,
        analytic: Analytic,
        *,
        state: State | None = None,
        keep_arguments: bool = False,
        live: bool = False,
        horizon_ns: int | None = None,
        chains_cap: int = _CHAINS_CAP,
    ) -> None:
        self.policy = policy
        self.analytic = analytic
        self.state = state or State()
        self.ledger = self.state.ledger
        self.live = live
        self.horizon_ns = horizon_ns
        """Events from later than this are rejected: their producer's clock is wrong."""
        self.directory = Directory(self.state.clusters, policy.provenance_retention_ns, _PULLS_CAP, chains_cap)
        self.directory.on_opened = self._opened
        self.activity = Activity(
            self.directory,
            policy,
            keep_arguments=keep_arguments,
            settles=self._settles,
            on_resolved=self._resolved,
        )
        self.correlator = Correlator(self.directory, self.state.graph, policy, self.activity)
        self.quiet: set[bytes] = set()
        """Of containers that can come to nothing any more, so that their records need not be decoded: the ids, whole
        and their first 12 characters; and pods all of whose containers are so: a line feed, which no text within a
        line has, and `namespace/pod`."""
        self._awaited: dict[int, tuple[str, int]] = {}
        """Event that waits -> source and weight of the record whose fate it is."""
        self.silenced = 0

    # ------------------------------------------------------------------------------------------ in

    def feed(self, event: Event) -> Outcome:
        """File one event."""
        if self.horizon_ns is not None and event.time_ns is not None and event.time_ns > self.horizon_ns:
            return "rejected"
        return self.correlator.feed(event)

    def feed_record(self, source: str, events: Iterable[Event], lines: int = 1) -> list[Output]:
        """File all events of one record and count it once (as `lines` lines where its producer spreads it)."""
        outcomes: list[str] = []
        waiting: list[Event] = []
        for event in events:
            outcome = self.feed(event)
            outcomes.append(outcome)
            if outcome == "waiting":
                waiting.append(event)
        fate = weightiest(outcomes)
        self.ledger.note(source, fate, lines)
        if fate == "waiting":
            # The record's fate is that of its first waiting event.
            self._awaited[id(waiting[0])] = (source, lines)
        if not self.live:
            self.activity.touched.clear()
            return []
        return self._revisions()

    def learn_facts(self, facts: ImageFacts) -> None:
        """Take in facts that somebody verified over the image's bytes (`--facts`)."""
        self.state.graph.learn(facts, EVERYWHERE)

    def _resolved(self, event: Event, outcome: Outcome) -> None:
        if outcome == "waiting":
            return
        awaited = self._awaited.pop(id(event), None)
        if awaited is not None:
            source, lines = awaited
            self.ledger.move(source, "waiting", outcome, lines)

    # ------------------------------------------------------------------------------------------ what need not be read

    def _settles(self, chain: Chain, now_ns: int) -> bool:
        """Whether a chain's behaviour cannot matter: trusted, and known for longer than anything may come late."""
        age_ns = now_ns - (chain.first_seen_ns if chain.first_seen_ns is not None else now_ns)
        if self.live or age_ns < 2 * self.policy.lateness_ns or now_ns - chain.checked_ns < _RECHECK_NS:
            return False
        chain.checked_ns = now_ns
        if not chain.is_unique:
            return False
        pods = self.state.clusters[chain.cluster].records_of(chain.pod_namespace, chain.pod_name, chain.pod_uid)
        if not self.analytic.keeps_quiet(provenance(chain, pods, self.directory, self.state.graph, self.policy)):
            return False
        chain.settle()
        if chain.container_id is not None and is_full_id(chain.container_id):
            prefix = chain.container_id[:12]
            alike = [c for name in self.state.clusters for c in self.directory.find_prefix(name, prefix)]
            if all(other.is_settled for other in alike):
                self.quiet.add(prefix.encode())
            self.quiet.add(chain.container_id.encode())
        if chain.pod_name is not None and self.directory.pod_is_settled(chain.pod_namespace, chain.pod_name):
            self.quiet.add(f"\n{chain.pod_namespace}/{chain.pod_name}".encode())
        return True

    def _opened(self, chain: Chain) -> None:
        """A container or its pod became known: what waited for it is filed; it may share a name with a settled one."""
        if self.quiet:
            id_of = chain.container_id or ""
            self.quiet.discard(id_of[:12].encode())
            self.quiet.discard(id_of.encode())
            self.quiet.discard(f"\n{chain.pod_namespace}/{chain.pod_name}".encode())
        if self.activity.waiting and chain.container_id is not None and is_full_id(chain.container_id):
            self.activity.resolve(f"id:{chain.cluster}/{chain.container_id[:12]}", self.activity.refile)

    # ------------------------------------------------------------------------------------------ out

    def finish(self, *, containers: bool = False) -> Iterator[Alert | ContainerShown]:
        """The stream has ended: the final record of every chain, in order of time."""
        self.correlator.close()
        chains, lost = judged_chains(self.directory)
        chains.sort(key=lambda chain: (chain.first_seen_ns or 0, chain.key, chain.cluster, chain.node))
        for source, records in lost.items():
            self.ledger.move(source, "used", "unattributed", records)
        found: list[tuple[int, str, Chain]] = []
        self.silenced = 0
        for chain in chains:
            case, judgement = self._judge(chain)
            if judgement.verdict in ("alert", "suspicious"):
                found.append((judgement.time_ns, chain.key, chain))
            else:
                self.silenced += judgement.verdict == "silenced"
            if containers and not chain.is_sandbox:
                yield to_container(case, judgement)
        # Judged twice, so that not all alerts of a large hunt are held at once.
        found.sort(key=lambda entry: (entry[0], entry[1], entry[2].cluster))
        incidents = Incidents()
        for _, _, chain in found:
            case, judgement = self._judge(chain)
            incident = incidents.of(judgement.time_ns, incident_key(case, self.analytic))
            yield to_alert(case, judgement, self.analytic, incident)

    def summary(self, complete: bool, alerts: int, suspicious: int) -> Summary:
        """What the run read and what became of it."""
        states = self.state.clusters.values()
        evicted = self.directory.evicted + self.state.graph.evicted + sum(c.evicted for c in states)
        evicted += sum(node.evicted for cluster in states for name, node in cluster.nodes.items() if node.name == name)
        return Summary(
            complete=complete,
            records=self.ledger.records,
            outcomes=self.ledger.outcomes(),
            sources=self.ledger.sources(),
            alerts=alerts,
            suspicious=suspicious,
            silenced=self.silenced,
            attempted_pulls=len(self.correlator.attempted_pulls),
            evicted=evicted,
        )

    def tick(self, tick: Tick) -> list[Output]:
        """Time went on (while watching): give up what has waited too long, and say what has changed by that."""
        self.feed(tick)
        self.correlator.sweep()
        return self._revisions()

    def _revisions(self) -> list[Output]:
        """New revisions of the chains that were touched, where their record is no longer the one given out."""
        given: list[Output] = []
        touched, self.activity.touched = self.activity.touched, []
        for chain in dict.fromkeys(map(id, touched)):
            whole = next(c for c in touched if id(c) == chain)
            for part in incarnations(whole):
                alert = self._revise(part)
                if alert is not None:
                    given.append(alert)
                    whole.revision, whole.shown, whole.first_id = part.revision, part.shown, part.first_id
        return given

    def _revise(self, chain: Chain) -> Alert | None:
        case, judgement = self._judge(chain)
        if judgement.verdict in ("alert", "suspicious"):
            key = incident_key(case, self.analytic)
            alert = to_alert(case, judgement, self.analytic, Incidents().of(judgement.time_ns, key))
        elif chain.revision >= 0:
            before = msgspec.json.decode((chain.shown or "{}").encode(), type=Alert)
            alert = msgspec.structs.replace(before, verdict="withdrawn", reasons=judgement.reasons)
        else:
            return None
        shown = msgspec.json.encode(alert).decode()
        if shown == chain.shown:
            return None
        chain.shown, chain.first_id = shown, alert.id
        chain.revision += 1
        return msgspec.structs.replace(alert, revision=chain.revision, final=False)

    def _judge(self, chain: Chain) -> tuple[Case, Judgement]:
        case = self._case(chain)
        return case, self.analytic.judge(case, self.policy)

    def _case(self, chain: Chain) -> Case:
        return gather(chain, self.directory, self.state.graph, self.policy)

    # ------------------------------------------------------------------------------------------ snapshot

    def snapshot(self) -> bytes:
        """The state as bytes (msgpack). What waits for its container is given up to its last resort first."""
        self.correlator.close()
        return msgspec.msgpack.encode(self.state)

    @staticmethod
    def restore(snapshot: bytes) -> State:
        """The state out of a snapshot. Raises ValueError where the bytes are no snapshot."""
        try:
            state = msgspec.msgpack.decode(snapshot, type=State)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ValueError(f"not a snapshot of the engine's state: {error}") from None
        for cluster in state.clusters.values():
            for name, node in list(cluster.nodes.items()):
                # Aliases of one node were one object before; they become one again.
                cluster.nodes[name] = cluster.nodes.get(node.name, node)
        return state
