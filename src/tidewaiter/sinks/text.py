"""Turns outputs into text for people: what happened, in which order, why it matters, and what was not seen.

Everything that comes from telemetry is escaped (`_escape`), so the text holds no control character but its own line
breaks and, where colours are asked for, its own SGR codes.
"""

from collections.abc import Sequence

from tidewaiter.alert import Alert, ContainerShown, Incident, Output
from tidewaiter.sinks import Sink
from tidewaiter.sinks._alert_text import render_alert
from tidewaiter.sinks._container_table import render_row, render_table
from tidewaiter.sinks._incident_text import render_incident
from tidewaiter.sinks._page import Page
from tidewaiter.sinks._revision_text import render_revision as _render_revision
from tidewaiter.sinks._summary_text import render_summary

WIDTH = 100
"""Columns where nobody says how wide the reader's terminal is."""
_NARROWEST = 40


def render(output: Output, *, width: int = WIDTH, color: bool = False) -> str:
    """The text of one output, in lines of at most `width` cells (words longer than that excepted).

    The last line has no line break, but that of an alert or an incident is empty, so that texts can follow each other.
    """
    page = Page(max(width, _NARROWEST), color)
    if isinstance(output, Alert):
        return _text([*render_alert(output, page), ""])
    if isinstance(output, Incident):
        return _text([*render_incident(output, page), ""])
    if isinstance(output, ContainerShown):
        return _text(render_row(output, page))
    return _text(render_summary(output, page))


def render_revision(alert: Alert, before: Alert, *, width: int = WIDTH, color: bool = False) -> str:
    """What is new in an alert since a revision that was read before; as `render`."""
    return _text([*_render_revision(alert, before, Page(max(width, _NARROWEST), color)), ""])


def render_growth(incident: Incident, before: Incident, *, width: int = WIDTH, color: bool = False) -> str:
    """What is new in an incident since a revision that was read before; as `render`."""
    return _text([*render_incident(incident, Page(max(width, _NARROWEST), color), before), ""])


def render_containers(containers: Sequence[ContainerShown], *, width: int = WIDTH, color: bool = False) -> str:
    """A table of containers with a heading, without a line break at its end; empty for none."""
    return _text(render_table(containers, Page(max(width, _NARROWEST), color))) if containers else ""


def encode(output: Output) -> bytes:
    """Plain text in UTF-8."""
    return f"{render(output)}\n".encode()


def _text(lines: Sequence[str]) -> str:
    return "\n".join(lines)


SINK = Sink(title="Text for people", media_type="text/plain; charset=utf-8", encode=encode)
