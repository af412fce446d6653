"""Turns `tidewaiter explain ID --from ALERTS` into everything that is known of one alert: text, a page, or JSON."""

import os

import click

from tidewaiter.analytics import analytics
from tidewaiter.cli._explain_text import render_explanation
from tidewaiter.cli._faults import UsageFault, open_policy
from tidewaiter.cli._terminal import page_size, write_bytes
from tidewaiter.edge.alert_files import AlertFiles, AlertsError
from tidewaiter.edge.paths import STDIN, expand
from tidewaiter.edge.whole_file import WholeFileError, write_whole
from tidewaiter.policy import DEFAULT_POLICY
from tidewaiter.policy_yaml import printable
from tidewaiter.review.explanation import Explanation
from tidewaiter.review.sought import UnknownId
from tidewaiter.sinks._escape import encode_json

_WIDTH = 100
"""Columns of text in a file."""


@click.command()
@click.argument("alert", metavar="ID")
@click.option(
    "--from",
    "sources",
    multiple=True,
    required=True,
    metavar="ALERTS",
    help="JSON Lines of hunt or watch, best with --containers: file, folder, glob or -. May be given again.",
)
@click.option(
    "--policy", "policy_path", metavar="FILE", help="The policy that judged, which says how long the window is."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "html", "json"]),
    default="text",
    show_default=True,
    help="Form of the output.",
)
@click.option("-o", "--output", "output", metavar="FILE", help="Write it there.  [default: standard output]")
def explain(alert: str, sources: tuple[str, ...], policy_path: str | None, form: str, output: str | None) -> None:
    """Explain one alert: timeline, image identity, decisions, gaps.

    ID is that of an alert or of an incident, or the beginning of one. Other records of the run say where else the same
    content ran, and which containers were silent about something alike, and why.

    \b
    Examples:
      tidewaiter hunt logs/ --containers --format jsonl > alerts.jsonl
      tidewaiter explain 946f91aa --from alerts.jsonl
      tidewaiter explain 946f91aa --from alerts.jsonl --format html -o alert.html

    Exit status: 0, or 2 where the id is not known or the files hold no alert.
    """
    policy = open_policy(policy_path) if policy_path is not None else DEFAULT_POLICY
    if output is not None and os.path.exists(output) and os.path.realpath(output) in _read_from(sources):
        raise UsageFault(f"{printable(output)}: is what --from reads, and would be lost; name another file")
    try:
        files = AlertFiles(sources)
        found = files.explain(alert, policy, _triage)
        _put(found, form, output)
    except (AlertsError, UnknownId, WholeFileError) as error:
        raise UsageFault(str(error)) from error
    for problem in files.problems:
        click.echo(f"read only in part: {problem}", err=True)
    if files.unread:
        click.echo(f"{files.unread:,} lines are no record of tidewaiter and were left out", err=True)


def _read_from(sources: tuple[str, ...]) -> set[str]:
    return {os.path.realpath(path) for path in expand(sources).files if path != STDIN}


def _triage(analytic: str) -> tuple[str, ...]:
    known = analytics().get(analytic)
    return known.triage if known is not None else ()


def _put(found: Explanation, form: str, output: str | None) -> None:
    width, color = (_WIDTH, False) if output is not None else page_size()
    if form == "json":
        data = encode_json(found)
    elif form == "html":
        # Imported here: only a page needs templates.
        from tidewaiter.web.explanation_page import page_of

        data = page_of(found).encode("utf-8", "replace")
    else:
        data = f"{render_explanation(found, width, color=color)}\n".encode("utf-8", "replace")
    if output is None:
        write_bytes(data)
    else:
        write_whole(output, data)
