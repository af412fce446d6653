"""Turns a folder into what `watch` knew when it ended, however it ended: a snapshot, and a journal of all since.

Theory of operation
- `snapshot.N` is the engine's whole state; `journal.N` holds what was fed from then on. To know what was known last:
  take the newest snapshot, and feed all journals from its number on.
- A snapshot gets its name when it is whole; only then older files go. So whatever moment we are ended at, what lies
  there is enough. A line that was cut at the end of a journal was never fed.
- Lines are handed to the kernel before they are fed, not to the disk: they outlive us, not the machine.
"""

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Thread

from tidewaiter.edge.journal import Entry, read_journals
from tidewaiter.edge.recording import append_all
from tidewaiter.engine import Engine
from tidewaiter.policy_yaml import printable
from tidewaiter.snapshot import State

_NUMBERED = re.compile(r"(snapshot|journal)\.(\d{1,18})\Z")
_UNFINISHED = ".new"
_SYSTEM = "/var/lib"


def default_state() -> Path:
    """`$XDG_STATE_HOME/tidewaiter`, else `~/.local/state/tidewaiter`; where nobody has a home, /var/lib/tidewaiter.

    https://specifications.freedesktop.org/basedir-spec/latest/ (relative paths there are to be ignored)
    """
    home = os.environ.get("HOME", "")
    told = os.environ.get("XDG_STATE_HOME", "")
    room = told if told.startswith("/") else f"{home}/.local/state" if home.startswith("/") else _SYSTEM
    return Path(room) / "tidewaiter"


class StateError(Exception):
    """A fault of the folder that the user can mend: one sentence."""


class StateFolder:
    """The folder of one running watch; nobody else may use it meanwhile."""

    def __init__(self, path: Path) -> None:
        """Raises StateError where the folder cannot be used."""
        self._path = path
        self.problem: str | None = None
        """Why what was fed last is not kept; mended with the next snapshot."""
        self.sentences: list[str] = []
        """What was wrong with what lay there."""
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            self._hold()
            found = self._numbered()
            self._number = max(found, default=0)
            self._old = found
            self._journal = self._size = -1
            self._begin_journal()
        except OSError as error:
            raise StateError(self._sentence(error)) from error
        self._writer: Thread | None = None

    def _sentence(self, error: OSError) -> str:
        where = printable(str(self._path))
        return f"{where}: the state cannot be kept here: {error.strerror or error}; --state DIR names another folder"

    def _hold(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateError(
                f"{printable(str(self._path))}: another tidewaiter watch keeps its state here; "
                "--state DIR gives this one a folder of its own, --no-state none"
            ) from None

    def _numbered(self) -> dict[int, dict[str, Path]]:
        """Number -> the snapshot and the journal of that number."""
        found: dict[int, dict[str, Path]] = {}
        for path in self._path.iterdir():
            if path.name.endswith(_UNFINISHED):
                path.unlink()
            elif (named := _NUMBERED.match(path.name)) is not None:
                found.setdefault(int(named[2]), {})[named[1]] = path
        return found

    # ------------------------------------------------------------------------------------------ what lay there

    def load(self) -> State | None:
        """The state of the newest snapshot that can be read; None where there is none. Others are set aside."""
        for number in sorted(self._old, reverse=True):
            path = self._old[number].get("snapshot")
            if path is None:
                continue
            try:
                state = Engine.restore(path.read_bytes())
            except (OSError, ValueError) as error:
                self._set_aside(path, str(error))
                continue
            self._old = {other: files for other, files in self._old.items() if other >= number}
            return state
        if self.sentences:
            self.set_aside("the snapshot before it is lost")
        return None

    def entries(self) -> Iterator[Entry | None]:
        """All that was fed since that snapshot, and what was given out; None for lines that cannot be read."""
        journals = [self._old[number].get("journal") for number in sorted(self._old)]
        return read_journals([path for path in journals if path is not None])

    def set_aside(self, why: str) -> None:
        """Nothing of what lay there can be used."""
        for files in self._old.values():
            for path in files.values():
                if path.exists():
                    self._set_aside(path, why)
        self._old = {}

    def _set_aside(self, path: Path, why: str) -> None:
        path.replace(path.with_name(f"{path.name}.broken"))
        self.sentences.append(
            f"{printable(str(path))}: the state cannot be read ({printable(why)}); it was set aside as .broken"
        )

    # ------------------------------------------------------------------------------------------ what is kept

    @property
    def journal_bytes(self) -> int:
        """How long the journal is."""
        return self._size

    def write(self, lines: Sequence[bytes]) -> None:
        """Append lines (without their ends) to the journal. Where that fails, `problem` says why."""
        if self.problem is not None:
            return
        data = b"\n".join((*lines, b""))
        self.problem = append_all(self._journal, data, self._size)
        if self.problem is None:
            self._size += len(data)

    def keep(self, snapshot: bytes, first: bytes) -> None:
        """Begin anew with a snapshot, which is written meanwhile, and a journal that begins with this line."""
        self.wait()
        try:
            self._begin_journal()
        except OSError as error:
            self.problem = error.strerror or str(error)
            return
        self.problem = None
        self.write([first])
        self._writer = Thread(target=self._write, args=(snapshot, self._number), name="snapshot")
        self._writer.start()

    def wait(self) -> None:
        """Wait until the last snapshot is written."""
        if self._writer is not None:
            self._writer.join()
            self._writer = None

    def close(self) -> None:
        """Leave the folder to others."""
        self.wait()
        os.close(self._journal)
        os.close(self._lock)

    def _begin_journal(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        journal = os.open(self._path / f"journal.{self._number + 1}", flags, 0o600)
        if self._journal >= 0:
            os.close(self._journal)
        self._number += 1
        self._journal, self._size = journal, 0

    def _write(self, snapshot: bytes, number: int) -> None:
        path = self._path / f"snapshot.{number}"
        unfinished = path.with_name(path.name + _UNFINISHED)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            with open(os.open(unfinished, flags, 0o600), "wb") as file:
                file.write(snapshot)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
            for older, files in self._numbered().items():
                for found in files.values() if older < number else ():
                    found.unlink()
        except OSError as error:
            # All that is needed instead, the last snapshot and the journals since, still lies there.
            self.sentences.append(f"{printable(str(path))}: not written: {error.strerror or error}")
            unfinished.unlink(missing_ok=True)
