"""Runs one program and gives what it took: seconds, peak memory, exit status.

The peak is the kernel's own (`ru_maxrss` of `wait4`): of the process, or of the largest of the children it waited for.
The kernel counts the memory of whoever started the program as the program's until it has replaced itself, so the
program that calls this must stay small: whatever needs memory (making streams, comparing with the truth) is run by
this too.
"""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec


class ProgramError(Exception):
    """A measured program failed; nothing can be said of it."""


class Ran(msgspec.Struct, frozen=True):
    """One run of one program."""

    seconds: float
    """Wall time from its start to its end, start-up included."""
    peak_bytes: int
    cpu_seconds: float
    """Of all its threads and children, in user mode and in the kernel."""
    status: int


def run(command: Sequence[str], output: Path, accepted: Sequence[int] = (0,)) -> Ran:
    """Run `command`, its standard output into `output`. Raises ProgramError for any status that is not accepted."""
    errors = output.with_suffix(".stderr")
    with output.open("wb") as out, errors.open("wb") as err:
        begin = time.perf_counter()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)  # noqa: S603 - our own list
        _, wait_status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begin
    child.returncode = status = os.waitstatus_to_exitcode(wait_status)
    if status not in accepted:
        said = errors.read_text(errors="replace").strip().splitlines()[-5:]
        raise ProgramError(f"{' '.join(command)}: exit status {status}: {' | '.join(said) or 'no message'}")
    return Ran(seconds, usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime, status)
