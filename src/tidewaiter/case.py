"""Turns a chain into a case: all that a judge asks about it, gathered from pod, owners, node and image."""

from collections.abc import Iterable
from typing import Protocol

import msgspec

from tidewaiter.alert import CreatedBy, Evidence, PulledBy, Workload, format_time
from tidewaiter.attribution import Directory, node_name
from tidewaiter.baseline import Baseline
from tidewaiter.behaviour import is_declared
from tidewaiter.chain import BY_PID, Action, Chain, Session
from tidewaiter.cluster import ClusterState
from tidewaiter.digest import Digest
from tidewaiter.event import PodContainer, User
from tidewaiter.hits import Hit, digests_of, hits_of
from tidewaiter.identity import Declared, IdentityGraph
from tidewaiter.image_contents import ImageContents
from tidewaiter.indicators import Indicators
from tidewaiter.objects import PodRecord, WorkloadRecord
from tidewaiter.policy import Subject, TrustPolicy
from tidewaiter.resolve import Provenance, provenance
from tidewaiter.sight import unwatched
from tidewaiter.unfamiliar import kept_of
from tidewaiter.usual import Usual, usual_for

LOCAL = "local"
"""The node of streams that name none."""
_EVIDENCE_SHOWN = 16
_TOOLS_SHOWN = 12


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One container, ready to be judged."""

    chain: Chain
    node: str
    namespace: str | None
    pod: str | None
    workload: Workload | None
    provenance: Provenance
    declared: Declared | None
    contents: ImageContents | None
    """What the image's layers hold that can run; None: not known."""
    probes: tuple[tuple[str, ...], ...]
    spec: PodContainer | None
    generate_name: str | None
    """What the pod's name was made from, where it has no owner."""
    debugger: User | None
    """Who added this ephemeral debug container; None where it is none."""
    host_pid: bool
    sessions: tuple[Session, ...]
    actions: tuple[Action, ...]
    """What the container did, but for what was found by a prefix that fits another container too."""
    pod_actions: tuple[Action, ...]
    pod_actions_omitted: int
    asked_ns: int | None
    """When the pod was asked for at the API server."""
    created_by: CreatedBy
    pulled_by: PulledBy
    evidence: tuple[Evidence, ...]
    unwatched: tuple[str, ...] = ()
    """What was not watched on the node while the container ran, as collectors said."""
    beside: tuple[PodContainer, ...] = ()
    """The other containers of the pod, as somebody asked for them; told where there is a baseline."""
    unfamiliar: tuple[Action, ...] = ()
    """What the container did that falls under no row and may be unusual, where a baseline knows its workload."""
    pod_unfamiliar: tuple[Action, ...] = ()
    """The same, known by the pod only."""
    usual: Usual | None = None
    """What is usual for it; None: no baseline knows."""
    hits: tuple[Hit, ...] = ()
    """The listed indicators that it met."""

    def subject(self) -> Subject:
        """The case as the scopes of a policy see it."""
        return Subject(
            cluster=self.chain.cluster,
            node=self.node,
            namespace=self.namespace,
            pod=self.pod,
            container_name=self.chain.pod_container or self.chain.name,
            workload_kind=self.workload.kind if self.workload is not None else None,
            workload=self.workload.name if self.workload is not None else None,
            service_account=self.chain.service_account,
            user=self.created_by.user,
            groups=self.created_by.groups,
            images=self.provenance.repositories,
            digests=tuple(sorted(self.provenance.proven_digests)),
        )

    def is_privileged(self) -> bool:
        """Whether the container is privileged."""
        return self.chain.privileged or (self.spec is not None and self.spec.privileged)

    def has_host_root(self) -> bool:
        """Whether the host's root directory is mounted."""
        return self.chain.host_root_mount or (self.spec is not None and self.spec.host_root_mount)


def gather(
    chain: Chain,
    directory: Directory,
    graph: IdentityGraph,
    policy: TrustPolicy,
    baseline: Baseline | None = None,
    known: Provenance | None = None,
    indicators: Indicators | None = None,
) -> Case:
    """The case of one chain (one incarnation of it). `known`: its provenance, where it was asked for just now."""
    cluster = directory.states[chain.cluster]
    pods = cluster.records_of(chain.pod_namespace, chain.pod_name, chain.pod_uid)
    _place_from(chain, pods)
    found = known or provenance(chain, pods, directory, graph, policy)
    spec = found.spec.container if found.spec is not None else None
    debugger = found.spec.debugger if found.spec is not None else None
    asked = min((p for p in pods if p.time_ns), key=lambda p: p.time_ns or 0, default=None)
    owners = cluster.owners_of(pods)
    sessions = {repr(s.order): s for p in pods for s in p.sessions} | {repr(s.order): s for s in chain.sessions}
    config = found.image.config_digest if found.config_proof in ("proven", "by_name") else None
    declared = graph.declared.get(config) if config is not None else None
    sessions = {order: session for order, session in sessions.items() if not _is_check(session, declared)}
    contents = graph.contents.get(config) if config is not None else None
    acted = chain.actions if contents is None else sorted((*chain.actions, *chain.strangers), key=lambda a: a.order)
    case = Case(
        chain=chain,
        node=_node_of(chain, pods, cluster),
        namespace=chain.pod_namespace,
        pod=chain.pod_name,
        workload=_workload(chain, pods, owners),
        provenance=found,
        declared=declared,
        contents=contents,
        probes=spec.probes if spec is not None else (),
        spec=spec,
        generate_name=min((p.generate_name for p in pods if p.generate_name and not p.owner_name), default=None),
        debugger=debugger,
        host_pid=chain.host_pid or any(p.host_pid for p in pods),
        sessions=tuple(sorted(sessions.values(), key=lambda s: (s.time_ns, s.order))),
        actions=tuple(a for a in acted if _is_its_own(a, chain, directory)),
        pod_actions=tuple(sorted((a for p in pods for a in p.actions), key=lambda a: a.order)),
        pod_actions_omitted=sum(p.actions_omitted for p in pods),
        asked_ns=asked.time_ns if asked is not None else None,
        created_by=_creator(chain, pods, owners, debugger),
        pulled_by=_puller(found),
        evidence=(*_evidence(chain, pods, owners, found, sessions.values()), *_held(contents)),
        unwatched=_unwatched(chain, cluster, policy),
    )
    if indicators is not None:
        beside = graph.digests.get(found.image.config_digest or "", ())
        case = msgspec.structs.replace(case, hits=_hits(case, pods, beside, directory, policy, indicators))
    return case if baseline is None else _compared(case, pods, directory, policy, baseline)


def _hits(
    case: Case,
    pods: list[PodRecord],
    digests: Iterable[Digest],
    directory: Directory,
    policy: TrustPolicy,
    indicators: Indicators,
) -> tuple[Hit, ...]:
    """`digests`: those that anybody set beside the image's config, proven or not."""
    chain, skew_ns = case.chain, policy.clock_skew_ns
    kept = (action for _, action in chain.listed if _is_its_own(action, chain, directory))
    own = [a for a in (*case.actions, *kept) if a.prefix != BY_PID or chain.was_open(a.time_ns, skew_ns)]
    shared = (*case.pod_actions, *(action for pod in pods for _, action in pod.listed))
    theirs = [action for action in shared if chain.was_open(action.time_ns, skew_ns)]
    image = (*digests_of(chain, case.provenance, case.contents), *digests)
    return hits_of(chain, case.provenance, image, own, theirs, indicators)


def _compared(case: Case, pods: list[PodRecord], directory: Directory, policy: TrustPolicy, baseline: Baseline) -> Case:
    """The case beside what is usual for it, with what it did that may not be."""
    chain = case.chain
    beside = {spec.container.name: spec.container for pod in pods for spec in pod.specs}
    case = msgspec.structs.replace(case, beside=tuple(beside[name] for name in sorted(beside)))
    usual = usual_for(case, baseline, policy, directory.states[chain.cluster])
    if usual is None or not usual.knows_workload:
        return msgspec.structs.replace(case, usual=usual)
    shared = [entry for pod in pods for entry in pod.unfamiliar]
    return msgspec.structs.replace(
        case,
        usual=usual,
        unfamiliar=tuple(a for a in kept_of(chain.unfamiliar, chain, baseline) if _is_its_own(a, chain, directory)),
        pod_unfamiliar=kept_of(shared, chain, baseline),
    )


def _is_check(session: Session, declared: Declared | None) -> bool:
    """Whether nobody attached: Docker runs the image's health check, and tells of it as of any session."""
    if declared is None or session.user is not None or not session.command:
        return False
    ran = Action(session.time_ns, "exec", session.source, session.stream, session.offset, None, session.command)
    return is_declared(ran, declared, ())


def _is_its_own(action: Action, chain: Chain, directory: Directory) -> bool:
    if action.prefix <= 0 or chain.container_id is None:
        return True
    return len(directory.find_prefix(chain.cluster, chain.container_id[: action.prefix])) <= 1


def _place_from(chain: Chain, pods: list[PodRecord]) -> None:
    for pod in pods:
        chain.pod_namespace = chain.pod_namespace or pod.namespace
        chain.pod_name = chain.pod_name or pod.name
        chain.service_account = chain.service_account or pod.service_account


def _node_of(chain: Chain, pods: list[PodRecord], cluster: ClusterState) -> str:
    node = cluster.nodes.get(chain.node)
    if node is not None and node.name:
        return node_name(node) or LOCAL
    assigned = min((pod.node for pod in pods if pod.node is not None), default=None)
    if assigned is not None:
        return assigned
    # A stream that names no node, beside exactly one node that is named, is that node.
    only = cluster.only_node()
    if only is not None:
        return node_name(only) or LOCAL
    return min(filter(None, chain.named_by), default=LOCAL)


def _unwatched(chain: Chain, cluster: ClusterState, policy: TrustPolicy) -> tuple[str, ...]:
    node = cluster.nodes.get(chain.node)
    if node is None or not node.name:
        node = cluster.only_node() or node
    if node is None or not node.blind:
        return ()
    first_ns = min((*chain.creates_ns, *chain.starts_ns, chain.first_seen_ns or 2**62))
    last_ns = max((*chain.starts_ns, first_ns))
    span_ns = policy.time_window_ns
    return tuple(unwatched(node.blind, chain.runtime, first_ns - span_ns, last_ns + span_ns))


def _workload(chain: Chain, pods: list[PodRecord], owners: list[WorkloadRecord]) -> Workload | None:
    if owners:
        top = owners[-1]
        if top.owner_kind is not None and top.owner_name is not None:
            return Workload(top.owner_kind, top.owner_name)
        return Workload(top.kind, top.name)
    if chain.workload is not None:
        return Workload(chain.workload_kind, chain.workload)
    for pod in pods:
        if pod.owner_kind is not None:
            return Workload(pod.owner_kind, pod.owner_name)
    return None


def _creator(chain: Chain, pods: list[PodRecord], owners: list[WorkloadRecord], debugger: User | None) -> CreatedBy:
    """Who asked: a debug container's own user, else whoever made the topmost owner, else the pod, else the runtime."""
    asked_ns = min((pod.time_ns for pod in pods if pod.time_ns), default=None)
    asked = [owner.changed_by(asked_ns) for owner in reversed(owners)] + [pod.user for pod in pods]
    user = debugger or next((user for user in asked if user is not None and user.name), None)
    if user is not None:
        return CreatedBy(user.name, user.groups, user.source_ip, user.user_agent, "kubernetes")
    if chain.user is not None:
        return CreatedBy(chain.user.name, chain.user.groups, chain.user.source_ip, chain.user.user_agent, chain.runtime)
    return CreatedBy()


def _puller(found: Provenance) -> PulledBy:
    clients = [o.pull.client for o in found.origins if o.pull.client is not None]
    if not clients:
        return PulledBy()
    return PulledBy(clients[-1].name, clients[-1].source_ip, clients[-1].user_agent)


def _evidence(
    chain: Chain,
    pods: list[PodRecord],
    owners: list[WorkloadRecord],
    found: Provenance,
    sessions: Iterable[Session],
) -> tuple[Evidence, ...]:
    shown: list[tuple[int, Evidence]] = []
    for origin in found.origins[:1] + found.origins[1:][-3:]:
        pull = origin.pull
        by = f" by {pull.client.source_ip}" if pull.client is not None and pull.client.source_ip else ""
        link = "same config digest" if origin.link == "proven" else "same name"
        shown.append(_item("pull", pull, f"pulled {pull.reference}{by} ({link})"))
    for owner in owners:
        who = f" by {owner.user.name}" if owner.user is not None and owner.user.name else ""
        if owner.time_ns:
            shown.append(_item("workload", owner, f"{owner.kind} {owner.namespace}/{owner.name} created{who}"))
    for pod in pods:
        who = f" by {pod.user.name}" if pod.user is not None and pod.user.name else ""
        if pod.time_ns:
            shown.append(_item("pod", pod, f"pod {pod.namespace}/{pod.name} requested{who}"))
    for sighting in chain.sightings:
        said = {"create": "container created", "start": "container started", "stop": "container stopped"}
        text = said.get(sighting.stage, f"container {sighting.stage}")
        shown.append(_item(sighting.stage, sighting, f"{text} from {sighting.detail}" if sighting.detail else text))
    for session in sessions:
        who = f" by {session.user.name}" if session.user is not None and session.user.name else ""
        shown.append(_item("session", session, f"attached{who}: {' '.join(session.command)}"))
    shown.sort(key=lambda item: (item[0], item[1].stage, item[1].record))
    if len(shown) > _EVIDENCE_SHOWN:
        shown = shown[: _EVIDENCE_SHOWN // 2] + shown[-_EVIDENCE_SHOWN // 2 :]
    return tuple(evidence for _, evidence in shown)


def _held(contents: ImageContents | None) -> Iterable[Evidence]:
    """What could run in the image, where that is known: it has no time and stands in no record of telemetry."""
    if contents is not None:
        shown = ", ".join(contents.tools[:_TOOLS_SHOWN])
        more = len(contents.tools) - _TOOLS_SHOWN
        tools = f"{shown} and {more} more" if more > 0 else shown or "no shell, package manager or download tool"
        yield Evidence("image", None, "image_facts", "", f"its layers hold {tools}")


class _Pointed(Protocol):
    """What has a time and a place in a stream."""

    @property
    def time_ns(self) -> int | None: ...
    @property
    def source(self) -> str: ...
    @property
    def stream(self) -> str: ...
    @property
    def offset(self) -> int: ...


def _item(stage: str, item: _Pointed, summary: str) -> tuple[int, Evidence]:
    time_ns = item.time_ns or 0
    shown = format_time(time_ns) if time_ns else None
    return time_ns, Evidence(stage, shown, item.source, f"{item.stream}:{item.offset}", summary)
