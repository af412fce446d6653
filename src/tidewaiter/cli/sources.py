"""Turns `tidewaiter sources` into the list of what telemetry can be read, and what each kind of it cannot tell."""

import shutil
import textwrap

import click
import msgspec

from tidewaiter.cli._form import form_option
from tidewaiter.sources import sources as known_sources

_NARROWEST, _WIDEST = 60, 120


@click.command()
@form_option
def sources(form: str) -> None:
    """List the telemetry that can be read.

    \b
    Example:
      tidewaiter sources
    """
    found = sorted(known_sources().items())
    if form == "json":
        listed = [
            {"name": name, "title": s.title, "log_sources": s.log_sources, "cannot_see": s.cannot_see}
            for name, s in found
        ]
        click.echo(msgspec.json.encode(listed))
        return
    width = min(max(shutil.get_terminal_size((100, 24)).columns, _NARROWEST), _WIDEST)
    for name, source in found:
        click.echo(f"{name}: {source.title} ({', '.join(source.log_sources)})")
        click.echo(
            textwrap.fill(f"cannot see: {source.cannot_see}", width, initial_indent="  ", subsequent_indent="  ")
        )
