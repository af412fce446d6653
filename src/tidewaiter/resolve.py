"""Turns a chain into the answers about its image: which content it is, how well that is proven, where it came from.

All of it is asked of the whole state at once, so the order in which records came has no say.
"""

import msgspec

from tidewaiter.alert import Consistency, ImageIdentity
from tidewaiter.attribution import Directory
from tidewaiter.chain import Chain, Claim
from tidewaiter.digest import Digest
from tidewaiter.identity import IdentityGraph
from tidewaiter.node import VOIDING, NameMoment, NodeState
from tidewaiter.objects import PodRecord, Spec, added_by
from tidewaiter.origins import Origin, content_of, only_one, origins_of
from tidewaiter.policy import Trust, TrustPolicy
from tidewaiter.reference import ImageReference, reference_or_none

_SECOND_NS = 1_000_000_000
_SPOKEN_BY_RUNTIME = frozenset({"docker_events", "docker_inspect", "containerd_events", "containerd_journal", "cri"})


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a container's image."""

    image: ImageIdentity
    config_proof: str | None
    """How the config digest is known: `proven`, `by_name`, `claimed` (a sensor said so); None: it is not known."""
    consistency: Consistency
    conflicts: tuple[str, ...]
    origins: tuple[Origin, ...]
    repositories: tuple[str, ...]
    """Upstream repositories of the origins; where no pull is known, the reference's, unless it vouches for nothing."""
    reference: ImageReference | None
    spec: Spec | None
    """What the API server was asked to make the container from."""
    proven_digests: frozenset[Digest]
    told_digests: frozenset[Digest]
    """Digests that sensors copied beside the container. They prove nothing, and move less easily than a name."""
    voided: str | None
    """Why the reference in the create request vouches for nothing."""
    trust: Trust
    moved_from: Digest | None
    """Other content that the same reference stood for on this node before; None where a rule pins the content."""


def created_at(chain: Chain) -> int:
    """When the container was created, as well as it is known."""
    times = chain.creates_ns or chain.starts_ns
    at_ns = times[0] if times else chain.first_seen_ns or 0
    # Some producers (the kubelet) cut times to the second: what happened within it may have come before.
    return at_ns if at_ns % _SECOND_NS else at_ns + _SECOND_NS - 1


def provenance(
    chain: Chain, pods: list[PodRecord], directory: Directory, graph: IdentityGraph, policy: TrustPolicy
) -> Provenance:
    """Everything about the image of one container."""
    nodes = directory.consulted(chain)
    cluster = directory.states[chain.cluster]
    scopes = {f"{node.cluster}/{name}" for node in nodes for name in {node.name, *node.aliases}}
    at_ns = created_at(chain)
    spec = _spec_of(chain, pods, at_ns, policy.clock_skew_ns)
    references = _references(chain, spec)
    proven, named, claimed, conflicts = _configs(chain, references, nodes, graph, scopes, at_ns)
    config, proof = _decide(proven, named, claimed)
    # Layers prove an equal file system, not an equal image: whoever pulled those layers vouches for nothing here.
    layered = {c for s in _stacks(chain) if (c := graph.config_on_chain(s)) is not None} if proof is None else set()
    reference = next((r for r in references if r.registry is not None), references[0] if references else None)
    name = reference.name if reference is not None and reference.registry is not None else None
    origins, excluded = origins_of(config, proof, references, nodes, graph, scopes, at_ns, cluster)
    if excluded and not any(origin.link == "proven" for origin in origins):
        conflicts = (*conflicts, f"the last pull of {name} before the create brought other content")
    meets_in_layers = False
    if proof is None and len(layered) == 1:
        config, proof = min(layered), "by_name"
        meets_in_layers = bool(origins_of(config, proof, references, nodes, graph, scopes, at_ns, cluster)[0])
    repositories = tuple(sorted({policy.upstream(origin.pull.repository) for origin in origins}))
    known = graph.digests_of(config, scopes) if config is not None and proof == "proven" else set()
    pinned = {r.digest for r in references if r.digest is not None and r.registry is not None}
    for claim in chain.claims:
        pinned |= _digests_told(claim) if claim.image.from_runtime else set()
    digests = frozenset({*known, *pinned, *([config] if config is not None and proof == "proven" else [])})
    voided = _voided(config, name, nodes, at_ns)
    asked_for = reference.repository if reference is not None else None
    is_trusted_name = asked_for is not None and policy.trust_of(policy.upstream(asked_for), ()).state == "trusted"
    if excluded and not origins and is_trusted_name:
        voided = "the pull of this name brought content that is not what runs here"
    beside = graph.digests_of(config, scopes) if config is not None else set()
    vouching = repositories
    if not vouching and voided is None and reference is not None and reference.repository is not None:
        # No pull is known: what was asked for is all there is to go by.
        vouching = (policy.upstream(reference.repository),)
    image = _identity(chain, config, beside | pinned, name or (reference.name if reference else None), graph)
    return Provenance(
        image=image,
        config_proof=proof,
        consistency="by_name" if meets_in_layers and not conflicts else _consistency(origins, conflicts),
        conflicts=conflicts,
        origins=origins,
        repositories=vouching,
        reference=reference,
        spec=spec,
        proven_digests=digests,
        told_digests=frozenset(digest for claim in chain.claims for digest in _digests_told(claim)),
        voided=voided,
        trust=_trust(vouching, digests, policy),
        # Nobody moved a tag under whoever names the digest it stands for now.
        moved_from=None if policy.is_pinned(digests) else _moved_from(config, proof, name, nodes, graph, scopes, at_ns),
    )


def _spec_of(chain: Chain, pods: list[PodRecord], at_ns: int, skew_ns: int) -> Spec | None:
    """The latest spec up to the create: a pod's images may be set anew, and another pod may come under its name.

    A listing tells the spec as it is now, for the moment at which the pod was made: so a spec that names what the
    runtime says it runs counts before others.
    """
    told = [spec for pod in pods for spec in pod.specs if spec.container.name == chain.pod_container]
    told.sort(key=lambda spec: spec.order)
    # The API server's clock may be ahead. What was asked for later than that is not what this was made from.
    asked = [spec for spec in told if spec.time_ns <= at_ns] or [s for s in told[:1] if s.time_ns <= at_ns + skew_ns]
    if len(asked) < 2:
        return asked[0] if asked else None
    run = {_name(c.image.reference) for c in chain.claims if c.image.from_runtime or c.source in _SPOKEN_BY_RUNTIME}
    agreed = [spec for spec in asked if spec.container.image is not None and _name(spec.container.image) in run]
    spec = (agreed or asked)[-1]
    if spec.container.kind != "ephemeral":
        return spec
    return msgspec.structs.replace(spec, debugger=added_by(spec, (known for pod in pods for known in pod.specs)))


def _name(text: str | None) -> str | None:
    parsed = reference_or_none(text)
    return parsed.name if parsed is not None else None


def _references(chain: Chain, spec: Spec | None) -> list[ImageReference]:
    """What the container was asked to run, best first: the pod's spec, the runtime's request, a sensor's copy."""
    texts = [spec.container.image if spec is not None else None]
    texts += [c.image.reference for c in chain.claims if c.source in _SPOKEN_BY_RUNTIME]
    texts += [c.image.reference for c in chain.claims if c.source not in _SPOKEN_BY_RUNTIME and c.image.from_runtime]
    texts += [c.image.reference for c in chain.claims if c.source not in _SPOKEN_BY_RUNTIME]
    found: dict[str, ImageReference] = {}
    for text in texts:
        parsed = reference_or_none(text)
        if parsed is not None:
            found.setdefault(parsed.name, parsed)
    return list(found.values())


def _configs(
    chain: Chain,
    references: list[ImageReference],
    nodes: list[NodeState],
    graph: IdentityGraph,
    scopes: set[str],
    at_ns: int,
) -> tuple[set[Digest], set[Digest], set[Digest], tuple[str, ...]]:
    """Config digests by strength of proof: (proven, by name, claimed), and what excludes what."""
    proven: set[Digest] = set()
    named: set[Digest] = set()
    claimed: set[Digest] = set()
    stacks = _stacks(chain)
    for claim in chain.claims:
        told_proven, told_claimed = _claimed_configs(claim, graph, scopes)
        proven |= told_proven
        claimed |= told_claimed
    for reference in references:
        if reference.registry is not None and reference.digest is not None:
            beside = graph.configs_of(reference.digest, scopes)
            if len(beside) == 1:
                proven |= beside
        elif reference.registry is not None:
            for node in nodes:
                moment = node.content_at(reference.name, at_ns)
                if moment is not None:
                    named |= content_of(moment.config_digest, moment.repo_digest, graph, scopes)
                    alike = [m for m in node.names[reference.name] if m.time_ns == moment.time_ns]
                    proven |= _verified(alike, stacks, graph)
    # A name that has moved just when the container was made: it stands on the layers of what the name stood for before.
    named = {config for config in named if not stacks or graph.chains.get(config, min(stacks)) in stacks}
    conflicts: list[str] = []
    if len(proven) > 1:
        conflicts.append("verified relations lead to several images: " + ", ".join(sorted(proven)))
    for config in sorted(proven):
        known = graph.chains.get(config)
        if known is not None and stacks and known not in stacks:
            conflicts.append(f"the container runs on layers {min(stacks)}, its image has layers {known}")
    return proven, named, claimed, tuple(conflicts)


def _verified(moments: list[NameMoment], stacks: set[Digest], graph: IdentityGraph) -> set[Digest]:
    """The config that a name stood for at a time, where it was resolved then and there, the image's own bytes prove
    the config of what it was resolved to, and the container stands on that image's layers."""
    targets = {m.repo_digest for m in moments if m.time_ns is not None and m.repo_digest is not None}
    if len(targets) != 1 or len(stacks) != 1:
        return set()
    return {config for config in graph.configs_of(min(targets), ()) if graph.chains.get(config) in stacks}


def _stacks(chain: Chain) -> set[Digest]:
    return {claim.image.chain_id for claim in chain.claims if claim.image.chain_id is not None}


def _digests_told(claim: Claim) -> set[Digest]:
    """The registry's digests of an image that a record shows beside the container."""
    image = claim.image
    return {digest for digest in (image.repo_digest, image.manifest_digest, image.index_digest) if digest is not None}


def _claimed_configs(claim: Claim, graph: IdentityGraph, scopes: set[str]) -> tuple[set[Digest], set[Digest]]:
    image = claim.image
    spoken = image.from_runtime or claim.source in _SPOKEN_BY_RUNTIME
    proven: set[Digest] = set()
    claimed: set[Digest] = set()
    bare = reference_or_none(image.reference)
    ids = [image.config_digest, bare.digest if bare is not None and bare.registry is None else None]
    for digest in ids:
        if digest is None:
            continue
        if graph.kinds.get(digest) in ("index", "manifest"):
            (proven if spoken else claimed).update(only_one(graph.configs_of(digest, scopes)))
        else:
            (proven if spoken else claimed).add(digest)
    for digest in _digests_told(claim):
        beside = only_one(graph.configs_of(digest, scopes))
        (proven if spoken else claimed).update(beside)
        if not beside:
            claimed |= only_one(graph.claimed_configs_of(digest))
    if image.config_digest_prefix is not None:
        found = graph.config_by_prefix(image.config_digest_prefix)
        claimed |= {found} if found is not None else set()
    return proven, claimed


def _decide(proven: set[Digest], named: set[Digest], claimed: set[Digest]) -> tuple[Digest | None, str | None]:
    if proven:
        return min(proven & named, default=None) or min(proven), "proven"
    if len(named) == 1:
        return min(named), "by_name"
    if named & claimed:
        return min(named & claimed), "by_name"
    if len(claimed) == 1:
        return min(claimed), "claimed"
    return None, None


def _consistency(origins: tuple[Origin, ...], conflicts: tuple[str, ...]) -> Consistency:
    if conflicts:
        return "conflicting"
    links = {origin.link for origin in origins}
    return "proven" if "proven" in links else "by_name" if "by_name" in links else "unknown"


def _voided(config: Digest | None, name: str | None, nodes: list[NodeState], at_ns: int) -> str | None:
    for node in nodes:
        moments = list(node.given.get(config or "", ()))
        moments += node.names.get(name or "", ())
        for moment in moments:
            if moment.action in VOIDING and moment.time_ns is not None and moment.time_ns <= at_ns:
                return f"{moment.action} on this node gave the image its name"
    return None


def _trust(repositories: tuple[str, ...], digests: frozenset[Digest], policy: TrustPolicy) -> Trust:
    judged = [policy.trust_of(repository, digests) for repository in repositories or (None,)]
    # Any trusted origin vouches for the content; an untrusted one weighs more than one that nobody names.
    return min(judged, key=lambda trust: (("trusted", "untrusted", "unknown").index(trust.state), trust.rule))


def _moved_from(
    config: Digest | None,
    proof: str | None,
    name: str | None,
    nodes: list[NodeState],
    graph: IdentityGraph,
    scopes: set[str],
    at_ns: int,
) -> Digest | None:
    if config is None or name is None or proof == "claimed":
        return None
    first_ns: dict[Digest, int] = {}
    for node in nodes:
        for moment in node.names.get(name, ()):
            if moment.time_ns is not None and moment.time_ns < at_ns:
                for content in content_of(moment.config_digest, moment.repo_digest, graph, scopes):
                    first_ns[content] = min(first_ns.get(content, moment.time_ns), moment.time_ns)
    # Content that the name stood for first is not new, though the name stood for other content in between.
    since_ns = first_ns.pop(config, at_ns)
    return min((content for content, time_ns in first_ns.items() if time_ns < since_ns), default=None)


def _identity(
    chain: Chain, config: Digest | None, beside: set[Digest], name: str | None, graph: IdentityGraph
) -> ImageIdentity:
    told = [claim.image for claim in chain.claims]
    digests = beside | {image.repo_digest for image in told if image.repo_digest is not None}
    indexes = {d for d in digests if graph.kinds.get(d) == "index"}
    manifests = {d for d in digests if graph.kinds.get(d) == "manifest"}
    stacks = {image.chain_id for image in told if image.chain_id is not None}
    return ImageIdentity(
        reference=name,
        index_digest=min(indexes, default=None),
        manifest_digest=min(manifests, default=None),
        config_digest=config,
        chain_id=min(stacks, default=None) or (graph.chains.get(config) if config is not None else None),
    )
