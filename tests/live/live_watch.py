"""Runs `tidewaiter watch` as its users do, as a process of its own, and keeps what it says with the time it was said.

with Watching(lab, folder) as watch:
    ...
    alert = watch.record(container_id)
watch.finals()
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec
from lab import Lab

COMMAND = (sys.executable, "-c", "from tidewaiter.cli import main; main(prog_name='tidewaiter')")
SOURCES = Path(__file__).resolve().parents[2] / "src"
_READY_SECONDS = 30.0
_RECORD_SECONDS = 20.0
_STOP_SECONDS = 10.0
"""The promise: after SIGTERM everything final is out within this time."""

Record = dict[str, Any]


class Arrived(msgspec.Struct, frozen=True):
    """One line of standard output."""

    time_ns: int
    record: Record


def environment(lab: Lab | None) -> dict[str, str]:
    """The environment in which only the lab's daemons are found; without a lab, none."""
    nowhere = Path("/nonexistent")
    docker, containerd = (lab.docker_socket, lab.containerd_socket) if lab else (nowhere, nowhere)
    kept = {
        name: value for name, value in os.environ.items() if "proxy" not in name.lower() and name != "CONTAINER_HOST"
    }
    return {
        **kept,
        "PYTHONPATH": str(SOURCES),
        "DOCKER_HOST": f"unix://{docker}",
        "CONTAINERD_ADDRESS": str(containerd),
    }


class Watching:
    """One run of `watch --format jsonl`. As a context it is ready inside, and ended by SIGTERM at the end."""

    def __init__(self, lab: Lab | None, state: Path, *options: str, prefix: Sequence[str] = ()) -> None:
        self.arrived: list[Arrived] = []
        self.talk: list[str] = []
        """The lines of standard error."""
        self.status: int | None = None
        """After the end: the exit status."""
        self._changed = threading.Condition()
        command = [*prefix, *COMMAND, "watch", "--format", "jsonl", "--state", str(state), *options]
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(lab),
        )
        self._readers = [threading.Thread(target=self._hear), threading.Thread(target=self._overhear)]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        try:
            self.until(lambda: any("ready" in line for line in self.talk), "the ready line", _READY_SECONDS)
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        if kind is None:
            self.stop()
        else:
            self.kill()

    # ------------------------------------------------------------------------------------------- what it says

    def records(self, container_id: str, kind: str = "alert") -> list[Record]:
        """The records of one container so far, oldest first."""
        with self._changed:
            told = [arrived.record for arrived in self.arrived]
        return [one for one in told if one["kind"] == kind and one["container_id"] == container_id]

    def record(self, container_id: str, holds: Callable[[Record], bool] = lambda record: True) -> Record:
        """The first alert or suspicion of a container for which something holds, now or soon."""

        def found() -> Record | None:
            return next((one for one in self.records(container_id) if holds(one)), None)

        self.until(lambda: found() is not None, f"a record of {container_id[:12]}", _RECORD_SECONDS)
        record = found()
        assert record is not None
        return record

    def finals(self) -> dict[str, Record]:
        """After the end: the final record of each container that has one."""
        return finals(arrived.record for arrived in self.arrived)

    def summary(self) -> Record:
        """After the end: the summary, which is the last line."""
        last = self.arrived[-1].record
        assert last["kind"] == "summary", last
        return last

    def until(self, holds: Callable[[], bool], what: str, seconds: float) -> None:
        """Wait until something holds of what it said. Raises AssertionError with its talk where it does not."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not holds():
                left = deadline - time.monotonic()
                ended = self.process.poll() is not None and not any(reader.is_alive() for reader in self._readers)
                if left <= 0 or ended:
                    why = f"it ended with {self.process.returncode}" if ended else f"not within {seconds:.0f} s"
                    said = "\n".join([*self.talk[-15:], *(json.dumps(one.record)[:600] for one in self.arrived[-5:])])
                    raise AssertionError(f"{what}: {why}; it said:\n{said}")
                self._changed.wait(min(left, 0.2))

    def _hear(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            arrived = Arrived(time.time_ns(), json.loads(line))
            with self._changed:
                self.arrived.append(arrived)
                self._changed.notify_all()

    def _overhear(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self.talk.append(line.decode(errors="replace").rstrip())
                self._changed.notify_all()

    # ------------------------------------------------------------------------------------------- the end

    def stop(self) -> None:
        """End it by SIGTERM. Fails where that takes longer than promised."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.status = self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            said = "\n".join(self.talk[-15:])
            raise AssertionError(f"not ended {_STOP_SECONDS:.0f} s after SIGTERM; it said:\n{said}") from None
        self._close()
        assert not any("Traceback" in line for line in self.talk), "\n".join(self.talk)

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.status = self.process.wait()
        self._close()

    def _close(self) -> None:
        for reader in self._readers:
            reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


def finals(records: Iterable[Record]) -> dict[str, Record]:
    """The final record of each container that has one; fails where one has two."""
    found: dict[str, Record] = {}
    for record in records:
        if record["kind"] == "alert" and record["final"]:
            assert record["container_id"] not in found, f"two final records: {record['id']}"
            found[record["container_id"]] = record
    return found


def hunt(*arguments: str) -> list[Record]:
    """What `tidewaiter hunt --format jsonl` prints."""
    ended = subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, "hunt", *arguments, "--format", "jsonl"], capture_output=True, env=environment(None), timeout=60
    )
    assert ended.returncode in (0, 1), ended.stderr.decode()
    return [json.loads(line) for line in ended.stdout.splitlines()]
