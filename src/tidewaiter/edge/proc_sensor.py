"""Turns the kernel's process events (netlink proc connector) into records of what ran in containers: without BPF.

Rules
- The container is inherited along a fork tree, and read from /proc/PID/cgroup where the process is still there.
- The kernel tells only that a process ran something. What it ran is read from /proc: nothing of one that ended at once.
- A runtime's process that becomes a container's makes a session, threads, and takes a user, before it runs anything
  there: its cgroup is looked at then.

Source: linux `include/uapi/linux/cn_proc.h`, `include/uapi/linux/connector.h`, `drivers/connector/cn_proc.c`.
"""

import os
import struct
import threading
import time
from contextlib import suppress

import msgspec

from tidewaiter.edge.collector import Condition, Desk, Observation
from tidewaiter.edge.netlink import HEADER, Netlink, Overflow
from tidewaiter.edge.proc_files import NOTHING, command_line, process_ids
from tidewaiter.edge.process_tree import ProcessTree
from tidewaiter.event import Sight
from tidewaiter.sources._sensor_record import ExecRecord

_NETLINK_CONNECTOR = 11
_CN_IDX_PROC = _CN_VAL_PROC = 1
_NLMSG_DONE = 3
_LISTEN, _IGNORE = 1, 2
_REQUEST = struct.Struct("=IIIIHHI")
"""struct cn_msg (idx, val, seq, ack, length, flags), and what is asked for."""
_ANSWER_SECONDS = 1.0

_HEAD = struct.Struct("=IIQ")
"""struct proc_event: what happened, on which CPU, nanoseconds since boot."""
_AT = HEADER.size + 20
_PIDS = struct.Struct("=II")
_FORK_IDS = struct.Struct("=IIII")
_USER = struct.Struct("=IIII")
_NONE, _FORK, _EXEC, _UID, _SID, _EXIT = 0x0, 0x1, 0x2, 0x4, 0x80, 0x80000000

_NICE = -10
"""Read at once, a process that ends at once is mostly still there: 99 % of `/bin/true` here, against 55 %."""
_MOST_ARRIVING = 1024
_RESCAN_SECONDS = 1.0
_CLOCK_SECONDS = 10.0
_TELL_SECONDS = 60.0
_BLIND: tuple[Sight, ...] = ("execs", "names")
_ENCODER = msgspec.json.Encoder()
_NOT_SEEN = (
    "Not seen without BPF: the arguments and path of processes that end at once, names of destinations, and whether a "
    "file was written after the start"
)


class ProcSensor:
    """A collector. Made for one run."""

    name = "sensor"

    def __init__(self) -> None:
        self.tree = ProcessTree()
        self.seen = 0
        """Executions in containers."""
        self.without_arguments = 0
        """Of these, those that had ended before they could be asked what they ran."""
        self._own_pid = os.getpid()
        self._offset_ns = 0
        self._arriving: dict[int, None] = {}
        self._is_stale = False
        self._next_rescan = self._next_clock = self._next_word = 0.0
        self._told_without = 0

    def run(self, desk: Desk) -> None:
        """See `Collector`."""
        try:
            with Netlink(_NETLINK_CONNECTOR, _CN_IDX_PROC) as socket:
                why = _ask(socket)
                if why is not None:
                    desk.tell(Condition(self.name, "off", why, _BLIND))
                    return
                try:
                    self._listen(socket, desk)
                finally:
                    socket.send(_message(_IGNORE))
        except OSError as error:
            desk.tell(Condition(self.name, "off", _refused(error), _BLIND))

    def _listen(self, socket: Netlink, desk: Desk) -> None:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)  # of this thread alone
        self.tree.rebuild(process_ids(), self._own_pid)
        self._tell(desk)
        while not desk.stopped.is_set():
            try:
                datagram = socket.receive()
            except Overflow as overflow:
                desk.lose("sensor", overflow.dropped)
                self._is_stale = True
                continue
            now = time.monotonic()
            if datagram is not None:
                self.take(datagram, desk, now)
            if self._is_stale and now >= self._next_rescan:
                # Forks were lost: what is there now is looked at; what was gone in between stays unknown.
                self._is_stale = False
                self.tree.rebuild(process_ids(), self._own_pid)
                self._next_rescan = time.monotonic() + _RESCAN_SECONDS
            if self.without_arguments != self._told_without and now >= self._next_word:
                self._tell(desk)
                self._next_word = now + _TELL_SECONDS
        self._tell(desk)

    def take(self, datagram: bytes, desk: Desk, now: float) -> None:
        """Take in one message of the kernel, as it came, at a monotonic time in seconds."""
        try:
            what, _, since_boot_ns = _HEAD.unpack_from(datagram, _AT)
            if what == _FORK:
                _, parent, pid, process = _FORK_IDS.unpack_from(datagram, _AT + _HEAD.size)
                if pid == process:
                    self.tree.fork(parent, process)
                elif process in self._arriving:
                    self._meet(process)
            elif what == _EXEC:
                _, process = _PIDS.unpack_from(datagram, _AT + _HEAD.size)
                self._exec(process, since_boot_ns, desk, now)
            elif what == _EXIT:
                pid, process = _PIDS.unpack_from(datagram, _AT + _HEAD.size)
                if pid == process:
                    self.tree.end(process)
                    self._arriving.pop(process, None)
            elif what == _UID:
                _, process, uid, _ = _USER.unpack_from(datagram, _AT + _HEAD.size)
                self._meet(process)
                self.tree.change_user(process, uid)
            elif what == _SID:
                _, process = _PIDS.unpack_from(datagram, _AT + _HEAD.size)
                self._meet(process)
        except struct.error:
            return  # of a kernel whose events are shorter: nothing can be told from them

    def _meet(self, pid: int) -> None:
        """A process may be on its way into a container: runtimes move it after it has begun."""
        if self.tree.get(pid) is not None:
            return
        if self.tree.look(pid) is not None:
            self._arriving.pop(pid, None)
        else:
            self._arriving[pid] = None
            if len(self._arriving) > _MOST_ARRIVING:
                del self._arriving[next(iter(self._arriving))]

    def _exec(self, pid: int, since_boot_ns: int, desk: Desk, now: float) -> None:
        if pid == self._own_pid:
            return
        told = NOTHING
        if self.tree.get(pid) is not None:
            told = command_line(pid)  # first, since it may end at any moment, and its container is known anyhow
        process = self.tree.look(pid)
        if process is None:
            return
        if told is NOTHING:
            told = command_line(pid)
        self.seen += 1
        if not told.args:
            self.without_arguments += 1
        process.exe = told.exe
        record = ExecRecord(
            time_ns=self._time_ns(since_boot_ns, now),
            sensor="proc",
            container=process.container,
            pid=pid,
            parent_pid=process.parent_pid,
            parent_exe=self.tree.parent_exe(process),
            uid=process.uid,
            exe=told.exe,
            args=told.args,
            is_args_cut=told.is_args_cut,
            cwd=told.cwd,
            is_upper_layer=told.is_upper_layer,
        )
        desk.observe(Observation("sensor", "kernel", _ENCODER.encode(record)))

    def _time_ns(self, since_boot_ns: int, now: float) -> int:
        if now >= self._next_clock:
            self._offset_ns = time.time_ns() - time.monotonic_ns()
            self._next_clock = now + _CLOCK_SECONDS
        return since_boot_ns + self._offset_ns

    def _tell(self, desk: Desk) -> None:
        self._told_without = self.without_arguments
        what = (
            "processes of containers are seen through the kernel's process events (netlink proc connector), "
            f"{len(self.tree)} in {self.tree.containers()} containers now. {_NOT_SEEN}"
        )
        if self.without_arguments:
            what += f" (so far {self.without_arguments} of {self.seen} executions without arguments)"
        desk.tell(Condition(self.name, "ready", what, ("names",)))


def probe() -> str | None:
    """None where process events can be had here, else one sentence: what is missing and how to mend it."""
    try:
        with Netlink(_NETLINK_CONNECTOR, _CN_IDX_PROC) as socket:
            why = _ask(socket)
            socket.send(_message(_IGNORE))
            return why
    except OSError as error:
        return _refused(error)


def _refused(error: OSError) -> str:
    return (
        f"the kernel's process events (netlink proc connector) cannot be read: {error.strerror}. Run as root, or with "
        "CAP_NET_ADMIN, in the host's network and process namespaces"
    )


def _ask(socket: Netlink) -> str | None:
    """Ask for events. None if the kernel says that it will send them, else why not."""
    socket.send(_message(_LISTEN))
    until = time.monotonic() + _ANSWER_SECONDS
    while time.monotonic() < until:
        try:
            datagram = socket.receive()
        except Overflow:
            return None  # events come faster than they are read: they come
        if datagram is None or len(datagram) < _AT + _HEAD.size + 4:
            continue
        (what,) = struct.unpack_from("=I", datagram, _AT)
        if what != _NONE:
            return None
        (refusal,) = struct.unpack_from("=I", datagram, _AT + _HEAD.size)
        if refusal == 0:
            return None
        return (
            f"the kernel refuses its process events (netlink proc connector): {os.strerror(refusal)}. Run as root, or "
            "with CAP_NET_ADMIN"
        )
    return (
        "the kernel does not answer for its process events (netlink proc connector). It needs CONFIG_PROC_EVENTS, and "
        "tidewaiter the host's process namespace (a container: --pid=host --net=host)"
    )


def _message(operation: int) -> bytes:
    body = _REQUEST.pack(_CN_IDX_PROC, _CN_VAL_PROC, 0, 0, 4, 0, operation)
    return HEADER.pack(HEADER.size + len(body), _NLMSG_DONE, 0, 0, 0) + body
