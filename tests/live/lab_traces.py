"""Finds what a lab has left on the machine, processes and cgroups, and takes it away."""

import contextlib
import errno
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
_POLL_SECONDS = 0.02
_EMPTY_SECONDS = 5.0
_SHARED = ("docker", "kubepods", "besteffort")


def wait_until(holds: Callable[[], bool], what: str, seconds: float) -> None:
    """Ask again until it holds. Raises TimeoutError that says what was waited for."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(_POLL_SECONDS)


def pids() -> list[int]:
    """All processes."""
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def command_line(pid: int) -> str:
    """The words of a process, with blanks between; empty where it has none or is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def parent_of(pid: int) -> int:
    """The parent of a process; 0 where it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def kill(pid: int) -> None:
    """End a process at once, unless it is gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def cgroups(container_ids: set[str]) -> list[Path]:
    """The cgroups, of every hierarchy, that have one of these names."""
    found = []
    for folder, names, _ in os.walk(CGROUPS):
        found += [Path(folder, name) for name in names if name in container_ids]
    return found


def remove_cgroup(cgroup: Path) -> None:
    """Take a cgroup and those below it away, once its processes, which were killed, are gone."""

    def removed() -> bool:
        try:
            for folder, _, _ in os.walk(cgroup, topdown=False):
                os.rmdir(folder)
        except OSError as error:
            return error.errno != errno.EBUSY
        return True

    with contextlib.suppress(TimeoutError):
        wait_until(removed, f"{cgroup} is empty", _EMPTY_SECONDS)
    for parent in cgroup.parents:
        # Another Docker or kubelet may be about to use these.
        if parent.name in _SHARED or parent.is_mount():
            break
        try:
            parent.rmdir()
        except OSError:
            break
