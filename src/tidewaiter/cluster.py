"""Defines what is remembered of one cluster: its pods, its workloads, and which pod had which address when.

The API server knows a pod before any node does; what it said waits here until a container claims it by pod uid, by
name, or by address.
"""

from functools import lru_cache

import msgspec

from tidewaiter.chain import Action, Chain, Session, shared_user
from tidewaiter.event import Pod, PodContainer, User, Where
from tidewaiter.node import NodeState, Pull

_PODS_KEPT = 100_000
_WORKLOADS_KEPT = 50_000
_ADDRESSES_KEPT = 200_000
_POD_ACTIONS_KEPT = 48
_CHANGES_KEPT = 16
_SECOND_NS = 1_000_000_000


@lru_cache(maxsize=16_384)
def shared_spec(container: PodContainer) -> PodContainer:
    """The container's spec, as one object for all replicas."""
    return container


def is_human(name: str | None) -> bool:
    """Whether a user name is a person's: not a service account, a node or a component (`system:...`)."""
    return bool(name) and not (name or "").startswith("system:")


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
    owner_uid: str | None = None
    service_account: str | None = None
    containers: dict[str, PodContainer] = msgspec.field(default_factory=dict)
    debug_users: dict[str, User] = msgspec.field(default_factory=dict)
    """Name of an ephemeral container -> who added it."""
    sessions: dict[str, Session] = msgspec.field(default_factory=dict)
    """Sessions known by pod only; `repr(order)` -> session."""
    host_pid: bool = False
    host_network: bool = False
    node: str | None = None
    actions: dict[str, Action] = msgspec.field(default_factory=dict)
    """Flows that are known by pod only; `repr(order)` -> action."""
    actions_omitted: int = 0

    def act(self, action: Action) -> bool:
        """Add a flow known by pod only. Gives back whether it was new; the earliest stay."""
        key = repr(action.order)
        if key in self.actions:
            return False
        self.actions[key] = action
        if len(self.actions) > _POD_ACTIONS_KEPT:
            latest = max(self.actions, key=lambda name: self.actions[name].order)
            del self.actions[latest]
            self.actions_omitted += 1
        return True

    def asked(self, time_ns: int, where: Where, user: User | None) -> None:
        """Somebody asked for the pod; a record that names the person outranks one that does not, then the earlier."""
        rank = (user is None, time_ns)
        known = (self.user is None, self.time_ns) if self.time_ns is not None else None
        if known is None or rank < known:
            self.time_ns, self.source, self.stream, self.offset = time_ns, where.source, where.stream, where.offset
            self.user = shared_user(user) if user is not None else self.user


class WorkloadRecord(msgspec.Struct):
    """One Deployment, Job ... as the API server told it."""

    kind: str
    namespace: str | None
    name: str | None
    uid: str | None = None
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


class ClusterState(msgspec.Struct):
    """All that belongs to one cluster."""

    name: str
    nodes: dict[str, NodeState] = msgspec.field(default_factory=dict)
    """Node names, aliases included -> state. Aliases point to one and the same object."""
    chains: dict[str, Chain] = msgspec.field(default_factory=dict)
    """Containers of pods of which nobody told the id (kubelet events): `pod:namespace/pod/container` -> chain."""
    pods: dict[str, PodRecord] = msgspec.field(default_factory=dict)
    pods_by_name: dict[str, list[str]] = msgspec.field(default_factory=dict)
    """`namespace/name` -> keys in `pods`; a StatefulSet's pod comes again under another uid."""
    workloads: dict[str, WorkloadRecord] = msgspec.field(default_factory=dict)
    """`kind/namespace/name` -> workload."""
    addresses: dict[str, list[tuple[int, str]]] = msgspec.field(default_factory=dict)
    """Pod or container address -> (time_ns, pod key or chain key) in order of time."""
    host_addresses: dict[str, str] = msgspec.field(default_factory=dict)
    """A node's own address -> node name."""
    registry_pulls: dict[str, list[Pull]] = msgspec.field(default_factory=dict)
    """Path inside the registry -> pulls that a registry saw; it names no node."""
    evicted: int = 0

    def only_node(self) -> NodeState | None:
        """The one node of the cluster that has a name, under however many names; None where there are more, or none."""
        found: NodeState | None = None
        for name, state in self.nodes.items():
            if name and state is not found:
                if found is not None:
                    return None
                found = state
        return found

    def pod(self, pod: Pod) -> PodRecord | None:
        """The record of a pod, made if need be; None where neither uid nor name is told."""
        if pod.uid is None and pod.name is None:
            return None
        key = pod.uid or f"{pod.namespace}/{pod.name}"
        record = self.pods.get(key)
        if record is None:
            if len(self.pods) >= _PODS_KEPT:
                self._forget_pod(next(iter(self.pods)))
            record = self.pods[key] = PodRecord(key)
        record.namespace = record.namespace or pod.namespace
        record.uid = record.uid or pod.uid
        record.service_account = record.service_account or pod.service_account
        if record.name is None and pod.name is not None:
            record.name = pod.name
        if record.name is not None:
            keys = self.pods_by_name.setdefault(f"{record.namespace}/{record.name}", [])
            if key not in keys:
                keys.append(key)
                keys.sort()
        return record

    def records_of(self, namespace: str | None, name: str | None, uid: str | None) -> list[PodRecord]:
        """What is known of a pod: under its uid, and under its name where no other uid claims that name."""
        found: list[PodRecord] = []
        if uid is not None and uid in self.pods:
            found.append(self.pods[uid])
        if name is not None:
            for key in self.pods_by_name.get(f"{namespace}/{name}", ()):
                record = self.pods[key]
                if record not in found and (uid is None or record.uid is None):
                    found.append(record)
        return found

    def workload(self, kind: str, namespace: str | None, name: str | None) -> WorkloadRecord:
        """The record of a workload, made if need be."""
        key = f"{kind}/{namespace}/{name}"
        record = self.workloads.get(key)
        if record is None:
            if len(self.workloads) >= _WORKLOADS_KEPT:
                self.workloads.pop(next(iter(self.workloads)))
                self.evicted += 1
            record = self.workloads[key] = WorkloadRecord(kind, namespace, name)
        return record

    def learn_address(self, address: str, time_ns: int, key: str) -> None:
        """From this moment on the address belonged to a pod or container."""
        holders = self.addresses.get(address)
        if holders is None:
            if len(self.addresses) >= _ADDRESSES_KEPT:
                self.addresses.pop(next(iter(self.addresses)))
                self.evicted += 1
            holders = self.addresses.setdefault(address, [])
        if (time_ns, key) not in holders:
            holders.append((time_ns, key))
            holders.sort()
            del holders[:-16]

    def holder_of(self, address: str, time_ns: int, skew_ns: int) -> str | None:
        """Who had the address at that time: the last to get it up to then (clocks may differ by `skew_ns`)."""
        holders = self.addresses.get(address)
        if not holders:
            return None
        held = [key for since_ns, key in holders if since_ns <= time_ns + skew_ns]
        return held[-1] if held else None

    def _forget_pod(self, key: str) -> None:
        self.pods.pop(key)
        for name in [name for name, keys in self.pods_by_name.items() if key in keys]:
            self.pods_by_name[name].remove(key)
            if not self.pods_by_name[name]:
                del self.pods_by_name[name]
        self.evicted += 1
