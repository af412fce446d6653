"""Turns two images into the files that one has and the other has not, or has otherwise."""

from collections.abc import Iterator
from functools import partial
from typing import Literal

import msgspec

from tidewaiter.image.entries import Entry
from tidewaiter.image.files import FileTable
from tidewaiter.image.measure import Measurements
from tidewaiter.image.view import Image


class FileChange(msgspec.Struct, frozen=True, kw_only=True):
    """One path of the final file systems."""

    path: str
    change: Literal["added", "removed", "changed"]
    what: tuple[str, ...] = ()
    """What changed: `kind`, `mode`, `owner`, `size`, `target`, or `rewritten` (of equal size, by another layer)."""
    layer_index_a: int | None = None
    """The layer that wrote it; 0 is the lowest."""
    layer_index_b: int | None = None


def table_of(image: Image, measurements: Measurements) -> FileTable:
    """The files of an image, read from its layers once more where they were read before."""
    table = FileTable()
    for place, layer in enumerate(image.layers):
        measurements.of(layer, partial(table.add, place))
    return table


def compare_files(a: Image, measured_a: Measurements, b: Image, measured_b: Measurements) -> Iterator[FileChange]:
    """Every path that is not the same in both, by name; a file that one and the same layer wrote is the same."""
    old = {path: (place, entry) for path, place, entry in table_of(a, measured_a).files()}
    changes: list[FileChange] = []
    for path, place, entry in table_of(b, measured_b).files():
        before = old.pop(path, None)
        if before is None:
            changes.append(FileChange(path=path, change="added", layer_index_b=place))
            continue
        is_same_layer = _diff_id(a, before[0], measured_a) == _diff_id(b, place, measured_b) is not None
        what = tuple(_changes(before[1], entry, is_same_layer))
        if what:
            changes.append(
                FileChange(path=path, change="changed", what=what, layer_index_a=before[0], layer_index_b=place)
            )
    changes += [FileChange(path=path, change="removed", layer_index_a=place) for path, (place, _) in old.items()]
    return iter(sorted(changes, key=lambda change: change.path))


def _diff_id(image: Image, place: int, measurements: Measurements) -> str | None:
    measured = measurements.of(image.layers[place])
    return measured.diff_id if measured is not None else None


def _changes(old: Entry, new: Entry, is_same_layer: bool) -> Iterator[str]:
    if is_same_layer:
        return
    pairs = (
        ("kind", old.kind, new.kind),
        ("mode", old.mode, new.mode),
        ("owner", (old.uid, old.gid), (new.uid, new.gid)),
        ("size", old.size_bytes, new.size_bytes),
        ("target", old.target, new.target),
    )
    changed = [name for name, before, after in pairs if before != after]
    yield from changed
    if not changed and new.kind == "file":
        yield "rewritten"
