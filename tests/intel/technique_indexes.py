"""Gives tests of techniques an index made of our own sentences, and that of a real release where it is shared."""

from pathlib import Path

import pytest
from technique_labels import made_index

from tidewaiter.edge.attack_bundle import read_bundle
from tidewaiter.edge.attack_index import technique_index
from tidewaiter.edge.attack_library import Library
from tidewaiter.edge.attack_store import import_bundle, opened
from tidewaiter.intel.technique_index import TechniqueIndex


@pytest.fixture(scope="session")
def index() -> TechniqueIndex:
    """Seven techniques of a made release."""
    return made_index()


@pytest.fixture(scope="session")
def real_index(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> TechniqueIndex:
    """That of enterprise 19.1."""
    path = tmp_path_factory.mktemp("attack") / "attack.sqlite"
    with opened(path, to_write=True) as store:
        import_bundle(store, read_bundle(str(shared / "attack" / "enterprise-19.1.cti20.json.xz")))
        library = Library(store)
        return technique_index(library, library.release(), path)
