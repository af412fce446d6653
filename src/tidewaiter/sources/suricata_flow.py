"""Turns the flow records of Suricata's EVE JSON into flows known by address; its other records say nothing here.

Rules
- The source is who sent the first packet that Suricata saw. For TCP that is proven only by a SYN towards the server
  (`tcp_flags_ts`); a flow picked up midway has none.
- A sensor on the wire is no node: `node` stays empty.

Sources: https://docs.suricata.io/en/latest/output/eve/eve-json-format.html (event types flow, tcp fields).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tidewaiter.event import Event, NetworkFlow, Where
from tidewaiter.sources import RecordError, Source
from tidewaiter.sources._fields import decode_json, ip_or_none, parse_time_ns

_FLAGS = re.compile(r"[0-9a-fA-F]{1,2}\Z")
_SYN = 0x02
_RST = 0x04
_LARGEST_PORT = 65535
_ICMP = {"icmp": "icmp", "ipv6-icmp": "icmpv6"}


class _Counters(msgspec.Struct, gc=False):
    start: str | None = None
    pkts_toclient: int | None = None
    action: str | None = None


class _Tcp(msgspec.Struct, gc=False):
    tcp_flags_ts: str | None = None
    """Flags seen towards the server, OR-ed, two hex digits; `tcp_flags_tc` towards the client."""
    tcp_flags_tc: str | None = None


class _Record(msgspec.Struct, gc=False):
    event_type: str
    timestamp: str | None = None
    flow_id: int | None = None
    src_ip: str | None = None
    dest_ip: str | None = None
    dest_port: int | None = None
    proto: str | None = None
    flow: _Counters | None = None
    tcp: _Tcp | None = None


class _Type(msgspec.Struct, gc=False):
    event_type: str


_DECODER = msgspec.json.Decoder(_Record)
_TYPE = msgspec.json.Decoder(_Type)


def recognise(record: Mapping[str, Any]) -> bool:
    """Whether an object is an EVE record: its type and time, and a flow, packet or statistics."""
    if not isinstance(record.get("event_type"), str) or not isinstance(record.get("timestamp"), str):
        return False
    return ("src_ip" in record and "dest_ip" in record) or record["event_type"] == "stats"


def decode(record: bytes, where: Where) -> Iterator[Event]:
    """One EVE record. Raises RecordError where a flow record lacks its addresses or its time."""
    if decode_json(_TYPE, record).event_type != "flow":
        return iter(())
    eve = decode_json(_DECODER, record)
    counters, tcp = eve.flow or _Counters(), eve.tcp or _Tcp()
    time = counters.start or eve.timestamp
    if time is None:
        raise RecordError(f"{record[:120]!r}: a flow without a time")
    src_ip, dst_ip = ip_or_none(eve.src_ip), ip_or_none(eve.dest_ip)
    if src_ip is None or dst_ip is None:
        raise RecordError(f"{record[:120]!r}: a flow without two addresses")
    protocol = eve.proto.lower() if eve.proto else None
    is_tcp = protocol == "tcp"
    answered = _flags(tcp.tcp_flags_tc)
    was_reset = bool(answered & _RST and not answered & _SYN)
    port = eve.dest_port
    return iter(
        (
            NetworkFlow(
                time_ns=parse_time_ns(time),
                cluster=where.cluster,
                node=None,
                where=where,
                native_id=str(eve.flow_id) if eve.flow_id is not None and 0 <= eve.flow_id < 2**64 else None,
                dst_ip=dst_ip,
                dst_port=port if port is not None and 0 < port <= _LARGEST_PORT else None,
                src_ip=src_ip,
                protocol=_ICMP.get(protocol, protocol) if protocol is not None else None,
                is_initiator_proven=not is_tcp or bool(_flags(tcp.tcp_flags_ts) & _SYN),
                is_refused=counters.action == "drop" or (is_tcp and (was_reset or counters.pkts_toclient == 0)),
            ),
        )
    )


def _flags(text: str | None) -> int:
    return int(text, 16) if text and _FLAGS.match(text) else 0


SOURCE = Source(
    title="Suricata EVE flow records",
    log_sources=("NSM:Flow",),
    cannot_see=(
        "The pod, container and process behind an address, traffic that stays on one node, and flows still open; "
        "where the sensor sits behind address translation, only the translated address."
    ),
    decode=decode,
    recognise=recognise,
)
