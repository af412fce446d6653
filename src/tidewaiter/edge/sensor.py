"""Turns the sensor that somebody wants, and what this machine allows, into the collectors of processes and connections.

From the best to the least: `bpf` (all of it), `proc` (process events, connection tracking beside it), `audit` (audit
records, connection tracking beside them). `auto` takes the first that works, and says why the ones before it do not.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from tidewaiter.edge import audit_sensor, bpf_sensor, proc_sensor
from tidewaiter.edge.collector import Collector, Condition, Desk, Observation
from tidewaiter.edge.conntrack import Conntrack

Wanted = Literal["auto", "bpf", "proc", "audit", "none"]


class Way(msgspec.Struct, frozen=True):
    """One way to see what processes do."""

    probe: Callable[[], str | None]
    """None where it can be gone here, else one sentence why not."""
    sensor: Callable[[], Collector]
    beside: Callable[[], Collector] | None = None
    """What sees the connections, where the sensor does not."""


def sensors(wanted: Wanted) -> list[Collector]:
    """The collectors for what was asked for. What keeps a sensor from working is told as its condition."""
    if wanted == "none":
        return [_Nobody()]
    ways = _ways()
    return [FirstThatWorks(list(ways.values()) if wanted == "auto" else [ways[wanted]])]


def probes() -> dict[str, str | None]:
    """Each sensor, the best first -> None where it can be used here, else one sentence why not."""
    return {name: way.probe() for name, way in _ways().items()}


def _ways() -> dict[str, Way]:
    return {
        "bpf": Way(bpf_sensor.probe, bpf_sensor.BpfSensor),
        "proc": Way(proc_sensor.probe, proc_sensor.ProcSensor, Conntrack),
        "audit": Way(audit_sensor.probe, audit_sensor.AuditSensor, Conntrack),
    }


class FirstThatWorks:
    """The collector `sensor`: goes the first way that works, and the next one where that ends."""

    name = "sensor"

    def __init__(self, ways: Sequence[Way]) -> None:
        self._ways = ways
        self._beside: threading.Thread | None = None

    def run(self, desk: Desk) -> None:
        """See `Collector`."""
        failed: list[str] = []
        for way in self._ways:
            why = way.probe()
            if why is None:
                trial = _Trial(desk, failed)
                self._run_beside(way, desk)
                way.sensor().run(trial)
                why = trial.why
            if desk.stopped.is_set():
                break
            failed.append(why or "the sensor ended by itself")
        else:
            told = "processes are not seen: " + "; ".join(reason.rstrip(".") for reason in failed)
            if self._beside is None:
                desk.tell(Condition(self.name, "off", told, ("execs", "connections", "names")))
            else:
                desk.tell(Condition(self.name, "off", told, ("execs", "names")))
        if self._beside is not None:
            self._beside.join()

    def _run_beside(self, way: Way, desk: Desk) -> None:
        if way.beside is not None and self._beside is None:
            self._beside = threading.Thread(target=way.beside().run, args=(desk,), name="conntrack", daemon=True)
            self._beside.start()


class _Trial:
    """The desk as one way sees it: that it failed is kept back, since there may be another one."""

    def __init__(self, desk: Desk, failed: Sequence[str]) -> None:
        self._desk = desk
        self._failed = tuple(failed)
        self.why: str | None = None

    @property
    def stopped(self) -> threading.Event:
        """See `Desk`."""
        return self._desk.stopped

    def observe(self, observation: Observation) -> None:
        """See `Desk`."""
        self._desk.observe(observation)

    def lose(self, source: str, count: int) -> None:
        """See `Desk`."""
        self._desk.lose(source, count)

    def tell(self, condition: Condition) -> None:
        """Pass on what is not the end, with why the better ways were not gone."""
        if condition.state == "off":
            self.why = condition.sentence
            return
        if self._failed and condition.state != "starting":
            why = "; ".join(reason.rstrip(".") for reason in self._failed)
            condition = msgspec.structs.replace(condition, sentence=f"{condition.sentence}. Chosen because: {why}")
        self._desk.tell(condition)


class _Nobody:
    """The collector `sensor` where none was asked for."""

    name = "sensor"

    def run(self, desk: Desk) -> None:
        """See `Collector`."""
        told = (
            "no sensor was asked for: what processes do and where they connect is not seen, images and containers are. "
            "Leave out `--sensor none` to see it"
        )
        desk.tell(Condition(self.name, "off", told, ("execs", "connections", "names")))
