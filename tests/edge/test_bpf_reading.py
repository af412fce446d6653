"""Proves which places count as containers, and what is counted as lost, on records made by hand."""

import os
import struct
import threading
from collections.abc import Sequence

import msgspec
from desks import SensorDesk
from hypothesis import given
from hypothesis import strategies as st
from test_bpf_events import exec_record

from tidewaiter.edge import _bpf_events as events
from tidewaiter.edge._bpf_reading import Reading
from tidewaiter.edge.dns_names import DnsNames
from tidewaiter.edge.libbpf import BpfObject
from tidewaiter.sources._sensor_record import ExecRecord

PLACE = struct.pack("=QQ", 7, 8)
PARENT = struct.pack("=QQ", 1, 2)
ID = "ab" * 32
CONTAINER, HOST = 2, 3


class Ring:
    """Gives what it was given."""

    fd = 0

    def __init__(self) -> None:
        self.records: list[bytes] = []

    def read(self, most: int) -> list[bytes]:
        """All of it."""
        records, self.records = self.records, []
        return records


class Kernel(BpfObject):
    """A kernel that was told of verdicts."""

    def __init__(self) -> None:
        self.made = Ring()
        self.verdicts: dict[bytes, int] = {}
        self.lost = 0

    def ring(self, name: str) -> Ring:  # type: ignore[override]
        return self.made

    def map_fd(self, name: str) -> int:
        return 0

    def put(self, map_fd: int, key: bytes, value: int) -> None:
        self.verdicts[key] = value

    def take_out(self, map_fd: int, key: bytes) -> None:
        del self.verdicts[key]

    def sum_over_cpus(self, map_fd: int) -> int:
        return self.lost


def told(*records: bytes, kernel: Kernel | None = None, standing: Sequence[str] = ()) -> tuple[SensorDesk, Kernel]:
    """What is handed in for records."""
    kernel, listener = kernel or Kernel(), SensorDesk()
    reading = Reading(listener, kernel, DnsNames(), standing)
    kernel.made.records = list(records)
    reading.take()
    return listener, kernel


def place(unified: str, pids: str, key: bytes = PLACE, flags: int = 0) -> bytes:
    """The kernel names a place."""
    names = [
        "".join(part + "\0" for part in reversed(path.split("/")[1:]) if part).encode() for path in (unified, pids)
    ]
    sizes = struct.pack("=II", len(names[0] + names[1]), len(names[0]))
    return struct.pack("=IIQ", events.CGROUP, flags, 5) + key + sizes + names[0] + names[1]


def execs(listener: SensorDesk) -> list[ExecRecord]:
    """The executions among what was handed in."""
    return [record for record in listener.records if isinstance(record, ExecRecord)]


def test_either_hierarchy_may_name_the_container() -> None:
    """Version 2 alone, version 1 alone, and both."""
    for unified, pids in (
        (f"/system.slice/docker-{ID}.scope", ""),
        ("/", f"/docker/{ID}"),
        (f"/docker/{ID}", f"/docker/{ID}"),
        ("/system.slice/docker.service", f"/kubepods/besteffort/pod1/{ID}"),
    ):
        listener, kernel = told(place(unified, pids), exec_record(b"a\0"))
        (record,) = execs(listener)
        assert record.container is not None
        assert record.container.id == ID
        assert kernel.verdicts == {PLACE: CONTAINER}


def test_nobody_passes_for_a_container_that_stands_elsewhere() -> None:
    """Who makes a cgroup with another container's name within its own stays who it is; inner ones are inner ones."""
    inner, elsewhere = "cd" * 32, struct.pack("=QQ", 3, 3)
    outer_place = place(f"/system.slice/docker-{ID}.scope", "", key=elsewhere)
    for path, is_known, told_id in (
        (f"/docker/{inner}/docker-{ID}.scope", True, inner),
        (f"/docker/{inner}/x/docker/{ID}/y", True, inner),
        (f"/docker/{inner}/docker-{ID}.scope/docker-{ID}.scope", True, inner),
        (f"/docker/{inner}/docker-{ID}.scope", False, ID),
        (f"/docker/{ID}/docker-{inner}.scope", True, inner),
        (f"/docker/{ID}/{ID}", True, ID),
    ):
        known = [outer_place] if is_known else []
        for heard, standing in (known, []), ([], [f"/system.slice/docker-{ID}.scope"] if is_known else []):
            listener, _ = told(*heard, place(path, ""), exec_record(b"a\0"), standing=standing)
            (record,) = execs(listener)
            assert record.container is not None
            assert record.container.id == told_id, path


def test_the_host_is_told_apart() -> None:
    """The kernel hears it; what came before it heard is no loss."""
    listener, kernel = told(place("/user.slice/session-1.scope", "/user.slice"), exec_record(b"a\0"))
    assert (listener.records, listener.lost["sensor"], kernel.verdicts) == ([], 0, {PLACE: HOST})


def test_what_is_too_deep_to_tell_is_no_host() -> None:
    """It is told without a container."""
    listener, kernel = told(place("/n" * 32, "", flags=1), exec_record(b"a\0"))
    assert [record.container for record in execs(listener)] == [None]
    assert kernel.verdicts == {PLACE: CONTAINER}


def test_losses_are_counted_once() -> None:
    """Records that are broken or of no known place, and what the kernel could not send."""
    kernel = Kernel()
    kernel.lost = 5
    listener, _ = told(b"", b"\2\0\0\0", exec_record(b"a\0"), kernel=kernel)
    assert listener.lost["sensor"] == 8
    listener, kernel = SensorDesk(), Kernel()
    reading = Reading(listener, kernel, DnsNames())
    for kernel.lost in (2, 2, 3):
        reading.take()
    assert listener.lost["sensor"] == 3


def test_places_are_bounded() -> None:
    """The oldest is forgotten here and in the kernel, which will name it again."""
    keys = [struct.pack("=QQ", number, 0) for number in range(32_769)]
    _, kernel = told(*(place("/x.slice", "", key) for key in keys))
    assert set(kernel.verdicts) == set(keys[1:])


def test_only_the_hosts_runtime_is_left_out() -> None:
    """Each condition alone is not enough."""
    host, container = place("/system.slice/docker.service", "", PARENT), place(f"/docker/{ID}", "", PARENT)
    init = b"runc\0init\0"
    for parent, args, flags, comm, left_out in (
        (host, init, 2, b"runc", True),
        (container, init, 2, b"runc", False),
        (None, init, 2, b"runc", False),
        (host, b"runc\0", 2, b"runc", False),
        (host, init, 0, b"runc", False),
        (host, init, 2, b"bash", False),
    ):
        records = [place(f"/docker/{ID}", ""), *([parent] if parent else [])]
        listener, _ = told(*records, exec_record(args, flags=flags, comm=comm))
        assert (execs(listener) == []) is left_out


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_any_bytes_are_read_or_counted(records: list[bytes]) -> None:
    """Nothing is raised, and nothing that can be encoded comes out broken."""
    listener, _ = told(place(f"/docker/{ID}", ""), *records)
    assert listener.lost["sensor"] <= len(records)
    assert msgspec.json.encode(listener.records)


def test_the_run_ends_when_the_desk_is_stopped() -> None:
    """And hands in what is still there."""
    listener, kernel = SensorDesk(), Kernel()
    kernel.made.records = [place(f"/docker/{ID}", ""), exec_record(b"a\0")]
    listener.stopped = threading.Event()
    listener.stopped.set()
    reading, writing = os.pipe()
    kernel.made.fd = reading
    Reading(listener, kernel, DnsNames()).follow()
    assert len(execs(listener)) == 1
    for fd in (reading, writing):
        os.close(fd)
