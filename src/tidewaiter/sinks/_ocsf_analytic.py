"""Turns the names of an analytic and of a technique into OCSF's analytic and attack objects."""

from tidewaiter.alert import AttackNames
from tidewaiter.sinks._ocsf_parts import Part, known

_BEHAVIORAL = 2
_ANALYTICS = {"AN0691": "Untrusted image pulled, created, started, and misbehaving"}
_TECHNIQUES = {
    "T1204": ("User Execution", "TA0002", "Execution"),
    "T1204.003": ("Malicious Image", "TA0002", "Execution"),
}
"""ATT&CK's names (https://attack.mitre.org/techniques/T1204/003/), with the tactic."""


def analytic_of(analytic: str) -> Part:
    """The analytic by its ATT&CK id."""
    return known(
        uid=analytic,
        name=_ANALYTICS.get(analytic, analytic),
        type_id=_BEHAVIORAL,
        type="Behavioral",
        category="MITRE ATT&CK",
    )


def attack_of(technique: str, names: AttackNames | None = None) -> Part:
    """The technique; OCSF sets a sub-technique beside its technique."""
    parent = technique.partition(".")[0]
    _, tactic, tactic_name = _TECHNIQUES.get(technique, ("", None, None))
    return known(
        technique=_technique(parent),
        sub_technique=_technique(technique, names) if technique != parent else None,
        tactic=known(uid=tactic, name=tactic_name) if tactic else None,
        version=names.release.rpartition(" ")[2] if names is not None else None,
    )


def _technique(technique: str, names: AttackNames | None = None) -> Part:
    name = names.technique if names is not None else _TECHNIQUES.get(technique, (None,))[0]
    return known(uid=technique, name=name)
