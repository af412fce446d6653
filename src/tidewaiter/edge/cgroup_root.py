"""Turns the machine's mounts into an open folder: the root of cgroup version 2, for programs that see every cgroup.

A container with a cgroup namespace of its own sees only its own part, whose inode is not 1; then the view of process 1
is tried (with the host's process ids), and lastly a mount that nobody else sees and that ends with its descriptor.
"""

import ctypes
import os
import re
from collections.abc import Iterator
from pathlib import Path

_ROOT_INODE = 1
_VIEWS = (Path("/proc/self"), Path("/proc/1"))
# The numbers are the same on all architectures (Linux 5.2 and newer).
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
_CLOSE_ON_EXEC = 1
_CREATE = 6
_ESCAPE = re.compile(r"\\([0-7]{3})")


def open_cgroup_root() -> int | None:
    """A descriptor of the folder, which the caller closes; None where there is none to be had."""
    for folder in _mounted():
        try:
            found = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            continue
        if _is_root(found):
            return found
        os.close(found)
    return _own_mount()


def mount_points(mountinfo: str) -> Iterator[str]:
    """Where a process sees cgroup version 2, by its /proc/PID/mountinfo (proc(5): blanks are octal escapes)."""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if after.startswith("cgroup2 ") and len(fields) > 4:
            yield _ESCAPE.sub(lambda octal: chr(int(octal[1], 8)), fields[4])


def _mounted() -> Iterator[Path]:
    for process in _VIEWS:
        try:
            text = (process / "mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            continue
        for point in mount_points(text):
            yield process / "root" / point.lstrip("/")


def _is_root(folder: int) -> bool:
    return os.fstat(folder).st_ino == _ROOT_INODE


def _own_mount() -> int | None:
    call = ctypes.CDLL(None, use_errno=True).syscall
    opened = call(_FSOPEN, b"cgroup2", _CLOSE_ON_EXEC)
    if opened < 0:
        return None
    try:
        if call(_FSCONFIG, opened, _CREATE, None, None, 0) < 0:
            return None
        mounted: int = call(_FSMOUNT, opened, _CLOSE_ON_EXEC, 0)
    finally:
        os.close(opened)
    if mounted < 0:
        return None
    try:
        # A descriptor of a mount only names it. The opened folder keeps it.
        root = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=mounted)
    except OSError:
        return None
    finally:
        os.close(mounted)
    if _is_root(root):
        return root
    os.close(root)
    return None
