"""Turns rows of Zeek's conn.log (tab-separated under header lines, or JSON) into flows known by address.

Rules
- The originator is the source: Zeek decided who began. It guessed where it saw no beginning (states OTH, SHR, RSTRH) or
  turned the connection round by its ports (`^` in the history): then the initiator is not proven.
- A sensor on the wire is no node: `node` stays empty whatever machine wrote the log.
- Column names are the site's to change: `id.orig_h` may be `id_orig_h`. Where a name map hides them altogether, the
  types tell: `addr port addr port enum` occurs once, in the schema's own order.

Sources: https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html (fields, conn_state, history),
https://docs.zeek.org/en/master/log-formats.html (header lines).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tidewaiter.event import Event, NetworkFlow, Where
from tidewaiter.sources import RecordError, Source
from tidewaiter.sources._fields import checked_time_ns, decode_json, ip_or_none, parse_time_ns

_HEADER = re.compile(rb"#(?:separator|set_separator|empty_field|unset_field|path|open|close|fields|types)[ \t]")
_UID = re.compile(rb"[CF][0-9A-Za-z]{6,24}\Z")
_ADDRESS = re.compile(rb"[0-9A-Fa-f.:]{2,45}\Z")
_PROTOCOLS = frozenset({b"tcp", b"udp", b"icmp", b"unknown_transport"})
_START_OF_ROW = 1024
"""The columns that tell a row come first, after what a field extension puts before them."""
_EPOCH = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?\Z")
_HEX_ESCAPE = re.compile(r"\\x([0-9A-Fa-f]{2})")
_NS = 1_000_000_000
_MILLISECONDS_FROM = 100_000_000_000
"""`JSON::TS_MILLIS` writes whole milliseconds: as seconds they would lie beyond the year 5138."""
_LARGEST_PORT = 65535
_MIDSTREAM = frozenset({"OTH", "SHR", "RSTRH"})
_FAILED = frozenset({"S0", "REJ", "RSTOS0"})
"""No answer, refused, given up: attempts. Of TCP only; a datagram need not be answered."""
_ENDPOINT_TYPES = ["addr", "port", "addr", "port", "enum"]


class _Connection(msgspec.Struct, gc=False):
    ts: str | int | float | None = None
    uid: str | None = None
    orig_h: str | None = msgspec.field(default=None, name="id.orig_h")
    resp_h: str | None = msgspec.field(default=None, name="id.resp_h")
    resp_p: int | str | None = msgspec.field(default=None, name="id.resp_p")
    orig_h_flat: str | None = msgspec.field(default=None, name="id_orig_h")
    resp_h_flat: str | None = msgspec.field(default=None, name="id_resp_h")
    resp_p_flat: int | str | None = msgspec.field(default=None, name="id_resp_p")
    proto: str | None = None
    conn_state: str | None = None
    history: str | None = None


_DECODER = msgspec.json.Decoder(_Connection)


def recognise(record: Mapping[str, Any]) -> bool:
    """Whether an object is a conn record: the two ends, and a field that no other Zeek log has."""
    has_ends = ("id.orig_h" in record and "id.resp_h" in record) or ("id_orig_h" in record and "id_resp_h" in record)
    return has_ends and "proto" in record and ("conn_state" in record or record.get("_path") == "conn")


def recognise_text(line: bytes) -> bool:
    """Whether a line is a row with the columns uid, both ends and protocol. Other logs share them: `#path` tells."""
    columns = line[:_START_OF_ROW].split(b"\t")
    for at, protocol in enumerate(columns[6:], start=6):
        if protocol in _PROTOCOLS:
            uid, orig_h, _, resp_h, _ = columns[at - 5 : at]
            return bool(_UID.match(uid) and _ADDRESS.match(orig_h) and _ADDRESS.match(resp_h))
    return False


def is_header(line: bytes) -> bool:
    """Whether a line is one of the `#` lines that describe the rows below it."""
    return _HEADER.match(line) is not None


def decode(record: bytes, where: Where) -> Iterator[Event]:
    """One JSON object, or header lines and one row. Raises RecordError where the columns or the row are unusable."""
    connection = decode_json(_DECODER, record) if record.lstrip()[:1] == b"{" else _row(record)
    if connection is None:
        return iter(())
    time_ns = _time_ns(connection.ts)
    src_ip = ip_or_none(connection.orig_h or connection.orig_h_flat)
    dst_ip = ip_or_none(connection.resp_h or connection.resp_h_flat)
    if src_ip is None or dst_ip is None:
        raise RecordError(f"{record[-120:]!r}: a connection without two addresses")
    protocol = connection.proto.lower() if connection.proto else None
    state, history = connection.conn_state or "", connection.history or ""
    has_ports = protocol in ("tcp", "udp")  # of icmp they are its type and code
    port = connection.resp_p if connection.resp_p is not None else connection.resp_p_flat
    return iter(
        (
            NetworkFlow(
                time_ns=time_ns,
                cluster=where.cluster,
                node=None,
                where=where,
                native_id=connection.uid or None,
                dst_ip=dst_ip,
                dst_port=_port(port) if has_ports else None,
                src_ip=src_ip,
                protocol=None if protocol == "unknown_transport" else protocol,
                is_initiator_proven=bool(state) and state not in _MIDSTREAM and "^" not in history,
                is_refused=protocol == "tcp" and state in _FAILED,
            ),
        )
    )


def _row(record: bytes) -> _Connection | None:
    """The row under its header lines; None for a row of another log than conn."""
    lines = record.decode("utf-8", "replace").split("\n")
    headers = [line.rstrip("\r") for line in lines if line.startswith("#")]
    rows = [line.rstrip("\r") for line in lines if line.strip() and not line.startswith("#")]
    if len(rows) != 1:
        raise RecordError(f"{record[:120]!r}: {len(rows)} rows of a Zeek log, not one")
    separator, empty, unset, path = "\t", "(empty)", "-", ""
    fields: list[str] = []
    types: list[str] = []
    for header in headers:  # a later header replaces an earlier one: the log was rotated within the stream
        if header.startswith("#separator "):
            written = header.removeprefix("#separator ")
            separator = _HEX_ESCAPE.sub(lambda match: chr(int(match.group(1), 16)), written) or "\t"
            continue
        name, *values = header.split(separator)
        value = values[0] if values else ""
        if name == "#fields":
            fields = values
        elif name == "#types":
            types = values
        elif name == "#empty_field":
            empty = value
        elif name == "#unset_field":
            unset = value
        elif name == "#path":
            path = value
    if path and path != "conn":
        return None
    if not fields:
        raise RecordError(f"{rows[0][:120]!r}: a row of a Zeek log without its #fields line")
    values = rows[0].split(separator)
    if len(values) != len(fields):
        raise RecordError(f"{rows[0][:120]!r}: {len(values)} columns under {len(fields)} names")
    row = {name: value for name, value in zip(fields, values, strict=True) if value not in (unset, empty)}
    for name, source in _renamed(fields, types).items():
        if source in row:
            row.setdefault(name, row[source])
    return msgspec.convert(row, _Connection)


def _renamed(fields: list[str], types: list[str]) -> dict[str, str]:
    """Where a name map hides the ends: their own names, and the columns that the types show to be theirs."""
    if "id.orig_h" in fields or "id_orig_h" in fields or len(types) != len(fields):
        return {}
    starts = [start for start in range(len(types)) if types[start : start + 5] == _ENDPOINT_TYPES]
    if len(starts) != 1:
        return {}
    first = starts[0]
    return {
        "id.orig_h": fields[first],
        "id.resp_h": fields[first + 2],
        "id.resp_p": fields[first + 3],
        "proto": fields[first + 4],
    }


def _time_ns(value: str | int | float | None) -> int:
    if isinstance(value, str):
        match = _EPOCH.match(value)
        if match is None:
            return parse_time_ns(value)
        seconds, fraction = match.groups()
        return checked_time_ns(int(seconds) * _NS + int((fraction or "").ljust(9, "0")))
    if value is None or not 0 < value < 10**15:
        raise RecordError(f"{value!r:.120}: not a time of a Zeek log")
    if value >= _MILLISECONDS_FROM:
        return checked_time_ns(int(value) * 1_000_000)
    if isinstance(value, int):
        return checked_time_ns(value * _NS)
    return checked_time_ns(round(value * 1_000_000) * 1_000)  # microseconds are all that Zeek writes


def _port(value: int | str | None) -> int | None:
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) <= 5 else None
    return value if value is not None and 0 < value <= _LARGEST_PORT else None


SOURCE = Source(
    title="Zeek conn.log",
    log_sources=("NSM:Flow",),
    cannot_see=(
        "The pod, container and process behind an address, traffic that stays on one node, and connections still open; "
        "where the sensor sits behind address translation, only the translated address."
    ),
    decode=decode,
    recognise=recognise,
    recognise_text=recognise_text,
    is_header=is_header,
)
