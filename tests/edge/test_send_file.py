"""Proves that outputs are appended to a file, whoever rotates it, and whole or not at all."""

import os
import stat
from pathlib import Path

import msgspec
import pytest
from receivers import alert, summary

from tidewaiter.edge.delivery import DestinationError, TryLater
from tidewaiter.edge.send_file import FileReceiver
from tidewaiter.sinks import sinks

JSONL = sinks()["jsonl"].encode


def revisions(path: Path) -> list[int]:
    """The revisions in a file, in order."""
    return [msgspec.json.decode(line)["revision"] for line in path.read_bytes().splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "alerts.jsonl"


def test_outputs_are_appended_at_once(path: Path) -> None:
    """Nothing waits in a buffer: whoever follows the file sees each output when it is delivered."""
    path.write_bytes(JSONL(alert("a", 7)))
    receiver = FileReceiver(str(path), JSONL)
    for revision in range(2):
        receiver.deliver(alert("a", revision))
        assert revisions(path) == [7, *range(revision + 1)]
    receiver.close()


def test_new_file_is_for_its_owner_only(path: Path) -> None:
    FileReceiver(str(path), JSONL).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_file_that_was_there_keeps_its_mode(path: Path) -> None:
    path.touch()
    path.chmod(0o640)
    FileReceiver(str(path), JSONL).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_rotated_file_is_opened_anew(path: Path, tmp_path: Path) -> None:
    """logrotate moves the file away: what comes later stands in a new one, and nothing is lost."""
    receiver = FileReceiver(str(path), JSONL)
    receiver.deliver(alert("a", 0))
    path.rename(tmp_path / "alerts.jsonl.1")
    receiver.deliver(alert("a", 1))
    (tmp_path / "other").touch()
    (tmp_path / "other").rename(path)
    receiver.deliver(alert("a", 2))
    receiver.close()
    assert revisions(tmp_path / "alerts.jsonl.1") == [0]
    assert revisions(path) == [2]


def test_file_that_was_emptied_in_place_is_written_from_its_beginning(path: Path) -> None:
    receiver = FileReceiver(str(path), JSONL)
    receiver.deliver(alert("a", 0))
    os.truncate(path, 0)
    receiver.deliver(alert("a", 1))
    receiver.close()
    assert revisions(path) == [1]


def test_folder_that_goes_away_is_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    receiver = FileReceiver(str(folder / "a"), JSONL)
    (folder / "a").unlink()
    folder.rmdir()
    with pytest.raises(TryLater, match="cannot be written: no such file or directory"):
        receiver.deliver(alert())
    folder.mkdir()
    receiver.deliver(alert("a", 3))
    receiver.close()
    assert revisions(folder / "a") == [3]


def test_half_a_line_is_taken_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk takes the beginning of a record; when there is room again, the file holds whole lines only."""
    receiver = FileReceiver(str(path), JSONL)
    receiver.deliver(alert("a", 0))
    write, calls = os.write, iter(range(2))

    def full(file: int, data: bytes) -> int:
        if next(calls):
            raise OSError(28, "No space left on device")
        return write(file, bytes(data)[:100])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(TryLater, match="no space left on device"):
            receiver.deliver(alert("a", 1))
    receiver.deliver(alert("a", 1))
    receiver.close()
    assert revisions(path) == [0, 1]


def test_form_without_a_use_for_an_output_writes_nothing(path: Path) -> None:
    receiver = FileReceiver(str(path), sinks()["ocsf"].encode)
    receiver.deliver(summary())
    receiver.close()
    assert path.read_bytes() == b""


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    """A pipe without a reader would hold everything up."""
    os.mkfifo(tmp_path / "pipe")
    for name, why in (("", "is a directory"), ("pipe", "no such device"), ("none/a", "no such file or directory")):
        with pytest.raises(DestinationError, match=f"alerts cannot be written there: {why}"):
            FileReceiver(str(tmp_path / name), JSONL)
    with pytest.raises(DestinationError, match="/dev/null: alerts cannot be written there: it is no regular file"):
        FileReceiver("/dev/null", JSONL)
