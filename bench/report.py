"""Turns the measurements into the Markdown that is printed, and says which of the project's targets were met."""

from statistics import median
from typing import Any

MEGABYTE = 1_000_000
NAMES = {
    "tidewaiter": "tidewaiter hunt",
    "simdjson": "simdjson on-demand (the limit)",
    "duckdb": "DuckDB SQL, default threads",
    "duckdb1": "DuckDB SQL, 1 thread",
}
HEADS = (
    "tool", "seconds (median)", "lowest to highest", "CPU seconds", "MB/s", "records/s", "of the limit", "peak MB",
    "found", "missed", "false",
)  # fmt: skip


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def seconds_of(runs: list[dict[str, Any]]) -> float:
    """The median wall time of a tool's runs."""
    return float(median(run["seconds"] for run in runs))


def ratio_of(runs: dict[str, list[dict[str, Any]]], tool: str) -> float:
    """The tool's speed in parts of the limit's: medians of the same interleaved rounds."""
    return seconds_of(runs["simdjson"]) / seconds_of(runs[tool])


def table(stream: dict[str, Any]) -> list[str]:
    """The table of one stream: a row for each tool."""
    size, records, runs = stream["bytes"], stream["records"], stream["runs"]
    lines = [
        f"### {records:,} records, {size / MEGABYTE:,.0f} MB, {len(runs['simdjson'])} interleaved rounds",
        "",
        _row(list(HEADS)),
        _row(["---", *["---:"] * (len(HEADS) - 1)]),
    ]
    for tool, tool_runs in runs.items():
        seconds = seconds_of(tool_runs)
        spread = [run["seconds"] for run in tool_runs]
        answer = stream["answers"].get(tool)
        lines.append(
            _row(
                [
                    NAMES[tool],
                    f"{seconds:.2f}",
                    f"{min(spread):.2f} to {max(spread):.2f}",
                    f"{median(run['cpu_seconds'] for run in tool_runs):.2f}",
                    f"{size / MEGABYTE / seconds:,.0f}",
                    f"{records / seconds:,.0f}",
                    f"{ratio_of(runs, tool):.2f}",
                    f"{max(run['peak_bytes'] for run in tool_runs) / MEGABYTE:,.0f}",
                    *([str(answer[what]) for what in ("found", "missed", "false")] if answer else ["-"] * 3),
                ]
            )
        )
    return [*lines, "", *exactness(stream["exactness"]), ""]


def exactness(compared: dict[str, Any]) -> list[str]:
    """What of the truth tidewaiter told, by verdict."""
    lines = [
        _row(["verdict", "planted", "found", "missed", "false"]),
        _row(["---", "---:", "---:", "---:", "---:"]),
    ]
    for verdict in ("alert", "suspicious"):
        told = compared[verdict]
        lines.append(_row([verdict, *(str(told[what]) for what in ("expected", "found", "missed", "false"))]))
    for verdict in ("alert", "suspicious"):
        for what in ("missed", "false"):
            names = compared[verdict][f"{what}_names"]
            if names:
                lines += ["", f"{verdict}, {what}: {', '.join(names)}"]
    lines += ["", f"exact: {'yes' if compared['is_exact'] else 'NO'}; outcomes: {compared['outcomes']}"]
    return lines


def targets(results: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    """(target, wanted, measured, met) for each target that this run can speak of."""
    rows: list[tuple[str, str, str, bool]] = []
    for stream in results["streams"]:
        named, runs = f"{stream['records']:,} records", stream["runs"]
        ratio = ratio_of(runs, "tidewaiter")
        rows.append((f"speed, {named}", ">= 0.25 of the limit", f"{ratio:.2f}", ratio >= 0.25))
        for tool in (name for name in runs if name.startswith("duckdb")):
            times = seconds_of(runs[tool]) / seconds_of(runs["tidewaiter"])
            rows.append((f"against {NAMES[tool]}, {named}", "faster", f"{times:.2f} times its speed", times > 1))
        is_exact = stream["exactness"]["is_exact"]
        rows.append((f"exact, {named}", "no miss, no false", "yes" if is_exact else "no", is_exact))
        peak = max(run["peak_bytes"] for run in runs["tidewaiter"]) / MEGABYTE
        rows.append((f"peak memory, {named}", "<= 150 MB", f"{peak:.0f} MB", peak <= 150))
    armed = results.get("armed")
    if armed:
        peak, named = armed["run"]["peak_bytes"] / MEGABYTE, f"{armed['armed']:,} armed containers"
        rows.append((f"peak memory, {named}", "<= 250 MB", f"{peak:.0f} MB", peak <= 250))
        is_exact = armed["exactness"]["is_exact"]
        rows.append((f"exact, {named}", "no miss, no false", "yes" if is_exact else "no", is_exact))
    once = results.get("once")
    if once:
        first = results["streams"][0]
        speed = first["records"] / seconds_of(first["runs"]["tidewaiter"])
        for name, entry in once.items():
            eql = entry["eql"]
            whole = entry["records"] / (eql["translate_seconds"] + eql["match_seconds"])
            alone = entry["records"] / eql["match_seconds"]
            if name == "armed":
                speed = results["armed"]["records"] / results["armed"]["run"]["seconds"]
            measured = f"{speed / whole:.1f} times with translation, {speed / alone:.1f} without"
            rows.append((f"against eql, {name} stream", ">= 30 times", measured, speed / whole >= 30))
    return rows


def markdown(results: dict[str, Any]) -> str:
    """The whole report."""
    machine = results["machine"]
    lines = [
        "## Benchmark",
        "",
        f"{machine['processor']}, {machine['processors']} processors, Python {machine['python']}; "
        f"DuckDB {machine['duckdb']}; load before the run {machine['load']}.",
        "",
    ]
    for stream in results["streams"]:
        lines += table(stream)
    armed = results.get("armed")
    if armed:
        run = armed["run"]
        lines += [
            f"### {armed['armed']:,} containers armed at once, {armed['records']:,} records",
            "",
            f"{run['seconds']:.2f} s, peak {run['peak_bytes'] / MEGABYTE:,.0f} MB.",
            "",
            *exactness(armed["exactness"]),
            "",
        ]
    for name, entry in results.get("once", {}).items():
        eql, jq = entry["eql"], entry["jq"]
        whole = eql["translate_seconds"] + eql["match_seconds"]
        lines += [
            f"### eql and jq, the first {entry['records']:,} records of the {name} stream, once",
            "",
            f"- eql: {eql['translate_seconds']:.2f} s to translate and {eql['match_seconds']:.2f} s to match "
            f"{eql['events']:,} events ({entry['records'] / whole:,.0f} records/s); "
            f"{len(eql['containers'])} containers",
        ]
        if jq:
            speed = entry["records"] / jq["seconds"]
            lines.append(f"- jq: {jq['seconds']:.2f} s ({speed:,.0f} records/s); {jq['selected']:,} records selected")
        lines.append("")
    lines += [_row(["target", "wanted", "measured", "met"]), _row(["---"] * 4)]
    lines += [
        _row([what, wanted, measured, "yes" if met else "NO"]) for what, wanted, measured, met in targets(results)
    ]
    return "\n".join(lines) + "\n"
