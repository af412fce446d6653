"""Turns events into alerts: the whole core, wired.

The engine has no clock, file, socket or chance: time arrives in events. Replaying a file, watching a host and a test
run this same object and get the same answer.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from tidewaiter.activity import Activity, Outcome
from tidewaiter.alert import Alert, ContainerShown, Incident, Output, Summary
from tidewaiter.attribution import Directory, is_full_id
from tidewaiter.baseline import Baseline
from tidewaiter.campaign import Incidents
from tidewaiter.case import Case, gather
from tidewaiter.chain import Chain
from tidewaiter.correlate import Correlator, masked_facts
from tidewaiter.event import Event, ImageFacts, Tick
from tidewaiter.identity import EVERYWHERE
from tidewaiter.incident import SMALLEST, Gathering, part_of
from tidewaiter.indicators import Indicators
from tidewaiter.judge import Analytic, Judgement, alert_id, incident_key, to_alert, to_container
from tidewaiter.learn import Learning
from tidewaiter.ledger import weightiest
from tidewaiter.objects import PodRecord
from tidewaiter.pods import judged_chains
from tidewaiter.policy import TrustPolicy
from tidewaiter.resolve import Provenance, provenance
from tidewaiter.revisions import Revisions
from tidewaiter.snapshot import State, decode, encode, waiting_of
from tidewaiter.unfamiliar import Unfamiliar

_PULLS_CAP = 20_000
_CHAINS_CAP = 250_000
_RECHECK_NS = 60_000_000_000


class Engine:
    """Feed it records' events; take alerts out at the end (`finish`) or as they arise (`live`)."""

    def __init__(
        self,
        policy: TrustPolicy,
        analytic: Analytic,
        *,
        baseline: Baseline | None = None,
        indicators: Indicators | None = None,
        state: State | None = None,
        keep_arguments: bool = False,
        live: bool = False,
        horizon_ns: int | None = None,
        chains_cap: int = _CHAINS_CAP,
        learning: bool = False,
    ) -> None:
        self.policy = policy
        self.analytic = analytic
        self.baseline = baseline
        """What is usual; it is asked, never kept: no part of the state."""
        self.indicators = indicators if policy.behaviours.indicator != "none" else None
        """What is looked for; asked, never kept, like the baseline."""
        self.state = state or State()
        self.ledger = self.state.ledger
        self.live = live
        """Whether alerts are given out as they arise. Somebody must tick then, about every second."""
        self._reads_all = live or learning
        self.horizon_ns = horizon_ns
        """Events from later than this are rejected: their producer's clock is wrong."""
        self.directory = Directory(self.state.clusters, policy.provenance_retention_ns, _PULLS_CAP, chains_cap)
        self.directory.evicted = self.state.evicted
        self.directory.on_opened = self._opened
        self.learning = Learning(policy, self.directory, self._judge) if learning else None
        """Notes what containers do, for baselines: `learn.profiles_of` makes profiles of it."""
        if self.learning is not None:
            self.directory.on_evicted = self.learning.give_up
        self.activity = Activity(
            self.directory,
            self.state.graph,
            policy,
            unfamiliar=Unfamiliar(baseline, policy) if baseline is not None else None,
            indicators=self.indicators,
            keep_arguments=keep_arguments,
            settles=self._settles,
            on_resolved=self._resolved,
            notes=self.learning.note if self.learning is not None else None,
        )
        self.correlator = Correlator(self.directory, self.state.graph, policy, self.activity, self.state.progress)
        self.quiet: set[bytes] = set()
        """Of containers that can come to nothing any more, so that their records need not be decoded: the ids, whole
        and their first 12 characters; and pods all of whose containers are so: a line feed, which no text within a
        line has, and `namespace/pod`."""
        self._awaited: dict[int, tuple[str, int]] = {}
        """Event that waits -> source and weight of the record whose fate it is."""
        self._fates: list[str] = []
        self._unfiled: list[Event] = []
        """What became of the events of the present record, and those of them that wait."""
        self.silenced = 0
        self._take_up()
        self._revisions: Revisions | None = None
        if live:
            given, incidents, graph = self.state.given, self.state.incidents, self.state.graph
            self._revisions = Revisions(
                *(given, incidents, self.directory, graph, policy, analytic, self._judge),
                judges_idle=self.indicators is not None,
            )
            self.directory.on_evicted = self._revisions.forget

    # ------------------------------------------------------------------------------------------ in

    def feed(self, event: Event) -> Outcome:
        """File one event."""
        if self.horizon_ns is not None and event.time_ns is not None and event.time_ns > self.horizon_ns:
            return "rejected"
        return self.correlator.feed(event)

    def feed_record(self, source: str, events: Iterable[Event], lines: int = 1) -> list[Output]:
        """File all events of one record and count it once (as `lines` lines where its producer spreads it)."""
        fates: list[str] = []
        unfiled: list[Event] = []
        self._fates, self._unfiled = fates, unfiled
        for event in events:
            outcome = self.feed(event)
            if outcome == "waiting":
                unfiled.append(event)
            else:
                fates.append(outcome)
            if self._revisions is not None and outcome not in ("expired", "rejected"):
                self._revisions.notice(event)
        if unfiled:
            fates.append("waiting")
        fate = weightiest(fates)
        self.ledger.note(source, fate, lines)
        if fate == "waiting":
            # The record's fate is that of its first waiting event.
            self._awaited[id(unfiled[0])] = (source, lines)
        if self._revisions is None:
            self.activity.touched.clear()
            return []
        self._revisions.touch(self._touched())
        return [*self._revisions.after_record()]

    def learn_facts(self, facts: ImageFacts) -> None:
        """Take in facts that somebody verified over the image's bytes (`--facts`)."""
        self.state.graph.learn(facts if self.activity.keep_arguments else masked_facts(facts), EVERYWHERE)
        if self._revisions is not None:
            self._revisions.notice(facts)

    def _resolved(self, event: Event, outcome: Outcome) -> None:
        if outcome == "waiting":
            return
        awaited = self._awaited.pop(id(event), None)
        if awaited is not None:
            source, lines = awaited
            self.ledger.move(source, "waiting", outcome, lines)
            return
        for number, waiting in enumerate(self._unfiled):
            if waiting is event:
                # Another event of the same record has named its container.
                del self._unfiled[number]
                self._fates.append(outcome)
                return

    # ------------------------------------------------------------------------------------------ what need not be read

    def _settles(self, chain: Chain, time_ns: int) -> bool:
        """Whether what a chain does at a time, and later, cannot matter: it is trusted, and known for longer than
        anything may come late."""
        age_ns = time_ns - (chain.first_seen_ns if chain.first_seen_ns is not None else time_ns)
        if (
            self.live
            # Trusted content, too, may meet what is looked for.
            or self.indicators is not None
            or self.learning is not None
            or age_ns < 2 * self.policy.lateness_ns
            # Ever more seldom: what was not certain for a day is not in the next minute.
            or time_ns - chain.checked_ns < max(_RECHECK_NS, (age_ns - time_ns + chain.checked_ns) // 2)
        ):
            return False
        chain.checked_ns = time_ns
        if not chain.is_unique:
            return False
        pods = self.state.clusters[chain.cluster].records_of(chain.pod_namespace, chain.pod_name, chain.pod_uid)
        found = provenance(chain, pods, self.directory, self.state.graph, self.policy)
        if not self.analytic.keeps_quiet(found, None):
            return False
        if self.baseline is not None:
            # A copy: gathering notes in a chain what its pod tells of it, and that is for the end.
            whole = self.directory.whole(chain)
            case = self._gather(msgspec.structs.replace(whole), found if whole is chain else None)
            if not self.analytic.keeps_quiet(case.provenance, case.usual):
                return False
        chain.settle(time_ns - 2 * self.policy.lateness_ns)
        self._leave_unread(chain)
        return True

    def _leave_unread(self, chain: Chain) -> None:
        if chain.container_id is not None and is_full_id(chain.container_id):
            prefix = chain.container_id[:12]
            alike = [c for name in self.state.clusters for c in self.directory.find_prefix(name, prefix)]
            if all(other.is_settled for other in alike):
                self.quiet.add(prefix.encode())
            self.quiet.add(chain.container_id.encode())
        if chain.pod_name is not None and self.directory.pod_is_settled(chain.pod_namespace, chain.pod_name):
            self.quiet.add(f"\n{chain.pod_namespace}/{chain.pod_name}".encode())

    def _opened(self, chain: Chain) -> None:
        """A container or its pod became known: what waited for it is filed; it may share a name with a settled one."""
        if self.quiet:
            id_of = chain.container_id or ""
            self.quiet.discard(id_of[:12].encode())
            self.quiet.discard(id_of.encode())
            self.quiet.discard(f"\n{chain.pod_namespace}/{chain.pod_name}".encode())
        if self._revisions is not None and chain.container_id is not None and is_full_id(chain.container_id):
            alike = self.directory.find_prefix(chain.cluster, chain.container_id[:12])
            if len(alike) > 1:
                self._revisions.rename(alike)
        if self.activity.waiting and chain.container_id is not None and is_full_id(chain.container_id):
            self.activity.resolve(f"id:{chain.cluster}/{chain.container_id[:12]}", self.activity.refile)

    # ------------------------------------------------------------------------------------------ out

    def finish(self, *, containers: bool = False) -> Iterator[Alert | ContainerShown | Incident]:
        """The stream has ended: the final record of every chain, in order of time, then those of the incidents.

        While watching, what was given out before is taken into account: revisions go on, an alert that is none any
        more is withdrawn, and a final record that was given out already is not repeated.
        """
        self.correlator.close()
        chains, lost = judged_chains(self.directory)
        chains.sort(key=lambda chain: (chain.first_seen_ns or 0, chain.key, chain.cluster, chain.node))
        for source in sorted({*lost, *self.state.lost}):
            # Whoever goes on after an end, and comes to another, has counted some before.
            more = lost.get(source, 0) - self.state.lost.get(source, 0)
            self.ledger.move(source, *(("used", "unattributed") if more > 0 else ("unattributed", "used")), abs(more))
        self.state.lost = lost
        found: list[tuple[int, str, Chain, str]] = []
        """Time of an alert, key and chain of its container, and the key of its incident."""
        given: dict[str, tuple[str, ...] | None] = {}
        """Alerts that were given out -> why they are none any more; None: they are."""
        self.silenced = 0
        for chain in chains:
            case, judgement = self._judge(chain)
            is_alert = judgement.verdict in ("alert", "suspicious")
            if is_alert:
                found.append((judgement.time_ns, chain.key, chain, incident_key(case, self.analytic)))
            self.silenced += judgement.verdict == "silenced"
            if self.state.given and (known := alert_id(case, self.analytic)) in self.state.given:
                given[known] = None if is_alert else judgement.reasons
            if containers and not chain.is_sandbox:
                yield to_container(case, judgement)
        # Judged twice, so that not all alerts of a large hunt are held at once.
        found.sort(key=lambda entry: (entry[0], entry[1], entry[2].cluster))
        incidents = Incidents()
        names = [incidents.of(time_ns, key) for time_ns, _, _, key in found]
        sizes = Counter(names)
        campaigns: dict[str, Gathering] = {}
        for (_, _, chain, _), incident in zip(found, names, strict=True):
            case, judgement = self._judge(chain)
            if self._revisions is None:
                alert = to_alert(case, judgement, self.analytic, incident)
                if sizes[incident] >= SMALLEST:
                    campaigns.setdefault(incident, Gathering()).add(part_of(alert))
                yield alert
                continue
            given.setdefault(alert_id(case, self.analytic))
            revised = self._revisions.final(chain, case, judgement, incident)
            if revised is not None:
                yield revised
        if self._revisions is not None:
            yield from self._revisions.gone(given)
            yield from self._revisions.farewells()
            yield from self._revisions.final_incidents()
            return
        shown = [record for name, told in campaigns.items() if (record := told.record(name)) is not None]
        yield from sorted(shown, key=lambda incident: (incident.first_seen, incident.id))

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
        touched = self._touched()
        if self._revisions is None:
            return []
        self._revisions.touch(touched)
        return [*self._revisions.after_tick()]

    def _touched(self) -> list[Chain | tuple[str, PodRecord]]:
        touched, self.activity.touched = self.activity.touched, []
        return touched

    def _judge(self, chain: Chain) -> tuple[Case, Judgement]:
        case = self._gather(chain)
        return case, self.analytic.judge(case, self.policy)

    def _gather(self, chain: Chain, known: Provenance | None = None) -> Case:
        return gather(chain, self.directory, self.state.graph, self.policy, self.baseline, known, self.indicators)

    # ------------------------------------------------------------------------------------------ snapshot

    def snapshot(self) -> bytes:
        """The state as bytes (msgpack), without secrets. This engine goes on as if it had not been asked."""
        return encode(
            msgspec.structs.replace(
                self.state,
                progress=self.correlator.progress(),
                waiting=waiting_of(self.activity, self._awaited),
                evicted=self.directory.evicted,
            )
        )

    @staticmethod
    def restore(snapshot: bytes) -> State:
        """The state out of a snapshot. Raises ValueError where the bytes are no snapshot."""
        return decode(snapshot)

    def _take_up(self) -> None:
        """Go on where the state was left: what waited waits again, and what was left unread stays so."""
        waiting, self.state.waiting = self.state.waiting, ()
        for entry in waiting:
            self.activity.waiting.add(entry.event, entry.names)
            if entry.source is not None:
                self._awaited[id(entry.event)] = (entry.source, entry.lines)
        for chain in self.directory.chains():
            if chain.is_settled:
                self._leave_unread(chain)
