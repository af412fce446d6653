"""Turns `tidewaiter image files` into the files of an image, each with the layer that wrote it."""

import stat
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from itertools import chain
from typing import Any

import click

from tidewaiter.cli._faults import UsageFault
from tidewaiter.cli._form import form_option
from tidewaiter.cli._image_page import short
from tidewaiter.cli._image_target import (
    Choice,
    choice_options,
    layer_bytes,
    opened,
    target_options,
    the_only_image,
)
from tidewaiter.cli._progress import Meter
from tidewaiter.cli._terminal import write_bytes, write_text
from tidewaiter.edge.images import OpenOptions
from tidewaiter.image.entries import Entry
from tidewaiter.image.files import FileTable
from tidewaiter.image.measure import Measurements
from tidewaiter.image.view import Image
from tidewaiter.policy_yaml import printable
from tidewaiter.sinks._escape import encode_json, visible

_LETTERS = {"directory": "d", "symlink": "l", "device": "b", "fifo": "p", "hardlink": "h"}
_AT_ONCE = 1000
"""Lines that are written together."""


class Listing:
    """The files of one image, and what its layers deleted."""

    def __init__(self, image: Image, measurements: Measurements) -> None:
        self.table = FileTable()
        self.deleted: list[tuple[int, Entry]] = []
        self.unread: list[str] = []
        for place, layer in enumerate(image.layers):
            found = measurements.of(layer, lambda entry, place=place: self._add(place, entry))  # type: ignore[misc]
            self.unread += [f"layer {place + 1}: its bytes are not there"] if found is None else []
            faults = found.faults if found is not None else ()
            self.unread += [f"layer {place + 1}: {fault.reason}" for fault in faults]

    def _add(self, place: int, entry: Entry) -> None:
        self.table.add(place, entry)
        if entry.kind in ("whiteout", "opaque"):
            self.deleted.append((place, entry))

    def files(self, patterns: tuple[str, ...]) -> list[tuple[str, int, Entry]]:
        """The final view by path, as far as a pattern matches."""
        found = (file for file in self.table.files() if _matches(file[0], patterns))
        return sorted(found, key=lambda file: file[0])


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(
        path == pattern or path.startswith(f"{pattern}/") or fnmatchcase(path, pattern) for pattern in patterns
    )


@click.command()
@click.argument("image", metavar="IMAGE")
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option("--history", is_flag=True, help="Tell what every layer did to each PATH.")
@choice_options
@target_options
@form_option
def files(image: str, paths: tuple[str, ...], history: bool, choice: Choice, options: OpenOptions, form: str) -> None:
    """List the files of an image, each with its layer.

    What a container of it would see, and what layers deleted.
    A PATH narrows the list to itself and what is below it; it may hold * and ?. Layers are counted from 1 at the
    bottom.

    \b
    Examples:
      tidewaiter image files web.tar '/usr/bin/*'
      tidewaiter image files web.tar --history /etc/passwd

    Exit status: 0 listed, 2 usage, 3 a layer could not be read to its end, so the list has gaps.
    """
    if history and not paths:
        raise UsageFault("--history: name the paths whose history is wanted")
    patterns = tuple(path.strip("/") for path in paths if path.strip("/"))
    with opened(image, options) as whole:
        view = choice.of(whole)
        chosen = the_only_image(view)
        with Meter(layer_bytes((chosen,))) as meter:
            measurements = Measurements(meter.add)
            listing = Listing(chosen, measurements)
        layers = [measurements.of(layer) for layer in chosen.layers]
    digests = [found.layer_digest if found is not None else None for found in layers]
    if history:
        _write_history(listing, patterns, digests, form)
    elif form == "json":
        head = {"kind": "image_files", "schema": 1, "name": view.name, "form": view.form, "layers": digests}
        _write_json(head, listing, patterns)
    else:
        lines = _lines(listing, patterns)
        if (first := next(lines, None)) is not None:
            _write_lines(chain([first], lines))
        elif patterns:
            click.echo(f"no file matches {printable(', '.join(paths))}", err=True)
    for sentence in listing.unread:
        click.echo(f"incomplete: {printable(sentence)}", err=True)
    raise click.exceptions.Exit(3 if listing.unread else 0)


def _lines(listing: Listing, patterns: tuple[str, ...]) -> Iterator[str]:
    for path, place, entry in listing.files(patterns):
        owner = f"{entry.uid:>5} {entry.gid:>5}"
        yield f"{place + 1:>3} {_mode(entry)} {owner} {entry.size_bytes:>11,} {_named(path, entry)}"
    for place, entry in listing.deleted:
        if _matches(entry.path, patterns):
            what = "all that was below" if entry.kind == "opaque" else "deleted"
            yield f"{place + 1:>3} {what} /{visible(entry.path)}"


def _mode(entry: Entry) -> str:
    return _LETTERS.get(entry.kind, "-") + stat.filemode(entry.mode & 0o7777)[1:]


def _named(path: str, entry: Entry) -> str:
    if entry.target is None:
        return f"/{visible(path)}"
    arrow = "=>" if entry.kind == "hardlink" else "->"
    return f"/{visible(path)} {arrow} {'/' if entry.kind == 'hardlink' else ''}{visible(entry.target)}"


def _write_lines(lines: Iterable[str]) -> None:
    held: list[str] = []
    for line in lines:
        held.append(line)
        if len(held) >= _AT_ONCE:
            write_text("\n".join(held) + "\n")
            held.clear()
    if held:
        write_text("\n".join(held) + "\n")


def _write_json(head: dict[str, Any], listing: Listing, patterns: tuple[str, ...]) -> None:
    """One object, written file by file: an image may have half a million."""
    write_bytes(encode_json(head).rstrip()[:-1] + b',"files":[')
    separator = b""
    for path, place, entry in listing.files(patterns):
        write_bytes(separator + encode_json(_record(path, place, entry)).rstrip())
        separator = b","
    deleted = [
        {"path": entry.path, "layer_index": place, "kind": entry.kind}
        for place, entry in listing.deleted
        if _matches(entry.path, patterns)
    ]
    write_bytes(b'],"deleted":' + encode_json(deleted).rstrip() + b"}\n")


def _record(path: str, place: int, entry: Entry) -> dict[str, Any]:
    return {
        "path": path,
        "layer_index": place,
        "kind": entry.kind,
        "mode": entry.mode,
        "uid": entry.uid,
        "gid": entry.gid,
        "size_bytes": entry.size_bytes,
        "mtime_s": entry.mtime_s,
        "target": entry.target,
    }


def _write_history(listing: Listing, paths: tuple[str, ...], digests: list[str | None], form: str) -> None:
    told = {path: listing.table.history(path) for path in paths}
    ends = {path: listing.table.resolve(path) for path in paths}
    if form == "json":
        shown = [
            {
                "path": path,
                "history": [_record(entry.path, place, entry) for place, entry in told[path]],
                "is": _record(*end) if (end := ends[path]) is not None else None,
            }
            for path in paths
        ]
        write_bytes(encode_json({"kind": "image_file_history", "schema": 1, "layers": digests, "paths": shown}))
        return
    for path in paths:
        lines = [f"/{visible(path)}"]
        for place, entry in told[path]:
            did = {"whiteout": "deleted", "opaque": "emptied"}.get(entry.kind)
            what = did if did is not None else f"wrote {_mode(entry)} {entry.size_bytes:,} bytes"
            lines.append(f"  layer {place + 1} ({short(digests[place])}) {what}")
        end = ends[path]
        if end is None:
            lines.append("  in the end: not there")
        else:
            lines.append(f"  in the end: {_named(end[0], end[2])} of layer {end[1] + 1}")
        write_text("\n".join(lines) + "\n")
