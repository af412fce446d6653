"""Zeek conn.log: header lines, renamed columns, JSON, and who is known to have begun."""

import json
from pathlib import Path
from typing import Any

import pytest

from tidewaiter.event import Event, NetworkFlow, Where
from tidewaiter.sources import RecordError
from tidewaiter.sources.zeek_conn import SOURCE, decode, is_header, recognise, recognise_text

SAMPLES = Path(__file__).parents[1] / "samples" / "zeek_conn"
WHERE = Where("zeek_conn", "conn.log", 1, node="sensor")
HEADER = [
    "#separator \\x09",
    "#path\tconn",
    "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tconn_state\thistory",
]
ROW = ["1789996424.074027", "CHhAvVGS1DHFjwGM9", "10.0.0.5", "40000", "203.0.113.7", "443", "tcp", "SF", "ShADadFf"]


def decoded(record: bytes) -> list[Event]:
    """The events of one record."""
    return list(decode(record, WHERE))


def flow(*, header: list[str] | None = None, row: list[str] | None = None) -> NetworkFlow:
    """The flow of one row under header lines."""
    lines = [*(HEADER if header is None else header), "\t".join(ROW if row is None else row)]
    (event,) = decoded("\n".join(lines).encode())
    assert isinstance(event, NetworkFlow)
    return event


def json_flow(**fields: Any) -> NetworkFlow:
    """The flow of a JSON record with some fields changed."""
    record = (
        dict(zip(HEADER[2].split("\t")[1:], ROW, strict=True)) | {"ts": 1789996424.074027, "id.resp_p": 443} | fields
    )
    (event,) = decoded(json.dumps(record).encode())
    assert isinstance(event, NetworkFlow)
    return event


def table(path: Path, stamp: bytes | None = None) -> list[bytes]:
    """The records of a table: each row behind the header lines above it. `stamp` replaces blanked times."""
    headers, records = [], []
    for line in path.read_bytes().splitlines():
        if is_header(line):
            headers.append(line)
        elif recognise_text(line):
            row = line if stamp is None else line.replace(b"XXXXXXXXXX.XXXXXX", stamp)
            records.append(b"\n".join([*headers, row]))
    return records


def flows(path: Path, stamp: bytes | None = None) -> list[NetworkFlow]:
    """The flows of a table."""
    return [event for record in table(path, stamp) for event in decoded(record) if isinstance(event, NetworkFlow)]


def test_rows_under_their_header_are_flows_of_an_address() -> None:
    """Completed, unanswered, rejected and midstream connections, and a datagram that nobody answered."""
    found = flows(SAMPLES / "conn-tsv-6.0.in.log")
    assert [(f.dst_ip, f.dst_port, f.protocol, f.is_refused, f.is_initiator_proven) for f in found] == [
        ("203.0.113.7", 443, "tcp", False, True),
        ("203.0.113.8", 2375, "tcp", True, True),
        ("203.0.113.9", 22, "tcp", True, True),
        ("203.0.113.10", 50000, "tcp", False, False),
        ("2001:db8::53", 53, "udp", False, True),
        ("198.51.100.9", None, "icmp", False, False),
    ]
    first = found[0]
    assert (first.time_ns, first.src_ip, first.native_id) == (
        1_789_996_424_074_027_000,
        "10.244.1.249",
        "CHhAvVGS1DHFjwGM9",
    )
    assert (first.node, first.direction, first.pod, first.container_id) == (None, "egress", None, None)


def test_renamed_and_extended_columns_are_found_by_their_types() -> None:
    """`src`, `dst` and fields that a site put in front."""
    found = flows(SAMPLES / "conn-tsv-name-map-and-extension.in.log")
    assert [(f.src_ip, f.dst_ip, f.dst_port) for f in found] == [
        ("10.244.1.249", "203.0.113.7", 443),
        ("10.244.1.249", "203.0.113.8", 2375),
    ]
    assert found[0].time_ns == 1_789_996_424_074_027_000


def test_ambiguous_columns_are_not_guessed() -> None:
    """Two pairs of ends, or no types: rejected."""
    names = "#fields\tts\ta\tb\tc\td\te\tf\tg\th\ti\tj"
    types = "#types\ttime" + "\taddr\tport\taddr\tport\tenum" * 2
    row = ["1789996424.0"] + ["10.0.0.5", "1", "203.0.113.7", "2", "tcp"] * 2
    with pytest.raises(RecordError, match="two addresses"):
        flow(header=[names, types], row=row)
    with pytest.raises(RecordError, match="two addresses"):
        flow(header=[names], row=row)


def test_rows_of_other_logs_are_nothing() -> None:
    """dns.log has the same first columns; its header says what it is."""
    (record,) = table(SAMPLES / "dns-tsv.in.log")
    assert decoded(record) == []


def test_json_in_its_three_time_formats() -> None:
    """Seconds, ISO 8601 and milliseconds; dotted and flat names; midstream is not proven."""
    lines = (SAMPLES / "conn-json.in.jsonl").read_bytes().splitlines()
    assert all(recognise(json.loads(line)) for line in lines)
    found = [event for line in lines for event in decoded(line) if isinstance(event, NetworkFlow)]
    assert [f.time_ns for f in found] == [
        1_789_996_424_074_027_000,
        1_790_000_024_074_027_000,
        1_789_996_424_074_000_000,
    ]
    assert [(f.dst_ip, f.dst_port, f.is_refused, f.is_initiator_proven) for f in found] == [
        ("203.0.113.7", 443, False, True),
        ("203.0.113.8", 2375, True, True),
        ("203.0.113.9", 22, False, False),
    ]


@pytest.mark.parametrize(
    ("state", "history", "is_proven"),
    [
        ("SF", "ShADadFf", True),
        ("S1", "^ShAd", False),
        ("OTH", "Dd", False),
        ("RSTRH", "hr", False),
        ("RSTO", "ShR", True),
    ],
)
def test_guessed_directions_are_not_proven(state: str, history: str, is_proven: bool) -> None:
    """Midstream states, and connections that Zeek turned round."""
    assert flow(row=[*ROW[:7], state, history]).is_initiator_proven is is_proven


def test_unset_and_missing_states_are_not_proven() -> None:
    """`-` is no value; a log may be written without the column."""
    assert not flow(row=[*ROW[:7], "-", "-"]).is_initiator_proven
    assert not json_flow(conn_state=None).is_initiator_proven


def test_separator_and_marks_are_the_headers() -> None:
    """Another separator, another mark for no value; a later header replaces an earlier one."""
    header = [
        "#fields\tx\ty",
        "#separator \\x2c",
        "#unset_field,NIL",
        "#path,conn",
        "#fields," + HEADER[2][8:].replace("\t", ","),
    ]
    (event,) = decoded("\n".join([*header, ",".join([*ROW[:7], "NIL", "-"])]).encode())
    assert isinstance(event, NetworkFlow)
    assert not event.is_initiator_proven


def test_carriage_returns_are_dropped() -> None:
    """Files that went through Windows."""
    record = "\r\n".join([*HEADER, "\t".join(ROW)]) + "\r\n"
    (event,) = decoded(record.encode())
    assert isinstance(event, NetworkFlow)
    assert event.dst_port == 443


@pytest.mark.parametrize("port", [0, 65536, 10**30, "x", "٣", None])
def test_impossible_port_is_unknown(port: object) -> None:
    """Numbers and text of any kind."""
    assert json_flow(**{"id.resp_p": port}).dst_port is None


@pytest.mark.parametrize("ts", [None, 0, -5, 1e18, "XXXXXXXXXX.XXXXXX", "", 10**400])
def test_impossible_time_is_rejected(ts: object) -> None:
    """A flow without its moment is no evidence."""
    with pytest.raises(RecordError):
        json_flow(ts=ts)


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"#fields\tts\tuid",
        "\t".join(ROW).encode(),
        "\n".join([*HEADER, "\t".join(ROW[:5])]).encode(),
        "\n".join([*HEADER, "\t".join(ROW), "\t".join(ROW)]).encode(),
        "\n".join([*HEADER, "\t".join([*ROW[:2], "here", *ROW[3:]])]).encode(),
        b"{",
        b'{"ts":[]}',
        b'{"ts":1,"uid":"\xff"}',
        b"\x00\xff\xfe",
        b'{"ts":1,"x":' + b"[" * 100_000,
    ],
)
def test_rubbish_is_rejected(record: bytes) -> None:
    """No row, no header, missing columns, two rows, no addresses, broken JSON."""
    with pytest.raises(RecordError):
        decoded(record)


def test_recognised_by_columns_and_keys() -> None:
    """Rows by what stands in their first columns; JSON by a field that only conn has."""
    assert recognise_text("\t".join(ROW).encode())
    assert not recognise_text(b"1789996424.0 CHhAvVGS1DHFjwGM9 10.0.0.5")
    assert not recognise_text(b"a\tb\tc\td\te\tf\ttcp")
    assert not recognise_text(b"\t" * 5000)
    assert not recognise({"id.orig_h": "10.0.0.5", "id.resp_h": "203.0.113.7", "proto": "udp", "query": "a.example"})
    assert is_header(b"#fields\tts")
    assert not is_header(b"# a comment")


def test_public_tables_decode_once_they_have_times(shared: Path) -> None:
    """Zeek's own baselines blank the times: rejected as they are; with a time, every row is a flow."""
    folder = shared / "samples" / "zeek"
    for path in sorted(folder.iterdir()):
        records = table(path)
        assert len(records) >= 20
        for record in records:
            with pytest.raises(RecordError):
                decoded(record)
        assert len(flows(path, b"1789996424.074027")) == len(records)
    half = flows(folder / "scripts.base.protocols.ssh.half-duplex-server__conn.log", b"1.5")
    assert not any(found.is_initiator_proven for found in half)
    whole = flows(folder / "scripts.base.protocols.ssh.basic__conn.log", b"1.5")
    assert {22, 2200} <= {found.dst_port for found in whole}


def test_source_feeds_network_flow() -> None:
    """And says that an address is all it knows."""
    assert SOURCE.log_sources == ("NSM:Flow",)
    assert "pod" in SOURCE.cannot_see
