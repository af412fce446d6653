"""Holds the relations between digests: what contains what, what is proven where, and that a claim proves nothing."""

from itertools import permutations

import msgspec
import pytest

from made_events import digest, image_facts
from tidewaiter import identity
from tidewaiter.digest import chain_id
from tidewaiter.event import ImageFacts
from tidewaiter.identity import CLAIMED, EVERYWHERE, Declared, IdentityGraph
from tidewaiter.image_contents import ImageContents

INDEX, AMD_MANIFEST, ARM_MANIFEST = digest("index"), digest("amd manifest"), digest("arm manifest")
AMD, ARM, STACK = digest("amd config"), digest("arm config"), digest("stack")
NODE_A, NODE_B = "default/a", "default/b"


def platform(name: str) -> ImageFacts:
    """The facts of one platform of the index."""
    return image_facts(
        index_digest=INDEX,
        manifest_digest=digest(f"{name} manifest"),
        config_digest=digest(f"{name} config"),
        platform=f"linux/{name}",
        proof="registry",
    )


def test_index_of_two_platforms_stands_for_two_images() -> None:
    """The index contains both manifests, equals neither, and does not make the two configs one."""
    graph = IdentityGraph()
    graph.learn(platform("amd"), EVERYWHERE)
    graph.learn(platform("arm"), EVERYWHERE)
    assert graph.manifests[INDEX] == {AMD_MANIFEST, ARM_MANIFEST}
    assert graph.configs_of(INDEX, ()) == {AMD, ARM}
    assert graph.configs_of(AMD_MANIFEST, ()) == {AMD}
    assert graph.configs_of(ARM_MANIFEST, ()) == {ARM}
    assert graph.digests_of(AMD, ()) == {INDEX, AMD_MANIFEST}


def test_word_of_a_runtime_holds_on_its_node_only() -> None:
    """What node A's runtime said proves nothing on node B, and is known there as a claim."""
    graph = IdentityGraph()
    graph.relate(INDEX, AMD, NODE_A)
    assert graph.configs_of(INDEX, [NODE_A]) == {AMD}
    assert graph.configs_of(INDEX, [NODE_B]) == set()
    assert graph.digests_of(AMD, [NODE_A]) == {INDEX}
    assert graph.digests_of(AMD, [NODE_B]) == set()
    assert graph.claimed_configs_of(INDEX) == {AMD}


def test_what_was_verified_over_the_bytes_holds_everywhere() -> None:
    """Content facts are global."""
    graph = IdentityGraph()
    graph.relate(INDEX, AMD, EVERYWHERE)
    assert graph.configs_of(INDEX, ()) == {AMD}
    assert graph.configs_of(INDEX, [NODE_B]) == {AMD}


def test_claimed_relation_proves_nothing_anywhere() -> None:
    """The scope of claims is never among those that are asked for."""
    graph = IdentityGraph()
    graph.learn(image_facts(index_digest=INDEX, config_digest=AMD, proof="claimed"), CLAIMED)
    assert graph.configs_of(INDEX, [NODE_A]) == set()
    assert graph.digests_of(AMD, [NODE_A]) == set()
    assert graph.claimed_configs_of(INDEX) == {AMD}


def test_claim_declares_nothing() -> None:
    """What an image runs is believed of nobody who merely says so."""
    graph = IdentityGraph()
    graph.learn(image_facts(config_digest=AMD, cmd=("curl",), proof="claimed"), CLAIMED)
    assert graph.declared == {}


def test_claim_changes_no_kind() -> None:
    """A record inside telemetry cannot turn an image that a runtime named into an index."""
    graph = IdentityGraph()
    graph.relate(INDEX, AMD, NODE_A)
    graph.learn(image_facts(index_digest=AMD, proof="claimed"), CLAIMED)
    assert graph.kinds[AMD] == "config"


def test_claim_changes_no_chain_id() -> None:
    """A record inside telemetry cannot put an image on other layers than its verified facts do."""
    proven, claimed = sorted((digest("stack"), digest("other stack")), reverse=True)
    graph = IdentityGraph()
    graph.learn(image_facts(config_digest=AMD, chain_id=proven, proof="registry"), EVERYWHERE)
    graph.learn(image_facts(config_digest=AMD, chain_id=claimed, proof="claimed"), CLAIMED)
    assert graph.chains[AMD] == proven


def test_claim_names_no_image_for_a_chain_id() -> None:
    """A record inside telemetry does not say which image a file system belongs to."""
    graph = IdentityGraph()
    graph.learn(image_facts(config_digest=AMD, chain_id=STACK, proof="claimed"), CLAIMED)
    assert graph.config_on_chain(STACK) is None


def test_two_configs_on_one_stack_of_layers_stay_two_images() -> None:
    """A chain ID proves equal file systems, never equal images."""
    graph = IdentityGraph()
    graph.learn(image_facts(config_digest=AMD, chain_id=STACK), NODE_A)
    assert graph.config_on_chain(STACK) == AMD
    graph.learn(image_facts(config_digest=ARM, chain_id=STACK), NODE_A)
    assert graph.config_on_chain(STACK) is None
    assert graph.config_on_chain(digest("nothing")) is None


def test_chain_id_is_computed_from_the_layers() -> None:
    """Facts that list diff_ids say the chain ID too."""
    layers = (digest("layer 0"), digest("layer 1"))
    graph = IdentityGraph()
    graph.learn(image_facts(config_digest=AMD, diff_ids=layers), NODE_A)
    assert graph.chains[AMD] == chain_id(layers)


def test_repository_digest_stands_beside_several_configs() -> None:
    """Repo digest and config are many to many over time."""
    graph = IdentityGraph()
    graph.learn(image_facts(config_digest=AMD, repo_digests=(INDEX, AMD_MANIFEST)), NODE_A)
    graph.learn(image_facts(config_digest=ARM, repo_digests=(INDEX,)), NODE_A)
    assert graph.configs_of(INDEX, [NODE_A]) == {AMD, ARM}
    assert graph.configs_of(AMD_MANIFEST, [NODE_A]) == {AMD}


def test_config_beside_itself_is_no_relation() -> None:
    """Runtimes that show the config digest as repository digest relate nothing."""
    graph = IdentityGraph()
    graph.learn(image_facts(config_digest=AMD, repo_digests=(AMD,)), NODE_A)
    assert graph.configs == {}


def test_short_id_means_the_one_config_that_begins_so() -> None:
    """Falco shows 12 characters; two configs that begin alike leave it open."""
    twin = AMD[:19] + "f" * 52
    graph = IdentityGraph()
    graph.name_kind(AMD, "config")
    assert graph.config_by_prefix(AMD[7:19]) == AMD
    graph.name_kind(twin, "config")
    assert graph.config_by_prefix(AMD[7:19]) is None
    assert graph.config_by_prefix(AMD[7:40]) == AMD
    assert graph.config_by_prefix("0" * 12) is None


def test_fuller_declaration_wins() -> None:
    """Docker's inspect tells entrypoint, cmd and healthcheck; a producer that tells one of them adds nothing."""
    full = image_facts(config_digest=AMD, entrypoint=("run",), cmd=(), healthcheck=("CMD", "check"), proof="daemon")
    part = image_facts(config_digest=AMD, cmd=("other",), proof="runtime")
    for order in ((full, part), (part, full)):
        graph = IdentityGraph()
        for facts in order:
            graph.learn(facts, NODE_A)
        assert graph.declared[AMD] == Declared(("run",), (), ("CMD", "check"))


SOME_FACTS = [
    platform("amd"),
    platform("arm"),
    image_facts(config_digest=AMD, repo_digests=(INDEX,), cmd=("a",), proof="runtime"),
    image_facts(config_digest=AMD, chain_id=STACK, cmd=("b",), proof="runtime"),
    image_facts(config_digest=AMD, chain_id=digest("other stack"), entrypoint=("c",), cmd=(), proof="runtime"),
]


def test_relations_do_not_depend_on_the_order_of_facts() -> None:
    """Every order leaves one and the same graph."""
    graphs = []
    for order in permutations(SOME_FACTS):
        graph = IdentityGraph()
        for facts in order:
            graph.learn(facts, NODE_A)
        graphs.append(graph)
    assert all(graph == graphs[0] for graph in graphs)


def test_kind_does_not_depend_on_the_order() -> None:
    """Where records disagree, index comes before manifest and manifest before config."""
    kinds = set()
    for order in permutations(("config", "manifest", "index")):
        graph = IdentityGraph()
        for kind in order:
            graph.name_kind(AMD, kind)
        kinds.add(graph.kinds[AMD])
    assert kinds == {"index"}


def test_short_ids_do_not_depend_on_the_order() -> None:
    """Whether a short id is known has nothing to do with which record came first."""
    found = set()
    for order in (("config", "manifest"), ("manifest", "config")):
        graph = IdentityGraph()
        for kind in order:
            graph.name_kind(AMD, kind)
        found.add(graph.config_by_prefix(AMD[7:19]))
    assert len(found) == 1


def test_relations_are_bounded_and_what_is_given_up_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repository digests without end do not fill the memory."""
    monkeypatch.setattr(identity, "_MAX_RELATIONS", 5)
    graph = IdentityGraph()
    for number in range(50):
        graph.relate(digest(f"repo {number}"), AMD, NODE_A)
    assert len(graph.configs) == 5
    assert graph.evicted == 45


def test_facts_of_images_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images without end do not fill the memory."""
    monkeypatch.setattr(identity, "_MAX_RELATIONS", 5)
    graph = IdentityGraph()
    for number in range(50):
        facts = image_facts(
            config_digest=digest(f"config {number}"), chain_id=digest(f"stack {number}"), cmd=("x",), proof="runtime"
        )
        graph.learn(facts, NODE_A)
    maps = (graph.chains, graph.stacked, graph.declared, graph.short, graph.kinds, graph.digests)
    assert max(len(kept) for kept in maps) <= 5


def test_relations_of_one_digest_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One digest that is claimed to be a thousand images does not fill the memory."""
    monkeypatch.setattr(identity, "_MAX_BESIDE", 5)
    graph = IdentityGraph()
    for number in range(50):
        graph.learn(
            image_facts(index_digest=INDEX, manifest_digest=digest(f"m{number}"), config_digest=digest(f"c{number}")),
            EVERYWHERE,
        )
    assert len(graph.configs[INDEX]) <= 5
    assert len(graph.manifests[INDEX]) <= 5


def test_graph_survives_a_snapshot() -> None:
    """The graph is a value that can be encoded and taken back."""
    graph = IdentityGraph()
    for facts in SOME_FACTS:
        graph.learn(facts, NODE_A)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(graph), type=IdentityGraph) == graph


def test_only_what_was_verified_says_what_the_layers_hold() -> None:
    """A runtime's word, or a claim in telemetry, does not make a binary one that no layer holds."""
    contents = ImageContents({"/bin/sh": digest("layer")})
    for scope, known in ((CLAIMED, {}), (NODE_A, {}), (EVERYWHERE, {AMD: contents})):
        graph = IdentityGraph()
        graph.learn(image_facts(config_digest=AMD, contents=contents), scope)
        assert graph.contents == known
