"""Turns an id and a release into everything the store knows of that object: its text, neighbours, history and hash."""

import hashlib
import re
import sqlite3
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

import msgspec
import zstandard

from tidewaiter.edge.attack_store import StoreError
from tidewaiter.policy_yaml import printable

_NEAREST = 3
_FOUND_MAX = 500
_ATTACK_ID = re.compile(r"[A-Z]{1,6}\d{1,6}(\.\d{1,4})?\Z")
_WORD = re.compile(r"\w[\w-]*")


class Release(msgspec.Struct, frozen=True):
    """One imported release."""

    row: int
    domain: str
    name: str
    source: str
    bundle_sha256: str
    content_sha256: str
    """SHA-256 over the lines `STIX-ID RAW-SHA256`, sorted: the same for every bundle of the same objects."""
    objects: int


class Found(msgspec.Struct, frozen=True):
    """One object of one release, as it is listed."""

    id: str
    """The ATT&CK id, else the STIX id."""
    type: str
    name: str
    version: str | None
    created: str | None
    modified: str | None
    raw_sha256: str
    is_dead: bool
    stix_id: str
    release: str


class Neighbour(msgspec.Struct, frozen=True, omit_defaults=True):
    """One relation of an object, as it is shown."""

    relation: str
    direction: str
    """`out`: the object is its subject; `in`: its object."""
    id: str
    name: str
    type: str
    via: str | None = None
    """The id of the object between the two, where the relation goes through one."""
    text: str | None = None
    """What ATT&CK says of the relation, where that was asked for."""


class LogSourceNamed(msgspec.Struct, frozen=True):
    """One log source that an analytic asks for."""

    name: str
    channel: str
    data_component: str
    """ATT&CK id of the data component."""
    data_component_name: str


class Past(msgspec.Struct, frozen=True):
    """An object in one release of its history."""

    release: str
    version: str | None
    modified: str | None
    raw_sha256: str
    changed: tuple[str, ...]
    """Fields that are not as in the release before; of the first release none."""
    modified_unchanged: bool
    """Whether something changed, and `modified` did not."""


class Library:
    """The questions that are asked of a store."""

    def __init__(self, store: sqlite3.Connection) -> None:
        self.store = store
        self._unpack = zstandard.ZstdDecompressor()

    # ------------------------------------------------------------------------------------------ releases

    def releases(self) -> list[Release]:
        """All releases, domain by domain, in order of their numbers."""
        rows = self.store.execute(
            "SELECT id, domain, name, source, bundle_sha256, content_sha256, objects FROM release"
        ).fetchall()
        return sorted((Release(*row) for row in rows), key=lambda one: (one.domain, release_order(one.name)))

    def release(self, name: str | None = None, domain: str | None = None) -> Release:
        """The release of a name (`19.1`, or `mobile-19.1`), or the newest one; of several domains enterprise comes
        first. Raises `StoreError` where there is none."""
        known = self.releases()
        if not known:
            raise StoreError("nothing of ATT&CK is imported yet; begin with: tidewaiter attack import BUNDLE")
        told = [one for one in known if domain in (None, one.domain)]
        if name is not None:
            told = [one for one in told if name in (one.name, f"{one.domain}-{one.name}")]
        if not told:
            names = ", ".join(f"{one.domain}-{one.name}" for one in known)
            raise StoreError(f"{printable(name or domain or '')}: no such release is imported; there are {names}")
        return max(told, key=lambda one: (one.domain == "enterprise", release_order(one.name)))

    # ------------------------------------------------------------------------------------------ objects

    def find(self, wanted: str, release: Release) -> Found:
        """The object of an ATT&CK id or a STIX id in a release. Raises `StoreError`, with the nearest ids."""
        text = wanted.strip()
        is_stix = "--" in text
        column = "s.stix_id" if is_stix else "o.attack_id"
        rows = self.store.execute(
            # With the plus, for otherwise SQLite reads the whole release.
            f"{_OBJECT} WHERE +o.release = ? AND {column} IN (?, ?)",
            (release.row, text, text.lower() if is_stix else text.upper()),
        ).fetchall()
        found = [self._found(row, release) for row in rows if row[1] != "relationship" or is_stix]
        if not found:
            raise StoreError(self._not_there(text, release))
        # An old id of a mitigation may be a technique's as well; what is not revoked comes first, then techniques.
        return min(found, key=lambda one: (one.is_dead, one.type != "technique", one.stix_id))

    def latest(self, wanted: str, domain: str | None) -> tuple[Found, str]:
        """(an object as the newest release that holds it has it, the domain). Raises `StoreError`."""
        newest = self.release(None, domain)
        for release in sorted(self.releases(), key=lambda one: (one == newest, release_order(one.name)), reverse=True):
            if domain in (None, release.domain):
                try:
                    return self.find(wanted, release), release.domain
                except StoreError:
                    continue
        return self.find(wanted, newest), newest.domain

    def _not_there(self, wanted: str, release: Release) -> str:
        shown = printable(wanted)
        holding = self.store.execute(
            "SELECT DISTINCT r.domain || '-' || r.name FROM object o JOIN release r ON r.id = o.release"
            " WHERE o.attack_id = ?",
            (wanted.upper(),),
        ).fetchall()
        if holding:
            names = ", ".join(sorted(name for (name,) in holding))
            return f"{shown}: not in {release.domain} {release.name}, but in {names}; choose one with --release"
        known = [
            name
            for (name,) in self.store.execute(
                "SELECT attack_id FROM object WHERE release = ? AND attack_id IS NOT NULL", (release.row,)
            )
        ]
        near = get_close_matches(wanted.upper(), known, _NEAREST, 0.5)
        hint = f"; nearest are {', '.join(near)}" if near else "; look for words with: tidewaiter attack search"
        return f"{shown}: no such id in {release.domain} {release.name}{hint}"

    def listed(self, release: Release, kinds: tuple[str, ...]) -> Iterator[Found]:
        """All objects of some kinds in a release, by id."""
        marks = ",".join("?" * len(kinds))
        rows = self.store.execute(
            f"{_OBJECT} WHERE o.release = ? AND o.type IN ({marks}) ORDER BY o.attack_id, s.stix_id",
            (release.row, *kinds),
        ).fetchall()
        return (self._found(row, release) for row in rows)

    def canonical(self, raw_sha256: str) -> bytes:
        """An object's canonical JSON (RFC 8785), by its hash. Raises `StoreError` where it is not that any more."""
        (packed,) = self.store.execute("SELECT packed FROM content WHERE raw_sha256 = ?", (raw_sha256,)).fetchone()
        try:
            content = self._unpack.decompress(packed)
        except zstandard.ZstdError:
            content = b""
        if hashlib.sha256(content).hexdigest() != raw_sha256:
            raise StoreError(f"the store is damaged: object {raw_sha256} is not what was imported")
        return content

    def stix(self, raw_sha256: str) -> dict[str, Any]:
        """An object as STIX, by its hash."""
        stix: dict[str, Any] = msgspec.json.decode(self.canonical(raw_sha256))
        return stix

    def _found(self, row: tuple[Any, ...], release: Release) -> Found:
        attack_id, kind, name, version, created, modified, is_dead, stix_id, raw_sha256 = row
        return Found(
            id=attack_id or stix_id,
            type=kind,
            name=name,
            version=version,
            created=created,
            modified=modified,
            raw_sha256=raw_sha256,
            is_dead=bool(is_dead),
            stix_id=stix_id,
            release=release.name,
        )

    # ------------------------------------------------------------------------------------------ neighbours

    def neighbours(self, found: Found, release: Release) -> list[Neighbour]:
        """All relations of an object that lead to objects of the release, both directions, each once.

        An analytic also detects what its strategy detects: such relations name the strategy in `via`.
        """
        near = self._near(found.stix_id, release)
        if found.type == "analytic":
            for strategy in [one for one in near if one.relation == "analytic_of"]:
                beyond = self._near(self.find(strategy.id, release).stix_id, release)
                near += [
                    msgspec.structs.replace(one, via=strategy.id)
                    for one in beyond
                    if one.relation == "detects" and one.direction == "out"
                ]
        return list(dict.fromkeys(near))

    def _near(self, stix_id: str, release: Release) -> list[Neighbour]:
        rows = self.store.execute(_NEAR, {"stix": stix_id, "release": release.row}).fetchall()
        return [Neighbour(*row) for row in rows]

    def all_neighbours(self, release: Release) -> dict[str, list[Neighbour]]:
        """STIX id -> its relations in a release, as `neighbours` gives them but for those that go through another."""
        near: dict[str, list[Neighbour]] = {}
        for relation, *ends in self.store.execute(_ALL_NEAR, (release.row,)):
            source, source_id, source_name, source_type, target, target_id, target_name, target_type = ends
            near.setdefault(source, []).append(Neighbour(relation, "out", target_id, target_name, target_type))
            near.setdefault(target, []).append(Neighbour(relation, "in", source_id, source_name, source_type))
        return {stix_id: sorted(set(told), key=_neighbour_order) for stix_id, told in near.items()}

    def log_sources(self, found: Found, release: Release) -> list[LogSourceNamed]:
        """The log sources that an analytic asks for, in ATT&CK's order."""
        rows = self.store.execute(
            "SELECT r.detail_name, r.detail_channel, coalesce(o.attack_id, t.stix_id), coalesce(o.name, '')"
            " FROM relation r JOIN stix s ON s.id = r.source JOIN stix t ON t.id = r.target"
            " LEFT JOIN object o ON o.release = r.release AND o.stix = r.target"
            " WHERE r.release = ? AND s.stix_id = ? AND r.relation = 'log_source' ORDER BY r.number",
            (release.row, found.stix_id),
        ).fetchall()
        return [LogSourceNamed(*row) for row in rows]

    def holding(self, found: Found, domain: str) -> list[str]:
        """The releases of a domain that hold an object, in order."""
        rows = self.store.execute(
            "SELECT r.name FROM object o JOIN stix s ON s.id = o.stix JOIN release r ON r.id = o.release"
            " WHERE s.stix_id = ? AND r.domain = ?",
            (found.stix_id, domain),
        ).fetchall()
        return sorted((name for (name,) in rows), key=release_order)

    def history(self, found: Found, domain: str) -> list[Past]:
        """An object in every release that holds it."""
        past: list[Past] = []
        before: Mapping[str, Any] = {}
        for name in self.holding(found, domain):
            here = self.find(found.stix_id, self.release(name, domain))
            stix = self.stix(here.raw_sha256)
            changed = changed_fields(before, stix) if past else ()
            same_date = bool(changed) and before.get("modified") == stix.get("modified")
            past.append(Past(name, here.version, here.modified, here.raw_sha256, changed, same_date))
            before = stix
        return past

    # ------------------------------------------------------------------------------------------ words

    def search(self, words: str, release: Release, most: int = 25) -> list[Found]:
        """Objects of a release that hold all the words (or words that begin so), the best first.

        Raises `StoreError` where no word is given.
        """
        told = _WORD.findall(words)
        if not told:
            raise StoreError("no word to search for was given")
        if len(told) == 1 and _ATTACK_ID.match(told[0].upper()):
            exact = self.store.execute(
                f"{_OBJECT} WHERE +o.release = ? AND o.attack_id = ?",
                (release.row, told[0].upper()),
            ).fetchall()
            if exact:
                return [self._found(row, release) for row in exact]
        query = " ".join(f'"{word}"*' for word in told)
        rows = self.store.execute(
            # Left to itself SQLite reads the whole release for each word found.
            f"{_COLUMNS} FROM words w CROSS JOIN object o INDEXED BY object_by_content"
            " ON o.content = w.rowid AND o.release = ? CROSS JOIN stix s ON s.id = o.stix"
            " CROSS JOIN content c ON c.id = o.content WHERE w.words MATCH ?"
            # Names of strategies repeat what they detect; the thing itself is what most people look for.
            " ORDER BY o.is_dead, lower(o.name) <> ?, bm25(words, 8, 6, 3, 1) * CASE"
            " WHEN o.type IN ('technique', 'group', 'software', 'tactic') THEN 2 ELSE 1 END, o.attack_id LIMIT ?",
            (release.row, query, words.strip().lower(), min(most, _FOUND_MAX)),
        ).fetchall()
        return [self._found(row, release) for row in rows]

    def statement(self, release: Release) -> str:
        """The copyright statement that the release carries; empty where it carries none."""
        rows = self.store.execute(
            "SELECT c.raw_sha256 FROM stix s CROSS JOIN object o ON o.stix = s.id AND o.release = ?"
            " JOIN content c ON c.id = o.content WHERE s.stix_id GLOB 'marking-definition--*' ORDER BY s.stix_id",
            (release.row,),
        ).fetchall()
        for (raw_sha256,) in rows:
            definition = self.stix(raw_sha256).get("definition")
            if isinstance(definition, dict) and isinstance(definition.get("statement"), str):
                return str(definition["statement"])
        return ""


_COLUMNS = "SELECT o.attack_id, o.type, o.name, o.version, o.created, o.modified, o.is_dead, s.stix_id, c.raw_sha256"
_OBJECT = f"{_COLUMNS} FROM object o JOIN stix s ON s.id = o.stix JOIN content c ON c.id = o.content"
_NEAR = """
SELECT r.relation, 'out', coalesce(o.attack_id, t.stix_id), o.name, o.type
  FROM relation r JOIN stix s ON s.id = r.source JOIN stix t ON t.id = r.target
  JOIN object o ON o.release = r.release AND o.stix = r.target
  WHERE s.stix_id = :stix AND r.release = :release
UNION ALL
SELECT r.relation, 'in', coalesce(o.attack_id, t.stix_id), o.name, o.type
  FROM relation r INDEXED BY relation_by_target JOIN stix s ON s.id = r.target JOIN stix t ON t.id = r.source
  JOIN object o ON o.release = r.release AND o.stix = r.source
  WHERE s.stix_id = :stix AND r.release = :release
ORDER BY 1, 2, 3
"""


_ALL_NEAR = """
SELECT r.relation, s.stix_id, coalesce(a.attack_id, s.stix_id), a.name, a.type,
  t.stix_id, coalesce(b.attack_id, t.stix_id), b.name, b.type
  FROM relation r JOIN stix s ON s.id = r.source JOIN stix t ON t.id = r.target
  JOIN object a ON a.release = r.release AND a.stix = r.source
  JOIN object b ON b.release = r.release AND b.stix = r.target
  WHERE r.release = ?
"""


def _neighbour_order(one: Neighbour) -> tuple[str, str, str]:
    return one.relation, one.direction, one.id


def release_order(name: str) -> tuple[tuple[int, int | str], ...]:
    """By which `9.0` comes before `10.0`: numbers as numbers, all else as text."""
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in re.findall(r"\d+|[^\d.]+", name))


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields of an object that differ, by name."""
    return tuple(sorted(key for key in {*before, *after} if before.get(key) != after.get(key)))
