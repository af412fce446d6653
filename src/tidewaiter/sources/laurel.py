"""Turns LAUREL's JSON lines, each one whole Linux audit event, into executions and flows.

Rules
- Strings stand percent-encoded inside the JSON: `%`, `+`, control characters and bytes that are no UTF-8 come as `%2b`.
- Numbers are JSON numbers where the audit record is decimal, else text: `"0xc000003e"`.
- The container is `SYSCALL.PID.container.id` (0.7 and later) or `CONTAINER_INFO.ID` (before; now off by default).
  Nowhere else: what a process can write (arguments, names, environment) is never looked at for it.

Sources: https://github.com/threathunters-io/laurel `json-format.md`, `man/laurel-about.7.md`, `man/laurel.8.md`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from tidewaiter.event import Event, ProcessExec, Where
from tidewaiter.sources import RecordError, Skim, Source
from tidewaiter.sources._audit_fields import (
    Kind,
    SystemCall,
    enriched_address,
    exit_or_none,
    network_flow,
    pid_or_none,
    socket_address,
    stamp_time_ns,
    syscall_kind,
    uid_or_none,
)
from tidewaiter.sources._fields import decode_json, split_container_id

_ID = re.compile(r"[0-9]{1,12}\.[0-9]{3}:[0-9]{1,20}\Z")
_NOTHING = msgspec.Raw(b"")
_LARGEST_WORD = 2**64
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,16}\Z")

Number = int | str | None
Scalar = int | float | str | bool | None


class _Container(msgspec.Struct, gc=False):
    id: str | None = None


class _ContainerInfo(msgspec.Struct, gc=False):
    id: str | None = msgspec.field(default=None, name="ID")


class _Process(msgspec.Struct, gc=False):
    """`PID`: what LAUREL knows of the process itself (`EVENT_ID`, `container`, `systemd_service`)."""

    container: msgspec.Raw = _NOTHING


class _Relative(msgspec.Struct, gc=False):
    """`PPID` (before 0.7, or with `ppid-verbose`), `SPAWNED_BY` or `PARENT_INFO`: another process."""

    exe: str | None = None
    pid: Number = None


class _Syscall(msgspec.Struct, gc=False):
    arch: Number = None
    syscall: Number = None
    success: str | None = None
    exit: Number = None
    ppid: Number = None
    pid: Number = None
    uid: Number = None
    exe: str | None = None
    name: str | None = msgspec.field(default=None, name="SYSCALL")
    argv: msgspec.Raw = msgspec.field(default=_NOTHING, name="ARGV")
    """The call's registers a0 to a3, as hexadecimal text; only a `socketcall` needs them."""
    process: _Process | None = msgspec.field(default=None, name="PID")
    parent: _Relative | None = msgspec.field(default=None, name="PPID")
    spawned_by: _Relative | None = msgspec.field(default=None, name="SPAWNED_BY")


class _Execve(msgspec.Struct, gc=False):
    argv: list[Scalar] | None = msgspec.field(default=None, name="ARGV")
    argv_str: str | None = msgspec.field(default=None, name="ARGV_STR")


class _Cwd(msgspec.Struct, gc=False):
    cwd: str | None = None


class _Sockaddr(msgspec.Struct, gc=False):
    saddr: str | None = None
    enriched: str | dict[str, Scalar] | None = msgspec.field(default=None, name="SADDR")


class _Record(msgspec.Struct, gc=False):
    id: str = msgspec.field(name="ID")
    node: str | None = msgspec.field(default=None, name="NODE")
    syscall: _Syscall | None = msgspec.field(default=None, name="SYSCALL")
    execve: _Execve | None = msgspec.field(default=None, name="EXECVE")
    proctitle: _Execve | None = msgspec.field(default=None, name="PROCTITLE")
    cwd: _Cwd | None = msgspec.field(default=None, name="CWD")
    sockaddr: list[_Sockaddr] | None = msgspec.field(default=None, name="SOCKADDR")
    container_info: msgspec.Raw = msgspec.field(default=_NOTHING, name="CONTAINER_INFO")
    parent_info: _Relative | None = msgspec.field(default=None, name="PARENT_INFO")


_DECODER = msgspec.json.Decoder(_Record)
_CONTAINER = msgspec.json.Decoder(_Container)
_CONTAINER_INFO = msgspec.json.Decoder(_ContainerInfo)
_REGISTERS = msgspec.json.Decoder(list[Scalar])

_AUDIT_ID = re.compile(rb'\{"ID":"[0-9]{9,11}\.[0-9]{3}:')


def recognise(record: Mapping[str, Any]) -> bool:
    """Whether an object is an audit event as LAUREL writes it: its `ID` is an audit stamp."""
    stamp = record.get("ID")
    return isinstance(stamp, str) and _ID.match(stamp) is not None


def decode(record: bytes, where: Where) -> Iterator[Event]:
    """One line of LAUREL's log. Raises RecordError where it is no audit event."""
    event = decode_json(_DECODER, record)
    time_ns = stamp_time_ns(event.id)
    said = event.syscall
    kind = _kind(said) if said is not None else None
    if said is None or kind is None:
        return iter(())
    call = SystemCall(
        kind=kind,
        is_success=said.success == "yes",
        exit_code=exit_or_none(said.exit),
        pid=pid_or_none(said.pid),
        parent_pid=pid_or_none(said.ppid),
        uid=uid_or_none(said.uid),
        exe=_plain(said.exe),
    )
    node = _plain(event.node) or where.node
    if kind != "exec":
        address = _address(event.sockaddr or [])
        flow = address and network_flow(
            call, address, time_ns=time_ns, node=node, where=where, native_id=event.id, container_id=_container(event)
        )
        return iter((flow,) if flow else ())
    if not call.is_success:
        return iter(())
    return iter(
        (
            ProcessExec(
                time_ns=time_ns,
                cluster=where.cluster,
                node=node,
                where=where,
                native_id=event.id,
                container_id=_container(event),
                exe=call.exe,
                args=_arguments(event),
                cwd=_plain(event.cwd.cwd) if event.cwd is not None else None,
                pid=call.pid,
                parent_pid=call.parent_pid,
                parent_exe=_parent_exe(event, said),
                uid=call.uid,
            ),
        )
    )


def _kind(said: _Syscall) -> Kind | None:
    number = said.syscall if isinstance(said.syscall, int) else pid_or_none(said.syscall)
    kind = syscall_kind(_hexadecimal(said.arch), number, said.name, None)
    if kind is None and bytes(said.argv):
        registers = decode_json(_REGISTERS, bytes(said.argv))
        first = _hexadecimal(registers[0]) if registers else None
        kind = syscall_kind(_hexadecimal(said.arch), number, said.name, first)
    return kind


def _container(event: _Record) -> str | None:
    """The container's id. An object that names its id twice is refused: which one holds, readers do not agree."""
    process = event.syscall.process if event.syscall is not None else None
    raw = bytes(process.container) if process is not None else b""
    if raw and raw != b"null":
        if raw.count(b'"id"') > 1:
            raise RecordError(f"{raw[:120]!r}: SYSCALL.PID.container has more than one id")
        return split_container_id(decode_json(_CONTAINER, raw).id)[0]
    raw = bytes(event.container_info)
    if raw and raw != b"null":
        if raw.count(b'"ID"') > 1:
            raise RecordError(f"{raw[:120]!r}: CONTAINER_INFO has more than one ID")
        return split_container_id(decode_json(_CONTAINER_INFO, raw).id)[0]
    return None


def _arguments(event: _Record) -> tuple[str, ...]:
    """argv; split on blanks where LAUREL is set to write only one string (`execve-argv = ["string"]`)."""
    for source in (event.execve, event.proctitle):
        if source is not None and source.argv is not None:
            return tuple([_word(word) for word in source.argv])
        if source is not None and source.argv_str is not None:
            return tuple([_word(word) for word in source.argv_str.split(" ")])
    return ()


def _parent_exe(event: _Record, said: _Syscall) -> str | None:
    spawner = said.spawned_by
    if spawner is not None and spawner.pid is not None and spawner.pid != said.ppid:
        spawner = None  # the same process before its execve, not the parent
    for relative in (said.parent, spawner, event.parent_info):
        if relative is not None and relative.exe is not None:
            return _plain(relative.exe)
    return None


def _address(addresses: list[_Sockaddr]) -> tuple[str, int] | None:
    for entry in addresses:
        raw = socket_address(unquote_to_bytes(entry.saddr)) if entry.saddr is not None else None
        address = raw or (enriched_address(entry.enriched) if entry.enriched is not None else None)
        if address is not None:
            return address
    return None


def _hexadecimal(value: object) -> int | None:
    if isinstance(value, str):
        return int(value, 16) if _HEXADECIMAL.match(value) else None
    return value if isinstance(value, int) else None


def _word(word: Scalar) -> str:
    if isinstance(word, str):
        return unquote_to_bytes(word).decode("utf-8", "replace") if "%" in word else word
    return str(word) if isinstance(word, int) and abs(word) < _LARGEST_WORD else ""


def _plain(text: str | None) -> str | None:
    return _word(text) if text is not None else None


SOURCE = Source(
    title="LAUREL (Linux audit as JSON)",
    log_sources=("auditd:SYSCALL",),
    cannot_see=(
        "The image; the container of a process that ended before LAUREL read its cgroup and whose parent it did not "
        "know; the inner one of nested containers (it names the outermost); container names if `enrich.prefix` is set."
    ),
    decode=decode,
    recognise=recognise,
    # Podman's events open in the same way. The keys hold an object, which no label of a podman event can: its
    # attributes are plain strings, so the skim is true for them too (no key, or a guard without its key: parse).
    # Podman's events open with {"ID":" too, but a number of audit's form goes on like no container id.
    openings=((b'{"ID":"', lambda record: _AUDIT_ID.match(record) is not None),),
    skim=Skim(
        prefixes=(b'{"ID":"',),
        keys=(b'"container":{"id":', b'"CONTAINER_INFO":{"ID":'),
        guards=(b'"container"', b'"CONTAINER_INFO"'),
    ),
)
