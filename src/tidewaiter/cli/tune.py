"""Turns `tidewaiter tune` into proposals that would silence given false alerts, and, if told to, into a policy."""

import difflib
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

from tidewaiter.cli._faults import UsageFault, open_policy
from tidewaiter.cli._form import form_option
from tidewaiter.cli._terminal import write_bytes, write_text
from tidewaiter.cli._tune_document import Shown, Written, document
from tidewaiter.cli._tune_text import page
from tidewaiter.edge.policy_edit import Addition, EditError, added, replace_file
from tidewaiter.edge.recorded_alerts import RecordsError, read_records
from tidewaiter.policy import DEFAULT_POLICY, ConfigError
from tidewaiter.policy_yaml import printable
from tidewaiter.review.recorded import History, Record, UnknownIds, alerts_named
from tidewaiter.review.tuning import Candidate, Tuning, propose, ranked
from tidewaiter.review.tuning_rules import Effect
from tidewaiter.sinks._escape import encode_json

_MAX_STDIN = 1 << 20
_IDS_IN_COMMENT = 4


def _numbers(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...]:
    parts = value.split(",") if value is not None else []
    if not all(part.strip().isascii() and part.strip().isdigit() and len(part) < 7 for part in parts):
        raise UsageFault("--choose: give numbers of candidates, such as 1 or 1,4")
    return tuple(dict.fromkeys(int(part) for part in parts))


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID...]")
@click.option(
    "--from", "alerts", multiple=True, required=True, metavar="ALERTS", help="JSON Lines of hunt or watch; .gz is fine."
)
@click.option("--all-suspicious", is_flag=True, help="Every suspicious record of ALERTS is a false alert.")
@click.option(
    "--history", multiple=True, metavar="FILE", help="More records, to see what else a candidate would have silenced."
)
@click.option("--policy", "policy_path", metavar="FILE", help="The policy in force.  [default: that of --write]")
@click.option("--labelled", metavar="FOLDER", help="Labelled scenarios: a candidate that loses an attack is rejected.")
@click.option(
    "--effect",
    type=click.Choice(["quiet", "suspicious"]),
    default="quiet",
    show_default=True,
    help="Silence, or make at most suspicious.",
)
@click.option("--write", "target", metavar="POLICY", help="Add the chosen candidates to this policy.")
@click.option("--choose", "chosen", callback=_numbers, metavar="N[,N]", help="Candidates to add.  [default: none]")
@form_option
def tune(
    ids: tuple[str, ...],
    alerts: tuple[str, ...],
    all_suspicious: bool,
    history: tuple[str, ...],
    policy_path: str | None,
    labelled: str | None,
    effect: Effect,
    target: str | None,
    chosen: tuple[int, ...],
    form: Literal["text", "json"],
) -> None:
    """Propose the narrowest rules that would silence false alerts.

    ID is an alert, an incident (all its alerts) or the beginning of one; - reads ids from standard input. For each
    candidate it says which of the given alerts it silences, what else of the history, and whether a labelled attack
    would be lost. Nothing is written unless --write and --choose say so.

    \b
    Examples:
      tidewaiter hunt logs/ --policy policy.yaml --format jsonl > alerts.jsonl
      tidewaiter tune --from alerts.jsonl 358ebc12 --policy policy.yaml --labelled scenarios/
      tidewaiter tune --from alerts.jsonl 358ebc12 --labelled scenarios/ --write policy.yaml --choose 1

    Exit status: 0 candidates were shown or written, 2 usage or configuration.
    """
    if chosen and target is None:
        raise UsageFault("--choose: needs --write POLICY, the file that the candidates are added to")
    if target == "-":
        raise UsageFault("--write: needs the name of a policy file, and standard input is none")
    told: list[str] = []
    records, given = _given(alerts, history, ids, all_suspicious, told)
    path = policy_path if policy_path is not None else target
    policy = open_policy(path) if path is not None else DEFAULT_POLICY
    if path is None:
        told.append("no policy given: not checked whether one of its scopes outranks a candidate; give --policy FILE")
    tuning = propose(given, records, policy, effect)
    attacks = _checked(tuning, labelled) if labelled is not None else None
    if attacks is None:
        told.append("not checked against labelled attacks: give --labelled FOLDER")
    edited = _edited(target, tuning, chosen) if target is not None and chosen else None
    shown = Shown(tuning, len(given), len(records.alerts), len(records.containers), attacks, tuple(told), effect)
    if form == "json":
        written = None if edited is None else Written(printable(str(target)), chosen, edited[1])
        write_bytes(encode_json(document(shown, written)))
    else:
        write_text(page(shown) if edited is None else edited[1])
    for sentence in told:
        click.echo(sentence, err=True)
    if edited is not None and target is not None:
        _store(target, edited[0])
        tried = f"tidewaiter policy test {shlex.quote(printable(target))}"
        click.echo(f"{printable(target)}: {len(chosen)} added; try it with: {tried}", err=True)
    elif target is not None:
        click.echo(f"{printable(target)}: nothing was written; choose with --choose N[,N]", err=True)


def _given(
    alerts: Sequence[str], history: Sequence[str], ids: Sequence[str], all_suspicious: bool, told: list[str]
) -> tuple[History, dict[str, Record]]:
    """All records, and the alerts that were given."""
    if "-" in ids and "-" in (*alerts, *history):
        raise UsageFault("-: standard input cannot give both records and ids")
    try:
        read = read_records(alerts)
        more = read_records(history) if history else None
    except RecordsError as error:
        raise UsageFault(str(error)) from error
    told += [*read.problems, *(more.problems if more is not None else ())]
    if not (read.history.alerts or read.history.withdrawn):
        raise UsageFault(f"{', '.join(map(printable, alerts[:3]))}: holds no alert to tune; was nothing found?")
    typed = [id for id in ids if id != "-"]
    if "-" in ids:
        typed += sys.stdin.buffer.read(_MAX_STDIN).decode("utf-8", "replace").split()
    if not typed and not all_suspicious:
        raise UsageFault("no id given: name the false alerts, or an incident, or say --all-suspicious")
    try:
        named = alerts_named(read.history, typed)
    except UnknownIds as error:
        raise UsageFault("\n".join(map(printable, str(error).splitlines()))) from error
    given = named.alerts
    if all_suspicious:
        given |= {id: record for id, record in read.history.alerts.items() if record.verdict == "suspicious"}
    gone = f"{len(named.withdrawn)} of the given alerts were withdrawn: {', '.join(named.withdrawn[:5])}"
    if not given:
        raise UsageFault(printable(gone) if named.withdrawn else "nothing to tune: no record is suspicious")
    told += [printable(gone)] if named.withdrawn else []
    for record in (*more.history.alerts.values(), *more.history.containers.values()) if more is not None else ():
        read.history.add(record)
    read.history.settle()
    return read.history, given


def _checked(tuning: Tuning, folder: str) -> int:
    """Try the candidates on labelled attacks. Gives back how many attacks there were."""
    from tidewaiter.edge.attacks import ScenarioError, attacks_in, lost_to

    try:
        attacks = attacks_in(folder)
    except ScenarioError as error:
        raise UsageFault(printable(str(error))) from error
    scopes = [candidate.scope for candidate in tuning.candidates if candidate.scope is not None]
    lost = lost_to(scopes, attacks)
    for candidate in tuning.candidates:
        if candidate.scope is not None:
            candidate.lost = lost.by_scope[candidate.scope.name]
            candidate.if_there = lost.if_there[candidate.scope.name]
    ranked(tuning)
    return lost.attacks


def _additions(tuning: Tuning, chosen: Sequence[int]) -> list[Addition]:
    known = {candidate.number: candidate for candidate in tuning.candidates}
    additions: list[Addition] = []
    for number in chosen:
        candidate = known.get(number)
        if candidate is None:
            raise UsageFault(f"--choose: there is no candidate {number}; there are {len(known)}")
        if candidate.is_rejected:
            raise UsageFault(
                f"--choose: candidate {number} is rejected: it would lose {', '.join(candidate.lost or ())}"
            )
        if candidate.scope is None:
            raise UsageFault(
                f"--choose: candidate {number} is no scope: approve it in the baseline with the command shown"
            )
        examples = _examples(tuning, candidate)
        additions.append(Addition(candidate.scope, _comment(examples), examples[0]))
    return additions


def _examples(tuning: Tuning, candidate: Candidate) -> list[Record]:
    return [record for group in tuning.groups for record in group.records if record.id in candidate.silences]


def _comment(examples: Sequence[Record]) -> str:
    days = sorted({record.time[:10] for record in examples})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    ids = [record.id[:12] for record in examples]
    more = f" and {len(ids) - _IDS_IN_COMMENT} more" if len(ids) > _IDS_IN_COMMENT else ""
    return f"tidewaiter tune: alerts of {when}: {', '.join(ids[:_IDS_IN_COMMENT])}{more}"


def _edited(target: str, tuning: Tuning, chosen: Sequence[int]) -> tuple[str, str]:
    """The policy with the chosen candidates, and what is different. Raises `UsageFault`."""
    open_policy(target)  # says what is wrong with it, if something is
    before = Path(target).read_bytes().decode("utf-8")
    try:
        after = added(before, _additions(tuning, chosen), target)
    except (EditError, ConfigError) as error:
        raise UsageFault(str(error)) from error
    name = printable(target)
    changes = difflib.unified_diff(before.splitlines(), after.splitlines(), name, name, lineterm="")
    return after, "".join(f"{printable(line)}\n" for line in changes)


def _store(target: str, text: str) -> None:
    try:
        replace_file(target, text)
    except OSError as error:
        raise UsageFault(f"{printable(target)}: cannot be written: {error.strerror or error}") from error
