"""Turns the relationships of an object into what ATT&CK says of each: who used what how, and what a mitigation does.

ATT&CK calls such texts procedure examples. They stand in the `description` of `relationship` objects and carry their
own citations.
"""

from collections.abc import Iterable, Iterator

import msgspec

from tidewaiter.attack import description_of
from tidewaiter.edge.attack_library import Library, Neighbour, Release

_TEXTS = """
SELECT r.relation, coalesce(a.attack_id, s.stix_id), coalesce(b.attack_id, t.stix_id), c.raw_sha256
  FROM relation r{index} JOIN stix s ON s.id = r.source JOIN stix t ON t.id = r.target
  JOIN object a ON a.release = r.release AND a.stix = r.source
  JOIN object b ON b.release = r.release AND b.stix = r.target
  JOIN object h ON h.release = r.release AND h.stix = r.holder AND h.type = 'relationship'
  JOIN content c ON c.id = h.content
  WHERE r.release = :release
"""


_WHOLE = (("", ""),)
_ENDS = (("", "AND s.stix_id = :stix"), (" INDEXED BY relation_by_target", "AND t.stix_id = :stix"))


class Example(msgspec.Struct, frozen=True):
    """What one relationship says, as imported."""

    text: str
    stix: dict[str, object]
    """The relationship itself."""


Examples = dict[tuple[str, str, str], Example]
"""(relation, id of its subject, id of its object) -> what is said of it."""


def examples(library: Library, release: Release, stix_id: str | None = None) -> Examples:
    """The texts of all relationships of a release, or of those of one object."""
    rows = {"release": release.row, "stix": stix_id}
    told: Examples = {}
    for index, end in _WHOLE if stix_id is None else _ENDS:
        for *key, raw_sha256 in library.store.execute(_TEXTS.format(index=index) + end, rows).fetchall():
            stix = library.stix(raw_sha256)
            text = description_of(stix)
            if text:
                relation, source, target = key
                told[relation, source, target] = Example(text, stix)
    return told


def of_neighbour(told: Examples, me: str, one: Neighbour) -> Example | None:
    """What is said of one relation of an object; None where nothing is."""
    ends = (me, one.id) if one.direction == "out" else (one.id, me)
    return told.get((one.relation, *ends))


def with_texts(told: Examples, me: str, relations: Iterable[Neighbour]) -> Iterator[Neighbour]:
    """The relations of an object, each with what is said of it."""
    for one in relations:
        example = of_neighbour(told, me, one) if one.via is None else None
        yield one if example is None else msgspec.structs.replace(one, text=example.text)
