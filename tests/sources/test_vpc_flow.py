"""VPC flow logs: default and custom text, JSON, and flags that tell who began."""

import json
from pathlib import Path
from typing import Any

import pytest

from tidewaiter.event import Event, NetworkFlow, Where
from tidewaiter.sources import RecordError
from tidewaiter.sources.vpc_flow import SOURCE, decode, is_header, recognise, recognise_text

SAMPLES = Path(__file__).parents[1] / "samples" / "vpc_flow"
WHERE = Where("vpc_flow", "flow.log", 1, node="mine")
LINE = "2 123456789010 eni-0a1b2c3d4e5f60718 10.0.1.5 203.0.113.7 49152 443 6 10 840 1789996420 1789996480 ACCEPT OK"


def decoded(record: bytes | str) -> list[Event]:
    """The events of one record."""
    return list(decode(record.encode() if isinstance(record, str) else record, WHERE))


def flow(record: bytes | str) -> NetworkFlow:
    """The one flow of a record."""
    (event,) = decoded(record)
    assert isinstance(event, NetworkFlow)
    return event


def from_json(**fields: Any) -> NetworkFlow:
    """The flow of a JSON record with some fields changed."""
    record = {"srcaddr": "10.0.1.5", "dstaddr": "203.0.113.7", "dstport": 443, "protocol": 6, "start": 1789996420}
    return flow(json.dumps(record | {"action": "ACCEPT"} | fields))


def flows(name: str) -> list[NetworkFlow]:
    """The flows of a sample, its rows behind their header line."""
    header, found = b"", []
    for line in (SAMPLES / name).read_bytes().splitlines():
        if is_header(line):
            header = line + b"\n"
        else:
            found += [event for event in decoded(header + line) if isinstance(event, NetworkFlow)]
    return found


def test_default_format_is_known_without_a_header() -> None:
    """No flags: nobody is proven to have begun; REJECT is a refusal; windows without data are nothing."""
    found = flows("default-v2.in.log")
    assert [(f.src_ip, f.dst_ip, f.dst_port, f.protocol, f.is_refused) for f in found] == [
        ("10.0.1.5", "203.0.113.7", 443, "tcp", False),
        ("203.0.113.7", "10.0.1.5", 49152, "tcp", False),
        ("10.0.1.5", "203.0.113.8", 2375, "tcp", True),
        ("10.0.1.5", "198.51.100.9", None, "icmp", False),
    ]
    assert not any(f.is_initiator_proven or f.is_reply for f in found)
    assert (found[0].time_ns, found[0].node, found[0].direction) == (1_789_996_420_000_000_000, None, "egress")


def test_custom_format_follows_its_header() -> None:
    """The packet's own addresses win; SYN proves the source, SYN with ACK the answer; flags of UDP are none."""
    found = flows("custom-v5.in.log")
    assert [(f.src_ip, f.dst_ip, f.dst_port, f.is_initiator_proven, f.is_reply) for f in found] == [
        ("10.0.9.77", "203.0.113.7", 443, True, False),
        ("203.0.113.7", "10.0.9.77", 49152, False, True),
        ("2001:db8::5", "2001:db8::53", 53, False, False),
    ]


def test_json_in_both_spellings() -> None:
    """camelCase with a written time, snake_case with seconds."""
    first, second = flows("fields.in.jsonl")
    assert (first.time_ns, first.dst_port, first.is_initiator_proven) == (1_790_000_020_000_000_000, 443, False)
    assert (second.src_ip, second.is_refused, second.is_initiator_proven) == ("10.0.9.77", True, True)


@pytest.mark.parametrize(
    ("flags", "is_proven", "is_reply"),
    [
        (2, True, False),
        (3, True, False),
        (6, True, False),
        (18, False, True),
        (19, False, True),
        (0, False, False),
        (4, False, False),
    ],
)
def test_flags_tell_who_began(flags: int, is_proven: bool, is_reply: bool) -> None:
    """Flags are OR-ed over the window: SYN, SYN+FIN, SYN+RST from the source; SYN+ACK answers."""
    found = from_json(tcp_flags=flags)
    assert (found.is_initiator_proven, found.is_reply) == (is_proven, is_reply)


@pytest.mark.parametrize("status", ["NODATA", "SKIPDATA"])
def test_windows_without_data_are_nothing(status: str) -> None:
    """In text and in JSON."""
    assert decoded(f"2 123456789010 eni-0a1b - - - - - - - 1789996420 1789996480 - {status}") == []
    assert decoded(json.dumps({"log-status": status})) == []


@pytest.mark.parametrize("protocol", [2, 255, 10**30, "x", None])
def test_unknown_protocol_is_unknown(protocol: object) -> None:
    """Numbers without a name here, and no numbers."""
    assert from_json(protocol=protocol).protocol is None


def test_fields_of_odd_types_are_unknown() -> None:
    """Lists, objects, truth values and long text are passed over."""
    found = from_json(dstport=[443], tcp_flags={"a": 1}, action=True, x="y" * 10_000, **{"z" * 10_000: 1})
    assert (found.dst_port, found.is_refused, found.is_initiator_proven) == (None, False, False)


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"version account-id interface-id srcaddr dstaddr start",
        LINE.replace("2 ", "5 ", 1),
        LINE + " extra",
        "srcaddr dstaddr start action\n" + LINE,
        "srcaddr dstaddr action bytes\n10.0.1.5 203.0.113.7 ACCEPT 5",
        LINE.replace("203.0.113.7", "nowhere"),
        LINE.replace("1789996420", "999999999999"),
        LINE + "\n" + LINE,
        b"\x00\xff",
        b"{",
        b"{}",
        b'{"srcaddr":"10.0.1.5","dstaddr":"203.0.113.7"}',
        b'{"srcaddr":"\xff"}',
        b'{"x":' + b"[" * 100_000,
    ],
)
def test_rubbish_is_rejected(record: bytes | str) -> None:
    """Only a header, unknown columns, too many, no time, no addresses, two rows, broken JSON."""
    with pytest.raises(RecordError):
        decoded(record)


def test_recognised_by_words_and_keys() -> None:
    """Addresses with a verdict or an interface; never a sentence, a header or another log's row."""
    assert recognise_text(LINE.encode())
    assert recognise_text(b"10.0.1.5 203.0.113.7 6 ACCEPT")
    assert recognise_text(b"2 123456789010 eni-0a1b - - - - - - - 1789996420 1789996480 - NODATA")
    assert not recognise_text(b'203.0.113.7 - - "GET /v2/ HTTP/1.1" 200 ACCEPT')
    assert not recognise_text(b"12:34:56 12:34:57 started ACCEPT")
    assert not recognise_text(b"a " * 100_000)
    assert is_header(b"version account-id interface-id srcaddr dstaddr srcport")
    assert not is_header(b"all work and no play")
    assert recognise({"srcAddr": "a", "dstAddr": "b", "interfaceId": "c"})
    assert not recognise({"srcaddr": "a", "dstaddr": "b"})


def test_public_samples_are_recognised_and_have_no_time(shared: Path) -> None:
    """Detection test cases leave the start out: recognised, rejected; their OCSF twins are another producer's."""
    records = [
        json.loads(line)["log"]
        for path in sorted((shared / "samples" / "vpc_flow").iterdir())
        for line in path.read_bytes().splitlines()
    ]
    found = [record for record in records if recognise(record)]
    assert len(found) == 6
    assert all(record["p_log_type"] == "AWS.VPCFlow" for record in found)
    for record in found:
        with pytest.raises(RecordError, match="start"):
            decoded(json.dumps(record))
        assert flow(json.dumps(record | {"start": 1789996420})).dst_port == record["dstPort"]


def test_source_feeds_network_flow() -> None:
    """And says that the default format does not know who began."""
    assert "NSM:Flow" in SOURCE.log_sources
    assert "default format" in SOURCE.cannot_see
