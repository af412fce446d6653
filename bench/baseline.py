"""Measures what baselines are worth over a generated week: `python -m bench.baseline [--quick]`.

Rules
- Everything is done through the public command, as a user would: learn, approve by name and content, hunt.
- What a person would approve is what truth.json says of each public image that runs here by right, and nothing else.
- The exit status is 1 where a planted attack is not an alert with some baseline, 2 where a program could not be run.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.baseline_report import markdown
from bench.clock import parse_second
from bench.estate import DAY
from bench.process import ProgramError, Ran, run
from bench.week import WEEK, Options

BENCH = Path(__file__).resolve().parent
RUNS = BENCH / "runs"
POLICY = BENCH / "week_policy.yaml"
DAYS = 7
_HUNT_STATUSES = (0, 1, 3)
_SHORTEST_PREFIX = 12


def say(text: str) -> None:
    """What is being done, for who waits."""
    print(text, file=sys.stderr, flush=True)


def tidewaiter(*arguments: str | Path) -> list[str]:
    """The public command, in this environment's own Python."""
    return [sys.executable, "-c", "from tidewaiter.cli import main; main()", *map(str, arguments)]


class Lab:
    """One generated week, and the folder in which all that is made of it is kept."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.folder = RUNS / f"week{options.records}-workloads{options.workloads}-seed{options.seed}"
        self.output = self.folder / "output"
        self.output.mkdir(parents=True, exist_ok=True)
        self.truth = self._made()
        self.attacks = {attack["container_id"][:_SHORTEST_PREFIX]: attack for attack in self.truth["attacks"]}
        self.containers = {own[:_SHORTEST_PREFIX]: place for own, place in self.truth["containers"].items()}

    def _made(self) -> dict[str, Any]:
        truth = self.folder / "truth.json"
        sources = [*BENCH.glob("*.py"), *(BENCH / "shapes").glob("*.py")]
        made_by = {"week", "estate", "habits", "rollout", "happenings", "raids", "life", "tale", "world"}
        newest = max(path.stat().st_mtime for path in sources if path.stem in made_by or path.parent != BENCH)
        if not truth.exists() or truth.stat().st_mtime < newest:
            say(f"generating {self.folder.name} ...")
            truth.unlink(missing_ok=True)
            chosen = ("records", "seed", "workloads", "nodes")
            words = [word for name in chosen for word in (f"--{name}", str(getattr(self.options, name)))]
            run([sys.executable, "-m", "bench.week", *words, "--out", str(self.folder)], self.output / "week.out")
        known: dict[str, Any] = json.loads(truth.read_bytes())
        return known

    def day(self, number: int) -> Path:
        """The file of a day, from 1."""
        return self.folder / f"day{number}.jsonl"

    def days(self, first: int, last: int) -> list[Path]:
        """The files of several days."""
        return [self.day(number) for number in range(first, last + 1)]

    def records_in(self, paths: Sequence[Path]) -> int:
        """How many records some days hold."""
        return sum(chunk.count(b"\n") for path in paths for chunk in _chunks(path))

    # ------------------------------------------------------------------------------------------- the command

    def hunt(self, name: str, paths: Sequence[Path], baseline: Path | None = None) -> tuple[Ran, list[dict[str, Any]]]:
        """One hunt: (what it took, its alerts)."""
        output = self.output / f"{name}.out"
        words: list[str | Path] = ["hunt", *paths, "--policy", POLICY, "--format", "jsonl"]
        if baseline is not None:
            words += ["--baseline", baseline]
        done = run(tidewaiter(*words), output, _HUNT_STATUSES)
        with output.open("rb") as lines:
            records = [msgspec.json.decode(line) for line in lines if line.strip()]
        if not records or records[-1]["kind"] != "summary":
            raise ProgramError(f"{name}: no summary: {output.with_suffix('.stderr').read_text()[-500:]}")
        say(f"{name}: {done.seconds:.1f} s, {done.peak_bytes / 1e6:.0f} MB")
        return done, [record for record in records if record["kind"] == "alert" and record["final"]]

    def learn(self, name: str, paths: Sequence[Path], old: Path | None = None) -> tuple[Ran, Path]:
        """One baseline: (what learning took, its file)."""
        file = self.folder / f"{name}.baseline"
        file.unlink(missing_ok=True)
        words: list[str | Path] = ["baseline", "learn", *paths, "--policy", POLICY, "-o", file]
        if old is not None:
            words += ["--baseline", old]
        done = run(tidewaiter(*words), self.output / f"{name}.out", (0, 3))
        say(f"{name}: {done.seconds:.1f} s, {done.peak_bytes / 1e6:.0f} MB")
        return done, file

    def approve(self, file: Path, *, looks: bool = False) -> list[str]:
        """Approve, by name and content, what public images do that run here by right; gives the names. `looks`: also
        what the company's own releases do, as somebody would who looks at each alert and finds no fault."""
        benign = {
            (workload["path"], digest)
            for workload in self.truth["workloads"]
            if looks or not workload["is_trusted"]
            for digests in workload["digests"]
            for digest in digests
        }
        known: dict[str, set[str]] = {}
        for path, content in _held_back(file):
            known.setdefault(path, set()).add(content)
        approved = []
        for path, contents in sorted(known.items()):
            right = sorted(content for content in contents if (path, content) in benign)
            for content in [""] if len(right) == len(contents) else right:
                words: list[str | Path] = ["baseline", "approve", file, path, *([content] if content else [])]
                run(tidewaiter(*words), self.output / "approve.out")
            approved += [path] if right else []
        return approved

    # ------------------------------------------------------------------------------------------- the answer

    def compared(self, alerts: Sequence[dict[str, Any]], first: int, last: int) -> dict[str, Any]:
        """What the alerts of some days are worth: planted attacks found, and all others by day."""
        expected = [attack for attack in self.truth["attacks"] if first <= attack["day"] <= last]
        verdicts = {attack["name"]: None for attack in expected if not attack["is_again"]}
        again = {attack["name"]: None for attack in expected if attack["is_again"]}
        by_day: dict[int, dict[str, int]] = {
            day: {"alert": 0, "suspicious": 0, "incidents": 0, "of_changes": 0, "of_new_content": 0}
            for day in range(first, last + 1)
        }
        others: list[str] = []
        incidents: set[str] = set()
        deploys: set[tuple[int, int]] = set()
        for alert in sorted(alerts, key=lambda one: one["time"]):
            own, verdict = (alert["container_id"] or "")[:_SHORTEST_PREFIX], alert["verdict"]
            if own in self.attacks:
                attack = self.attacks[own]
                (again if attack["is_again"] else verdicts)[attack["name"]] = verdict
                continue
            day = min(max(_day_of(parse_second(alert["time"][:19] + "Z")), first), last)
            counted = by_day[day]
            counted[verdict] += 1
            number, release = self.containers.get(own, (None, 0))
            workload = None if number is None else self.truth["workloads"][number]
            incident = alert["incident"] or alert["id"]
            if verdict == "alert" and incident not in incidents:
                incidents.add(incident)
                counted["incidents"] += 1
            if verdict == "alert" and number is not None and release > 0:
                deploys.add((number, release))
            if verdict == "alert" and workload is not None:
                counted["of_changes"] += workload["novelties"][release] == "external"
                counted["of_new_content"] += release > 0
            path = workload["path"] if workload is not None else f"{alert['namespace']}/{alert['pod']}"
            others.append(f"{verdict} day {day} {path} release {release}: {'; '.join(alert['reasons'])[:300]}")
        found = sum(verdict == "alert" for verdict in verdicts.values())
        return {
            "days": [first, last],
            "planted": len(verdicts),
            "found": found,
            "as_suspicious": sum(verdict == "suspicious" for verdict in verdicts.values()),
            "again": {"planted": len(again), "found": sum(verdict == "alert" for verdict in again.values())},
            "not_alerts": sorted(
                f"{name}: {verdict}" for name, verdict in (verdicts | again).items() if verdict != "alert"
            ),
            "by_day": by_day,
            "deploys": len([one for one in self.truth["deploys"] if first <= _day_of(one["time_ns"]) <= last]),
            "deploys_that_alert": len(deploys),
            "others": others,
        }


def _chunks(path: Path) -> Any:
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(1 << 20):
            yield chunk


def _held_back(file: Path) -> list[tuple[str, str]]:
    """(NAMESPACE/KIND/NAME, content) of each profile of a baseline file that expects not all that it holds."""
    found: dict[tuple[str, str], None] = {}
    with file.open("rb") as lines:
        for line in lines:
            if line.startswith(b'{"kind":"profile",'):
                head = msgspec.json.decode(line)
            elif b'"state":"alerted"' in line or b'"state":"unapproved"' in line:
                found[f"{head['namespace']}/{head['workload_kind']}/{head['workload']}", head["content"]] = None
    return list(found)


def size_of(file: Path) -> dict[str, int]:
    """What a baseline file holds."""
    entries: dict[str, int] = {}
    profiles = 0
    with file.open("rb") as lines:
        for line in lines:
            profiles += line.startswith(b'{"kind":"profile",')
            if line.startswith((b'{"kind":"exec",', b'{"kind":"egress",')):
                state = msgspec.json.decode(line)["state"]
                entries[state] = entries.get(state, 0) + 1
    return {"bytes": file.stat().st_size, "profiles": profiles, "entries": sum(entries.values()), **entries}


def _learned(lab: Lab, name: str, last: int) -> dict[str, Any]:
    """Learn from the days up to one, approve, and hunt through the days after it."""
    paths = lab.days(1, last)
    learning, file = lab.learn(name, paths)
    records = lab.records_in(paths)
    beside, _ = lab.hunt(f"{name}-beside", paths)
    after = (last + 1, DAYS)
    raw = lab.compared(lab.hunt(f"{name}-unapproved", lab.days(*after), file)[1], *after)
    approved = lab.approve(file)
    hunting, alerts = lab.hunt(f"{name}-approved", lab.days(*after), file)
    return {
        "name": name,
        "learned_days": last,
        "learning": msgspec.to_builtins(learning),
        "hunt_beside": msgspec.to_builtins(beside),
        "records": records,
        "baseline": size_of(file),
        "approved": approved,
        "before_approval": raw,
        "hunting": msgspec.to_builtins(hunting),
        "answer": lab.compared(alerts, *after),
    }


def _relearned(lab: Lab, *, looks: bool) -> dict[str, Any]:
    """Every night the day is learned on top of what was known, and its public images, or all alerts, looked at."""
    _, file = lab.learn("daily-1", [lab.day(1)])
    lab.approve(file, looks=looks)
    alerts: list[dict[str, Any]] = []
    took: list[Any] = []
    for day in range(2, DAYS + 1):
        _, found = lab.hunt(f"daily-hunt-{day}", [lab.day(day)], file)
        alerts += found
        learning, file = lab.learn(f"daily-{day}", [lab.day(day)], file)
        took.append(msgspec.to_builtins(learning))
        lab.approve(file, looks=looks)
    return {
        "name": "relearned every day" + (", alerts looked at" if looks else ""),
        "learning": took,
        "baseline": size_of(file),
        "answer": lab.compared(alerts, 2, DAYS),
    }


def measure(options: Options) -> dict[str, Any]:
    """All of it."""
    lab = Lab(options)
    hunting, alerts = lab.hunt("without", lab.days(2, DAYS))
    results: dict[str, Any] = {
        "schema": 1,
        "week": {
            key: lab.truth[key] for key in ("options", "nodes", "records", "total", "bytes", "records_per_second")
        },
        "workloads": len(lab.truth["workloads"]),
        "deploys_by_day": _deploys_by_day(lab.truth),
        "without": {"hunting": msgspec.to_builtins(hunting), "answer": lab.compared(alerts, 2, DAYS)},
        "with": [_learned(lab, "one-day", 1), _learned(lab, "three-days", 3)],
    }
    results["with"] += [_relearned(lab, looks=looks) for looks in (False, True)]
    return results


def _day_of(time_ns: int) -> int:
    """The day of the week, from 1."""
    return (time_ns - parse_second(WEEK)) // DAY + 1


def _deploys_by_day(truth: dict[str, Any]) -> list[int]:
    days = [_day_of(deploy["time_ns"]) for deploy in truth["deploys"]]
    return [days.count(day) for day in range(1, DAYS + 1)]


def main(arguments: list[str] | None = None) -> int:
    """Command line: measure, print the report, write `runs/baseline.json`."""
    parser = argparse.ArgumentParser(prog="python -m bench.baseline", description=__doc__)
    parser.add_argument("--records", type=int, default=3_000_000)
    parser.add_argument("--workloads", type=int, default=300)
    parser.add_argument("--nodes", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="200,000 records, 60 workloads on 10 nodes")
    chosen = parser.parse_args(arguments)
    if chosen.quick:
        chosen.records, chosen.workloads, chosen.nodes = 200_000, 60, 10
    os.chdir(BENCH.parent)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(BENCH.parent), str(BENCH.parent / "src")])
    try:
        results = measure(Options(chosen.records, chosen.seed, chosen.workloads, chosen.nodes))
    except (ProgramError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    (RUNS / "baseline.json").write_text(json.dumps(results, indent=1))
    print(markdown(results))
    return 0 if all(one["answer"]["found"] == one["answer"]["planted"] for one in results["with"]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
