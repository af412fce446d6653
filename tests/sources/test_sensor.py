"""The records of tidewaiter's own sensor: each kind, containers with ids and with names, and what is refused."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.event import Blindness, ContainerEvent, Event, NetworkFlow, ProcessExec, Where
from tidewaiter.sources import RecordError
from tidewaiter.sources._sensor_record import ConditionRecord, ContainerNamed, ExecRecord, FlowRecord, SensorRecord
from tidewaiter.sources.sensor import SOURCE, decode, recognise

WHERE = Where("sensor", "kernel", 1, cluster="prod", node="host1")
NOW = 1_789_996_424_074_027_776
ID = "4c01db0b339c" + "77aa" * 13
DOCKER = ContainerNamed(ID, "docker")


def decoded(record: SensorRecord | dict[str, Any] | bytes) -> Event:
    """The one event of one record."""
    (event,) = decode(record if isinstance(record, bytes) else msgspec.json.encode(record), WHERE)
    return event


def exec_of(**fields: Any) -> ProcessExec:
    """The execution that a record with these fields tells of."""
    whole: dict[str, Any] = {"time_ns": NOW, "sensor": "bpf", "container": DOCKER, "pid": 7}
    event = decoded(ExecRecord(**whole | fields))
    assert isinstance(event, ProcessExec)
    return event


def flow_of(**fields: Any) -> NetworkFlow:
    """The flow that a record with these fields tells of."""
    told: dict[str, Any] = {"time_ns": NOW, "sensor": "bpf", "container": DOCKER, "protocol": "tcp"}
    event = decoded(FlowRecord(**told | {"dst_ip": "203.0.113.7", "dst_port": 443} | fields))
    assert isinstance(event, NetworkFlow)
    return event


def test_an_execution_says_what_its_record_says() -> None:
    """Place, container, process; what the record does not have is unknown."""
    event = exec_of(
        parent_pid=6, parent_exe="/bin/sh", uid=0, exe="/bin/nc", args=["nc", "-l"], cwd="/", is_upper_layer=True
    )
    assert (event.cluster, event.node, event.where, event.time_ns) == ("prod", "host1", WHERE, NOW)
    assert (event.container_id, event.container_id_prefix, event.runtime, event.runtime_namespace) == (
        ID,
        None,
        "docker",
        None,
    )
    assert (event.pid, event.parent_pid, event.parent_exe, event.uid) == (7, 6, "/bin/sh", 0)
    assert (event.exe, event.args, event.cwd, event.is_upper_layer) == ("/bin/nc", ("nc", "-l"), "/", True)
    bare = exec_of(container=None)
    assert (bare.container_id, bare.exe, bare.args, bare.uid, bare.is_upper_layer) == (None, None, (), None, None)


def test_a_chosen_name_comes_with_its_namespace() -> None:
    """Whatever it looks like: `ctr` lets people choose hex too."""
    for name in ("c1", "abcdef012345", "deadbeef" * 4):
        event = exec_of(container=ContainerNamed(name, "containerd", "tenant"))
        assert (event.container_id, event.container_id_prefix) == (name, None)
        assert (event.runtime, event.runtime_namespace) == ("containerd", "tenant")


def test_a_file_without_a_name_is_drift_whatever_it_calls_itself() -> None:
    """The sensor leaves out the runtime's own clone by what it is; a memfd can be called anything."""
    for name in ("memfd:runc_cloned:/proc/self/exe", "memfd:x"):
        assert exec_of(exe=name, is_upper_layer=True).is_upper_layer is True


def test_a_flow_says_what_its_record_says() -> None:
    """With a container, or with an address only."""
    event = flow_of(dst_name="pool.example.com", is_refused=True, exe="/bin/nc", pid=7)
    assert (event.container_id, event.dst_ip, event.dst_port) == (ID, "203.0.113.7", 443)
    assert (event.dst_name, event.protocol, event.direction) == ("pool.example.com", "tcp", "egress")
    assert (event.is_refused, event.exe, event.pid, event.src_ip, event.node) == (True, "/bin/nc", 7, None, "host1")
    event = flow_of(container=None, src_ip="172.17.0.2", dst_ip="::FFFF:203.0.113.7", dst_port=None, protocol="ICMP")
    assert (event.container_id, event.src_ip, event.dst_ip) == (None, "172.17.0.2", "203.0.113.7")
    assert (event.dst_port, event.protocol) == (None, "icmp")


def test_blindness_begins_and_ends() -> None:
    """With the reason, and without."""
    for why in ("no BPF", None):
        event = decoded(ConditionRecord(time_ns=NOW, collector="sensor", sight="names", why=why))
        assert event == Blindness(
            time_ns=NOW, cluster="prod", node="host1", where=WHERE, collector="sensor", sight="names", why=why
        )


@pytest.mark.parametrize(
    "changed",
    [
        {"schema": 2},
        {"time_ns": 0},
        {"time_ns": 10**40},
        {"time_ns": "now"},
        {"container": {"id": ""}},
        {"container": {"id": "c" * 129}},
        {"container": {}},
        {"dst_ip": "example.com"},
        {"dst_ip": None},
        {"direction": "down"},
        {"kind": "sensor_other"},
        {"kind": None},
    ],
)
def test_a_record_of_another_form_is_refused(changed: dict[str, Any]) -> None:
    """Schema, time, container, address, direction, kind."""
    whole = json.loads(
        msgspec.json.encode(
            FlowRecord(time_ns=NOW, sensor="bpf", container=DOCKER, protocol="tcp", dst_ip="203.0.113.7", dst_port=1)
        )
    )
    with pytest.raises(RecordError):
        decoded(json.dumps(whole | changed).encode())


def test_an_unknown_sight_is_refused() -> None:
    """What is not seen must be one of the things an alert can miss."""
    with pytest.raises(RecordError, match="images"):
        decoded(ConditionRecord(time_ns=NOW, collector="sensor", sight="smells", why=None))


def test_impossible_numbers_are_unknown() -> None:
    """The record stays."""
    assert exec_of(pid=0, parent_pid=-1, uid=2**32 - 1).pid is None
    assert exec_of(uid=2**32 - 1).uid is None
    assert {flow_of(dst_port=port).dst_port for port in (0, -1, 65536, 10**30, None)} == {None}


@pytest.mark.parametrize("record", [b"", b"{", b"[]", b"null", b'{"kind":"sensor_exec"}', b"\xff", b"[" * 100_000])
def test_rubbish_is_refused(record: bytes) -> None:
    """Whatever the bytes are."""
    with pytest.raises(RecordError):
        decoded(record)


def test_recognised_by_its_kind() -> None:
    """In any order of its members; never by the word alone."""
    assert recognise({"time_ns": 1, "kind": "sensor_flow"})
    assert not recognise({"kind": "sensor_flow"})
    assert not recognise({"kind": ["sensor_flow"], "time_ns": 1})
    assert not recognise({"kind": "image_facts", "time_ns": 1})


SAMPLE = msgspec.json.encode(
    ExecRecord(time_ns=NOW, sensor="bpf", container=DOCKER, pid=7, args=['"container":{"id":"x"}'])
)


@pytest.mark.property
@given(st.integers(0, len(SAMPLE)), st.integers(0, 30), st.binary(max_size=12))
def test_no_bytes_escape_as_anything_but_a_record_error(start: int, length: int, piece: bytes) -> None:
    """A record with a piece replaced decodes, or is refused."""
    try:
        decoded(SAMPLE[:start] + piece + SAMPLE[start + length :])
    except RecordError:
        return


@pytest.mark.property
@given(
    st.sampled_from([ID, "9e" * 32, "c1"]) | st.text(min_size=1, max_size=40),
    st.lists(st.sampled_from(['"container":{"id":"', "container", '\\"', "é"]) | st.text(max_size=9), max_size=4),
    st.booleans(),
)
def test_the_skim_lists_the_container_that_a_decode_names(name: str, args: list[str], is_flow: bool) -> None:
    """Arguments and names cannot hide a record's own container, nor add to it."""
    skim = SOURCE.skim
    assert skim is not None
    container = ContainerNamed(name)
    record = msgspec.json.encode(
        FlowRecord(
            time_ns=NOW, sensor="bpf", container=container, protocol="tcp", dst_ip="::1", dst_port=1, exe="".join(args)
        )
        if is_flow
        else ExecRecord(time_ns=NOW, sensor="bpf", container=container, pid=7, args=args)
    )
    assert record.startswith(skim.prefixes)
    assert record.count(skim.keys[0]) == 1
    assert record.count(skim.guards[0]) >= 1  # where more, the record is read
    event = decoded(record)
    assert isinstance(event, ContainerEvent)
    listed = record.partition(skim.keys[0])[2]
    assert listed.startswith(msgspec.json.encode(event.container_id))
