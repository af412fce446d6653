"""Turns what was measured over the week into the Markdown that is printed."""

from statistics import mean
from typing import Any

MEGABYTE = 1_000_000
_COMPARED_FROM = 4
"""Days on which all baselines are compared: from the first that none of them has learned from."""


def row(cells: list[str]) -> str:
    """One row of a table."""
    return "| " + " | ".join(cells) + " |"


def head(cells: list[str]) -> list[str]:
    """The first two lines of a table: a column of text, then numbers."""
    return [row(cells), row(["---", *["---:"] * (len(cells) - 1)])]


def _each_day(answer: dict[str, Any], what: str, first: int) -> float:
    return float(mean(counted[what] for day, counted in answer["by_day"].items() if int(day) >= first))


def _noise(name: str, answer: dict[str, Any]) -> str:
    cells, again = [name], answer["again"]
    for first in (2, _COMPARED_FROM):
        is_told = answer["days"][0] <= first
        counted = ("alert", "incidents", "suspicious")
        cells += [f"{_each_day(answer, what, first):.1f}" if is_told else "-" for what in counted]
    return row(
        [
            *cells,
            f"{answer['deploys_that_alert']} of {answer['deploys']}",
            f"{answer['found']} of {answer['planted']}",
            str(answer["as_suspicious"]),
            f"{again['found']} of {again['planted']}",
        ]
    )


def markdown(results: dict[str, Any]) -> str:
    """The whole report."""
    week = results["week"]
    lines = [
        f"### {week['total']:,} records ({week['bytes'] / MEGABYTE:,.0f} MB) in a week: {week['records_per_second']} a "
        f"second; {results['workloads']} workloads on {week['nodes']} nodes",
        "",
        f"Deploys by day: {', '.join(map(str, results['deploys_by_day']))}.",
        "",
        *head(
            [
                "baseline", "alerts a day, days 2 to 7", "incidents of them", "suspicious",
                "alerts a day, days 4 to 7", "incidents of them", "suspicious", "deploys that alert",
                "attacks found", "as suspicious", "again the next day",
            ]
        ),
        _noise("none", results["without"]["answer"]),
    ]  # fmt: skip
    for one in results["with"]:
        if "before_approval" in one:
            lines.append(_noise(f"{one['name']}, nothing approved", one["before_approval"]))
        lines.append(_noise(f"{one['name']}{', approved' if 'approved' in one else ''}", one["answer"]))
    lines += ["", "Attacks apart. By day (alerts + suspicious):", ""]
    lines += head(["baseline", *(f"day {day}" for day in range(2, 8))])
    for name, answer in [("none", results["without"]["answer"])] + [
        (one["name"], one["answer"]) for one in results["with"]
    ]:
        days = [answer["by_day"].get(day) for day in range(2, 8)]
        lines.append(row([name, *(f"{told['alert']} + {told['suspicious']}" if told else "-" for told in days)]))
    lines += ["", *_learning(results), "", *_missed(results)]
    return "\n".join(lines)


def _learning(results: dict[str, Any]) -> list[str]:
    lines = head(
        ["learning", "records", "seconds", "records/s", "`hunt` on the same, records/s", "peak MB", "of `hunt`",
         "profiles", "entries", "file, MB"]
    )  # fmt: skip
    for one in results["with"]:
        if "records" not in one:
            continue
        learning, beside, records, kept = one["learning"], one["hunt_beside"], one["records"], one["baseline"]
        lines.append(
            row(
                [
                    one["name"],
                    f"{records:,}",
                    f"{learning['seconds']:.1f}",
                    f"{records / learning['seconds']:,.0f}",
                    f"{records / beside['seconds']:,.0f}",
                    f"{learning['peak_bytes'] / MEGABYTE:.0f}",
                    f"{beside['peak_bytes'] / MEGABYTE:.0f}",
                    f"{kept['profiles']:,}",
                    f"{kept['entries']:,}",
                    f"{kept['bytes'] / MEGABYTE:.2f}",
                ]
            )
        )
    return lines


def _missed(results: dict[str, Any]) -> list[str]:
    lines = []
    for name, answer in [("none", results["without"]["answer"])] + [
        (one["name"], one["answer"]) for one in results["with"]
    ]:
        if answer["not_alerts"]:
            lines.append(f"{name}, attacks that are no alerts: {', '.join(answer['not_alerts'])}")
    return lines
