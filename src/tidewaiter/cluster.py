"""Defines what is remembered of one cluster: its pods, its workloads, and which pod had which address when.

The API server knows a pod before any node does; what it said waits here until a container claims it by pod uid, by
name, or by address.
"""

from bisect import insort
from collections.abc import Iterable

import msgspec

from tidewaiter.chain import Chain
from tidewaiter.event import Pod
from tidewaiter.node import NodeState, Pull
from tidewaiter.objects import PodRecord, WorkloadRecord
from tidewaiter.shared import shared_text

_PODS_KEPT = 100_000
_WORKLOADS_KEPT = 50_000
_ADDRESSES_KEPT = 200_000
_HOLDERS_KEPT = 16
_OWNERS_FOLLOWED = 4


class ClusterState(msgspec.Struct):
    """All that belongs to one cluster."""

    name: str
    nodes: dict[str, NodeState] = msgspec.field(default_factory=dict)
    """Node names, aliases included -> state. Aliases point to one and the same object."""
    chains: dict[str, Chain] = msgspec.field(default_factory=dict)
    """Containers of pods of which nobody told the id (kubelet events): `pod:namespace/pod/container` -> chain."""
    pods: dict[str, PodRecord] = msgspec.field(default_factory=dict)
    pods_by_name: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """`namespace/name` -> keys in `pods`; a StatefulSet's pod comes again under another uid."""
    workloads: dict[str, WorkloadRecord] = msgspec.field(default_factory=dict)
    """`kind/namespace/name` -> workload."""
    addresses: dict[str, list[tuple[int, str]]] = msgspec.field(default_factory=dict)
    """Pod or container address -> (time_ns, pod key or chain key) in order of time, of each key the first and last."""
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
        if record.namespace is None and pod.namespace is not None:
            self._strike_name(record)
            record.namespace = shared_text(pod.namespace)
        record.uid = record.uid or pod.uid
        if record.service_account is None and pod.service_account is not None:
            record.service_account = shared_text(pod.service_account)
        record.name = record.name or pod.name
        if record.name is not None:
            place = f"{record.namespace}/{record.name}"
            keys = self.pods_by_name.get(place, ())
            if key not in keys:
                self.pods_by_name[place] = tuple(sorted((*keys, key)))
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

    def owners_of(self, pods: Iterable[PodRecord]) -> list[WorkloadRecord]:
        """The pods' owner, the owner's owner, and so on, as far as they are known."""
        found: list[WorkloadRecord] = []
        for pod in pods:
            kind, name = pod.owner_kind, pod.owner_name
            while kind is not None and name is not None and len(found) < _OWNERS_FOLLOWED:
                record = self.workloads.get(f"{kind}/{pod.namespace}/{name}")
                if record is None or record in found:
                    break
                found.append(record)
                kind, name = record.owner_kind, record.owner_name
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
        mine = [since_ns for since_ns, holder in holders if holder == key]
        if mine and mine[0] <= time_ns <= mine[-1]:
            return
        if len(mine) > 1:
            # It is told again and again: the moments between the first and the last say nothing more.
            holders.remove((mine[0] if time_ns < mine[0] else mine[-1], key))
        insort(holders, (time_ns, key))
        del holders[:-_HOLDERS_KEPT]

    def holder_of(self, address: str, time_ns: int, skew_ns: int) -> str | None:
        """Who had the address at that time: the last to get it up to then (clocks may differ by `skew_ns`)."""
        held = [
            key
            for since_ns, key in self.addresses.get(address, ())
            if since_ns <= time_ns + skew_ns and not self._is_on_host(key)
        ]
        return held[-1] if held else None

    def _is_on_host(self, holder: str) -> bool:
        """Whether the holder of an address is a pod on the host's network, whose address is the node's."""
        record = self.pods.get(holder.removeprefix("pod:"))
        return record is not None and record.host_network

    def _forget_pod(self, key: str) -> None:
        self._strike_name(self.pods.pop(key))
        self.evicted += 1

    def _strike_name(self, record: PodRecord) -> None:
        place = f"{record.namespace}/{record.name}"
        left = tuple(key for key in self.pods_by_name.pop(place, ()) if key != record.key)
        if left:
            self.pods_by_name[place] = left
