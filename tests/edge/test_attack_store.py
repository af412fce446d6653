"""Holds that releases lie side by side in the store, that an import is whole or not at all, and what queries answer."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from attack_bundles import STATEMENT, objects, thing, written

from tidewaiter.edge.attack_bundle import BundleError, read_bundle
from tidewaiter.edge.attack_changes import difference
from tidewaiter.edge.attack_coverage import coverage, feeding, navigator_layer
from tidewaiter.edge.attack_library import Library, LogSourceNamed, release_order
from tidewaiter.edge.attack_shown import shown
from tidewaiter.edge.attack_store import Imported, StoreError, import_bundle, opened


def taken_in(store: Path, bundle: Path, **how: Any) -> Imported:
    with opened(store, to_write=True) as connection:
        return import_bundle(connection, read_bundle(str(bundle), **how))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with releases 18.1 and 19.1; in the later the analytic changed under its old date, and a group is new."""
    path = tmp_path / "attack.sqlite"
    taken_in(path, written(tmp_path))
    before = [told for told in objects() if told["type"] != "intrusion-set" and told.get("relationship_type") != "uses"]
    before = [{**t, "description": "older"} if t["type"] == "x-mitre-analytic" else t for t in before]
    taken_in(path, written(tmp_path, before, "enterprise-18.1.json"))
    return path


def test_importing_twice_changes_nothing(tmp_path: Path) -> None:
    path, bundle = tmp_path / "attack.sqlite", written(tmp_path)
    first = taken_in(path, bundle)
    content = path.read_bytes()
    again = taken_in(path, bundle)
    assert (first.is_known, again.is_known) == (False, True)
    assert first.objects == again.objects == len(objects())
    assert path.read_bytes() == content


def test_two_bundles_that_claim_one_release_are_refused(tmp_path: Path, store: Path) -> None:
    content = store.read_bytes()
    other = written(tmp_path, objects()[:-1], "enterprise-19.1-other.json")
    with pytest.raises(
        StoreError, match=r"claims to be enterprise 19\.1, which was imported from .* with other content"
    ):
        taken_in(store, other)
    assert store.read_bytes() == content
    assert not taken_in(store, written(tmp_path, objects()[:-1], "x.json"), release="19.1-mine").is_known


def test_a_bundle_that_breaks_half_way_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "attack.sqlite"
    with pytest.raises(BundleError):
        taken_in(path, written(tmp_path, [*objects(), {"type": "tool"}]))
    with pytest.raises(StoreError, match="nothing of ATT&CK is imported yet"), opened(path):
        pass


_KILLED = """
import os, signal, sys
from pathlib import Path
import tidewaiter.edge.attack_store as store
from tidewaiter.edge.attack_bundle import read_bundle
whole, count = store._Import._add, []
def add(self, release, one):
    whole(self, release, one)
    count.append(one)
    if len(count) == int(sys.argv[3]):
        self._store.execute("PRAGMA cache_spill = 1")
        os.kill(os.getpid(), signal.SIGKILL)
store._Import._add = add
with store.opened(Path(sys.argv[1]), to_write=True) as connection:
    store.import_bundle(connection, read_bundle(sys.argv[2]))
"""


@pytest.mark.parametrize("at", [1, 8, 16])
def test_killed_half_way_nothing_is_half_there(tmp_path: Path, store: Path, at: int) -> None:
    bundle = written(tmp_path, name="enterprise-20.0.json")
    command = [sys.executable, "-c", _KILLED, str(store), str(bundle), str(at)]
    ended = subprocess.run(command, check=False, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})  # noqa: S603
    assert ended.returncode == -signal.SIGKILL
    with opened(store) as connection:
        assert [release.name for release in Library(connection).releases()] == ["18.1", "19.1"]
    assert not taken_in(store, bundle).is_known


_FULL = """
import resource, sys
from pathlib import Path
from tidewaiter.edge.attack_bundle import read_bundle
from tidewaiter.edge.attack_store import StoreError, import_bundle, opened
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
try:
    with opened(Path(sys.argv[1]), to_write=True) as connection:
        import_bundle(connection, read_bundle(sys.argv[2]))
except StoreError as error:
    print(error)
"""


def python(program: str, *words: object) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program, *map(str, words)]
    return subprocess.run(command, check=False, env=env, capture_output=True, text=True)  # noqa: S603


def test_a_full_disk_is_said_and_changes_nothing(tmp_path: Path, store: Path) -> None:
    """The limit on the size of a file stands for the disk."""
    many = [thing("tool", f"S{number:04}", f"Tool {number}") for number in range(400)]
    told = python(_FULL, store, written(tmp_path, [*objects(), *many], "enterprise-20.0.json")).stdout
    assert "the store cannot be used: " in told
    assert "rollback" not in told
    with opened(store) as connection:
        assert [release.name for release in Library(connection).releases()] == ["18.1", "19.1"]


_SPILT = """
import os, signal, sqlite3, sys
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.execute("PRAGMA cache_size = 1")
store.execute("BEGIN IMMEDIATE")
store.execute("DELETE FROM object")
store.execute("DELETE FROM content")
store.execute("CREATE TABLE big AS SELECT randomblob(2000000)")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_import_wrote_is_undone_by_who_reads_next(store: Path) -> None:
    python(_SPILT, store)
    assert store.with_name("attack.sqlite-journal").stat().st_size > 0
    with opened(store) as connection:
        library = Library(connection)
        assert shown(library, "AN0691", library.release()).id == "AN0691"
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("DELETE FROM object")


def test_an_object_that_is_not_as_imported_is_said(store: Path) -> None:
    """The hash that is told is that of what is shown."""
    with opened(store, to_write=True) as connection:
        connection.execute("UPDATE content SET packed = x'28b52ffd'")
        library = Library(connection)
        with pytest.raises(StoreError, match=r"the store is damaged: object [0-9a-f]{64}"):
            shown(library, "AN0691", library.release())


def test_a_file_that_is_no_store_is_said(tmp_path: Path) -> None:
    text, other = tmp_path / "text", tmp_path / "other.sqlite"
    text.write_text("no database, but longer than nothing")
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE t (x)")
    for path in (text, other, tmp_path):
        for to_write in (True, False):
            with pytest.raises(StoreError, match=str(path)), opened(path, to_write=to_write):
                pass


def test_an_object_is_shown_with_its_neighbours(store: Path) -> None:
    with opened(store) as connection:
        library = Library(connection)
        told = shown(library, "an0691", library.release())
    assert (told.id, told.type, told.release, told.releases) == ("AN0691", "analytic", "19.1", ("18.1", "19.1"))
    near = {(one.relation, one.direction, one.id, one.via) for one in told.relations}
    assert near == {
        ("analytic_of", "out", "DET0248", None),
        ("detects", "out", "T1204.003", "DET0248"),
        ("log_source", "out", "DC0015", None),
        ("log_source", "out", "DC0064", None),
    }
    assert [(source.name, source.data_component) for source in told.log_sources] == [
        ("containerd:events", "DC0015"),
        ("auditd:SYSCALL", "DC0064"),
        ("strange:log", "DC0064"),
    ]
    assert [(one.field, one.setting) for one in told.mutable_elements] == [
        ("TimeWindow", "time_window"),
        ("MoonPhase", None),
    ]
    assert told.tactics == ("Execution",)
    assert told.license == STATEMENT


def test_relations_lead_both_ways(store: Path) -> None:
    with opened(store) as connection:
        library = Library(connection)
        told = shown(library, "T1204.003", library.release())
        alike = library.all_neighbours(library.release())[told.stix_id]
    near = {(one.relation, one.direction, one.id) for one in told.relations}
    assert near == {
        ("detects", "in", "DET0248"),
        ("mitigates", "in", "M1047"),
        ("revoked_by", "in", "T9999"),
        ("subtechnique_of", "out", "T1204"),
        ("tactic", "out", "TA0002"),
        ("uses", "in", "G0139"),
    }
    assert alike == list(told.relations)


def test_history_calls_out_a_change_under_the_old_date(store: Path) -> None:
    with opened(store) as connection:
        library = Library(connection)
        found, domain = library.latest("AN0691", None)
        past = library.history(found, domain)
    assert [(one.release, one.changed, one.modified_unchanged) for one in past] == [
        ("18.1", (), False),
        ("19.1", ("description",), True),
    ]


def test_the_difference_of_two_releases(store: Path) -> None:
    with opened(store) as connection:
        library = Library(connection)
        told = difference(connection, library.release("18.1"), library.release("19.1"))
        back = difference(connection, library.release("19.1"), library.release("18.1"))
    assert sorted(one.type for one in told.added) == ["group", "relationship"]
    assert told.removed == ()
    assert [(one.id, one.fields, one.modified_unchanged) for one in told.changed] == [
        ("AN0691", ("description",), True)
    ]
    assert (back.added, back.removed) == (told.removed, told.added)


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("malicious image", "T1204.003"),
        ("malic imag", "T1204.003"),
        ("t1204.003", "T1204.003"),
        ("Other Name", "G0139"),
        ("containerd:events", "AN0691"),
        ("image creation", "DC0015"),
        ("imag", "T1204.003"),
    ],
)
def test_words_find_objects(store: Path, words: str, first: str) -> None:
    with opened(store) as connection:
        library = Library(connection)
        assert library.search(words, library.release())[0].id == first
        assert library.search("zebra", library.release()) == []


@pytest.mark.parametrize("words", ["name:x", "a OR b", "NEAR(", "x*", "-x", "'; DROP TABLE release; --", 'a" OR "b'])
def test_words_are_never_a_query(store: Path, words: str) -> None:
    """What a person types is words, whatever they mean to SQL or FTS5."""
    with opened(store) as connection:
        library = Library(connection)
        library.search(words, library.release())
        assert len(library.releases()) == 2
        with pytest.raises(StoreError, match="no word to search for was given"):
            library.search('"*" -', library.release())


def test_an_id_that_is_not_there_gets_the_nearest(store: Path) -> None:
    with opened(store) as connection:
        library = Library(connection)
        with pytest.raises(StoreError, match=r"AN0692: no such id in enterprise 19\.1; nearest are AN0691"):
            library.find("AN0692", library.release())
        with pytest.raises(StoreError, match=r"G0139: not in enterprise 18\.1, but in enterprise-19\.1"):
            library.find("G0139", library.release("18.1"))
        with pytest.raises(StoreError, match=r"17\.1: no such release is imported; there are enterprise-18\.1"):
            library.release("17.1")


def test_releases_are_in_order_of_their_numbers() -> None:
    names = ["19.1", "9.0", "10.0", "19.1-mine", "19.0"]
    assert sorted(names, key=release_order) == ["9.0", "10.0", "19.0", "19.1", "19.1-mine"]


def test_of_traffic_only_sources_of_traffic_tell() -> None:
    """The events of Docker and containerd are read, and hold no connection."""
    for name, is_fed in (("docker:events", False), ("containerd:runtime", False), ("NSM:Flow", True)):
        assert bool(feeding(LogSourceNamed(name, "traffic", "DC0085", "Network Traffic Content"))) is is_fed
    assert feeding(LogSourceNamed("docker:events", "start", "DC0077", "Container Start")) == ("docker_events",)


def test_who_asks_for_one_object_does_not_read_the_release(store: Path) -> None:
    asked: list[str] = []
    with opened(store) as connection:
        library = Library(connection)
        connection.set_trace_callback(asked.append)
        shown(library, "AN0691", library.release(), has_texts=True)
        connection.set_trace_callback(None)
        steps = {step for query in asked for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {query}")}
    assert any("relation_by_target" in step for step in steps)
    assert steps.isdisjoint({"SEARCH o USING PRIMARY KEY (release=?)", "SEARCH r USING PRIMARY KEY (release=?)"})


def test_coverage_tells_what_is_fed(store: Path) -> None:
    with opened(store) as connection:
        library = Library(connection)
        told = coverage(library, library.release())
        layer = navigator_layer(told, library.release())
    (analytic,) = told.analytics
    assert analytic.touches == ("log source", "text")
    assert analytic.reach == "implemented"
    fed = {source.name: bool(source.fed_by) for source in analytic.log_sources}
    assert fed == {"containerd:events": True, "auditd:SYSCALL": True, "strange:log": False}
    assert [(one.id, one.reach, one.analytics) for one in told.techniques] == [
        ("T1204.003", "implemented", ("AN0691",))
    ]
    assert layer["techniques"][0]["techniqueID"] == "T1204.003"
    assert layer["versions"] == {"attack": "19", "navigator": "5.1.0", "layer": "4.5"}
