"""Turns the forks, changes and ends of processes into the container that each is in, when it may be gone already.

A child is where its parent was: that is known before it does anything, and needs nothing of a process that has ended.
Only processes in containers are kept; what comes from outside (a container's first process, an exec into it) has to be
looked at in /proc.
"""

from collections.abc import Iterable
from itertools import islice

import msgspec

from tidewaiter.edge import proc_files
from tidewaiter.sources._sensor_record import ContainerNamed

_CAP = 262_144
"""Processes kept; a host with more has more than its usual `pid_max`."""
_EVICTED_AT_ONCE = 1024
_DEEPEST = 32


class Process(msgspec.Struct, gc=False):
    """One process in a container."""

    container: ContainerNamed
    parent_pid: int | None = None
    parent_exe: str | None = None
    """Known where the parent is not in the tree."""
    uid: int | None = None
    exe: str | None = None


class ProcessTree:
    """The processes of containers by process id."""

    def __init__(self, cap: int = _CAP) -> None:
        self._processes: dict[int, Process] = {}
        self._cap = cap
        self.evicted = 0
        """Processes forgotten for want of room: the oldest, whose children are then looked at in /proc."""

    def __len__(self) -> int:
        return len(self._processes)

    def get(self, pid: int) -> Process | None:
        """The process, if it is known to be in a container."""
        return self._processes.get(pid)

    def fork(self, parent_pid: int, pid: int) -> None:
        """A process made another one. An id that is given out again is somebody new."""
        parent = self._processes.get(parent_pid)
        if parent is not None:
            self._keep(pid, Process(parent.container, parent_pid, uid=parent.uid, exe=parent.exe))
        elif pid in self._processes:
            del self._processes[pid]

    def end(self, pid: int) -> None:
        """A process ended."""
        self._processes.pop(pid, None)

    def change_user(self, pid: int, uid: int) -> None:
        """A process took another real user id."""
        process = self._processes.get(pid)
        if process is not None:
            process.uid = uid

    def look(self, pid: int, depth: int = 0) -> Process | None:
        """The process as /proc shows it now, or as its parent was known; None: in no container, or gone and not known.

        Of a process that is about to end the kernel shows the root of version 1's hierarchies, so that "in none" does
        not count against what is known. Nothing leaves a container otherwise.
        """
        process = self._processes.get(pid)
        try:
            container = proc_files.container_now(pid)
        except ProcessLookupError:
            return process
        if container is None:
            return process
        if process is not None:
            process.container = container
            return process
        origin = proc_files.origin(pid)
        process = Process(container, origin.parent_pid, origin.parent_exe, origin.uid)
        self._keep(pid, process)
        # Whoever joined the container without running anything in it has children there too.
        if origin.parent_pid and depth < _DEEPEST and origin.parent_pid not in self._processes:
            parent = self.look(origin.parent_pid, depth + 1)
            if parent is not None:
                parent.exe = origin.parent_exe
        return process

    def parent_exe(self, process: Process) -> str | None:
        """What the parent of a process runs, or ran when it made it."""
        parent = self._processes.get(process.parent_pid) if process.parent_pid is not None else None
        return parent.exe if parent is not None else process.parent_exe

    def rebuild(self, pids: Iterable[int], except_pid: int) -> None:
        """Begin anew with the processes that are there now: before the first event, or after some were lost."""
        self._processes = {}
        for pid in pids:
            process = self.look(pid) if pid != except_pid else None
            if process is None:
                continue
            process.exe = proc_files.command_line(pid).exe

    def containers(self) -> int:
        """How many containers have processes now."""
        return len({process.container.id for process in self._processes.values()})

    def _keep(self, pid: int, process: Process) -> None:
        if len(self._processes) >= self._cap:
            for oldest in list(islice(self._processes, min(_EVICTED_AT_ONCE, self._cap))):
                del self._processes[oldest]
                self.evicted += 1
        self._processes[pid] = process
