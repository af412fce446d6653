"""Makes small bundles in the shape of ATT&CK's, for tests: its ids and relations, none of its text."""

import json
import uuid
from pathlib import Path
from typing import Any

_URL = "https://attack.mitre.org"
STATEMENT = "Copyright of a test."


def stix_id(kind: str, name: str) -> str:
    """The same id for the same kind and name, always."""
    return f"{kind}--{uuid.uuid5(uuid.NAMESPACE_URL, name)}"


def thing(kind: str, attack_id: str, name: str, **more: Any) -> dict[str, Any]:
    """One object with an ATT&CK id."""
    return {
        "type": kind,
        "id": stix_id(kind, attack_id),
        "created": "2025-01-01T00:00:00.000Z",
        "modified": "2025-01-01T00:00:00.000Z",
        "name": name,
        "description": f"What {name} is.",
        "external_references": [
            {"source_name": "mitre-attack", "external_id": attack_id, "url": f"https://attack.mitre.org/{attack_id}"}
        ],
        "x_mitre_version": "1.0",
        "x_mitre_domains": ["enterprise-attack"],
        **more,
    }


def relationship(kind: str, source: dict[str, Any], target: dict[str, Any]) -> dict[str, Any]:
    """One relationship object."""
    return {
        "type": "relationship",
        "id": stix_id("relationship", f"{source['id']} {kind} {target['id']}"),
        "created": "2025-01-01T00:00:00.000Z",
        "modified": "2025-01-01T00:00:00.000Z",
        "relationship_type": kind,
        "source_ref": source["id"],
        "target_ref": target["id"],
    }


def objects() -> list[dict[str, Any]]:
    """A tactic, a technique with its parent, a strategy, an analytic, two data components, a group, a mitigation."""
    tactic = thing("x-mitre-tactic", "TA0002", "Execution", x_mitre_shortname="execution")
    phase = [{"kill_chain_name": "mitre-attack", "phase_name": "execution"}]
    parent = thing("attack-pattern", "T1204", "User Execution", kill_chain_phases=phase, x_mitre_platforms=["Linux"])
    technique = thing(
        "attack-pattern",
        "T1204.003",
        "Malicious Image",
        kill_chain_phases=phase,
        x_mitre_platforms=["Containers", "IaaS"],
        description=f"See [Parent]({_URL}/techniques/T1204) and <code>a b</code>.(Citation: Some Source)",
    )
    technique["external_references"].append(
        {"source_name": "Some Source", "description": "A source. 2024.", "url": "https://example.org/source"}
    )
    images = thing("x-mitre-data-component", "DC0015", "Image Creation")
    commands = thing("x-mitre-data-component", "DC0064", "Command Execution")
    analytic = thing(
        "x-mitre-analytic",
        "AN0691",
        "Analytic 0691",
        x_mitre_platforms=["Linux"],
        x_mitre_log_source_references=[
            {"x_mitre_data_component_ref": images["id"], "name": "containerd:events", "channel": "an image is pulled"},
            {"x_mitre_data_component_ref": commands["id"], "name": "auditd:SYSCALL", "channel": "execve"},
            {"x_mitre_data_component_ref": commands["id"], "name": "strange:log", "channel": "something"},
        ],
        x_mitre_mutable_elements=[
            {"field": "TimeWindow", "description": "How long."},
            {"field": "MoonPhase", "description": "Which."},
        ],
    )
    strategy = thing("x-mitre-detection-strategy", "DET0248", "A strategy", x_mitre_analytic_refs=[analytic["id"]])
    group = thing("intrusion-set", "G0139", "A Group", aliases=["A Group", "Other Name"])
    mitigation = thing("course-of-action", "M1047", "Audit")
    old = thing("attack-pattern", "T9999", "Gone", revoked=True)
    marking = {
        "type": "marking-definition",
        "id": stix_id("marking-definition", "statement"),
        "created": "2025-01-01T00:00:00.000Z",
        "definition_type": "statement",
        "definition": {"statement": STATEMENT},
    }
    return [
        *(tactic, parent, technique, images, commands, analytic, strategy, group, mitigation, old, marking),
        relationship("detects", strategy, technique),
        relationship("subtechnique-of", technique, parent),
        relationship("uses", group, technique),
        relationship("mitigates", mitigation, technique),
        relationship("revoked-by", old, technique),
    ]


def collection(release: str) -> dict[str, Any]:
    """The object by which a bundle says which release it is."""
    return {
        **thing("x-mitre-collection", "", "Enterprise ATT&CK", x_mitre_version=release),
        "external_references": [],
    }


def bundle(told: list[dict[str, Any]]) -> bytes:
    """The bundle of some objects."""
    return json.dumps({"type": "bundle", "id": stix_id("bundle", "test"), "objects": told}).encode()


def written(folder: Path, told: list[dict[str, Any]] | None = None, name: str = "enterprise-19.1.json") -> Path:
    """A bundle as a file."""
    path = folder / name
    path.write_bytes(bundle(objects() if told is None else told))
    return path
