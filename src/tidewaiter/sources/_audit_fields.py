"""Turns what raw audit records and LAUREL's JSON share (stamps, system calls, socket addresses) into checked values.

Sources: linux `include/uapi/linux/audit.h` (AUDIT_ARCH_*), `arch/*/syscall*.tbl`, `net/socket.c` (socketcall);
audit-userspace `auparse/interpret.c` (SADDR).
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from tidewaiter.event import NetworkFlow, Where
from tidewaiter.sources import RecordError
from tidewaiter.sources._fields import checked_time_ns, ip_or_none

Kind = Literal["exec", "connect", "send"]
"""What a system call did, as far as behaviour goes: ran a program, opened a connection, sent one datagram."""

_STAMP = re.compile(r"([0-9]{1,12})\.([0-9]{1,9}):[0-9]{1,20}\Z")
_ENRICHED = re.compile(r"\bl?addr=([0-9A-Fa-f.:]{2,45})\s+l?port=([0-9]{1,5})\b")
_NS = 1_000_000_000
_LARGEST_ID = 0xFFFFFFFE
"""(uid_t) -1 is "unset", and so no user."""
_LARGEST_PORT = 65535
_LARGEST_PID = 2**31 - 1

_AF_INET = 2
_AF_INET6 = 10
_INET_BYTES = 8
_INET6_BYTES = 24

_KINDS: dict[str, Kind] = {
    "execve": "exec",
    "execveat": "exec",
    "connect": "connect",
    "sendto": "send",
    "sendmsg": "send",
    "sendmmsg": "send",
}
_SOCKETCALL = "socketcall"
_SOCKETCALLS: dict[int, Kind] = {3: "connect", 11: "send", 16: "send", 20: "send"}

_GENERIC = {221: "execve", 281: "execveat", 203: "connect", 206: "sendto", 211: "sendmsg", 269: "sendmmsg"}
_POWERPC = {
    11: "execve",
    362: "execveat",
    328: "connect",
    335: "sendto",
    341: "sendmsg",
    349: "sendmmsg",
    102: _SOCKETCALL,
}
_X32 = 0x40000000
"""Set in the number of an x32 call, which the kernel reports under x86_64: another door to the same calls."""
_CALLS: dict[int, dict[int, str]] = {
    0xC000003E: {  # x86_64
        59: "execve",
        322: "execveat",
        42: "connect",
        44: "sendto",
        46: "sendmsg",
        307: "sendmmsg",
        _X32 | 520: "execve",
        _X32 | 545: "execveat",
        _X32 | 42: "connect",
        _X32 | 44: "sendto",
        _X32 | 518: "sendmsg",
        _X32 | 538: "sendmmsg",
    },
    0x40000003: {  # i386
        11: "execve",
        358: "execveat",
        362: "connect",
        369: "sendto",
        370: "sendmsg",
        345: "sendmmsg",
        102: _SOCKETCALL,
    },
    0xC00000B7: _GENERIC,  # aarch64
    0xC00000F3: _GENERIC,  # riscv64
    0xC0000102: _GENERIC,  # loongarch64
    0x40000028: {  # arm
        11: "execve",
        387: "execveat",
        283: "connect",
        290: "sendto",
        296: "sendmsg",
        374: "sendmmsg",
        102: _SOCKETCALL,
    },
    0xC0000015: _POWERPC,  # ppc64le
    0x80000015: _POWERPC,  # ppc64
    0x80000016: {  # s390x
        11: "execve",
        354: "execveat",
        362: "connect",
        369: "sendto",
        370: "sendmsg",
        358: "sendmmsg",
        102: _SOCKETCALL,
    },
}
_UNDECIDED = frozenset({-115, -114, -106, -11, -4, -512, -513, -514})
"""Exits of a failed call that say nothing about refusal: EINPROGRESS, EALREADY, EISCONN, EAGAIN, EINTR, ERESTART*."""


class SystemCall(msgspec.Struct, frozen=True, kw_only=True):
    """What the SYSCALL record of one audit event says."""

    kind: Kind
    is_success: bool
    exit_code: int | None = None
    """The call's return value: 0 or more, or a negated errno."""
    pid: int | None = None
    parent_pid: int | None = None
    uid: int | None = None
    exe: str | None = None


def stamp_time_ns(stamp: str) -> int:
    """The time of an audit stamp `SECONDS.MILLISECONDS:SERIAL` in nanoseconds. Raises RecordError for another form."""
    match = _STAMP.match(stamp)
    if match is None:
        raise RecordError(f"{stamp[:120]!r}: not an audit stamp SECONDS.MILLISECONDS:SERIAL")
    seconds, fraction = match.groups()
    return checked_time_ns(int(seconds) * _NS + int(fraction.ljust(9, "0")))


def syscall_kind(arch: int | None, number: int | None, name: str | None, first_argument: int | None) -> Kind | None:
    """What the call did, from its number on `arch`, else from the name that an enriched record gives.

    `first_argument` (a0) tells which call a `socketcall` is. None for every call that is no behaviour.
    """
    calls = _CALLS.get(arch) if arch is not None else None
    if calls is not None and number is not None:
        name = calls.get(number)
    if name is None:
        return None
    if name == _SOCKETCALL:
        return _SOCKETCALLS.get(first_argument) if first_argument is not None else None
    return _KINDS.get(name)


def pid_or_none(value: object) -> int | None:
    """A process id, from a number or its decimal text; None for anything that cannot be one."""
    return _number(value, _LARGEST_PID) or None


def uid_or_none(value: object) -> int | None:
    """A user id, from a number or its decimal text; None for anything that cannot be one, and for `unset`."""
    return _number(value, _LARGEST_ID)


def exit_or_none(value: object) -> int | None:
    """A call's return value, from a number or its decimal text; None for anything else."""
    if isinstance(value, str) and value.startswith("-"):
        number = _number(value[1:], 2**63)
        return None if number is None else -number
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return _number(value, 2**63)


def _number(value: object, largest: int) -> int | None:
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit() and len(value) <= 20):
            return None
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= largest else None


def socket_address(saddr: bytes) -> tuple[str, int] | None:
    """(address, port) of a `struct sockaddr` for IPv4 or IPv6; None for every other family and for a cut one.

    The family is in the machine's byte order, so both orders are read; port and address are in network order.
    """
    family = saddr[0] | saddr[1] if len(saddr) >= _INET_BYTES and 0 in saddr[:2] else 0
    port = int.from_bytes(saddr[2:4], "big")
    if family == _AF_INET:
        return str(ipaddress.IPv4Address(saddr[4:8])), port
    if family == _AF_INET6 and len(saddr) >= _INET6_BYTES:
        address = ipaddress.IPv6Address(saddr[8:24])
        return str(address.ipv4_mapped or address), port
    return None


def enriched_address(saddr: str | Mapping[str, object]) -> tuple[str, int] | None:
    """(address, port) of an enriched SADDR: auditd's `saddr_fam=inet laddr=192.0.2.1 lport=443`, or LAUREL's object."""
    if isinstance(saddr, str):
        match = _ENRICHED.search(saddr)
        if match is None:
            return None
        text, port = match.group(1), _number(match.group(2), _LARGEST_PORT)
    else:
        found = saddr.get("addr", saddr.get("laddr"))
        text = found if isinstance(found, str) else ""
        port = _number(saddr.get("port", saddr.get("lport")), _LARGEST_PORT)
    address = ip_or_none(text)
    return None if address is None or port is None else (address, port)


def network_flow(
    call: SystemCall,
    address: tuple[str, int],
    *,
    time_ns: int,
    node: str | None,
    where: Where,
    native_id: str,
    container_id: str | None = None,
) -> NetworkFlow | None:
    """The flow that a connect or a send to `address` began; None where the call reached out to nobody.

    An audit event does not name the protocol. A connect to port 0 is how resolvers ask for a route (RFC 6724): no
    packet leaves. A send with an address is a datagram, to port 0 a raw one; a server answers its clients the same
    way, so who began is not proven.
    """
    ip, port = address
    is_send = call.kind == "send"
    if port == 0 and not is_send:
        return None
    return NetworkFlow(
        time_ns=time_ns,
        cluster=where.cluster,
        node=node,
        where=where,
        native_id=native_id,
        container_id=container_id,
        dst_ip=ip,
        dst_port=port or None,
        protocol="udp" if is_send and port else None,
        is_initiator_proven=not is_send,
        is_refused=not call.is_success and call.exit_code is not None and call.exit_code not in _UNDECIDED,
        exe=call.exe,
        pid=call.pid,
    )
