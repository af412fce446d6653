"""Makes what the tests of `tidewaiter watch` share: collectors that stand in, and ways to run the command."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tidewaiter.cli import main
from tidewaiter.edge.collector import Collector, Condition, Desk, Observation
from tidewaiter.event import Sight


class Script:
    """A collector that hands in records and then ends the run, or waits for its end."""

    def __init__(
        self, records: Sequence[tuple[str, bytes]], *, name: str = "docker", blind: tuple[Sight, ...] = (), stops: bool
    ) -> None:
        self.name = name
        self._records, self._blind, self._stops = records, blind, stops

    def run(self, desk: Desk) -> None:
        """Tell of readiness, hand in everything, end the run."""
        state = "waiting" if self._blind else "ready"
        desk.tell(Condition(self.name, state, f"from a script, {state == 'ready'}", self._blind))  # type: ignore[arg-type]  # one of the two
        for source, record in self._records:
            desk.observe(Observation(source, "script", record))
        if self._stops:
            os.kill(os.getpid(), 15)
        desk.stopped.wait(30)


def watch(monkeypatch: pytest.MonkeyPatch, collectors: Sequence[Collector], *arguments: object) -> Result:
    """Run the command in this process; anything but an exit status is a failure."""
    monkeypatch.setattr("tidewaiter.cli.watch.open_collectors", lambda *chosen: list(collectors))
    # Who is late leaves in haste, and would take all other tests along.
    monkeypatch.setattr("tidewaiter.cli.watch.END_S", 3600.0)
    result = CliRunner().invoke(main, ["watch", *map(str, arguments)], env={"COLUMNS": "100"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.stderr
    return result


_CHILD = """
import sys
sys.path.insert(0, {folder!r})
import json, threading
import tidewaiter.cli.watch as command
from watching import Script
records = [(source, record.encode()) for source, record in json.loads({records!r})]
command.END_S = {end_s}
command.open_collectors = lambda *chosen: [Script(records, stops=False)]
from tidewaiter.cli import main
main(["watch", *{arguments!r}])
"""


class Child:
    """The command in a process of its own."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process, self.stdout, self.stderr = process, process.stdout, process.stderr

    def next_about(self, container: str) -> dict[str, Any]:
        """The next record about a container; others are passed over."""
        while True:
            record: dict[str, Any] = json.loads(self.stdout.readline())
            if record["container_id"] == container:
                return record

    def ended(self, number: int) -> tuple[list[dict[str, Any]], str]:
        """Send a signal; what comes out from then on, as objects, and all that was said."""
        self.process.send_signal(number)
        rest, said = self.process.communicate(timeout=60)
        return [json.loads(line) for line in rest.splitlines()], said.decode()


@contextmanager
def child(records: Sequence[tuple[str, bytes]], *arguments: object, end_s: float = 10.0) -> Iterator[Child]:
    """The command in a process of its own, with a collector that hands in these and waits for the end."""
    told = json.dumps([(source, record.decode()) for source, record in records])
    words = [str(word) for word in arguments]
    code = _CHILD.format(folder=str(Path(__file__).parent), records=told, arguments=words, end_s=end_s)
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # noqa: S603 - our own
        try:
            yield Child(process)
        finally:
            process.kill()


def finals(lines: str) -> list[dict[str, Any]]:
    """The final records among JSON lines, without what a live run numbers in its own way."""
    found = [json.loads(line) for line in lines.splitlines()]
    return [{**record, "revision": 0} for record in found if record["kind"] == "alert" and record["final"]]
