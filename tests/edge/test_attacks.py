"""Checks that scopes which silence labelled attacks are found out, by the engine, on scenarios that exist."""

from pathlib import Path

import pytest

from tidewaiter.edge.attacks import ScenarioError, attacks_in, lost_to
from tidewaiter.edge.scenario import read_scenario
from tidewaiter.policy_rules import Scope

SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios"
KINSING = [read_scenario(SCENARIOS / "A01-kinsing-ubuntu"), read_scenario(SCENARIOS / "A11-commando-cat")]
UBUNTU = "docker.io/library/ubuntu"


@pytest.mark.parametrize("effect", [{"quiet": True}, {"ceiling": "suspicious"}])
def test_each_scope_loses_what_it_silences(effect: dict[str, object]) -> None:
    scopes = [
        Scope(name="here", node="dock-01", image=UBUNTU, **effect),  # type: ignore[arg-type]
        Scope(name="elsewhere", node="dock-77", image=UBUNTU, **effect),  # type: ignore[arg-type]
        Scope(name="other", node="dock-01", image="docker.io/library/redis", **effect),  # type: ignore[arg-type]
    ]
    lost = lost_to(scopes, KINSING)
    assert lost.attacks == 2
    assert lost.by_scope == {"here": ("A01-kinsing-ubuntu",), "elsewhere": (), "other": ()}
    assert lost.if_there == {"here": ("A01-kinsing-ubuntu",), "elsewhere": ("A01-kinsing-ubuntu",), "other": ()}


def test_a_scope_by_user_alone_would_lose_everything_there() -> None:
    lost = lost_to([Scope(name="user", namespace="ci", user="alice", quiet=True)], KINSING)
    assert (lost.by_scope["user"], len(lost.if_there["user"])) == ((), 2)


def test_no_scope_loses_nothing() -> None:
    assert lost_to([], KINSING).by_scope == {}


def test_only_labelled_attacks_are_tried() -> None:
    names = {scenario.name for scenario in attacks_in(str(SCENARIOS))}
    assert "A01-kinsing-ubuntu" in names
    assert "B01-ci-runner" not in names


def test_a_folder_without_attacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="none of 0 scenarios is labelled"):
        attacks_in(str(tmp_path))
