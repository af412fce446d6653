"""Turns telemetry into how far each source's records lead: which containers they could be joined to, and their images.

Records go through the very engine that judges; it only notes, besides, where each process and connection was filed.
"""

from collections import Counter
from collections.abc import Iterable

import msgspec

from tidewaiter.activity import Outcome
from tidewaiter.alert import Output, format_time
from tidewaiter.analytics import analytics
from tidewaiter.attribution import NODELESS, node_name
from tidewaiter.case import Case, gather
from tidewaiter.chain import Chain
from tidewaiter.edge.doctor_report import Clock, Containers, Gap, Reach, SourceReport, Timing
from tidewaiter.edge.doctor_times import Moments, Presence, middle_s
from tidewaiter.engine import Engine
from tidewaiter.event import (
    ContainerCreate,
    ContainerEvent,
    ContainerExec,
    ContainerFacts,
    ContainerStart,
    Event,
    ImageFacts,
    ImageName,
    ImagePull,
    NetworkFlow,
    PodCreate,
    ProcessExec,
    WorkloadCreate,
)
from tidewaiter.objects import PodRecord
from tidewaiter.pods import judged_chains
from tidewaiter.policy import DEFAULT_POLICY
from tidewaiter.sources import sources

LINKS = ("pull", "name", "facts", "asked", "create", "start", "session", "process", "connection")
_LINK_OF: dict[type[Event], str] = {
    ImagePull: "pull",
    ImageName: "name",
    ImageFacts: "facts",
    PodCreate: "asked",
    WorkloadCreate: "asked",
    ContainerCreate: "create",
    ContainerStart: "start",
    ContainerExec: "session",
    ProcessExec: "process",
    NetworkFlow: "connection",
}
_NAMES_KEPT = 100
_LONGEST_GAP_SHOWN_NS = 60_000_000_000
_NS = 1_000_000_000

Place = tuple[str, str]
"""(cluster, what is known of a container or pod there: id, key, or `pod namespace/name`)."""


class _Told:
    """What one source told so far."""

    def __init__(self) -> None:
        self.presence = Presence()
        self.nodes: set[str] = set()
        self.clusters: set[str] = set()
        self.unnamed_nodes = 0
        self.links: Counter[str] = Counter()
        self.reach = {ProcessExec: Reach(), NetworkFlow: Reach()}
        self.filed: dict[type[Event], Counter[Place]] = {ProcessExec: Counter(), NetworkFlow: Counter()}


class Known(msgspec.Struct, frozen=True):
    """What is known of one container at the end."""

    case: Case
    is_pulled: bool
    is_named: bool
    has_digest: bool
    is_created: bool
    is_started: bool
    has_run: bool
    has_connected: bool

    @property
    def lacking(self) -> tuple[str, ...]:
        """The links that were not seen of it, in the order of a chain."""
        links = {
            "image": self.is_pulled or self.is_named,
            "create": self.is_created,
            "start": self.is_started,
            "process": self.has_run,
            "connection": self.has_connected,
            "digest": self.has_digest,
        }
        return tuple(link for link, is_seen in links.items() if not is_seen)


class Measure(Engine):
    """An engine that notes where it files each process and connection."""

    def __init__(self, horizon_ns: int | None = None) -> None:
        super().__init__(DEFAULT_POLICY, analytics()["AN0691"], horizon_ns=horizon_ns)
        self.told: dict[str, _Told] = {}
        self.moments = Moments()

    def feed_record(self, source: str, events: Iterable[Event], lines: int = 1) -> list[Output]:
        """File all events of one record."""
        told = self.told.get(source)
        if told is None:
            told = self.told[source] = _Told()
        listed = list(events)
        for event in listed:
            _note(told, event)
            self.moments.note(source, event)
        return super().feed_record(source, listed, lines)

    def feed(self, event: Event) -> Outcome:
        """File one event."""
        touched = len(self.activity.touched)
        outcome = super().feed(event)
        # What files an event touches its container last; what left it aside touched nothing for it.
        if outcome != "irrelevant" or len(self.activity.touched) > touched:
            self._file(event, outcome)
        return outcome

    def _resolved(self, event: Event, outcome: Outcome) -> None:
        self._file(event, outcome)
        super()._resolved(event, outcome)

    def _file(self, event: Event, outcome: Outcome) -> None:
        if outcome not in ("used", "duplicate", "irrelevant") or not isinstance(event, ProcessExec | NetworkFlow):
            return
        told = self.told.get(event.where.source)
        if told is not None and self.activity.touched:
            told.filed[type(event)][_place(self.activity.touched[-1])] += 1

    # ------------------------------------------------------------------------------------------ at the end

    def conclude(self) -> "Findings":
        """Everything has been read: what it comes to."""
        for _ in self.finish():
            pass
        chains, _ = judged_chains(self.directory)
        ran = {place for told in self.told.values() for place in told.filed[ProcessExec]}
        connected = {place for told in self.told.values() for place in told.filed[NetworkFlow]}
        known = [
            _known(gather(chain, self.directory, self.state.graph, self.policy), ran, connected)
            for chain in chains
            if not chain.is_sandbox
        ]
        images: dict[Place, tuple[bool, bool]] = {}
        for container in known:
            for place in _places(container.case.chain):
                named, has_digest = images.get(place, (True, True))
                images[place] = (named and container.is_named, has_digest and container.has_digest)
        for told in self.told.values():
            for kind, filed in told.filed.items():
                for place, count in filed.items():
                    named, has_digest = images.get(place, (False, False))
                    reach = told.reach[kind]
                    reach.container += count
                    reach.image_name += count * named
                    reach.config_digest += count * has_digest
        return Findings(known, _containers(known), self.reports(), self.clocks())

    def reports(self, arrivals: dict[str, Timing] | None = None) -> dict[str, SourceReport]:
        """What each source told, by its name."""
        found: dict[str, SourceReport] = {}
        for name, source in sorted(sources().items()):
            outcomes = self.ledger.counts.get(name)
            if outcomes is None:
                continue
            told = self.told.get(name) or _Told()
            execs, flows = told.reach[ProcessExec], told.reach[NetworkFlow]
            found[name] = SourceReport(
                title=source.title,
                log_sources=source.log_sources,
                records=sum(outcomes.values()),
                outcomes={outcome: count for outcome, count in sorted(outcomes.items()) if count},
                first=_moment(told.presence.first_ns),
                last=_moment(told.presence.last_ns),
                gap=_gap(told.presence),
                nodes=tuple(sorted(told.nodes)),
                unnamed_nodes=told.unnamed_nodes,
                clusters=tuple(sorted(told.clusters)),
                links={link: told.links[link] for link in LINKS if told.links[link]},
                execs=execs if execs.seen else None,
                flows=flows if flows.seen else None,
                dropped=self.ledger.dropped.get(name),
                arrival=(arrivals or {}).get(name),
            )
        return found

    def clocks(self) -> tuple[Clock, ...]:
        """How far the clocks of sources that saw the same stand apart, node by node."""
        grouped: dict[tuple[str, str, str, str], list[int]] = {}
        for cluster in sorted(self.state.clusters):
            for offset in self.moments.offsets(cluster):
                chains = self.directory.find_prefix(cluster, offset.container)
                node = self.state.clusters[cluster].nodes.get(chains[0].node) if len(chains) == 1 else None
                named = (node_name(node) if node is not None else None) or NODELESS
                grouped.setdefault((cluster, named, offset.source, offset.beside), []).append(offset.difference_ns)
        return tuple(
            Clock(
                cluster=cluster,
                node=node or None,
                source=source,
                beside=beside,
                moments=len(differences),
                offset_s=middle_s(differences),
            )
            for (cluster, node, source, beside), differences in sorted(grouped.items())
        )


class Findings(msgspec.Struct, frozen=True):
    """What a measurement comes to."""

    known: list[Known]
    containers: Containers
    sources: dict[str, SourceReport]
    clocks: tuple[Clock, ...]


def _note(told: _Told, event: Event) -> None:
    if event.time_ns is not None:
        told.presence.note(event.time_ns)
    if event.node is None:
        told.unnamed_nodes += 1
    elif len(told.nodes) < _NAMES_KEPT:
        told.nodes.add(event.node)
    if len(told.clusters) < _NAMES_KEPT:
        told.clusters.add(event.cluster)
    if isinstance(event, ContainerFacts):
        told.links["facts"] += 1
        told.links["create"] += event.created_ns is not None
        told.links["start"] += event.started_ns is not None
        return
    link = _LINK_OF.get(type(event))
    if link is None or (isinstance(event, NetworkFlow) and (event.direction == "ingress" or event.is_reply)):
        return
    told.links[link] += 1
    if isinstance(event, ProcessExec | NetworkFlow):
        reach = told.reach[type(event)]
        reach.seen += 1
        reach.named += _names_container(event)


def _names_container(event: ContainerEvent) -> bool:
    return bool(event.container_id or event.container_id_prefix or (event.pod and (event.pod.name or event.pod.uid)))


def _known(case: Case, ran: set[Place], connected: set[Place]) -> Known:
    chain, found = case.chain, case.provenance
    places = _places(chain)
    return Known(
        case=case,
        is_pulled=bool(found.origins),
        is_named=found.image.reference is not None,
        has_digest=found.image.config_digest is not None,
        is_created=bool(chain.creates_ns) or case.asked_ns is not None,
        is_started=bool(chain.starts_ns),
        has_run=any(place in ran for place in places),
        has_connected=any(place in connected for place in places),
    )


def _containers(known: list[Known]) -> Containers:
    return Containers(
        known=len(known),
        pulled=sum(container.is_pulled for container in known),
        named=sum(container.is_named for container in known),
        with_digest=sum(container.has_digest for container in known),
        created=sum(container.is_created for container in known),
        started=sum(container.is_started for container in known),
        ran=sum(container.has_run for container in known),
        connected=sum(container.has_connected for container in known),
        whole=sum(not container.lacking for container in known),
        in_pods=sum(container.case.pod is not None for container in known),
        asked=sum(container.case.asked_ns is not None for container in known),
    )


def _place(touched: Chain | tuple[str, PodRecord]) -> Place:
    if isinstance(touched, Chain):
        return (touched.cluster, touched.container_id or touched.key)
    cluster, pod = touched
    return (cluster, f"pod {pod.namespace or ''}/{pod.name or pod.uid or ''}")


def _places(chain: Chain) -> list[Place]:
    """Every place that something of this container may have been filed under."""
    names = [chain.container_id or chain.key, *([chain.key.partition("#")[0]] if chain.container_id is None else [])]
    if chain.pod_name is not None or chain.pod_uid is not None:
        names.append(f"pod {chain.pod_namespace or ''}/{chain.pod_name or chain.pod_uid or ''}")
        names += [
            f"pod:{pod}/{chain.pod_container}" for pod in (chain.pod_uid, f"{chain.pod_namespace}/{chain.pod_name}")
        ]
    return [(chain.cluster, name) for name in dict.fromkeys(names)]


def _moment(time_ns: int | None) -> str | None:
    return None if time_ns is None else format_time(time_ns)


def _gap(presence: Presence) -> Gap | None:
    found = presence.longest_gap()
    if found is None or found[1] < _LONGEST_GAP_SHOWN_NS:
        return None
    return Gap(since=format_time(found[0]), seconds=found[1] // _NS)
