"""Holds what of a release the index is taught by, and that its cache is used, checked and made anew."""

from pathlib import Path

import msgspec
import pytest
from attack_bundles import objects, relationship, thing, written

from tidewaiter.edge import attack_index
from tidewaiter.edge.attack_bundle import read_bundle
from tidewaiter.edge.attack_index import examples, index_path, technique_index
from tidewaiter.edge.attack_library import Library
from tidewaiter.edge.attack_store import import_bundle, opened
from tidewaiter.intel.technique_index import NONE, Example, TechniqueIndex

_TEXT = "[A Group](https://attack.mitre.org/groups/G0139) lured users into images.(Citation: Some Source)"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a release in which one relation tells a procedure, one a mitigation."""
    told = objects()
    for one in told:
        if one.get("relationship_type") == "uses":
            one["description"] = _TEXT
        if one.get("relationship_type") == "mitigates":
            one["description"] = "Check images before they run."
    other = thing("malware", "S0001", "A Tool")
    technique = next(one for one in told if one.get("name") == "Malicious Image")
    dead = next(one for one in told if one.get("name") == "Gone")
    told += [
        other,
        {**relationship("uses", other, technique), "description": "It comes in a malicious image."},
        {**relationship("uses", other, dead), "description": "It does what is dead."},
    ]
    path = tmp_path / "attack.sqlite"
    with opened(path, to_write=True) as connection:
        import_bundle(connection, read_bundle(str(written(tmp_path, told))))
    return path


def built(store: Path) -> TechniqueIndex:
    with opened(store) as connection:
        library = Library(connection)
        return technique_index(library, library.release(), store)


def test_what_teaches(store: Path) -> None:
    with opened(store) as connection:
        library = Library(connection)
        told = list(examples(library, library.release()))
    assert Example("xx lured users into images.", "T1204.003") in told
    assert Example("It comes in a malicious image.", "T1204.003") in told
    assert Example("User Execution", "T1204") in told
    assert Example("Check images before they run.", NONE) in told
    assert not any("dead" in one.text for one in told)


def test_what_the_catalogue_holds(store: Path) -> None:
    catalogue = built(store).catalogue
    assert catalogue.release == "enterprise 19.1"
    assert catalogue.names == {"T1204": "User Execution", "T1204.003": "Malicious Image"}
    assert catalogue.tactics["T1204.003"] == ("Execution",)
    assert catalogue.order == ("Execution",)
    assert catalogue.successors == {"T9999": "T1204.003"}


def test_the_cache_is_used(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = built(store)

    def learned(*_: object) -> TechniqueIndex:
        raise AssertionError("built again")

    monkeypatch.setattr(attack_index, "learned", learned)
    assert built(store) == first


@pytest.mark.parametrize("damage", [b"", b"x" * 100, None])
def test_a_broken_cache_is_made_anew(store: Path, damage: bytes | None) -> None:
    first = built(store)
    with opened(store) as connection:
        place = index_path(store, Library(connection).release())
    whole = place.read_bytes()
    place.write_bytes(whole[:-1] + b"?" if damage is None else damage)
    assert built(store) == first
    assert place.read_bytes() == whole


def test_a_cache_of_other_content_is_not_used(store: Path) -> None:
    first = built(store)
    with opened(store) as connection:
        release = Library(connection).release()
    place = index_path(store, release)
    other = TechniqueIndex(msgspec.structs.replace(first.catalogue, content_sha256="1" * 64), (), {}, {})
    place.write_bytes(attack_index._packed(other))
    assert built(store) == first


def test_a_folder_that_may_not_be_written_serves(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attack_index, "index_path", lambda *_: store / "no" / "folder")
    assert "T1204.003" in built(store).catalogue.names
