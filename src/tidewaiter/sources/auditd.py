"""Turns the raw records of one Linux audit event (auditd, audisp, ausearch --raw) into executions and flows.

Rules
- One event is several lines that share `msg=audit(SECONDS.MILLISECONDS:SERIAL)`; the reader hands them over together,
  in any order, perhaps not all of them. What the event did stands in SYSCALL; without that line there is no event.
- A value in quotes is as written; a value without them is hex where it comes from a process (file names, arguments).
- With `log_format=ENRICHED` auditd appends translations in capitals after a group separator (0x1d), which log shippers
  drop: `key="x"ARCH=x86_64 SYSCALL=execve`.

Sources: audit-userspace `specs/fields/field-dictionary.csv`, `specs/messages/message-dictionary.csv`
(https://github.com/linux-audit/audit-documentation); linux `kernel/auditsc.c` (audit_log_execve_info,
audit_log_proctitle).
"""

import re
from collections.abc import Iterator

from tidewaiter.event import Event, ProcessExec, Where
from tidewaiter.sources import RecordError, Source
from tidewaiter.sources._audit_fields import (
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

_HEAD = re.compile(
    rb"(?:node=(\S{1,255}) )?(?:audit: )?type=([A-Z0-9_\[\]]{1,40}) (?:msg=)?(audit\(([0-9.]{1,22}:[0-9]{1,20})\)):"
)
_NUMBERED = {b"1300": b"SYSCALL", b"1306": b"SOCKADDR", b"1307": b"CWD", b"1309": b"EXECVE", b"1327": b"PROCTITLE"}
"""Types as the kernel prints them when no audit daemon listens (linux `include/uapi/linux/audit.h`)."""
_FIELD = re.compile(rb'(?<![^\s"()])([A-Za-z][A-Za-z0-9_-]*)=("[^"]*"|\([^)\s]*\)|[^\s"]*)')
_ARGUMENT = re.compile(rb'(?:^|\s)a([0-9]{1,6})(?:\[([0-9]{1,6})\])?=("[^"]*"|\S*)')
_SADDR = re.compile(rb"\bsaddr=([0-9A-Fa-f]+)")
_SADDR_ENRICHED = re.compile(rb"SADDR=\{([^}]*)\}")
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2})+\Z")
_SEPARATOR = b"\x1d"


def join_key(line: bytes) -> bytes | None:
    """The identity that the lines of one event share, with the node where lines carry one; None for another line."""
    match = _HEAD.match(line)
    if match is None:
        return None
    node, _, identity, _ = match.groups()
    return identity if node is None else b"node=" + node + b" " + identity


def recognise_text(line: bytes) -> bool:
    """Whether a line is an audit record."""
    return _HEAD.match(line) is not None


def decode(record: bytes, where: Where) -> Iterator[Event]:
    """The lines of one audit event, joined by newlines. Raises RecordError where no line is an audit record."""
    stamp: bytes | None = None
    node: bytes | None = None
    bodies: dict[bytes, list[bytes]] = {}
    for line in record.split(b"\n"):
        match = _HEAD.match(line)
        if match is None:
            continue
        kind = match.group(2)
        if stamp is None:
            node, stamp = match.group(1), match.group(4)
        elif match.group(4) != stamp:
            raise RecordError(f"{line[:120]!r}: a line of another event than {stamp.decode()!r}")
        bodies.setdefault(_NUMBERED.get(kind, kind), []).append(line[match.end() :])
    if stamp is None:
        raise RecordError(f"{record[:120]!r}: no line of an audit event")
    return _events(stamp.decode(), bodies, where.node if node is None else _text(node), where)


def _events(stamp: str, bodies: dict[bytes, list[bytes]], node: str | None, where: Where) -> Iterator[Event]:
    time_ns = stamp_time_ns(stamp)
    call = _system_call(bodies.get(b"SYSCALL", [b""])[0])
    if call is None:
        return iter(())
    if call.kind != "exec":
        address = _address(bodies.get(b"SOCKADDR", []))
        flow = address and network_flow(call, address, time_ns=time_ns, node=node, where=where, native_id=stamp)
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
                native_id=stamp,
                exe=call.exe,
                args=_arguments(bodies.get(b"EXECVE", [])) or _title(bodies.get(b"PROCTITLE", [])),
                cwd=_directory(bodies.get(b"CWD", [])),
                pid=call.pid,
                parent_pid=call.parent_pid,
                uid=call.uid,
            ),
        )
    )


def _system_call(body: bytes) -> SystemCall | None:
    fields: dict[bytes, bytes] = {}
    for match in _FIELD.finditer(body.replace(_SEPARATOR, b" ")):
        fields.setdefault(match.group(1), match.group(2))
    kind = syscall_kind(
        _hexadecimal(fields.get(b"arch")),
        pid_or_none(_text(fields.get(b"syscall", b""))),
        _text(fields[b"SYSCALL"]) if b"SYSCALL" in fields else None,
        _hexadecimal(fields.get(b"a0")),
    )
    if kind is None:
        return None
    return SystemCall(
        kind=kind,
        is_success=fields.get(b"success") == b"yes",
        exit_code=exit_or_none(_text(fields.get(b"exit", b""))),
        pid=pid_or_none(_text(fields.get(b"pid", b""))),
        parent_pid=pid_or_none(_text(fields.get(b"ppid", b""))),
        uid=uid_or_none(_text(fields.get(b"uid", b""))),
        exe=_text(_untrusted(fields.get(b"exe", b""))) or None,
    )


def _address(bodies: list[bytes]) -> tuple[str, int] | None:
    for body in bodies:
        raw = _SADDR.search(body)
        address = socket_address(_untrusted(raw.group(1))) if raw else None
        if address is None:
            enriched = _SADDR_ENRICHED.search(body)
            address = enriched_address(_text(enriched.group(1))) if enriched else None
        if address is not None:
            return address
    return None


def _arguments(bodies: list[bytes]) -> tuple[str, ...]:
    """argv from `a0=.. a1=..`, over as many EXECVE lines as the kernel needed.

    An argument too long for one line comes as `a1_len=16384 a1[0]=.. a1[1]=..`.
    """
    pieces: dict[tuple[int, int], bytes] = {}
    for body in bodies:
        for match in _ARGUMENT.finditer(body.partition(_SEPARATOR)[0]):
            index, piece, value = match.groups()
            pieces.setdefault((int(index), int(piece or 0)), _untrusted(value))
    arguments: dict[int, list[bytes]] = {}
    for (number, _), value in sorted(pieces.items()):
        arguments.setdefault(number, []).append(value)
    return tuple(_text(b"".join(values)) for values in arguments.values())


def _title(bodies: list[bytes]) -> tuple[str, ...]:
    """argv from PROCTITLE, which the kernel cuts at 128 bytes: its last argument may be short, others missing."""
    for body in bodies:
        _, found, value = body.partition(_SEPARATOR)[0].partition(b"proctitle=")
        title = _untrusted(value.strip()) if found else b""
        if title:
            return tuple(_text(part) for part in title.removesuffix(b"\0").split(b"\0"))
    return ()


def _directory(bodies: list[bytes]) -> str | None:
    for body in bodies:
        _, found, value = body.partition(_SEPARATOR)[0].partition(b"cwd=")
        if found:
            return _text(_untrusted(value.strip())) or None
    return None


def _untrusted(value: bytes) -> bytes:
    """What a process wrote: in quotes if harmless, else in hex (linux `audit_log_n_untrustedstring`)."""
    if len(value) >= 2 and value[:1] == value[-1:] == b'"':
        return value[1:-1]
    if _HEX.match(value):
        return bytes.fromhex(value.decode("ascii"))
    return b"" if value == b"(null)" else value


def _hexadecimal(value: bytes | None) -> int | None:
    return int(value, 16) if value and len(value) <= 16 and all(c in b"0123456789abcdefABCDEF" for c in value) else None


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


SOURCE = Source(
    title="Linux audit daemon (auditd, raw records)",
    log_sources=("auditd:SYSCALL",),
    cannot_see=(
        "The container and the image: only pid, parent pid and node, to be joined with a container's first process; "
        "nor the protocol of a connection, nor anything a rule does not watch, nor what is sent through io_uring."
    ),
    decode=decode,
    recognise_text=recognise_text,
    join_key=join_key,
)
