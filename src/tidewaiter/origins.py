"""Turns what a node remembers of pulls and names into an image's origins: the pulls that brought its content in."""

from collections.abc import Iterable

import msgspec

from tidewaiter.cluster import ClusterState
from tidewaiter.digest import Digest
from tidewaiter.identity import IdentityGraph
from tidewaiter.node import VOIDING, NameMoment, NodeState, Pull
from tidewaiter.reference import ImageReference


class Origin(msgspec.Struct, frozen=True):
    """A pull that brought the content in, and how it is known to be of this content."""

    pull: Pull
    link: str
    """`proven`: both meet in one config digest. `by_name`: they meet in a name that did not move between."""


def only_one(configs: set[Digest]) -> set[Digest]:
    """The config that a digest stands for, if it is one: an index has one a platform, and cannot tell which ran."""
    return configs if len(configs) == 1 else set()


def content_of(
    config: Digest | None, repo_digest: Digest | None, graph: IdentityGraph, scopes: Iterable[str]
) -> set[Digest]:
    """The config that a name stood for, told by its own digest or by that of a manifest or index beside it."""
    if config is not None:
        return {config}
    return only_one(graph.configs_of(repo_digest, scopes)) if repo_digest is not None else set()


def origins_of(
    config: Digest | None,
    proof: str | None,
    references: list[ImageReference],
    nodes: list[NodeState],
    graph: IdentityGraph,
    scopes: set[str],
    at_ns: int,
    cluster: ClusterState,
) -> tuple[tuple[Origin, ...], bool]:
    """Pulls that brought this content in, and whether the last pull of the very name brought other content."""
    names = {reference.name for reference in references if reference.registry is not None}
    repositories = {r.repository for r in references if r.repository is not None}
    if config is not None:
        for node in nodes:
            for digest in (config, *graph.digests_of(config, scopes)):
                repositories |= node.repositories.get(digest, set())
    origins: list[Origin] = []
    excluded = False
    for repository in sorted(repositories):
        pulls = [p for node in nodes for p in node.pulls.get(repository, ())]
        pulls += _registry_pulls(repository, cluster, nodes)
        pulls = sorted((p for p in pulls if p.time_ns <= at_ns), key=lambda p: p.order)
        last_by_name: Pull | None = None
        for pull in pulls:
            brought = _brought(pull, graph, scopes)
            if config is not None and brought:
                if config in brought:
                    origins.append(Origin(pull, "proven" if proof == "proven" else "by_name"))
                    last_by_name = pull if pull.name in names else last_by_name
                elif pull.name in names:
                    last_by_name = pull
            elif _given_since(pull, config, nodes):
                continue
            elif pull.name in names and not _moved_between(pull, config, nodes, graph, scopes, at_ns):
                origins.append(Origin(pull, "by_name"))
                last_by_name = pull
            elif config is not None and _stood_for(pull, config, nodes, graph, scopes):
                origins.append(Origin(pull, "by_name"))
        if last_by_name is not None and proof == "proven":
            brought = _brought(last_by_name, graph, scopes)
            excluded = excluded or (bool(brought) and config not in brought)
    shown = {origin.pull.repository for origin in origins if origin.link == "proven"}
    if shown:
        # A name that appears in containerd may be a pull or a local tag: where the content is shown to come from
        # elsewhere, it is no second origin.
        origins = [o for o in origins if o.pull.seen_by != "containerd_name" or o.pull.repository in shown]
    return tuple(origins), excluded


def _brought(pull: Pull, graph: IdentityGraph, scopes: set[str]) -> set[Digest]:
    if pull.config_digest is not None:
        return {pull.config_digest}
    return {config for digest in pull.digests for config in graph.configs_of(digest, scopes)}


def _moved_between(
    pull: Pull, config: Digest | None, nodes: list[NodeState], graph: IdentityGraph, scopes: set[str], at_ns: int
) -> bool:
    """Whether the name was given to other content between the pull and the create."""
    for node in nodes:
        for moment in node.names.get(pull.name, ()):
            if moment.time_ns is None or not pull.time_ns < moment.time_ns <= at_ns:
                continue
            content = content_of(moment.config_digest, moment.repo_digest, graph, scopes)
            if moment.action in VOIDING or (config is not None and content and config not in content):
                return True
    return False


def _given_since(pull: Pull, config: Digest | None, nodes: list[NodeState]) -> bool:
    """Whether the content was first seen on the node when somebody loaded, imported or made it after the pull."""
    return any(
        moment.time_ns is not None and moment.time_ns > pull.time_ns and node.since.get(config or "") == moment.time_ns
        for node in nodes
        for moment in node.given.get(config or "", ())
        if moment.action != "tag"
    )


def _stood_for(pull: Pull, config: Digest, nodes: list[NodeState], graph: IdentityGraph, scopes: set[str]) -> bool:
    """Whether the pulled name stood for this content at the time, going by what was seen of the name later."""
    for node in nodes:
        moments = node.names.get(pull.name, ())
        after = [m for m in moments if m.time_ns is not None and m.time_ns >= pull.time_ns]
        told = next((m for m in after if m.action in VOIDING or _told(m)), None)
        if told is not None:
            if told.action in VOIDING:
                # Somebody gave the name anew: what was seen of it since says nothing of the pull.
                continue
            seen = [told]
        else:
            # A listing without a time may have been taken after the name had moved on: it counts where all agree.
            untimed = [m for m in moments if m.time_ns is None and m.config_digest is not None]
            seen = untimed if len({m.config_digest for m in untimed}) == 1 else []
        if any(config in content_of(m.config_digest, m.repo_digest, graph, scopes) for m in seen):
            return True
    return False


def _told(moment: NameMoment) -> bool:
    return moment.config_digest is not None or moment.repo_digest is not None


def _registry_pulls(repository: str, cluster: ClusterState, nodes: list[NodeState]) -> list[Pull]:
    """What a registry's own log says of this repository, as far as the client can be this node."""
    path = repository.partition("/")[2]
    pulls = cluster.registry_pulls.get(path, ())
    if not pulls:
        return []
    mine = {name for node in nodes for name in {node.name, *node.aliases}}
    named = {name for name in cluster.nodes if name}
    alone = len({cluster.nodes[name].name for name in named}) <= 1
    found: list[Pull] = []
    for pull in pulls:
        address = pull.client.source_ip if pull.client is not None else None
        if alone or (address is not None and cluster.host_addresses.get(address) in mine):
            found.append(pull if pull.repository == repository else msgspec.structs.replace(pull, name=""))
    return found
