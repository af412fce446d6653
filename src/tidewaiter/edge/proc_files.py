"""Turns the files of /proc/PID, while the process is there, into what it runs and which container it is in.

Source: proc(5).
"""

import os
from contextlib import suppress
from functools import cache

import msgspec

from tidewaiter.edge.cgroups import container_in
from tidewaiter.sources._sensor_record import ContainerNamed

_LONGEST_ARGUMENTS = 16384
_LONGEST_FILE = 65536
_FULL_ID = 64
_GONE = " (deleted)"
_RUNTIME_CLONE = "_cloned:/proc/self/exe"
_MEMFD = "/memfd:"


class CommandLine(msgspec.Struct, frozen=True, gc=False):
    """What a process runs. None, and no arguments, where it had ended before it was asked."""

    args: list[str] = []
    is_args_cut: bool = False
    exe: str | None = None
    cwd: str | None = None
    is_upper_layer: bool | None = None
    """True for a file without a name (memfd); else not known."""


NOTHING = CommandLine()


class Origin(msgspec.Struct, frozen=True, gc=False):
    """Whose child a process is, and whose it is."""

    parent_pid: int | None = None
    parent_exe: str | None = None
    uid: int | None = None


def container_now(pid: int) -> ContainerNamed | None:
    """The container a process is in; None for a process of the host. Raises ProcessLookupError where it has ended."""
    found = container_in(_read(f"/proc/{pid}/cgroup", _LONGEST_FILE).decode("utf-8", "replace"))
    if found is not None and len(found.id) != _FULL_ID:
        # A name that somebody chose looks like other software's cgroups; but a container has its own view of files.
        mounts = _mounts(pid)
        if mounts is not None and mounts == _host_mounts():
            return None
    return found


def command_line(pid: int) -> CommandLine:
    """What a process runs; `NOTHING` where it has ended."""
    try:
        raw = _read(f"/proc/{pid}/cmdline", _LONGEST_ARGUMENTS + 1)
    except ProcessLookupError:
        return NOTHING
    if not raw:
        return NOTHING  # it has ended, and nobody has asked yet how
    exe = exe_now(pid)
    is_nameless = exe is not None and exe.startswith(_MEMFD)
    # runc and crun start containers from a nameless copy of themselves, still among the host's files; whoever is in a
    # container may call a file so, too.
    is_runtime = exe is not None and _RUNTIME_CLONE in exe and _mounts(pid) == _host_mounts()
    is_cut = len(raw) > _LONGEST_ARGUMENTS
    words = raw[:_LONGEST_ARGUMENTS].removesuffix(b"\0").split(b"\0")
    return CommandLine(
        args=[word.decode("utf-8", "replace") for word in words],
        is_args_cut=is_cut,
        exe=exe[1:] if exe is not None and is_nameless else exe,
        cwd=_link(f"/proc/{pid}/cwd"),
        is_upper_layer=True if is_nameless and not is_runtime else None,
    )


def origin(pid: int) -> Origin:
    """The parent and the user of a process; nothing where it has ended."""
    parent_pid = uid = None
    try:
        for line in _read(f"/proc/{pid}/status", _LONGEST_FILE).split(b"\n"):
            if line.startswith(b"PPid:"):
                parent_pid = int(line[5:])
            elif line.startswith(b"Uid:"):
                uid = int(line[4:].split()[0])
                break
    except (ProcessLookupError, ValueError, IndexError):
        return Origin()
    return Origin(parent_pid, exe_now(parent_pid) if parent_pid else None, uid)


def exe_now(pid: int) -> str | None:
    """The file that a process runs; None where it has ended."""
    exe = _link(f"/proc/{pid}/exe")
    return exe.removesuffix(_GONE) if exe is not None else None


def process_ids() -> list[int]:
    """All processes that there are now."""
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def cgroup_paths() -> set[str]:
    """The paths, in any hierarchy, of the cgroups that have processes now."""
    paths: set[str] = set()
    for pid in process_ids():
        with suppress(ProcessLookupError):
            text = _read(f"/proc/{pid}/cgroup", _LONGEST_FILE).decode("utf-8", "replace")
            paths.update(line.split(":", 2)[-1] for line in text.splitlines())
    return paths


def _read(path: str, limit: int) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(file, limit)
        finally:
            os.close(file)
    except OSError as error:
        # ESRCH or ENOENT: gone. Whatever else keeps it from being read keeps it as unknown.
        raise ProcessLookupError(path) from error


def _link(path: str) -> str | None:
    try:
        return os.readlink(path).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except OSError:
        return None


def _mounts(pid: int) -> str | None:
    return _link(f"/proc/{pid}/ns/mnt")


@cache
def _host_mounts() -> str | None:
    return _mounts(1)
