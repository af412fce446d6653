"""Checks the line of progress: what it says, when it is redrawn, and that only a terminal sees it."""

import io
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from tidewaiter.cli import _progress
from tidewaiter.cli._progress import Meter, Progress


class Terminal(io.StringIO):
    """A stream that says of itself that it is a terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that progress sees."""
    made = Clock()
    monkeypatch.setattr(_progress, "time", made)
    return made


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal as stderr."""
    monkeypatch.setenv("TERM", "xterm")
    made = Terminal()
    monkeypatch.setattr(_progress, "sys", SimpleNamespace(stderr=made))
    return made


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A file of ten megabytes (as its size says)."""
    path = tmp_path / "events.jsonl"
    with path.open("wb") as made:
        made.truncate(10_000_000)
    return str(path)


def test_a_pipe_sees_nothing(monkeypatch: pytest.MonkeyPatch, clock: Clock, file: str) -> None:
    """Logs are not filled with progress."""
    pipe = io.StringIO()
    monkeypatch.setattr(_progress, "sys", SimpleNamespace(stderr=pipe))
    with Progress((file,)) as progress:
        clock.now_s += 10
        progress.show(file, 5_000_000, 100)
    assert pipe.getvalue() == ""


def test_a_terminal_sees_share_size_speed_and_time_left(terminal: Terminal, clock: Clock, file: str) -> None:
    """Half of the file in ten seconds leaves ten more."""
    with Progress((file,)) as progress:
        clock.now_s += 10
        progress.show(file, 5_000_000, 20_000)
        line = terminal.getvalue().rpartition("\x1b[K")[2]
    assert line == " 50% of 10 MB: 5 MB, 20,000 records, 2,000/s, 10 s left"


def test_it_is_redrawn_now_and_then_only(terminal: Terminal, clock: Clock, file: str) -> None:
    """Drawing costs more than reading a batch."""
    with Progress((file,)) as progress:
        progress.show(file, 1, 1)
        assert terminal.getvalue() == ""
        clock.now_s += 1
        for position in range(100):
            progress.show(file, position, position)
        assert terminal.getvalue().count("records") == 1


def test_the_line_is_cleared_at_the_end(terminal: Terminal, clock: Clock, file: str) -> None:
    """Also where the hunt breaks off."""

    def broken_off() -> None:
        with Progress((file,)) as progress:
            clock.now_s += 1
            progress.show(file, 1_000_000, 5)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_all_files_count_together(terminal: Terminal, clock: Clock, file: str, tmp_path: Path) -> None:
    """Each file's own position is kept; one that is gone counts as nothing."""
    with Progress((file, str(tmp_path / "gone"))) as progress:
        clock.now_s += 1
        progress.show(file, 2_000_000, 5)
        clock.now_s += 1
        progress.show("other", 3_000_000, 6)
    assert re.search(r"50% of 10 MB: 5 MB", terminal.getvalue())


def test_a_stream_of_unknown_length_has_no_share(terminal: Terminal, clock: Clock) -> None:
    """Standard input tells no size; a file that grew is never read more than wholly."""
    with Progress(("-",)) as progress:
        clock.now_s += 2
        progress.show("-", 4_000_000, 10)
    assert "4 MB, 10 records, 5/s" in terminal.getvalue()
    assert "%" not in terminal.getvalue()
    assert "left" not in terminal.getvalue()


def test_a_file_that_grew_is_never_more_than_whole(terminal: Terminal, clock: Clock, file: str) -> None:
    """Nor is the time left below nothing."""
    with Progress((file,)) as progress:
        clock.now_s += 2
        progress.show(file, 20_000_000, 10)
    assert "100% of 10 MB: 20 MB" in terminal.getvalue()
    assert "0 s left" in terminal.getvalue()


def test_a_meter_tells_bytes_and_what_is_left(terminal: Terminal, clock: Clock) -> None:
    """Layers are counted in bytes; the line goes away at the end."""
    with Meter(4_000_000) as meter:
        meter.add(500_000)
        clock.now_s += 1
        meter.add(500_000)
    shown = terminal.getvalue()
    assert " 25% of 4 MB: 1 MB, 1 MB/s, 3 s left" in shown
    assert shown.endswith("\r\x1b[K")


def test_a_meter_of_unknown_length_tells_what_was_read(terminal: Terminal, clock: Clock) -> None:
    """A stream may not say how long it is."""
    with Meter(0) as meter:
        clock.now_s += 1
        meter.add(2_000_000)
    assert "2 MB, 2 MB/s" in terminal.getvalue()
    assert "left" not in terminal.getvalue()


def test_a_meter_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Logs stay free of it."""
    with Meter(1) as meter:
        meter.add(1)
    assert capsys.readouterr().err == ""
