"""Turns Tetragon's JSON export (one event a line) into process executions and connections of containers.

Source: https://tetragon.io/docs/reference/grpc-api/ (`GetEventsResponse`, printed by protojson with proto names), and
for events before the open-source release (`process_connect`, `process_close`) the recordings of the report "Security
Observability with eBPF".

Rules
- `pod.container.id` (whole, copied from the pod's status) goes before `docker` (the first 15 to 31 characters, read
  from the cgroup). A process with neither is one of the host and gives no event.
- Tetragon drops argv[0] and joins the rest with blanks, putting quotation marks around arguments that hold a blank
  and escaping none inside. `split_arguments` undoes that as well as it can be undone; args[0] is the binary.
- Only functions that open a connection prove who opened it. Of a datagram or a socket already in use, the ports
  decide: from an ephemeral port to one below them is ours; anything else is not proven.
- `process_close` has the moment of the close: the connection itself began earlier.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypedDict

import msgspec

from tidewaiter.event import ContainerFacts, Event, ImageClaim, NetworkFlow, Pod, ProcessExec, Where
from tidewaiter.reference import reference_or_none
from tidewaiter.sources import RecordError, Skim, Source
from tidewaiter.sources._fields import decode_json, ip_or_none, parse_time_ns, split_container_id
from tidewaiter.sources._tetragon_record import (
    CONNECTING,
    KINDS,
    SENDING,
    Call,
    Connection,
    Exec,
    Process,
    Record,
    Socket,
    split_arguments,
)

_FIRST_EPHEMERAL_PORT = 32768  # net.ipv4.ip_local_port_range of an unchanged Linux
_REFUSALS = frozenset({-1, -13, -111})  # EPERM, EACCES, ECONNREFUSED; EINPROGRESS (-115) is none
_TCP_SYN_SENT = 2  # include/net/tcp_states.h
_LONGEST_IMAGE = 4096
_RUNTIME_CLONE = "_cloned:/proc/self/exe"
_DECODER = msgspec.json.Decoder(Record)


def decode(record: bytes, where: Where) -> Iterable[Event]:
    """One exported event to its events: none for exits, listeners, processes of the host and what is not read here.

    Raises RecordError where the bytes are no JSON object of Tetragon's types, or an event that counts has no time.
    """
    told = decode_json(_DECODER, record)
    if told.process_exec is not None:
        return _executed(told.process_exec, told, where)
    call = told.process_kprobe or told.process_lsm or told.process_tracepoint
    if call is not None:
        return _called(call, told, where)
    connection = told.process_connect or told.process_close
    if connection is not None:
        return _connected(connection, told, where)
    return ()


class _Setting(TypedDict):
    """What all events of one record share."""

    time_ns: int
    cluster: str
    node: str | None
    where: Where
    container_id: str | None
    container_id_prefix: str | None
    runtime: str | None
    pod: Pod | None
    image: ImageClaim | None


def _executed(told: Exec, record: Record, where: Where) -> tuple[Event, ...]:
    process, parent = told.process, told.parent
    if process is None:
        raise RecordError(f"process_exec at {record.time[:40]!r}: no process in it")
    if process.pod is None and not process.docker:
        return ()
    setting = _setting(process, record, where)
    executed = ProcessExec(
        **setting,
        native_id=process.exec_id or None,
        exe=process.binary or None,
        args=(process.binary, *split_arguments(process.arguments)) if process.binary else (),
        cwd=process.cwd or None,
        pid=process.pid,
        parent_pid=None if parent is None else parent.pid,
        parent_exe=None if parent is None else parent.binary or None,
        uid=process.uid,
        is_upper_layer=None if process.binary_properties is None else _is_unlinked(process),
    )
    container = None if process.pod is None else process.pod.container
    if container is None or container.security_context is None or not container.security_context.privileged:
        return (executed,)
    return (ContainerFacts(**setting, privileged=True), executed)


def _called(call: Call, record: Record, where: Where) -> tuple[Event, ...]:
    process = call.process
    is_connect = _is_connect(call)
    if process is None or (process.pod is None and not process.docker):
        return ()
    if not is_connect and call.function_name not in SENDING and not call.function_name.endswith("sys_sendto"):
        return ()
    dst_ip, dst_port, socket = _destination(call)
    if dst_ip is None:
        return ()
    is_ours = is_connect or _is_initiator(None if socket is None else socket.sport, dst_port)
    returned = None if call.returned is None else call.returned.int_arg
    flow = NetworkFlow(
        **_setting(process, record, where),
        dst_ip=dst_ip,
        dst_port=dst_port or None,
        src_ip=None if socket is None else ip_or_none(socket.saddr),
        protocol=None if socket is None else _protocol(socket.protocol),
        direction="egress" if is_ours else "unknown",
        is_initiator_proven=is_ours,
        is_refused=returned in _REFUSALS or call.action == "KPROBE_ACTION_OVERRIDE",
        exe=process.binary or None,
        pid=process.pid,
    )
    return (flow,)


def _is_connect(call: Call) -> bool:
    if call.function_name:
        return call.function_name in CONNECTING or call.function_name.endswith("sys_connect")
    if call.event == "sys_enter_connect":
        return True
    states = [argument.int_arg for argument in call.args if argument.int_arg is not None]
    return call.event == "inet_sock_set_state" and states[-1:] == [_TCP_SYN_SENT]


def _destination(call: Call) -> tuple[str | None, int | None, Socket | None]:
    for argument in call.args:  # where to, as the caller asked; the socket itself may not know it yet
        address = argument.sockaddr_arg
        if address is not None and (dst_ip := ip_or_none(address.addr)) is not None:
            return dst_ip, address.port, None
    for argument in call.args:
        socket = argument.sock_arg or argument.skb_arg
        if socket is not None and (dst_ip := ip_or_none(socket.daddr)) is not None:
            return dst_ip, socket.dport, socket
    return None, None, None


def _connected(told: Connection, record: Record, where: Where) -> tuple[Event, ...]:
    process = told.process
    dst_ip = ip_or_none(told.destination_ip)
    if process is None or (process.pod is None and not process.docker) or dst_ip is None:
        return ()
    is_ours = record.process_connect is not None or _is_initiator(told.source_port, told.destination_port)
    flow = NetworkFlow(
        **_setting(process, record, where),
        dst_ip=dst_ip,
        dst_port=told.destination_port or None,
        dst_name=told.destination_names[0] if told.destination_names else None,
        src_ip=ip_or_none(told.source_ip),
        protocol=_protocol(told.protocol),
        direction="egress" if is_ours else "unknown",
        is_initiator_proven=is_ours,
        exe=process.binary or None,
        pid=process.pid,
    )
    return (flow,)


def _setting(process: Process, record: Record, where: Where) -> _Setting:
    pod = process.pod
    container = None if pod is None else pod.container
    container_id, prefix, runtime = split_container_id("" if container is None else container.id)
    if container_id is None and prefix is None:
        container_id, prefix, _ = split_container_id(process.docker)
    told = None if container is None else container.image
    return {
        "time_ns": parse_time_ns(record.time),
        "cluster": record.cluster_name or where.cluster,
        "node": record.node_name or where.node,
        "where": where,
        "container_id": container_id,
        "container_id_prefix": prefix,
        "runtime": runtime,
        "pod": None
        if pod is None
        else Pod(
            namespace=pod.namespace or None,
            name=pod.name or None,
            uid=pod.uid or None,
            container_name=None if container is None else container.name or None,
            workload_kind=pod.workload_kind or None,
            workload=pod.workload or None,
        ),
        "image": None if told is None or len(told.id) + len(told.name) > _LONGEST_IMAGE else _image(told.id, told.name),
    }


@lru_cache(maxsize=8192)
def _image(image_id: str, name: str) -> ImageClaim | None:
    """`image.id` is the status field `imageID`: repository@digest, or the bare config digest; by runtime."""
    parsed = reference_or_none(image_id)
    digest = None if parsed is None else parsed.digest
    if digest is None and not name:
        return None
    is_bare = parsed is not None and parsed.registry is None
    return ImageClaim(
        reference=name or None,
        config_digest=digest if is_bare else None,
        repo_digest=None if is_bare else digest,
        repository=None if is_bare or parsed is None or digest is None else parsed.repository,
    )


def _is_unlinked(process: Process) -> bool | None:
    """True where the file has no name any more (memfd, shm, deleted): no layer of the image shows it.

    Tetragon tells this of unlinked files only. runc and crun start containers from such a copy of themselves.
    """
    properties = process.binary_properties
    inode = None if properties is None or properties.file is None else properties.file.inode
    if inode is None or inode.links != 0 or _RUNTIME_CLONE in process.binary:
        return None
    return True


def _is_initiator(src_port: int | None, dst_port: int | None) -> bool:
    return (not src_port or src_port >= _FIRST_EPHEMERAL_PORT) and (dst_port or 0) < _FIRST_EPHEMERAL_PORT


def _protocol(text: str) -> str | None:
    return text.removeprefix("IPPROTO_").lower() or None


def _recognise(record: Mapping[str, Any]) -> bool:
    if any(isinstance(record.get(kind), dict) for kind in KINDS):
        return True
    test = record.get("test")
    return isinstance(test, dict) and "arg0" in test and "node_name" in record


SOURCE = Source(
    title="Tetragon",
    log_sources=("auditd:SYSCALL", "NSM:Flow", "ebpf:syscalls"),
    cannot_see=(
        "argv[0] (args[0] is the binary), connections unless a tracing policy hooks them, how a connection ended, "
        "and, outside Kubernetes, the image and the whole container id."
    ),
    decode=decode,
    prefixes=tuple(b'{"%b":{' % kind.encode() for kind in KINDS if kind.startswith("process_")),
    recognise=_recognise,
    rank=20,
    skim=Skim(
        prefixes=(
            b'{"process_exec":{',
            b'{"process_exit":{',
            b'{"process_kprobe":{',
            b'{"process_tracepoint":{',
            b'{"process_lsm":{',
        ),
        # A pod without a container's id, or one written in another way, shows as a guard too many.
        keys=(b'"docker":', b'"container":{"id":', b'"container":{"id":'),
        guards=(b'"docker"', b'"container"', b'"pod"'),
        bare=True,
    ),
)
