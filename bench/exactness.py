"""Compares what a hunt reported with the truth of the stream: `python -m bench.exactness REPORTED TRUTH`.

A planted container is found when exactly one record with its verdict names it, on its node. Everything else that is
reported is false: another container, another verdict, a second record. So a wrong verdict counts twice, as missed and
as false. Prints one JSON object.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

VERDICTS = ("alert", "suspicious")
_SHORTEST_PREFIX = 12
_SHOWN = 20


def _is_planted(entry: dict[str, Any], record: dict[str, Any]) -> bool:
    reported = record["container_id"] or ""
    return (
        len(reported) >= _SHORTEST_PREFIX
        and entry["container_id"].startswith(reported)
        and entry["node"] == record["node"]
        and entry["cluster"] == record["cluster"]
    )


def compare(records: Iterable[dict[str, Any]], truth: dict[str, Any]) -> dict[str, Any]:
    """The comparison, by verdict: found, missed and false, with the names of the first of them.

    `records`: the objects of `--format jsonl`, final alerts and the summary. `is_exact` also asks that the summary says
    that all records went in and came out (`complete`, and the outcomes' sum), and that failed pulls were counted.
    """
    by_prefix = {entry["container_id"][:_SHORTEST_PREFIX]: entry for entry in truth["planted"]}
    found: dict[str, set[str]] = {verdict: set() for verdict in VERDICTS}
    false: dict[str, list[str]] = {verdict: [] for verdict in VERDICTS}
    summary: dict[str, Any] = {}
    for record in records:
        if record["kind"] == "summary":
            summary = record
        if record["kind"] != "alert" or record["verdict"] not in VERDICTS:
            continue
        verdict = record["verdict"]
        entry = by_prefix.get((record["container_id"] or "")[:_SHORTEST_PREFIX])
        if entry is not None and _is_planted(entry, record) and entry["verdict"] == verdict:
            if entry["name"] not in found[verdict]:
                found[verdict].add(entry["name"])
                continue
            false[verdict].append(f"{entry['name']} (again)")
        else:
            known = entry["name"] if entry is not None else f"{record['node']}/{record['container_id']}"
            false[verdict].append(f"{known} (expected: {entry['verdict'] if entry is not None else None})")
    compared: dict[str, Any] = {}
    for verdict in VERDICTS:
        expected = {entry["name"] for entry in truth["planted"] if entry["verdict"] == verdict}
        missed = sorted(expected - found[verdict])
        compared[verdict] = {
            "expected": len(expected),
            "found": len(found[verdict]),
            "missed": len(missed),
            "false": len(false[verdict]),
            "missed_names": missed[:_SHOWN],
            "false_names": sorted(false[verdict])[:_SHOWN],
        }
    outcomes = summary.get("outcomes", {})
    events = truth["options"]["events"]
    kinds = Counter(entry["kind"] for entry in truth["planted"])
    compared["records"] = {"expected": events, "told": summary.get("records"), "outcomes": sum(outcomes.values())}
    compared["outcomes"] = outcomes
    compared["attempted_pulls"] = {"expected": kinds["pull-failed"], "told": summary.get("attempted_pulls")}
    compared["is_exact"] = (
        all(compared[verdict]["missed"] == compared[verdict]["false"] == 0 for verdict in VERDICTS)
        and summary.get("complete") is True
        and summary.get("records") == events == sum(outcomes.values())
        and compared["attempted_pulls"]["expected"] == compared["attempted_pulls"]["told"]
    )
    return compared


def compare_containers(found_ids: Iterable[str], truth: dict[str, Any]) -> dict[str, int]:
    """The same for a tool that gives only container ids, whole or their beginnings: alerts found, missed, false."""
    expected = {entry["container_id"][:_SHORTEST_PREFIX] for entry in truth["planted"] if entry["verdict"] == "alert"}
    found = {own[:_SHORTEST_PREFIX] for own in found_ids}
    return {"found": len(found & expected), "missed": len(expected - found), "false": len(found - expected)}


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.exactness", description=__doc__)
    parser.add_argument("reported", type=Path, help="output of hunt --format jsonl")
    parser.add_argument("truth", type=Path)
    parser.add_argument("--containers", action="store_true", help="REPORTED is one object with a list `containers`")
    chosen = parser.parse_args(arguments)
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    try:
        truth = decode(chosen.truth.read_bytes())
        if chosen.containers:
            found = decode(chosen.reported.read_bytes())["containers"]
            print(json.dumps(compare_containers((entry["container_id"] for entry in found), truth)))
            return 0
        with chosen.reported.open("rb") as lines:
            compared = compare((decode(line) for line in lines if line.strip()), truth)
    except (OSError, msgspec.DecodeError) as error:
        print(f"exactness: {error}", file=sys.stderr)
        return 2
    print(json.dumps(compared))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
