"""Holds the commands: each module here turns one command line into output and an exit status.

A command is added as one file `cli/NAME.py` with a click command or group called NAME; it is found by walking this
package and loaded only when it is asked for.
"""

import difflib
import errno
import importlib
import os
import pkgutil
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from tidewaiter import __version__
from tidewaiter.cli._terminal import drop_stdout, leave_reader

EXIT_USAGE = 2
EXIT_CRASH = 70
EXIT_INTERRUPTED = 130
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class _Commands(click.Group):
    """The commands of this package."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run a command line; whatever ends it early has an exit status that is not that of an alert."""
        run: Callable[..., Any] = super().main
        if not standalone_mode:
            return run(*args, standalone_mode=False, **extra)
        try:
            with _reader_may_leave():
                given = run(*args, standalone_mode=False, **extra)
                sys.stdout.flush()
            status = given if isinstance(given, int) else 0
        except click.ClickException as fault:
            fault.show()
            status = fault.exit_code
        except click.Abort:
            click.echo("interrupted", err=True)
            status = EXIT_INTERRUPTED
        except OSError as error:
            status = _ended_by(error)
        except Exception:  # a fault of ours: the whole story helps to mend it
            status = _crashed()
        sys.exit(status)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """click ends a program whose reader went away with the status of an alert."""
        with _reader_may_leave():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """As `make_context`, which prints the help."""
        with _reader_may_leave():
            return super().invoke(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """click looks for names like a mistyped one only among commands that are loaded."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), 1)
            if not near:
                raise
            raise click.UsageError(f"No such command {args[0]!r}. Did you mean {near[0]!r}?", ctx) from None

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


def _ended_by(error: OSError) -> int:
    if error.errno not in _NO_ROOM or error.filename is not None:
        return _crashed()
    drop_stdout()
    click.echo(f"the output cannot be written: {error.strerror}; it is not whole", err=True)
    return EXIT_USAGE


def _crashed() -> int:
    traceback.print_exc()
    click.echo(
        "this is a fault of tidewaiter; what it printed is not whole. Please report it with the lines above", err=True
    )
    return EXIT_CRASH


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        leave_reader()


def _fill_closed_streams() -> None:
    """Who starts us without stdin, stdout or stderr (`>&-`) hears nothing, and no file of ours takes their numbers."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - for the whole run
