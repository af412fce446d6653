"""Holds which containers are judged: those with ids, those a pod's spec names, and restarts in one place."""

from itertools import permutations

from made_events import (
    asked,
    attack,
    cid,
    connected,
    created,
    hunted,
    placed,
    pod_of,
    pulled,
    ran,
    started,
)
from tidewaiter.event import ContainerStart, Event, ImageClaim


def kubelet_start(seconds: float, name: str, container: str, image: str | None = None) -> ContainerStart:
    """The kubelet's event: pod and container name, no id."""
    told = started(seconds, "x", source="kubernetes_events")
    claim = None if image is None else ImageClaim(reference=image)
    return ContainerStart(
        time_ns=told.time_ns,
        cluster=told.cluster,
        node="n1",
        where=told.where,
        pod=pod_of(name, container),
        image=claim,
    )


def test_words_of_the_kubelet_join_the_container_of_that_place() -> None:
    """No id in the kubelet's event, no pod's image in the runtime's: together they are one container."""
    events = [
        kubelet_start(1, "web", "c", "evil.example/x:1"),
        created(0, "a", None, pod=pod_of("web", "c")),
        ran(9, "a", "curl", "x"),
    ]
    for order in permutations(events):
        run = hunted(order)
        assert len(run.containers) == 1
        assert run.only.container_id == cid("a")
        assert run.only.image.reference == "evil.example/x:1"
        assert {item.source for item in run.only.evidence} >= {"kubernetes_events", "containerd_events"}


def test_container_known_to_the_kubelet_only_is_judged() -> None:
    """Its key is its place in the pod."""
    run = hunted([kubelet_start(1, "web", "c", "evil.example/x:1"), ran(9, None, "curl", "x", pod=pod_of("web", "c"))])
    assert (run.only.container_id, run.only.pod, run.only.container_name) == (None, "web", "c")
    assert run.only.verdict == "alert"


def test_restart_in_one_place_gets_the_words_of_its_time() -> None:
    """Two containers one after the other in one place: each start goes to the container it fits."""
    events = [
        created(0, "a", "ubuntu", pod=pod_of("web", "c")),
        kubelet_start(1, "web", "c"),
        created(30, "b", "ubuntu", pod=pod_of("web", "c")),
        kubelet_start(31, "web", "c"),
        ran(9, "a", "curl", "x"),
        ran(39, "b", "curl", "x"),
    ]
    for order in (events, events[::-1]):
        run = hunted(order)
        starts = {
            alert.container_id: [item.time for item in alert.evidence if item.stage == "start"] for alert in run.alerts
        }
        assert {key: len(times) for key, times in starts.items()} == {cid("a"): 1, cid("b"): 1}
        assert starts[cid("a")] < starts[cid("b")]


def test_first_process_of_a_restart_is_its_own() -> None:
    """A process told by pod, of the container before, is not the first of the one after."""
    pod = pod_of("web", "c")
    events: list[Event] = [
        created(0, "a", None, pod=pod),
        started(1, "a"),
        ran(2, None, "sh", "-c", "one", pod=pod),
        created(30, "b", None, pod=pod),
        started(31, "b"),
        ran(32, "b", "sh", "-c", "two"),
    ]
    assert [alert.verdict for alert in hunted(events).alerts] == ["suspicious", "suspicious"]


def test_pod_whose_containers_nobody_named_stands_for_those_of_its_spec() -> None:
    """An API server's audit log and Hubble alone: what the pod did is evidence for each container of the spec."""
    events = [asked(0, "web", {"one": "ubuntu", "two": "ubuntu"}), connected(9, None, pod=pod_of("web"))]
    run = hunted(events)
    assert sorted((alert.container_name or "") for alert in run.alerts) == ["one", "two"]
    assert {alert.behaviours[0].attribution for alert in run.alerts} == {"pod"}
    assert len({alert.id for alert in run.alerts}) == 2


def test_pod_without_a_known_container_loses_its_flows() -> None:
    """Nobody can be charged with them: they are unattributed, and the sum stays whole."""
    run = hunted([placed(0, "web"), connected(9, None, pod=pod_of("web"))])
    assert run.alerts == []
    assert run.summary.outcomes["unattributed"] == 1
    assert sum(run.summary.outcomes.values()) == run.summary.records == 2


def test_quiet_pod_is_not_listed() -> None:
    """A pod that only the API server knows, and that did nothing, is no container."""
    assert hunted([asked(0, "web", {"c": "ubuntu"})]).containers == []


def test_pod_and_node_of_the_record_are_told() -> None:
    """Who, where: namespace, pod, container name and node."""
    events: list[Event] = [
        asked(-2, "web", {"c": "evil.example/x:1"}, uid="u1"),
        placed(-1, "web", "n1", "10.0.0.9", uid="u1"),
        pulled(-1, "evil.example/x:1"),
        *attack("a", "evil.example/x:1", pod=pod_of("web", "c", uid="u1")),
    ]
    alert = hunted(events).only
    assert (alert.namespace, alert.pod, alert.container_name, alert.node) == ("shop", "web", "c", "n1")
    assert alert.created_by.user == "alice"


def test_pods_of_one_name_that_came_one_after_the_other_stay_apart() -> None:
    """A StatefulSet's pod comes again under another uid: each has its own creator."""
    events: list[Event] = [
        asked(-2, "db-0", {"c": "ubuntu"}, uid="u1", user="alice"),
        *attack("a", pod=pod_of("db-0", "c", uid="u1")),
        asked(98, "db-0", {"c": "ubuntu"}, uid="u2", user="bob"),
        created(100, "b", pod=pod_of("db-0", "c", uid="u2")),
        started(101, "b", pod=pod_of("db-0", "c", uid="u2")),
        ran(109, "b", "curl", "x"),
    ]
    run = hunted(events)
    assert {alert.container_id: alert.created_by.user for alert in run.alerts} == {cid("a"): "alice", cid("b"): "bob"}
