"""Suricata's EVE: flow records are flows, the rest is left alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from tidewaiter.event import Event, NetworkFlow, Where
from tidewaiter.sources import RecordError
from tidewaiter.sources.suricata_flow import SOURCE, decode, recognise

SAMPLES = Path(__file__).parents[1] / "samples" / "suricata_flow"
WHERE = Where("suricata_flow", "eve.json", 1, node="sensor")


def decoded(record: dict[str, Any] | bytes) -> list[Event]:
    """The events of one record."""
    return list(decode(record if isinstance(record, bytes) else json.dumps(record).encode(), WHERE))


def flow(**fields: Any) -> NetworkFlow:
    """The flow of a record with some fields changed."""
    record = {
        "timestamp": "2026-09-21T14:14:44.074027+0000",
        "event_type": "flow",
        "src_ip": "10.0.0.5",
        "dest_ip": "203.0.113.7",
        "dest_port": 443,
        "proto": "TCP",
        "flow": {"start": "2026-09-21T14:13:44.074027+0000", "pkts_toclient": 3},
        "tcp": {"tcp_flags_ts": "1b", "tcp_flags_tc": "1b"},
    }
    (event,) = decoded(record | fields)
    assert isinstance(event, NetworkFlow)
    return event


def test_flow_records_are_flows_of_an_address() -> None:
    """Completed, reset, picked up midway, and a ping; a lookup and statistics are nothing."""
    lines = (SAMPLES / "eve-7.0.in.jsonl").read_bytes().splitlines()
    assert all(recognise(json.loads(line)) for line in lines)
    found = [event for line in lines for event in decoded(line) if isinstance(event, NetworkFlow)]
    assert [(f.dst_ip, f.dst_port, f.protocol, f.is_refused, f.is_initiator_proven) for f in found] == [
        ("203.0.113.7", 443, "tcp", False, True),
        ("203.0.113.8", 2375, "tcp", True, True),
        ("203.0.113.9", 22, "tcp", False, False),
        ("2001:db8::9", None, "icmpv6", False, True),
    ]
    assert (found[0].time_ns, found[0].node, found[0].src_ip) == (1_790_000_024_074_027_000, None, "10.244.1.249")
    assert found[0].native_id == "883709815679084"


def test_unanswered_and_dropped_flows_are_attempts() -> None:
    """Nothing came back, or the rule dropped it."""
    assert flow(flow={"start": "2026-09-21T14:13:44Z", "pkts_toclient": 0}).is_refused
    assert flow(flow={"start": "2026-09-21T14:13:44Z", "pkts_toclient": 1, "action": "drop"}).is_refused
    assert not flow().is_refused


def test_missing_details_are_unknown() -> None:
    """No counters, no flags, no protocol: the flow stands, its beginning is not proven."""
    found = flow(flow=None, tcp=None)
    assert (found.is_initiator_proven, found.is_refused) == (False, False)
    assert flow(proto=None, dest_port=70000).dst_port is None
    assert flow(tcp={"tcp_flags_ts": "zz", "tcp_flags_tc": "999"}).is_initiator_proven is False


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"{}",
        b'{"event_type":7}',
        b'{"event_type":"flow"}',
        b'{"event_type":"flow","timestamp":"now","src_ip":"10.0.0.5","dest_ip":"203.0.113.7"}',
        b'{"event_type":"flow","timestamp":"2026-09-21T14:13:44Z","src_ip":"10.0.0.5"}',
        b'{"event_type":"flow","timestamp":"2026-09-21T14:13:44Z","src_ip":"\xff"}',
        b'{"event_type":"flow","x":' + b"[" * 100_000,
    ],
)
def test_rubbish_is_rejected(record: bytes) -> None:
    """No type, no time, no addresses, broken text, bottomless nesting."""
    with pytest.raises(RecordError):
        decoded(record)


def test_other_records_are_never_looked_into() -> None:
    """An alert's own fields may be of any shape."""
    assert decoded({"event_type": "alert", "src_ip": 5, "flow": "x"}) == []


def test_recognised_by_type_time_and_ends() -> None:
    """Other producers have an event_type too."""
    assert not recognise({"event_type": "flow"})
    assert not recognise({"event_type": "ADDED", "timestamp": "2026-09-21T14:13:44Z"})


def test_public_samples_hold_two_flows(shared: Path) -> None:
    """The rest are alerts and statistics; both flows were reset by the other side."""
    lines = [
        line for path in sorted((shared / "samples" / "netflow").iterdir()) for line in path.read_bytes().splitlines()
    ]
    assert all(recognise(json.loads(line)) for line in lines)
    found = [event for line in lines for event in decoded(line) if isinstance(event, NetworkFlow)]
    assert [(f.src_ip, f.dst_port, f.is_refused) for f in found] == [("1.2.3.6", 2352, True)] * 2


def test_source_feeds_network_flow() -> None:
    """And says that an address is all it knows."""
    assert SOURCE.log_sources == ("NSM:Flow",)
    assert "pod" in SOURCE.cannot_see
