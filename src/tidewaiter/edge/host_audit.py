"""Turns answers of the kernel's audit netlink socket into whether it records executions and connections.

Sources: linux `include/uapi/linux/audit.h` (`audit_status`, `audit_rule_data`), `kernel/auditfilter.c`. Only questions
are asked; nothing is changed.
"""

import os
import platform
import struct
import time
from collections.abc import Sequence

from tidewaiter.edge.host import Audit
from tidewaiter.edge.netlink import HEADER, Netlink, messages

NETLINK_AUDIT = 9
_GET_STATUS, _LIST_RULES = 1000, 1013
_ERROR, _DONE = 2, 3
_REQUEST = 0x1
_REFUSAL = struct.Struct("=i")
_STATUS = struct.Struct("=8I")
"""mask, enabled, failure, pid, rate_limit, backlog_limit, lost, backlog."""
_RULE = struct.Struct("=III")
"""struct audit_rule_data: filter, action, number of fields; 64 words with a bit for each call, 64 with the fields."""
_WORDS = struct.Struct("=64I")
_FILTER_EXIT, _ALWAYS = 4, 2
_UNCONDITIONAL = frozenset({11, 104, 210})
"""Fields that leave nobody out: AUDIT_ARCH, AUDIT_SUCCESS, AUDIT_FILTERKEY."""
_GENERIC = (221, 203)
_CALLS = {
    **dict.fromkeys(("aarch64", "riscv64", "loongarch64"), _GENERIC),
    **dict.fromkeys(("ppc64le", "ppc64"), (11, 328)),
    "x86_64": (59, 42),
    "s390x": (11, 362),
}
"""Machine -> its numbers of execve and connect."""
_ANSWER_SECONDS = 2.0
_UNKNOWN = Audit(enabled=None, execve_rule=None, connect_rule=None, lost=None)


def ask_audit() -> Audit:
    """What the audit system does; all unknown where it may not be asked (CAP_AUDIT_CONTROL) or is not there."""
    try:
        return parse_audit(_ask(_GET_STATUS), _ask(_LIST_RULES), platform.machine())
    except OSError:
        return _UNKNOWN


def parse_audit(status: Sequence[bytes], rules: Sequence[bytes], machine: str) -> Audit:
    """Status and rules, as the kernel sends them, without their netlink headers."""
    if not status or len(status[0]) < _STATUS.size:
        return _UNKNOWN
    _, enabled, _, _, _, _, lost, _ = _STATUS.unpack_from(status[0])
    execve, connect = _CALLS.get(machine, (None, None))
    return Audit(
        enabled=enabled != 0,
        execve_rule=None if execve is None else any(records_all(rule, execve) for rule in rules),
        connect_rule=None if connect is None else any(records_all(rule, connect) for rule in rules),
        lost=lost,
    )


def records_all(rule: bytes, call: int) -> bool:
    """Whether a rule records the system call of this number whoever makes it: processes of containers have no login."""
    if len(rule) < _RULE.size + 2 * _WORDS.size:
        return False
    filter_, action, count = _RULE.unpack_from(rule)
    calls = _WORDS.unpack_from(rule, _RULE.size)
    fields = _WORDS.unpack_from(rule, _RULE.size + _WORDS.size)[:count]
    is_recorded = filter_ & 0xF == _FILTER_EXIT and action == _ALWAYS and calls[call // 32] >> call % 32 & 1
    return bool(is_recorded) and _UNCONDITIONAL.issuperset(fields)


def _ask(what: int) -> list[bytes]:
    """What the kernel answers to a question about audit. Raises OSError where it may not be asked."""
    answers: list[bytes] = []
    with Netlink(NETLINK_AUDIT, 0) as socket:
        socket.send(HEADER.pack(HEADER.size, what, _REQUEST, 1, 0))
        until = time.monotonic() + _ANSWER_SECONDS
        is_answered = False
        while time.monotonic() < until and not is_answered:
            for kind, _, body in messages(socket.receive() or b""):
                if kind == what:
                    answers.append(body)
                elif kind == _ERROR and (refusal := -_REFUSAL.unpack_from(body)[0]):
                    raise OSError(refusal, os.strerror(refusal))
                is_answered = kind == _DONE or (what == _GET_STATUS and bool(answers))
    return answers
