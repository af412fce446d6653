"""Turns `tidewaiter doctor` into what can be seen on this host, or in recorded telemetry, and what is missing."""

import sys
import time
from pathlib import Path

import click

from tidewaiter.cli._doctor_text import render
from tidewaiter.cli._faults import UsageFault
from tidewaiter.cli._form import form_option
from tidewaiter.cli._progress import Progress
from tidewaiter.cli._terminal import page_size, write_bytes, write_text
from tidewaiter.cli._times import duration_ns
from tidewaiter.edge.doctor_report import Report
from tidewaiter.edge.paths import expand
from tidewaiter.edge.reader import ReadOptions
from tidewaiter.policy_yaml import printable
from tidewaiter.sinks._escape import encode_json
from tidewaiter.sinks._page import Page
from tidewaiter.sources import sources

EXIT_NOT_WHOLE = 3
_DAY_NS = 86_400 * 1_000_000_000
_LONGEST_NS = 3600 * 1_000_000_000


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option(
    "--for", "length", callback=duration_ns, metavar="TIME", help="On this host: collect so long and measure."
)
@click.option("--cluster", help="Of telemetry: cluster of records that name none.  [default: default]")
@click.option("--node", help="Of telemetry: node of records that name none.")
@click.option("--source", "source", metavar="NAME", help="Of telemetry: read every record as this source's.")
@form_option
def doctor(
    paths: tuple[str, ...],
    length: int | None,
    cluster: str | None,
    node: str | None,
    source: str | None,
    form: str,
) -> None:
    """Check what can be detected here, and how to close the gaps.

    For each step from pull to connection: whether it is seen, how well, and what to switch on where it is not.

    Without a PATH it looks at this host; with one it reads recorded telemetry, as `hunt` does, and says the same of it.

    \b
    Examples:
      sudo tidewaiter doctor --for 10s
      tidewaiter doctor /var/log/telemetry/

    Exit status: 0 the whole chain can be seen, 2 usage, 3 it cannot.
    """
    if paths:
        if length is not None:
            raise UsageFault("--for: measures this host, and is not for recorded telemetry")
        report = _of_telemetry(paths, ReadOptions(cluster=cluster or "default", node=node), source)
    else:
        for option, value in (("--cluster", cluster), ("--node", node), ("--source", source)):
            if value is not None:
                raise UsageFault(f"{option}: is for recorded telemetry; give the files to read")
        report = _of_host(length)
    if form == "json":
        write_bytes(encode_json(report))
    else:
        write_text("\n".join(render(report, Page(*page_size()))) + "\n")
    sys.stdout.flush()
    sys.exit(0 if report.whole_chain else EXIT_NOT_WHOLE)


def _of_telemetry(paths: tuple[str, ...], options: ReadOptions, source: str | None) -> Report:
    from tidewaiter.edge.doctor_telemetry import examine_telemetry

    if source is not None and source not in sources():
        raise UsageFault(f"{printable(source)}: no such source; known are {', '.join(sorted(sources()))}")
    expansion = expand(paths)
    if not expansion.files:
        told = [f"{printable(path)}: {sentence}" for path, sentence in expansion.problems]
        if not told and len(paths) == 1 and Path(paths[0]).is_dir():
            told = [f"{printable(paths[0])}: the folder holds no file to read"]
        raise UsageFault("\n".join(told) or "nothing to read: no path given holds a file")
    with Progress(expansion.files) as progress:
        return examine_telemetry(
            expansion.files,
            options,
            source=source,
            unreadable=expansion.problems,
            horizon_ns=time.time_ns() + _DAY_NS,
            on_progress=progress.show,
        )


def _of_host(length_ns: int | None) -> Report:
    # Imported here: what asks runtimes is slow to load, and telemetry needs none of it.
    from tidewaiter.edge.doctor_live import examine_host, look, measure_host

    if length_ns is not None and not 0 < length_ns <= _LONGEST_NS:
        raise UsageFault("--for: between a moment and an hour can be measured (10s, 2m)")
    host = look()
    if length_ns is None:
        return examine_host(host)
    click.echo(f"measuring for {length_ns / 1e9:g} s", err=True)
    return measure_host(host, length_ns / 1e9)
