"""Holds the library against real releases of ATT&CK, where they are beside this checkout."""

import json
import lzma
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidewaiter.edge.attack_bundle import read_bundle
from tidewaiter.edge.attack_changes import difference
from tidewaiter.edge.attack_coverage import coverage
from tidewaiter.edge.attack_library import Library
from tidewaiter.edge.attack_shown import shown
from tidewaiter.edge.attack_store import import_bundle, opened

NEW, OLD = "enterprise-19.1.cti20.json.xz", "enterprise-18.1.cti20.json.xz"


@pytest.fixture(scope="module")
def library(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Releases 18.1 and 19.1."""
    path = tmp_path_factory.mktemp("attack") / "attack.sqlite"
    with opened(path, to_write=True) as connection:
        for name in (OLD, NEW):
            import_bundle(connection, read_bundle(str(shared / "attack" / name)))
        yield Library(connection)


def test_the_analytic_hangs_together(library: Library) -> None:
    told = shown(library, "AN0691", library.release())
    near = {(one.relation, one.id) for one in told.relations}
    assert {("analytic_of", "DET0248"), ("detects", "T1204.003")} <= near
    components = [(source.name, source.data_component) for source in told.log_sources]
    assert components == [
        ("containerd:events", "DC0015"),
        ("kubernetes:audit", "DC0072"),
        ("kubernetes:events", "DC0077"),
        ("auditd:SYSCALL", "DC0064"),
        ("NSM:Flow", "DC0085"),
    ]
    assert all(element.setting for element in told.mutable_elements)
    assert len(told.mutable_elements) == 5


def test_contents_that_changed_under_their_old_date(library: Library) -> None:
    told = difference(library.store, library.release("18.1"), library.release("19.1"))
    assert sum(one.modified_unchanged for one in told.changed) == 1046


def test_what_touches_containers(library: Library, shared: Path) -> None:
    told = coverage(library, library.release())
    extract = {one["an"]: one for one in json.loads((shared / "attack/container-analytics-19.1.json").read_text())}
    touches = {"platform": "platform", "logsource": "log source", "text": "text"}
    assert {one.id: one.touches for one in told.analytics} == {
        name: tuple(touches[kind] for kind in one["kinds"]) for name, one in extract.items()
    }
    assert {one.id: one.detection_strategy for one in told.analytics} == {n: o["det"] for n, o in extract.items()}
    techniques = json.loads((shared / "attack/container-techniques-19.1.json").read_text())
    assert {one.id for one in told.techniques} == {one["id"] for one in techniques}


def test_counts_are_those_of_the_bundle(library: Library, shared: Path) -> None:
    """Objects by kind, and relationships by their type, against a plain count."""
    stix = json.loads(lzma.decompress((shared / "attack" / NEW).read_bytes()))["objects"]
    kinds = dict(library.store.execute("SELECT type, count(*) FROM object WHERE release = 2 GROUP BY type").fetchall())
    assert sum(kinds.values()) == len(stix)
    assert kinds["technique"] == sum(one["type"] == "attack-pattern" for one in stix)
    relations = dict(
        library.store.execute(
            "SELECT r.relation, count(*) FROM relation r JOIN object h ON h.stix = r.holder AND h.release = r.release"
            " WHERE r.release = 2 AND h.type = 'relationship' GROUP BY r.relation"
        ).fetchall()
    )
    counted = Counter(one["relationship_type"].replace("-", "_") for one in stix if one["type"] == "relationship")
    assert relations == dict(counted)


def test_a_second_opinion(library: Library, shared: Path, tmp_path: Path) -> None:
    """What mitreattack-python finds in the same bundle: living techniques, groups, mitigations, who uses what."""
    stix20 = pytest.importorskip("mitreattack.stix20", reason="mitreattack-python is not installed")
    plain = tmp_path / "enterprise-19.1.json"
    plain.write_bytes(lzma.decompress((shared / "attack" / NEW).read_bytes()))
    theirs = stix20.MitreAttackData(str(plain))
    release = library.release()
    for kind, listed in (
        ("technique", theirs.get_techniques(remove_revoked_deprecated=True)),
        ("group", theirs.get_groups(remove_revoked_deprecated=True)),
        ("mitigation", theirs.get_mitigations(remove_revoked_deprecated=True)),
        ("software", theirs.get_software(remove_revoked_deprecated=True)),
        ("tactic", theirs.get_tactics(remove_revoked_deprecated=True)),
        ("data_component", theirs.get_datacomponents(remove_revoked_deprecated=True)),
        ("analytic", theirs.get_analytics(remove_revoked_deprecated=True)),
        ("detection_strategy", theirs.get_detectionstrategies(remove_revoked_deprecated=True)),
    ):
        ours = {one.stix_id for one in library.listed(release, (kind,)) if not one.is_dead}
        assert ours == {one["id"] for one in listed}, kind
    near = library.all_neighbours(release)
    living = {one.id: one.stix_id for one in library.listed(release, ("technique", "campaign")) if not one.is_dead}

    def beyond(stix_id: str, relation: str, direction: str) -> set[str]:
        told = (one for one in near.get(stix_id, []) if (one.relation, one.direction) == (relation, direction))
        return {living[one.id] for one in told if one.id in living and one.type in ("technique", "campaign")}

    for group, used in theirs.get_all_techniques_used_by_all_groups().items():
        # Theirs counts what the group's campaigns used as used by the group.
        users = {group, *beyond(group, "attributed_to", "in")}
        assert {one["object"]["id"] for one in used} == {one for user in users for one in beyond(user, "uses", "out")}
