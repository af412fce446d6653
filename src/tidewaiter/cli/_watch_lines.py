"""Turns what a watch has to say into lines as they come: what the engine gives out on stdout, all else on stderr."""

import os
import sys
from contextlib import suppress

import click

from tidewaiter.alert import Alert, ContainerShown, Incident, Output, Summary
from tidewaiter.cli._terminal import page_size, put
from tidewaiter.edge.collector import Condition
from tidewaiter.edge.watch import Pulse
from tidewaiter.policy_yaml import printable
from tidewaiter.sinks import sinks
from tidewaiter.sinks.text import render, render_containers, render_growth, render_revision

_READ_KEPT = 1_000


class Lines:
    """The view where stdout is no terminal, or another form than text is asked for."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._containers: list[ContainerShown] = []
        self._read: dict[str, Alert | Incident] = {}
        """Alerts and incidents that were printed, as they were then."""
        self._is_torn = False
        """Whether the last output could not be written, or only its beginning."""

    def say(self, sentence: str) -> None:
        """Print a sentence on stderr."""
        with suppress(OSError):
            click.echo(printable(sentence), err=True)

    def condition(self, condition: Condition) -> None:
        """Print how a collector is now."""
        self.say(f"{condition.collector}: {condition.sentence}")

    def output(self, output: Output) -> None:
        """Print what the engine gives out, at once; containers as a table before the summary.

        People are told what is new in a revision, and the whole story again at the end.
        """
        if self._form == "text":
            if isinstance(output, ContainerShown):
                self._containers.append(output)
                return
            data = self._text(output).encode("utf-8", "replace")
        else:
            data = sinks()[self._form].encode(output)
        try:
            put(b"\n" + data if self._is_torn else data)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise
        except OSError as error:
            # A full disk, mostly. Other destinations get on, and the end repeats what each alert says.
            if not self._is_torn:
                self.say(f"stdout cannot be written, alerts are missing there: {error.strerror or error}")
            self._is_torn = True
        else:
            self._is_torn = False

    def _text(self, output: Output) -> str:
        width, color = page_size()
        if isinstance(output, Alert | Incident):
            before = self._read.pop(output.id, None)
            self._read[output.id] = output
            if len(self._read) > _READ_KEPT:
                del self._read[next(iter(self._read))]
            if before is not None and not output.final and output.verdict == before.verdict:
                if isinstance(output, Alert) and isinstance(before, Alert):
                    return render_revision(output, before, width=width, color=color) + "\n"
                if isinstance(output, Incident) and isinstance(before, Incident):
                    return render_growth(output, before, width=width, color=color) + "\n"
        table = ""
        if isinstance(output, Summary) and self._containers:
            table = render_containers(self._containers, width=width, color=color) + "\n\n"
        return f"{table}{render(output, width=width, color=color)}\n"

    def tick(self, pulse: Pulse) -> None:
        """Nothing: lines are for what happens."""

    def close(self) -> None:
        """Nothing is open."""
