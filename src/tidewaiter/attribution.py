"""Turns the names a record gives (full ids, prefixes, chosen ids, pids, node aliases) into the one chain they mean.

Rules
- A full id is unique in its cluster. A prefix of 12 or more characters counts where it fits exactly one container.
- Two *named* nodes that both name one container are one node under two names; from then on they share one state.
- A record that names no node speaks of whichever node its container is on; a container first seen so moves to the
  node that names it later.
- An id that somebody chose (`ctr run IMAGE c1`) is unique on its node and in its runtime namespace only. All its
  containers share one chain here; `incarnation.py` tells them apart when they are judged.
"""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from tidewaiter.chain import Chain
from tidewaiter.cluster import ClusterState
from tidewaiter.digest import is_hex
from tidewaiter.event import ContainerEvent
from tidewaiter.node import NodeState
from tidewaiter.shared import shared_text, shared_texts

NODELESS = ""
_FULL = 64
_PREFIX = 12
_BELOW = "\x1f"


def is_full_id(container_id: str) -> bool:
    """Whether an id is a runtime's own (64 hex), unique for all time, not one that somebody chose."""
    return len(container_id) == _FULL and is_hex(container_id)


class Directory:
    """All chains of all clusters, found by any name. Holds no evidence of its own: `states` is the whole state."""

    def __init__(self, states: dict[str, ClusterState], retention_ns: int, pulls_cap: int, chains_cap: int) -> None:
        self.states = states
        self.retention_ns = retention_ns
        self.pulls_cap = pulls_cap
        self.chains_cap = chains_cap
        self.count = 0
        self.evicted = 0
        self.on_opened: Callable[[Chain], None] = lambda chain: None
        """Called when a container becomes known, and when its pod does."""
        self.on_evicted: Callable[[Chain], None] = lambda chain: None
        """Called when a container had to be given up to keep to the cap."""
        self._victims: Iterator[Chain] | None = None
        self._is_among_busy = False
        self._by_pod: dict[str, list[Chain]] = {}
        self._by_prefix: dict[str, dict[str, Chain | list[Chain]]] = {}
        for cluster in states.values():
            for node in unique_nodes(cluster):
                for chain in node.chains.values():
                    self._enter(chain)
                    if chain.pod_name is not None:
                        self._by_pod.setdefault(chain.pod_name, []).append(chain)

    def cluster(self, name: str) -> ClusterState:
        """The cluster's state, made if need be."""
        state = self.states.get(name)
        if state is None:
            state = self.states[name] = ClusterState(name)
        return state

    def node(self, cluster: ClusterState, name: str | None) -> NodeState:
        """The node's state under any of its names, made if need be; None or empty: the nodeless state."""
        name = name or NODELESS
        state = cluster.nodes.get(name)
        if state is None:
            state = cluster.nodes[name] = NodeState(cluster.name, name, {name} if name else set())
        return state

    def find_prefix(self, cluster: str, prefix: str) -> list[Chain]:
        """All chains of a cluster whose full id begins with `prefix` (12 or more hex characters)."""
        entry = self._by_prefix.get(cluster, {}).get(prefix[:_PREFIX])
        if entry is None:
            return []
        chains = [entry] if isinstance(entry, Chain) else entry
        return [chain for chain in chains if (chain.container_id or "").startswith(prefix)]

    def find(self, event: ContainerEvent) -> Chain | None:
        """The chain an event names by id or prefix, if it is known and the name fits exactly one."""
        if event.container_id is not None and not is_full_id(event.container_id):
            return self._find_chosen(event)
        name = event.container_id or event.container_id_prefix
        if name is None:
            return None
        found = self.find_prefix(event.cluster, name)
        if len(found) != 1:
            return None
        return self._claim_by(found[0], event)

    def open(self, event: ContainerEvent) -> Chain:
        """The chain an event names by its full or chosen id, made if need be."""
        chain = self.find(event)
        return chain if chain is not None else self._add(event)

    def remove(self, chain: Chain) -> None:
        """Forget a chain."""
        cluster = self.states[chain.cluster]
        cluster.nodes[chain.node].chains.pop(chain.key, None)
        self.count -= 1
        if chain.pod_name is not None and chain in self._by_pod.get(chain.pod_name, ()):
            self._by_pod[chain.pod_name].remove(chain)
            if not self._by_pod[chain.pod_name]:
                del self._by_pod[chain.pod_name]
        if chain.container_id is None or not is_full_id(chain.container_id):
            return
        bucket = self._by_prefix[chain.cluster]
        entry = bucket.get(chain.container_id[:_PREFIX])
        if entry is chain:
            del bucket[chain.container_id[:_PREFIX]]
        elif isinstance(entry, list):
            entry.remove(chain)

    def identify(self, chain: Chain, event: ContainerEvent) -> None:
        """Take in the names an event gives a chain, its pod's among them."""
        had_pod = chain.pod_name is not None
        chain.identify(event)
        if chain.pod_name is not None and not had_pod:
            self._by_pod.setdefault(chain.pod_name, []).append(chain)
            self.on_opened(chain)

    def pod_chain(self, event: ContainerEvent) -> Chain | None:
        """The chain of a container that an event names by pod and container name only, made if need be."""
        pod = event.pod
        if pod is None or pod.container_name is None or (pod.uid is None and pod.name is None):
            return None
        cluster = self.cluster(event.cluster)
        cluster.pod(pod)
        key = f"pod:{pod.uid or f'{pod.namespace}/{pod.name}'}/{pod.container_name}"
        chain = cluster.chains.get(key)
        if chain is None:
            if len(cluster.chains) >= self.chains_cap:
                self.on_evicted(cluster.chains.pop(next(iter(cluster.chains))))
                self.evicted += 1
            chain = cluster.chains[key] = Chain(key=key, cluster=cluster.name, node=event.node or NODELESS)
        chain.named_by = shared_texts(tuple(sorted({*chain.named_by, shared_text(event.node or NODELESS)})))
        chain.identify(event)
        return chain

    def pod_is_settled(self, namespace: str | None, name: str) -> bool:
        """Whether every container of every pod of this name is settled, those that only the spec names included."""
        chains = [chain for chain in self._by_pod.get(name, []) if chain.pod_namespace in (namespace, None)]
        if not chains or not all(chain.is_settled for chain in chains):
            return False
        known = {chain.pod_container for chain in chains}
        return all(
            known.issuperset(record.container_names)
            for chain in chains
            for record in self.states[chain.cluster].records_of(chain.pod_namespace, chain.pod_name, chain.pod_uid)
        )

    def make_room(self, newest: Chain) -> None:
        """Keep to the cap: chains without behaviour go first, oldest first."""
        while self.count > self.chains_cap:
            if self._victims is None:
                idle = sorted((c for c in self.chains() if not c.actions), key=lambda c: c.first_seen_ns or 0)
                busy = sorted((c for c in self.chains() if c.actions), key=lambda c: c.first_seen_ns or 0)
                self._is_among_busy = not idle or idle == [newest]
                self._victims = iter(busy if self._is_among_busy else idle)
            victim = next(self._victims, None)
            if victim is None:
                self._victims = None
            elif victim.actions and not self._is_among_busy:
                # It began to misbehave after the list was made.
                continue
            elif victim is not newest and victim.key in self.states[victim.cluster].nodes[victim.node].chains:
                self.remove(victim)
                self.evicted += 1
                self.on_evicted(victim)

    def chains(self) -> Iterator[Chain]:
        """All chains that have an id, cluster by cluster and node by node."""
        for cluster in self.states.values():
            for node in unique_nodes(cluster):
                yield from node.chains.values()

    def twin(self, chain: Chain) -> Chain | None:
        """What a stream without a node told of an id that somebody chose belongs to the chain of that id on the only
        named node: of these two the other one."""
        if chain.is_unique:
            return None
        cluster = self.states[chain.cluster]
        only, nodeless = cluster.only_node(), cluster.nodes.get(NODELESS)
        if only is None or nodeless is None:
            return None
        return (only if chain.node == NODELESS else nodeless).chains.get(chain.key)

    def whole(self, chain: Chain) -> Chain:
        """The chain as it is judged, its twin taken in."""
        twin = self.twin(chain)
        if twin is None:
            return chain
        named, nodeless = (twin, chain) if chain.node == NODELESS else (chain, twin)
        whole = msgspec.structs.replace(named)
        whole.absorb(nodeless)
        return whole

    def wholes(self, chains: Iterable[Chain]) -> Iterator[Chain]:
        """Chains as they are judged, each once; of two that are judged as one both are given."""
        for chain in chains:
            if chain.node != NODELESS or self.twin(chain) is None:
                yield self.whole(chain)

    def consulted(self, chain: Chain) -> list[NodeState]:
        """The node states whose names and pulls speak of a chain: its node's, and the nodeless one where that is
        the same node (it named the container too, or there is only one node beside it)."""
        cluster = self.states[chain.cluster]
        states = [cluster.nodes[chain.node]] if chain.node in cluster.nodes else []
        nodeless = cluster.nodes.get(NODELESS)
        only = cluster.only_node()
        if only is not None and chain.node == NODELESS:
            states.append(only)
        is_alone = only is not None or len(cluster.nodes) == 1
        if nodeless is not None and chain.node != NODELESS and (is_alone or NODELESS in chain.named_by):
            states.append(nodeless)
        return states

    def find_key(self, cluster: ClusterState, key: str) -> Chain | None:
        """The chain of a key that `lasting_key` gave, on whichever node it is now."""
        if is_full_id(key):
            return next(iter(self.find_prefix(cluster.name, key)), None)
        node, _, chosen = key.partition(_BELOW)
        return cluster.nodes[node].chains.get(chosen) if node in cluster.nodes else None

    def _add(self, event: ContainerEvent) -> Chain:
        cluster = self.cluster(event.cluster)
        node = self.node(cluster, event.node)
        container_id = event.container_id or ""
        key = container_id if is_full_id(container_id) else chosen_key(event)
        chain = Chain(key=key, cluster=cluster.name, node=node.name)
        chain.container_id = container_id
        chain.named_by = shared_texts((shared_text(event.node or NODELESS),))
        node.chains[key] = chain
        self._enter(chain)
        self.make_room(chain)
        self.on_opened(chain)
        return chain

    def _enter(self, chain: Chain) -> None:
        self.count += 1
        if chain.container_id is None or not is_full_id(chain.container_id):
            return
        bucket = self._by_prefix.setdefault(chain.cluster, {})
        entry = bucket.get(chain.container_id[:_PREFIX])
        if entry is None:
            bucket[chain.container_id[:_PREFIX]] = chain
        elif isinstance(entry, list):
            entry.append(chain)
        else:
            bucket[chain.container_id[:_PREFIX]] = [entry, chain]

    def _find_chosen(self, event: ContainerEvent) -> Chain | None:
        cluster = self.cluster(event.cluster)
        node = self.node(cluster, event.node)
        return node.chains.get(chosen_key(event))

    def _claim_by(self, chain: Chain, event: ContainerEvent) -> Chain:
        """Note that the event's node named the chain, and draw the conclusion about node names."""
        name = event.node or NODELESS
        if name in chain.named_by:
            return chain
        cluster = self.states[chain.cluster]
        if name != NODELESS:
            here, there = self.node(cluster, name), cluster.nodes[chain.node]
            if chain.node == NODELESS:
                del there.chains[chain.key]
                here.chains[chain.key] = chain
                chain.node = here.name
            elif here is not there:
                self._merge(cluster, here, there)
        chain.named_by = shared_texts(tuple(sorted({*chain.named_by, shared_text(name)})))
        return chain

    def _merge(self, cluster: ClusterState, one: NodeState, other: NodeState) -> None:
        kept, gone = sorted((one, other), key=lambda node: (not node.assigned, node.name))
        kept.absorb(gone, self.retention_ns, self.pulls_cap)
        for key, chain in gone.chains.items():
            chain.node = kept.name
            if key in kept.chains:
                kept.chains[key].absorb(chain)
                self.count -= 1
            else:
                kept.chains[key] = chain
        for alias in kept.aliases:
            cluster.nodes[alias] = kept


def chosen_key(event: ContainerEvent) -> str:
    """Key of the containers whose id somebody chose."""
    return f"{event.runtime_namespace or ''}/{event.container_id}"


def lasting_key(chain: Chain) -> str:
    """Key by which a chain is found again: a whole id wherever it is, an id that somebody chose on its node only."""
    return chain.key if chain.is_unique else f"{chain.node}{_BELOW}{chain.key}"


def unique_nodes(cluster: ClusterState) -> list[NodeState]:
    """Each node state of the cluster once, however many names it has."""
    return [state for name, state in cluster.nodes.items() if state.name == name]


def node_name(node: NodeState) -> str | None:
    """The name shown for a node: one the API server gave before others, then the smallest; None for nodeless."""
    return min(node.assigned or node.aliases, default=None)
