"""Turns AWS VPC flow log records (default text, custom text under its header line, JSON) into flows known by address.

Rules
- A record sums up one direction of one 5-tuple over an aggregation window (up to ten minutes); its time is the
  window's `start`, in whole seconds.
- Only TCP flags tell who began: SYN without ACK was sent by the source, SYN with ACK answers it (flags are OR-ed over
  the window). The default format has none, so its initiators are not proven.
- `pkt-srcaddr` and `pkt-dstaddr` are the packet's own ends, and win over the interface's (a pod behind its node).
- Which machine an interface belongs to the record does not say: `node` stays empty.

Sources: https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html (fields, formats, tcp-flags).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tidewaiter.event import Event, NetworkFlow, Where
from tidewaiter.sources import RecordError, Source
from tidewaiter.sources._fields import checked_time_ns, decode_json, ip_or_none, time_ns_or_none

_DEFAULT = (
    "version",
    "account-id",
    "interface-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log-status",
)
_HEADER = re.compile(rb"[a-z][a-z0-9-]*(?: [a-z][a-z0-9-]*){3,63}\s*\Z")
_ENDS = frozenset({b"srcaddr", b"dstaddr", b"pkt-srcaddr", b"pkt-dstaddr"})
_TOKENS = re.compile(rb"[A-Za-z0-9._:/-]+(?: [A-Za-z0-9._:/-]+){3,63}\s*\Z")
_VERDICTS = frozenset({b"ACCEPT", b"REJECT"})
_EMPTY = frozenset({"NODATA", "SKIPDATA"})
_LONGEST_LINE = 8192
_NS = 1_000_000_000
_LARGEST_PORT = 65535
_SYN = 2
_ACK = 16
_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 47: "gre", 50: "esp", 58: "icmpv6", 132: "sctp"}
_PORTED = frozenset({6, 17, 132})

_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SCALAR = msgspec.json.Decoder(str | int | float | None)


def recognise(record: Mapping[str, Any]) -> bool:
    """Whether an object has the fields of a flow log record, in any of the usual spellings (`srcAddr`, `src_addr`)."""
    names = {_plain(name) for name in record if isinstance(name, str) and len(name) <= 32}
    has_ends = {"srcaddr", "dstaddr"} <= names or {"pktsrcaddr", "pktdstaddr"} <= names
    return has_ends and not names.isdisjoint(
        {"interfaceid", "action", "logstatus", "accountid", "plogtype", "flowdirection", "tcpflags"}
    )


def recognise_text(line: bytes) -> bool:
    """Whether a line may be a record: plain words with two addresses and a verdict, or an interface without data."""
    if len(line) > _LONGEST_LINE or _TOKENS.match(line) is None:
        return False
    words = line.split()
    has_interface = any(word.startswith(b"eni-") for word in words)
    if has_interface and (b"NODATA" in words or b"SKIPDATA" in words):
        return True
    addresses = sum(ip_or_none(word.decode("ascii")) is not None for word in words if b"." in word or b":" in word)
    return addresses >= 2 and (has_interface or not _VERDICTS.isdisjoint(words))


def is_header(line: bytes) -> bool:
    """Whether a line names the columns of a flow log file: lower-case words, the ends of a flow among them."""
    return len(line) <= _LONGEST_LINE and _HEADER.match(line) is not None and len(_ENDS.intersection(line.split())) >= 2


def decode(record: bytes, where: Where) -> Iterator[Event]:
    """One JSON object, one line of the default format, or a header line and one line.

    Raises RecordError where the columns are not known or a record lacks its ends or its time.
    """
    fields = _from_json(record) if record.lstrip()[:1] == b"{" else _from_text(record)
    if fields.get("logstatus", "").upper() in _EMPTY:
        return iter(())
    src_ip = ip_or_none(fields.get("pktsrcaddr")) or ip_or_none(fields.get("srcaddr"))
    dst_ip = ip_or_none(fields.get("pktdstaddr")) or ip_or_none(fields.get("dstaddr"))
    if src_ip is None or dst_ip is None:
        raise RecordError(f"{record[-120:]!r}: a flow log record without two addresses")
    number = _number(fields.get("protocol"))
    flags = _number(fields.get("tcpflags"))
    is_tcp = number == 6 or (number is None and flags is not None)
    flags = flags if is_tcp and flags is not None else 0
    port = _number(fields.get("dstport"))
    has_port = number is None or number in _PORTED
    return iter(
        (
            NetworkFlow(
                time_ns=_start_ns(fields, record),
                cluster=where.cluster,
                node=None,
                where=where,
                dst_ip=dst_ip,
                dst_port=port if has_port and port is not None and 0 < port <= _LARGEST_PORT else None,
                src_ip=src_ip,
                protocol=_PROTOCOLS.get(number) if number is not None else None,
                is_initiator_proven=bool(flags & _SYN and not flags & _ACK),
                is_reply=bool(flags & _SYN and flags & _ACK),
                is_refused=fields.get("action", "").upper() == "REJECT",
            ),
        )
    )


def _from_text(record: bytes) -> dict[str, str]:
    """The row by plain column names, under the last header line, else by the default format's columns."""
    columns: tuple[str, ...] = ()
    rows: list[list[str]] = []
    for line in record.split(b"\n"):
        if is_header(line):
            columns = tuple(line.decode("ascii").split())
        elif line.strip():
            rows.append(line.decode("utf-8", "replace").split())
    if len(rows) != 1:
        raise RecordError(f"{record[:120]!r}: {len(rows)} flow log records, not one")
    row = rows[0]
    if not columns and len(row) == len(_DEFAULT) and row[0] == "2":
        columns = _DEFAULT
    if not columns:
        raise RecordError(f"{record[:120]!r}: columns of a custom flow log without its header line")
    if len(columns) != len(row):
        raise RecordError(f"{record[-120:]!r}: {len(row)} columns under {len(columns)} names")
    return {_plain(name): value for name, value in zip(columns, row, strict=True) if value != "-"}


def _from_json(record: bytes) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, raw in decode_json(_DECODER, record).items():
        text = bytes(raw)
        if len(name) > 32 or len(text) > 256 or text[:1] in (b"{", b"[", b"t", b"f"):
            continue
        value = decode_json(_SCALAR, text)
        if value is not None:
            fields.setdefault(_plain(name), str(value))
    if "status" in fields:
        fields.setdefault("logstatus", fields["status"])
    return fields


def _plain(name: str) -> str:
    return name.replace("-", "").replace("_", "").lower()


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 12 else None


def _start_ns(fields: Mapping[str, str], record: bytes) -> int:
    seconds = _number(fields.get("start"))
    if seconds is not None:
        return checked_time_ns(seconds * _NS)
    time_ns = time_ns_or_none(fields.get("start"))
    if time_ns is None:
        raise RecordError(f"{record[-120:]!r}: a flow log record without its start")
    return time_ns


SOURCE = Source(
    title="AWS VPC flow logs",
    log_sources=("NSM:Flow", "AWS:VPCFlowLogs"),
    cannot_see=(
        "The pod, container, process and node behind an address; in the default format who opened a connection; "
        "moments finer than the aggregation window; traffic to the VPC's resolver, metadata and time services."
    ),
    decode=decode,
    recognise=recognise,
    recognise_text=recognise_text,
    is_header=is_header,
    rank=80,
)
