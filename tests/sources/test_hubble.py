"""Hubble flows: whose they are, who began, and what is left alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from tidewaiter.event import Event, NetworkFlow, Pod, Where
from tidewaiter.sources import RecordError
from tidewaiter.sources.hubble import SOURCE, decode, recognise

SAMPLES = Path(__file__).parents[1] / "samples" / "hubble"
WHERE = Where("hubble", "flows.jsonl", 1)
TIME = "2026-09-21T14:13:44.074027776Z"
POD: dict[str, Any] = {"ID": 7, "namespace": "shop", "pod_name": "web-0"}
WORLD: dict[str, Any] = {"identity": 2, "labels": ["reserved:world"]}


def decoded(record: dict[str, Any] | bytes, where: Where = WHERE) -> list[Event]:
    """The events of one record."""
    return list(decode(record if isinstance(record, bytes) else json.dumps(record).encode(), where))


def made(where: Where = WHERE, **fields: Any) -> list[Event]:
    """The events of a wrapped flow from a pod to the world, with some fields changed."""
    flow: dict[str, Any] = {
        "time": TIME,
        "verdict": "FORWARDED",
        "IP": {"source": "10.0.0.5", "destination": "203.0.113.7"},
        "l4": {"TCP": {"source_port": 40000, "destination_port": 443}},
        "source": POD,
        "destination": WORLD,
        "node_name": "c1/node-a",
        "traffic_direction": "EGRESS",
    }
    return decoded({"flow": flow | fields, "node_name": "c1/node-a", "time": TIME}, where)


def flow(where: Where = WHERE, **fields: Any) -> NetworkFlow:
    """The one flow of `made`."""
    (event,) = made(where, **fields)
    assert isinstance(event, NetworkFlow)
    return event


def sample(name: str) -> list[NetworkFlow]:
    """The flows of one sample file."""
    events = [event for line in (SAMPLES / name).read_bytes().splitlines() for event in decoded(line)]
    assert all(isinstance(event, NetworkFlow) for event in events)
    return [event for event in events if isinstance(event, NetworkFlow)]


def test_flow_of_the_exporter_is_the_pods() -> None:
    """Pod, workload, account, addresses, name, time and node of a first packet to the world."""
    first = sample("exporter-1.16.in.jsonl")[0]
    assert first.pod == Pod(
        namespace="shop",
        name="web-7d9f8b6c5-x2x4z",
        service_account="runner",
        workload_kind="Deployment",
        workload="web",
    )
    assert (first.src_ip, first.dst_ip, first.dst_port, first.protocol) == ("10.244.1.249", "203.0.113.7", 443, "tcp")
    assert first.dst_name == "pool.example.com"
    assert (first.time_ns, first.node, first.cluster) == (1_790_000_024_074_027_776, "node-a", "c1")
    assert (first.direction, first.is_initiator_proven, first.is_reply, first.is_refused) == (
        "egress",
        True,
        False,
        False,
    )
    assert first.native_id == "52505121-81b9-4946-a02a-000000000001"
    assert first.container_id is None


def test_sample_gives_a_flow_for_each_pod_that_sent() -> None:
    """Replies from the world, DNS messages, the host's flows and lost events are nothing; the drop is a refusal."""
    found = sample("exporter-1.16.in.jsonl")
    assert [(f.pod.name if f.pod else None, f.dst_ip, f.dst_port, f.protocol, f.is_refused) for f in found] == [
        ("web-7d9f8b6c5-x2x4z", "203.0.113.7", 443, "tcp", False),
        ("db-0", "10.244.1.249", 8080, "tcp", False),
        ("web-7d9f8b6c5-x2x4z", "198.51.100.53", 53, "udp", True),
        ("web-7d9f8b6c5-x2x4z", "198.51.100.9", None, "icmp", False),
        (None, "203.0.113.9", 8333, "tcp", False),
    ]
    assert [f.is_initiator_proven for f in found] == [True, True, False, False, True]
    assert found[-1].src_ip == "10.244.1.12"


def test_flow_seen_coming_in_has_no_node_for_its_source() -> None:
    """The node that saw it is the other pod's; a source with an endpoint ID is on that node."""
    assert sample("exporter-1.16.in.jsonl")[1].node is None
    assert flow(traffic_direction="INGRESS", source=POD | {"ID": 0}).node is None
    assert flow(traffic_direction="INGRESS").node == "node-a"


def test_bare_flows_are_the_same_flows() -> None:
    """Fields at the top, as other exporters write them; the cluster is the node's."""
    bare, wrapped = sample("bare-flows-1.12.in.jsonl"), sample("exporter-1.16.in.jsonl")
    assert bare == wrapped[: len(bare)]
    assert len(bare) == 3


def test_user_names_the_cluster_before_the_record() -> None:
    """`--cluster` wins; the source's own cluster goes before the node's; `default` alone names none."""
    assert flow(Where("hubble", "x", 1, cluster="prod")).cluster == "prod"
    assert flow(source=POD | {"cluster_name": "c2"}).cluster == "c2"
    assert flow(node_name="node-b").cluster == "default"
    assert flow(node_name="node-b").node == "node-b"


def test_node_of_the_user_stands_in() -> None:
    """Where neither the flow nor its wrapper names a node."""
    where = Where("hubble", "x", 1, node="mine")
    (event,) = decoded(
        {"time": TIME, "verdict": "FORWARDED", "IP": {"destination": "203.0.113.7"}, "source": POD}, where
    )
    assert event.node == "mine"


@pytest.mark.parametrize(
    ("fields", "is_proven", "is_reply"),
    [
        ({}, False, False),
        ({"is_reply": False}, True, False),
        ({"is_reply": True}, False, True),
        ({"is_reply": None}, False, False),
        ({"reply": True}, False, True),
        ({"l4": {"TCP": {"destination_port": 1, "flags": {"SYN": True}}}}, True, False),
        ({"l4": {"TCP": {"destination_port": 1, "flags": {"SYN": True, "ACK": True}}}}, False, True),
        ({"l4": {"TCP": {"destination_port": 1, "flags": {"ACK": True}}}}, False, False),
        ({"l4": {"UDP": {"destination_port": 53}}}, False, False),
        ({"l4": {"ICMPv4": {}}}, False, True),
        ({"l4": {"ICMPv6": {"type": 129}}}, False, True),
        ({"sock_xlate_point": "SOCK_XLATE_POINT_POST_DIRECTION_FWD", "Type": "SOCK"}, True, False),
    ],
)
def test_who_began_is_proven_or_not(fields: dict[str, Any], is_proven: bool, is_reply: bool) -> None:
    """SYN alone, a tracked direction, or a socket's own call prove it; an answer never does."""
    found = flow(**fields)
    assert (found.is_initiator_proven, found.is_reply) == (is_proven, is_reply)


@pytest.mark.parametrize(("verdict", "is_refused"), [("DROPPED", True), ("ERROR", True), (2, True), ("AUDIT", False)])
def test_dropped_flow_is_a_refused_attempt(verdict: object, is_refused: bool) -> None:
    """By name, or by number; an audited one went through."""
    assert flow(verdict=verdict).is_refused is is_refused


def test_flow_without_a_pod_at_its_source_is_nothing_if_known_to_be_none() -> None:
    """World, host, other nodes; and unknown sources talking to a named pod."""
    for label in ("reserved:world", "reserved:host", "reserved:remote-node", "reserved:kube-apiserver"):
        assert made(source={"labels": [label]}) == []
    assert made(source={}, destination=POD) == []
    assert made(source={"pod_name": ""}, IP={"destination": "203.0.113.7"}) == []


@pytest.mark.parametrize("name", ["", "Web-0", "a b", "x" * 300, "-a", '"', "wéb"])
def test_name_that_no_pod_can_have_is_none(name: str) -> None:
    """The flow is then known by its address only."""
    found = flow(source=POD | {"pod_name": name})
    assert (found.pod, found.src_ip) == (None, "10.0.0.5")


def test_dns_messages_and_translated_answers_are_nothing() -> None:
    """The lookup itself is a flow of its own."""
    assert made(l7={"type": "REQUEST", "dns": {"query": "a.example."}}) == []
    assert made(sock_xlate_point="SOCK_XLATE_POINT_PRE_DIRECTION_REV") == []
    assert len(made(l7={"type": "REQUEST", "http": {"url": "http://a.example/"}})) == 1


def test_name_alone_is_a_destination() -> None:
    """A field mask may leave the address out."""
    found = flow(IP={}, destination_names=["pool.example.com"])
    assert (found.dst_ip, found.dst_name) == (None, "pool.example.com")


def test_impossible_ports_and_addresses_are_unknown() -> None:
    """A port beyond 65535; a source that is no address."""
    found = flow(l4={"TCP": {"destination_port": 2**70}}, IP={"source": "x", "destination": "::ffff:203.0.113.7"})
    assert (found.dst_port, found.src_ip, found.dst_ip) == (None, None, "203.0.113.7")


@pytest.mark.parametrize("kind", ["lost_events", "node_status", "agent_event", "debug_event"])
def test_what_hubble_writes_between_flows_is_no_error(kind: str) -> None:
    """It says nothing about containers."""
    record = {kind: {"type": "X"}, "node_name": "c1/node-a", "time": TIME}
    assert recognise(record)
    assert decoded(record) == []


def test_recognised_by_shape_not_by_order() -> None:
    """A flow has ends and addresses; others' `flow` fields do not."""
    ends: dict[str, Any] = {"source": {}, "destination": {}}
    assert recognise({"time": TIME, "flow": {"IP": {}, **ends}})
    assert recognise({"verdict": "FORWARDED", "IP": {}, **ends})
    assert not recognise({"IP": {}, **ends})
    assert not recognise({"event_type": "flow", "flow": {"pkts_toserver": 1}})
    assert not recognise({"flow": {"source": "a", "destination": "b", "IP": {}}})


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"null",
        b"{}",
        b'{"flow":{}}',
        b'{"flow":null}',
        b'{"flow":7,"time":"2026-09-21T14:13:44Z"}',
        b'{"flow":{"time":"yesterday","verdict":"FORWARDED"}}',
        b'{"flow":{"time":"1960-01-01T00:00:00Z","verdict":"FORWARDED","source":{"pod_name":"a"}}}',
        b'{"flow":{"time":"2026-09-21T14:13:44Z","source":{"pod_name":"a"},"IP":{"destination":"nowhere"}}}',
        b'{"flow":{"time":"2026-09-21T14:13:44Z","source":{"pod_name":7}}}',
        b'{"flow":{"time":"2026-09-21T14:13:44Z","source":{"pod_name":"\xff"}}}',
        b'{"flow":{"x":' + b'{"a":' * 100_000,
    ],
)
def test_rubbish_is_rejected(record: bytes) -> None:
    """No flow, no time, no destination, wrong types, broken text, bottomless nesting."""
    with pytest.raises(RecordError):
        decoded(record)


def test_source_feeds_network_flow() -> None:
    """And says that a flow is a whole pod's."""
    assert "NSM:Flow" in SOURCE.log_sources
    assert "pod" in SOURCE.cannot_see
    assert SOURCE.skim is not None
    assert SOURCE.skim.pods
    assert not SOURCE.skim.bare
