"""Turns files that `hunt` or `watch` wrote as JSON Lines, plain or compressed, into the explanation of one alert.

The files are read twice (`review/sought.py` says why); what is a pipe is put into a file for that, which has no name.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

import msgspec

from tidewaiter.alert import Alert, Incident
from tidewaiter.edge.chunks import StreamError, chunks
from tidewaiter.edge.lines import Lines
from tidewaiter.edge.paths import STDIN, expand, shown
from tidewaiter.policy import TrustPolicy
from tidewaiter.policy_yaml import cut, printable
from tidewaiter.review.explanation import Explanation, explained
from tidewaiter.review.neighbours import Neighbours, Told
from tidewaiter.review.sought import Named, Sought

SCHEMA = 1
_KINDS = ("alert", "incident", "container", "summary")
_FAULTS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_BEGINNING = 80
_COPIED_BYTES = 1024 * 1024


class AlertsError(ValueError):
    """The files cannot be used; the message is one sentence."""


class AlertFiles:
    """Files of alerts, which can be read again and again."""

    def __init__(self, paths: Sequence[str]) -> None:
        expansion = expand(paths)
        if expansion.problems:
            path, sentence = expansion.problems[0]
            raise AlertsError(f"{printable(path)}: {sentence}")
        self._files = list(expansion.files)
        self._copies: dict[str, int] = {}
        """Path of what can be read once only -> the number of an open file that holds it."""
        self.unread = 0
        """Lines that are no record of tidewaiter."""
        self.problems: list[str] = []
        self._first = ""
        """How the first line begins that is none."""

    def explain(self, typed: str, policy: TrustPolicy, triage: Callable[[str], Sequence[str]]) -> Explanation:
        """Explain what an id means; `triage` gives the steps of an analytic. Raises `AlertsError`, `UnknownId`."""
        sought = Sought(typed)
        named, alerts = msgspec.json.Decoder(Named), msgspec.json.Decoder(Alert)
        for line in self._lines():
            meant: Named | None = None
            try:
                record = named.decode(line)
                if record.kind not in _KINDS or record.schema != SCHEMA:
                    raise msgspec.ValidationError("another kind of record")
                if sought.is_candidate(record):
                    meant = record
                    sought.add(alerts.decode(line))
            except _FAULTS as error:
                if meant is not None:
                    sought.add_damaged(meant, cut(str(error)))
                self.unread += 1
                self._first = self._first or line[:_BEGINNING].decode("utf-8", "replace")
        if not sought.records:
            raise AlertsError(self._no_alerts())
        target = sought.target()
        neighbours = self._neighbours(target.alert)
        steps = triage(target.alert.analytic)
        return explained(target.alert, neighbours, policy, steps, is_incident=target.incident is not None)

    def _neighbours(self, alert: Alert) -> Neighbours:
        neighbours = Neighbours(alert)
        kinds, told = msgspec.json.Decoder(Named), msgspec.json.Decoder(Told)
        incidents = msgspec.json.Decoder(Incident)
        for line in self._lines(is_again=True):
            try:
                kind = kinds.decode(line).kind
                if kind in ("alert", "container"):
                    neighbours.add(told.decode(line))
                elif kind == "incident":
                    neighbours.add_incident(incidents.decode(line))
            except _FAULTS:
                # It was counted when it was read first, or is of no use for comparing.
                continue
        return neighbours

    def _no_alerts(self) -> str:
        names = ", ".join("standard input" if path == STDIN else printable(shown(path)) for path in self._files[:3])
        if not self._files:
            return "nothing to read: no path given holds a file"
        if not self.unread:
            return f"{names}: holds no alert"
        return (
            f"{names}: holds no alert; what is read are JSON Lines of hunt or watch (--format jsonl), "
            f"and its first line that is none begins: {printable(self._first)}"
        )

    def _lines(self, *, is_again: bool = False) -> Iterator[bytes]:
        for path in self._files:
            lines = Lines()
            name = "standard input" if path == STDIN else printable(shown(path))
            try:
                for chunk in chunks(path if os.path.isfile(path) else self._copied(path)):
                    yield from (line for line in lines.feed(chunk.data) if line.strip())
                    if lines.held_bytes > lines.limit:
                        lines.skip()
                        self.unread += not is_again
            except StreamError as error:
                if not is_again:
                    self.problems.append(f"{name}: {printable(str(error))}")
            except OSError as error:
                raise AlertsError(f"{name}: cannot be read: {error.strerror or error}") from error
            if not lines.is_skipping and (rest := lines.take()).strip():
                yield rest

    def _copied(self, path: str) -> str:
        """A pipe as a file that can be read again; it has no name, and goes with the process."""
        if path not in self._copies:
            with tempfile.TemporaryFile(buffering=0) as file, _opened(path) as pipe:
                while data := pipe.read(_COPIED_BYTES):
                    file.write(data)
                self._copies[path] = os.dup(file.fileno())
        return f"/proc/self/fd/{self._copies[path]}"


def _opened(path: str) -> BinaryIO:
    return open(0, "rb", buffering=0, closefd=False) if path == STDIN else open(path, "rb", buffering=0)
