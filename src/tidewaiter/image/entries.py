"""Turns the members of a layer's tar file into entries of the image's file tree, refusing what must not be in one.

Source: image-spec layer.md; where it is silent, what Docker and containerd do. A name is taken relative to the root,
`./` and `//` mean nothing, and `..` is refused.
"""

from array import array
from collections import Counter
from collections.abc import Callable
from typing import Literal

import msgspec

from tidewaiter.image.tar_stream import Member

Kind = Literal["file", "directory", "symlink", "hardlink", "device", "fifo", "whiteout", "opaque"]

_KINDS: dict[bytes, Kind] = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",
    b"S": "file",
    b"1": "hardlink",
    b"2": "symlink",
    b"3": "device",
    b"4": "device",
    b"5": "directory",
    b"6": "fifo",
}
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_AUFS = ".wh..wh."
_SAID = 10
"""Unsafe members of one layer that are told one by one."""
_SHARED = 4096
_NAME_CHARACTERS = 4096
"""Longest path that Linux takes."""
_SHELVES = 64


class Entry(msgspec.Struct, frozen=True, gc=False):
    """What one layer says of one path."""

    path: str
    """Relative to the root, without `./`, `//` and a slash at either end; empty for the root itself. Bytes that are no
    UTF-8 are surrogates (PEP 383): `shown` makes it fit for output. Of a whiteout: the path that goes; of an opaque
    one: the directory whose contents from below go."""
    kind: Kind
    mode: int
    """Permissions with set-user-ID, set-group-ID and sticky bit."""
    uid: int
    gid: int
    size_bytes: int
    """Of the unpacked file; 0 for all that is no file."""
    mtime_s: int
    target: str | None = None
    """Of a symbolic link: as written. Of a hard link: a path in the form of `path`."""


class Entries:
    """Judges the members of one layer, and hands on those that are safe as entries."""

    def __init__(self, on_entry: Callable[[Entry], None] | None) -> None:
        self._on_entry = on_entry
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}
        self._unsafe: list[str] = []
        self._unsafe_more = 0
        self._shared: dict[int, int] = {}
        # Hashes of all paths, on shelves that can be sorted out one by one: 8 bytes for each member.
        self._paths = [array("q") for _ in range(_SHELVES)]

    @property
    def unsafe(self) -> list[str]:
        """What must not be in a layer: sentences without a full stop."""
        more = [f"and {self._unsafe_more} more members like these"] if self._unsafe_more else []
        return [*self._unsafe, *more]

    @property
    def mentions(self) -> list[str]:
        """What is unusual and no fault: sentences without a full stop."""
        told = [f"{what}: {count}, the first is {self._first[what]}" for what, count in sorted(self._counts.items())]
        repeated = sum(len(shelf) - len(set(shelf)) for shelf in self._paths)
        return [*told, f"{repeated} members repeat the path of another one"] if repeated else told

    def take(self, member: Member) -> None:
        """Judge the next member."""
        name, kind = member.name, _KINDS.get(member.type)
        if kind is None:
            self._mention(f"members of the unknown type {chr(member.type[0])!r}", name)
            return
        if member.type == b"\0" and name.endswith("/"):
            kind = "directory"
        path = normalised(name)
        if path is None:
            self._refuse(f"the member {shown(name)} leads out of the image")
            return
        if len(path) > _NAME_CHARACTERS or len(member.link) > _NAME_CHARACTERS:
            self._refuse(f"the member {shown(name)} has a name or a target of more than {_NAME_CHARACTERS} characters")
            return
        if name.startswith("/"):
            self._mention("absolute names", name)
        if not path and kind != "directory":
            self._refuse(f"the member {shown(name)} puts a {kind} in the place of the root")
            return
        key = hash(path)
        self._paths[key % _SHELVES].append(key)
        entry = self._entry(member, kind, path)
        if entry is not None and self._on_entry is not None:
            self._on_entry(entry)

    def _entry(self, member: Member, kind: Kind, path: str) -> Entry | None:
        target: str | None = None
        base = path.rpartition("/")[2]
        if base.startswith(_WHITEOUT) or path.startswith(_AUFS):
            hidden = self._whiteout(path, base)
            if hidden is None:
                return None
            kind, path = hidden
        elif kind == "hardlink":
            target = normalised(member.link)
            if not target:
                self._refuse(f"the hard link {shown(path)} leads out of the image, to {shown(member.link)}")
                return None
        elif kind == "symlink":
            target = member.link
            if _climbs_out(path, target):
                self._mention("symbolic links that climb above the root", path)
        elif kind == "device":
            self._mention("devices", path)
        if member.needless_size:
            self._mention("members that have no contents and tell a size", path)
        if member.is_sparse:
            self._mention("sparse files", path)
        share = self._share
        return Entry(
            path,
            kind,
            share(member.mode),
            share(member.uid),
            share(member.gid),
            share(member.size_bytes),
            share(member.mtime_s),
            target,
        )

    def _whiteout(self, path: str, base: str) -> tuple[Kind, str] | None:
        folder = path[: -len(base)]
        if base == _OPAQUE:
            return "opaque", folder.rstrip("/")
        if base.startswith(_AUFS) or path.startswith(_AUFS):
            self._mention("names that AUFS keeps for itself", path)
            return None
        gone = base[len(_WHITEOUT) :]
        if gone in ("", ".", ".."):
            self._refuse(f"the whiteout {shown(path)} names no file")
            return None
        return "whiteout", folder + gone

    def _share(self, number: int) -> int:
        """The same number as one object: owners, modes and times repeat."""
        shared = self._shared.get(number)
        if shared is None:
            if len(self._shared) >= _SHARED:
                self._shared.clear()
            self._shared[number] = shared = number
        return shared

    def _mention(self, what: str, name: str) -> None:
        self._counts[what] += 1
        if what not in self._first:
            self._first[what] = shown(name)

    def _refuse(self, why: str) -> None:
        if len(self._unsafe) < _SAID:
            self._unsafe.append(why)
        else:
            self._unsafe_more += 1


def normalised(name: str) -> str | None:
    """A name relative to the root, in its one form; None where it has `..` or a zero byte, and so may lead out."""
    if "//" not in name and "." not in name and name[:1] != "/":
        return name[:-1] if name[-1:] == "/" else name
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return None if ".." in parts or "\0" in name else "/".join(parts)


def shown(name: str) -> str:
    """A name in quotes as one line that anybody can print, cut where it is very long."""
    return repr(name if len(name) <= 200 else name[:200] + "...")


def _climbs_out(path: str, target: str) -> bool:
    """Whether a relative target has more `..` than there are directories to leave."""
    if not target.startswith("../"):
        return False
    depth = path.count("/")
    for part in target.split("/"):
        if part == "..":
            depth -= 1
            if depth < 0:
                return True
        elif part not in ("", "."):
            depth += 1
    return False
