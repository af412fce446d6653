"""Turns this host into a report of what can be seen on it, by looking, and on request by collecting for a while."""

import platform
import queue
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import msgspec

from tidewaiter.edge.collector import Collector, Condition, Observation
from tidewaiter.edge.containerd_watch import ContainerdCollector
from tidewaiter.edge.docker_watch import DockerCollector
from tidewaiter.edge.doctor_measure import Findings, Measure
from tidewaiter.edge.doctor_report import Collected, Measured, Report, Timing
from tidewaiter.edge.doctor_verdict import best_mend
from tidewaiter.edge.doctor_verdict_live import judge_host
from tidewaiter.edge.host import Host, Socket, has_kubelet, read_cgroups, read_kernel, read_permissions
from tidewaiter.edge.host_audit import ask_audit
from tidewaiter.edge.host_sensor import choose_sensor
from tidewaiter.edge.host_sockets import ask_sockets
from tidewaiter.edge.read import decode
from tidewaiter.edge.sensor import probes, sensors
from tidewaiter.event import Tick, Where
from tidewaiter.sources import RecordError, sources

_ROOT = Path("/")
_STARTING_SECONDS = 10.0
_END_SECONDS = 2.0
_WAITING_RECORDS = 500_000
_TIMES_KEPT = 10_000
_TICK = Where("clock", "-", 0)


def look(root: Path = _ROOT) -> Host:
    """What this host offers, without collecting anything."""
    kernel, permissions, audit = read_kernel(root), read_permissions(root), ask_audit()
    return Host(
        kernel=kernel,
        permissions=permissions,
        cgroups=read_cgroups(root),
        audit=audit,
        kubelet=has_kubelet(root),
        sockets=ask_sockets(),
        sensor=choose_sensor(kernel, permissions, audit, probes()),
    )


def examine_host(host: Host) -> Report:
    """What can be seen, from what the host offers alone."""
    return _report(host, None, None)


def measure_host(host: Host, seconds: float, collectors: Sequence[Collector] | None = None) -> Report:
    """What can be seen, from collecting so many seconds. `collectors`: instead of those that the host allows."""
    desk = MeasuringDesk()
    findings = desk.run(find_collectors(host.sockets) if collectors is None else collectors, seconds)
    return _report(
        host, findings, Measured(seconds=seconds, collectors=desk.collected(), lost=dict(desk.measure.ledger.dropped))
    )


def find_collectors(sockets: Sequence[Socket]) -> list[Collector]:
    """Of every runtime that answers one, and the sensor."""
    return [*(_collector(socket) for socket in sockets if socket.state == "answers"), *sensors("auto")]


def _collector(socket: Socket) -> Collector:
    if socket.runtime == "containerd":
        return ContainerdCollector(socket.address)
    return DockerCollector(socket.address, socket.runtime)


class MeasuringDesk:
    """Where collectors hand in records, to be counted and not kept."""

    def __init__(self) -> None:
        self.measure = Measure()
        self._stopped = threading.Event()
        self._records: queue.Queue[tuple[Observation, int]] = queue.Queue(_WAITING_RECORDS)
        self._conditions: dict[str, Condition] = {}
        self._lost: dict[str, int] = {}
        self._lock = threading.Lock()
        self._arrivals: dict[str, list[int]] = {}
        self._least: dict[str, int] = {}
        self._counts: dict[str, int] = {}

    @property
    def stopped(self) -> threading.Event:
        """Set when the measurement ends."""
        return self._stopped

    def observe(self, observation: Observation) -> None:
        """Take one record in, with the time at which it came."""
        try:
            self._records.put_nowait((observation, time.time_ns()))
        except queue.Full:
            self.lose(observation.source, 1)

    def tell(self, condition: Condition) -> None:
        """Note how a collector is."""
        with self._lock:
            self._conditions[condition.collector] = condition

    def lose(self, source: str, count: int) -> None:
        """Count records that were lost."""
        with self._lock:
            self._lost[source] = self._lost.get(source, 0) + count

    def run(self, collectors: Sequence[Collector], seconds: float) -> Findings:
        """Collect for so long, counted from when all collectors are attached, and say what it came to."""
        threads = [threading.Thread(target=one.run, args=(self,), daemon=True) for one in collectors]
        for one, thread in zip(collectors, threads, strict=True):
            self.tell(Condition(one.name, "starting", "starting"))
            thread.start()
        self._take_until(time.monotonic() + _STARTING_SECONDS, self._are_started)
        begun_ns = time.time_ns()
        self._take_until(time.monotonic() + seconds, lambda: False, begun_ns)
        self._stopped.set()
        ends_s = time.monotonic() + _END_SECONDS
        for thread in threads:
            thread.join(max(ends_s - time.monotonic(), 0))
        self._take_until(ends_s, self._records.empty, begun_ns)
        for source, count in self._lost.items():
            self.measure.ledger.drop(source, count)
        findings = self.measure.conclude()
        return msgspec.structs.replace(findings, sources=self.measure.reports(self._timings()))

    def collected(self) -> tuple[Collected, ...]:
        """How each collector was at last."""
        with self._lock:
            return tuple(
                Collected(
                    collector=name,
                    state=condition.state,
                    sentence=condition.sentence,
                    blind=tuple(condition.blind),
                )
                for name, condition in sorted(self._conditions.items())
            )

    def _are_started(self) -> bool:
        with self._lock:
            return all(condition.state != "starting" for condition in self._conditions.values())

    def _take_until(self, deadline_s: float, is_over: Callable[[], bool], since_ns: int | None = None) -> None:
        """Count what comes, until a time or until something holds; with `since_ns` the arrivals are timed."""
        ticked_s = time.monotonic()
        while (now_s := time.monotonic()) < deadline_s and not is_over():
            if now_s - ticked_s >= 1:
                ticked_s = now_s
                self.measure.feed(Tick(time_ns=time.time_ns(), cluster="", node=None, where=_TICK))
            try:
                observation, arrived_ns = self._records.get(timeout=min(0.1, max(deadline_s - now_s, 0.001)))
            except queue.Empty:
                continue
            self._count(observation, arrived_ns, since_ns)

    def _count(self, observation: Observation, arrived_ns: int, since_ns: int | None) -> None:
        source = sources().get(observation.source)
        if source is None:
            self.lose(observation.source, 1)
            return
        name = observation.source
        where = Where(name, observation.stream, self._counts.get(name, 0) + 1, node=platform.node() or None)
        self._counts[name] = where.offset
        try:
            events = decode(source, observation.record, where)
        except RecordError:
            self.measure.ledger.note(name, "rejected")
            return
        times = [event.time_ns for event in events if event.time_ns is not None]
        # What was there before is told at the start, with the times it has: it says nothing of how fast news comes.
        if since_ns is not None and times and arrived_ns >= since_ns:
            self._time(name, arrived_ns - max(times))
        self.measure.feed_record(name, events)

    def _time(self, source: str, delay_ns: int) -> None:
        self._least[source] = min(self._least.get(source, delay_ns), delay_ns)
        kept = self._arrivals.setdefault(source, [])
        if len(kept) < _TIMES_KEPT:
            kept.append(delay_ns)

    def _timings(self) -> dict[str, Timing]:
        return {
            source: Timing(
                records=len(delays),
                min_s=round(self._least[source] / 1e9, 6),
                median_s=round(median(delays) / 1e9, 6),
            )
            for source, delays in self._arrivals.items()
        }


def _report(host: Host, findings: Findings | None, measured: Measured | None) -> Report:
    log_sources, digest, missing = judge_host(host, measured.collectors if measured is not None else None, findings)
    return Report(
        subject="host",
        whole_chain=not missing,
        missing=missing,
        mend=best_mend(log_sources, digest) if missing else None,
        log_sources=log_sources,
        digest=digest,
        containers=findings.containers if findings is not None else None,
        sources=findings.sources if findings is not None else {},
        clocks=findings.clocks if findings is not None else (),
        read=None,
        measured=measured,
        host=host,
    )
