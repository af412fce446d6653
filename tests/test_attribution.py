"""Holds which container a record means: full ids, prefixes, chosen ids, and nodes under several names."""

from itertools import permutations

import pytest

from made_events import (
    AN0691,
    at,
    attack,
    cid,
    connected,
    created,
    described,
    digest,
    feed,
    finished,
    hunted,
    placed,
    pod_of,
    pulled,
    ran,
    started,
)
from tidewaiter.attribution import Directory, is_full_id, node_name, unique_nodes
from tidewaiter.cluster import ClusterState
from tidewaiter.engine import Engine
from tidewaiter.event import Event, ImageClaim
from tidewaiter.node import NodeState
from tidewaiter.policy import DEFAULT_POLICY

TWIN = cid("a")[:12] + "f" * 52
"""A whole id that begins like that of container `a`."""


def directory(chains_cap: int = 100) -> Directory:
    """A directory of which nothing is known."""
    states: dict[str, ClusterState] = {}
    return Directory(states, 10**18, 100, chains_cap)


# ------------------------------------------------------------------------------------------------ ids and prefixes


def test_full_id_is_64_hex() -> None:
    """Anything else was cut, or chosen by somebody."""
    assert is_full_id(cid("a"))
    assert not is_full_id("c1")
    assert not is_full_id(cid("a")[:31])
    assert not is_full_id(cid("a").upper())


@pytest.mark.parametrize("length", [12, 15, 31, 63])
def test_prefix_that_fits_one_container_means_it(length: int) -> None:
    """Falco gives 12 characters, Tetragon 15 or 31."""
    book = directory()
    chain = book.open(created(0, "a"))
    book.open(created(0, "b"))
    assert book.find(ran(1, "a", "sh", prefix=length)) is chain


def test_prefix_that_fits_none_or_two_means_nobody() -> None:
    """A guess would be a misattribution; a longer prefix may still decide."""
    book = directory()
    assert book.find(ran(1, "a", "sh", prefix=12)) is None
    chain = book.open(created(0, "a"))
    book.open(created(0, TWIN))
    assert book.find(ran(1, "a", "sh", prefix=12)) is None
    assert book.find(ran(1, "a", "sh", prefix=15)) is chain


def test_event_without_any_name_means_nobody() -> None:
    """There is nothing to go by."""
    assert directory().find(ran(1, None, "sh")) is None


def test_prefix_that_fits_two_is_unattributed() -> None:
    """It is counted, and neither container is charged with it."""
    run = hunted([created(0, "a"), created(0, TWIN), started(1, "a"), started(1, TWIN), ran(9, "a", "curl", prefix=12)])
    assert run.alerts == []
    assert run.summary.outcomes["unattributed"] == 1


def test_prefix_that_fits_none_is_unattributed_in_the_end() -> None:
    """It waits for its container, and is counted when none comes."""
    run = hunted([*attack("b"), ran(9, "a", "curl", prefix=12)])
    assert run.only.container_id == cid("b")
    assert run.summary.outcomes["unattributed"] == 1


def test_prefix_that_fits_two_does_not_depend_on_the_order() -> None:
    """Whether the second container was known yet has no say."""
    events = [created(0, "a"), created(0, TWIN), started(1, "a"), started(1, TWIN), ran(9, "a", "curl", prefix=12)]
    assert {len(hunted(order).alerts) for order in permutations(events)} == {0}


def test_removed_container_is_found_no_more() -> None:
    """What was forgotten is nobody's."""
    book = directory()
    for name in ("a", TWIN, "b"):
        book.open(created(0, name))
    assert book.count == 3
    for chain in list(book.chains()):
        book.remove(chain)
    assert book.count == 0
    assert list(book.chains()) == []
    assert [book.find_prefix("default", cid(name)[:12]) for name in ("a", "b")] == [[], []]


# ------------------------------------------------------------------------------------------------ nodes


def shared_node(*names: str | None) -> Engine:
    """One container that each of these nodes named by its whole id."""
    engine = Engine(DEFAULT_POLICY, AN0691)
    feed(engine, [ran(number, "a", "id", node=name) for number, name in enumerate(names)])
    return engine


def test_full_id_proves_that_two_names_are_one_node() -> None:
    """The sensor's name and the runtime's name share one memory from then on."""
    engine = shared_node("n1", "falco-xyz")
    cluster = engine.state.clusters["default"]
    assert cluster.nodes["n1"] is cluster.nodes["falco-xyz"]
    assert len(unique_nodes(cluster)) == 1
    assert cluster.nodes["n1"].aliases == {"n1", "falco-xyz"}


@pytest.mark.parametrize("length", [12, 15])
def test_unique_prefix_proves_that_two_names_are_one_node(length: int) -> None:
    """A pull told by the runtime's node is the origin of a container that only the sensor's node did things in."""
    events = [
        pulled(-5, "evil.example/x:1", node="n1", config_digest=digest("C")),
        created(0, "a", "evil.example/x:1", node="n1"),
        started(1, "a", node="n1"),
        ran(9, "a", "curl", node="falco-xyz", prefix=length),
    ]
    for order in permutations(events):
        alert = hunted(order).only
        assert alert.node == "n1"
        assert alert.trust.origins == ("evil.example/x",)


def test_name_that_the_runtime_uses_is_shown() -> None:
    """Of several names of one node the runtime's is shown, then the smallest."""
    node = NodeState("default", "b", {"b", "a"})
    assert node_name(node) == "a"
    node.assigned.add("b")
    assert node_name(node) == "b"
    assert node_name(NodeState("default", "")) is None


def test_three_names_become_one_node_in_any_order() -> None:
    """Aliases of aliases are one node."""
    links = [
        [ran(1, "a", "id", node="x"), ran(2, "a", "id", node="y")],
        [ran(1, "b", "id", node="y"), ran(2, "b", "id", node="z")],
        [ran(1, "c", "id", node="z"), ran(2, "c", "id", node="w")],
    ]
    for order in permutations(links):
        engine = Engine(DEFAULT_POLICY, AN0691)
        feed(engine, [event for link in order for event in link])
        assert len(unique_nodes(engine.state.clusters["default"])) == 1
        assert {chain.node for chain in engine.directory.chains()} == {
            unique_nodes(engine.state.clusters["default"])[0].name
        }


def test_clusters_with_equal_node_names_never_mix() -> None:
    """A pull in one cluster is no origin, and a prefix no name, in the other."""
    prod = attack("a", "evil.example/x:1", cluster="prod")
    lab = [pulled(-5, "evil.example/x:1", cluster="lab", config_digest=digest("C")), created(0, "b", cluster="lab")]
    run = hunted([*lab, *prod, ran(12, "b", "curl", prefix=12, cluster="prod")])
    assert run.only.cluster == "prod"
    assert run.only.missing[0].startswith("pull: none seen")
    assert run.summary.outcomes["unattributed"] == 1


def test_clusters_with_equal_process_ids_never_mix() -> None:
    """A process id means something on its node only."""
    run = hunted(
        [
            created(0, "a", cluster="lab"),
            started(1, "a", pid=100, cluster="lab"),
            ran(9, None, "curl", pid=101, parent_pid=100, cluster="prod", source="auditd"),
        ]
    )
    assert run.alerts == []
    assert run.summary.outcomes["unattributed"] == 1


def test_clusters_with_equal_pods_and_addresses_never_mix() -> None:
    """Namespaces, pod names and addresses repeat from cluster to cluster."""
    run = hunted(
        [
            placed(0, "web", "n1", "10.0.0.9", cluster="lab"),
            created(1, "a", pod=pod_of("web", "c"), cluster="lab"),
            started(2, "a", cluster="lab"),
            connected(9, None, src_ip="10.0.0.9", cluster="prod", node=None),
            connected(9, None, pod=pod_of("web"), cluster="prod", node=None),
        ]
    )
    assert run.alerts == []
    assert run.summary.outcomes["unattributed"] == 2


def same_container_in(*clusters: str) -> list[Event]:
    """An attack in each cluster, on equal names of everything."""
    return [event for cluster in clusters for event in attack("a", cluster=cluster)]


def test_ids_of_alerts_differ_by_cluster() -> None:
    """One container id in two clusters is two alerts."""
    run = hunted(same_container_in("one", "two"))
    assert len({alert.id for alert in run.alerts}) == 2
    assert len({alert.incident for alert in run.alerts}) == 2


# ------------------------------------------------------------------------------------------------ nodeless streams


def test_nodeless_stream_beside_one_named_node_is_that_node() -> None:
    """A pull that names no node is the origin of a container on the only node there is."""
    events = [pulled(-5, "evil.example/x:1", node=None, config_digest=digest("C")), *attack("a", "evil.example/x:1")]
    for order in (events, events[::-1]):
        assert hunted(order).only.trust.origins == ("evil.example/x",)
        assert "pull" in [item.stage for item in hunted(order).only.evidence]


def test_nodeless_container_beside_one_named_node_is_on_that_node() -> None:
    """A pull on the only named node is the origin of a container whose records name no node."""
    pull = pulled(-5, "evil.example/x:1", node="n1", config_digest=digest("C"))
    alert = hunted([pull, *attack("a", "evil.example/x:1", node=None)]).only
    assert alert.node == "n1"
    assert "pull" in [item.stage for item in alert.evidence]


def test_nodeless_stream_beside_two_named_nodes_is_neither() -> None:
    """Nobody can say which of them it was."""
    pull = pulled(-5, "evil.example/x:1", node=None, config_digest=digest("C"))
    run = hunted([pull, *attack("a", "evil.example/x:1"), *attack("b", "evil.example/x:1", node="n2")])
    assert [alert.missing[0].startswith("pull: none seen") for alert in run.alerts] == [True, True]


def test_nodeless_container_moves_to_the_node_that_names_it() -> None:
    """Docker's events name no node; the sensor that names the container does."""
    events = [created(0, "a", node=None), started(1, "a", node=None), ran(9, "a", "curl", node="n7", prefix=12)]
    for order in permutations(events):
        assert hunted(order).only.node == "n7"


def test_nodeless_process_id_means_the_container_of_the_only_node() -> None:
    """auditd that names no node speaks of the only node there is."""
    events = [
        created(0, "a", node="n1"),
        started(1, "a", pid=100, node="n1"),
        ran(9, None, "curl", pid=101, parent_pid=100, node=None, source="auditd"),
    ]
    assert hunted(events).only.container_id == cid("a")


def test_nodeless_process_id_beside_two_named_nodes_means_nobody() -> None:
    """A process of node n2 is not in a container of whom nobody knows the node."""
    events = [
        created(0, "a", node=None),
        started(1, "a", pid=100, node=None),
        *(created(0, name, node=node) for name, node in (("b", "n1"), ("c", "n2"))),
        ran(9, None, "curl", pid=101, parent_pid=100, node="n2", source="auditd"),
    ]
    assert hunted(events).alerts == []


def test_nodeless_process_id_beside_two_named_nodes_means_nobody_in_any_order() -> None:
    """Whether the second node was known yet has no say."""
    events = [
        created(0, "a", node=None),
        started(1, "a", pid=100, node=None),
        *(created(0, name, node=node) for name, node in (("b", "n1"), ("c", "n2"))),
        ran(9, None, "curl", pid=101, parent_pid=100, node="n2", source="auditd"),
    ]
    assert {len(hunted(order).alerts) for order in permutations(events)} == {0}


def test_nodeless_process_id_beside_one_named_node_counts_in_any_order() -> None:
    """Whether the child or the container came first has no say."""
    events = [
        created(0, "a", node=None),
        started(1, "a", pid=100, node=None),
        ran(9, None, "curl", pid=101, parent_pid=100, node="n2", source="auditd"),
    ]
    assert {len(hunted(order).alerts) for order in permutations(events)} == {1}


def test_process_id_of_a_container_that_moved_means_its_node_only() -> None:
    """Once node n1 has named the container, a process of node n2 is not in it."""
    events = [
        created(0, "a", node=None),
        started(1, "a", pid=100, node=None),
        ran(5, "a", "id", node="n1", prefix=12),
        ran(9, None, "curl", pid=101, parent_pid=100, node="n2", source="auditd"),
    ]
    assert hunted(events).alerts == []


def test_address_of_a_container_that_moved_is_still_its_own() -> None:
    """Docker's inspect names no node; a flow by address counts whether or not a node has named the container since."""
    events = [
        described(-1, "a", node=None, ips=("172.17.0.2",), started_ns=at(-1), image=ImageClaim(reference="ubuntu")),
        ran(1, "a", "id", node="n1", prefix=12),
        connected(5, None, src_ip="172.17.0.2", node=None, source="vpc_flow"),
    ]
    assert {len(hunted(order).alerts) for order in permutations(events)} == {1}


def test_process_id_counts_under_every_name_of_the_node() -> None:
    """auditd and Falco share a name for the node, the runtime has another; in any order of arrival."""
    events = [
        created(0, "a", node="n1"),
        started(1, "a", node="n1", pid=100),
        ran(5, None, "curl", pid=101, parent_pid=100, node="ip-10-0-0-1", source="auditd"),
        ran(6, "a", "id", node="ip-10-0-0-1", prefix=12),
    ]
    assert {len(hunted(order).alerts) for order in permutations(events)} == {1}


# ------------------------------------------------------------------------------------------------ bounds


def test_containers_without_behaviour_are_given_up_first_and_the_oldest_of_them() -> None:
    """A container that did something stays longer than younger ones that did nothing."""
    engine = Engine(DEFAULT_POLICY, AN0691, chains_cap=3)
    feed(engine, [*attack("a"), created(20, "b"), created(30, "c"), created(40, "d"), created(50, "e")])
    kept = {chain.container_id for chain in engine.directory.chains()}
    assert kept == {cid(name) for name in ("a", "d", "e")}
    run = finished(engine)
    assert run.only.container_id == cid("a")
    assert run.summary.evicted == 2


def test_container_that_began_to_misbehave_is_not_given_up_before_idle_ones() -> None:
    """Whether a container has done something is asked when room is needed."""
    engine = Engine(DEFAULT_POLICY, AN0691, chains_cap=4)
    feed(engine, [created(number, f"c{number}") for number in range(5)])
    feed(engine, [ran(10, "c1", "curl"), created(20, "d")])
    assert cid("c1") in {chain.container_id for chain in engine.directory.chains()}


def test_what_was_given_up_is_not_kept_elsewhere() -> None:
    """A container that was given up takes no more memory."""
    engine = Engine(DEFAULT_POLICY, AN0691, chains_cap=3)
    feed(engine, [created(number, f"c{number}", pod=pod_of(f"p{number}", "c")) for number in range(50)])
    assert len(engine.directory._by_pod) <= 3


def test_containers_known_by_pod_only_are_bounded() -> None:
    """The kubelet's words about containers without ids do not fill the memory."""
    engine = Engine(DEFAULT_POLICY, AN0691, chains_cap=3)
    events = [started(number, "x", pod=pod_of(f"p{number}", "c")) for number in range(50)]
    feed(engine, [type(e)(time_ns=e.time_ns, cluster=e.cluster, node=e.node, where=e.where, pod=e.pod) for e in events])
    assert len(engine.state.clusters["default"].chains) <= 3
