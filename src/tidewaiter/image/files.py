"""Turns the entries of a stack of layers into one file tree: what is there in the end, and which layer wrote it.

Rules (image-spec layer.md, "Applying Changesets")
- An entry replaces what lower layers have at its path; a directory over a directory keeps the contents of both.
- A whiteout takes away a path and all below it, an opaque whiteout all below its directory: of lower layers only,
  wherever in the tar file it stands.
- An entry below a symbolic link lies where the link leads (`lib/a` in `usr/lib/a`), as containerd unpacks it.
- Links are followed inside the image: `/` is its root, and `..` does not lead out of it.
"""

from collections.abc import Iterator

import msgspec

from tidewaiter.image.entries import Entry
from tidewaiter.image.limits import TREE_BYTES

_LINKS_FOLLOWED = 40
"""Most links on the way to one file, as in Linux (path_resolution(7))."""
_ENTRY_BYTES = 176
"""What an entry takes beside its path, measured."""
_STEPS = 4096
"""Most parts of a path, those of the targets of links included."""


class _Changes(msgspec.Struct):
    """What one layer says: a tree of its own above the others."""

    entries: dict[str, Entry] = {}
    whiteouts: dict[str, Entry] = {}
    opaques: dict[str, Entry] = {}


class FileTable:
    """The files of one image. Layers must be added from the bottom, each one's entries in the order of its tar file."""

    def __init__(self) -> None:
        self._layers: list[_Changes] = []
        self._links: set[str] = set()
        self._parent = ("", "")
        self._bytes = 0
        self.left_out = 0
        """How many entries were not taken, since the table was full: then what is told may be wrong."""

    def add(self, layer_index: int, entry: Entry) -> None:
        """Take what a layer (0: the lowest) says of a path. Raises `ValueError` where a higher layer was begun."""
        if layer_index != len(self._layers) - 1:
            if layer_index < len(self._layers):
                raise ValueError(f"layer {layer_index} comes after layer {len(self._layers) - 1}")
            while len(self._layers) <= layer_index:
                self._layers.append(_Changes())
            self._parent = ("", "")
        self._bytes += _ENTRY_BYTES + len(entry.path) + len(entry.target or "")
        if self._bytes > TREE_BYTES:
            self.left_out += 1
            return
        changes = self._layers[-1]
        if entry.kind == "opaque":
            changes.opaques[self._real(entry.path)] = entry
            return
        parent, _, base = entry.path.rpartition("/")
        path = entry.path
        if self._links and parent and (real := self._real_parent(parent)) != parent:
            path = f"{real}/{base}" if real else base
        if entry.kind == "whiteout":
            changes.whiteouts[path] = entry
            return
        if entry.kind == "symlink":
            self._links.add(path)
        if path in self._links:
            self._parent = ("", "")
        changes.entries[path] = entry

    def files(self) -> Iterator[tuple[str, int, Entry]]:
        """What is there in the end: path, index of the layer that wrote it, entry; layer by layer from the top.

        The path may differ from the entry's, where the entry lay below a symbolic link. A file made into a hard link
        occurs once for each name.
        """
        above = _Above()
        for index in range(len(self._layers) - 1, -1, -1):
            changes = self._layers[index]
            for path, entry in changes.entries.items():
                if not above.hides(path):
                    yield path, index, entry
            if index:
                above.put(changes)

    def history(self, path: str) -> list[tuple[int, Entry]]:
        """What each layer, from the lowest, says of exactly this path: entries, whiteouts, opaque whiteouts."""
        path = path.strip("/")
        return [
            (index, found[path])
            for index, changes in enumerate(self._layers)
            for found in (changes.whiteouts, changes.opaques, changes.entries)
            if path in found
        ]

    def resolve(self, path: str) -> tuple[str, int, Entry] | None:
        """The file that a path leads to in the end, links followed: its own path, layer and entry; None: there is none.

        Of a hard link it is the entry that holds the contents. A directory that no layer lists is None also.
        """
        real = self._walk(path, len(self._layers))
        top = len(self._layers)
        for _ in range(_LINKS_FOLLOWED):
            found = self._at(real, top) if real is not None else None
            if real is None or found is None:
                return None
            index, entry = found
            if entry.kind != "hardlink":
                return real, index, entry
            # Whatever came later at the target's path came to that path only: the link keeps the old file.
            top = index + 1
            real = self._walk(entry.target or "", top)
        return None

    def _at(self, path: str, top: int) -> tuple[int, Entry] | None:
        """What lies at exactly this path in the layers below `top`, none of its parts a link that is followed."""
        parents = [path[:at] for at, character in enumerate(path) if character == "/"]
        for index in range(top - 1, -1, -1):
            changes = self._layers[index]
            entry = changes.entries.get(path)
            if entry is not None:
                return index, entry
            if path in changes.whiteouts or (path and "" in changes.opaques):
                return None
            for parent in parents:
                over = changes.entries.get(parent)
                if (
                    parent in changes.whiteouts
                    or parent in changes.opaques
                    or (over is not None and over.kind != "directory")
                ):
                    return None
        return None

    def _walk(self, path: str, top: int) -> str | None:
        """The path that remains when each link on the way, and at the end, was followed; None for a loop."""
        ahead = path.split("/")[::-1]
        done: list[str] = []
        links = 0
        for _ in range(_STEPS):
            if not ahead:
                return "/".join(done)
            part = ahead.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if done:
                    done.pop()
                continue
            done.append(part)
            here = "/".join(done)
            if here not in self._links or (found := self._at(here, top)) is None or found[1].kind != "symlink":
                continue
            links += 1
            if links > _LINKS_FOLLOWED:
                return None
            target = found[1].target or ""
            if target.startswith("/"):
                done.clear()
            else:
                done.pop()
            ahead.extend(target.split("/")[::-1])
        return None

    def _real(self, path: str) -> str:
        """Where a directory named by a layer's entry lies; the name as it is where that is a loop."""
        if not self._links:
            return path
        real = self._walk(path, len(self._layers))
        return path if real is None else real

    def _real_parent(self, parent: str) -> str:
        """As `_real`, remembering the latest: neighbours in a tar file have one parent."""
        if self._parent[0] != parent:
            self._parent = (parent, self._real(parent))
        return self._parent[1]


class _Above:
    """What upper layers do to lower ones, when layers are gone through from the top."""

    def __init__(self) -> None:
        self._keeps_contents: dict[str, bool] = {}
        """Every path that an upper layer wrote, and whether each one that did made a directory of it."""
        self._whiteouts: set[str] = set()
        self._opaques: set[str] = set()
        self._parents: dict[str, bool] = {}

    def put(self, changes: _Changes) -> None:
        """Add the next layer from the top."""
        keeps = self._keeps_contents
        for path, entry in changes.entries.items():
            keeps[path] = entry.kind == "directory" and keeps.get(path, True)
        self._whiteouts.update(changes.whiteouts)
        self._opaques.update(changes.opaques)
        self._parents.clear()

    def hides(self, path: str) -> bool:
        """Whether a lower layer's entry at this path is gone."""
        return (
            path in self._keeps_contents
            or path in self._whiteouts
            or (path != "" and self._hides_contents(path.rpartition("/")[0]))
        )

    def _hides_contents(self, folder: str) -> bool:
        """Whether all below a directory is gone."""
        known = self._parents.get(folder)
        if known is None:
            known = (
                folder in self._whiteouts
                or folder in self._opaques
                or self._keeps_contents.get(folder) is False
                or (folder != "" and self._hides_contents(folder.rpartition("/")[0]))
            )
            self._parents[folder] = known
        return known
