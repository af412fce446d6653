"""Turns what the BPF programs send through the ring (bpf/event.h) into values; every record may be of any bytes."""

import socket
import struct
from functools import lru_cache
from typing import NamedTuple

import msgspec

KIND = struct.Struct("=I")
CGROUP, EXEC, FLOW, OUTCOME, ANSWER = 1, 2, 3, 4, 5
PLACE = slice(16, 32)
"""Where the place is: the ids of both cgroups, one key."""

_CGROUP = struct.Struct("=II8x16xII")
_EXEC = struct.Struct("=IIQ16x16sIIIIHHHH16s")
_FLOW = struct.Struct("=IIQ16xQIIHHBBH16s16s")
_OUTCOME = struct.Struct("=IIQ16xQII16s")
_ANSWER = struct.Struct("=IIQ16xII")

_IS_CUT = 1
_IS_RUNTIME = 2
_UPPER = (None, False, True)
_MAPPED = bytes(10) + b"\xff\xff"


class CgroupTold(NamedTuple):
    """Where a place is."""

    paths: tuple[str, str]
    """In version 2's hierarchy and in that of the pids controller."""
    is_cut: bool
    """More levels than the kernel program reads: the outer ones are missing."""


class ExecTold(NamedTuple):
    """A process image that was executed."""

    boot_ns: int
    parent_place: bytes
    pid: int
    parent_pid: int
    parent_exe: str | None
    parent_comm: str
    uid: int
    exe: str | None
    args: list[str]
    is_args_cut: bool
    is_upper_layer: bool | None
    may_be_runtime: bool
    """The parent is in another cgroup and in the same mount namespace."""


class FlowTold(msgspec.Struct, frozen=True, gc=False):
    """A connection or a datagram."""

    boot_ns: int
    socket: int
    pid: int
    netns: int
    port: int
    protocol: int
    stage: int
    to: str
    source: str | None
    exe: str | None


class OutcomeTold(NamedTuple):
    """What became of a flow."""

    boot_ns: int
    socket: int
    outcome: int
    source: str | None


class AnswerTold(NamedTuple):
    """A DNS message as it arrived."""

    boot_ns: int
    netns: int
    payload: bytes


def read_cgroup(record: bytes) -> CgroupTold:
    """Raises struct.error where the record is too short; so do the others."""
    _, flags, size, unified_size = _CGROUP.unpack_from(record)
    names = record[_CGROUP.size : _CGROUP.size + size]
    return CgroupTold((_path(names[:unified_size]), _path(names[unified_size:])), bool(flags & _IS_CUT))


def read_exec(record: bytes) -> ExecTold:
    """See read_cgroup."""
    (_, flags, boot_ns, parent_place, pid, parent_pid, uid, upper, _, args_size, exe_size, parent_size, comm) = (
        _EXEC.unpack_from(record)
    )
    args_end = _EXEC.size + args_size
    exe_end = args_end + exe_size
    args = record[_EXEC.size : args_end].decode("utf-8", "replace")
    return ExecTold(
        boot_ns,
        parent_place,
        pid,
        parent_pid,
        _path(record[exe_end : exe_end + parent_size]) or None,
        comm.partition(b"\0")[0].decode("utf-8", "replace"),
        uid,
        _path(record[args_end:exe_end]) or None,
        args.removesuffix("\0").split("\0") if args else [],
        bool(flags & _IS_CUT),
        _UPPER[upper] if upper < 3 else None,
        bool(flags & _IS_RUNTIME),
    )


def read_flow(record: bytes) -> FlowTold:
    """See read_cgroup."""
    _, _, boot_ns, cookie, pid, netns, port, exe_size, protocol, stage, _, to, source = _FLOW.unpack_from(record)
    exe = _path(record[_FLOW.size : _FLOW.size + exe_size])
    return FlowTold(
        boot_ns, cookie, pid, netns, port, protocol, stage, _destination(to), address_of(source), exe or None
    )


def read_outcome(record: bytes) -> OutcomeTold:
    """See read_cgroup."""
    _, _, boot_ns, cookie, outcome, _, source = _OUTCOME.unpack_from(record)
    return OutcomeTold(boot_ns, cookie, outcome, address_of(source))


def read_answer(record: bytes) -> AnswerTold:
    """See read_cgroup."""
    _, _, boot_ns, netns, size = _ANSWER.unpack_from(record)
    return AnswerTold(boot_ns, netns, record[_ANSWER.size : _ANSWER.size + size])


def address_of(raw: bytes) -> str | None:
    """16 bytes as an address, IPv4 where it is mapped into IPv6; None where none was chosen (all zero)."""
    if raw.startswith(_MAPPED):
        return socket.inet_ntop(socket.AF_INET, raw[12:]) if any(raw[12:]) else None
    return socket.inet_ntop(socket.AF_INET6, raw) if any(raw) else None


@lru_cache(maxsize=4096)
def _destination(raw: bytes) -> str:
    # Who connects to no address reaches the own machine.
    return address_of(raw) or ("127.0.0.1" if raw.startswith(_MAPPED) else "::1")


@lru_cache(maxsize=4096)
def _path(names: bytes) -> str:
    """Names, innermost first, each ended by a null byte -> a path; the root and nothing at all are empty."""
    parts = names.decode("utf-8", "replace").removesuffix("\0").split("\0")
    return "/" + "/".join(reversed(parts)) if names else ""
