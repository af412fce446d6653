"""Makes places for processes that look like containers to the kernel sensor: cgroups, and namespaces around them."""

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from desks import SensorDesk, collecting

from tidewaiter.edge.bpf_sensor import BpfSensor, probe

_SECONDS = 20
_HIERARCHIES = ("/sys/fs/cgroup/pids", "/sys/fs/cgroup", "/sys/fs/cgroup/unified")


def bpf_needed() -> None:
    """Skip where BPF cannot be used."""
    why_not = probe()
    if why_not is not None:
        pytest.skip(why_not)


def root_needed() -> None:
    """Skip where this is not root."""
    if os.geteuid() != 0:
        pytest.skip("only root may make cgroups and namespaces")


def eventually(is_so: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    end = time.monotonic() + _SECONDS
    while not is_so():
        assert time.monotonic() < end, f"not within {_SECONDS} s: {what}"
        time.sleep(0.005)


@contextmanager
def listening(sensor: BpfSensor) -> Iterator[SensorDesk]:
    """The sensor, running; it has ended when the context does."""
    desk = SensorDesk()
    with collecting(sensor, desk):
        desk.wait(lambda: any(told.state != "starting" for told in desk.conditions))
        yield desk


class Cage:
    """A cgroup that is named as Docker names a container's."""

    def __init__(self, hierarchy: str) -> None:
        self.id = secrets.token_hex(32)
        self._parent = Path(hierarchy, "docker")
        self._made_parent = not self._parent.exists()
        self.folder = self._parent / self.id

    def run(self, *command: str, unshare: str | None = None, check: bool = True) -> str:
        """Run a program in it to its end, maybe in new namespaces (`unshare`'s options). Gives what it prints."""
        words = (["unshare", *unshare.split(), "--"] if unshare else []) + list(command)
        ended = subprocess.run(  # noqa: S603 - the test's own command
            words,
            capture_output=True,
            text=True,
            timeout=120,
            preexec_fn=self.enter,
        )
        assert not check or ended.returncode == 0, f"{command}: {ended.stderr[-2000:]}"
        return ended.stdout

    def enter(self) -> None:
        """Put this process into it."""
        (self.folder / "cgroup.procs").write_text("0")

    def __enter__(self) -> "Cage":
        self.folder.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        for folder in sorted((path for path in self.folder.rglob("*") if path.is_dir()), reverse=True):
            _remove(folder)
        _remove(self.folder)
        if self._made_parent and not any(path.is_dir() for path in self._parent.iterdir()):
            _remove(self._parent)


def _remove(folder: Path) -> None:
    def is_gone() -> bool:
        # A zombie that its parent has not yet collected keeps its cgroup busy.
        try:
            folder.rmdir()
        except OSError:
            return not folder.exists()
        return True

    eventually(is_gone, f"{folder} is empty")


def cage(version: int | None = None) -> Cage:
    """A cage in cgroup version 1 or 2; None: whichever is there. Skips where there is none."""
    root_needed()
    for hierarchy in _HIERARCHIES:
        is_second = Path(hierarchy, "cgroup.controllers").exists()
        if Path(hierarchy, "cgroup.procs").exists() and version in (None, 2 if is_second else 1):
            return Cage(hierarchy)
    pytest.skip(f"no cgroup of version {version} that can be written here")


def program(name: str) -> str:
    """Where a program is. Skips where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"not on this machine: {name}")
    return found
