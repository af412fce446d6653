"""Measures what a baseline of a million entries costs: `python -m bench.baseline_cost`.

Rules
- The large baseline holds what the stream itself teaches of half of its workloads, and made-up workloads, in the
  stream's own namespaces and in others, up to the number of entries. Beside it stand what the whole stream teaches, and
  what its first day does: with that one, most containers of the later days are of new content, which must be watched.
- Hunts with and without it take turns on the same stream; the median of the paired ratios counts. There are two
  streams: that of `make bench`, where most is trusted content that does not change, and a week in which every day
  brings new content.
- Learning is measured on a stream in which every execution is a habit of its own.
"""

import argparse
import heapq
import json
import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from bench.baseline import RUNS, Lab, say, size_of, tidewaiter
from bench.baseline_report import MEGABYTE, head, row
from bench.clock import HOUR, parse_second
from bench.estate import make_estate, new_container
from bench.measure import POLICY as STREAM_POLICY
from bench.measure import Stream, made
from bench.process import ProgramError, Ran, run
from bench.programs import Program
from bench.shapes import kubernetes, tetragon
from bench.week import WEEK, Options
from tidewaiter.baseline import Entry, Profile
from tidewaiter.edge.baseline_file import read_profiles
from tidewaiter.edge.baseline_lines import order_of
from tidewaiter.edge.baseline_write import write_baseline
from tidewaiter.habit import Habit
from tidewaiter.workload import WorkloadKey

_ENTRIES_EACH = 150
_NAMESPACES = 400
_HOUR_SPAN = 72


def _made_up(entries: int, namespaces: list[str]) -> Iterator[Profile]:
    """Profiles that nobody learned, in order of key: a third of them in the namespaces given."""
    count = entries // _ENTRIES_EACH
    begin = parse_second(WEEK) // HOUR
    others = [f"other-{number:03d}" for number in range(_NAMESPACES)]
    spaces = [namespaces[n // 3 % len(namespaces)] if n % 3 == 0 else others[n % _NAMESPACES] for n in range(count)]
    for namespace, number in sorted((namespace, number) for number, namespace in enumerate(spaces)):
        rng = random.Random(number)  # noqa: S311 - reproducible noise, not a secret
        found: dict[Habit, Entry] = {}
        for place in range(_ENTRIES_EACH):
            units = 1 + int(300 / (place + 1))
            what = f"/usr/local/bin/tool-{number}-{place} --queue=q{int(rng.random() * 50)} --slot <n>"
            habit = Habit("exec", what) if place % 3 else Habit("egress", f"s{number}.n{place}.example:443/tcp")
            found[habit] = Entry("trusted", units, begin, begin + _HOUR_SPAN, place % 3, ("api-server",))
        key = WorkloadKey("default", namespace, "Deployment", f"made-up-{number:05d}", "main")
        content = f"sha256:{number:064x}"
        pods = tuple(f"{rng.getrandbits(64):016x}" for _ in range(6))
        yield Profile(
            key, content, ("registry.corp.example/made/up",), 300, 6, tuple(sorted(pods)), 2**24 - 1, 127, begin,
            begin + _HOUR_SPAN, found,
        )  # fmt: skip


def write_large(file: Path, learned: Path, entries: int) -> None:
    """What was learned of every second workload, and made-up profiles up to the number of entries."""
    profiles = list(read_profiles(str(learned)))
    paths = sorted({profile.key.path for profile in profiles})
    kept = [profile for profile in profiles if paths.index(profile.key.path) % 2 == 0]
    namespaces = sorted({profile.key.namespace for profile in kept})
    rest = entries - sum(len(profile.entries) for profile in kept)
    write_baseline(str(file), heapq.merge(kept, _made_up(rest, namespaces), key=order_of))


def write_distinct(file: Path, entries: int, each: int = 200) -> int:
    """Telemetry in which every execution is another habit; gives the number of records."""
    rng = random.Random(1)  # noqa: S311 - reproducible noise, not a secret
    workloads = max(1, entries // each)
    estate = make_estate(rng, nodes=50, workloads=60)
    start_ns, step_ns = parse_second(WEEK), max(1, 20 * HOUR // entries)
    model, records = estate.workloads[10], 0
    containers = []
    for number in range(workloads):
        model.name = f"distinct-{number:05d}"
        node = estate.nodes[number % 40]
        containers.append(
            new_container(rng, estate, model, model.current.image, start_ns - HOUR, node=node, group="5d9c7f6b8d")
        )
    with file.open("wb", buffering=1 << 20) as out:
        for container in containers:
            out.write(kubernetes.pod(container) + b"\n")
        for number in range(entries):
            container, time_ns = containers[number % workloads], start_ns + number * step_ns
            # Letters, since digits are what differs from one time to the next.
            word = f"{number:020b}".translate(str.maketrans("01", "ab"))
            program = Program(f"/usr/local/bin/{word}", ("run", "--quiet"))
            out.write(tetragon.process_exec(container, program, number, time_ns, number + 300) + b"\n")
            records += 1
    return records + workloads


def _opened(file: Path) -> float:
    """Seconds to open a baseline and to ask for one workload, in a process of its own."""
    code = (
        "import sys, time; from tidewaiter.edge.baseline_file import open_baseline; begin = time.perf_counter(); "
        "file = open_baseline(sys.argv[1]); file.of_workload(file.keys[len(file.keys) // 2]); "
        "print(time.perf_counter() - begin)"
    )
    output = RUNS / "open.out"
    run([sys.executable, "-c", code, str(file)], output)
    return float(output.read_text())


def _in_turns(files: dict[str, Path | None], rounds: int, hunt: Callable[[str, Path | None], Ran]) -> dict[str, Any]:
    """Hunts with each baseline (the first is none), in turns: what each costs beside the first."""
    runs: dict[str, list[Ran]] = {name: [] for name in files}
    for number in range(rounds):
        for name, file in files.items():
            runs[name].append(hunt(f"cost-{name}-{number}", file))
    bare = next(iter(runs.values()))
    return {
        "sizes": {name: size_of(file) for name, file in files.items() if file is not None},
        "cost": {
            name: median(one.seconds / other.seconds for one, other in zip(those, bare, strict=True)) - 1
            for name, those in runs.items()
        },
        "runs": {name: [msgspec.to_builtins(one) for one in those] for name, those in runs.items()},
    }


def cost(lab: Lab, entries: int, rounds: int) -> dict[str, Any]:
    """Hunt through the week with no baseline, with the large one, and with what the first day teaches."""
    days = lab.days(1, 7)
    _, week = lab.learn("cost-week", days)
    _, first_day = lab.learn("cost-day", [lab.day(1)])
    large = lab.folder / f"cost-{entries}.baseline"
    write_large(large, week, entries)
    files = {"no baseline": None, "large": large, "learned from that week": week, "from its first day": first_day}
    told = _in_turns(files, rounds, lambda name, file: lab.hunt(name, days, file)[0])
    return {"records": lab.records_in(days), "open_seconds": median(_opened(large) for _ in range(3)), **told}


def cost_of_stream(events: int, entries: int, rounds: int) -> dict[str, Any]:
    """Hunt through the stream of `make bench` with no baseline, and with a large one that knows half of it."""
    folder = made(Stream(events))
    file = folder / "events.jsonl"
    learned, large = folder / "learned.baseline", folder / f"cost-{entries}.baseline"
    if not learned.exists() or learned.stat().st_mtime < file.stat().st_mtime:
        say(f"learning from {folder.name} ...")
        run(tidewaiter("baseline", "learn", file, "--policy", STREAM_POLICY, "-o", learned), RUNS / "learn.out", (0, 3))
    write_large(large, learned, entries)

    def hunt(name: str, baseline: Path | None) -> Ran:
        words: list[str | Path] = ["hunt", file, "--policy", STREAM_POLICY, "--format", "jsonl"]
        words += ["--baseline", baseline] if baseline is not None else []
        done = run(tidewaiter(*words), RUNS / f"{name}.out", (0, 1, 3))
        say(f"{name}: {done.seconds:.1f} s, {done.peak_bytes / MEGABYTE:.0f} MB")
        return done

    return {"records": events, **_in_turns({"no baseline": None, "large": large}, rounds, hunt)}


def learning(entries: int) -> dict[str, Any]:
    """Learn as many distinct entries, and hunt through the same."""
    folder = RUNS / "distinct"
    folder.mkdir(parents=True, exist_ok=True)
    stream, file = folder / f"distinct{entries}.jsonl", folder / f"distinct{entries}.baseline"
    say(f"generating {stream.name} ...")
    records = write_distinct(stream, entries)
    policy = Path(__file__).resolve().parent / "week_policy.yaml"
    learned = run(tidewaiter("baseline", "learn", stream, "--policy", policy, "-o", file), folder / "learn.out", (0, 3))
    hunted = run(tidewaiter("hunt", stream, "--policy", policy, "--format", "jsonl"), folder / "hunt.out", (0, 1, 3))
    return {
        "records": records,
        "learning": msgspec.to_builtins(learned),
        "hunt": msgspec.to_builtins(hunted),
        "baseline": size_of(file),
    }


def markdown(results: dict[str, Any]) -> str:
    """Both tables."""
    lines: list[str] = []
    for stream in ("stream", "week"):
        if stream not in results:
            continue
        told = results[stream]
        lines += head([f"hunt ({stream})", "entries", "file, MB", "seconds (median)", "against none", "peak MB"])
        for name, runs in told["runs"].items():
            size = told["sizes"].get(name, {})
            lines.append(
                row(
                    [
                        name,
                        f"{size.get('entries', 0):,}",
                        f"{size.get('bytes', 0) / MEGABYTE:.1f}",
                        f"{median(one['seconds'] for one in runs):.2f}",
                        f"{told['cost'][name]:+.1%}",
                        f"{max(one['peak_bytes'] for one in runs) / MEGABYTE:.0f}",
                    ]
                )
            )
        is_met = told["cost"]["large"] < 0.10
        lines += ["", f"{told['records']:,} records. Wanted: under 10 %. {'Met' if is_met else 'NOT met'}."]
        if "open_seconds" in told:
            lines.append(f"Opening the large one and asking it once: {told['open_seconds']:.2f} s.")
        lines.append("")
    if "learning" in results:
        told = results["learning"]
        learned, hunted, kept = told["learning"], told["hunt"], told["baseline"]
        lines += head(
            [
                "learning",
                "records",
                "entries",
                "seconds",
                "records/s",
                "peak MB",
                "file, MB",
                "`hunt` on the same, seconds",
            ]
        )
        lines.append(
            row(
                [
                    "distinct",
                    f"{told['records']:,}",
                    f"{kept['entries']:,}",
                    f"{learned['seconds']:.1f}",
                    f"{told['records'] / learned['seconds']:,.0f}",
                    f"{learned['peak_bytes'] / MEGABYTE:.0f}",
                    f"{kept['bytes'] / MEGABYTE:.1f}",
                    f"{hunted['seconds']:.1f}",
                ]
            )
        )
        is_met = learned["peak_bytes"] <= 400 * MEGABYTE
        lines += ["", f"Wanted: at most 400 MB. {'Met' if is_met else 'NOT met'}."]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Command line: measure, print the tables, write `runs/baseline_cost.json`."""
    parser = argparse.ArgumentParser(prog="python -m bench.baseline_cost", description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000, help="of the week that is hunted through")
    parser.add_argument("--events", type=int, default=1_000_000, help="of the stream of `make bench`")
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workloads", type=int, default=300)
    parser.add_argument("--nodes", type=int, default=50)
    parser.add_argument(
        "--quick", action="store_true", help="200,000 records, 60 workloads, 100,000 entries, one round"
    )
    parser.add_argument("--only", choices=("hunt", "learning"), help="one of the two tables")
    chosen = parser.parse_args(arguments)
    if chosen.quick:
        chosen.records, chosen.entries, chosen.rounds, chosen.workloads, chosen.nodes = 200_000, 100_000, 1, 60, 10
        chosen.events = 200_000
    os.chdir(Path(__file__).resolve().parents[1])
    os.environ["PYTHONPATH"] = os.pathsep.join([os.getcwd(), os.path.join(os.getcwd(), "src")])
    results: dict[str, Any] = {"schema": 1}
    try:
        if chosen.only != "learning":
            lab = Lab(Options(chosen.records, 1, chosen.workloads, chosen.nodes))
            results["stream"] = cost_of_stream(chosen.events, chosen.entries, chosen.rounds)
            results["week"] = cost(lab, chosen.entries, chosen.rounds)
        if chosen.only != "hunt":
            results["learning"] = learning(chosen.entries)
    except (ProgramError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    (RUNS / "baseline_cost.json").write_text(json.dumps(results, indent=1))
    print(markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
