"""Holds the published cases against the scenarios: each has one, and its verdict is the label's, or the label is wrong.

The labels were written before the rules of AN0691. Where the rules give another verdict the rules hold; those labels
stand below, each with the rule that overrules it.
"""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml

SCENARIOS = Path(__file__).parent / "scenarios"

LABELS_OVERRULED = {
    "B05-healthcheck-exec": (
        "suspicious",
        "A declared suspicious binary is weak (rule 3), and weak behaviours are suspicious (rule 4), for the untrusted "
        "image that makes the case worth asking. Whoever writes the image writes its health check: declaring curl "
        "every ten seconds is the image's word for itself. A trusted image, or a scope, makes it quiet.",
    ),
}
"""Case -> the verdict that the rules give instead of the label, and why."""

TEXTS_OVERRULED = {
    "B09-distroless": (
        "B09-untuned-external-database",
        "alert",
        "The label's text says 'with no allow: at most suspicious'. Egress outside internal_cidrs is strong (rule 2), "
        "and strong inside the window alerts (rule 4). Only a database inside is no behaviour at all (rule 3).",
    ),
    "B16-kind-dind": (
        "B16-untuned",
        "alert",
        "The case states no tuning. Its outer container is an untrusted, privileged image into which somebody unnamed "
        "runs a shell: rules 2 and 4 alert, critical. Right attribution alone does not make it quiet; a scope does.",
    ),
    "B07-istio-init": (
        "B07-other-digest",
        "quiet",
        "Taking the pin away changes the trust and not the verdict: iptables is no suspicious binary, so nothing that "
        "the case tells is a behaviour.",
    ),
    "B12-autoscale-same-digest": (
        "B12-autoscale-same-digest",
        "quiet",
        "The case needs no baseline: pulls and starts alone are no behaviour (rule 3), known digest or not.",
    ),
}
"""Case -> a scenario whose verdict contradicts (or needs less than) what the label's text says, and why."""

PROMISED = {
    "A05-with-alpine-trusted": "alert",
    "A15-with-official-image": "alert",
    "B01-in-prod": "alert",
    "B02-by-sre": "quiet",
    "B06-in-prod": "alert",
    "B08-untrusted-image": "alert",
    "B13-tag-moved": "suspicious",
    "B16-inner-untrusted": "alert",
    "B17-same-name-other-content": "alert",
}
"""What the texts of the cases promise of their variations."""


@pytest.fixture(scope="module")
def cases(shared: Path) -> dict[str, dict[str, Any]]:
    """The published cases by id."""
    published = yaml.safe_load((shared / "cases" / "cases.yaml").read_text())
    return {case["id"]: case for case in (*published["attacks"], *published["benign"])}


@lru_cache(maxsize=1)
def expectations() -> dict[str, dict[str, Any]]:
    """What each scenario expects, by its folder's name."""
    return {path.parent.name: tomllib.loads(path.read_text()) for path in sorted(SCENARIOS.glob("*/expect.toml"))}


def test_every_case_has_a_scenario(cases: dict[str, dict[str, Any]]) -> None:
    """Each published case is told once, in a folder of its name."""
    told = {name: expected["case"] for name, expected in expectations().items() if "case" in expected}
    assert told == {name: name for name in cases}


def test_verdicts_are_the_labels(cases: dict[str, dict[str, Any]]) -> None:
    """The verdict of each case is its label's, but for the labels that the rules overrule."""
    labels = {name: case["expected"]["verdict"] for name, case in cases.items()}
    assert {name for name in LABELS_OVERRULED if LABELS_OVERRULED[name][0] == labels[name]} == set()
    ruled = {name: LABELS_OVERRULED[name][0] if name in LABELS_OVERRULED else label for name, label in labels.items()}
    assert {name: expectations()[name]["verdict"] for name in cases} == ruled


def test_attacks_name_what_was_done(cases: dict[str, dict[str, Any]]) -> None:
    """An attack's scenario says which behaviours must be listed, and that its image is not trusted."""
    attacks = [name for name in cases if name.startswith("A")]
    for name in attacks:
        alerting = [entry for entry in expectations()[name]["containers"] if entry["verdict"] == "alert"]
        assert alerting, name
        assert all(entry["behaviours"] and entry["trust"] != "trusted" for entry in alerting), name


def test_every_look_alike_has_a_twin(cases: dict[str, dict[str, Any]]) -> None:
    """Beside each benign case stands one with the tuning taken away, or in another place."""
    twins = {expected["twin_of"] for expected in expectations().values() if "twin_of" in expected}
    assert twins <= cases.keys()
    assert {name for name in cases if name.startswith("B")} <= twins


@pytest.mark.parametrize("name", PROMISED)
def test_variations_give_what_the_cases_promise(name: str) -> None:
    """A variation of which a case's text says the verdict has it."""
    assert expectations()[name]["verdict"] == PROMISED[name]


@pytest.mark.parametrize("name", TEXTS_OVERRULED)
def test_texts_that_the_rules_overrule(name: str) -> None:
    """What a label's text says of a variation, and the rules do not, is shown by a scenario."""
    scenario, verdict, why = TEXTS_OVERRULED[name]
    assert expectations()[scenario]["verdict"] == verdict
    assert why


@pytest.mark.parametrize("name", sorted(expectations()))
def test_label_agrees_with_what_is_expected(name: str) -> None:
    """An attack names a container that is one; nobody who is benign holds one; what has no label labels nothing."""
    expected = expectations()[name]
    own = {entry.get("label") for entry in expected.get("containers", ())}
    reported = {entry["verdict"] for entry in expected.get("containers", ())} & {"alert", "suspicious"}
    if expected.get("label") == "attack":
        assert reported or "attack" in own
    else:
        assert own == {None} or not own


def test_cases_are_labelled_as_published(cases: dict[str, dict[str, Any]]) -> None:
    """A case among the attacks is labelled so, and so is one among the benign."""
    labels = {name: "attack" if name.startswith("A") else "benign" for name in cases}
    assert {name: expectations()[name].get("label") for name in cases} == labels


def test_twins_of_attacks_are_attacks() -> None:
    """Changing the policy or the name makes no attack harmless."""
    twins = {name: found for name, found in expectations().items() if found.get("twin_of", "").startswith("A")}
    assert twins
    assert {found.get("label") for found in twins.values()} == {"attack"}
