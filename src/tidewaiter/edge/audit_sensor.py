"""Turns the audit records that the kernel makes anyhow into records of what ran in containers: the last resort.

Rules
- It only listens (multicast group READLOG, beside auditd if there is one). Which calls are audited is for the rules of
  whoever runs the host: none is added or changed here.
- An audit record names no container. It is read from /proc/PID/cgroup of the process, else of its parent, else from
  what was known of the parent a moment ago.
- What the records say is read by the source `auditd`, like a recorded log.

Sources: linux `include/uapi/linux/audit.h`, `kernel/audit.c` (kauditd_send_multicast_skb).
"""

import os
import re
import time
from collections import OrderedDict

import msgspec

from tidewaiter.edge.collector import Condition, Desk, Observation
from tidewaiter.edge.host_audit import NETLINK_AUDIT, ask_audit
from tidewaiter.edge.netlink import HEADER, Netlink
from tidewaiter.edge.proc_files import container_now, exe_now
from tidewaiter.event import ProcessExec, Sight, Where
from tidewaiter.sources import RecordError
from tidewaiter.sources._sensor_record import ContainerNamed, ExecRecord
from tidewaiter.sources.auditd import decode

_GROUP_READLOG = 1
_NAMES = {1300: b"SYSCALL", 1307: b"CWD", 1309: b"EXECVE", 1327: b"PROCTITLE"}
_END_OF_EVENT = 1320
_STAMP = re.compile(rb"audit\(([0-9.]{1,22}:[0-9]{1,20})\):")
_MOST_EVENTS = 1024
"""Events that wait for their end at a time; the oldest is read as it is."""
_MOST_LINES = 256

_LOOK_SECONDS = 10.0

_MOST_PARENTS = 16384
_PARENT_NS = 5_000_000_000
"""How long a process that has ended is remembered as a parent: then its id may be somebody else's."""
_WHERE = Where("auditd", "kernel", 0)
_BLIND: tuple[Sight, ...] = ("execs", "names")
_ADD = "auditctl -a always,exit -F arch=b64 -S execve -S execveat"
_SEEN = (
    "executions in containers are seen through the kernel's audit records, as far as the host's audit rules go. Not "
    "seen without BPF: names of destinations, whether a file was written after the start, and the container of a "
    "process that ended at once together with its parent"
)
_ENCODER = msgspec.json.Encoder()


class AuditSensor:
    """A collector. Made for one run."""

    name = "sensor"

    def __init__(self) -> None:
        self.unattributed = 0
        """Executions whose process and parent were gone: in which container they were, if in any, is not known."""
        self._events: OrderedDict[bytes, list[bytes]] = OrderedDict()
        self._parents: OrderedDict[int, tuple[ContainerNamed | None, int]] = OrderedDict()
        self._own_pid = os.getpid()
        self._told: str | None = None
        self._next_look = 0.0

    def run(self, desk: Desk) -> None:
        """See `Collector`."""
        try:
            with Netlink(NETLINK_AUDIT, _GROUP_READLOG) as socket:
                for datagram in socket.follow(desk):
                    if time.monotonic() >= self._next_look:
                        self._look(desk)
                    if datagram is not None:
                        self.take(datagram, desk)
        except OSError as error:
            desk.tell(Condition(self.name, "off", _refused(error), _BLIND))

    def take(self, datagram: bytes, desk: Desk) -> None:
        """Take in one audit record of the kernel, as it came."""
        if len(datagram) < HEADER.size:
            return
        _, kind, *_ = HEADER.unpack_from(datagram)
        body = datagram[HEADER.size :].rstrip(b"\0\n")
        match = _STAMP.match(body)
        if match is None:
            return
        stamp = match.group(1)
        if kind == _END_OF_EVENT:
            self._tell_event(self._events.pop(stamp, []), desk)
        elif kind in _NAMES:
            lines = self._events.setdefault(stamp, [])
            if len(lines) < _MOST_LINES:
                lines.append(b"type=%b msg=%b" % (_NAMES[kind], body.replace(b"\n", b" ")))
            if len(self._events) > _MOST_EVENTS:
                self._tell_event(self._events.popitem(last=False)[1], desk)

    def _tell_event(self, lines: list[bytes], desk: Desk) -> None:
        if not lines:
            return
        try:
            told = list(decode(b"\n".join(lines), _WHERE))
        except RecordError:
            desk.lose("sensor", 1)
            return
        for event in told:
            if isinstance(event, ProcessExec) and event.pid is not None and event.pid != self._own_pid:
                self._tell_exec(event, event.pid, event.time_ns or 0, desk)

    def _tell_exec(self, event: ProcessExec, pid: int, time_ns: int, desk: Desk) -> None:
        container, is_known = self._container(pid, event.parent_pid, time_ns)
        if is_known and container is None:
            return  # the host's own
        if container is None:
            self.unattributed += 1
        record = ExecRecord(
            time_ns=time_ns,
            sensor="audit",
            container=container,
            pid=pid,
            parent_pid=event.parent_pid,
            parent_exe=exe_now(event.parent_pid) if event.parent_pid is not None else None,
            uid=event.uid,
            exe=event.exe,
            args=list(event.args),
            cwd=event.cwd,
        )
        desk.observe(Observation("sensor", "audit", _ENCODER.encode(record)))

    def _container(self, pid: int, parent_pid: int | None, time_ns: int) -> tuple[ContainerNamed | None, bool]:
        """The container of a process, and whether that is known."""
        container, is_known = _now(pid)
        if container is None and parent_pid is not None:
            # A process that is about to end may seem to be the host's: its parent is asked too.
            inherited, is_parent_known = _now(parent_pid)
            if inherited is None and not is_parent_known:
                inherited, until_ns = self._parents.get(parent_pid, (None, 0))
                is_parent_known = time_ns <= until_ns
                inherited = inherited if is_parent_known else None
            container, is_known = inherited, is_known or is_parent_known
        if is_known:
            self._parents[pid] = (container, time_ns + _PARENT_NS)
            self._parents.move_to_end(pid)
            if len(self._parents) > _MOST_PARENTS:
                self._parents.popitem(last=False)
        return container, is_known

    def _look(self, desk: Desk) -> None:
        self._next_look = time.monotonic() + _LOOK_SECONDS
        why = missing_rule()
        if self._told == (why or _SEEN):
            return
        self._told = why or _SEEN
        if why is None:
            desk.tell(Condition(self.name, "ready", _SEEN, ("names",)))
        else:
            desk.tell(Condition(self.name, "waiting", why, _BLIND))


def probe() -> str | None:
    """None where audit records can be listened to here, else one sentence: what is missing and how to mend it."""
    try:
        with Netlink(NETLINK_AUDIT, _GROUP_READLOG):
            return None
    except OSError as error:
        return _refused(error)


def missing_rule() -> str | None:
    """None where everybody's execve is audited (or that may not be asked), else one sentence with what to add."""
    audit = ask_audit()
    if audit.enabled is False:
        return f"executions are not seen: the kernel's audit is switched off. Switch it on: auditctl -e 1; {_ADD}"
    if audit.execve_rule is False:
        return (
            "executions are not seen, or not all: the kernel's audit records are listened to, but no audit rule "
            f"watches execve of everybody (processes of containers have no login user). Add one: {_ADD}"
        )
    return None


def _now(pid: int) -> tuple[ContainerNamed | None, bool]:
    try:
        return container_now(pid), True
    except ProcessLookupError:
        return None, False


def _refused(error: OSError) -> str:
    return (
        f"the kernel's audit records cannot be listened to: {error.strerror}. Run as root, or with CAP_AUDIT_READ, in "
        "the host's network and process namespaces, on a kernel with CONFIG_AUDIT"
    )
