"""Holds which stage each event opens, what comes too late, and that arrival order leaves no trace in the stages."""

from itertools import permutations
from typing import Any

import msgspec
import pytest

from made_events import (
    AN0691,
    asked,
    at,
    attack,
    cid,
    connected,
    created,
    described,
    entered,
    feed,
    finished,
    hunted,
    pod_of,
    pulled,
    ran,
    started,
    stopped,
    where,
)
from tidewaiter.correlate import STAGES
from tidewaiter.engine import Engine
from tidewaiter.event import (
    ContainerCreate,
    ContainerStop,
    Event,
    ImageClaim,
    ImagePullFailed,
    Pod,
    PodContainer,
    PodStatus,
    ProcessExec,
    Tick,
    User,
    WorkloadCreate,
)
from tidewaiter.objects import is_human
from tidewaiter.policy import DEFAULT_POLICY


def records(events: list[Event]) -> bytes:
    """The final records, as bytes."""
    run = hunted(events)
    return msgspec.json.encode([run.alerts, run.containers])


def same_in_any_order(events: list[Event]) -> bool:
    """Whether every order of arrival gives one and the same final records."""
    return len({records(list(order)) for order in permutations(events)}) == 1


def tick(seconds: float) -> Tick:
    """Time went on."""
    return Tick(time_ns=at(seconds), cluster="", node=None, where=where("clock"))


# ------------------------------------------------------------------------------------------------ stages


def test_table_of_stages_knows_every_event_that_opens_one() -> None:
    """Behaviours, facts and names open none by themselves."""
    assert STAGES[ContainerCreate] == "create"
    assert STAGES[ContainerStop] == "stop"
    assert ProcessExec not in STAGES


def test_evidence_tells_the_stages_in_order_of_time() -> None:
    """Pull, pod, create, start, session: each with source and record."""
    events = [
        pulled(-5, "evil.example/x:1"),
        asked(-7, "web", {"c": "evil.example/x:1"}),
        created(0, "a", "evil.example/x:1", pod=pod_of("web", "c")),
        started(1, "a"),
        entered(5, "a", "sh"),
        ran(9, "a", "curl"),
        stopped(30, "a"),
    ]
    shown = [(item.stage, item.source) for item in hunted(events).only.evidence if item.stage != "behaviour"]
    assert shown == [
        ("pod", "kubernetes_audit"),
        ("pull", "containerd_journal"),
        ("create", "containerd_events"),
        ("start", "containerd_events"),
        ("session", "kubernetes_audit"),
        ("stop", "containerd_events"),
    ]


def test_facts_open_create_and_start_at_the_times_they_tell() -> None:
    """Inspect output without a time of its own is enough to anchor the window."""
    facts = described(None, "a", image=ImageClaim(reference="ubuntu"), created_ns=at(0), started_ns=at(1))
    run = hunted([facts, ran(9, "a", "curl")])
    assert run.only.verdict == "alert"
    assert [item.stage for item in run.only.evidence][:2] == ["create", "start"]


@pytest.mark.parametrize("source", ["containerd_events", "docker_events"])
def test_life_of_a_container_in_any_order(source: str) -> None:
    """Create, start and behaviours leave the same state in any order of arrival."""
    assert same_in_any_order(
        [created(0, "a", source=source), started(1, "a", source=source), ran(9, "a", "curl"), ran(10, "a", "wget")]
    )


def test_stop_in_any_order() -> None:
    """The end of a container is evidence whether or not its beginning has arrived."""
    assert same_in_any_order([created(0, "a"), ran(9, "a", "curl"), stopped(30, "a", source="docker_events")])


def test_start_by_prefix_in_any_order() -> None:
    """A record of a container's life that cuts the id counts when the container becomes known."""
    assert same_in_any_order([created(0, "a"), started(1, "a", prefix=12, source="kubernetes_events"), *attack()[2:3]])


def test_creator_in_any_order() -> None:
    """Where two records name two creators, their order of arrival has no say."""
    one = created(0, "a", user=User(name="bob"), source="podman")
    other = created(0.5, "a", user=User(name="eve"), source="crio")
    assert same_in_any_order([one, other, *attack()[1:3]])


def debugger(seconds: float, user: str, *names: str) -> Event:
    """Somebody added ephemeral containers."""
    containers = [PodContainer(name=name, image="busybox", kind="ephemeral") for name in names]
    return asked(seconds, "web", containers, user=user)


def test_debugger_in_any_order() -> None:
    """Who added a debug container is told by the earliest record that lists it."""
    pod = pod_of("web", "dbg")
    events = [debugger(0, "alice", "dbg"), debugger(3, "bob", "dbg", "other"), created(4, "a", "busybox", pod=pod)]
    assert same_in_any_order([*events, started(5, "a"), ran(6, "a", "wget", "x")])


def test_debugger_is_who_added_the_container_first() -> None:
    """The request for a second debug container lists the first again."""
    events = [
        debugger(0, "bob", "dbg"),
        debugger(3, "alice", "dbg", "other"),
        created(4, "a", pod=pod_of("web", "dbg")),
    ]
    assert hunted([*events, started(5, "a"), ran(6, "a", "wget", "x")]).only.created_by.user == "bob"


@pytest.mark.parametrize("extra", [0, 1, 2])
def test_pod_request_in_any_order(extra: int) -> None:
    """The API server's records about one pod leave the same state."""
    events: list[Event] = [
        asked(0, "web", {"c": "ubuntu"}, user="alice", uid="u1"),
        asked(1, "web", {"c": "ubuntu"}, user=None, uid="u1", host_pid=True),
        asked(2, "web", [PodContainer(name="c", image="ubuntu", privileged=True)], user="bob", assigned_node="n1"),
    ]
    events[extra:extra] = [created(3, "a", pod=pod_of("web", "c", uid="u1"))]
    assert same_in_any_order([*events, ran(9, "a", "curl")])


# ------------------------------------------------------------------------------------------------ too late


def test_behaviour_within_the_lateness_counts() -> None:
    """Up to a minute behind others of its source and node, inclusive."""
    assert hunted([*attack()[:2], ran(70, "a", "id"), ran(10, "a", "curl")]).only.verdict == "alert"


def test_behaviour_later_than_that_is_expired_and_counted() -> None:
    """It changes no verdict."""
    run = hunted([*attack()[:2], ran(70.001, "a", "id"), ran(10, "a", "curl")])
    assert run.alerts == []
    assert run.summary.outcomes["expired"] == 1


def test_each_source_and_node_has_its_own_clock() -> None:
    """A source that runs ahead makes no other late."""
    ahead = [ran(900, "a", "id", source="tetragon"), ran(900, "b", "id", node="n2")]
    assert hunted([*attack()[:2], *ahead, ran(10, "a", "curl", source="falco")]).alert_of("a")


def test_names_pulls_and_content_never_expire() -> None:
    """Provenance outlives the window: it may be told at any time."""
    events = [
        *attack("a", "evil.example/x:1"),
        pulled(9000, "docker.io/library/other:1"),
        pulled(-5, "evil.example/x:1"),
    ]
    run = hunted(events)
    assert run.summary.outcomes["expired"] == 0
    assert "pull" in {item.stage for item in run.only.evidence}


def test_record_from_the_far_future_is_rejected() -> None:
    """A clock that is wrong by years neither counts nor makes the rest late."""
    run = hunted([ran(900_000, "a", "curl"), *attack()], horizon_ns=at(86_400))
    assert run.summary.outcomes["rejected"] == 1
    assert run.only.verdict == "alert"


def test_waiting_ends_after_twice_the_lateness() -> None:
    """What nobody came for is unattributed, not kept for ever."""
    engine = Engine(DEFAULT_POLICY, AN0691)
    feed(engine, [ran(0, "a", "curl", prefix=12)])
    engine.tick(tick(119))
    assert engine.ledger.outcomes()["waiting"] == 1
    engine.tick(tick(121))
    assert engine.ledger.outcomes() == {**engine.ledger.outcomes(), "waiting": 0, "unattributed": 1}


def test_with_ticks_single_events_do_not_move_the_time() -> None:
    """Whoever ticks knows how far all streams are read: one that runs ahead ends no waiting."""
    engine = Engine(DEFAULT_POLICY, AN0691)
    engine.tick(tick(0))
    feed(engine, [ran(0, "a", "curl", prefix=12), ran(5000, "b", "id", node="n2")])
    engine.correlator.sweep()
    assert engine.ledger.outcomes()["waiting"] == 1
    assert feed(engine, [created(0, "a"), started(1, "a")]) == []
    assert finished(engine).alert_of("a")


# ------------------------------------------------------------------------------------------------ pulls that failed


def failed(seconds: float, reference: str = "evil.example/x:1", node: str = "n1", cluster: str = "one") -> Event:
    """A pull was tried in vain."""
    return ImagePullFailed(time_ns=at(seconds), cluster=cluster, node=node, where=where("cri"), reference=reference)


def test_failed_pull_is_counted_and_opens_no_chain() -> None:
    """The kubelet repeats a failure: within one minute, one attempt."""
    run = hunted([failed(0), failed(1), failed(200), failed(0, "other:1"), failed(0, node="n2")])
    assert run.summary.attempted_pulls == 4
    assert run.containers == []
    assert run.summary.outcomes["duplicate"] == 1


def test_failed_pulls_of_two_clusters_are_two() -> None:
    """Equal node names in two clusters are two nodes."""
    assert hunted([failed(0, cluster="one"), failed(0, cluster="two")]).summary.attempted_pulls == 2


# ------------------------------------------------------------------------------------------------ odds and ends


@pytest.mark.parametrize(
    ("name", "human"),
    [
        ("alice", True),
        ("alice@corp.example", True),
        ("kubernetes-admin", True),
        ("system:serviceaccount:ci:runner", False),
        ("system:node:n1", False),
        ("system:admin", False),
        ("", False),
        (None, False),
    ],
)
def test_named_humans_are_told_from_components(name: str | None, human: bool) -> None:
    """Service accounts, nodes and components are no persons."""
    assert is_human(name) is human


def test_pod_without_a_name_is_irrelevant() -> None:
    """A record that names no pod says nothing about one."""
    nameless = PodStatus(time_ns=at(0), cluster="default", node=None, where=where("x"), pod=Pod(namespace="shop"))
    assert hunted([nameless]).summary.outcomes["irrelevant"] == 1


def test_workload_owner_chain_names_who_made_the_topmost() -> None:
    """Alice made the Deployment; the controllers made the rest."""

    def made(kind: str, name: str, user: str, **owner: str) -> Event:
        return WorkloadCreate(
            time_ns=at(-9),
            cluster="default",
            node=None,
            where=where("kubernetes_audit"),
            kind=kind,
            namespace="shop",
            name=name,
            user=User(name=user),
            **owner,  # type: ignore[arg-type]  # only strings
        )

    controller = "system:serviceaccount:kube-system:replicaset-controller"
    events = [
        made("Deployment", "web", "alice"),
        made("ReplicaSet", "web-1", controller, owner_kind="Deployment", owner_name="web"),
        asked(-8, "web-1-x", {"c": "ubuntu"}, user=controller, owner_kind="ReplicaSet", owner_name="web-1"),
        *attack("a", pod=pod_of("web-1-x", "c")),
    ]
    for order in (events, events[::-1]):
        alert = hunted(order).only
        assert alert.created_by.user == "alice"
        assert alert.workload is not None
        assert (alert.workload.kind, alert.workload.name) == ("Deployment", "web")
        assert alert.container_id == cid("a")


# ------------------------------------------------------------------------------------------------ equal records


def asked_by(user: str | None, line: int, **fields: Any) -> Event:
    """Somebody asked for the pod, at one and the same moment."""
    return asked(-5, "web", {"c": "ubuntu"}, user=user, line=line, **fields)


def workload_by(user: str, line: int) -> Event:
    """Somebody made the pod's owner, at one and the same moment."""
    return WorkloadCreate(
        time_ns=at(-9),
        cluster="default",
        node=None,
        where=where("kubernetes_audit", line),
        kind="Job",
        namespace="shop",
        name="job",
        user=User(name=user),
    )


OWNED = asked_by("robot", 9, owner_kind="Job", owner_name="job")


@pytest.mark.parametrize(
    "equal",
    [
        [pulled(-5, "ubuntu", line=line) for line in (1, 2)],
        [asked_by("alice", line) for line in (1, 2)],
        [entered(9, None, "sh", pod=pod_of("web"), line=line) for line in (1, 2)],
        [connected(9, None, pod=pod_of("web"), line=line) for line in (1, 2)],
        [OWNED, *(workload_by("alice", line) for line in (1, 2))],
    ],
    ids=["pull", "pod", "session", "flow", "workload"],
)
def test_evidence_of_equal_records_in_any_order(equal: list[Event]) -> None:
    """A record that stands in a file twice: the earlier line is the evidence, whichever arrived first."""
    assert same_in_any_order([*equal, created(0, "a", pod=pod_of("web", "c")), ran(9, "a", "curl")])


@pytest.mark.parametrize(
    "contrary",
    [
        [asked_by("alice", 1), asked_by("bob", 2)],
        [asked_by("alice", 1, owner_kind="Job", owner_name=name) for name in ("one", "other")],
        [OWNED, workload_by("alice", 1), workload_by("bob", 2)],
        [entered(9, "a", "sh", user=user, native_id="s1") for user in ("alice", "bob")],
    ],
    ids=["requesters", "owners", "workloads", "sessions"],
)
def test_records_that_contradict_each_other_in_any_order(contrary: list[Event]) -> None:
    """Two people for one pod at one moment, two owners, two users of one session: arrival has no say."""
    assert same_in_any_order([*contrary, created(0, "a", pod=pod_of("web", "c")), ran(9, "a", "curl")])
