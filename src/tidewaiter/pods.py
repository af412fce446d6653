"""Turns what is known of pods into the chains to be judged: containers with ids, and those that only a pod names."""

from collections.abc import Iterable

import msgspec

from tidewaiter.attribution import Directory, unique_nodes
from tidewaiter.chain import Chain
from tidewaiter.cluster import ClusterState
from tidewaiter.hours import parted
from tidewaiter.incarnation import incarnations
from tidewaiter.objects import PodRecord


def judged_chains(directory: Directory) -> tuple[list[Chain], dict[str, int]]:
    """(every container that is judged, records by source that a pod held but no container could be found for)."""
    chains: list[Chain] = []
    lost: dict[str, int] = {}
    for cluster in directory.states.values():
        known = directory.wholes(chain for node in unique_nodes(cluster) for chain in node.chains.values())
        chains += judged_of(cluster, known, cluster.chains.values(), list(cluster.pods_by_name.values()), lost)
    return chains, lost


def judged_of(
    cluster: ClusterState,
    known: Iterable[Chain],
    told_by_pods: Iterable[Chain],
    pods: Iterable[tuple[str, ...]],
    lost: dict[str, int],
) -> list[Chain]:
    """The containers to be judged of a cluster, or of those of its pods that are given wholly.

    `known` are chains with ids, as they are judged, `told_by_pods` those without, `pods` the pods' keys, together where
    they share a name; `lost` takes up the records by source for which no container could be found.
    """
    chains: list[Chain] = []
    with_ids: dict[tuple[str | None, str | None, str | None], list[Chain]] = {}
    in_pods: set[tuple[str | None, str | None]] = set()
    for chain in known:
        if chain.pod_name is None and chain.pod_uid is None:
            chains += incarnations(chain)
        else:
            with_ids.setdefault(_place(chain), []).append(chain)
            in_pods.add((chain.pod_namespace, chain.pod_name))
    pod_chains: dict[tuple[str | None, str | None, str | None], list[Chain]] = {}
    for chain in told_by_pods:
        pod_chains.setdefault(_place(chain), []).append(chain)
    for place, siblings in with_ids.items():
        told = pod_chains.pop(place, [])
        mine = [chain for chain in told if any(_may_be_one(chain, sibling) for sibling in siblings)]
        chains += _shared(siblings, mine)
        others = [chain for chain in told if chain not in mine]
        if others:
            pod_chains[place] = others
    for alone in pod_chains.values():
        for whole in _by_uid(alone):
            chains.append(whole)
            in_pods.add((whole.pod_namespace, whole.pod_name))
    chains += _only_in_spec(cluster, pods, in_pods, lost)
    return chains


def _place(chain: Chain) -> tuple[str | None, str | None, str | None]:
    return (chain.pod_namespace, chain.pod_name or chain.pod_uid, chain.pod_container)


def _may_be_one(one: Chain, other: Chain) -> bool:
    """A stateful set's pod comes again under its old name; its uid tells the two apart."""
    return one.pod_uid is None or other.pod_uid is None or one.pod_uid == other.pod_uid


def _by_uid(alone: list[Chain]) -> list[Chain]:
    """Containers that only pods name, one for each pod."""
    wholes: list[Chain] = []
    for chain in sorted(alone, key=lambda chain: (chain.pod_uid is None, chain.key)):
        known = next((whole for whole in wholes if _may_be_one(whole, chain)), None)
        if known is None:
            wholes.append(msgspec.structs.replace(chain))
        else:
            known.absorb(chain)
    return wholes


def _shared(siblings: list[Chain], told_by_pod: list[Chain]) -> Iterable[Chain]:
    """Containers of one place in one pod (restarts), each with the kubelet's words that fall into its time."""
    siblings = sorted(siblings, key=lambda chain: (chain.first_seen_ns or 0, chain.key))
    starts = [chain.first_seen_ns or 0 for chain in siblings]
    for number, chain in enumerate(siblings):
        whole = msgspec.structs.replace(chain)
        # Kubelet events are cut to the second: a container's own may seem to come a little before it.
        since_ns = starts[number] - 2_000_000_000 if number else 0
        until_ns = starts[number + 1] - 2_000_000_000 if number + 1 < len(siblings) else 2**63
        for told in told_by_pod:
            if not _may_be_one(told, chain):
                continue
            first = told.first_process
            part = msgspec.structs.replace(
                told,
                sightings=tuple(s for s in told.sightings if since_ns <= s.time_ns < until_ns),
                restarts=tuple(t for t in told.restarts if since_ns <= t < until_ns),
                actions=tuple(a for a in told.actions if since_ns <= a.time_ns < until_ns),
                strangers=tuple(a for a in told.strangers if since_ns <= a.time_ns < until_ns),
                unfamiliar=tuple(entry for entry in told.unfamiliar if since_ns <= entry[2].time_ns < until_ns),
                listed=tuple(entry for entry in told.listed if since_ns <= entry[1].time_ns < until_ns),
                habits=parted(told.habits, since_ns, until_ns),
                sessions=tuple(s for s in told.sessions if since_ns <= s.time_ns < until_ns),
                first_seen_ns=None,
                first_process=first if first is not None and since_ns <= first[0] < until_ns else None,
            )
            whole.absorb(part)
        yield whole


def _only_in_spec(
    cluster: ClusterState,
    pods: Iterable[tuple[str, ...]],
    in_pods: set[tuple[str | None, str | None]],
    lost: dict[str, int],
) -> Iterable[Chain]:
    """Pods that did something, but none of whose containers anybody named: the spec's containers stand for them."""
    for keys in pods:
        records = [cluster.pods[key] for key in keys if key in cluster.pods]
        actions = [action for record in records for action in record.actions]
        actions += [action for record in records for _, _, action in record.unfamiliar]
        if not actions or any((record.namespace, record.name) in in_pods for record in records):
            continue
        told = [record for record in records if record.specs]
        if not told:
            for record in records:
                for source, flows in record.flows_by_source().items():
                    lost[source] = lost.get(source, 0) + flows
        times = sorted({action.time_ns for action in actions})
        for record in told:
            for name in record.container_names:
                for number, seen_ns in enumerate(_first_acts(record, name, times)):
                    yield _from_spec(cluster, record, name, number, seen_ns)


def _first_acts(record: PodRecord, name: str, times: list[int]) -> Iterable[int]:
    """For each image that was asked for: when the pod first did something under it."""
    specs = [spec for spec in record.specs if spec.container.name == name]
    first: dict[str | None, int] = {}
    for time_ns in times:
        asked = [spec for spec in specs if spec.time_ns <= time_ns] or specs[:1]
        first.setdefault(asked[-1].container.image, time_ns)
    return first.values()


def _from_spec(cluster: ClusterState, record: PodRecord, name: str, number: int, seen_ns: int) -> Chain:
    key = f"pod:{record.uid or f'{record.namespace}/{record.name}'}/{name}"
    return Chain(
        key=f"{key}#{number}" if number else key,
        cluster=cluster.name,
        node=record.node or "",
        pod_namespace=record.namespace,
        pod_name=record.name,
        pod_uid=record.uid,
        pod_container=name,
        service_account=record.service_account,
        first_seen_ns=seen_ns,
    )
