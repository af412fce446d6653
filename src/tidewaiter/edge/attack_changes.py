"""Turns two releases of ATT&CK into what is new, what is gone and what changed, field by field."""

import sqlite3
from collections.abc import Iterator

import msgspec

from tidewaiter.edge.attack_library import Library, Release, changed_fields

_DROPS = {
    "added": "SELECT coalesce(o.attack_id, s.stix_id), o.type, o.name FROM object o JOIN stix s ON s.id = o.stix"
    " WHERE o.release = :after AND NOT EXISTS"
    " (SELECT 1 FROM object p WHERE p.release = :before AND p.stix = o.stix) ORDER BY 1, s.stix_id",
    "removed": "SELECT coalesce(o.attack_id, s.stix_id), o.type, o.name FROM object o JOIN stix s ON s.id = o.stix"
    " WHERE o.release = :before AND NOT EXISTS"
    " (SELECT 1 FROM object p WHERE p.release = :after AND p.stix = o.stix) ORDER BY 1, s.stix_id",
}
_CHANGED = """
SELECT coalesce(b.attack_id, s.stix_id), b.type, b.name, a.modified IS b.modified, c.raw_sha256, d.raw_sha256
  FROM object b JOIN object a ON a.release = :before AND a.stix = b.stix JOIN stix s ON s.id = b.stix
  JOIN content c ON c.id = a.content JOIN content d ON d.id = b.content
  WHERE b.release = :after AND a.content <> b.content ORDER BY 1, s.stix_id
"""


class Listed(msgspec.Struct, frozen=True):
    """One object that is new or gone."""

    id: str
    type: str
    name: str


class Changed(msgspec.Struct, frozen=True):
    """One object that both releases hold, not alike."""

    id: str
    type: str
    name: str
    fields: tuple[str, ...]
    modified_unchanged: bool
    """Whether its content changed while its date `modified` did not."""


class Difference(msgspec.Struct, frozen=True):
    """What lies between two releases. Relationships are objects too."""

    before: str
    after: str
    added: tuple[Listed, ...]
    removed: tuple[Listed, ...]
    changed: tuple[Changed, ...]


def difference(store: sqlite3.Connection, before: Release, after: Release) -> Difference:
    """All STIX objects that are not alike in two releases."""
    rows = {"before": before.row, "after": after.row}
    lists = {name: tuple(Listed(*row) for row in store.execute(query, rows)) for name, query in _DROPS.items()}
    changed = tuple(_changed(store, rows))
    return Difference(before.name, after.name, lists["added"], lists["removed"], changed)


def _changed(store: sqlite3.Connection, rows: dict[str, int]) -> Iterator[Changed]:
    library = Library(store)
    for name, kind, shown, is_same_date, before, after in store.execute(_CHANGED, rows).fetchall():
        fields = changed_fields(library.stix(before), library.stix(after))
        yield Changed(name, kind, shown, fields, bool(is_same_date))
