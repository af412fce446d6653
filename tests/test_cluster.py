"""Holds a cluster's memory: pods under uid and name, owners, and which pod had which address when."""

import pytest

from made_events import OUTSIDE, at, where
from tidewaiter import cluster as cluster_module
from tidewaiter.chain import Action
from tidewaiter.cluster import ClusterState
from tidewaiter.event import Pod, PodContainer, User
from tidewaiter.objects import PodRecord, Spec, ask


def flow(number: int) -> Action:
    """One connection of a pod."""
    return Action(at(number), "egress", "hubble", "h.jsonl", number, dst_ip=OUTSIDE, dst_port=1000 + number)


def test_pod_is_found_by_uid_and_by_name() -> None:
    """One record for one pod, whichever of its names a later record gives."""
    cluster = ClusterState("default")
    record = cluster.pod(Pod(namespace="shop", name="web", uid="u1"))
    assert record is not None
    assert cluster.records_of("shop", "web", "u1") == [record]
    assert cluster.records_of("shop", "web", None) == [record]
    assert cluster.records_of(None, None, "u1") == [record]
    assert cluster.pod(Pod(namespace="shop", name="web", uid="u1")) is record


def test_pod_without_uid_and_name_is_nothing() -> None:
    """A namespace alone names no pod."""
    assert ClusterState("default").pod(Pod(namespace="shop")) is None


def test_words_about_a_name_belong_to_a_pod_of_that_name() -> None:
    """What was told without a uid counts for the pod of that name."""
    cluster = ClusterState("default")
    named = cluster.pod(Pod(namespace="shop", name="web"))
    whole = cluster.pod(Pod(namespace="shop", name="web", uid="u1"))
    assert cluster.records_of("shop", "web", "u1") == [whole, named]


def test_pods_of_one_name_and_two_uids_stay_apart() -> None:
    """A StatefulSet's pod comes again under another uid."""
    cluster = ClusterState("default")
    old = cluster.pod(Pod(namespace="shop", name="db-0", uid="u1"))
    new = cluster.pod(Pod(namespace="shop", name="db-0", uid="u2"))
    assert cluster.records_of("shop", "db-0", "u1") == [old]
    assert cluster.records_of("shop", "db-0", "u2") == [new]
    assert cluster.records_of("shop", "db-0", None) == [old, new]


def test_namespaces_keep_pods_of_one_name_apart() -> None:
    """A name is unique in its namespace only."""
    cluster = ClusterState("default")
    cluster.pod(Pod(namespace="shop", name="web"))
    assert cluster.records_of("other", "web", None) == []


def test_pods_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pods without end do not fill the memory, and what is given up is counted."""
    monkeypatch.setattr(cluster_module, "_PODS_KEPT", 3)
    cluster = ClusterState("default")
    for number in range(10):
        cluster.pod(Pod(namespace="shop", name=f"web-{number}", uid=f"u{number}"))
    assert len(cluster.pods) == 3
    assert len(cluster.pods_by_name) == 3
    assert cluster.evicted == 7
    assert cluster.records_of("shop", "web-0", "u0") == []


def test_pod_that_was_given_up_is_found_under_none_of_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pod first told without its namespace is forgotten under that name too."""
    monkeypatch.setattr(cluster_module, "_PODS_KEPT", 2)
    cluster = ClusterState("default")
    cluster.pod(Pod(name="web", uid="u1"))
    cluster.pod(Pod(namespace="shop", name="web", uid="u1"))
    for number in range(2, 5):
        cluster.pod(Pod(namespace="shop", name=f"web-{number}", uid=f"u{number}"))
    assert cluster.records_of(None, "web", None) == []


def test_pod_is_one_under_one_name_once_its_namespace_is_told() -> None:
    """Whatever is counted of the pods of a name counts it once."""
    cluster = ClusterState("default")
    cluster.pod(Pod(name="web", uid="u1"))
    cluster.pod(Pod(namespace="shop", name="web", uid="u1"))
    assert cluster.pods_by_name == {"shop/web": ("u1",)}


def test_giving_up_a_pod_leaves_others_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pod that came again under another uid is still found by its name."""
    monkeypatch.setattr(cluster_module, "_PODS_KEPT", 2)
    cluster = ClusterState("default")
    cluster.pod(Pod(namespace="shop", name="db-0", uid="u1"))
    new = cluster.pod(Pod(namespace="shop", name="db-0", uid="u2"))
    cluster.pod(Pod(namespace="shop", name="other", uid="u3"))
    assert cluster.records_of("shop", "db-0", None) == [new]


def test_workloads_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workloads without end do not fill the memory."""
    monkeypatch.setattr(cluster_module, "_WORKLOADS_KEPT", 3)
    cluster = ClusterState("default")
    for number in range(10):
        cluster.workload("Job", "shop", f"j{number}")
    assert set(cluster.workloads) == {f"Job/shop/j{number}" for number in (7, 8, 9)}
    assert cluster.workload("Job", "shop", "j9") is cluster.workloads["Job/shop/j9"]
    assert cluster.evicted == 7


def test_address_belongs_to_whoever_got_it_last_before_the_moment() -> None:
    """Addresses are used again; a clock may run behind by the skew."""
    for order in ((1, 2), (2, 1)):
        cluster = ClusterState("default")
        for number in order:
            cluster.learn_address("10.0.0.9", at(100 * number), f"pod:{number}")
        holders = [cluster.holder_of("10.0.0.9", at(seconds), 30 * 10**9) for seconds in (69, 70, 169, 170)]
        assert holders == [None, "pod:1", "pod:1", "pod:2"]
    assert cluster.holder_of("10.0.0.8", at(100), 0) is None


def test_address_told_without_a_time_ranks_below() -> None:
    """An untimed list of pods counts until a record with a time says otherwise."""
    cluster = ClusterState("default")
    cluster.learn_address("10.0.0.9", 0, "pod:listed")
    assert cluster.holder_of("10.0.0.9", at(1), 0) == "pod:listed"
    cluster.learn_address("10.0.0.9", at(0), "pod:timed")
    assert cluster.holder_of("10.0.0.9", at(1), 0) == "pod:timed"


def test_address_told_again_and_again_is_remembered_from_its_first_moment() -> None:
    """The kubelet writes a pod's status over and over: who had the address at the beginning is not forgotten."""
    for order in (range(50), reversed(range(50))):
        cluster = ClusterState("default")
        cluster.learn_address("10.0.0.9", at(-9), "pod:old")
        for number in order:
            cluster.learn_address("10.0.0.9", at(number), "pod:new")
        assert [cluster.holder_of("10.0.0.9", at(seconds), 0) for seconds in (-5, 0, 99)] == [
            "pod:old",
            "pod:new",
            "pod:new",
        ]


def test_pod_on_the_hosts_network_hides_no_holder_of_the_address() -> None:
    """Its address is the node's; whoever else had it is told apart."""
    cluster = ClusterState("default")
    host = cluster.pod(Pod(namespace="shop", name="proxy", uid="u9"))
    assert host is not None
    cluster.learn_address("10.0.0.9", at(0), "pod:u1")
    cluster.learn_address("10.0.0.9", at(5), "pod:u9")
    assert cluster.holder_of("10.0.0.9", at(9), 0) == "pod:u9"
    host.host_network = True
    assert cluster.holder_of("10.0.0.9", at(9), 0) == "pod:u1"


def test_addresses_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses without end, and holders of one address without end, do not fill the memory."""
    monkeypatch.setattr(cluster_module, "_ADDRESSES_KEPT", 3)
    cluster = ClusterState("default")
    for number in range(50):
        cluster.learn_address(f"10.0.0.{number}", at(number), "pod:x")
        cluster.learn_address("10.0.0.49", at(number), f"pod:{number}")
    assert len(cluster.addresses) == 3
    assert len(cluster.addresses["10.0.0.49"]) <= 16


def test_flows_of_a_pod_are_a_bounded_set() -> None:
    """The same flow twice is one; in any order the same flows stay and the same number is counted."""
    forward, backward = PodRecord("u1"), PodRecord("u1")
    for number in range(60):
        assert forward.act(flow(number))
        backward.act(flow(59 - number))
    assert not forward.act(flow(0))
    assert set(forward.actions) == set(backward.actions)
    assert len(forward.actions) == 48
    assert forward.actions_omitted == backward.actions_omitted == 12


def test_last_flows_of_a_pod_stay_too() -> None:
    """As for containers: the first N and the last N."""
    record = PodRecord("u1")
    for number in range(100):
        record.act(flow(number))
    assert flow(99) in record.actions


@pytest.mark.parametrize("flows", [60, 600])
def test_second_delivery_of_a_pods_flows_changes_no_count(flows: int) -> None:
    """Delivering everything twice changes nothing."""
    record = PodRecord("u1")
    new = [record.act(flow(number)) for number in [*range(flows), *range(flows)]]
    assert new == [True] * flows + [False] * flows
    assert record.actions_omitted == flows - 48


def test_specs_of_a_pod_are_a_bounded_set() -> None:
    """In any order the latest stay, and the same one twice is one."""
    specs = [Spec(at(number), PodContainer(name="c", image=f"web:{number}")) for number in range(100)]
    forward, backward = PodRecord("u1"), PodRecord("u1")
    given_up = [forward.specify(spec) for spec in specs]
    for spec in [*reversed(specs), *specs[50:]]:
        backward.specify(spec)
    assert forward.specs == backward.specs == tuple(specs[-64:])
    assert sum(given_up) == 36


def test_record_that_names_the_person_outranks_one_that_does_not() -> None:
    """Who asked for a pod is told by the record with a user, then by the earlier, in any order."""
    told = [(at(1), None), (at(3), User(name="bob")), (at(2), User(name="alice")), (at(0), None)]
    for order in (told, told[::-1]):
        record = PodRecord("u1")
        for number, (time_ns, user) in enumerate(order):
            ask(record, time_ns, where("kubernetes_audit", number), user)
        assert record.user == User(name="alice")
        assert record.time_ns == at(2)
