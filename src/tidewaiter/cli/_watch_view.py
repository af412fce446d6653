"""Turns what a watch has to say into a live screen, and into ordinary text in the scrollback when it ends.

Theory of operation
- The run loop hands over what is new and goes on; a thread of its own draws, at most four times a second and only where
  something was handed over. A terminal that is stopped (ctrl-s, a slow line) stops nothing but the drawing.
- Drawing happens in the terminal's alternate screen; `close` leaves it, and prints there the last record of each alert,
  the containers if there are any, the summary, and all that was said.
"""

import sys
import termios
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import click
import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from tidewaiter.alert import Alert, ContainerShown, Incident, Output, Summary
from tidewaiter.cli._terminal import is_terminal, page_size
from tidewaiter.cli._watch_frame import Scene, render_scene
from tidewaiter.edge.collector import Condition
from tidewaiter.edge.watch import Pulse
from tidewaiter.engine import Engine
from tidewaiter.glance import Glances
from tidewaiter.policy_yaml import printable
from tidewaiter.sinks.text import render, render_containers

_BETWEEN_S = 0.25
_ALERTS_KEPT = 500
_SENTENCES_KEPT = 200
_ROWS = 60
_NOTE_S = 60.0
"""How long a sentence is shown."""
_JOIN_S = 1.0


def is_possible() -> bool:
    """Whether stdout is a terminal on which something can be drawn."""
    return is_terminal(sys.stdout)


class Screen:
    """The live view. All methods may be called from any thread and return at once, but for `close`."""

    def __init__(self, host: str, *, console: Console | None = None, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._console = console or Console(highlight=False, markup=False, emoji=False)
        self._changed = threading.Condition()
        self._scene = Scene(host=host, began_ns=now_ns(), now_ns=now_ns())
        self._glances: Glances | None = None
        self._conditions: dict[str, Condition] = {}
        self._alerts: dict[str, Alert] = {}
        """The last record of each, in the order in which they came."""
        self._incidents: dict[str, Incident] = {}
        """As the alerts."""
        self._forgotten = 0
        self._containers: list[ContainerShown] = []
        self._summary: Summary | None = None
        self._said: deque[str] = deque(maxlen=_SENTENCES_KEPT)
        self._note_until_s = 0.0
        self._is_new = self._is_over = False
        self._thread: threading.Thread | None = None
        self._restore: Callable[[], None] = lambda: None

    def look_at(self, engine: Engine) -> None:
        """Show the containers of an engine; `tick` is called from the thread that feeds it."""
        self._glances = Glances(engine)

    def say(self, sentence: str) -> None:
        """Show a sentence for a while, and print it at the end."""
        if not sys.stderr.isatty():
            with suppress(BrokenPipeError):
                click.echo(printable(sentence), err=True)
        with self._changed:
            self._said.append(sentence)
            self._note_until_s = time.monotonic() + _NOTE_S
            self._draw(note=sentence)

    def condition(self, condition: Condition) -> None:
        """Show how a collector is now."""
        with self._changed:
            self._conditions[condition.collector] = condition
            self._draw(conditions=tuple(self._conditions.values()))

    def output(self, output: Output) -> None:
        """Show what the engine gives out."""
        with self._changed:
            if isinstance(output, ContainerShown):
                self._containers.append(output)
            elif isinstance(output, Summary):
                self._summary = output
            elif isinstance(output, Incident):
                self._incidents.pop(output.id, None)
                self._incidents[output.id] = output
                if len(self._incidents) > _ALERTS_KEPT:
                    del self._incidents[next(iter(self._incidents))]
                self._draw(incidents=tuple(self._incidents.values()))
            else:
                self._alerts.pop(output.id, None)
                self._alerts[output.id] = output
                if len(self._alerts) > _ALERTS_KEPT:
                    del self._alerts[next(iter(self._alerts))]
                    self._forgotten += 1
                self._draw(alerts=tuple(self._alerts.values()))

    def tick(self, pulse: Pulse) -> None:
        """Show how the run is."""
        rows = self._glances.rows(pulse.time_ns, _ROWS) if self._glances is not None else ()
        with self._changed:
            before = self._scene
            past_s = (pulse.time_ns - before.now_ns) / 1e9
            rate = (pulse.records - before.records) / past_s if past_s > 0.1 else before.per_second
            self._draw(
                now_ns=pulse.time_ns,
                records=pulse.records,
                per_second=max(rate, 0.0),
                waiting=pulse.waiting,
                dropped=pulse.dropped,
                containers=pulse.containers,
                rows=rows,
                note=before.note if time.monotonic() < self._note_until_s else "",
            )

    def close(self) -> None:
        """Leave the screen, and print what was found."""
        with self._changed:
            self._is_over = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(_JOIN_S)
        # The terminal may be gone.
        with suppress(OSError):
            self.restore()
            self._print()

    def restore(self) -> None:
        """Give the terminal back as it was; also for those who leave in haste."""
        restore, self._restore = self._restore, lambda: None
        restore()

    # ------------------------------------------------------------------------------------------ drawing

    def _draw(self, **changed: object) -> None:
        self._scene = msgspec.structs.replace(self._scene, **changed)
        self._is_new = True
        if self._thread is None and not self._is_over:
            self._thread = threading.Thread(target=self._run, name="screen", daemon=True)
            self._thread.start()
        self._changed.notify()

    def _run(self) -> None:
        live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        if not self._begin(live):
            return
        while (scene := self._next()) is not None:
            # A terminal that went away is none of the watch's business.
            with suppress(OSError):
                live.update(self._frame(scene), refresh=True)
            with self._changed:
                self._changed.wait_for(lambda: self._is_over, _BETWEEN_S)

    def _begin(self, live: Live) -> bool:
        """Take the screen, unless it is all over before it began."""
        with self._changed:
            if self._is_over:
                return False
            unsilence = _silenced_keys()

            def restore() -> None:
                live.stop()
                unsilence()

            self._restore = restore
            with suppress(OSError):
                live.start()
            return True

    def _next(self) -> Scene | None:
        """What is to be drawn, once that has changed; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_new or self._is_over)
            self._is_new = False
            return None if self._is_over else self._scene

    def _frame(self, scene: Scene) -> Group:
        size = self._console.size
        lines = render_scene(scene, size.width, size.height, color=self._console.color_system is not None)
        texts = (Text.from_ansi(line, no_wrap=True, overflow="crop", end="") for line in lines)
        return Group(Text("\n", no_wrap=True, overflow="crop", end="").join(texts))

    # ------------------------------------------------------------------------------------------ the end

    def _print(self) -> None:
        width, color = page_size()
        texts = [render(alert, width=width, color=color) for alert in sorted(self._alerts.values(), key=_order)]
        if self._forgotten:
            texts.append(f"{self._forgotten:,} alerts before these are not shown; --send keeps them all\n")
        incidents = sorted(self._incidents.values(), key=lambda incident: (incident.first_seen, incident.id))
        texts += [render(incident, width=width, color=color) for incident in incidents]
        texts += [render_containers(self._containers, width=width, color=color) + "\n"] if self._containers else []
        texts += [render(self._summary, width=width, color=color)] if self._summary is not None else []
        if sys.stderr.isatty():
            for sentence in self._said:
                click.echo(printable(sentence), err=True)
        for text in texts:
            click.echo(text.encode("utf-8", "replace"))


def _order(alert: Alert) -> tuple[str, str]:
    return (alert.time, alert.id)


def _silenced_keys() -> Callable[[], None]:
    """Keep what is typed from being shown; gives back how to undo that."""
    try:
        before = termios.tcgetattr(sys.stdin)
        quiet = termios.tcgetattr(sys.stdin)
        quiet[3] &= ~termios.ECHO
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, quiet)
    except (termios.error, OSError, ValueError):
        return lambda: None
    return lambda: termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
