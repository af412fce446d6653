"""Turns `tidewaiter baseline show` into what a baseline knows: of all workloads how much, of one what."""

from collections import Counter

import click

from tidewaiter.baseline import Entry, Profile
from tidewaiter.cli._baseline_known import known_of, table
from tidewaiter.cli._baseline_named import Named, named
from tidewaiter.cli._baseline_page import (
    baseline_page,
    content_words,
    counted,
    entry_lines,
    hours_lines,
    hours_words,
    name_of,
    opened,
    place_words,
    share_words,
)
from tidewaiter.cli._faults import UsageFault, open_policy
from tidewaiter.cli._form import form_option
from tidewaiter.cli._terminal import write_bytes, write_text
from tidewaiter.completeness import Completeness, completeness_of
from tidewaiter.edge.baseline_file import BaselineFile
from tidewaiter.edge.baseline_hours import hour_text, span_text
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy
from tidewaiter.sinks._escape import clipped, encode_json
from tidewaiter.sinks._page import BOLD, Page
from tidewaiter.workload import WorkloadKey


@click.command()
@click.argument("path", metavar="FILE")
@click.argument("workload", metavar="[WORKLOAD]", required=False)
@click.option("--content", metavar="DIGEST", help="Only this image content; the beginning of the digest will do.")
@click.option("--policy", "policy_path", metavar="FILE", help="Says from when on a baseline is mature.")
@form_option
def show(path: str, workload: str | None, content: str | None, policy_path: str | None, form: str) -> None:
    """Show what a baseline knows, of all workloads or of one.

    A WORKLOAD is written NAMESPACE/KIND/NAME, a container of plain Docker /Container/NAME; with * it is a pattern.

    \b
    Examples:
      tidewaiter baseline show baseline.jsonl
      tidewaiter baseline show baseline.jsonl shop/Deployment/web --content sha256:44cf98
    """
    if content is not None and workload is None:
        raise UsageFault("--content: of which workload? Name it behind the file")
    policy = open_policy(policy_path) if policy_path is not None else DEFAULT_POLICY
    with opened(path) as file:
        if workload is None:
            _show_all(file, policy, form)
        else:
            _show_some(file, named(file, workload, content), policy, form)


def _show_all(file: BaselineFile, policy: TrustPolicy, form: str) -> None:
    hours = file.hours()
    rows = list(known_of(file.profiles(), policy))
    if form == "json":
        spans = {cluster: [span_text(span) for span in found] for cluster, found in hours.items()}
        found = {"whole": file.is_whole, "hours": spans, "profiles": len(file.keys), "containers": rows}
        write_bytes(encode_json({"kind": "baseline_shown", "schema": 1, **found}))
        return
    page = baseline_page()
    states: Counter[str] = Counter()
    for row in rows:
        states.update(row.states)
    told = ", ".join(f"{states[state]:,} {state}" for state in ("approved", "trusted", "unapproved", "alerted"))
    profiles, entries = counted(len(file.keys), "profile"), f"{sum(states.values()):,} entries"
    lines = [page.paint(name_of(file.path), BOLD), *hours_lines(hours), f"{profiles}, {entries}: {told}"]
    if rows:
        lines += ["", *table(page, rows)]
    write_text("\n".join(lines) + "\n")


def _show_some(file: BaselineFile, wanted: Named, policy: TrustPolicy, form: str) -> None:
    keys = dict.fromkeys(key for key in file.keys if key.path in wanted.paths)
    if form == "json":
        write_bytes(b'{"kind":"baseline_shown","schema":1,"containers":[')
    page = baseline_page()
    count = 0
    for key in keys:
        profiles = file.of_workload(key)
        shown = [profile for profile in profiles if wanted.has(key, profile.content)]
        if file.problems:
            raise UsageFault(file.problems[0])
        if not shown:
            continue
        count += 1
        of = completeness_of(profiles, policy)
        if form == "json":
            write_bytes((b"\n" if count == 1 else b",\n") + encode_json(_document(key, of, shown)).rstrip())
        else:
            write_text("\n".join([*([""] if count > 1 else []), *_lines(page, key, of, shown)]) + "\n")
    if form == "json":
        write_bytes(b"]}\n")


def _lines(page: Page, key: WorkloadKey, of: Completeness, profiles: list[Profile]) -> list[str]:
    mature = "mature" if of.is_mature else "immature"
    lines = [
        page.paint(place_words(key), BOLD) + f" in cluster {clipped(key.cluster, 80)}",
        f"{share_words(of.share)} known (at least {share_words(of.share_at_least)}), {mature}: "
        f"{counted(of.units, 'container-hour')} of {counted(of.pods, 'pod')} and {counted(of.starts, 'start')}, "
        f"in {of.hours} of 24 hours of the day, on {of.weekdays} of 7 days of the week",
    ]
    for profile in profiles:
        origins = f" of {clipped(', '.join(profile.repositories), 200)}" if profile.repositories else ""
        seen = hours_words(profile.first_hour, profile.last_hour)
        lines += ["", page.paint(content_words(profile.content), BOLD) + f"{origins}, {seen}"]
        for habit in sorted(profile.entries):
            lines += entry_lines(page, habit, profile.entries[habit])
    return lines


def _document(key: WorkloadKey, of: Completeness, profiles: list[Profile]) -> dict[str, object]:
    return {"key": key, "completeness": of, "profiles": [_profile(profile) for profile in profiles]}


def _profile(profile: Profile) -> dict[str, object]:
    return {
        "content": profile.content,
        "repositories": profile.repositories,
        "container_hours": profile.units,
        "starts": profile.starts,
        "first": hour_text(profile.first_hour),
        "last": hour_text(profile.last_hour),
        "entries": [
            {"kind": habit.kind, "what": habit.what, **entry_document(profile.entries[habit])}
            for habit in sorted(profile.entries)
        ],
    }


def entry_document(entry: Entry) -> dict[str, object]:
    """An entry, for programs."""
    return {
        "state": entry.state,
        "container_hours": entry.units,
        "first": hour_text(entry.first_hour),
        "last": hour_text(entry.last_hour),
        "magnitude": entry.magnitude,
        "parents": entry.parents,
        "addresses": entry.addresses,
    }
