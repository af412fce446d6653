"""Proves that what the kernel sends is read as bpf/event.h lays it out, and that no bytes do harm."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.edge import _bpf_events as events

PLACE = struct.pack("=QQ", 7, 8)
READERS = (events.read_cgroup, events.read_exec, events.read_flow, events.read_outcome, events.read_answer)


def exec_record(
    args: bytes, exe: bytes = b"true\0bin\0", parent: bytes = b"sh\0bin\0", flags: int = 0, comm: bytes = b"sh"
) -> bytes:
    """As the kernel sends it."""
    sizes = (len(args) + len(exe) + len(parent), len(args), len(exe), len(parent))
    head = struct.pack("=IIQ", events.EXEC, flags, 5) + PLACE
    return head + struct.pack("=QQIIIIHHHH16s", 1, 2, 10, 11, 12, 2, *sizes, comm) + args + exe + parent


def test_an_execution_is_read() -> None:
    """Every field in its place."""
    told = events.read_exec(exec_record(b"/bin/true\0\0x\0", flags=3))
    assert told == events.ExecTold(
        5, struct.pack("=QQ", 1, 2), 10, 11, "/bin/sh", "sh", 12, "/bin/true", ["/bin/true", "", "x"], True, True, True
    )


@pytest.mark.parametrize(
    ("args", "read"), [(b"", []), (b"\0", [""]), (b"a", ["a"]), (b"a\0\0", ["a", ""]), (b"\xff\0", ["�"])]
)
def test_arguments_are_ended_by_null_bytes(args: bytes, read: list[str]) -> None:
    """None at all, one that is empty, one that was cut off."""
    assert events.read_exec(exec_record(args)).args == read


def test_a_kernel_thread_as_parent_has_no_file() -> None:
    """An empty path is none."""
    assert events.read_exec(exec_record(b"a\0", parent=b"")).parent_exe is None


def test_addresses_are_read() -> None:
    """IPv4 in IPv6 is IPv4; what was not chosen is none, and as a destination the own machine."""
    mapped = bytes(10) + b"\xff\xff"
    head = struct.pack("=IIQ", events.FLOW, 0, 5) + PLACE
    for raw, text, source in (
        (mapped + bytes([192, 0, 2, 1]), "192.0.2.1", "192.0.2.1"),
        (bytes.fromhex("20010db8") + bytes(11) + b"\1", "2001:db8::1", "2001:db8::1"),
        (mapped + bytes(4), "127.0.0.1", None),
        (bytes(16), "::1", None),
    ):
        told = events.read_flow(head + struct.pack("=QIIHHBBH16s16s", 1, 2, 3, 443, 0, 6, 1, 0, raw, raw))
        assert (told.to, told.source, told.port, told.protocol, told.exe) == (text, source, 443, 6, None)


def test_cgroups_are_read_from_the_inside_out() -> None:
    """Both hierarchies; the root has no name."""
    names = b"b\0a\0" + b"d\0"
    head = struct.pack("=IIQ", events.CGROUP, 1, 5) + PLACE
    told = events.read_cgroup(head + struct.pack("=II", len(names), 4) + names)
    assert told == events.CgroupTold(("/a/b", "/d"), True)
    assert events.read_cgroup(head + struct.pack("=II", 0, 0)).paths == ("", "")


@given(st.binary(max_size=400), st.sampled_from(READERS))
def test_any_bytes_are_read_or_refused(record: bytes, read: object) -> None:
    """Nothing but struct.error, and nothing longer than what came."""
    assert callable(read)
    try:
        told = read(record)
    except struct.error:
        return
    assert len(repr(told)) < 40 * (len(record) + 20)
