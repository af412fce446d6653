"""Holds the commands: each module here turns one command line into output and an exit status.

A command is added as one file `cli/NAME.py` with a click command or group called NAME; it is found by walking this
package and loaded only when it is asked for.
"""

import importlib
import os
import pkgutil
import sys

import click

from tidewaiter import __version__


class _Commands(click.Group):
    """The commands of this package."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command = getattr(importlib.import_module(f"{__name__}.{cmd_name}"), cmd_name)
        return command if isinstance(command, click.Command) else None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tidewaiter")
def main() -> None:
    """Prove which container image is running, who brought it in, and what it did next.

    \b
    First steps:
      tidewaiter hunt /var/log/telemetry/        which images misbehaved?
      sudo tidewaiter watch                      which do so on this host, now?
      tidewaiter policy suggest /var/log/telemetry/ > policy.yaml
    """
    _fill_closed_streams()


def _fill_closed_streams() -> None:
    """Who starts us without stdin, stdout or stderr (`>&-`) hears nothing, and no file of ours takes their numbers."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - for the whole run
