"""Measures tuning on thirty labelled false alerts: how many go silent, which attacks are lost, and what else."""

from pathlib import Path

import msgspec
import pytest
from false_alerts import STORIES, TRUE_ALERTS, Story, write_telemetry

from tidewaiter.alert import Alert
from tidewaiter.analytics import analytics
from tidewaiter.edge.attacks import attacks_in, lost_to
from tidewaiter.edge.hunt import Hunt
from tidewaiter.edge.reader import ReadOptions
from tidewaiter.engine import Engine
from tidewaiter.policy import TrustPolicy
from tidewaiter.policy_rules import Scope
from tidewaiter.review.recorded import History, Record
from tidewaiter.review.tuning import Tuning, propose, ranked, with_scopes
from tidewaiter.review.tuning_rules import Way

SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios"
POLICY = TrustPolicy()


class Measured(msgspec.Struct, frozen=True):
    """The telemetry, what was said of it, and what is proposed."""

    paths: list[str]
    false: frozenset[str]
    """Ids of the thirty."""
    true: frozenset[str]
    tuning: Tuning
    attacks: int


def hunted(paths: list[str], policy: TrustPolicy) -> list[Alert]:
    engine = Engine(policy, analytics()["AN0691"])
    Hunt(engine, paths, ReadOptions()).run()
    return [output for output in engine.finish() if isinstance(output, Alert)]


def repositories(stories: tuple[Story, ...]) -> list[str]:
    return sorted(story.image.rsplit(":", 1)[0].rsplit("/", 1)[-1] for story in stories)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """Thirty false alerts, five true ones beside them, and the labelled attacks."""
    folder = tmp_path_factory.mktemp("false-alerts")
    paths = [str(path) for path in write_telemetry(folder, STORIES)]
    false = frozenset(alert.id for alert in hunted(paths, POLICY))
    paths = [str(path) for path in write_telemetry(folder, (*STORIES, *TRUE_ALERTS))]
    alerts = hunted(paths, POLICY)
    history = History()
    for alert in alerts:
        record = msgspec.json.decode(
            msgspec.json.encode({"kind": "alert", **msgspec.structs.asdict(alert)}), type=Record
        )
        history.add(record)
    tuning = propose({id: history.alerts[id] for id in false}, history, POLICY)
    attacks = attacks_in(str(SCENARIOS))
    lost = lost_to([c.scope for c in tuning.candidates if c.scope is not None], attacks)
    for candidate in tuning.candidates:
        if candidate.scope is not None:
            candidate.lost = lost.by_scope[candidate.scope.name]
            candidate.if_there = lost.if_there[candidate.scope.name]
    true = frozenset(alert.id for alert in alerts) - false
    return Measured(paths, false, true, ranked(tuning), lost.attacks)


def chosen(tuning: Tuning, ways: tuple[Way, ...]) -> tuple[Scope, ...]:
    """The first candidate of each group that is a scope, not rejected, and of one of these ways."""
    found: dict[str, Scope] = {}
    for group in tuning.groups:
        fitting = (c.scope for c in group.candidates if c.scope is not None and c.way in ways and not c.is_rejected)
        if (scope := next(fitting, None)) is not None:
            found[scope.name] = scope
    return tuple(found.values())


def test_the_set_is_thirty_alerts(measured: Measured) -> None:
    assert (len(STORIES), len(measured.false), len(measured.true)) == (30, 30, len(TRUE_ALERTS))


FIGURES: dict[str, tuple[tuple[Way, ...], int, int]] = {
    "first": (("content", "repository", "user"), 29, 0),
    "repository": (("repository", "user"), 29, 0),
}
"""Ways from which the first candidate is taken -> false alerts silenced, true alerts silenced."""


@pytest.mark.parametrize("name", FIGURES)
def test_figures(measured: Measured, name: str) -> None:
    """Hunting again with the chosen scopes: silenced of thirty, other records silenced, attacks lost (none)."""
    ways, silenced, others = FIGURES[name]
    scopes = chosen(measured.tuning, ways)
    left = {alert.id for alert in hunted(measured.paths, with_scopes(POLICY, scopes))}
    assert (len(measured.false - left), len(measured.true - left)) == (silenced, others)
    lost = lost_to(scopes, attacks_in(str(SCENARIOS)))
    assert lost.attacks == measured.attacks > 40
    assert not any(lost.by_scope.values())


def test_the_engine_silences_what_was_said(measured: Measured) -> None:
    """For each candidate alone: what goes silent is what the records said, and perhaps what they could not say."""
    for candidate in measured.tuning.candidates:
        if candidate.scope is None:
            continue
        left = {alert.id for alert in hunted(measured.paths, with_scopes(POLICY, (candidate.scope,)))}
        gone = (measured.false | measured.true) - left
        said = {*candidate.silences, *(record.id for record in candidate.also)}
        assert said <= gone <= said | {record.id for record in candidate.perhaps}


def test_what_looks_like_an_attack_is_not_silenced(measured: Measured) -> None:
    """Packages installed in ubuntu on the very machine of a labelled attack: the only rule there is rejected."""
    [group] = [group for group in measured.tuning.groups if all(c.is_rejected for c in group.candidates)]
    assert group.records[0].container_name == "quirky_lamport"
    assert [candidate.lost for candidate in group.candidates] == [("A01-kinsing-ubuntu",)]


def test_the_set_is_of_many_places(measured: Measured) -> None:
    assert len({story.namespace or story.node for story in STORIES}) >= 12
    assert len(set(repositories(STORIES))) >= 20
