"""Turns `tidewaiter baseline merge` into one baseline out of several."""

from contextlib import ExitStack

import click

from tidewaiter.cli._baseline_page import counted, name_of, opened, tell_omitted
from tidewaiter.cli._form import form_option
from tidewaiter.cli._terminal import write_bytes, write_text
from tidewaiter.edge.baseline_hours import ClusterHours, common, together
from tidewaiter.edge.baseline_write import About, check_target, merged, write_baseline
from tidewaiter.sinks._escape import clipped, encode_json


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("-o", "--output", "output", metavar="FILE", required=True, help="Where to write; may be one of FILE.")
@form_option
def merge(files: tuple[str, ...], output: str, form: str) -> None:
    """Make one baseline of several, of other days, nodes or clusters.

    Of a file that was cut the whole profiles are taken. Hours of one cluster that are in two files are counted twice,
    which makes the baseline look more complete than it is; that is said.

    \b
    Example:
      tidewaiter baseline merge monday.jsonl tuesday.jsonl -o baseline.jsonl
    """
    with ExitStack() as stack:
        opened_files = [stack.enter_context(opened(path)) for path in files]
        check_target(output)
        hours = [file.hours() for file in opened_files]
        twice = overlaps(hours)
        for cluster, count in twice.items():
            click.echo(
                f"warning: {counted(count, 'hour')} of cluster {clipped(cluster, 80)} "
                f"{'is' if count == 1 else 'are'} in more than one file, and what was seen then is counted twice",
                err=True,
            )
        about = About(together(*hours))
        written = write_baseline(output, merged(file.profiles() for file in opened_files), about)
    tell_omitted(written)
    if form == "json":
        found = {"profiles": written.profiles, "entries": written.entries, "hours_counted_twice": twice}
        write_bytes(encode_json({"kind": "baseline_merged", "schema": 1, "files": len(files), **found}))
    else:
        what = f"{counted(written.profiles, 'profile')}, {written.entries:,} entries"
        write_text(f"{name_of(output)}: {what}, out of {counted(len(files), 'file')}\n")


def overlaps(hours: list[dict[str, tuple[tuple[int, int], ...]]]) -> dict[str, int]:
    """Cluster -> how many of its hours are in more than one file."""
    found: dict[str, int] = {}
    before: ClusterHours = {}
    for of_file in hours:
        for cluster, spans in of_file.items():
            count = common(spans, before.get(cluster, ()))
            if count:
                found[cluster] = found.get(cluster, 0) + count
        before = together(before, of_file)
    return found
