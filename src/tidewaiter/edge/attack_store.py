"""Turns bundles of ATT&CK into an embedded store that keeps every release side by side: one SQLite file.

An object's content is kept once, however many releases hold it, as its canonical JSON (RFC 8785) under its hash. One
import is one transaction: killed half-way, nothing of it is there.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import zstandard

from tidewaiter.attack import Relation, aliases_of, describe, description_of, relations_of
from tidewaiter.edge.attack_bundle import Bundle, StixObject
from tidewaiter.policy_yaml import printable

SCHEMA = 1
_BUSY_S = 30.0
_EMPTY = "nothing of ATT&CK is imported yet; begin with: tidewaiter attack import BUNDLE"
_LEVEL = 6
_WORDLESS = frozenset({"relationship", "identity", "marking_definition", "x_mitre_collection"})
"""Kinds of objects that a search does not find."""
_TABLES = """
CREATE TABLE release (
  id INTEGER PRIMARY KEY, domain TEXT NOT NULL, name TEXT NOT NULL, source TEXT NOT NULL, bundle_sha256 TEXT NOT NULL,
  content_sha256 TEXT NOT NULL, objects INTEGER NOT NULL, UNIQUE (domain, name));
CREATE TABLE stix (id INTEGER PRIMARY KEY, stix_id TEXT NOT NULL UNIQUE);
CREATE TABLE content (id INTEGER PRIMARY KEY, raw_sha256 TEXT NOT NULL UNIQUE, packed BLOB NOT NULL);
CREATE TABLE object (
  release INTEGER NOT NULL, stix INTEGER NOT NULL, attack_id TEXT, type TEXT NOT NULL, name TEXT NOT NULL,
  version TEXT, created TEXT, modified TEXT, is_dead INTEGER NOT NULL, content INTEGER NOT NULL,
  PRIMARY KEY (release, stix)) WITHOUT ROWID;
CREATE INDEX object_by_attack_id ON object (attack_id, release) WHERE attack_id IS NOT NULL;
CREATE INDEX object_by_stix ON object (stix);
CREATE INDEX object_by_content ON object (content, release);
CREATE TABLE relation (
  release INTEGER NOT NULL, source INTEGER NOT NULL, number INTEGER NOT NULL, relation TEXT NOT NULL,
  target INTEGER NOT NULL, holder INTEGER NOT NULL, detail_name TEXT, detail_channel TEXT,
  PRIMARY KEY (release, source, number)) WITHOUT ROWID;
CREATE INDEX relation_by_target ON relation (release, target);
CREATE VIRTUAL TABLE words USING fts5 (
  attack_id, name, aliases, description, content='', tokenize="unicode61 remove_diacritics 2 tokenchars '-_'");
"""
"""`content` of `object` is its content's id, which is also the row in `words`; `holder` is the object that holds the
relation; `number` counts the relations of one source."""


class StoreError(Exception):
    """A store that cannot be used, or an import that it refuses: one sentence."""


class Imported(msgspec.Struct, frozen=True):
    """What an import did."""

    domain: str
    release: str
    objects: int
    relations: int
    new_contents: int
    """Objects that no earlier release held in this form."""
    dangling: int
    """Relations that lead to what the bundle does not hold; they are kept."""
    is_known: bool
    """Whether the very same release was there already, and nothing was done."""


def default_path() -> Path:
    """`$XDG_DATA_HOME/tidewaiter/attack.sqlite`."""
    folder = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(folder) / "tidewaiter" / "attack.sqlite"


@contextmanager
def opened(path: Path, *, to_write: bool = False) -> Iterator[sqlite3.Connection]:
    """The store at a path; `to_write` makes it where it is not there. Raises `StoreError`."""
    shown = printable(str(path))
    try:
        if to_write:
            path.parent.mkdir(parents=True, exist_ok=True)
            store = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
        else:
            if not path.exists():
                raise StoreError(f"{shown}: {_EMPTY}")
            # Not mode=ro: what a killed import left must be undone before anybody can read.
            place = f"{path.absolute().as_uri()}?mode=rw"
            store = sqlite3.connect(place, timeout=_BUSY_S, isolation_level=None, uri=True)
            store.execute("PRAGMA query_only = ON")
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise StoreError(f"{shown}: cannot be opened: {printable(reason)}; --store names another file") from None
    try:
        store.execute("PRAGMA trusted_schema = OFF")
        _check_schema(store, shown, to_write)
        yield store
    except sqlite3.Error as error:
        raise StoreError(f"{shown}: the store cannot be used: {printable(str(error))}") from None
    finally:
        store.close()


def _check_schema(store: sqlite3.Connection, shown: str, to_write: bool) -> None:
    version = store.execute("PRAGMA user_version").fetchone()[0]
    tables = store.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if version == SCHEMA:
        return
    if version or tables:
        raise StoreError(
            f"{shown}: no store of this version (it says {version}, wanted is {SCHEMA}); "
            "import into another file with --store, or remove this one"
        )
    if not to_write:
        raise StoreError(f"{shown}: {_EMPTY}")


def import_bundle(store: sqlite3.Connection, bundle: Bundle) -> Imported:
    """Take one release in, wholly or not at all. Raises `StoreError`, and `BundleError` where an object is broken."""
    store.execute("BEGIN IMMEDIATE")
    try:
        if not store.execute("PRAGMA user_version").fetchone()[0]:
            for statement in _TABLES.split(";\n"):
                if statement.strip():
                    store.execute(statement)
            store.execute(f"PRAGMA user_version = {SCHEMA}")
        done = _Import(store, bundle).run()
    except BaseException:
        if store.in_transaction:  # where the disk is full, SQLite has rolled back by itself
            store.execute("ROLLBACK")
        raise
    store.execute("COMMIT")
    return done


class _Import:
    """One release on its way into the store."""

    def __init__(self, store: sqlite3.Connection, bundle: Bundle) -> None:
        self._store, self._bundle = store, bundle
        self._pack = zstandard.ZstdCompressor(level=_LEVEL).compress
        self._rows: dict[str, int] = {}
        """STIX id -> its row in `stix`."""
        self._counts: dict[int, int] = {}
        """Row of a STIX id -> how many relations it is the source of."""
        self._new = 0

    def run(self) -> Imported:
        bundle = self._bundle
        release = self._claim()
        hashes: list[str] = []
        for one in bundle.objects():
            hashes.append(f"{one.stix['id']} {one.raw_sha256}\n")
            if release is not None:
                self._add(release, one)
                self._relate(release, one.stix["id"], relations_of(one.stix, bundle.tactics))
        content = hashlib.sha256("".join(sorted(hashes)).encode()).hexdigest()
        if release is None:
            self._compare(content)
            return Imported(bundle.domain, bundle.release, len(hashes), 0, 0, 0, True)
        self._store.execute(
            "UPDATE release SET content_sha256 = ?, objects = ? WHERE id = ?", (content, len(hashes), release)
        )
        relations = sum(self._counts.values())
        return Imported(
            bundle.domain, bundle.release, len(hashes), relations, self._new, self._dangling(release), False
        )

    def _claim(self) -> int | None:
        """The new release's row; None where one of that name is there."""
        bundle = self._bundle
        row = self._store.execute(
            "INSERT INTO release (domain, name, source, bundle_sha256, content_sha256, objects)"
            " VALUES (?, ?, ?, ?, '', 0) ON CONFLICT DO NOTHING RETURNING id",
            (bundle.domain, bundle.release, bundle.source, bundle.sha256),
        ).fetchone()
        return row[0] if row is not None else None

    def _compare(self, content: str) -> None:
        bundle = self._bundle
        known, source = self._store.execute(
            "SELECT content_sha256, source FROM release WHERE domain = ? AND name = ?", (bundle.domain, bundle.release)
        ).fetchone()
        if known != content:
            raise StoreError(
                f"{printable(bundle.source)}: claims to be {bundle.domain} {bundle.release}, which was imported from "
                f"{printable(source)} with other content; nothing was changed. Another name for it: --release"
            )

    def _add(self, release: int, one: StixObject) -> None:
        told = describe(one.stix)
        row = self._store.execute("SELECT id FROM content WHERE raw_sha256 = ?", (one.raw_sha256,)).fetchone()
        if row is None:
            row = self._store.execute(
                "INSERT INTO content (raw_sha256, packed) VALUES (?, ?) RETURNING id",
                (one.raw_sha256, self._pack(one.canonical)),
            ).fetchone()
            self._new += 1
            if told.type not in _WORDLESS:
                self._store.execute(
                    "INSERT INTO words (rowid, attack_id, name, aliases, description) VALUES (?, ?, ?, ?, ?)",
                    (row[0], told.attack_id, told.name, aliases_of(one.stix), description_of(one.stix)),
                )
        self._store.execute(
            "INSERT INTO object VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(release, self._row(told.stix_id), told.attack_id, told.type, told.name),
                *(told.version, told.created, told.modified, told.is_dead, row[0]),
            ),
        )

    def _relate(self, release: int, holder: str, relations: Iterable[Relation]) -> None:
        for relation in relations:
            source = self._row(relation.source)
            number = self._counts[source] = self._counts.get(source, 0) + 1
            self._store.execute(
                "INSERT INTO relation VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(release, source, number, relation.relation, self._row(relation.target), self._row(holder)),
                    *(relation.detail or (None, None)),
                ),
            )

    def _row(self, stix_id: str) -> int:
        row = self._rows.get(stix_id)
        if row is None:
            self._store.execute("INSERT INTO stix (stix_id) VALUES (?) ON CONFLICT DO NOTHING", (stix_id,))
            row = self._store.execute("SELECT id FROM stix WHERE stix_id = ?", (stix_id,)).fetchone()[0]
            self._rows[stix_id] = row
        return row

    def _dangling(self, release: int) -> int:
        count: int = self._store.execute(
            "SELECT count(*) FROM relation r WHERE r.release = ?1 AND NOT EXISTS"
            " (SELECT 1 FROM object o WHERE o.release = ?1 AND o.stix = r.target) OR r.release = ?1 AND NOT EXISTS"
            " (SELECT 1 FROM object o WHERE o.release = ?1 AND o.stix = r.source)",
            (release,),
        ).fetchone()[0]
        return count
