"""Turns `tidewaiter eval FOLDER` into a score: labelled scenarios in, precision, recall and what they depend on out."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from tidewaiter.cli._eval_text import render
from tidewaiter.cli._faults import UsageFault, open_policy
from tidewaiter.cli._form import form_option
from tidewaiter.cli._given import nothing_to_read, open_given, stranger_to
from tidewaiter.cli._progress import Trials
from tidewaiter.cli._terminal import page_size, write_bytes, write_text
from tidewaiter.edge.evaluation import evaluate, measure_background
from tidewaiter.edge.hunt import horizon_ns
from tidewaiter.edge.paths import STDIN, expand
from tidewaiter.edge.scenario import (
    EXPECTED,
    Scenario,
    ScenarioError,
    name_in,
    read_scenario,
    scenario_folders,
    without_expectation,
)
from tidewaiter.edge.whole_file import WholeFileError, write_whole
from tidewaiter.policy import DEFAULT_POLICY
from tidewaiter.policy_yaml import printable
from tidewaiter.review.evaluation import Background, Evaluation, Fault
from tidewaiter.sinks._escape import encode_json
from tidewaiter.sinks._page import Page

EXIT_OTHERWISE = 1
EXIT_NOTHING = 3
_FAULTS_SHOWN = 20


@click.command("eval")
@click.argument("folder", metavar="FOLDER")
@click.option("--only", default="*", metavar="PATTERN", help="Only scenarios whose name fits this shell glob.")
@click.option("--quick", is_flag=True, help="Leave out what depends on other settings and missing sources.")
@click.option(
    "--background",
    "background_paths",
    multiple=True,
    metavar="PATH",
    help="Telemetry in which, as you say, nothing bad happened: what it costs in alerts a day.",
)
@click.option("--policy", "policy_path", metavar="FILE", help="Of the background: its trust policy.")
@click.option("--baseline", "baseline_path", metavar="FILE", help="Of the background: its baseline.")
@click.option("--html", "html_path", metavar="FILE", help="Write the evaluation as one self-contained page, too.")
@form_option
def evaluation_command(
    folder: str,
    only: str,
    quick: bool,
    background_paths: tuple[str, ...],
    policy_path: str | None,
    baseline_path: str | None,
    html_path: str | None,
    form: str,
) -> None:
    """Score labelled scenarios: precision, recall, exact verdicts.

    Also what they owe to each setting and to each source of telemetry.

    A scenario is a folder in FOLDER with telemetry, policy.yaml and expect.toml (docs/eval.md).

    \b
    Examples:
      tidewaiter eval tests/scenarios --html score.html
      tidewaiter eval my-scenarios --only 'cron-*' --quick
      tidewaiter eval my-scenarios --background /var/log/telemetry/ --policy policy.yaml --format json

    Exit status: 0 every verdict is the expected one, 1 some are not, 2 usage or a fault in a scenario, 3 nothing to
    score.
    """
    if not background_paths and (policy_path is not None or baseline_path is not None):
        raise UsageFault("--policy and --baseline are for --background; a scenario brings its own")
    scenarios, left_out = _scenarios(folder, only)
    if not scenarios:
        what = "holds no scenario (a folder with expect.toml)" if only == "*" else "holds no scenario of such a name"
        click.echo(f"{printable(folder)}: {what}: nothing to score", err=True)
        sys.exit(EXIT_NOTHING)
    if html_path is not None:
        _spare(html_path, scenarios, [*background_paths, policy_path, baseline_path])
    background, faults = _background(background_paths, policy_path, baseline_path)
    with Trials() as trials:
        found = evaluate(folder, scenarios, quick=quick, background=background, on_trial=trials.show)
    found = msgspec.structs.replace(found, faults=(*left_out, *faults, *found.faults))
    if html_path is not None:
        _write_page(found, html_path)
    if form == "json":
        write_bytes(encode_json(found))
    else:
        write_text("\n".join(render(found, Page(*page_size()))) + "\n")
    for fault in found.faults:
        click.echo(f"incomplete: {printable(fault.where)}: {printable(fault.sentence)}", err=True)
    sys.stdout.flush()
    sys.exit(EXIT_OTHERWISE if found.wrong else 0)


def _scenarios(folder: str, only: str) -> tuple[list[Scenario], list[Fault]]:
    """All scenarios, and what is none of them. Raises UsageFault with one line for each that cannot be read."""
    top = Path(folder)
    faults: list[str] = []
    scenarios: list[Scenario] = []
    try:
        folders = scenario_folders(top, only)
        strangers = without_expectation(top, folders) if only == "*" else []
    except ScenarioError as error:
        raise UsageFault(str(error)) from error
    for inside in folders:
        try:
            scenarios.append(read_scenario(inside, name_in(top, inside)))
        except ScenarioError as error:
            faults.append(str(error))
    if faults:
        more = [f"... and {len(faults) - _FAULTS_SHOWN} more faults"] if len(faults) > _FAULTS_SHOWN else []
        raise UsageFault("\n".join([*faults[:_FAULTS_SHOWN], *more]))
    return scenarios, [Fault(name, f"holds no {EXPECTED}, so nothing in it was scored") for name in strangers]


def _spare(page: str, scenarios: Sequence[Scenario], others: Sequence[str | None]) -> None:
    """See that the page is written over nothing that is read, and becomes no telemetry of a scenario's next run.

    Raises UsageFault.
    """
    place = Path(page).resolve()
    for scenario in scenarios:
        if place.is_relative_to(scenario.folder.resolve()):
            told = f"{printable(page)}: lies in the scenario {printable(scenario.name)} and would be read as telemetry"
            raise UsageFault(f"{told} of it; name another file")
    given = expand([path for path in others if path is not None]).files
    if place in {Path(path).resolve() for path in given if path != STDIN}:
        raise UsageFault(f"{printable(page)}: is what is read, and would be lost; name another file")


def _background(
    paths: Sequence[str], policy_path: str | None, baseline_path: str | None
) -> tuple[Background | None, list[Fault]]:
    if not paths:
        return None, []
    policy = open_policy(policy_path) if policy_path is not None else DEFAULT_POLICY
    expansion = expand(paths)
    if not expansion.files:
        raise UsageFault(nothing_to_read(paths, expansion.problems))
    baseline = open_given(baseline_path) if baseline_path is not None else None
    measured, faults = measure_background(expansion.files, policy, baseline=baseline, horizon_ns=horizon_ns())
    faults = [*(Fault(path, sentence) for path, sentence in expansion.problems), *faults]
    if baseline is not None:
        stranger = stranger_to(baseline, measured.clusters)
        told = [*([stranger] if stranger is not None else []), *baseline.problems]
        faults += [Fault("baseline", sentence) for sentence in told]
        baseline.close()
    stated = msgspec.structs.replace(measured, paths=tuple(paths), policy=policy_path, baseline=baseline_path)
    return stated, faults


def _write_page(found: Evaluation, path: str) -> None:
    """Write the page whole or not at all. Raises UsageFault."""
    from tidewaiter.web.evaluation_page import page_of

    try:
        write_whole(path, page_of(found).encode("utf-8", "replace"))
    except WholeFileError as error:
        raise UsageFault(str(error)) from error


eval = evaluation_command
