"""Turns the records of tidewaiter's own sensor (`watch`, or what it recorded) into executions, flows and blindness.

The shape is the project's own and stands in `_sensor_record.py`. Inside telemetry from elsewhere such a record is as
true as whoever can write into the stream.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

import msgspec

from tidewaiter.event import Blindness, Event, NetworkFlow, ProcessExec, Sight, Where
from tidewaiter.sources import RecordError, Skim, Source
from tidewaiter.sources._audit_fields import pid_or_none, uid_or_none
from tidewaiter.sources._fields import checked_time_ns, decode_json, ip_or_none
from tidewaiter.sources._sensor_record import ConditionRecord, ContainerNamed, ExecRecord, FlowRecord, SensorRecord

_SCHEMA = 1
_KINDS = ("sensor_exec", "sensor_flow", "sensor_condition")
_LARGEST_PORT = 65535
_LONGEST_NAME = 128

_Direction = Literal["egress", "ingress", "unknown"]
_DIRECTIONS: dict[str, _Direction] = {name: name for name in get_args(_Direction)}
_SIGHTS: dict[str, Sight] = {name: name for name in get_args(Sight)}
_DECODER: msgspec.json.Decoder[SensorRecord] = msgspec.json.Decoder(SensorRecord)


def decode(record: bytes, where: Where) -> Iterable[Event]:
    """One record to its event. Raises RecordError where it is of another shape, schema or time."""
    told = decode_json(_DECODER, record)
    if told.schema != _SCHEMA:
        raise RecordError(
            f"{told.schema!r:.40}: a schema of the sensor's records that is not known here ({_SCHEMA} is)"
        )
    time_ns = checked_time_ns(told.time_ns)
    if isinstance(told, ExecRecord):
        return (_exec(told, time_ns, where),)
    if isinstance(told, FlowRecord):
        return (_flow(told, time_ns, where),)
    return (_blindness(told, time_ns, where),)


def _exec(told: ExecRecord, time_ns: int, where: Where) -> ProcessExec:
    container_id, runtime, namespace = _container(told.container)
    return ProcessExec(
        time_ns=time_ns,
        cluster=where.cluster,
        node=where.node,
        where=where,
        container_id=container_id,
        runtime=runtime,
        runtime_namespace=namespace,
        exe=told.exe or None,
        args=tuple(told.args),
        cwd=told.cwd or None,
        pid=pid_or_none(told.pid),
        parent_pid=pid_or_none(told.parent_pid),
        parent_exe=told.parent_exe or None,
        uid=uid_or_none(told.uid),
        is_upper_layer=told.is_upper_layer,
    )


def _flow(told: FlowRecord, time_ns: int, where: Where) -> NetworkFlow:
    container_id, runtime, namespace = _container(told.container)
    dst_ip, src_ip = ip_or_none(told.dst_ip), ip_or_none(told.src_ip)
    direction = _DIRECTIONS.get(told.direction)
    if dst_ip is None or direction is None:
        raise RecordError(f"{told.dst_ip[:80]!r}, {told.direction[:20]!r}: no address and direction of a connection")
    port = told.dst_port
    return NetworkFlow(
        time_ns=time_ns,
        cluster=where.cluster,
        node=where.node,
        where=where,
        container_id=container_id,
        runtime=runtime,
        runtime_namespace=namespace,
        dst_ip=dst_ip,
        dst_port=port if port is not None and 0 < port <= _LARGEST_PORT else None,
        dst_name=told.dst_name or None,
        src_ip=src_ip,
        protocol=told.protocol.lower() or None,
        direction=direction,
        is_refused=told.is_refused,
        exe=told.exe or None,
        pid=pid_or_none(told.pid),
    )


def _blindness(told: ConditionRecord, time_ns: int, where: Where) -> Blindness:
    sight = _SIGHTS.get(told.sight)
    if sight is None:
        raise RecordError(f"{told.sight[:40]!r}: not one of {', '.join(_SIGHTS)}")
    return Blindness(
        time_ns=time_ns,
        cluster=where.cluster,
        node=where.node,
        where=where,
        collector=told.collector,
        sight=sight,
        why=told.why,
    )


def _container(named: ContainerNamed | None) -> tuple[str | None, str | None, str | None]:
    """(container_id, runtime, runtime_namespace). An id that somebody chose is known in its namespace only."""
    if named is None:
        return None, None, None
    if not 0 < len(named.id) <= _LONGEST_NAME:
        raise RecordError(f"{named.id[:80]!r}: not the id of a container")
    return named.id, named.runtime or None, named.namespace or None


def recognise(record: Mapping[str, Any]) -> bool:
    """Whether an object says of itself that it is one."""
    return record.get("kind") in _KINDS and "time_ns" in record


SOURCE = Source(
    title="tidewaiter's own sensor",
    log_sources=("auditd:SYSCALL", "NSM:Flow", "ebpf:syscalls"),
    cannot_see=(
        "The image of a container and who asked for it; what else, depends on how it was attached (`sensor` in each "
        "record): without BPF, arguments of processes that end at once, the process behind a connection, and names."
    ),
    decode=decode,
    prefixes=tuple(b'{"kind":"%b",' % kind.encode() for kind in _KINDS),
    recognise=recognise,
    rank=5,
    skim=Skim(
        prefixes=(b'{"kind":"sensor_exec",', b'{"kind":"sensor_flow",'),
        keys=(b'"container":{"id":',),
        guards=(b'"container"',),
    ),
)
