"""Holds whose each exec, connection and session is: by id, pod or address, and what waits for an answer."""

from itertools import permutations

import pytest

from engine_cases import LIFE, behaviours
from made_events import (
    AN0691,
    OUTSIDE,
    asked,
    at,
    attack,
    cid,
    connected,
    created,
    described,
    digest,
    entered,
    feed,
    finished,
    hunted,
    placed,
    pod_of,
    pulled,
    ran,
    started,
    stopped,
)
from tidewaiter import waiting
from tidewaiter.engine import Engine
from tidewaiter.event import ImageClaim
from tidewaiter.policy import DEFAULT_POLICY

# ------------------------------------------------------------------------------------------------ pods and addresses


def test_exec_known_by_pod_and_container_waits_for_nothing() -> None:
    """A sensor that names pod and container but no id is joined with the container of that place."""
    pod = pod_of("web", "c")
    events = [created(0, "a", pod=pod), started(1, "a"), ran(9, None, "curl", "x", pod=pod)]
    for order in permutations(events):
        assert hunted(order).only.container_id == cid("a")


def test_flow_known_by_pod_counts_for_every_container_of_the_pod() -> None:
    """It is told as evidence of the pod, whichever container it was."""
    events = [
        *(created(0, name, pod=pod_of("web", name)) for name in "ab"),
        *(started(1, name) for name in "ab"),
        connected(9, None, pod=pod_of("web"), source="hubble"),
    ]
    run = hunted(events)
    assert {alert.container_id for alert in run.alerts} == {cid("a"), cid("b")}
    assert {shown.attribution for alert in run.alerts for shown in alert.behaviours} == {"pod"}


def test_flow_known_by_pod_does_not_count_for_a_container_that_has_stopped() -> None:
    """The init container that ended before the flow did not make it: only open containers are meant."""
    events = [
        created(0, "init", pod=pod_of("web", "init")),
        started(1, "init"),
        stopped(5, "init"),
        created(6, "c", pod=pod_of("web", "c")),
        started(7, "c"),
        connected(60, None, pod=pod_of("web"), source="hubble"),
    ]
    assert [alert.container_id for alert in hunted(events).alerts] == [cid("c")]


def test_flow_of_another_pod_counts_for_nobody_here() -> None:
    """A pod that nobody knows is unattributed in the end."""
    run = hunted([created(0, "a", pod=pod_of("web", "c")), started(1, "a"), connected(9, None, pod=pod_of("other"))])
    assert run.alerts == []
    assert run.summary.outcomes["unattributed"] == 1


def test_every_flow_of_a_pod_nobody_knows_is_unattributed() -> None:
    """Sight lost of a hundred records is counted a hundred times."""
    flows = [connected(9 + number, None, port=1000 + number, pod=pod_of("other")) for number in range(100)]
    assert hunted(flows).summary.outcomes["unattributed"] == 100


def test_flow_known_by_address_belongs_to_the_pod_that_had_it() -> None:
    """Pod status tells the address, before or after the flow arrives."""
    events = [
        asked(-5, "web", {"c": "ubuntu"}),
        placed(-4, "web", "n1", "10.0.0.9"),
        created(0, "a", pod=pod_of("web", "c")),
        started(1, "a"),
        connected(9, None, src_ip="10.0.0.9", node=None, source="vpc_flow"),
    ]
    for order in permutations(events):
        assert behaviours(*order) == [f"{OUTSIDE}:443"]


def test_address_used_again_does_not_depend_on_the_order() -> None:
    """The pod that had the address at the time is meant, however late that is told."""
    events = [
        asked(-100, "old", {"c": "docker.io/library/old"}),
        asked(-50, "new", {"c": "docker.io/library/new"}),
        placed(-99, "old", "n1", "10.0.0.9"),
        placed(-10, "new", "n1", "10.0.0.9"),
        connected(5, None, src_ip="10.0.0.9", node=None, source="vpc_flow"),
    ]
    assert {tuple(alert.pod for alert in hunted(order).alerts) for order in permutations(events)} == {("new",)}


def test_flow_with_a_process_id_and_an_address_is_the_containers_of_the_process() -> None:
    """The process id says more than the address, whenever it becomes known."""
    flow = connected(9, None, src_ip="10.0.0.9", pid=100, source="tetragon")
    for order in permutations([*LIFE, asked(-5, "web", {"c": "ubuntu"}), placed(-4, "web", "n1", "10.0.0.9"), flow]):
        run = hunted(order)
        assert run.only.container_id == cid("a")
        assert run.summary.outcomes["waiting"] == 0


def test_flow_known_by_address_of_nobody_is_unattributed() -> None:
    """It waits, and is counted when nobody comes for the address."""
    run = hunted([*LIFE, connected(9, None, src_ip="10.0.0.9", source="vpc_flow")])
    assert run.alerts == []
    assert run.summary.outcomes == {**run.summary.outcomes, "unattributed": 1, "waiting": 0}


def test_address_of_a_container_counts_too() -> None:
    """Docker's inspect tells the container's own address."""
    facts = described(0, "a", ips=("172.17.0.2",), image=ImageClaim(reference="ubuntu"), started_ns=at(0))
    flow = connected(9, None, src_ip="172.17.0.2", source="vpc_flow")
    for order in permutations([facts, flow]):
        assert behaviours(*order) == [f"{OUTSIDE}:443"]


def test_node_address_is_no_pods() -> None:
    """Everything on the node shares the address of a pod on the host's network."""
    status = placed(-4, "web", "n1", "192.0.2.10", host_ips=("192.0.2.10",))
    flow = connected(9, None, src_ip="192.0.2.10", source="vpc_flow")
    run = hunted([asked(-5, "web", {"c": "ubuntu"}), status, flow])
    assert run.alerts == []


def test_pod_on_the_hosts_network_has_no_address_in_any_order() -> None:
    """Whether the API server's or the kubelet's record comes first has no say."""
    events = [
        asked(-5, "web", {"c": "ubuntu"}, host_network=True),
        placed(-4, "web", "n1", "192.0.2.10"),
        connected(9, None, src_ip="192.0.2.10", node=None, source="vpc_flow"),
    ]
    assert {len(hunted(order).alerts) for order in permutations(events)} == {0}


@pytest.mark.parametrize(
    "flow",
    [
        connected(9, "a", direction="ingress"),
        connected(9, "a", is_reply=True),
        connected(9, "a", ip=None),
    ],
    ids=["incoming", "reply", "without destination"],
)
def test_what_is_no_egress_is_irrelevant(flow: object) -> None:
    """Only connections that the container opens are its behaviour."""
    run = hunted([*LIFE, flow])  # type: ignore[list-item]
    assert run.alerts == []
    assert run.summary.outcomes["irrelevant"] == 1


def test_first_sight_of_a_container_does_not_depend_on_the_order() -> None:
    """An internal connection, told by prefix, shows that the container was there: before or after it is known."""
    events = [
        connected(0, "a", "10.1.1.1", prefix=12),
        pulled(5, "evil.example/x:1", config_digest=digest("C")),
        described(None, "a", image=ImageClaim(reference="evil.example/x:1", from_runtime=True)),
        ran(9, "a", "curl", "x"),
    ]
    found = {tuple(item.stage for item in hunted(order).only.evidence) for order in permutations(events)}
    assert len(found) == 1


def test_connections_inside_do_not_fill_the_waiting_room() -> None:
    """Of a container that nobody has named, one record that shows no behaviour says all that such records say."""
    engine = Engine(DEFAULT_POLICY, AN0691)
    feed(engine, [connected(number, "a", "10.1.1.1", prefix=12) for number in range(50)])
    assert len(engine.activity.waiting) == 1
    assert engine.ledger.outcomes()["irrelevant"] == 49


# ------------------------------------------------------------------------------------------------ sessions


def test_session_known_by_pod_counts_for_its_containers() -> None:
    """kubectl exec without a container name means a container of the pod."""
    events = [created(0, "a", pod=pod_of("web", "c")), started(1, "a"), entered(9, None, "sh", pod=pod_of("web"))]
    for order in permutations(events):
        assert [shown.kind for shown in hunted(order).only.behaviours] == ["session"]


def test_session_known_by_prefix_waits_for_its_container() -> None:
    """docker exec by a short id is filed when the container is known."""
    session = entered(9, "a", "sh", prefix=12)
    for order in permutations([*LIFE, session]):
        assert [shown.kind for shown in hunted(order).only.behaviours] == ["session"]


def test_records_of_one_session_count_once() -> None:
    """The API server logs a request at several stages, with one audit id."""
    records = [entered(9 + number, "a", "sh", native_id="audit-1") for number in range(3)]
    for order in permutations(records):
        run = hunted([*LIFE, *order])
        assert len(run.only.behaviours) == 1
        assert run.summary.outcomes["duplicate"] == 2
        assert run.only.behaviours[0].time.endswith("29.250000000Z")


def test_process_of_a_session_makes_its_children_known() -> None:
    """containerd tells the pid of an exec; auditd tells what it ran."""
    events = [
        *LIFE,
        entered(9, "a", user=None, pid=555, source="containerd_events"),
        ran(10, None, "curl", "x", pid=556, parent_pid=555, source="auditd"),
    ]
    for order in permutations(events):
        assert behaviours(*order) == ["/usr/bin/curl x"]


# ------------------------------------------------------------------------------------------------ waiting and bounds


def test_waiting_is_bounded_and_what_leaves_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Execs of nobody without end do not fill the memory; the sum of outcomes stays whole."""
    monkeypatch.setattr(waiting, "CAP", 10)
    engine = Engine(DEFAULT_POLICY, AN0691)
    feed(engine, [ran(number, None, "sh", pid=number + 1, source="auditd") for number in range(50)])
    assert len(engine.activity.waiting) == 10
    assert engine.ledger.outcomes()["unattributed"] == 40
    assert finished(engine).summary.outcomes == {**engine.ledger.outcomes(), "unattributed": 50, "waiting": 0}


def test_record_spread_over_lines_is_counted_whole_when_its_fate_is_known() -> None:
    """auditd writes an event as several lines: all of them wait, and all of them stop waiting."""
    engine = Engine(DEFAULT_POLICY, AN0691)
    engine.feed_record("auditd", [ran(9, None, "curl", pid=101, parent_pid=100, source="auditd")], 3)
    engine.feed_record("auditd", [ran(9, None, "curl", pid=7, parent_pid=8, source="auditd")], 4)
    assert engine.ledger.outcomes()["waiting"] == 7
    feed(engine, LIFE)
    summary = finished(engine).summary
    assert (summary.outcomes["waiting"], summary.outcomes["used"], summary.outcomes["unattributed"]) == (0, 5, 4)


def test_arguments_are_bounded_and_masked() -> None:
    """A command line of a megabyte is cut, and no secret in it is kept."""
    hush = "geheim" * 3
    event = ran(9, "a", "curl", "--token", hush, *["x" * 1000] * 1000)
    run = hunted([*LIFE, event])
    [shown] = run.only.behaviours
    assert hush not in shown.what
    assert len(shown.what) < 5000
    assert hush.encode() not in run.engine.snapshot()


def test_arguments_are_kept_as_they_are_where_the_user_says_so() -> None:
    """`--keep-arguments` opts out of masking."""
    [shown] = hunted([*LIFE, ran(9, "a", "curl", "--token", "geheim")], keep_arguments=True).only.behaviours
    assert shown.what == "/usr/bin/curl --token geheim"


def test_exec_of_a_container_nobody_announced_makes_it_known() -> None:
    """A whole id is enough to speak of a container."""
    run = hunted([ran(9, "a", "curl", "x")])
    assert run.only.container_id == cid("a")
    assert run.only.verdict == "suspicious"


def test_attack_is_an_alert() -> None:
    """The plain case stands here so that all the others mean something."""
    assert hunted(attack()).only.verdict == "alert"


def test_sessions_known_by_pod_are_bounded() -> None:
    """As those of a container."""
    engine = Engine(DEFAULT_POLICY, AN0691)
    pod = pod_of("web")
    feed(engine, [entered(number / 1000, None, "sh", pod=pod, native_id=f"s{number}") for number in range(2000)])
    [record] = engine.state.clusters["default"].pods.values()
    assert len(record.sessions) <= 256
