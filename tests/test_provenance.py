"""Holds what a node learns of images: pulls, names that move, and whose word proves which digest."""

import pytest

from made_events import (
    AN0691,
    created,
    described,
    digest,
    feed,
    finished,
    hunted,
    image_facts,
    named,
    pulled,
    ran,
    started,
)
from tidewaiter.engine import Engine
from tidewaiter.event import Event, ImageClaim, User
from tidewaiter.identity import CLAIMED
from tidewaiter.policy import DEFAULT_POLICY

WEB, REPOSITORY = "docker.io/library/web:1", "docker.io/library/web"
C, D, INDEX = digest("C"), digest("D"), digest("index")
CURL = ran(9, "a", "curl", "x")


def fed(*events: Event) -> Engine:
    """An engine that was fed these."""
    engine = Engine(DEFAULT_POLICY, AN0691)
    feed(engine, list(events))
    return engine


def outcome(*events: Event) -> str:
    """What became of the last record."""
    before = fed(*events[:-1]).ledger.outcomes()
    after = fed(*events).ledger.outcomes()
    [changed] = [name for name, count in after.items() if count > before[name]]
    return changed


def test_pull_is_filed_under_its_repository_once() -> None:
    """A second delivery is a duplicate."""
    engine = fed(pulled(0, "web:1", config_digest=C))
    assert list(engine.state.clusters["default"].nodes["n1"].pulls) == [REPOSITORY]
    assert outcome(pulled(0, "web:1"), pulled(0, "web:1")) == "duplicate"
    assert outcome(pulled(0, "web:1"), pulled(1, "web:1")) == "used"


@pytest.mark.parametrize("reference", ["", "UPPER/", "a b", C])
def test_pull_of_no_name_is_irrelevant(reference: str) -> None:
    """Nobody can say where it came from."""
    assert outcome(pulled(0, reference)) == "irrelevant"


def test_pull_that_names_both_digests_proves_their_relation_on_its_node() -> None:
    """containerd's journal says config and repository digest together."""
    graph = fed(pulled(0, "web:1", config_digest=C, repo_digest=INDEX)).state.graph
    assert graph.configs_of(INDEX, ["default/n1"]) == {C}
    assert graph.configs_of(INDEX, ["default/n2"]) == set()


def test_pull_by_digest_proves_the_digest_that_was_typed() -> None:
    """The digest after @ stands beside the config digest."""
    graph = fed(pulled(0, f"web@{INDEX}", config_digest=C)).state.graph
    assert graph.configs_of(INDEX, ["default/n1"]) == {C}


def test_registry_pull_is_kept_for_the_cluster() -> None:
    """A registry's own log names no node."""
    cluster = fed(
        pulled(0, "registry.example/web:1", seen_by="registry", node=None, source="registry_log")
    ).state.clusters["default"]
    assert list(cluster.registry_pulls) == ["web"]
    assert all(not node.pulls for node in cluster.nodes.values())


def test_registry_says_who_pulled() -> None:
    """The address and user agent of whoever pulled come into the record, where it can only be this node."""
    client = User(name="bob", source_ip="192.0.2.9", user_agent="docker/28")
    pull = pulled(-5, "registry.example/web:1", seen_by="registry", node=None, client=client, manifest_digest=INDEX)
    run = hunted([pull, created(0, "a", "registry.example/web:1"), started(1, "a"), CURL])
    assert (run.only.pulled_by.client, run.only.pulled_by.source_ip) == ("bob", "192.0.2.9")


def test_name_that_containerd_could_not_have_pulled_was_given_here() -> None:
    """containerd pulls whole names only: a short one is a tag."""
    node = fed(pulled(0, "web:1", seen_by="containerd_name")).state.clusters["default"].nodes["n1"]
    assert node.pulls == {}
    assert [moment.action for moment in node.names[WEB]] == ["tag"]


def test_giving_a_name_is_remembered_for_the_content() -> None:
    """Tag, load, import, commit and build void what a create request says of that content."""
    for action in ("tag", "load", "import", "commit", "build"):
        node = fed(named(0, action, "web:1", config_digest=C)).state.clusters["default"].nodes["n1"]
        assert [moment.action for moment in node.given[C]] == [action]


@pytest.mark.parametrize("action", ["seen", "save", "untag", "remove"])
def test_what_gives_no_name_is_not_remembered_so(action: str) -> None:
    """Listing, saving and removing an image vouch for and against nothing."""
    node = fed(named(0, action, "web:1", config_digest=C)).state.clusters["default"].nodes["n1"]
    assert node.given == {}


@pytest.mark.parametrize(("action", "expected"), [("save", "irrelevant"), ("remove", "irrelevant"), ("seen", "used")])
def test_outcome_of_names(action: str, expected: str) -> None:
    """What teaches nothing is irrelevant."""
    assert outcome(named(0, action, "web:1", config_digest=C)) == expected


def test_same_name_twice_is_a_duplicate() -> None:
    """A second delivery teaches nothing."""
    assert outcome(named(0, "tag", "web:1", config_digest=C), named(0, "tag", "web:1", config_digest=C)) == "duplicate"


def test_facts_of_a_runtime_hold_on_its_node_and_name_the_image() -> None:
    """Docker's inspect: RepoDigests beside Id are proven there, RepoTags show what the tags stand for."""
    engine = fed(image_facts(None, config_digest=C, repo_digests=(INDEX,), references=("web:1",), proof="runtime"))
    assert engine.state.graph.configs_of(INDEX, ["default/n1"]) == {C}
    assert engine.state.graph.configs_of(INDEX, ["default/n2"]) == set()
    moment = engine.state.clusters["default"].nodes["n1"].content_at(WEB, 10**18)
    assert moment is not None
    assert moment.config_digest == C


@pytest.mark.parametrize("proof", ["claimed", "archive", "registry", "daemon"])
def test_facts_inside_telemetry_are_only_claimed(proof: str) -> None:
    """A record that says of itself that it was verified is no verification: only `learn_facts` is."""
    engine = fed(image_facts(0, config_digest=C, repo_digests=(INDEX,), references=("web:1",), proof=proof))
    assert engine.state.graph.configs_of(INDEX, ["default/n1"]) == set()
    assert engine.state.graph.configs[INDEX] == {C: {CLAIMED}}
    assert engine.state.clusters["default"].nodes["n1"].names == {}


def test_facts_that_somebody_verified_hold_everywhere() -> None:
    """`--facts` gives content facts: true on every node, whatever telemetry says."""
    engine = Engine(DEFAULT_POLICY, AN0691)
    engine.learn_facts(image_facts(None, config_digest=C, repo_digests=(INDEX,), cmd=("run",), proof="archive"))
    assert engine.state.graph.configs_of(INDEX, ["default/n1"]) == {C}
    assert engine.state.graph.declared[C].cmd == ("run",)


def test_runtime_that_describes_a_container_proves_its_digests_side_by_side() -> None:
    """imageID beside the image id, in one record of the CRI."""
    image = ImageClaim(reference="web:1", config_digest=C, repo_digest=INDEX, from_runtime=True)
    engine = fed(described(0, "a", image=image, created_ns=10**18))
    assert engine.state.graph.configs_of(INDEX, ["default/n1"]) == {C}
    node = engine.state.clusters["default"].nodes["n1"]
    moment = node.content_at(WEB, 10**18)
    assert moment is not None
    assert (moment.action, moment.config_digest) == ("ran", C)
    assert node.content_at(WEB, 10**18 - 1) is None


def test_sensor_that_copies_digests_proves_nothing() -> None:
    """Falco and Tetragon repeat what they were told, sometimes late."""
    engine = fed(described(0, "a", image=ImageClaim(config_digest=C, repo_digest=INDEX, from_runtime=False)))
    assert engine.state.graph.configs_of(INDEX, ["default/n1"]) == set()


def test_pulls_outlive_the_window_but_not_the_retention() -> None:
    """An image pulled three weeks ago still has its origin; the retention runs from the repository's newest pull."""
    day = 86_400
    life = [created(0, "a", WEB), described(None, "a", "C"), started(1, "a"), CURL]
    old = pulled(-20 * day, WEB, config_digest=C)
    run = hunted([old, *life])
    assert run.only.digest_consistency == "proven"
    assert "fresh pull: the image was pulled before the window (pre-pulled)" in run.only.missing
    newer = pulled(11 * day, WEB, config_digest=D)
    assert finished(fed(old, newer, *life)).only.missing[0].startswith("pull: none seen")


def test_repositories_that_a_registry_served_are_bounded() -> None:
    """Whoever asks a registry for names without end does not fill the memory."""
    pulls = [
        pulled(number / 1000, f"registry.example/p{number}:1", seen_by="registry", node=None)
        for number in range(25_000)
    ]
    assert len(fed(*pulls).state.clusters["default"].registry_pulls) <= 20_000
