"""Holds under which key the baseline of a container is kept: what outlives pods, nodes and containers."""

from typing import Any

import msgspec
import pytest

from made_events import AN0691, asked, at, created, described, feed, placed, pod_of, started, where
from tidewaiter.alert import Workload
from tidewaiter.case import gather
from tidewaiter.engine import Engine
from tidewaiter.event import Event, ImageClaim, Pod, PodContainer, WorkloadCreate
from tidewaiter.policy import DEFAULT_POLICY
from tidewaiter.workload import WorkloadKey, of_pod, path_of_pod, workload_key

RS = "web-7c9d8f6b5d"
CONTROLLER = "system:serviceaccount:kube-system:replicaset-controller"


def key(*events: Event) -> WorkloadKey:
    """The key of the one container of these events."""
    engine = Engine(DEFAULT_POLICY, AN0691)
    feed(engine, list(events))
    [chain] = engine.directory.chains()
    return workload_key(gather(chain, engine.directory, engine.state.graph, DEFAULT_POLICY))


def in_pod(pod: str, **fields: Any) -> Event:
    """A container `c` of a pod was created."""
    return created(0, "a", pod=pod_of(pod, "c", **fields))


def owned(kind: str, name: str, owner_kind: str | None = None, owner_name: str | None = None) -> WorkloadCreate:
    """The API server told of a workload."""
    return WorkloadCreate(
        time_ns=at(-9),
        cluster="default",
        node=None,
        where=where("kubernetes_audit"),
        kind=kind,
        namespace="shop",
        name=name,
        owner_kind=owner_kind,
        owner_name=owner_name,
    )


def test_owners_are_followed_to_the_top() -> None:
    """As the API server told them, whatever their names look like."""
    told = (asked(-5, "x-1", [], owner_kind="ReplicaSet", owner_name="x"), owned("ReplicaSet", "x", "Deployment", "y"))
    assert key(*told, in_pod("x-1")) == WorkloadKey("default", "shop", "Deployment", "y", "c")
    assert key(*told, in_pod("x-1")).path == "shop/Deployment/y"


@pytest.mark.parametrize(
    ("owner", "above"),
    [
        (("ReplicaSet", RS), ("Deployment", "web")),
        (("ReplicaSet", "web-1564180365"), ("Deployment", "web")),
        (("ReplicaSet", "web-backend"), ("ReplicaSet", "web-backend")),
        (("Job", "report-28391040"), ("CronJob", "report")),
        (("Job", "report-1564180365"), ("CronJob", "report")),
        (("Job", "report-7"), ("Job", "report-7")),
        (("StatefulSet", "db"), ("StatefulSet", "db")),
        (("DaemonSet", "agent"), ("DaemonSet", "agent")),
        (("Rollout", "web"), ("Rollout", "web")),
        (("Pod", "web"), ("Pod", "p")),
        ((None, "web"), ("Workload", "web")),
        (("Node", "n1"), ("Pod", "p")),
    ],
)
def test_where_nobody_told_the_owner_of_an_owner_its_name_does(
    owner: tuple[str | None, str], above: tuple[str, str]
) -> None:
    """ReplicaSets and Jobs that controllers make."""
    assert of_pod("p", *owner, None, None) == above
    told = Pod(namespace="shop", name="p", container_name="c", workload_kind=owner[0], workload=owner[1])
    assert key(created(0, "a", pod=told)) == WorkloadKey("default", "shop", *above, "c")


@pytest.mark.parametrize(
    ("pod", "generate_name", "maker", "above"),
    [
        (f"{RS}-x2x4z", None, None, ("Deployment", "web")),
        (f"{RS}-x2x4z", None, CONTROLLER, ("Deployment", "web")),
        (f"{RS}-x2x4z", None, "alice", ("Pod", f"{RS}-x2x4z")),
        (f"{RS}-x2x4z", None, "system:serviceaccount:ci:runner", ("Pod", f"{RS}-x2x4z")),
        ("report-28391040-x2x4z", None, None, ("CronJob", "report")),
        ("web-x2x4z", None, None, ("Pod", "web-x2x4z")),
        ("web-x2x4z", "web-", "alice", ("Pod", "web-")),
        ("web-x2x4z", "other-", "alice", ("Pod", "web-x2x4z")),
        ("web-0", None, None, ("Pod", "web-0")),
    ],
)
def test_pods_of_which_no_owner_was_told(
    pod: str, generate_name: str | None, maker: str | None, above: tuple[str, str]
) -> None:
    """A random end is left out where a generateName or a controller's form says that it is one."""
    assert of_pod(pod, None, None, generate_name, maker) == above
    told = asked(-5, pod, [PodContainer(name="c")], generate_name=generate_name, user=maker)
    assert key(told, in_pod(pod)) == WorkloadKey("default", "shop", *above, "c")


def test_a_static_pod_is_the_same_on_each_node() -> None:
    """The kubelet adds the node's name to its name."""
    told = [asked(-5, f"etcd-{node}", [], owner_kind="Node", owner_name=node, user=None) for node in ("n1", "n2")]
    assert key(told[0], in_pod("etcd-n1")) == key(told[1], in_pod("etcd-n2"))


@pytest.mark.parametrize("kind", ["init", "ephemeral"])
def test_the_role_is_that_of_the_spec_else_as_told(kind: Any) -> None:
    """The kubelet tells it without a spec."""
    specified = asked(-5, "p", [PodContainer(name="c", kind=kind)])
    assert key(specified, in_pod("p")).role == kind
    assert key(created(0, "a", pod=Pod(namespace="shop", name="p", container_name="c", role=kind))).role == kind
    assert key(in_pod("p")).role == "container"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shop-web-api-1", WorkloadKey("default", "shop", "ComposeService", "web-api", "web-api")),
        ("shop_web-api_12", WorkloadKey("default", "shop", "ComposeService", "web-api", "web-api")),
        ("0123456789ab_shop-web-api-1", WorkloadKey("default", "shop", "ComposeService", "web-api", "web-api")),
        ("shop-web-api-run-0123456789ab", WorkloadKey("default", "shop", "ComposeService", "web-api", "web-api-run")),
    ],
)
def test_a_container_of_compose_is_kept_by_its_service(name: str, expected: WorkloadKey) -> None:
    """Replicas share it, and so does the next one; `docker compose run` does other things."""
    service = Pod(workload_kind="ComposeService", workload="web-api")
    assert key(created(0, "a", name=name, pod=service)) == expected


def test_a_plain_container_is_kept_by_its_name() -> None:
    """Docker's name, or an id that somebody chose."""
    assert key(created(0, "a", name="web")) == WorkloadKey("default", "", "Container", "web", "")
    chosen = msgspec.structs.replace(created(0, "a", runtime_namespace="default"), container_id="c1")
    assert key(chosen) == WorkloadKey("default", "", "Container", "c1", "")


def test_a_container_without_a_name_is_kept_by_its_repository() -> None:
    """Its id will never come again."""
    assert key(created(0, "a", "evil.example/x:1")) == WorkloadKey("default", "", "Image", "evil.example/x", "")
    assert key(created(0, "a", None)).kind == "Container"


def test_the_workload_that_holds_an_address() -> None:
    """As the API server told its pod."""
    engine = Engine(DEFAULT_POLICY, AN0691)
    feed(
        engine,
        [
            asked(-5, "x-1", [], uid="u1", owner_kind="ReplicaSet", owner_name=RS),
            placed(-5, "x-1", "n1", "10.0.0.9", uid="u1"),
            described(None, "a", image=ImageClaim(reference="x")),
            started(1, "a"),
        ],
    )
    cluster = engine.directory.states["default"]
    assert path_of_pod(cluster.pods["u1"], cluster) == "shop/Deployment/web"


def test_the_service_of_compose_is_shown_as_the_workload() -> None:
    """With the project only in the container's name: no namespace of Kubernetes can be taken for it."""
    engine = Engine(DEFAULT_POLICY, AN0691)
    feed(engine, [created(0, "a", name="shop-web-1", pod=Pod(workload_kind="ComposeService", workload="web"))])
    [chain] = engine.directory.chains()
    case = gather(chain, engine.directory, engine.state.graph, DEFAULT_POLICY)
    assert (case.workload, case.namespace, case.pod) == (Workload("ComposeService", "web"), None, None)
