"""Holds that output arrives whole, whatever stdout is."""

import os
import subprocess
import sys
import threading
from contextlib import suppress
from io import BytesIO
from types import SimpleNamespace

import pytest

from made_events import AN0691
from tidewaiter.cli._terminal import put
from tidewaiter.cli._watch_lines import Lines
from tidewaiter.engine import Engine
from tidewaiter.policy import DEFAULT_POLICY


@pytest.mark.parametrize("buffering", [0, 8192])
def test_a_pipe_that_takes_a_part_gets_all(monkeypatch: pytest.MonkeyPatch, buffering: int) -> None:
    """Unbuffered and non-blocking, as a container's or a terminal's stdout may be."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    got = bytearray()

    def read() -> None:
        while piece := os.read(reading, 65536):
            got.extend(piece)

    reader = threading.Thread(target=read)
    data = bytes(range(256)) * 4096
    with open(writing, "wb", buffering=buffering) as buffer:
        monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=buffer, flush=lambda: None))
        reader.start()
        put(data)
    reader.join()
    os.close(reading)
    assert bytes(got) == data


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_fault(closed: str) -> None:
    """And what is written to them lands in no file that was opened since."""
    code = (
        "import os, sys; from tidewaiter.cli import main; main(['sources'], standalone_mode=False);"
        "sys.exit(0 if [os.fstat(n) for n in range(3)] and os.open(os.devnull, 0) > 2 else 4)"
    )
    ended = subprocess.run(  # noqa: S603 - our own
        ["/bin/sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, code], capture_output=True, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_full_disk_beneath_stdout_and_stderr_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is said once; with room again, what was torn does not spoil what follows."""
    lines, summary = Lines("jsonl"), Engine(DEFAULT_POLICY, AN0691).summary(True, 0, 0)
    with open("/dev/full", "wb", buffering=0) as full:
        monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=full, flush=lambda: None))
        lines.output(summary)
        lines.output(summary)
    assert capfd.readouterr().err.count("alerts are missing there: No space left") == 1
    room = BytesIO()
    monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=room, flush=lambda: None))
    lines.output(summary)
    lines.output(summary)
    assert [line[:1] for line in room.getvalue().split(b"\n")] == [b"", b"{", b"{", b""]


def test_a_full_disk_beneath_stderr_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be said is not worth the watch."""
    with suppress(OSError), open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr("sys.stderr", full)
        Lines("jsonl").say("nobody hears this")
        heard = True
    assert heard
