"""Turns the file tree of an image into what the engine asks of it: which layer holds what can run (`ImageContents`)."""

from collections.abc import Sequence

from tidewaiter.digest import Digest
from tidewaiter.image.contents import what_runs
from tidewaiter.image.files import FileTable
from tidewaiter.image_contents import ImageContents

_EXECUTE_BITS = 0o111
_MOST = 200_000
"""Most paths; of an image with more nothing is said, since what is left out would seem to be held by no layer."""
_TOOLS = 100


def holdings(table: FileTable, diff_ids: Sequence[Digest]) -> ImageContents | None:
    """What can run, by path, each with the diff_id of its layer; None where the tree is not known whole.

    `diff_ids` must be those of the layers that were added to the table, bottom first.
    """
    if table.left_out:
        return None
    executables: dict[str, Digest] = {}
    links: dict[str, str] = {}
    for path, index, entry in table.files():
        if entry.kind == "symlink":
            found = table.resolve(path)
            # A link that leads nowhere here may lead to a directory that no layer lists.
            if found is None or found[2].kind == "directory" or found[2].mode & _EXECUTE_BITS:
                links[_told(path)] = _told(entry.target or "", root="")
        elif entry.kind in ("file", "hardlink"):
            held = table.resolve(path) if entry.kind == "hardlink" else (path, index, entry)
            if held is not None and held[2].mode & _EXECUTE_BITS:
                executables[_told(path)] = diff_ids[index]
        if len(executables) + len(links) > _MOST:
            return None
    return ImageContents(executables, links, _tools(table))


def _tools(table: FileTable) -> tuple[str, ...]:
    found = what_runs(table)
    sorts = (found.shells, found.package_managers, found.download_tools, found.interpreters, found.compilers)
    return tuple(dict.fromkeys(_told(tool.path) for sort in sorts for tool in sort))[:_TOOLS]


def _told(path: str, root: str = "/") -> str:
    """A path as sensors write it: bytes that are no UTF-8 are replaced."""
    return root + path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
