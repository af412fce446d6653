"""Turns `tidewaiter policy check|test|suggest` into trust states, test results and a first policy to edit."""

import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar

import click
import msgspec

from tidewaiter.cli._faults import UsageFault, open_policy
from tidewaiter.cli._form import form_option
from tidewaiter.policy import DEFAULT_POLICY, ConfigError, Effects, Subject, Trust, TrustPolicy
from tidewaiter.policy_rules import GLOB_FIELDS
from tidewaiter.policy_suggest import suggest_policy
from tidewaiter.policy_yaml import cut, printable
from tidewaiter.reference import ImageReference, ImageReferenceError, parse_reference

Command = TypeVar("Command", bound=Callable[..., Any])


def _print_json(document: object) -> None:
    click.echo(msgspec.json.encode(document))


@click.group()
def policy() -> None:
    """Write, check and test a trust policy.

    \b
    Example:
      tidewaiter policy suggest logs/ > policy.yaml
      tidewaiter policy test policy.yaml
      tidewaiter policy check nginx --policy policy.yaml
    """


# --------------------------------------------------------------------------------------------- check


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What the policy says about one reference."""

    reference: str
    """As it was typed."""
    name: str
    """Normal form."""
    origin: str | None
    """The repository that rules are matched against: the upstream, where a mirror was named."""
    trust: Trust
    effects: Effects | None
    """None where no place of running was given."""


def _check(rules: TrustPolicy, reference: ImageReference, place: Subject | None) -> Checked:
    origin = rules.upstream(reference.repository) if reference.repository is not None else None
    digests = () if reference.digest is None else (reference.digest,)
    effects = None
    if place is not None:
        images = () if origin is None else (origin,)
        effects = rules.effects_for(msgspec.structs.replace(place, images=images, digests=digests))
    return Checked(
        reference=reference.text,
        name=reference.name,
        origin=origin,
        trust=rules.trust_of(origin, digests),
        effects=effects,
    )


def _effect_lines(effects: Effects) -> list[str]:
    lines = []
    if effects.require is not None:
        lines.append(f'requires a {effects.require[0]} image, by scope "{effects.require[1]}"')
    lines.extend(f'forbids {thing}, by scope "{scope}"' for thing, scope in effects.forbid)
    if effects.ceiling is not None:
        lines.append(f'at most {effects.ceiling[0]}, by scope "{effects.ceiling[1]}"')
    if effects.quiet is not None:
        lines.append(f'quiet, by scope "{effects.quiet}"')
    return lines or ["no scope matches"]


def _text(checked: Checked) -> str:
    rule = checked.trust.rule
    reason = {"default": "the default", "no origin": "it names no origin"}.get(rule, f'rule "{rule}"')
    lines = [f"{checked.name}: {checked.trust.state} ({reason})"]
    if checked.origin is not None and not checked.name.startswith((f"{checked.origin}:", f"{checked.origin}@")):
        lines.append(f"  judged as {checked.origin}, whose bytes this mirror hands on")
    if checked.effects is not None:
        lines.extend(f"  {line}" for line in _effect_lines(checked.effects))
    return printable_lines(lines)


def printable_lines(lines: Iterable[str]) -> str:
    """The lines joined, each with everything that does not print escaped."""
    return "\n".join(map(printable, lines))


def _place_options(command: Command) -> Command:
    for name in reversed(GLOB_FIELDS):
        words = name.replace("_", " ")
        add = click.option(f"--{name.replace('_', '-')}", name, help=f"Also say what scopes expect of this {words}.")
        command = add(command)
    return click.option("--group", "groups", multiple=True, help="A group of the user; may be given again.")(command)


@policy.command()
@click.argument("references", metavar="REF...", nargs=-1, required=True)
@click.option("--policy", "path", metavar="FILE", help="The policy to ask; without it, the defaults.")
@_place_options
@form_option
def check(
    references: tuple[str, ...],
    path: str | None,
    form: Literal["text", "json"],
    groups: tuple[str, ...],
    **place: str | None,
) -> None:
    """Say whether images are trusted, and by which rule.

    A digest in a reference is taken as proven. With --namespace and the like, also say what the scopes expect there.

    \b
    Example:
      tidewaiter policy check nginx registry.corp.example/app:1.4 --policy policy.yaml --namespace ci
    """
    rules = DEFAULT_POLICY if path is None else open_policy(path)
    if path is None:
        click.echo("no policy given: no registry is trusted (tidewaiter policy suggest makes a first one)", err=True)
    is_placed = bool(groups) or any(value is not None for value in place.values())
    subject = msgspec.convert({"groups": groups, **place}, Subject) if is_placed else None
    results: list[Checked] = []
    faults: list[str] = []
    for text in references:
        try:
            reference = parse_reference(text)
        except ImageReferenceError as error:
            faults.append(str(error))
        else:
            results.append(_check(rules, reference, subject))
    if form == "json":
        _print_json(
            {"kind": "policy_check", "schema": 1, "policy": printable(path) if path else None, "references": results}
        )
    else:
        for result in results:
            click.echo(_text(result))
    if faults:
        raise UsageFault(printable_lines(faults))


# --------------------------------------------------------------------------------------------- test


@policy.command("test")
@click.argument("path", metavar="FILE")
@form_option
def run_tests(path: str, form: Literal["text", "json"]) -> None:
    """Load a policy and run the cases under its `tests`.

    Exit status: 0 all pass, 1 some fail, 2 the file has faults.

    \b
    Example:
      tidewaiter policy test policy.yaml
    """
    rules = open_policy(path)
    failures = rules.run_tests()
    total = len(rules.tests)
    passed = total - len(failures)
    if form == "json":
        _print_json(
            {
                "kind": "policy_test",
                "schema": 1,
                "policy": printable(path),
                "tests": total,
                "passed": passed,
                "failures": failures,
            }
        )
    else:
        for failure in failures:
            click.echo(printable(failure))
        cases = f"{passed} of {total} test{'' if total == 1 else 's'} passed"
        click.echo(f"{printable(path)}: {cases if total else 'no faults; it holds no tests'}")
    if failures:
        raise click.exceptions.Exit(1)


# --------------------------------------------------------------------------------------------- suggest


@policy.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@form_option
def suggest(paths: tuple[str, ...], form: Literal["text", "json"]) -> None:
    """Print a first policy to edit, from the images seen in telemetry.

    It lists their registries and repositories with counts, as rules that are commented out: nothing is trusted yet.

    \b
    Example:
      tidewaiter policy suggest logs/ audit.jsonl.gz > policy.yaml
    """
    # Imported here: reading telemetry loads every source, which the other commands do without.
    census = importlib.import_module("tidewaiter.edge.census")
    told: list[str] = []

    def tell_problem(path: str, sentence: str) -> None:
        told.append(f"{printable(path)}: {printable(sentence)}")
        click.echo(told[-1], err=True)

    try:
        counts: Mapping[str, int] = census.count_repositories(paths, tell_problem)
    except OSError as error:
        if told:  # that says why
            raise click.exceptions.Exit(UsageFault.exit_code) from error
        raise UsageFault(cut(f"{error.filename or paths[0]}: cannot be read: {error.strerror or error}")) from error
    except ConfigError as error:
        raise UsageFault(str(error)) from error
    text = suggest_policy(counts)
    if form == "json":
        ordered = {
            printable(name): count for name, count in sorted(counts.items(), key=lambda seen: (-seen[1], seen[0]))
        }
        _print_json({"kind": "policy_suggestion", "schema": 1, "repositories": ordered, "policy": text})
    else:
        click.echo(text, nl=False)
    if not counts:
        click.echo("no image was named in what was read; `tidewaiter doctor` says what these files hold", err=True)
