"""Turns what records say about images into what a node remembers: names over time, pulls, and digest relations."""

from typing import Literal

from tidewaiter.attribution import Directory
from tidewaiter.cluster import ClusterState
from tidewaiter.digest import Digest
from tidewaiter.ends import put
from tidewaiter.event import ContainerEvent, ImageFacts, ImageName, ImagePull
from tidewaiter.identity import CLAIMED, IdentityGraph
from tidewaiter.node import VOIDING, NameMoment, NodeState, Pull
from tidewaiter.reference import ImageReference, reference_or_none
from tidewaiter.shared import shared_user

_REGISTRY_PULLS_KEPT = 256

Learned = Literal["used", "duplicate", "irrelevant"]


def scope_of(node: NodeState) -> str:
    """The scope in which a runtime's word holds: its own node."""
    return f"{node.cluster}/{node.name}"


def learn_pull(
    event: ImagePull,
    cluster: ClusterState,
    node: NodeState,
    graph: IdentityGraph,
    retention_ns: int,
    directory: Directory,
) -> Learned:
    """File a pull under its repository; a registry's own log names no node and is kept for the cluster."""
    reference = reference_or_none(event.reference)
    if reference is None or reference.repository is None or event.time_ns is None:
        return "irrelevant"
    if event.index_digest is not None:
        graph.name_kind(event.index_digest, "index")
    if event.manifest_digest is not None:
        graph.name_kind(event.manifest_digest, "manifest")
    told = (event.index_digest, event.manifest_digest, event.repo_digest, reference.digest)
    digests = tuple(sorted({digest for digest in told if digest is not None}))
    if event.config_digest is not None:
        for digest in digests:
            graph.relate(digest, event.config_digest, scope_of(node))
    if event.seen_by == "containerd_name" and not _is_qualified(event.reference):
        # containerd pulls fully qualified names only: a short one was given by hand (ctr image tag).
        moment = _moment(event, "tag", event.config_digest, event.repo_digest)
        return "used" if node.learn_name(reference.name, moment) else "duplicate"
    pull = Pull(
        time_ns=event.time_ns,
        name=reference.name,
        repository=reference.repository,
        reference=event.reference,
        seen_by=event.seen_by,
        source=event.where.source,
        stream=event.where.stream,
        offset=event.where.offset,
        config_digest=event.config_digest,
        digests=digests,
        client=shared_user(event.client) if event.client is not None else None,
    )
    if event.seen_by == "registry":
        return _learn_registry_pull(pull, reference, cluster, directory.pulls_cap)
    if digests or event.config_digest is not None:
        target = digests[0] if len(digests) == 1 else event.repo_digest or event.index_digest
        node.learn_name(reference.name, _moment(event, "pull", event.config_digest, target))
    return "used" if node.learn_pull(pull, retention_ns, directory.pulls_cap) else "duplicate"


def _learn_registry_pull(pull: Pull, reference: ImageReference, cluster: ClusterState, cap: int) -> Learned:
    # What was pulled last stands last: whoever asks for names without end pushes out what nobody has pulled for long.
    pulls = cluster.registry_pulls.pop(reference.path or "", [])
    if len(cluster.registry_pulls) >= cap:
        cluster.registry_pulls.pop(next(iter(cluster.registry_pulls)))
        cluster.evicted += 1
    cluster.registry_pulls[reference.path or ""] = pulls
    pulls[:], is_known = put(pulls, pull)
    if is_known:
        return "duplicate"
    if len(pulls) > _REGISTRY_PULLS_KEPT:
        del pulls[_REGISTRY_PULLS_KEPT // 2]
        cluster.evicted += 1
    return "used"


def learn_name(event: ImageName, node: NodeState, graph: IdentityGraph) -> Learned:
    """File a name that began or ceased to stand for content."""
    if event.config_digest is not None and event.repo_digest is not None:
        graph.relate(event.repo_digest, event.config_digest, scope_of(node))
    elif event.config_digest is not None:
        graph.name_kind(event.config_digest, "config")
    moment = _moment(event, event.action, event.config_digest, event.repo_digest)
    node.show(event.config_digest, event.time_ns)
    new = False
    if event.action in VOIDING and event.config_digest is not None:
        new = node.learn_giving(event.config_digest, moment)
    reference = reference_or_none(event.reference)
    if reference is not None and reference.registry is not None and event.action not in ("save", "untag", "remove"):
        new = node.learn_name(reference.name, moment) or new
    elif event.action in ("save", "untag", "remove") or reference is None:
        return "used" if new or event.action == "seen" else "irrelevant"
    return "used" if new else "duplicate"


def learn_facts(event: ImageFacts, node: NodeState, graph: IdentityGraph) -> Learned:
    """File digest relations: a runtime's word is proven on its node; all else in telemetry is a claim."""
    graph.learn(event, scope_of(node) if event.proof == "runtime" else CLAIMED)
    if event.config_digest is not None and event.proof == "runtime":
        for text in event.references:
            reference = reference_or_none(text)
            if reference is not None and reference.registry is not None:
                repo_digest = reference.digest if reference.digest != event.config_digest else None
                node.learn_name(reference.name, _moment(event, "seen", event.config_digest, repo_digest))
    return "used"


def runtime_told(event: ContainerEvent, node: NodeState, graph: IdentityGraph, time_ns: int | None) -> None:
    """A record that sets digests of one container side by side, told by the runtime, proves them on its node."""
    image = event.image
    if image is None or not image.from_runtime:
        return
    reference = reference_or_none(image.reference)
    if image.config_digest is not None:
        for told in (image.index_digest, image.manifest_digest, image.repo_digest):
            if told is not None:
                graph.relate(told, image.config_digest, scope_of(node))
        if reference is not None and reference.registry is not None and time_ns is not None:
            moment = NameMoment(
                time_ns=time_ns,
                action="ran",
                config_digest=image.config_digest,
                repo_digest=image.repo_digest,
                source=event.where.source,
                stream=event.where.stream,
                offset=event.where.offset,
            )
            node.learn_name(reference.name, moment)


def _moment(
    event: ImagePull | ImageName | ImageFacts, action: str, config: Digest | None, repo_digest: Digest | None
) -> NameMoment:
    where = event.where
    return NameMoment(event.time_ns, action, config, repo_digest, where.source, where.stream, where.offset)


def _is_qualified(text: str) -> bool:
    first, slash, _ = text.partition("/")
    return bool(slash) and ("." in first or ":" in first or first == "localhost")
