"""Turns the STIX objects of ATT&CK into what analysts call them, and the references hidden in them into relations.

ATT&CK writes some relations as objects of their own (`relationship`) and others as fields of the object they belong
to: an analytic names its data components in `x_mitre_log_source_references`, a detection strategy its analytics in
`x_mitre_analytic_refs`. Here both are relations. Source: the ATT&CK data model in STIX 2.0 and 2.1, as described at
https://github.com/mitre-attack/attack-stix-data (USAGE.md).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

NOUNS: dict[str, str] = {
    "attack-pattern": "technique",
    "campaign": "campaign",
    "course-of-action": "mitigation",
    "intrusion-set": "group",
    "malware": "software",
    "tool": "software",
    "x-mitre-analytic": "analytic",
    "x-mitre-asset": "asset",
    "x-mitre-data-component": "data_component",
    "x-mitre-data-source": "data_source",
    "x-mitre-detection-strategy": "detection_strategy",
    "x-mitre-matrix": "matrix",
    "x-mitre-tactic": "tactic",
}
"""STIX type -> what it is called here; every other type keeps its name, with `_` for `-`."""

SOURCES = frozenset({"mitre-attack", "mitre-mobile-attack", "mitre-ics-attack"})
"""`source_name` of the external reference that carries the ATT&CK id; also the name of the kill chain."""

_ATTACK_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_KIND = re.compile(r"[a-z0-9-]{1,250}\Z")
_REVERSED = {"analytic": "analytic_of", "tactic": "tactic_of"}
"""Lists of parts (`x_mitre_analytic_refs`, `tactic_refs`): the relation leads from the part to the whole."""
_NAMED = {"data_source": "component_of", "log_source": "log_source"}
_SAYS_NOTHING = frozenset(
    {"created_by_ref", "object_marking_refs", "x_mitre_modified_by_ref", "source_ref", "target_ref"}
)
_FIELD = re.compile(r"(?:x_mitre_)?(?P<stem>[a-z0-9_]+?)_refs?\Z")
_REFERENCE = re.compile(r"[a-z0-9-]{1,250}--[0-9a-f-]{36}\Z")


class Relation(msgspec.Struct, frozen=True):
    """One relation, from one STIX id to another."""

    relation: str
    source: str
    target: str
    detail: tuple[str, str] | None = None
    """Of a `log_source` its name and channel."""


class Described(msgspec.Struct, frozen=True):
    """What is asked of an object most often."""

    stix_id: str
    attack_id: str | None
    type: str
    """The noun: `technique`, `analytic`, `relationship` ..."""
    name: str
    version: str | None
    created: str | None
    modified: str | None
    is_dead: bool
    """Revoked or deprecated."""


def noun(stix_type: str) -> str:
    """What objects of a STIX type are called."""
    return NOUNS.get(stix_type, stix_type.replace("-", "_"))


def attack_id(stix: Mapping[str, Any]) -> str | None:
    """The ATT&CK id (`T1204.003`) of an object; None where it has none, or one of characters that no id has."""
    for reference in _dicts(stix.get("external_references")):
        told = reference.get("external_id")
        if reference.get("source_name") in SOURCES and isinstance(told, str) and _ATTACK_ID.match(told):
            return told
    return None


def describe(stix: Mapping[str, Any]) -> Described:
    """The common fields of an object. `stix` has a text for `id` and `type`; other fields may be anything."""
    is_dead = stix.get("revoked") is True or stix.get("x_mitre_deprecated") is True
    told = {key: _text(stix.get(key)) for key in ("name", "created", "modified", "x_mitre_version")}
    return Described(
        stix_id=stix["id"],
        attack_id=attack_id(stix),
        type=noun(stix["type"]),
        name=told["name"] or "",
        version=told["x_mitre_version"],
        created=told["created"],
        modified=told["modified"],
        is_dead=is_dead,
    )


def aliases_of(stix: Mapping[str, Any]) -> str:
    """Other names of a group or software, and the log sources of an analytic, for a search."""
    names = [*_list(stix.get("aliases")), *_list(stix.get("x_mitre_aliases"))]
    for entry in _dicts(stix.get("x_mitre_log_source_references")):
        names += [entry.get("name"), entry.get("channel")]
    return " ".join(name for name in names if isinstance(name, str) and name != stix.get("name"))


def description_of(stix: Mapping[str, Any]) -> str:
    """The official text; empty where there is none."""
    return _text(stix.get("description")) or ""


def relations_of(stix: Mapping[str, Any], tactics: Mapping[tuple[str, str], str]) -> Iterator[Relation]:
    """The relations that an object holds: of a `relationship` the one that it is, of others those in their fields.

    `tactics`: (kill chain, short name of a tactic) -> STIX id of the tactic.
    """
    me = stix["id"]
    if stix["type"] == "relationship":
        ends, kind = (stix.get("source_ref"), stix.get("target_ref")), stix.get("relationship_type")
        if isinstance(kind, str) and _KIND.match(kind) and all(map(_is_reference, ends)):
            yield Relation(kind.replace("-", "_"), str(ends[0]), str(ends[1]))
        return
    for entry in _dicts(stix.get("kill_chain_phases")):
        tactic = tactics.get((str(entry.get("kill_chain_name")), str(entry.get("phase_name"))))
        if tactic is not None:
            yield Relation("tactic", me, tactic)
    for entry in _dicts(stix.get("x_mitre_log_source_references")):
        component = entry.get("x_mitre_data_component_ref")
        if _is_reference(component):
            yield Relation("log_source", me, str(component), (str(entry.get("name")), str(entry.get("channel"))))
    for field, value in stix.items():
        match = _FIELD.match(field)
        if match is None or field in _SAYS_NOTHING:
            continue
        stem = match["stem"]
        for told in value if isinstance(value, list) else [value]:
            if not _is_reference(told):
                continue
            if stem in _REVERSED:
                yield Relation(_REVERSED[stem], told, me)
            else:
                yield Relation(_NAMED.get(stem, stem), me, told)


def tactic_of(stix: Mapping[str, Any]) -> tuple[str, str] | None:
    """(kill chain, short name) of a tactic, by which techniques name it."""
    told = stix.get("x_mitre_shortname")
    if stix["type"] != "x-mitre-tactic" or not isinstance(told, str):
        return None
    chains = [r.get("source_name") for r in _dicts(stix.get("external_references")) if r.get("source_name") in SOURCES]
    return (str(chains[0]) if chains else "mitre-attack", told)


def _is_reference(told: object) -> bool:
    return isinstance(told, str) and _REFERENCE.match(told) is not None


def _text(told: object) -> str | None:
    return told if isinstance(told, str) else None


def _list(told: object) -> list[Any]:
    return told if isinstance(told, list) else []


def _dicts(told: object) -> Iterator[Mapping[str, Any]]:
    yield from (entry for entry in _list(told) if isinstance(entry, dict))
