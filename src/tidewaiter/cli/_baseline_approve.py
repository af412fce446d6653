"""Turns `tidewaiter baseline approve` into entries that are expected from now on, because somebody said so."""

from collections import deque
from collections.abc import Iterable, Iterator

import click
import msgspec

from tidewaiter.baseline import Entry, Profile, State
from tidewaiter.cli._baseline_named import Named, named
from tidewaiter.cli._baseline_page import (
    baseline_page,
    content_words,
    counted,
    habit_words,
    name_of,
    opened,
    place_words,
)
from tidewaiter.cli._form import form_option
from tidewaiter.cli._terminal import write_bytes, write_text
from tidewaiter.edge.baseline_write import About, check_target, write_baseline
from tidewaiter.habit import Habit, HabitKind
from tidewaiter.sinks._escape import clipped, encode_json
from tidewaiter.sinks._page import BOLD, RED, Page
from tidewaiter.workload import WorkloadKey

_SHOWN = 60


class Approval(msgspec.Struct, frozen=True):
    """One entry that was approved, and what it was before."""

    key: WorkloadKey
    content: str | None
    kind: HabitKind
    what: str
    before: State


class Approvals(msgspec.Struct):
    """What a run approved, and what it did not."""

    given: list[Approval] = msgspec.field(default_factory=list)
    held_back: int = 0
    """Behaviours of chains that alerted: a pattern does not approve them."""
    expected: int = 0
    """Entries that were expected before."""


@click.command()
@click.argument("path", metavar="FILE")
@click.argument("workload", metavar="WORKLOAD")
@click.argument("content", metavar="[CONTENT]", required=False)
@click.option("--dry-run", is_flag=True, help="Say what would be approved, and change nothing.")
@form_option
def approve(path: str, workload: str, content: str | None, dry_run: bool, form: str) -> None:
    """Accept as normal what a workload was seen to do.

    For images that no rule of the policy vouches for: what a trusted image does needs no approval.

    A WORKLOAD is written NAMESPACE/KIND/NAME, a container of plain Docker /Container/NAME (the first slash may be left
    out). Named so, all is approved that it did, what alerted too: look at it first, with `baseline show` or
    --dry-run. With * ? or [ it is a pattern, and what alerted stays held back. CONTENT is an image's config digest or
    its beginning; without it, all contents. FILE is changed in place.

    \b
    Examples:
      tidewaiter baseline approve baseline.jsonl shop/Deployment/web sha256:44cf98 --dry-run
      tidewaiter baseline approve baseline.jsonl 'ci/*'
    """
    with opened(path, must_be_whole=True) as file:
        wanted = named(file, workload, content)
        check_target(path)
        found = Approvals()
        profiles = approved(file.profiles(), wanted, found)
        # First what would change: where nothing does, the file is left alone.
        deque(profiles, maxlen=0)
        if found.given and not dry_run:
            write_baseline(path, approved(file.profiles(), wanted, Approvals()), About(file.hours()))
    if form == "json":
        told = {"dry_run": dry_run, "approved": found.given, "held_back": found.held_back, "expected": found.expected}
        write_bytes(encode_json({"kind": "baseline_approved", "schema": 1, **told}))
    else:
        write_text("\n".join(_lines(baseline_page(), path, found, dry_run=dry_run)) + "\n")


def approved(profiles: Iterable[Profile], wanted: Named, found: Approvals) -> Iterator[Profile]:
    """The profiles, with what is meant approved; `found` takes what that was."""
    for profile in profiles:
        if wanted.has(profile.key, profile.content):
            for habit, entry in profile.entries.items():
                _approve(profile, habit, entry, wanted, found)
        yield profile


def _approve(profile: Profile, habit: Habit, entry: Entry, wanted: Named, found: Approvals) -> None:
    if entry.state in ("approved", "trusted"):
        found.expected += 1
    elif entry.state == "alerted" and not wanted.is_exact:
        found.held_back += 1
    else:
        found.given.append(Approval(profile.key, profile.content, habit.kind, habit.what, entry.state))
        entry.state = "approved"


def _lines(page: Page, path: str, found: Approvals, *, dry_run: bool) -> list[str]:
    count = len(found.given)
    entries = counted(count, "behaviour")
    would = "would be approved" if dry_run else "approved"
    lines = [
        page.paint(f"{name_of(path)}: {entries} {would}" if count else f"{name_of(path)}: nothing to approve", BOLD)
    ]
    alerted = sum(approval.before == "alerted" for approval in found.given)
    if alerted:
        whose = f"{alerted:,} of them {'is' if alerted == 1 else 'are'} from containers that alerted"
        lines.append(page.paint(f"{whose}: marked ALERTED below", RED))
    last: tuple[WorkloadKey, str | None] | None = None
    for approval in found.given[:_SHOWN]:
        if last != (approval.key, approval.content):
            last = approval.key, approval.content
            key = approval.key
            place = f"{place_words(key)} in cluster {clipped(key.cluster, 80)}"
            lines.append(f"{place}, {content_words(approval.content)}")
        mark = page.paint("ALERTED ", RED) if approval.before == "alerted" else " " * 8
        lines.append(f"  {mark}{habit_words(Habit(approval.kind, approval.what))}")
    if count > _SHOWN:
        lines.append(f"... and {count - _SHOWN:,} more (--format json lists all)")
    if found.expected:
        lines.append(
            f"{counted(found.expected, 'behaviour')} {'was' if found.expected == 1 else 'were'} expected before"
        )
    if found.held_back:
        lines.append(
            f"{counted(found.held_back, 'behaviour')} of containers that alerted stay held back: a pattern does not "
            "approve them. Review them with tidewaiter baseline show, then name the workload exactly"
        )
    return lines
