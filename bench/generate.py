"""Turns a seed into a stream of mixed telemetry with a known truth: `python -m bench.generate --events N --out DIR`.

Rules
- The same options give the same bytes, on every machine and every Python.
- The stream is written as it is made; memory does not grow with its length.
- Lines come in order of arrival; each producer of each node has its own steady delay (`world.LATENESS`).
"""

import argparse
import heapq
import json
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import msgspec

from bench.background import Background, earlier
from bench.chains import ALERTS
from bench.clock import MINUTE, SECOND, parse_second
from bench.decoys import SILENT, SUSPICIOUS, armed_weakly, trusted
from bench.tale import Tale, Told
from bench.world import START, Fleet, Kind, make_fleet

EVENTS_PER_SECOND = 280
SHORTEST_SPAN_NS = 40 * MINUTE
"""So that a story whose last record comes 17 minutes after its start fits into the smallest stream."""
LONGEST_STORY_NS = 20 * MINUTE
_JOB_KINDS: tuple[Kind, ...] = ("kubernetes", "docker", "kubernetes", "containerd", "kubernetes")


class Options(msgspec.Struct, frozen=True):
    """What to generate."""

    events: int
    seed: int = 1
    armed: int = 0
    """Untrusted containers that are armed at once, each with a weak behaviour."""
    nodes: int = 0
    """0: as many as fit the size, 300 from a quarter of a million events."""
    containers: int = 0


class Story(msgspec.Struct, frozen=True):
    """One story to be told at its time."""

    begin_ns: int
    name: str
    kind: str
    verdict: str | None
    told_by: Callable[[Tale], object]
    in_truth: bool = True


def sized(options: Options) -> tuple[int, int]:
    """(nodes, containers) of the fleet."""
    nodes = options.nodes or max(14, min(300, options.events // 800))
    return nodes, options.containers or max(nodes * 3, min(4000, options.events // 60))


def plan(options: Options, start_ns: int, end_ns: int) -> list[Story]:
    """All stories of the stream, by time: planted ones in equal steps, jobs and armed containers in between."""
    stories: list[Story] = []

    def spread(kinds: dict[str, Callable[[Tale], None]], count: int, verdict: str | None) -> None:
        names = list(kinds)
        first, last = start_ns + MINUTE, end_ns - LONGEST_STORY_NS
        for number in range(count):
            kind = names[number % len(names)]
            begin_ns = first + (last - first) * number // max(count, 1)
            stories.append(Story(begin_ns, f"{kind}-{number:04d}", kind, verdict, kinds[kind]))

    scale = options.events / 1_000_000
    spread(ALERTS, max(len(ALERTS), round(40 * scale)), "alert")
    spread(SUSPICIOUS, max(len(SUSPICIOUS), round(24 * scale)), "suspicious")
    spread(SILENT, max(len(SILENT), round(176 * scale)), None)
    jobs = options.events // 900
    for number in range(jobs):
        begin_ns = start_ns + (end_ns - start_ns - 3 * MINUTE) * number // jobs
        kind = _JOB_KINDS[number % len(_JOB_KINDS)]
        stories.append(Story(begin_ns, f"job-{number:05d}", "job", None, _job(kind), in_truth=False))
    for number in range(options.armed):
        begin_ns = start_ns + MINUTE + 10 * MINUTE * number // options.armed
        stories.append(Story(begin_ns, f"armed-{number:06d}", "armed", "suspicious", armed_weakly))
    return sorted(stories, key=lambda story: (story.begin_ns, story.name))


def _job(kind: Kind) -> Callable[[Tale], object]:
    return lambda tale: trusted(tale, kind, sensor="tetragon")


class Stream:
    """The records of one set of options, in order of arrival, and the truth about them."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.start_ns = parse_second(START)
        self.end_ns = self.start_ns + max(SHORTEST_SPAN_NS, options.events * SECOND // EVENTS_PER_SECOND)
        rng = random.Random(options.seed)  # noqa: S311 - reproducible noise, not a secret
        nodes, containers = sized(options)
        self.fleet: Fleet = make_fleet(rng, nodes=nodes, containers=containers, start_ns=self.start_ns)
        self.stories = plan(options, self.start_ns, self.end_ns)
        self._background = Background(rng, self.fleet)
        self.truth: list[dict[str, object]] = []
        self.written = 0

    def _tell(self, story: Story) -> Tale:
        tale = Tale(f"{self.options.seed}/{story.name}", self.fleet, story.begin_ns)
        story.told_by(tale)
        return tale

    def _earlier(self) -> list[tuple[int, int, str, bytes]]:
        known: list[tuple[int, int, str, bytes]] = []
        for number, container in enumerate(self.fleet.containers):
            for arrival_ns, producer, record in earlier(self.fleet, container, number):
                known.append((arrival_ns, number, producer, record))
        return sorted(known, key=lambda entry: entry[:2])

    def _pending(self) -> Iterator[tuple[Told, dict[str, object] | None]]:
        """The records of all stories by arrival; each is told when its time has come (it has no record before it)."""
        heap: list[tuple[int, int, Told, dict[str, object] | None]] = []
        order = 0
        for story in self.stories:
            while heap and heap[0][0] < story.begin_ns:
                yield heapq.heappop(heap)[2:]
            tale = self._tell(story)
            entry = self._truth_of(story, tale) if story.in_truth else None
            for told in tale.told:
                heapq.heappush(heap, (told.arrival_ns, order, told, entry))
                order += 1
        while heap:
            yield heapq.heappop(heap)[2:]

    def _truth_of(self, story: Story, tale: Tale) -> dict[str, object]:
        container = tale.container
        if container is None:
            raise ValueError(f"{story.name}: a story without a container")
        entry: dict[str, object] = {
            "name": story.name,
            "kind": story.kind,
            "verdict": story.verdict,
            "runtime": container.node.kind,
            "cluster": container.node.cluster,
            "node": container.node.name,
            "container_id": container.id,
            "namespace": container.namespace or None,
            "pod": container.pod or None,
            "image": container.image.reference,
            "stages": [],
        }
        self.truth.append(entry)
        return entry

    def lines(self) -> Iterator[tuple[str, bytes]]:
        """(producer, line with its end) from first to last: `options.events` of them."""
        for _, _, producer, record in self._earlier():
            yield self._line(producer, record)
        scheduled = sum(len(self._tell(story).told) for story in self.stories)
        remaining = self.options.events - self.written - scheduled
        if remaining < 0:
            raise ValueError(f"{self.options.events} events are too few: the planted stories alone need {scheduled}")
        step_ns = (self.end_ns - self.start_ns) / max(remaining, 1)
        draw, made, now_ns = self._background.record, 0, self.start_ns
        for told, entry in self._pending():
            while made < remaining and now_ns < told.arrival_ns:
                yield self._line(*draw(now_ns))
                made += 1
                now_ns = self.start_ns + int(made * step_ns)
            line = self._line(told.producer, told.record)
            if entry is not None and told.stage:
                stages = entry["stages"]
                assert isinstance(stages, list)  # noqa: S101 - tells the type checker what _truth_of has put there
                stages.append({"stage": told.stage, "source": told.producer, "line": self.written})
            yield line
        while made < remaining:
            yield self._line(*draw(now_ns))
            made += 1
            now_ns = self.start_ns + int(made * step_ns)

    def _line(self, producer: str, record: bytes) -> tuple[str, bytes]:
        self.written += 1
        return producer, record + b"\n"


def generate(options: Options, out: Path, *, per_producer: bool = False) -> dict[str, object]:
    """Write `events.jsonl` and `truth.json` into `out`, and with `per_producer` a file for each producer besides.

    Gives the truth: the options, the numbers of records and bytes by producer, and one entry for each planted story.
    """
    out.mkdir(parents=True, exist_ok=True)
    stream = Stream(options)
    records: dict[str, int] = {}
    size: dict[str, int] = {}
    files: dict[str, IO[bytes]] = {}
    with (out / "events.jsonl").open("wb", buffering=1 << 20) as mixed:
        try:
            for producer, line in stream.lines():
                mixed.write(line)
                records[producer] = records.get(producer, 0) + 1
                size[producer] = size.get(producer, 0) + len(line)
                if per_producer:
                    if producer not in files:
                        (out / "by_producer").mkdir(exist_ok=True)
                        files[producer] = (out / "by_producer" / f"{producer}.jsonl").open("wb")
                    files[producer].write(line)
        finally:
            for file in files.values():
                file.close()
    truth: dict[str, object] = {
        "schema": 1,
        "options": msgspec.to_builtins(options),
        "nodes": len(stream.fleet.nodes),
        "containers": len(stream.fleet.containers),
        "records": dict(sorted(records.items())),
        "bytes": dict(sorted(size.items())),
        "planted": stream.truth,
    }
    (out / "truth.json").write_bytes(json.dumps(truth, indent=1).encode())
    return truth


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.generate", description=__doc__)
    parser.add_argument("--events", type=int, required=True, help="number of records")
    parser.add_argument("--out", type=Path, required=True, help="folder for events.jsonl and truth.json")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--armed", type=int, default=0, help="untrusted containers armed at once")
    parser.add_argument("--nodes", type=int, default=0)
    parser.add_argument("--containers", type=int, default=0)
    parser.add_argument("--files", action="store_true", help="one file for each producer besides")
    chosen = parser.parse_args(arguments)
    options = Options(chosen.events, chosen.seed, chosen.armed, chosen.nodes, chosen.containers)
    try:
        truth = generate(options, chosen.out, per_producer=chosen.files)
    except (ValueError, OSError) as error:
        print(f"generate: {error}", file=sys.stderr)
        return 2
    print(json.dumps({key: truth[key] for key in ("options", "nodes", "containers", "records", "bytes")}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
