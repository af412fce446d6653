"""Turns an imported release of ATT&CK into the index by which techniques are inferred, and keeps it beside the store.

Examples are the release's own sentences: what groups, campaigns and programs did with a technique (`uses`), and the
name and first sentence of each technique; against them stand the advice of mitigations and what groups and programs
are. The cache is one file for each release and version of the method; a broken one is made anew.
"""

import contextlib
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import zstandard

from tidewaiter.attack import description_of
from tidewaiter.edge.attack_library import Library, Release
from tidewaiter.edge.whole_file import WholeFileError, write_whole
from tidewaiter.intel.sentences import sentences
from tidewaiter.intel.technique_index import NONE, Catalogue, Example, TechniqueIndex, learned
from tidewaiter.intel.words import plain

_METHOD = 2
"""Counts up with every change of `words.py`, `technique_index.py` or this file that gives another index."""
_MAX_BYTES = 128 * 1024 * 1024
"""Of a cache, unpacked; that of enterprise 19.1 has about 6 MB."""
_LEVEL = 3
_HASH = 32
_ACTOR = re.compile(r"\[[^\]\[]{1,300}\]\(https://attack\.mitre\.org/(?:groups|software|campaigns)/[^()\s]{1,300}\)")
_ACTORS = ("group", "software", "campaign")


def index_path(store: Path, release: Release) -> Path:
    """Where the index of a release is kept."""
    return store.with_name(f"{store.name}.{release.content_sha256[:16]}.techniques-{_METHOD}")


def technique_index(library: Library, release: Release, store: Path | None = None) -> TechniqueIndex:
    """The index of a release: from its cache beside the store, else built and, where it can be, kept there."""
    place = index_path(store, release) if store is not None else None
    if place is not None:
        kept = _kept(place, release)
        if kept is not None:
            return kept
    index = learned(catalogue_of(library, release), list(examples(library, release)))
    if place is not None:
        with contextlib.suppress(WholeFileError):  # a store that may only be read serves too, slower
            write_whole(str(place), _packed(index))
    return index


def _packed(index: TechniqueIndex) -> bytes:
    body = zstandard.ZstdCompressor(level=_LEVEL).compress(msgspec.msgpack.encode(index))
    return hashlib.sha256(body).digest() + body


def _kept(place: Path, release: Release) -> TechniqueIndex | None:
    try:
        with place.open("rb") as file:
            text = file.read(_MAX_BYTES)
        head, body = text[:_HASH], text[_HASH:]
        if hashlib.sha256(body).digest() != head:
            return None
        unpacked = zstandard.ZstdDecompressor().decompress(body, max_output_size=_MAX_BYTES)
        index = msgspec.msgpack.decode(unpacked, type=TechniqueIndex)
    except (OSError, zstandard.ZstdError, msgspec.MsgspecError):
        return None
    return index if index.catalogue.content_sha256 == release.content_sha256 else None


def examples(library: Library, release: Release, users: bool = True) -> Iterator[Example]:
    """The sentences of a release that teach, `users` says whether those of groups and programs too."""
    for found in library.listed(release, ("technique",)):
        if not found.is_dead:
            description = plain(description_of(library.stix(found.raw_sha256)))
            first = next(sentences(description), None)
            yield Example(found.name, found.id)
            yield Example(f"{found.name}. {first.text if first is not None else ''}", found.id)
    if users:
        for _, example in procedures(library, release):
            yield example
    for found in library.listed(release, ("mitigation", *_ACTORS)):
        if not found.is_dead:
            description = plain(description_of(library.stix(found.raw_sha256)))
            for sentence in list(sentences(description))[: 1 if found.type in _ACTORS else None]:
                yield Example(sentence.text, NONE)
    for text, _, _ in _related(library, release, "mitigates"):
        yield Example(text, NONE)


def procedures(library: Library, release: Release) -> Iterator[tuple[str, Example]]:
    """(STIX id of who did it, the sentence and its technique) for each `uses` of a living technique."""
    for text, user, technique in _related(library, release, "uses"):
        yield user, Example(text, technique)


def _related(library: Library, release: Release, relation: str) -> Iterator[tuple[str, str, str]]:
    """(description without markup and names of actors, STIX id of the source, id of the living technique)."""
    rows = library.store.execute(
        "SELECT c.raw_sha256, s.stix_id, t.attack_id FROM relation r JOIN object h ON h.release = r.release"
        " AND h.stix = r.holder JOIN content c ON c.id = h.content JOIN stix s ON s.id = r.source"
        " JOIN object t ON t.release = r.release AND t.stix = r.target"
        " WHERE r.release = ? AND r.relation = ? AND t.type = 'technique' AND NOT t.is_dead AND NOT h.is_dead"
        " AND t.attack_id IS NOT NULL ORDER BY t.attack_id, s.stix_id, c.raw_sha256",
        (release.row, relation),
    ).fetchall()
    for raw_sha256, source, technique in rows:
        text = plain(_ACTOR.sub("xx", description_of(library.stix(raw_sha256))))
        if text:
            yield text, source, technique


def catalogue_of(library: Library, release: Release) -> Catalogue:
    """What a release holds that is no sentence."""
    near = library.all_neighbours(release)
    names: dict[str, str] = {}
    tactics: dict[str, tuple[str, ...]] = {}
    successors: dict[str, str] = {}
    for found in library.listed(release, ("technique",)):
        told = near.get(found.stix_id, [])
        if found.is_dead:
            for one in told:
                if (one.relation, one.direction) == ("revoked_by", "out"):
                    successors.setdefault(found.id, one.id)
        else:
            names[found.id] = found.name
            tactics[found.id] = tuple(one.name for one in told if (one.relation, one.direction) == ("tactic", "out"))
    return Catalogue(
        release=f"{release.domain} {release.name}",
        content_sha256=release.content_sha256,
        names=names,
        tactics=tactics,
        order=_order(library, release),
        successors={old: new for old, new in successors.items() if old not in names and new in names},
    )


def _order(library: Library, release: Release) -> tuple[str, ...]:
    """Tactics as the matrix has them; those that it does not name come last, by name."""
    known = {found.stix_id: found.name for found in library.listed(release, ("tactic",)) if not found.is_dead}
    order: list[str] = []
    for matrix in library.listed(release, ("x_mitre_matrix", "matrix")):
        refs = library.stix(matrix.raw_sha256).get("tactic_refs")
        order += [known[ref] for ref in (refs if isinstance(refs, list) else []) if ref in known]
    return tuple(dict.fromkeys([*order, *sorted(known.values())]))
