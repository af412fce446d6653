"""Turns a seed into a week of telemetry with deploys every day: `python -m bench.week --records N --out DIR`.

Rules
- The same options give the same bytes, on every machine and every Python.
- One file for each day, `day1.jsonl` and so on; each opens with what a list of all pods and `docker inspect` tell at
  midnight, so that each day can be read without those before it.
- Lines come in order of arrival; each producer of each node has its own steady delay.
"""

import argparse
import heapq
import json
import random
import sys
from collections.abc import Iterator
from itertools import accumulate
from math import pi, sin
from pathlib import Path
from typing import Any

import msgspec

from bench.clock import HOUR, SECOND, parse_second
from bench.estate import DAY, Estate, Workload, make_estate
from bench.happenings import Happening, is_weekend, plan
from bench.programs import HOST_PROGRAMS
from bench.raids import Raid, plan_raids
from bench.rollout import Rollout, Running
from bench.shapes import audit, docker, hubble, kubernetes, tetragon
from bench.shapes.collector import collected
from bench.tale import Tale, Told
from bench.world import Fleet, Image

WEEK = "2026-09-21T00:00:00Z"
"""A Monday."""
_NOISE = (("audit", 0.06), ("host", 0.03), ("exit", 0.08), ("visit", 0.05), ("probe", 0.02))
"""Shares of everyday records that tell of no habit."""


class Options(msgspec.Struct, frozen=True):
    """What to generate."""

    records: int
    seed: int = 1
    workloads: int = 0
    """0: as many as fit the size, 300 from three million records."""
    nodes: int = 0
    days: int = 7


def sized(options: Options) -> tuple[int, int]:
    """(workloads, nodes)."""
    workloads = options.workloads or max(60, min(300, options.records // 10_000))
    return workloads, options.nodes or max(10, workloads // 6)


def liveliness(time_ns: int, start_ns: int) -> float:
    """How much there is to do at a moment, 0 to 1: most at two in the afternoon, half at the weekend."""
    hours = (time_ns - start_ns) / HOUR
    shape = 0.6 + 0.4 * sin(2 * pi * (hours % 24 - 8) / 24)
    return shape * (0.5 if is_weekend(int(hours // 24)) else 1.0)


class Week:
    """The records of one set of options, in order of arrival, and the truth about them."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.start_ns = parse_second(WEEK)
        self._rng = random.Random(options.seed)  # noqa: S311 - reproducible noise, not a secret
        workloads, nodes = sized(options)
        self.estate: Estate = make_estate(self._rng, nodes=nodes, workloads=workloads)
        self.rollout = Rollout(self._rng, self.estate, self.start_ns)
        happenings: list[Happening | Raid] = [
            *plan(self._rng, self.rollout, self.start_ns, options.days),
            *plan_raids(self._rng, self.rollout, self.start_ns, options.days),
        ]
        self._happenings = sorted(happenings, key=lambda one: (one.begin_ns, one.name))
        self._working = [one for one in self.estate.workloads if one.kind != "CronJob"]
        self._busyness = list(accumulate(one.busyness * self._size(one) for one in self._working))
        self._fleet = Fleet(self.estate.nodes, [], [], self.start_ns)
        self.attacks: list[dict[str, object]] = []
        self.records: dict[str, int] = {}
        self.bytes = 0

    def _size(self, workload: Workload) -> int:
        return len(self.rollout.running[workload.number])

    def _told(self) -> Iterator[Told]:
        """The records of everything that happens, by arrival; each is told when its time has come."""
        heap: list[tuple[int, int, Told]] = []
        order = 0
        for happening in self._happenings:
            while heap and heap[0][0] < happening.begin_ns:
                yield heapq.heappop(heap)[2]
            tale = Tale(f"{self.options.seed}/{happening.name}", self._fleet, happening.begin_ns)
            container = happening.told_by(tale)
            if isinstance(happening, Raid):
                self.attacks.append(
                    {
                        "name": happening.name,
                        "kind": happening.kind,
                        "is_again": happening.is_again,
                        "day": (happening.begin_ns - self.start_ns) // DAY + 1,
                        "workload": happening.target,
                        "alone": happening.alone,
                        "container_id": container.id if container is not None else "",
                    }
                )
            for told in tale.told:
                heapq.heappush(heap, (told.arrival_ns, order, told))
                order += 1
        while heap:
            yield heapq.heappop(heap)[2]

    def _moments(self) -> Iterator[int]:
        """When everyday records arrive: as many as asked for in all, by day and night."""
        days = self.options.days
        steps = [self.start_ns + number * (HOUR // 4) for number in range(days * 96)]
        weights = [liveliness(step, self.start_ns) for step in steps]
        total, made, exact = sum(weights), 0, 0.0
        for step, weight in zip(steps, weights, strict=True):
            exact += self.options.records * weight / total
            count = round(exact) - made
            made += count
            for number in range(count):
                yield step + number * (HOUR // 4) // count

    def _running(self, now_ns: int) -> Running:
        live = liveliness(now_ns, self.start_ns)
        while True:
            workload = self._rng.choices(self._working, cum_weights=self._busyness)[0]
            running = self.rollout.running[workload.number]
            if running and (not workload.is_office or self._rng.random() < live):
                return running[int(self._rng.random() * len(running))]

    def _everyday(self, now_ns: int) -> tuple[str, bytes]:
        rng, one = self._rng, self._running(now_ns)
        container, number, drawn = one.container, int(rng.random() * 4_000_000), rng.random()
        node = container.node

        def at(producer: str) -> int:
            return now_ns - node.delays[producer] - int(rng.random() * 20_000_000)

        what = "act"
        for other, share in _NOISE:
            if 0 <= drawn < share:
                what = other
            drawn -= share
        if what == "audit" and container.pod:
            return "audit", audit.noise(rng, node, container.namespace, container.pod, number, at("audit"))
        if what == "visit" and container.pod:
            if number % 2:
                return "hubble", hubble.ingress(container, at("hubble"), number, f"192.0.2.{number % 100}", 8080)
            return "hubble", hubble.reply(container, at("hubble"), number, f"192.0.2.{number % 100}", 8080)
        if what in ("probe", "visit") and node.kind == "docker":
            command = ("exec_create", "exec_start", "exec_die")[number % 3]
            action = command if number % 3 == 2 else f"{command}: curl -f http://127.0.0.1:8080/healthz"
            record = docker.event(container, action, at("docker"), b'"execID":"%064x",' % number)
            return "docker", collected(node, record, now_ns)
        if what == "host" and node.has_tetragon:
            program = HOST_PROGRAMS[number % len(HOST_PROGRAMS)]
            return "tetragon", tetragon.host_exec(node, program, number, at("tetragon"), number + 300)
        if what == "exit" and node.has_tetragon:
            first = one.release.habits.first
            return "tetragon", tetragon.process_exit(container, first, number, at("tetragon"), number + 300)
        act = one.release.habits.draw(rng)
        # All delays are steady per producer; the slowest sensor's is taken, since the act decides who tells it.
        time_ns = now_ns - max(node.delays[name] for name in ("tetragon", "hubble", "laurel")) - int(rng.random() * 2e7)
        return self.rollout.record(rng, one, act, time_ns)

    def _midnight(self, now_ns: int) -> Iterator[tuple[str, bytes]]:
        for one in self.rollout.everywhere():
            if one.container.pod:
                yield "pods", kubernetes.pod(one.container)
            else:
                record = docker.inspect_container(one.container)
                yield "docker", collected(one.container.node, record, now_ns)

    def days(self) -> Iterator[Iterator[bytes]]:
        """For each day its lines; each must be read to its end before the next is asked for."""
        told, moments = self._told(), self._moments()
        self._next_told, self._next_moment = next(told, None), next(moments, None)
        for day in range(self.options.days):
            last = day == self.options.days - 1
            yield self._day(told, moments, self.start_ns + day * DAY, None if last else self.start_ns + (day + 1) * DAY)

    def _day(self, told: Iterator[Told], moments: Iterator[int], begin_ns: int, end_ns: int | None) -> Iterator[bytes]:
        for producer, record in self._midnight(begin_ns):
            yield self._line(producer, record)
        while self._next_told is not None or self._next_moment is not None:
            one, moment = self._next_told, self._next_moment
            arrival_ns = min(at for at in (moment, one.arrival_ns if one else None) if at is not None)
            if end_ns is not None and arrival_ns >= end_ns:
                return
            if one is not None and one.arrival_ns == arrival_ns:
                yield self._line(one.producer, one.record)
                self._next_told = next(told, None)
            elif moment is not None:
                yield self._line(*self._everyday(moment))
                self._next_moment = next(moments, None)

    def _line(self, producer: str, record: bytes) -> bytes:
        self.records[producer] = self.records.get(producer, 0) + 1
        self.bytes += len(record) + 1
        return record + b"\n"

    def truth(self) -> dict[str, Any]:
        """What was told: to be asked for after all days were read."""
        total = sum(self.records.values())
        return {
            "schema": 1,
            "options": msgspec.to_builtins(self.options),
            "nodes": len(self.estate.nodes),
            "records": dict(sorted(self.records.items())),
            "total": total,
            "bytes": self.bytes,
            "records_per_second": round(total / (self.options.days * DAY / SECOND), 2),
            "workloads": [
                {
                    "path": one.path,
                    "container": one.name,
                    "is_trusted": one.is_trusted,
                    "digests": [_digests(made.image) for made in one.releases],
                    "novelties": [made.novelty for made in one.releases],
                }
                for one in self.estate.workloads
            ],
            "deploys": self.rollout.deploys,
            "containers": {own: list(place) for own, place in self.rollout.containers.items()},
            "attacks": sorted(self.attacks, key=lambda attack: str(attack["name"])),
        }


def _digests(image: Image) -> list[str]:
    """Every name under which a baseline may keep the content."""
    return [image.reference, image.index_digest, image.manifest_digest, image.config_digest, image.chain_id]


def generate(options: Options, out: Path) -> dict[str, Any]:
    """Write `day1.jsonl` .. and `truth.json` into `out`; gives the truth."""
    out.mkdir(parents=True, exist_ok=True)
    week = Week(options)
    for number, lines in enumerate(week.days(), 1):
        with (out / f"day{number}.jsonl").open("wb", buffering=1 << 20) as file:
            file.writelines(lines)
    truth = week.truth()
    (out / "truth.json").write_text(json.dumps(truth))
    return truth


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.week", description=__doc__)
    parser.add_argument("--records", type=int, required=True, help="everyday records; deploys and jobs come on top")
    parser.add_argument("--out", type=Path, required=True, help="folder for day1.jsonl .. and truth.json")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workloads", type=int, default=0)
    parser.add_argument("--nodes", type=int, default=0)
    parser.add_argument("--days", type=int, default=7)
    chosen = parser.parse_args(arguments)
    options = Options(chosen.records, chosen.seed, chosen.workloads, chosen.nodes, chosen.days)
    try:
        truth = generate(options, chosen.out)
    except (ValueError, OSError) as error:
        print(f"week: {error}", file=sys.stderr)
        return 2
    shown = ("options", "nodes", "records", "total", "bytes", "records_per_second")
    print(json.dumps({key: truth[key] for key in shown} | {"deploys": len(truth["deploys"])}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
