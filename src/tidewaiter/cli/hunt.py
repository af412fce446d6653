"""Turns `tidewaiter hunt PATH...` into alerts on stdout: recorded telemetry in, the few chains that matter out."""

import sys
from collections.abc import Callable

import click
import msgspec

from tidewaiter.alert import Alert, ContainerShown, Output
from tidewaiter.analytics import analytics
from tidewaiter.cli._faults import UsageFault, open_policy
from tidewaiter.cli._given import (
    baseline_option,
    check_source,
    given_indicators,
    indicators_option,
    learn_facts,
    nothing_to_read,
    open_given,
    silent_sources,
    stranger_to,
    too_late,
)
from tidewaiter.cli._progress import Progress
from tidewaiter.cli._terminal import page_size, write_bytes, write_text
from tidewaiter.cli._times import duration_ns, moment_ns
from tidewaiter.edge.attack_names import named
from tidewaiter.edge.baseline_file import BaselineFile
from tidewaiter.edge.hunt import Hunt, horizon_ns
from tidewaiter.edge.paths import expand
from tidewaiter.edge.reader import ReadOptions
from tidewaiter.engine import Engine
from tidewaiter.indicators import Indicators
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy
from tidewaiter.policy_yaml import printable
from tidewaiter.sinks import sinks
from tidewaiter.sinks.text import render, render_containers
from tidewaiter.sources import sources

EXIT_ALERT = 1
EXIT_USAGE = 2
EXIT_INCOMPLETE = 3
_SHOWN_OF_RECORD = 120
_FEW_CONTAINERS = 25


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--policy", "policy_path", metavar="FILE", help="Trust policy; without one every registry is untrusted.")
@baseline_option
@indicators_option
@click.option(
    "--facts", "facts_paths", multiple=True, metavar="FILE", help="Image facts, or an image (archive, layout) to prove."
)
@click.option("--cluster", default="default", show_default=True, help="Cluster of records that name none.")
@click.option("--node", help="Node of records that name none.")
@click.option(
    "--source", "source", metavar="NAME", help="Read every record as this source's; else each is recognised by itself."
)
@click.option(
    "--require", "required", multiple=True, metavar="SOURCE", help="Exit status 3 if this source has no record."
)
@click.option(
    "--min-attribution",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Exit status 3 if of a source's container records less than this (0 to 1) could be tied to a container.",
)
@click.option(
    "--since",
    callback=moment_ns,
    metavar="TIME",
    help="Leave out behaviour from before (2026-09-21T14:13:00Z, 2026-09-21).",
)
@click.option("--until", callback=moment_ns, metavar="TIME", help="Leave out everything from after.")
@click.option(
    "--lateness",
    callback=duration_ns,
    metavar="TIME",
    help="How late, and so out of order, records may come.  [default: 60s]",
)
@click.option(
    "--containers",
    is_flag=True,
    help="Also list every container with its image and verdict, alert or not (text always does for up to 25).",
)
@click.option("--keep-arguments", is_flag=True, help="Do not mask secrets in command lines.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "jsonl", "ocsf", "syslog"]),
    default="text",
    show_default=True,
    help="Form of the output.",
)
@click.option("--no-quick-path", is_flag=True, help="Decode every record, for comparison.", hidden=True)
def hunt(
    paths: tuple[str, ...],
    policy_path: str | None,
    baseline_path: str | None,
    indicators_path: str | None,
    facts_paths: tuple[str, ...],
    cluster: str,
    node: str | None,
    source: str | None,
    required: tuple[str, ...],
    min_attribution: float | None,
    since: int | None,
    until: int | None,
    lateness: int | None,
    containers: bool,
    keep_arguments: bool,
    form: str,
    no_quick_path: bool,
) -> None:
    """Find untrusted images that misbehaved, in recorded telemetry.

    Reads files, folders, globs and - (standard input), plain, .gz or .zst; every record's source is recognised by
    itself, and `tidewaiter sources` lists what can be read.

    \b
    Examples:
      tidewaiter hunt /var/log/audit docker-events.jsonl tetragon/*.gz --policy policy.yaml
      docker events --since 1h --until 0s --format '{{json .}}' | tidewaiter hunt - --format jsonl

    Exit status: 0 nothing found, 1 at least one alert, 2 usage or configuration, 3 telemetry incomplete.
    """
    if since is not None and until is not None and since > until:
        raise UsageFault("--since: lies after --until, so nothing could be found")
    for name in (*required, *([source] if source is not None else [])):
        check_source(name)
    policy = open_policy(policy_path) if policy_path is not None else DEFAULT_POLICY
    if lateness is not None:
        policy = msgspec.structs.replace(policy, lateness_ns=lateness)
    expansion = expand(paths)
    if not expansion.files:
        raise UsageFault(nothing_to_read(paths, expansion.problems))
    baseline = open_given(baseline_path) if baseline_path is not None else None
    engine = _engine(policy, baseline, given_indicators(indicators_path), facts_paths, keep_arguments)
    if policy_path is None:
        click.echo(
            "no policy given: every registry counts as untrusted. "
            f"Begin one with: tidewaiter policy suggest {printable(paths[0])}",
            err=True,
        )
    with Progress(expansion.files) as progress:
        run = Hunt(
            engine,
            expansion.files,
            ReadOptions(cluster=cluster, node=node),
            source=source,
            since_ns=since,
            until_ns=until,
            quick=not no_quick_path,
            on_progress=progress.show,
        )
        run.run()
    writer = _writer(form)
    alerts = suspicious = 0
    shown: list[ContainerShown] = []
    is_told = containers or (form == "text" and engine.directory.count <= _FEW_CONTAINERS)
    for output in engine.finish(containers=is_told):
        if isinstance(output, ContainerShown):
            shown.append(output)
            continue
        if isinstance(output, Alert):
            alerts += output.verdict == "alert"
            suspicious += output.verdict == "suspicious"
        writer(output)
    _write_containers(shown, form, writer)
    unread = [*expansion.problems, *((problem.stream, problem.sentence) for problem in run.problems)]
    incomplete = [f"{printable(path)}: {sentence}" for path, sentence in unread]
    incomplete += silent_sources(engine, required) + _unattributed(engine, min_attribution)
    is_lost = bool(run.strangers) and not any(name in sources() for name in engine.ledger.counts)
    summary = engine.summary(not incomplete and not is_lost, alerts, suspicious)
    writer(summary)
    _talk(incomplete, run, engine)
    broken = _talk_of(baseline, engine) if baseline is not None else False
    sys.stdout.flush()
    sys.exit(EXIT_USAGE if broken else EXIT_ALERT if alerts else EXIT_INCOMPLETE if not summary.complete else 0)


def _engine(
    policy: TrustPolicy,
    baseline: BaselineFile | None,
    indicators: Indicators | None,
    facts_paths: tuple[str, ...],
    keep_arguments: bool,
) -> Engine:
    engine = Engine(
        policy,
        named(analytics()["AN0691"], lambda sentence: click.echo(sentence, err=True)),
        baseline=baseline,
        indicators=indicators,
        keep_arguments=keep_arguments,
        horizon_ns=horizon_ns(),
    )
    learn_facts(engine, facts_paths)
    return engine


def _writer(form: str) -> Callable[[Output], None]:
    if form != "text":
        encode = sinks()[form].encode
        return lambda output: write_bytes(encode(output))
    width, color = page_size()
    return lambda output: write_text(render(output, width=width, color=color) + "\n")


def _write_containers(shown: list[ContainerShown], form: str, writer: Callable[[Output], None]) -> None:
    if form == "text":
        if shown:
            width, color = page_size()
            write_text(render_containers(shown, width=width, color=color) + "\n\n")
    else:
        for container in shown:
            writer(container)


def _unattributed(engine: Engine, floor: float | None) -> list[str]:
    """Sources of whose container records less than `floor` could be attributed."""
    if floor is None:
        return []
    found: list[str] = []
    for name, outcomes in sorted(engine.ledger.counts.items()):
        lost = outcomes.get("unattributed", 0)
        bearing = lost + sum(outcomes.get(outcome, 0) for outcome in ("used", "duplicate", "expired"))
        if bearing and (bearing - lost) / bearing < floor:
            found.append(f"{name}: {lost} of {bearing} container records could not be attributed")
    return found


def _talk(incomplete: list[str], run: Hunt, engine: Engine) -> None:
    for sentence in incomplete:
        click.echo(f"incomplete: {sentence}", err=True)
    for stream, unread in list(run.strangers.items())[:10]:
        first = f"; its first record begins: {printable(unread.text)[:_SHOWN_OF_RECORD]}" if unread is not None else ""
        click.echo(f"{printable(stream)}: nothing in it was recognised{first}", err=True)
    if len(run.strangers) > 10:
        click.echo(f"... and {len(run.strangers) - 10} more files of which nothing was recognised", err=True)
    if run.strangers:
        click.echo(f"sources that exist: {', '.join(sorted(sources()))} (see: tidewaiter sources)", err=True)
    late = too_late(engine)
    if late is not None:
        click.echo(late, err=True)


def _talk_of(baseline: BaselineFile, engine: Engine) -> bool:
    """Say what of a baseline did not apply. Gives back whether some of it could not be read."""
    stranger = stranger_to(baseline, engine.state.clusters)
    for sentence in (*([stranger] if stranger is not None else []), *baseline.problems):
        click.echo(sentence, err=True)
    return bool(baseline.problems)
