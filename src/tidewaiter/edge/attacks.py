"""Turns labelled scenarios and scopes into the attacks that each scope would silence, measured by the engine itself.

A scenario is hunted through under its own policy, then with all scopes added. Scopes of one effect only add silence, so
where nothing is lost to all together, nothing is lost to any; only what changed is tried with each scope alone.

Scenarios happen in other places than the scopes name. So each scope is tried a second time without its place and its
user, with its image or its digests alone: what it would silence if the attack happened there.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from tidewaiter.baseline import Profile
from tidewaiter.edge.scenario import Scenario, ScenarioError, name_in, read_scenario, scenario_folders
from tidewaiter.edge.trial import learned, run
from tidewaiter.policy_rules import Scope
from tidewaiter.review.recorded import is_lowered
from tidewaiter.review.tuning import with_scopes

__all__ = ["Lost", "ScenarioError", "attacks_in", "lost_to"]

Verdicts = dict[str, str]
"""Alert id -> verdict."""


class Lost(msgspec.Struct, frozen=True):
    """What scopes do to labelled attacks."""

    attacks: int
    """Scenarios that were tried: labelled as attacks, with an alert or a suspicious record to lose."""
    by_scope: dict[str, tuple[str, ...]]
    """Name of a scope -> the scenarios in which a record goes silent or weighs less; all scopes are there."""
    if_there: dict[str, tuple[str, ...]]
    """The same, if the attacks happened in the place that the scope names, and by the user."""


def attacks_in(folder: str) -> list[Scenario]:
    """The scenarios that hold an attack. Raises `ScenarioError`, also where there is none."""
    top = Path(folder)
    found = [read_scenario(path, name_in(top, path)) for path in scenario_folders(top)]
    attacks = [scenario for scenario in found if _is_attack(scenario)]
    if not attacks:
        raise ScenarioError(
            f"{folder}: none of {len(found)} scenarios is labelled as an attack "
            '(label = "attack" in expect.toml), so nothing would be checked'
        )
    return attacks


def lost_to(scopes: Sequence[Scope], attacks: Sequence[Scenario]) -> Lost:
    """Which attacks each scope would silence. The scopes have names of their own and one effect."""
    moved = {scope.name: _anywhere(scope) for scope in scopes}
    contents = tuple(dict.fromkeys(moved.values()))
    # One without content silences everything: it would hide that the others lose nothing.
    whole = tuple(scope for scope in contents if scope.image is None and not scope.digests)
    parts = tuple(scope for scope in contents if scope not in whole)
    lost: dict[Scope, list[str]] = {scope: [] for scope in (*scopes, *contents)}
    tried = 0
    for scenario in attacks:
        profiles = learned(scenario).profiles
        before = _verdicts(scenario, profiles, ())
        tried += bool(before)
        for together in (scopes, parts, whole):
            if before and together and _loses(before, _verdicts(scenario, profiles, together)):
                for scope in together:
                    if _loses(before, _verdicts(scenario, profiles, (scope,))):
                        lost[scope].append(scenario.name)
    return Lost(
        tried,
        {scope.name: tuple(lost[scope]) for scope in scopes},
        {scope.name: tuple(lost[moved[scope.name]]) for scope in scopes},
    )


def _anywhere(scope: Scope) -> Scope:
    """A scope's effect on its content, wherever it runs, whoever made it."""
    return Scope(name="-", image=scope.image, digests=scope.digests, quiet=scope.quiet, ceiling=scope.ceiling)


def _is_attack(scenario: Scenario) -> bool:
    labels = {scenario.expected.label, *(container.label for container in scenario.expected.containers)}
    return "attack" in labels


def _verdicts(scenario: Scenario, profiles: Sequence[Profile], scopes: Sequence[Scope]) -> Verdicts:
    outcome = run(scenario, profiles, policy=with_scopes(scenario.policy, scopes))
    return {alert.id: alert.verdict for alert in outcome.alerts}


def _loses(before: Verdicts, after: Verdicts) -> bool:
    return any(is_lowered(verdict, after.get(id, "silenced")) for id, verdict in before.items())
