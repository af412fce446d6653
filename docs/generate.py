"""Turns the sources and the commands of the code into docs/sources.md and docs/cli.md.

Run it with `make docs`; another folder may be its argument. tests/test_docs.py fails when a page is not what the code
says. Whatever is worth reading on these pages is written in the code: in a source's `SOURCE`, or in a command's help.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from tidewaiter.cli import main
from tidewaiter.sources import Source, sources

HERE = Path(__file__).parent
NOTE = "<!-- Made from the code by `make docs`; change the code, not this page. -->"
WIDTH = 100
"""Columns of the help texts, whatever terminal the page is made on."""


def sources_page() -> str:
    """The page about what can be read: a table of the log sources, then one section for each source."""
    lines = [
        NOTE,
        "# Sources",
        "tidewaiter recognises each record by its shape, so files may be mixed and need no telling. `--source NAME` "
        "reads everything as one source; `--require NAME` makes a run incomplete when that source never spoke.",
        "",
        "| name | producer | ATT&CK log sources |",
        "|---|---|---|",
    ]
    known = sorted(sources().items())
    lines += [f"| [{name}](#{name}) | {cell(source.title)} | {log_sources(source)} |" for name, source in known]
    for name, source in known:
        lines += ["", f"## {name}", f"{source.title}.", "", f"**Cannot see:** {sentence(source.cannot_see)}"]
    return "\n".join(lines) + "\n"


def log_sources(source: Source) -> str:
    """The log sources of one source, for a table cell."""
    return ", ".join(f"`{cell(name)}`" for name in source.log_sources)


def sentence(text: str) -> str:
    """Text with a capital at its beginning and a full stop at its end."""
    return text[:1].upper() + text[1:].removesuffix(".") + "."


def cell(text: str) -> str:
    """Text that cannot end a table cell."""
    return text.replace("|", r"\|")


def cli_page() -> str:
    """The page about the commands: what `--help` prints, command by command."""
    lines = [
        NOTE,
        "# Commands",
        "What `--help` prints. Exit status of `hunt`, the first that holds: 2 usage or configuration error; 1 at least "
        "one alert; 3 telemetry incomplete; 0. Of every command: 70 a fault of tidewaiter, 130 ctrl-c, 141 the reader "
        "of its output went away.",
    ]
    for path, help_text in commands(main, click.Context(main, info_name="tidewaiter", **settings(main))):
        lines += ["", f"## {path}", "```text", help_text, "```"]
    return "\n".join(lines) + "\n"


def settings(command: click.Command) -> dict[str, Any]:
    """A command's own settings for its help, at a fixed width and without colour."""
    return {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH, "color": False}


def commands(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """Each command with its help text, a group before what is in it; hidden ones are left out."""
    yield context.command_path, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from commands(inner, click.Context(inner, parent=context, info_name=name, **settings(inner)))


PAGES = {"sources.md": sources_page, "cli.md": cli_page}
"""Each generated page of docs/ and what makes it."""


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    for page, make in PAGES.items():
        (folder / page).write_text(make(), encoding="utf-8")
        click.echo(folder / page)
