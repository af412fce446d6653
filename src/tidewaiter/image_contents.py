"""Turns a path that a container ran into the layer of its image that holds it, or into the answer that none does."""

from posixpath import normpath

import msgspec

from tidewaiter.digest import Digest

_LINKS_FOLLOWED = 40
"""As many as the kernel follows (path_resolution(7))."""
_INJECTED = frozenset({"/sbin/docker-init", "/dev/init", "/run/podman-init", "/catatonit", "/proc/self/exe"})
"""What runtimes bring along themselves: `docker run --init`, `podman run --init`, runc's own copy of itself."""
_UNSAYABLE = ("/proc/", "/dev/fd/", "/memfd:")
"""Paths that name an open file, not a place in the image."""


class ImageContents(msgspec.Struct):
    """What an image holds that can run. Complete: what is not in it, no layer holds."""

    executables: dict[str, Digest]
    """Absolute path of a file with an x bit -> diff_id of the layer that wrote it."""
    links: dict[str, str] = {}
    """Absolute path of a symbolic link -> its target, as written: links to folders, and to what can run."""
    tools: tuple[str, ...] = ()
    """Paths of shells, package managers, download tools, interpreters and compilers."""

    def layer_of(self, path: str) -> Digest | None:
        """The diff_id of the layer whose file the kernel runs when it is told to run `path`; None: no layer has one."""
        found = self._resolved(path)
        return self.executables.get(found) if found is not None else None

    def _resolved(self, path: str) -> str | None:
        parts, at, followed = _parts(path), "", 0
        while parts:
            part = parts.pop(0)
            if part == "..":
                at = at.rpartition("/")[0]
                continue
            at = f"{at}/{part}"
            target = self.links.get(at)
            if target is None:
                continue
            followed += 1
            if followed > _LINKS_FOLLOWED:
                return None
            at = "" if target.startswith("/") else at.rpartition("/")[0]
            parts = [*_parts(target), *parts]
        return at


def can_be_told(path: str | None) -> bool:
    """Whether a path that a sensor shows says anything about layers: a place, and not one that runtimes fill."""
    return (
        path is not None
        and path.startswith("/")
        and not path.startswith(_UNSAYABLE)
        and normpath(path) not in _INJECTED
    )


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]
