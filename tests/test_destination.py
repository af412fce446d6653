"""Holds by which name a destination inside the cluster is kept."""

from made_events import AN0691, OUTSIDE, asked, at, created, described, feed, placed
from tidewaiter.chain import Action
from tidewaiter.destination import settled
from tidewaiter.engine import Engine
from tidewaiter.event import Event, Pod
from tidewaiter.habit import habit_of
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy

DB = "db-7c9d8f6b5d"


def opened(ip: str, seconds: float = 9, port: int | None = 5432, name: str | None = None) -> Action:
    """Somebody connected there."""
    return Action(at(seconds), "egress", "hubble", "h.jsonl", 1, dst_ip=ip, dst_port=port, dst_name=name)


def what(action: Action, *events: Event, policy: TrustPolicy = DEFAULT_POLICY) -> str | None:
    """The destination, after these events."""
    engine = Engine(policy, AN0691)
    feed(engine, list(events))
    habit = habit_of(action, policy)
    return None if habit is None else settled(habit, action.time_ns, engine.directory.cluster("default"), policy).what


def pod_at(seconds: float, name: str, ip: str, owner: str | None = None) -> list[Event]:
    """A pod, and its address."""
    kind = "ReplicaSet" if owner is not None else None
    return [
        asked(seconds, name, [], uid=name, owner_kind=kind, owner_name=owner),
        placed(seconds, name, "n1", ip, uid=name, host_ips=("10.9.9.9",)),
    ]


def test_a_pod_is_kept_by_its_workload() -> None:
    """Whatever address it has after the next rollout."""
    old, new = pod_at(0, f"{DB}-x2x4z", "10.0.0.7", DB), pod_at(5, f"{DB}-b2b4b", "10.0.0.8", DB)
    assert what(opened("10.0.0.7"), *old, *new) == "shop/Deployment/db:5432/tcp"
    assert what(opened("10.0.0.8"), *old, *new) == "shop/Deployment/db:5432/tcp"


def test_an_address_is_that_of_who_had_it_then() -> None:
    """It is given out again."""
    events = [*pod_at(0, "one", "10.0.0.7"), *pod_at(100, "two", "10.0.0.7")]
    assert what(opened("10.0.0.7", 50), *events) == "shop/Pod/one:5432/tcp"
    assert what(opened("10.0.0.7", 150), *events) == "shop/Pod/two:5432/tcp"


def test_a_node_is_any_node() -> None:
    """Clusters grow and shrink."""
    events = pod_at(0, "one", "10.0.0.7")
    assert what(opened("10.9.9.9", port=10250), *events) == "(node):10250/tcp"


def test_a_container_outside_kubernetes_is_kept_by_its_service_or_name() -> None:
    """Compose gives a new address each time."""
    service = Pod(workload_kind="ComposeService", workload="db")
    named = created(0, "a", name="shop-db-1", pod=service)
    assert what(opened("172.18.0.2"), named, described(0, "a", "C", ips=("172.18.0.2",))) == (
        "shop/ComposeService/db:5432/tcp"
    )
    plain = created(0, "a", name="db")
    assert what(opened("172.18.0.2"), plain, described(0, "a", "C", ips=("172.18.0.2",))) == "/Container/db:5432/tcp"
    nameless = created(0, "a")
    assert what(opened("172.18.0.2"), nameless, described(0, "a", "C", ips=("172.18.0.2",))) == "172.18.0.2:5432/tcp"


def test_what_nobody_told_of_stays_as_it_is() -> None:
    """Addresses outside, names, execs."""
    assert what(opened(OUTSIDE)) == f"{OUTSIDE}:5432/tcp"
    assert what(opened("10.0.0.7", port=None)) == "10.0.0.7/tcp"
    assert what(opened("fd00::7")) == "[fd00::7]:5432/tcp"
    assert what(opened("127.0.0.1")) is None
    ran = Action(at(9), "exec", "falco", "f", 1, "/bin/10.0.0.7", ("10.0.0.7",))
    assert what(ran, *pod_at(0, "one", "10.0.0.7")) == "/bin/10.0.0.7"


def test_a_name_that_was_told_stays() -> None:
    """It says as much as the workload."""
    events = pod_at(0, "one", "10.0.0.7")
    assert what(opened("10.0.0.7", name="db.shop.svc"), *events) == "db.shop.svc:5432/tcp"


def test_what_the_policy_blocks_is_nobodys() -> None:
    """Also where a pod has the address."""
    policy = TrustPolicy(outbound_cidr_block_list=("10.0.0.7/32",))
    assert what(opened("10.0.0.7"), *pod_at(0, "one", "10.0.0.7"), policy=policy) == "10.0.0.7:5432/tcp"
