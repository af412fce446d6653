"""Measures tidewaiter against its limit and its alternatives: `python bench/run.py [--quick]`, or `make bench`.

Rules
- All tools read the same file, which was read once before, so it comes from the page cache.
- They take turns, A B C A B C ..., so that a machine that slows down slows all of them; medians are compared.
- Each run is a whole process, start-up included. Nothing is pinned, and nothing is left out of the report.
- The exit status is 1 where tidewaiter's answer is not exact, 2 where a program could not be run.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from bench.process import ProgramError, Ran, run
from bench.report import markdown

BENCH = Path(__file__).resolve().parent
RUNS = BENCH / "runs"
LIMIT = RUNS / "simdjson_limit"
POLICY = BENCH / "policy.yaml"
_READ_BYTES = 1 << 20
_HUNT_STATUSES = (0, 1, 3)
_TAIL_BYTES = 64 << 10
_GENERATOR = (
    "background", "chains", "clock", "decoys", "escape", "generate", "life", "programs", "tale", "world",
)  # fmt: skip


class Stream(msgspec.Struct, frozen=True):
    """One generated stream, by what it was generated from."""

    events: int
    seed: int = 1
    armed: int = 0
    nodes: int = 0

    @property
    def folder(self) -> Path:
        """Where it is kept: the same parameters are generated once."""
        extras = "".join(f"-{name}{value}" for name, value in (("armed", self.armed), ("nodes", self.nodes)) if value)
        return RUNS / f"events{self.events}-seed{self.seed}{extras}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _output(name: str) -> Path:
    (RUNS / "output").mkdir(parents=True, exist_ok=True)
    return RUNS / "output" / f"{name}.out"


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"bench.{name}", *arguments]


def _hunt(file: Path) -> list[str]:
    program = Path(sys.executable).with_name("tidewaiter")
    return [str(program), "hunt", str(file), "--policy", str(POLICY), "--format", "jsonl"]


def made(stream: Stream) -> Path:
    """The stream's folder; generated where it is not there yet, or where the generator has changed since."""
    sources = [*(BENCH / f"{name}.py" for name in _GENERATOR), *(BENCH / "shapes").glob("*.py")]
    newest = max(path.stat().st_mtime for path in sources)
    truth = stream.folder / "truth.json"
    if not truth.exists() or truth.stat().st_mtime < newest:
        _say(f"generating {stream.folder.name} ...")
        truth.unlink(missing_ok=True)
        options = {"events": stream.events, "seed": stream.seed, "armed": stream.armed, "nodes": stream.nodes}
        arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        run(_module("generate", *arguments, "--out", str(stream.folder)), _output("generate"))
    return stream.folder


def _hunted(file: Path, name: str) -> Ran:
    """One run of the public command. A crash of Python ends with 1, as alerts do, so the summary is looked for."""
    output = _output(name)
    done = run(_hunt(file), output, _HUNT_STATUSES)
    with output.open("rb") as reported:
        reported.seek(max(output.stat().st_size - _TAIL_BYTES, 0))
        last = reported.read().rstrip().rpartition(b"\n")[2]
    if b'"kind":"summary"' not in last.replace(b": ", b":"):
        said = output.with_suffix(".stderr").read_text(errors="replace").strip().splitlines()[-3:]
        raise ProgramError(
            f"hunt {file}: exit status {done.status}, but no summary: {' | '.join(said) or 'no message'}"
        )
    return done


def _read_once(file: Path) -> int:
    size = 0
    with file.open("rb", buffering=0) as opened:
        while chunk := opened.read(_READ_BYTES):
            size += len(chunk)
    return size


def _exactness(reported: Path, truth: Path, *options: str) -> dict[str, Any]:
    output = _output("exactness")
    run(_module("exactness", str(reported), str(truth), *options), output)
    compared: dict[str, Any] = json.loads(output.read_bytes())
    return compared


def compare(stream: Stream, rounds: int, *, one_thread: bool) -> dict[str, Any]:
    """Time all tools on one stream, in turns, and compare what they found with the truth."""
    folder = made(stream)
    file, truth = folder / "events.jsonl", folder / "truth.json"
    size = _read_once(file)
    tools: dict[str, Callable[[], Ran]] = {
        "tidewaiter": lambda: _hunted(file, "tidewaiter"),
        "simdjson": lambda: run([str(LIMIT), str(file)], _output("simdjson")),
        "duckdb": lambda: run(_module("duckdb_query", str(file)), _output("duckdb")),
    }
    if one_thread:
        tools["duckdb1"] = lambda: run(_module("duckdb_query", str(file), "--threads", "1"), _output("duckdb1"))
    runs: dict[str, list[Ran]] = {tool: [] for tool in tools}
    for number in range(rounds):
        for tool, measured in tools.items():
            done = measured()
            runs[tool].append(done)
            _say(f"{stream.folder.name}, round {number + 1} of {rounds}, {tool}: {done.seconds:.2f} s")
    compared = _exactness(_output("tidewaiter"), truth)
    answers = {"tidewaiter": compared["alert"]}
    for tool in tools.keys() & {"duckdb", "duckdb1"}:
        answers[tool] = _exactness(_output(tool), truth, "--containers")
    return {
        "stream": stream.folder.name,
        "records": stream.events,
        "bytes": size,
        "runs": {tool: [msgspec.to_builtins(one) for one in tool_runs] for tool, tool_runs in runs.items()},
        "exactness": compared,
        "answers": answers,
    }


def armed(stream: Stream) -> dict[str, Any]:
    """Hunt once through a stream in which many containers are armed at the same time."""
    folder = made(stream)
    _read_once(folder / "events.jsonl")
    done = _hunted(folder / "events.jsonl", "armed")
    _say(f"{folder.name}: {done.seconds:.2f} s, peak {done.peak_bytes / 1e6:.0f} MB")
    return {
        "armed": stream.armed,
        "records": stream.events,
        "run": msgspec.to_builtins(done),
        "exactness": _exactness(_output("armed"), folder / "truth.json"),
    }


def once(stream: Stream, records: int, *, jq: bool) -> dict[str, Any]:
    """eql, and jq, over the first records of a stream."""
    _say(f"eql{' and jq' if jq else ''} on {records} records of {stream.folder.name} ...")
    extra = [] if jq else ["--no-jq"]
    arguments = [str(stream.folder / "events.jsonl"), "--records", str(records), *extra]
    run(_module("eql_jq", *arguments), _output("eql_jq"))
    measured: dict[str, Any] = json.loads(_output("eql_jq").read_bytes())
    return measured


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": names[0].partition(":")[2].strip() if names else platform.processor(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "duckdb": version("duckdb"),
        "load": os.getloadavg()[0],
    }


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run.py", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large-events", type=int, default=5_000_000, help="0: no large stream")
    parser.add_argument("--large-rounds", type=int, default=1)
    parser.add_argument("--armed", type=int, default=100_000, help="containers armed at once; 0: no such test")
    parser.add_argument("--once-records", type=int, default=100_000, help="records for eql and jq; 0: leave them out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="100,000 events, one round, 5,000 armed, no large stream")
    chosen = parser.parse_args(arguments)
    if chosen.quick:
        chosen.events, chosen.rounds, chosen.large_events = 100_000, 1, 0
        chosen.armed, chosen.once_records = 5_000, 20_000
    return chosen


def main(arguments: list[str] | None = None) -> int:
    """Command line: measure, print the report, write `runs/results.json`."""
    chosen = _arguments(arguments)
    os.chdir(BENCH.parent)
    os.environ["PYTHONPATH"] = str(BENCH.parent)
    results: dict[str, Any] = {"schema": 1, "machine": machine(), "streams": []}
    main_stream = Stream(chosen.events, chosen.seed)
    armed_stream = Stream(3 * chosen.armed + chosen.armed * 3 // 2 + 50_000, chosen.seed, chosen.armed, 1000)
    try:
        run(["make", "-s", "-C", str(BENCH)], _output("make"))
        results["streams"].append(compare(main_stream, chosen.rounds, one_thread=True))
        if chosen.large_events:
            large = Stream(chosen.large_events, chosen.seed)
            results["streams"].append(compare(large, chosen.large_rounds, one_thread=False))
        if chosen.armed:
            results["armed"] = armed(armed_stream)
        if chosen.once_records:
            results["once"] = {"main": once(main_stream, chosen.once_records, jq=True)}
            if chosen.armed:
                results["once"]["armed"] = once(armed_stream, chosen.once_records, jq=False)
    except (ProgramError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    (RUNS / "results.json").write_text(json.dumps(results, indent=1))
    print(markdown(results))
    compared = [stream["exactness"] for stream in results["streams"]]
    compared += [results["armed"]["exactness"]] if chosen.armed else []
    return 0 if all(entry["is_exact"] for entry in compared) else 1


if __name__ == "__main__":
    raise SystemExit(main())
