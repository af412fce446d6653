"""Turns answers of the kernel's audit netlink socket into whether it records executions and connections.

Sources: linux/audit.h (`audit_status`, `audit_rule_data`), netlink(7). Only questions are asked; nothing is changed.
"""

import os
import platform
import socket
import struct
import time

from tidewaiter.edge.host import Audit

_NETLINK_AUDIT = 9
_GET, _LIST_RULES = 1000, 1013
_ERROR, _DONE = 2, 3
_REQUEST, _ACK = 1, 4
_HEADER = struct.Struct("=IHHII")
_STATUS = struct.Struct("=8I")
"""mask, enabled, failure, pid, rate_limit, backlog_limit, lost, backlog."""
_RULE = struct.Struct("=3I")
"""flags, action, field_count; behind them 64 words of system calls."""
_EXIT_LIST, _ALWAYS = 4, 2
_MASK_WORDS = 64
_CALLS = {"x86_64": {"execve": 59, "connect": 42}, "aarch64": {"execve": 221, "connect": 203}}
_ANSWER_SECONDS = 1.0
_UNKNOWN = Audit(enabled=None, execve_rule=None, connect_rule=None, lost=None)


def ask_audit() -> Audit:
    """What the audit system does; all unknown where it may not be asked (CAP_AUDIT_CONTROL) or is not there."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_AUDIT) as netlink:
            netlink.settimeout(_ANSWER_SECONDS)
            status = _ask(netlink, _GET)
            rules = _ask(netlink, _LIST_RULES)
    except OSError:
        return _UNKNOWN
    return parse_audit(status, rules, platform.machine())


def parse_audit(status: list[bytes], rules: list[bytes] | None, machine: str) -> Audit:
    """Status and rules, as the kernel sends them, without their netlink headers; `rules` None: it refused."""
    if not status or len(status[0]) < _STATUS.size:
        return _UNKNOWN
    _, enabled, _, _, _, _, lost, _ = _STATUS.unpack_from(status[0])
    calls = _CALLS.get(machine)
    return Audit(
        enabled=enabled != 0,
        execve_rule=None if rules is None or calls is None else any(_records(rule, calls["execve"]) for rule in rules),
        connect_rule=None
        if rules is None or calls is None
        else any(_records(rule, calls["connect"]) for rule in rules),
        lost=lost,
    )


def _records(rule: bytes, call: int) -> bool:
    """Whether a rule always records a system call when it returns."""
    if len(rule) < _RULE.size + 4 * _MASK_WORDS:
        return False
    flags, action, _ = _RULE.unpack_from(rule)
    word = struct.unpack_from("=I", rule, _RULE.size + 4 * (call // 32))[0]
    return flags & 7 == _EXIT_LIST and action == _ALWAYS and bool(word >> call % 32 & 1)


def _ask(netlink: socket.socket, kind: int) -> list[bytes]:
    """The payloads of the kernel's answer to a question without arguments. Raises OSError."""
    sequence = kind
    netlink.sendto(_HEADER.pack(_HEADER.size, kind, _REQUEST | _ACK, sequence, 0), (0, 0))
    found: list[bytes] = []
    deadline_s = time.monotonic() + _ANSWER_SECONDS
    is_acknowledged = False
    while time.monotonic() < deadline_s:
        try:
            data = netlink.recv(65536)
        except TimeoutError:
            break
        size, told, _, number, _ = _HEADER.unpack_from(data)
        if number != sequence:
            continue
        payload = data[_HEADER.size : size]
        if told == _ERROR:
            fault = -struct.unpack_from("=i", payload)[0]
            if fault:
                raise OSError(fault, os.strerror(fault))
            is_acknowledged = True
            if kind == _GET and found:
                break
            continue
        if told == _DONE:
            break
        if told == kind:
            found.append(payload)
            if kind == _GET and is_acknowledged:
                break
    return found
