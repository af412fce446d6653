"""Stands in for a container: a cgroup that is named like one; and runs a sensor beside it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import geteuid, getpid
from pathlib import Path

import pytest
from desks import SensorDesk, collecting

from tidewaiter.edge.collector import Collector

_CGROUPS = (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup"))


@contextmanager
def running(collector: Collector, desk: SensorDesk) -> Iterator[None]:
    """A collector in a thread of its own, from its first condition until the context ends."""
    with collecting(collector, desk):
        desk.wait(lambda: desk.state(collector.name))
        yield


def needs_root() -> None:
    """Skip the test for other users."""
    if geteuid() != 0:
        pytest.skip("only root may listen to the kernel; what this would prove was not proven")


@contextmanager
def container_cgroup(container_id: str, parent: str = "docker") -> Iterator[Path]:
    """A cgroup that is named like a container's; gives the file by which a process joins it."""
    needs_root()
    top = next((folder for folder in _CGROUPS if (folder / "cgroup.procs").exists()), None)
    if top is None:
        pytest.skip("there is no cgroup hierarchy here; what this would prove was not proven")
    folder = top / parent / container_id
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        pytest.skip(f"no cgroup can be made here ({error.strerror}); what this would prove was not proven")
    try:
        yield folder / "cgroup.procs"
    finally:
        folder.rmdir()
        with suppress(OSError):  # somebody else's too
            folder.parent.rmdir()


def made_id(number: int) -> str:
    """An id that no other container has."""
    return f"{getpid():012x}{number:052x}"
