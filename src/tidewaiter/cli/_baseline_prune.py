"""Turns `tidewaiter baseline prune` into a baseline without what was not seen for long, or is not wanted."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator

import click
import msgspec

from tidewaiter.baseline import Profile
from tidewaiter.cli._baseline_named import Named, named
from tidewaiter.cli._baseline_page import baseline_page, counted, name_of, opened
from tidewaiter.cli._faults import UsageFault
from tidewaiter.cli._form import form_option
from tidewaiter.cli._terminal import write_bytes, write_text
from tidewaiter.cli._times import duration_ns
from tidewaiter.edge.baseline_hours import ClusterHours
from tidewaiter.edge.baseline_write import About, check_target, write_baseline
from tidewaiter.sinks._escape import clipped, encode_json
from tidewaiter.sinks._page import BOLD

_HOUR_NS = 3600 * 1_000_000_000
_RETENTION_NS = 30 * 24 * _HOUR_NS
_SHOWN = 40


class Gone(msgspec.Struct):
    """What was taken out."""

    profiles: int = 0
    entries: int = 0
    workloads: Counter[str] = msgspec.field(default_factory=Counter)
    """Path -> entries."""


class Pruning(msgspec.Struct, frozen=True):
    """What is to go: where both are given, what both say."""

    wanted: Named | None
    unseen_hours: int | None
    newest: dict[str, int]
    """Cluster -> the last hour that was learned of it."""

    def rest(self, profile: Profile, gone: Gone) -> Profile | None:
        """What stays of a profile; None: nothing."""
        if self.wanted is not None and not self.wanted.has(profile.key, profile.content):
            return profile
        if self.unseen_hours is None or self._is_unseen(profile):
            gone.profiles += 1
            self._count(profile, len(profile.entries), gone)
            return None
        horizon = profile.last_hour - self.unseen_hours
        # What alerted stays as long as its content: without it, that content would be no news any more.
        entries = {
            habit: entry
            for habit, entry in profile.entries.items()
            if entry.last_hour >= horizon or entry.state == "alerted"
        }
        self._count(profile, len(profile.entries) - len(entries), gone)
        profile.entries = entries
        return profile

    def _is_unseen(self, profile: Profile) -> bool:
        newest = self.newest.get(profile.key.cluster, profile.last_hour)
        return self.unseen_hours is not None and profile.last_hour < newest - self.unseen_hours

    @staticmethod
    def _count(profile: Profile, entries: int, gone: Gone) -> None:
        gone.entries += entries
        gone.workloads[profile.key.path] += entries


@click.command()
@click.argument("path", metavar="FILE")
@click.option(
    "--unseen-for",
    callback=duration_ns,
    metavar="TIME",
    help="What was not seen for so long.  [default: 30d, unless a workload is given]",
)
@click.option("--workload", metavar="PATTERN", help="Only of these workloads, NAMESPACE/KIND/NAME; * stands for any.")
@click.option("--content", metavar="DIGEST", help="Only of this image content.")
@click.option("-o", "--output", metavar="FILE", help="Where to write.  [default: in place]")
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@form_option
def prune(
    path: str,
    unseen_for: int | None,
    workload: str | None,
    content: str | None,
    output: str | None,
    dry_run: bool,
    form: str,
) -> None:
    """Remove what was not seen for a long time.

    Behaviours, measured against the last hour of their workload's content, and
    whole contents, against the last hour that was learned of their cluster. What alerted goes with its content only.

    With --workload or --content and no time, all of those goes.

    \b
    Examples:
      tidewaiter baseline prune baseline.jsonl --unseen-for 30d
      tidewaiter baseline prune baseline.jsonl --workload 'ci/*' -o without-ci.jsonl
    """
    if unseen_for is None and workload is None and content is None:
        unseen_for = _RETENTION_NS
    if unseen_for is not None and unseen_for < _HOUR_NS:
        raise UsageFault("--unseen-for: a baseline counts hours, so 1h is the least")
    target = output or path
    with opened(path, must_be_whole=True) as file:
        wanted = named(file, workload or "*", content) if workload is not None or content is not None else None
        check_target(target)
        hours = file.hours()
        pruning = Pruning(wanted, unseen_for // _HOUR_NS if unseen_for is not None else None, _newest(hours))
        gone = Gone()
        deque(_rest(file.profiles(), pruning, gone), maxlen=0)
        if not dry_run and (gone.profiles or gone.entries or output is not None):
            write_baseline(target, _rest(file.profiles(), pruning, Gone()), About(hours))
    found = {name: count for name, count in sorted(gone.workloads.items()) if count}
    if form == "json":
        told = {"dry_run": dry_run, "profiles": gone.profiles, "entries": gone.entries, "workloads": found}
        write_bytes(encode_json({"kind": "baseline_pruned", "schema": 1, **told}))
        return
    page = baseline_page()
    went = "would go" if dry_run else "went"
    whole = f", {counted(gone.profiles, 'profile')} as a whole" if gone.profiles else ""
    lines = [page.paint(f"{name_of(target)}: {gone.entries:,} entries {went}{whole}", BOLD)]
    lines += [f"  {count:>7,}  {clipped(name, 120)}" for name, count in list(found.items())[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(f"  ... and {len(found) - _SHOWN:,} more workloads (--format json lists all)")
    write_text("\n".join(lines) + "\n")


def _rest(profiles: Iterable[Profile], pruning: Pruning, gone: Gone) -> Iterator[Profile]:
    for profile in profiles:
        rest = pruning.rest(profile, gone)
        if rest is not None:
            yield rest


def _newest(hours: ClusterHours) -> dict[str, int]:
    return {cluster: spans[-1][1] for cluster, spans in hours.items() if spans}
