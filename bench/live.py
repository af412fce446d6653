"""Measures `tidewaiter watch` on real daemons: `python bench/live.py [--quick]`, or `make bench-live`, as root.

Rules
- Everything runs in the lab of the end-to-end tests; nothing is installed on the machine, and nothing stays.
- What was seen is counted in what `--record` wrote, by the container's id; what it cost is measured without recording.
- The kernel's own work (programs of the sensor, the audit subsystem) is not in a process's time and so not in the cost.
- An alert's latency is from the kernel's time of its first behaviour to its line on standard output, in whole.
- Without BPF, connections are told by connection tracking, which sees its own network namespace: that is measured
  inside the lab's.
- The audit sensor sees what the machine's rules audit; `--audit-rules` adds a rule for the time of the run.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles

import msgspec

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src"), str(ROOT / "tests" / "live"), str(ROOT / "tests" / "image")]

import lab_world  # noqa: E402 - the lab stands with the tests
from lab import Lab, LabUnavailableError, run  # noqa: E402
from lab_docker import Docker  # noqa: E402
from lab_images import push  # noqa: E402
from lab_traces import wait_until  # noqa: E402
from live_watch import Record, Watching  # noqa: E402

from bench.live_cost import Cost, over, settled  # noqa: E402

LOAD = Path(__file__).with_name("live_load.c")
IMAGES = 20
MARK = "made-by-the-benchmark"
_NS = 1_000_000_000
POLICY = 'version: 1\ntrust: [{name: ours, image: "127.0.0.1:5000/ours/**", state: trusted}]\n'
DESTINATIONS = (
    ("tcp", lab_world.OUTSIDE, lab_world.HTTP_PORT),
    ("tcp", lab_world.OUTSIDE_6, lab_world.HTTP_PORT),
    ("tcp", lab_world.OUTSIDE, lab_world.CLOSED_PORT),
    ("udp", lab_world.OUTSIDE, lab_world.ECHO_PORT),
    ("udp", lab_world.OUTSIDE_6, lab_world.ECHO_PORT),
)


class Seen(msgspec.Struct, frozen=True):
    """What became of one load."""

    made: int
    per_second: float
    seen: int
    attributed: int
    dropped: int


class Bench:
    """One lab and one container of it that makes load."""

    def __init__(self, lab: Lab, docker: Docker, folder: Path) -> None:
        self.lab, self.docker, self.folder = lab, docker, folder
        self.policy = folder / "policy.yaml"
        self.policy.write_text(POLICY)
        load = folder / "load"
        subprocess.run(["cc", "-O2", "-static", "-o", str(load), str(LOAD)], check=True)  # noqa: S603, S607 - our own source
        program = load.read_bytes()
        self.image = push(lab, "bench/load:1", files={"bin/load": program, "bin/true": program})
        docker.pull(self.image.name)
        self.container = docker.run(self.image.name)
        self._runs = 0

    def watching(self, *options: str, prefix: Sequence[str] = ()) -> Watching:
        """A watch with a state of its own."""
        self._runs += 1
        state = self.folder / f"state{self._runs}"
        return Watching(self.lab, state, "--policy", str(self.policy), *options, prefix=prefix)

    def load(self, *told: str) -> tuple[int, float]:
        """Make load. Gives how many were made, and how many a second."""
        status, said = self.docker.execute(self.container, "/bin/load", *told)
        if status not in (0, 1):
            raise RuntimeError(f"load {told}: {said!r}")
        made, microseconds = (int(text) for text in said.split())
        return made, made / max(microseconds, 1) * 1e6

    def seen(self, sensor: str, kind: str, *loads: Sequence[str], prefix: Sequence[str] = ()) -> list[Seen]:
        """What is recorded of some loads, one after the other, each in a watch of its own."""
        found = []
        for load in loads:
            recording = self.folder / "recorded.jsonl"
            recording.unlink(missing_ok=True)
            with self.watching("--sensor", sensor, "--record", str(recording), prefix=prefix) as watch:
                made, per_second = self.load(*load)
                settled(watch.process.pid)
            told = watch.summary()["sources"].get("sensor", {"unattributed": 0, "dropped": 0})
            records = [one for one in _recorded(recording) if one.get("kind") == kind and self._is_of(one, load)]
            named = sum(one.get("container") is not None for one in records)
            # The engine finds the container of a connection of which only the addresses are known.
            attributed = named or max(0, len(records) - told["unattributed"])
            found.append(Seen(made, per_second, len(records), attributed, told["dropped"]))
        return found

    def _is_of(self, record: Record, load: Sequence[str]) -> bool:
        """Whether a record is of a load: others' containers run on this machine, too."""
        container = (record.get("container") or {}).get("id")
        if container not in (self.container, None):
            return False
        if load[0] == "exec":
            # Of a process that ended at once its arguments may not be known, but then its container is.
            return MARK in record["args"] or (not record["args"] and container is not None)
        protocol, _, _, host, port = load
        return (record["protocol"], record["dst_ip"], str(record["dst_port"])) == (protocol, host, port)

    def cost(self, sensor: str, count: int, rate: int) -> tuple[Cost, Cost, Cost, float]:
        """Before a load, at its end, after all of it was worked off; and how many a second were made."""
        with self.watching("--sensor", sensor) as watch:
            before = settled(watch.process.pid)
            _, per_second = self.load("exec", str(count), str(rate), "/bin/true", MARK)
            ended = Cost.of(watch.process.pid)
            return before, ended, settled(watch.process.pid), per_second


def _recorded(path: Path) -> list[Record]:
    return [json.loads(line)["record"] for line in path.read_bytes().splitlines() if b'"sensor' in line]


# ----------------------------------------------------------------------------------------------- what is measured


def latency(bench: Bench, chains: int) -> list[str]:
    """Whole chains: pull, create, start, and, long after, a program that nobody asked the daemon for.

    The image's own command waits, so that what decides is an execution that only the kernel tells of.
    """
    waits, proven, ran = [], 0, []
    command = ("/bin/sh", "-c", f"mkfifo /tmp/go; read x </tmp/go; wget -qO- http://{lab_world.OUTSIDE}/; sleep 99")
    images = [push(bench.lab, f"bench/chain{number}:1", command=command) for number in range(min(IMAGES, chains))]
    with bench.watching() as watch:
        for number in range(chains):
            image = images[number % len(images)].name
            if number < len(images):
                bench.docker.pull(image)
            container = bench.docker.run(image)
            fifo = Path("/proc", str(bench.docker.pid(container)), "root", "tmp", "go")
            wait_until(fifo.exists, "the container waits", 20)
            fifo.write_text("go\n")
            watch.record(container)
            first = next(one for one in watch.arrived if one.record.get("container_id") == container)
            behaviour_ns = min(_time_ns(behaviour["time"]) for behaviour in first.record["behaviours"])
            waits.append((first.time_ns - behaviour_ns) / 1e6)
            proven += first.record["digest_consistency"] == "proven"
            ran.append(container)
            bench.docker.remove(container)
    finally_proven = sum(watch.finals()[container]["digest_consistency"] == "proven" for container in ran)
    row = (f"{median(waits):.1f}", f"{quantiles(waits, n=100)[98]:.1f}", f"{max(waits):.1f}")
    under = f"{sum(wait < 50 for wait in waits)} of {chains}"
    heads = (
        "median ms",
        "99th percentile ms",
        "largest ms",
        "under 50 ms",
        "proven in the first record",
        "in the last",
    )
    return [
        f"### From event to alert: {chains} chains",
        "",
        *_table(heads, [(*row, under, f"{proven}", f"{finally_proven}")]),
    ]


def executions(bench: Bench, sensors: Sequence[str], count: int) -> list[str]:
    """Many executions of one program in one container."""
    rows = []
    for sensor in sensors:
        for rate in (2000, 0):
            (seen,) = bench.seen(sensor, "sensor_exec", ("exec", str(count), str(rate), "/bin/true", MARK))
            before, _, after, _ = bench.cost(sensor, count, rate)
            each = (after.cpu_seconds - before.cpu_seconds) / count * 1e6
            rows.append(
                (
                    *(sensor, f"{rate or 'flat out'}", f"{seen.per_second:,.0f}", f"{seen.made:,}"),
                    *(*_shares(seen), f"{seen.dropped:,}", f"{each:.0f}"),
                )
            )
    heads = ("sensor", "wanted /s", "made /s", "made", "seen", "attributed", "dropped", "CPU us per exec")
    return [f"### {count:,} executions of /bin/true in one container", "", *_table(heads, rows)]


def connections(bench: Bench, sensors: Sequence[str], count: int) -> list[str]:
    """Many connections to each kind of destination."""
    rows = []
    inside = bench.lab.entered()
    # Beside the audit sensor, too, connections are told by connection tracking, and it needs no rules for that.
    for name, sensor, prefix in (("bpf", "bpf", []), ("conntrack", "audit", inside)):
        if name == "bpf" and name not in sensors:
            continue
        loads = [(protocol, str(count), "0", host, str(port)) for protocol, host, port in DESTINATIONS]
        found = bench.seen(sensor, "sensor_flow", *loads, prefix=prefix)
        for (protocol, host, port), seen in zip(DESTINATIONS, found, strict=True):
            refused = " (refused)" if port == lab_world.CLOSED_PORT else ""
            family = "IPv6" if ":" in host else "IPv4"
            row = (name, f"{protocol.upper()} {family}{refused}", f"{seen.per_second:,.0f}", f"{seen.made:,}")
            rows.append((*row, *_shares(seen), f"{seen.dropped:,}"))
    heads = ("sensor", "kind", "made /s", "made", "seen", "attributed", "dropped")
    return [f"### {count:,} connections of each kind from one container", "", *_table(heads, rows)]


def costs(bench: Bench, sensors: Sequence[str], idle_seconds: float, busy_seconds: int) -> list[str]:
    """One container that sleeps, and one that executes 1,000 programs a second."""
    rows = []
    for sensor in sensors:
        with bench.watching("--sensor", sensor) as watch:
            settled(watch.process.pid)
            before, after = over(watch.process.pid, idle_seconds)
        idle, idle_rss = after.percent_since(before), after.rss_bytes
        before, ended, after, rate = bench.cost(sensor, 1000 * busy_seconds, 1000)
        took = (after.cpu_seconds - before.cpu_seconds) / (1000 * busy_seconds / rate) * 100
        rows.append(
            (
                sensor,
                f"{idle:.2f}",
                f"{idle_rss / 1e6:.0f}",
                f"{rate:,.0f}",
                f"{took:.1f}",
                f"{ended.peak_bytes / 1e6:.0f}",
            )
        )
    heads = ("sensor", "idle CPU %", "idle RSS MB", "execs /s", "busy CPU %", "busy peak RSS MB")
    return [f"### Cost, {idle_seconds:.0f} s idle and {busy_seconds} s busy", "", *_table(heads, rows)]


def _shares(seen: Seen) -> tuple[str, str]:
    return f"{100 * seen.seen / max(seen.made, 1):.1f} %", f"{100 * seen.attributed / max(seen.made, 1):.1f} %"


def _time_ns(told: str) -> int:
    whole, _, fraction = told.rstrip("Z").partition(".")
    return int(datetime.fromisoformat(f"{whole}+00:00").timestamp()) * _NS + int(fraction.ljust(9, "0"))


@contextmanager
def audited() -> Iterator[None]:
    """The kernel audits every execution until the context ends."""
    rule = ("-F", "arch=b64", "-S", "execve", "-S", "execveat")
    was_enabled = "enabled 0" not in run("auditctl", "-s")
    run("auditctl", "-e", "1")
    run("auditctl", "-a", "always,exit", *rule)
    try:
        yield
    finally:
        run("auditctl", "-d", "always,exit", *rule)
        if not was_enabled:
            run("auditctl", "-e", "0")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows]
    return [*("| " + " | ".join(cells) + " |" for cells in lines), ""]


def main(arguments: list[str] | None = None) -> int:
    """Command line: measure, and print tables in Markdown."""
    parser = argparse.ArgumentParser(prog="bench/live.py", description=__doc__)
    parser.add_argument("--sensors", default="bpf,proc,audit")
    parser.add_argument("--chains", type=int, default=200)
    parser.add_argument("--execs", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--idle", type=float, default=30.0, help="seconds")
    parser.add_argument("--busy", type=int, default=10, help="seconds")
    parser.add_argument("--audit-rules", action="store_true", help="audit executions meanwhile, on the whole machine")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    chosen = parser.parse_args(arguments)
    if chosen.quick:
        chosen.chains, chosen.execs, chosen.connections = chosen.chains // 10, chosen.execs // 10, 50
        chosen.idle, chosen.busy = 5.0, 2
    sensors = chosen.sensors.split(",")
    try:
        with ExitStack() as stack:
            if chosen.audit_rules:
                stack.enter_context(audited())
            elif "audit" in sensors:
                sensors.remove("audit")
            lab = stack.enter_context(Lab.started())
            docker = stack.enter_context(Docker(lab.docker_socket))
            bench = Bench(lab, docker, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="twbench-"))))
            print("## Live\n", flush=True)
            print("\n".join(latency(bench, chosen.chains)), flush=True)
            print("\n".join(executions(bench, sensors, chosen.execs)), flush=True)
            print("\n".join(connections(bench, sensors, chosen.connections)), flush=True)
            print("\n".join(costs(bench, sensors, chosen.idle, chosen.busy)), flush=True)
    except (LabUnavailableError, AssertionError, RuntimeError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
