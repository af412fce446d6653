"""Holds how the objects of ATT&CK are named, and that the references inside them become relations."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.attack import Relation, attack_id, describe, noun, relations_of, tactic_of

A = "x-mitre-analytic--4c16cebd-ac7e-472a-ae12-62966cbd19e2"
B = "x-mitre-data-component--b008766d-f34f-4ded-b712-659f59aaed6e"
C = "x-mitre-detection-strategy--ee7bd8ff-fbfd-4bb2-9d23-cf3f6ed342c7"
D = "attack-pattern--b0c74ef9-c61e-4986-88cb-78da98a355ec"
T = "x-mitre-tactic--4ca45d45-df4d-4613-8980-bac22d278fa5"
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab-_", max_size=4) | st.sampled_from([A, B, D]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab-_", max_size=4), inner, max_size=3),
    max_leaves=4,
)
_KINDS = ("relationship", "attack-pattern", "x-mitre-tactic")
_FIELDS = (
    *("external_references", "kill_chain_phases", "x_mitre_log_source_references", "x_mitre_analytic_refs", "name"),
    *("source_ref", "target_ref", "relationship_type", "x_mitre_data_source_ref", "x_mitre_shortname", "revoked"),
)


def relations(**fields: Any) -> list[Relation]:
    tactics = {("mitre-attack", "execution"): T}
    return list(relations_of({"type": "x-mitre-analytic", "id": A, **fields}, tactics))


def test_a_relationship_is_the_relation_that_it_tells() -> None:
    told = relations(type="relationship", relationship_type="subtechnique-of", source_ref=D, target_ref=A)
    assert told == [Relation("subtechnique_of", D, A)]


def test_an_analytic_names_its_log_sources() -> None:
    told = relations(
        x_mitre_log_source_references=[
            {"x_mitre_data_component_ref": B, "name": "containerd:events", "channel": "pull"}
        ]
    )
    assert told == [Relation("log_source", A, B, ("containerd:events", "pull"))]


def test_a_strategy_holds_its_analytics() -> None:
    assert relations(id=C, x_mitre_analytic_refs=[A]) == [Relation("analytic_of", A, C)]


def test_a_technique_names_its_tactic_by_its_short_name() -> None:
    phases = [
        {"kill_chain_name": "mitre-attack", "phase_name": "execution"},
        {"kill_chain_name": "mitre-mobile-attack", "phase_name": "execution"},
    ]
    assert relations(id=D, kill_chain_phases=phases) == [Relation("tactic", D, T)]


def test_a_reference_in_a_field_that_is_new_is_a_relation_too() -> None:
    """What ATT&CK adds next is not lost."""
    assert relations(x_mitre_playbook_refs=[D]) == [Relation("playbook", A, D)]


@pytest.mark.parametrize("field", ["created_by_ref", "object_marking_refs", "x_mitre_modified_by_ref"])
def test_who_wrote_it_is_no_relation(field: str) -> None:
    assert relations(**{field: [D]}) == []


def test_the_id_is_that_of_attack_and_of_nobody_else() -> None:
    references = [
        {"source_name": "capec", "external_id": "CAPEC-1"},
        {"source_name": "mitre-attack", "external_id": "T1"},
    ]
    assert attack_id({"external_references": references}) == "T1"
    assert attack_id({"external_references": references[:1]}) is None


@pytest.mark.parametrize("told", ["\x1b[31m", "S1\u202e", "a b", "../x", "", "x" * 65, 5, None])
def test_what_no_id_looks_like_is_none(told: Any) -> None:
    """Ids are printed and name files."""
    assert attack_id({"external_references": [{"source_name": "mitre-attack", "external_id": told}]}) is None


def test_a_relation_of_an_odd_kind_is_none() -> None:
    assert relations(type="relationship", relationship_type="\x1b[31m", source_ref=D, target_ref=A) == []


@pytest.mark.parametrize("field", ["revoked", "x_mitre_deprecated"])
def test_revoked_and_deprecated_are_dead(field: str) -> None:
    assert describe({"type": "tool", "id": D, field: True}).is_dead
    assert not describe({"type": "tool", "id": D, field: False}).is_dead


def test_nouns_are_those_of_analysts() -> None:
    assert noun("intrusion-set") == "group"
    assert noun("malware") == noun("tool") == "software"
    assert noun("x-something-new") == "x_something_new"


@pytest.mark.property
@given(
    st.dictionaries(st.sampled_from(_FIELDS), _json),
    st.sampled_from(["relationship", "attack-pattern", "x-mitre-tactic"]),
)
def test_whatever_the_fields_hold_nothing_breaks(fields: dict[str, Any], kind: str) -> None:
    stix = {**fields, "type": kind, "id": A}
    describe(stix)
    tactic_of(stix)
    for relation in relations_of(stix, {}):
        json.dumps([relation.relation, relation.source, relation.target])
