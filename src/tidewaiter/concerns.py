"""Turns what a record told (of a container, a pod, an image, an owner, a node) into the containers that it may concern.

Used while watching only. A unit is what is judged at one go: one container, or one pod with all its containers. Each
judged unit is kept under the names on which its judgement stands; it may be found too often, never too seldom.
"""

from collections.abc import Iterable

import msgspec

from tidewaiter.attribution import Directory, node_name, unique_nodes
from tidewaiter.case import Case
from tidewaiter.chain import Chain
from tidewaiter.digest import chain_id
from tidewaiter.event import ContainerCreate, ContainerFacts, ImageClaim, ImageFacts, ImageName, ImagePull
from tidewaiter.identity import IdentityGraph
from tidewaiter.node import NodeState, repository_of
from tidewaiter.objects import PodRecord
from tidewaiter.reference import reference_or_none

_RELATED_MAX = 1024
"""Digests that are followed from one record."""
_OWNERS_FOLLOWED = 4


class Unit(msgspec.Struct, frozen=True):
    """One pod, or one container of no known pod."""

    cluster: str
    namespace: str | None = None
    pod: str | None = None
    """The pod's name, else its uid."""
    node: str = ""
    """Where somebody chose the container's id, which is unique on its node only."""
    container: str | None = None
    """The chain's key."""


def unit_of(chain: Chain) -> Unit:
    """The unit of a chain as it is judged."""
    pod = chain.pod_name or chain.pod_uid
    if pod is not None:
        return Unit(chain.cluster, chain.pod_namespace, pod)
    return Unit(chain.cluster, node="" if chain.is_unique else chain.node, container=chain.key)


class Concerns:
    """All units, with their chains, and the names that concern them."""

    def __init__(self, directory: Directory, graph: IdentityGraph) -> None:
        self._directory = directory
        self._graph = graph
        self._chains: dict[Unit, list[Chain]] = {}
        self._unit_of: dict[int, Unit] = {}
        """Identity of a chain -> its unit; `_chains` keeps the chain alive for as long."""
        self._marks: dict[int, tuple[object, ...]] = {}
        """Identity of a chain -> what it was when its unit was judged."""
        self._names: dict[Unit, dict[str, None]] = {}
        self._by_name: dict[str, dict[Unit, None]] = {}
        self._nodes: dict[str, tuple[dict[str, tuple[str | None, int]], int]] = {}
        """Cluster -> its nodes, each with its shown name and the number of its names; how many addresses are theirs."""
        for cluster in directory.states.values():
            for node in unique_nodes(cluster):
                for chain in node.chains.values():
                    self.place(chain)
            for chain in cluster.chains.values():
                self.place(chain)

    def place(self, chain: Chain) -> tuple[Unit, ...]:
        """Put a chain where it belongs now, and what is judged as one with it. Gives back its unit, and before it any
        that was left."""
        unit, twin = unit_of(self._directory.whole(chain)), self._directory.twin(chain)
        if twin is None:
            return self._place(chain, unit)
        return tuple(dict.fromkeys((*self._place(twin, unit), *self._place(chain, unit))))

    def _place(self, chain: Chain, unit: Unit) -> tuple[Unit, ...]:
        before = self._unit_of.get(id(chain))
        if chain.pod_uid is not None:
            self._file(unit, f"uid:{chain.cluster}/{chain.pod_uid}")
        if before == unit:
            return (unit,)
        if before is not None:
            self.forget(chain)
        self._chains.setdefault(unit, []).append(chain)
        self._unit_of[id(chain)] = unit
        return (unit,) if before is None else (before, unit)

    def forget(self, chain: Chain) -> Unit | None:
        """The chain is gone. Gives back its unit, if it was placed."""
        unit = self._unit_of.pop(id(chain), None)
        if unit is None:
            return None
        self._marks.pop(id(chain), None)
        self._chains[unit] = [other for other in self._chains[unit] if other is not chain]
        if not self._chains[unit]:
            del self._chains[unit]
            self._unfile(unit, self._names.pop(unit, ()))
        return unit

    def chains(self, unit: Unit) -> list[Chain]:
        """The chains of a unit that are still kept (a node's second name may have made two of them one)."""
        for chain in tuple(self._chains.get(unit, ())):
            cluster = self._directory.states[chain.cluster]
            node = cluster.nodes.get(chain.node)
            if cluster.chains.get(chain.key) is not chain and (node is None or node.chains.get(chain.key) is not chain):
                self.forget(chain)
        return self._chains.get(unit, [])

    def has_changed(self, chain: Chain) -> bool:
        """Whether a chain is another than it was when its unit was judged, if it was."""
        return self._marks.get(id(chain)) != msgspec.structs.astuple(chain)

    def units(self) -> list[Unit]:
        """All units that have a chain."""
        return list(self._chains)

    def pods(self, unit: Unit, chains: Iterable[Chain]) -> list[PodRecord]:
        """What is known of a unit's pod, under its name or under the uids of its containers."""
        if unit.pod is None:
            return []
        cluster = self._directory.states[unit.cluster]
        keys = dict.fromkeys((*self.pods_named(unit), unit.pod, *(chain.pod_uid or "" for chain in chains)))
        return [cluster.pods[key] for key in keys if key in cluster.pods]

    def pods_named(self, unit: Unit) -> tuple[str, ...]:
        """Keys of the pods of a unit's name."""
        return self._directory.states[unit.cluster].pods_by_name.get(f"{unit.namespace}/{unit.pod}", ())

    def of_pod(self, cluster: str, pod: PodRecord) -> list[Unit]:
        """The units that what is known of a pod concerns."""
        units = self._by_name.get(f"uid:{cluster}/{pod.uid or pod.key}", ())
        return [*units, *([Unit(cluster, pod.namespace, pod.name)] if pod.name is not None else [])]

    # ------------------------------------------------------------------------------------------ images and owners

    def judged(self, unit: Unit, cases: Iterable[Case]) -> None:
        """The unit was judged: what that stands on is remembered."""
        names: dict[str, None] = {}
        chains = self.chains(unit)
        pods = self.pods(unit, chains)
        for chain in chains:
            self._marks[id(chain)] = msgspec.structs.astuple(chain)
            if chain.pod_uid is not None:
                names[f"uid:{unit.cluster}/{chain.pod_uid}"] = None
        for case in cases:
            for claim in case.chain.claims:
                names.update(dict.fromkeys(self._claimed(unit.cluster, claim.image)))
            if case.provenance.image.config_digest is not None:
                names[case.provenance.image.config_digest] = None
        for pod in pods:
            for spec in pod.specs:
                names.update(dict.fromkeys(self._claimed(unit.cluster, ImageClaim(reference=spec.container.image))))
            names.update(dict.fromkeys(self._owners(unit.cluster, pod)))
        known = self._names.pop(unit, {})
        self._unfile(unit, [name for name in known if name not in names])
        for name in names:
            self._file(unit, name)

    def on_names(self, names: Iterable[str]) -> list[Unit]:
        """The units that stand on one of some names."""
        return list(dict.fromkeys(unit for name in names for unit in self._by_name.get(name, ())))

    def is_on(self, unit: Unit, cluster: str, node: NodeState) -> bool:
        """Whether what a node remembers of names and pulls may speak of a unit (see `Directory.consulted`)."""
        if unit.cluster != cluster:
            return False
        chains = self._chains.get(unit)
        return not chains or not node.name or any(chain.node in (node.name, "") for chain in chains)

    def related(self, digests: Iterable[str], names: Iterable[str], nodes: list[NodeState]) -> dict[str, None]:
        """Names, digests and repositories to which some digests or image names lead, themselves among them."""
        found: dict[str, None] = {}
        ahead = list(digests)
        for name in names:
            found[repository_of(name)] = None
            for node in nodes:
                for moment in node.names.get(name, ()):
                    ahead += [told for told in (moment.config_digest, moment.repo_digest) if told is not None]
        while ahead and len(found) < _RELATED_MAX:
            digest = ahead.pop()
            if digest in found:
                continue
            found[digest] = None
            found[digest[7:19]] = None
            for node in nodes:
                found.update(dict.fromkeys(sorted(node.repositories.get(digest, ()))))
            stack = self._graph.chains.get(digest)
            ahead += [*([stack] if stack is not None else []), *sorted(self._graph.configs.get(digest, ()))]
            ahead += [*sorted(self._graph.digests.get(digest, ())), *sorted(self._graph.stacked.get(digest, ()))]
        return found

    def _claimed(self, cluster: str, image: ImageClaim) -> list[str]:
        told = [image.config_digest, image.repo_digest, image.manifest_digest, image.index_digest, image.chain_id]
        names = [digest for digest in told if digest is not None]
        if image.config_digest_prefix is not None:
            names.append(image.config_digest_prefix[:12])
        reference = reference_or_none(image.reference)
        if reference is not None and reference.digest is not None:
            names.append(reference.digest)
        if reference is not None and reference.repository is not None:
            pulls = self._directory.states[cluster].registry_pulls.get(reference.path or "", ())
            names += [reference.repository, f"path:{reference.path}", *(d for pull in pulls for d in pull.digests)]
        return names

    def _owners(self, cluster: str, pod: PodRecord) -> list[str]:
        names: list[str] = []
        kind, owner = pod.owner_kind, pod.owner_name
        while kind is not None and owner is not None and len(names) < _OWNERS_FOLLOWED:
            key = f"{kind}/{pod.namespace}/{owner}"
            names.append(f"workload:{cluster}/{key}")
            record = self._directory.states[cluster].workloads.get(key)
            kind, owner = (record.owner_kind, record.owner_name) if record is not None else (None, None)
        return names

    def _file(self, unit: Unit, name: str) -> None:
        self._names.setdefault(unit, {})[name] = None
        self._by_name.setdefault(name, {})[unit] = None

    def _unfile(self, unit: Unit, names: Iterable[str]) -> None:
        for name in names:
            units = self._by_name.get(name, {})
            units.pop(unit, None)
            if not units:
                self._by_name.pop(name, None)

    # ------------------------------------------------------------------------------------------ nodes

    def moved(self) -> list[Unit]:
        """The units whose node has got another name since this was asked last, or is no longer the only one."""
        found: list[Unit] = []
        for cluster in self._directory.states.values():
            nodes = {node.name: (node_name(node), len(node.aliases)) for node in unique_nodes(cluster)}
            # Only a registry's log tells nodes by their addresses.
            addresses = len(cluster.host_addresses) if cluster.registry_pulls else 0
            before, known = self._nodes.get(cluster.name, ({}, 0))
            if nodes == before and addresses == known:
                continue
            self._nodes[cluster.name] = (nodes, addresses)
            changed = {name for name in nodes.keys() | before.keys() if nodes.get(name) != before.get(name)}
            is_all = _named(nodes) != _named(before) or addresses != known
            here = [unit for unit in {**self._chains, **self._names} if unit.cluster == cluster.name]
            found += [unit for unit in here if is_all or self._is_at(unit, changed)]
        return found

    def _is_at(self, unit: Unit, nodes: set[str]) -> bool:
        chains = self._chains.get(unit, ())
        return not chains or any(chain.node in nodes for chain in chains)

    def refresh(self, unit: Unit) -> tuple[Unit, ...]:
        """The units in which the chains of a unit are now."""
        return tuple(dict.fromkeys(place for chain in list(self.chains(unit)) for place in self.place(chain)))


def _named(nodes: dict[str, tuple[str | None, int]]) -> int:
    """No named node, one, or several: a stream that names none is believed to speak of the only one."""
    return min(sum(bool(name) for name in nodes), 2)


def told_of(
    event: ImagePull | ImageName | ImageFacts | ContainerCreate | ContainerFacts,
) -> tuple[list[str], list[str]]:
    """The digests and the references of a record."""
    if isinstance(event, ImagePull):
        told = [event.config_digest, event.repo_digest, event.index_digest, event.manifest_digest]
        texts = [event.reference]
    elif isinstance(event, ImageName):
        told, texts = [event.config_digest, event.repo_digest], [event.reference or ""]
    elif isinstance(event, ImageFacts):
        told = [event.config_digest, event.index_digest, event.manifest_digest, *event.repo_digests]
        told.append(event.chain_id or chain_id(event.diff_ids))
        texts = list(event.references)
    elif event.image is not None and event.image.from_runtime:
        image = event.image
        told = [image.config_digest, image.repo_digest, image.index_digest, image.manifest_digest]
        texts = [image.reference or ""]
    else:
        return [], []
    return [digest for digest in told if digest is not None], texts
