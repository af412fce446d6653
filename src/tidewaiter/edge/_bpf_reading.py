"""Turns the records in the kernel's ring into records of executions and flows, and says which places are containers.

The kernel names each place (a pair of cgroups) once, before anything that happens there. We answer whether it is a
container; of what is none the kernel says nothing more, so that the host's own processes cost nothing.
"""

import select
import struct
import time
from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from tidewaiter.edge import _bpf_events as events
from tidewaiter.edge._bpf_flows import Flows
from tidewaiter.edge.boot_clock import BootClock
from tidewaiter.edge.cgroups import container_of
from tidewaiter.edge.collector import Desk, Observation
from tidewaiter.edge.dns_names import DnsNames
from tidewaiter.edge.libbpf import BpfObject
from tidewaiter.sources._sensor_record import ContainerNamed, ExecRecord, FlowRecord

_CONTAINER, _HOST = 2, 3
_MOST_PLACES = 32768
_AT_ONCE = 1024
"""Records between two looks at the clock, the counters and whether to stop."""
_IDLE_SECONDS = 0.5
_BUSY_SECONDS = 0.02
_GATHER_SECONDS = 0.01
"""While records keep coming: to be woken for each costs more than to read it, and nobody sees these milliseconds."""
_SOURCE = "sensor"
_RUNTIMES = frozenset({"runc", "docker-runc"})


class Reading:
    """One run: the ring, and what is known of the places in it."""

    def __init__(self, desk: Desk, loaded: BpfObject, names: DnsNames, standing: Iterable[str] = ()) -> None:
        """`standing`: paths of cgroups that there are."""
        self._desk = desk
        self._loaded = loaded
        self._ring = loaded.ring("ring")
        self._names = names
        self._clock = BootClock()
        self._flows = Flows(names, self._clock.utc_ns, self._hand_in)
        self._places: OrderedDict[bytes, ContainerNamed | bool] = OrderedDict()
        """A container, False: none, True: maybe one, its path is too long to tell."""
        self._outermost: OrderedDict[str, None] = OrderedDict()
        """Ids of containers that stand in no other container."""
        for path in standing:
            self._container(path)
        self._places_fd = loaded.map_fd("places")
        self._lost_fd = loaded.map_fd("lost")
        self._lost = 0
        self._is_behind = False
        """There was more in the ring than one turn takes."""
        self._encode = msgspec.json.Encoder().encode

    def follow(self) -> None:
        """Hand in what comes until the desk is stopped, and then what is still there."""
        with select.epoll() as waiting:
            waiting.register(self._ring.fd, select.EPOLLIN)
            while not self._desk.stopped.is_set():
                if not self.take():
                    waiting.poll(_BUSY_SECONDS if self._flows else _IDLE_SECONDS)
                elif not self._is_behind:
                    time.sleep(_GATHER_SECONDS)
        self.take()
        while self._is_behind:
            self.take()
        self._flows.wait_until(BootClock.now_ns() * 2)

    def take(self) -> int:
        """Hand in what is there, to a limit. Gives the number of records."""
        now = BootClock.now_ns()
        self._clock.measure()
        records = self._ring.read(_AT_ONCE)
        broken = 0
        for record in records:
            try:
                self._read(record)
            except struct.error:
                broken += 1
        self._is_behind = len(records) >= _AT_ONCE
        if not self._is_behind:
            self._flows.wait_until(now)
        lost = self._loaded.sum_over_cpus(self._lost_fd)
        if lost > self._lost or broken:
            self._desk.lose(_SOURCE, lost - self._lost + broken)
            self._lost = lost
        return len(records)

    def _read(self, record: bytes) -> None:
        (kind,) = events.KIND.unpack_from(record)
        if kind == events.CGROUP:
            self._classify(record)
        elif kind == events.OUTCOME:
            self._flows.end(events.read_outcome(record))
        elif kind == events.ANSWER:
            answer = events.read_answer(record)
            self._names.answer(answer.netns, answer.payload, self._clock.utc_ns(answer.boot_ns))
        elif (place := self._places.get(record[events.PLACE])) is None:
            self._desk.lose(_SOURCE, 1)
        elif place is False:
            pass  # it happened before the kernel heard that nobody asks
        elif kind == events.EXEC:
            self._exec(events.read_exec(record), place if place is not True else None)
        elif kind == events.FLOW:
            self._flows.begin(events.read_flow(record), place if place is not True else None)

    def _classify(self, record: bytes) -> None:
        told = events.read_cgroup(record)
        found = self._container(told.paths[0]) or self._container(told.paths[1])
        key = record[events.PLACE]
        self._places[key] = found or told.is_cut
        self._places.move_to_end(key)
        self._loaded.put(self._places_fd, key, _CONTAINER if found or told.is_cut else _HOST)
        if len(self._places) > _MOST_PLACES:
            oldest, _ = self._places.popitem(last=False)
            self._loaded.take_out(self._places_fd, oldest)  # it is told again when something happens there

    def _container(self, path: str) -> ContainerNamed | None:
        """The innermost container, but for one that claims to be another which stands elsewhere.

        Whoever may make cgroups inside a container chooses their names, and could lay what it does at another's door.
        """
        found = container_of(path)
        if found is None:
            return None
        around = path[: path.rindex(found.id)]
        if (outer := container_of(around)) is None:
            self._outermost[found.id] = None
            self._outermost.move_to_end(found.id)
            if len(self._outermost) > _MOST_PLACES:
                self._outermost.popitem(last=False)
        elif found.id == outer.id or found.id in self._outermost:
            return self._container(around)
        return found

    def _exec(self, told: events.ExecTold, container: ContainerNamed | None) -> None:
        if self._is_runtime(told):
            return
        self._hand_in(
            ExecRecord(
                time_ns=self._clock.utc_ns(told.boot_ns),
                sensor="bpf",
                container=container,
                pid=told.pid,
                parent_pid=told.parent_pid,
                parent_exe=told.parent_exe,
                uid=told.uid,
                exe=told.exe,
                args=told.args,
                is_args_cut=told.is_args_cut,
                is_upper_layer=told.is_upper_layer,
            )
        )

    def _is_runtime(self, told: events.ExecTold) -> bool:
        """Whether this is the runtime that starts the container, and not yet anything of the container's.

        runc puts a child of its own into the container's cgroup; that child executes runc once more, from a copy
        without a name, before it enters the container. Nobody inside can look like it: a process that was started in
        the container has a parent in the container (or, as an orphan, a reaper, which is no runc), and the name, the
        mount namespace and the arguments of a process inside, which an attacker can choose, do not suffice.
        """
        return (
            told.may_be_runtime
            and told.parent_comm in _RUNTIMES
            and told.args[1:2] == ["init"]
            and self._places.get(told.parent_place) is False
        )

    def _hand_in(self, record: ExecRecord | FlowRecord) -> None:
        self._desk.observe(Observation(_SOURCE, "kernel", self._encode(record)))
