"""Turns events into chains: files each event under the container, pod, image name or node that it speaks of.

Rules
- Which event opens which stage stands in `STAGES`; stages are a partial order, so nothing here asks what came before.
- Whatever arrives within the lateness leaves the same state in any order, and once or twice makes no difference.
- What processes did is filed in `activity.py`, which also keeps what cannot be filed yet.
- While nobody ticks there is no common now. How far a stream (source, cluster, node) has been read, the latest that it
  told to have happened says; by that alone are its own records too late, and by that alone have they waited long
  enough. So nobody is given up for a list of pods or containers, which tells of any moment whenever it is read, nor for
  another stream that is far ahead. Of a stream that falls silent the last records wait to the end, bounded by `CAP`.
"""

from collections.abc import Callable

import msgspec

from tidewaiter.activity import Activity, Outcome
from tidewaiter.attribution import Directory, lasting_key
from tidewaiter.chain import Chain
from tidewaiter.cluster import ClusterState
from tidewaiter.event import (
    Blindness,
    ContainerCreate,
    ContainerEvent,
    ContainerExec,
    ContainerFacts,
    ContainerStart,
    ContainerStop,
    Event,
    ImageFacts,
    ImageName,
    ImagePull,
    ImagePullFailed,
    NetworkFlow,
    PodContainer,
    PodCreate,
    PodStatus,
    ProcessExec,
    Tick,
    User,
    WorkloadCreate,
)
from tidewaiter.identity import IdentityGraph
from tidewaiter.mask import mask_arguments
from tidewaiter.objects import PodRecord, Spec, ask, is_human, own, shared_spec
from tidewaiter.policy import TrustPolicy
from tidewaiter.provenance import learn_facts, learn_name, learn_pull, runtime_told
from tidewaiter.shared import shared_text, shared_user
from tidewaiter.sight import learn_blindness
from tidewaiter.waiting import END_NS

STAGES: dict[type[Event], str] = {
    ImagePull: "pull",
    PodCreate: "pod",
    WorkloadCreate: "workload",
    ContainerCreate: "create",
    ContainerStart: "start",
    ContainerStop: "stop",
    ContainerExec: "session",
}
"""The stage that an event opens. `ContainerFacts` opens create and start at the moments it tells."""

PERISHABLE = frozenset({ContainerCreate, ContainerStart, ContainerStop, ContainerExec, ProcessExec, NetworkFlow})
"""Events that expire when they come later than the lateness. What is known of content, names and pulls does not, and
says nothing of how far its stream has been read."""

_SWEEP_EVERY = 4096
"""Events between two looks at what waits, at the least."""


class Progress(msgspec.Struct):
    """How far the streams have been read."""

    watermarks: dict[tuple[str, str, str | None], int] = msgspec.field(default_factory=dict)
    """(source, cluster, node) -> latest time of what happened."""
    now_ns: int | None = None
    """What the ticks say; None while nobody ticks."""
    until_sweep: int = 0
    """Events until what waits is looked through again."""
    attempted_pulls: set[tuple[str, str, str | None, int | None]] = msgspec.field(default_factory=set)
    """(cluster, reference, node, minute) of pulls that failed."""


class Correlator:
    """Files events into the state that `directory` and `graph` hold."""

    def __init__(
        self,
        directory: Directory,
        graph: IdentityGraph,
        policy: TrustPolicy,
        activity: Activity,
        progress: Progress,
    ) -> None:
        self.directory = directory
        self.graph = graph
        self.policy = policy
        self.activity = activity
        self.attempted_pulls = progress.attempted_pulls
        self.now_ns = progress.now_ns
        self._watermarks = progress.watermarks
        self._until_sweep = progress.until_sweep
        self._handlers: dict[type[Event], Callable[..., Outcome]] = {
            ImagePull: self._image_pull,
            ImagePullFailed: self._image_pull_failed,
            ImageName: self._image_name,
            ImageFacts: self._image_facts,
            WorkloadCreate: self._workload_create,
            PodCreate: self._pod_create,
            PodStatus: self._pod_status,
            ContainerFacts: self._container_facts,
            ContainerCreate: self._container_create,
            ContainerStart: self._container_start,
            ContainerStop: self._container_stop,
            ContainerExec: self._container_exec,
            ProcessExec: self.activity.process_exec,
            NetworkFlow: self.activity.network_flow,
            Blindness: self._blindness,
            Tick: self._tick,
        }
        activity.refile = lambda event: self._handlers[type(event)](event)

    def feed(self, event: Event) -> Outcome:
        """File one event; what became of it."""
        if type(event) in PERISHABLE and event.time_ns is not None and not self._in_time(event, event.time_ns):
            return "expired"
        self._until_sweep -= 1
        if self._until_sweep <= 0:
            # Before the event is filed: what begins to wait has to be accounted for before it can be given up.
            self.sweep()
        if event.node is not None and event.node not in self.directory.cluster(event.cluster).nodes:
            self.directory.node(self.directory.cluster(event.cluster), event.node)
        return self._handlers[type(event)](event)

    def progress(self) -> Progress:
        """How far the streams have been read."""
        return Progress(self._watermarks, self.now_ns, self._until_sweep, self.attempted_pulls)

    def _tick(self, event: Tick) -> Outcome:
        # Whoever ticks knows how far all streams are read, those that fell silent too.
        self.now_ns = max(self.now_ns or 0, event.time_ns or 0)
        return "irrelevant"

    def _blindness(self, event: Blindness) -> Outcome:
        node = self.directory.node(self.directory.cluster(event.cluster), event.node)
        return "used" if learn_blindness(node.blind, event) else "duplicate"

    def sweep(self) -> None:
        """Give up what has waited longer than the lateness (and as long again, for sensors that run behind)."""
        left = self.activity.give_up(self._read_until)
        # As many events again as were looked at in vain: so each of them pays for one look, however many wait.
        self._until_sweep = max(_SWEEP_EVERY, left)

    def close(self) -> None:
        """The stream has ended: nothing more will name what waits."""
        self.activity.give_up(lambda event: END_NS)

    def _read_until(self, event: Event) -> int:
        """Up to when all has been read that could name the container of an event of the same stream."""
        now_ns, place = self.now_ns, (event.where.source, event.cluster, event.node)
        return (self._watermarks.get(place, 0) if now_ns is None else now_ns) - 2 * self.policy.lateness_ns

    # ------------------------------------------------------------------------------------------ images

    def _image_pull(self, event: ImagePull) -> Outcome:
        cluster = self.directory.cluster(event.cluster)
        node = self.directory.node(cluster, event.node)
        return learn_pull(event, cluster, node, self.graph, self.policy.provenance_retention_ns, self.directory)

    def _image_pull_failed(self, event: ImagePullFailed) -> Outcome:
        # The kubelet repeats a failure for as long as it lasts; one attempt is counted a reference, node and minute.
        minute = None if event.time_ns is None else event.time_ns // 60_000_000_000
        attempt = (event.cluster, event.reference, event.node, minute)
        if attempt in self.attempted_pulls:
            return "duplicate"
        if len(self.attempted_pulls) < 100_000:
            self.attempted_pulls.add(attempt)
        return "used"

    def _image_name(self, event: ImageName) -> Outcome:
        node = self.directory.node(self.directory.cluster(event.cluster), event.node)
        return learn_name(event, node, self.graph)

    def _image_facts(self, event: ImageFacts) -> Outcome:
        node = self.directory.node(self.directory.cluster(event.cluster), event.node)
        return learn_facts(event if self.activity.keep_arguments else masked_facts(event), node, self.graph)

    # ------------------------------------------------------------------------------------------ Kubernetes objects

    def _workload_create(self, event: WorkloadCreate) -> Outcome:
        record = self.directory.cluster(event.cluster).workload(event.kind, event.namespace, event.name)
        own(record, event.owner_kind, event.owner_name)
        is_change = event.user is not None and record.change(event.time_ns or 0, event.user)
        is_best = ask(record, event.time_ns or 0, event.where, event.user)
        return "used" if is_best or is_change else "duplicate"

    def _pod_create(self, event: PodCreate) -> Outcome:
        cluster = self.directory.cluster(event.cluster)
        record = cluster.pod(event.pod)
        if record is None:
            return "irrelevant"
        # Who adds a debug container has not asked for the pod.
        is_debug = any(container.kind == "ephemeral" for container in event.containers)
        ask(record, event.time_ns or 0, event.where, None if is_debug else event.user)
        for told in event.containers:
            container = told if self.activity.keep_arguments else _masked_spec(told)
            debugger: User | None = None
            if container.kind == "ephemeral" and event.user is not None and is_human(event.user.name):
                debugger = shared_user(event.user)
            cluster.evicted += record.specify(Spec(event.time_ns or 0, shared_spec(container), debugger))
        own(record, event.owner_kind, event.owner_name)
        if event.generate_name is not None:
            generate_name = shared_text(event.generate_name)
            record.generate_name = min(record.generate_name or generate_name, generate_name)
        record.host_pid = record.host_pid or event.host_pid
        record.host_network = record.host_network or event.host_network
        self._assign(cluster, record, event.assigned_node)
        return "used"

    def _pod_status(self, event: PodStatus) -> Outcome:
        cluster = self.directory.cluster(event.cluster)
        record = cluster.pod(event.pod)
        if record is None:
            return "irrelevant"
        record.host_network = record.host_network or event.host_network
        self._assign(cluster, record, event.assigned_node)
        if event.assigned_node is not None:
            for address in event.host_ips:
                cluster.host_addresses[address] = event.assigned_node
        for address in event.ips:
            if address not in event.host_ips:
                cluster.learn_address(address, event.time_ns or 0, f"pod:{record.key}")
        return "used"

    def _assign(self, cluster: ClusterState, record: PodRecord, node: str | None) -> None:
        if node is not None:
            record.node = min(record.node or node, node)
            self.directory.node(cluster, node).assigned.add(node)

    # ------------------------------------------------------------------------------------------ containers

    def _chain_for(self, event: ContainerEvent) -> Chain | None:
        """The chain of a lifecycle event, made if the event names it wholly; None where it names nothing known."""
        if event.container_id is not None:
            chain = self.directory.open(event)
            if event.node is not None:
                self.directory.node(self.directory.cluster(event.cluster), event.node).assigned.add(event.node)
        elif event.container_id_prefix is not None:
            found = self.directory.find(event)
            if found is None:
                return None
            chain = found
        else:
            return self.directory.pod_chain(event)
        self.directory.identify(chain, event)
        return chain

    def _container_facts(self, event: ContainerFacts) -> Outcome:
        chain = self._chain_for(event)
        if chain is None:
            return self.activity.wait(event)
        detail = (event.image.reference if event.image is not None else None) or ""
        chain.be_called(event.name)
        chain.is_sandbox = chain.is_sandbox or event.is_sandbox
        chain.privileged = chain.privileged or bool(event.privileged)
        chain.host_root_mount = chain.host_root_mount or bool(event.host_root_mount)
        chain.host_pid = chain.host_pid or bool(event.host_pid)
        chain.dns_servers = tuple(sorted({*chain.dns_servers, *event.dns_servers}))
        if event.created_ns is not None:
            chain.sight("create", event.created_ns, event.where, detail)
        if event.started_ns is not None:
            chain.sight("start", event.started_ns, event.where, detail)
        if event.finished_ns is not None:
            chain.sight("stop", event.finished_ns, event.where, "")
        if event.time_ns is not None:
            chain.see(event.time_ns)
        cluster = self.directory.cluster(event.cluster)
        node = self.directory.node(cluster, event.node)
        runtime_told(event, node, self.graph, event.created_ns or event.started_ns)
        for address in event.ips:
            cluster.learn_address(address, event.created_ns or event.time_ns or 0, f"chain:{lasting_key(chain)}")
        self.activity.learn_pid(event, event.pid, event.started_ns or event.time_ns or 0, chain)
        self.activity.touched.append(chain)
        return "used"

    def _container_create(self, event: ContainerCreate) -> Outcome:
        chain = self._chain_for(event)
        if chain is None:
            return self.activity.wait(event)
        chain.be_called(event.name)
        chain.ask(event.user)
        chain.is_sandbox = chain.is_sandbox or event.is_sandbox
        chain.privileged = chain.privileged or bool(event.privileged)
        chain.host_root_mount = chain.host_root_mount or bool(event.host_root_mount)
        chain.host_pid = chain.host_pid or bool(event.host_pid)
        node = self.directory.node(self.directory.cluster(event.cluster), event.node)
        runtime_told(event, node, self.graph, event.time_ns)
        return self._sight(chain, event)

    def _container_start(self, event: ContainerStart) -> Outcome:
        chain = self._chain_for(event)
        if chain is None:
            return self.activity.wait(event)
        chain.be_called(event.name)
        self.activity.learn_pid(event, event.pid, event.time_ns or 0, chain)
        return self._sight(chain, event)

    def _container_stop(self, event: ContainerStop) -> Outcome:
        chain = self._chain_for(event)
        if chain is None:
            return self.activity.wait(event) if event.container_id_prefix is not None else "irrelevant"
        self.activity.touched.append(chain)
        new = chain.sight("removed" if event.removed else "stop", event.time_ns or 0, event.where, "")
        return "used" if new else "duplicate"

    def _sight(self, chain: Chain, event: ContainerEvent) -> Outcome:
        detail = (event.image.reference if event.image is not None else None) or ""
        self.activity.touched.append(chain)
        new = chain.sight(STAGES[type(event)], event.time_ns or 0, event.where, detail)
        return "used" if new else "duplicate"

    def _container_exec(self, event: ContainerExec) -> Outcome:
        known = self.directory.find(event)
        if known is not None and known.is_settled:
            return "irrelevant"
        return self.activity.container_exec(event, self._chain_for(event))

    def _in_time(self, event: Event, time_ns: int) -> bool:
        place = (event.where.source, event.cluster, event.node)
        latest_ns = self._watermarks.get(place, 0)
        if time_ns > latest_ns:
            self._watermarks[place] = time_ns
            return True
        if latest_ns - time_ns <= self.policy.lateness_ns:
            return True
        # The kubelet's words about a container come listed in any order, and carry no id.
        return (
            isinstance(event, ContainerEvent)
            and event.container_id is None
            and event.container_id_prefix is None
            and event.pod is not None
        )


def masked_facts(facts: ImageFacts) -> ImageFacts:
    """The facts without the secrets of the command lines that the image declares."""
    return msgspec.structs.replace(
        facts,
        entrypoint=facts.entrypoint and mask_arguments(facts.entrypoint),
        cmd=facts.cmd and mask_arguments(facts.cmd),
        healthcheck=facts.healthcheck and mask_arguments(facts.healthcheck),
    )


def _masked_spec(container: PodContainer) -> PodContainer:
    if not container.probes:
        return container
    return msgspec.structs.replace(container, probes=tuple(mask_arguments(probe) for probe in container.probes))
