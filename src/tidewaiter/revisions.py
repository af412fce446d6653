"""Turns what changed while watching into revisions of alerts, so that the last one says what the end would say.

Rules
- What concerns one container or one pod is judged at once. What may concern many (pulls, names, facts, owners, nodes,
  the name of an incident) is judged with the next tick; so is whatever was judged often since the last one.
- A record is given out when it differs from the one given out before under its id. Revisions count from 0.
- What only counts further is given out ever more seldom (`calm.py`); the end says all.
- Of a container of whose image nothing is known yet, its runtime is about to tell: that is waited for.
- An alert that is none any more is withdrawn, once, with the reasons why.
"""

from collections.abc import Callable, Iterable
from itertools import islice

import msgspec

from tidewaiter.alert import Alert, ImageIdentity, Incident
from tidewaiter.attribution import Directory, unique_nodes
from tidewaiter.calm import Calm
from tidewaiter.campaign import OpenIncidents
from tidewaiter.case import Case
from tidewaiter.chain import Chain
from tidewaiter.concerns import Concerns, Unit, told_of, unit_of
from tidewaiter.event import (
    Blindness,
    ContainerCreate,
    ContainerFacts,
    Event,
    ImageFacts,
    ImageName,
    ImagePull,
    PodCreate,
    PodStatus,
    WorkloadCreate,
)
from tidewaiter.identity import IdentityGraph
from tidewaiter.incident import Part
from tidewaiter.incident_revisions import GivenIncident, IncidentRevisions
from tidewaiter.judge import Analytic, Judgement, alert_id, incident_key, to_alert
from tidewaiter.objects import PodRecord
from tidewaiter.pods import judged_of
from tidewaiter.policy import TrustPolicy
from tidewaiter.reference import reference_or_none

AT_ONCE = 32
"""Judgements of one unit between two ticks; a container that never rests is judged with the tick."""
PER_TICK = 1000
"""Units judged in one tick, so that a pull of an image that runs everywhere holds no alert up; the rest waits for the
next."""
_EARLY_TICKS = 3
_TOLD_KEPT = 50_000
_UNKNOWN_IMAGE = ImageIdentity()
_MOVED = "the container is known under another id now"
_LET_GO = "what came later: the engine dropped this container at its limit on containers"


class Given(msgspec.Struct):
    """The record of an alert that was given out last."""

    unit: Unit
    campaign: str
    """Key of its incident."""
    time_ns: int
    record: bytes
    """The alert as JSON, but for its number."""
    revision: int
    is_final: bool = False
    is_withdrawn: bool = False


class Revisions:
    """The records that were given out, and what has to be judged again."""

    def __init__(
        self,
        given: dict[str, Given],
        incidents: dict[str, GivenIncident],
        directory: Directory,
        graph: IdentityGraph,
        policy: TrustPolicy,
        analytic: Analytic,
        judge: Callable[[Chain], tuple[Case, Judgement]],
        *,
        judges_idle: bool = False,
    ) -> None:
        self._given = given
        self._directory = directory
        self._analytic = analytic
        self._judge = judge
        self._concerns = Concerns(directory, graph)
        self._incidents = OpenIncidents()
        self._campaigns = IncidentRevisions(incidents, self._incidents, self._part_of)
        self._ids: dict[Unit, dict[str, None]] = {}
        """Unit -> ids of the alerts that were given out for it."""
        self._now: dict[Unit, None] = {}
        self._later: dict[Unit, None] = {}
        self._spent: dict[Unit, int] = {}
        self._let_go: list[Alert] = []
        self._calm = Calm()
        self._early: dict[Unit, int] = {}
        """Unit of whose image nothing is known, and for how many ticks that has been waited for."""
        self._told: set[int] = set()
        """What was told of digests before, so that only the first telling concerns other nodes."""
        self._is_all = judges_idle or any(scope.require or scope.forbid for scope in policy.scopes)
        """Whether a container that does nothing may come to something: by a policy that is broken, or by its image."""
        for alert, known in given.items():
            self._ids.setdefault(known.unit, {})[alert] = None
            if not known.is_withdrawn:
                self._incidents.note(alert, known.campaign, known.time_ns)
        # What is restored may have been judged under another policy.
        self._later.update(dict.fromkeys(self._concerns.units()))
        for cluster in directory.states.values():
            for pod in cluster.pods.values():
                self._later.update(dict.fromkeys(self._concerns.of_pod(cluster.name, pod)))

    # ------------------------------------------------------------------------------------------ what changed

    def touch(self, touched: Iterable[Chain | tuple[str, PodRecord]]) -> None:
        """A record spoke of these chains and pods."""
        for told in touched:
            if isinstance(told, Chain):
                units = self._concerns.place(told)
                if len(units) > 1 or self._concerns.has_changed(told):
                    self._now.update(dict.fromkeys(units))
            else:
                self._now.update(dict.fromkeys(self._concerns.of_pod(*told)))

    def rename(self, chains: Iterable[Chain]) -> None:
        """The names of these chains are shared from now on, or not any more."""
        for chain in chains:
            self._now.update(dict.fromkeys(self._concerns.place(chain)))

    def notice(self, event: Event) -> None:
        """A record was filed that may concern others than the container it names."""
        if isinstance(event, PodCreate | PodStatus):
            pod = self._directory.cluster(event.cluster).pod(event.pod)
            if pod is not None:
                self._now.update(dict.fromkeys(self._concerns.of_pod(event.cluster, pod)))
        elif isinstance(event, WorkloadCreate):
            name = f"workload:{event.cluster}/{event.kind}/{event.namespace}/{event.name}"
            self._later.update(dict.fromkeys(self._concerns.on_names([name])))
        elif isinstance(event, Blindness):
            cluster = self._directory.cluster(event.cluster)
            node = self._directory.node(cluster, event.node)
            concerned = (unit for unit in self._ids if self._concerns.is_on(unit, cluster.name, node))
            self._later.update(dict.fromkeys(concerned))
        elif isinstance(event, ImagePull | ImageName | ImageFacts | ContainerCreate | ContainerFacts):
            self._image(event)

    def _image(self, event: ImagePull | ImageName | ImageFacts | ContainerCreate | ContainerFacts) -> None:
        digests, texts = told_of(event)
        if not digests and not texts:
            return
        references = [reference for text in texts if (reference := reference_or_none(text)) is not None]
        digests += [reference.digest for reference in references if reference.digest is not None]
        cluster = self._directory.cluster(event.cluster)
        node = self._directory.node(cluster, event.node)
        is_new = self._is_new(event, digests)
        is_everywhere = is_new or (isinstance(event, ImagePull) and event.seen_by == "registry")
        nodes = unique_nodes(cluster)
        if is_new:
            nodes = [state for known in self._directory.states.values() for state in unique_nodes(known)]
        elif node.name and not is_everywhere:
            nodes = [node, *(state for state in nodes if not state.name)]
        names = [reference.name for reference in references if reference.registry is not None]
        related = self._concerns.related(digests, names, nodes)
        related.update(dict.fromkeys(f"path:{reference.path}" for reference in references))
        for unit in self._concerns.on_names(related):
            if is_everywhere or self._concerns.is_on(unit, cluster.name, node):
                self._later[unit] = None

    def _is_new(self, event: Event, digests: list[str]) -> bool:
        declared = (
            (event.proof, event.entrypoint, event.cmd, event.healthcheck) if isinstance(event, ImageFacts) else ()
        )
        told = hash((type(event), *digests, *declared))
        if not digests or told in self._told:
            return False
        if len(self._told) >= _TOLD_KEPT:
            self._told.clear()
        self._told.add(told)
        return True

    def forget(self, chain: Chain) -> None:
        """The chain was given up: nothing more can be said of it than was said last."""
        unit = self._concerns.forget(chain)
        for alert in list(self._ids.get(unit, ())) if unit is not None else ():
            known = self._given[alert]
            shown = msgspec.json.decode(known.record, type=Alert)
            if shown.container_id != chain.container_id or unit is None:
                continue
            self._drop(alert, unit)
            if not known.is_withdrawn and not known.is_final:
                missing = (*shown.missing, _LET_GO)
                farewell = msgspec.structs.replace(shown, missing=missing, revision=known.revision + 1, final=True)
                self._let_go.append(farewell)

    def _drop(self, alert_id: str, unit: Unit) -> None:
        del self._given[alert_id]
        self._campaigns.touch(alert_id)
        self._calm.forget(alert_id)
        del self._ids[unit][alert_id]
        if not self._ids[unit]:
            del self._ids[unit]
        self._later.update(self._units_of(self._incidents.forget(alert_id)))

    # ------------------------------------------------------------------------------------------ what is given out

    def after_record(self) -> list[Alert]:
        """New revisions of what the last record concerns."""
        if not self._now and not self._let_go:
            return []
        units, self._now = self._now, {}
        at_once: list[Unit] = []
        for unit in units:
            spent = self._spent.get(unit, 0)
            if spent < AT_ONCE:
                at_once.append(unit)
            else:
                self._later[unit] = None
        return self.farewells() + self._revise(at_once)

    def after_tick(self) -> list[Alert | Incident]:
        """New revisions of what was put off, as much of it as one tick allows, and then of the incidents."""
        self._spent.clear()
        self._later = {**self._now, **self._later}
        self._now = {}
        self._later.update(self._units_of(self._calm.tick()))
        self._early = {unit: waited + 1 for unit, waited in self._early.items() if waited < _EARLY_TICKS}
        self._later.update(dict.fromkeys(self._early))
        for unit in self._concerns.moved():
            self._later.update(dict.fromkeys((unit, *self._concerns.refresh(unit))))
        given: list[Alert] = []
        left = PER_TICK
        # Judging may name incidents anew, and so put off more.
        while self._later and left > 0:
            units = list(islice(self._later, left))
            for unit in units:
                del self._later[unit]
            left -= len(units)
            given += self._revise(units)
        given += self.farewells()
        return [*given, *self._campaigns.after_tick()]

    def final(self, chain: Chain, case: Case, judgement: Judgement, incident: str) -> Alert | None:
        """The final record of a chain that was judged at the end; None where it was given out before."""
        alert = to_alert(case, judgement, self._analytic, incident)
        known = self._given.get(alert.id)
        record = msgspec.json.encode(alert)
        if known is not None and known.is_final and not known.is_withdrawn and known.record == record:
            return None
        revision = 0 if known is None else known.revision + 1
        unit = known.unit if known is not None else unit_of(_whole(chain))
        key = incident_key(case, self._analytic)
        self._keep(alert.id, Given(unit, key, judgement.time_ns, record, revision, is_final=True))
        self._incidents.note(alert.id, key, judgement.time_ns)
        return msgspec.structs.replace(alert, revision=revision)

    def gone(self, found: dict[str, tuple[str, ...] | None]) -> list[Alert]:
        """The end has come: what was given out and is no alert any more is withdrawn.

        `found` are all containers by the id of their alert: None for an alert, else the reasons why it is none.
        """
        gone = [
            (alert, reasons)
            for alert, known in self._given.items()
            if not known.is_withdrawn and (reasons := found.get(alert, (_MOVED,))) is not None
        ]
        return [self._withdraw(alert, reasons, is_final=True) for alert, reasons in gone]

    def final_incidents(self) -> list[Incident]:
        """The final records of all incidents, once nothing more comes of their alerts."""
        return self._campaigns.at_end()

    def farewells(self) -> list[Alert]:
        """Final records of containers that were given up."""
        alerts, self._let_go = self._let_go, []
        return alerts

    def _revise(self, units: Iterable[Unit]) -> list[Alert]:
        found: dict[str, tuple[Unit, Case, Judgement]] = {}
        quiet: dict[str, tuple[str, ...]] = {}
        judged = [unit for unit in units if self._matters(unit)]
        for unit in judged:
            self._spent[unit] = self._spent.get(unit, 0) + 1
            cases: list[Case] = []
            for chain in self._wholes(unit):
                case, judgement = self._judge(chain)
                cases.append(case)
                if judgement.verdict in ("alert", "suspicious"):
                    if self._is_early(unit, case):
                        continue
                    found[alert_id(case, self._analytic)] = (unit, case, judgement)
                else:
                    quiet[alert_id(case, self._analytic)] = judgement.reasons
            self._concerns.judged(unit, cases)
        given: list[Alert] = []
        for alert, (_, case, judgement) in found.items():
            renamed = self._incidents.note(alert, incident_key(case, self._analytic), judgement.time_ns)
            self._later.update(self._units_of(other for other in renamed if other not in found))
        for alert, (unit, case, judgement) in found.items():
            new = self._give(alert, unit, case, judgement)
            given += [new] if new is not None else []
        for unit in judged:
            for alert in list(self._ids.get(unit, ())):
                if alert not in found and not self._given[alert].is_withdrawn:
                    given.append(self._withdraw(alert, quiet.get(alert, (_MOVED,)), is_final=False))
        # The order in which units were put off means nothing.
        return sorted(given, key=lambda alert: (alert.time, alert.id))

    def _matters(self, unit: Unit) -> bool:
        """Whether a unit can come to anything: analytics judge by what was done, mostly."""
        if self._is_all or unit in self._ids:
            return True
        chains = self._concerns.chains(unit)
        return any(chain.actions or chain.sessions or chain.unfamiliar for chain in chains) or any(
            pod.actions or pod.sessions or pod.unfamiliar for pod in self._concerns.pods(unit, chains)
        )

    def _is_early(self, unit: Unit, case: Case) -> bool:
        if unit in self._ids or case.pod is not None or case.provenance.image != _UNKNOWN_IMAGE:
            self._early.pop(unit, None)
            return False
        return self._early.setdefault(unit, 0) < _EARLY_TICKS

    def _wholes(self, unit: Unit) -> list[Chain]:
        cluster = self._directory.states[unit.cluster]
        chains = self._concerns.chains(unit)
        with_ids = self._directory.wholes(chain for chain in chains if chain.container_id is not None)
        told = [chain for chain in chains if chain.container_id is None]
        return judged_of(cluster, with_ids, told, [self._concerns.pods_named(unit)], {})

    def _give(self, alert_id: str, unit: Unit, case: Case, judgement: Judgement) -> Alert | None:
        alert = to_alert(case, judgement, self._analytic, self._incidents.of(alert_id))
        known = self._given.get(alert_id)
        record = msgspec.json.encode(alert)
        if known is not None and not known.is_withdrawn and known.record == record:
            if known.unit != unit:
                self._keep(alert_id, msgspec.structs.replace(known, unit=unit))
            return None
        if known is not None and not known.is_withdrawn and self._calm.holds(alert, known.record, known.revision):
            return None
        revision = 0 if known is None else known.revision + 1
        key = incident_key(case, self._analytic)
        self._keep(alert_id, Given(unit, key, judgement.time_ns, record, revision))
        return msgspec.structs.replace(alert, revision=revision, final=False)

    def _withdraw(self, alert_id: str, reasons: tuple[str, ...], *, is_final: bool) -> Alert:
        known = self._given[alert_id]
        shown = msgspec.json.decode(known.record, type=Alert)
        alert = msgspec.structs.replace(shown, verdict="withdrawn", reasons=reasons)
        revision = known.revision + 1
        self._given[alert_id] = msgspec.structs.replace(
            known, record=msgspec.json.encode(alert), revision=revision, is_final=is_final, is_withdrawn=True
        )
        self._later.update(self._units_of(self._incidents.forget(alert_id)))
        return msgspec.structs.replace(alert, revision=revision, final=is_final)

    def _keep(self, alert_id: str, given: Given) -> None:
        before = self._given.get(alert_id)
        if before is not None and before.unit != given.unit:
            del self._ids[before.unit][alert_id]
            if not self._ids[before.unit]:
                del self._ids[before.unit]
        self._given[alert_id] = given
        self._campaigns.touch(alert_id)
        self._ids.setdefault(given.unit, {})[alert_id] = None

    def _part_of(self, alert_id: str) -> Part:
        return msgspec.json.decode(self._given[alert_id].record, type=Part)

    def _units_of(self, alerts: Iterable[str]) -> dict[Unit, None]:
        return dict.fromkeys(self._given[alert].unit for alert in alerts if alert in self._given)


def _whole(chain: Chain) -> Chain:
    """The chain under the key of which it was judged as a part (`incarnation.py`)."""
    if chain.is_unique or chain.pod_name is not None or chain.pod_uid is not None:
        return chain
    return msgspec.structs.replace(chain, key=chain.key.rpartition("#")[0])
