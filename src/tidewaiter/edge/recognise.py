"""Turns one record into the name of the source that can decode it, judging by the record's shape.

Rules
- An opening that a source declares as its own decides at once, the longest first; nothing is parsed for it.
- Else a JSON object is shown to the sources in the order of their rank, and other text to those that read text.
- What came before in the stream never matters, so that where a stream is cut, or mixed, changes nothing.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from tidewaiter.sources import Source

RECORD_LIMIT_BYTES = 16 * 1024 * 1024
"""Longest record that is parsed whole; longer ones are looked into only where they are lists."""

Shape = Literal["object", "text", "broken"]
"""`broken`: it begins like a JSON object and is none."""

_SURROGATES = re.compile(
    rb"\\(?:[^u]|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2}))"
)
_NOT_A_RECORD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
# Sources look into shapes that the attacker may have written; what surprises one of them is not its record.
_SURPRISES = (AttributeError, LookupError, RecursionError, TypeError, ValueError)

_Entry = tuple[tuple[bytes, ...], str | None, Callable[[bytes], str | None] | None]


class Recognition(msgspec.Struct, frozen=True, gc=False):
    """What is known of one record."""

    source: str | None
    record: bytes
    """The record itself, or its mended form where it could be decoded only so."""
    shape: Shape


class Recogniser:
    """Recognises the records of a set of sources, given in order of rank."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self.sources = sources
        self._by_object = [(name, source.recognise) for name, source in sources.items() if source.recognise]
        self._by_text = [(name, source.recognise_text) for name, source in sources.items() if source.recognise_text]
        self._by_header = [(name, source.is_header) for name, source in sources.items() if source.is_header]
        openings = [(prefix, name) for name, source in sources.items() for prefix in source.prefixes]
        self._key_length = min((len(prefix) for prefix, _ in openings), default=1)
        self._entries = _index(openings, self._key_length)
        self.gathering = frozenset(name for name, source in sources.items() if source.join_key or source.is_header)
        """The sources whose records do not stand alone: their lines are joined, or need the stream's header."""

    def openings(self, lines: Sequence[bytes]) -> list[str | None]:
        """For each record the source whose opening it has, or None. This is the hot path: one pass, no parsing."""
        find = self._entries.get
        length = self._key_length
        return [
            (entry[1] if line.startswith(entry[0]) else entry[2] and entry[2](line))
            if (entry := find(line[:length])) is not None
            else None
            for line in lines
        ]

    def recognise(self, record: bytes) -> Recognition:
        """Judge one record by its opening, then by its shape."""
        name = self.openings((record,))[0]
        if name is not None:
            return Recognition(name, record, "object")
        if not record.lstrip().startswith(b"{"):
            return Recognition(self._first(self._by_text, record), record, "text")
        found = self._parsed(record)
        if found is None and (mended := mend(record)) is not None:
            record = mended
            found = self._parsed(record)
        if found is None:
            name = self._first(self._by_text, record)
            return Recognition(name, record, "broken" if name is None else "text")
        return Recognition(self._first(self._by_object, found), record, "object")

    def header_of(self, line: bytes) -> str | None:
        """The source of which `line` is a header, or None."""
        return self._first(self._by_header, line) if self._by_header else None

    @staticmethod
    def _parsed(record: bytes) -> dict[str, Any] | None:
        if len(record) > RECORD_LIMIT_BYTES:
            return None
        try:
            found = msgspec.json.decode(record)
        except _NOT_A_RECORD:
            return None
        return found if isinstance(found, dict) else None

    @staticmethod
    def _first(questions: Sequence[tuple[str, Callable[[Any], bool]]], shape: object) -> str | None:
        for name, is_own in questions:
            try:
                if is_own(shape):
                    return name
            except _SURPRISES:
                continue
        return None


def mend(record: bytes) -> bytes | None:
    """JSON whose text is no valid Unicode, with U+FFFD in place of each fault; None where there is no such fault.

    Some producers copy argument bytes into JSON as they are, others escape them as lone surrogates. The first is no
    UTF-8, the second no Unicode, and an attacker can choose to have either in his command line; so a record is not
    thrown away for it.
    """
    mended = record.decode("utf-8", "replace").encode()
    if rb"\u" in mended:
        mended = _SURROGATES.sub(lambda found: rb"\ufffd" if found[1] else found[0], mended)
    return mended if mended != record else None


def _index(openings: Sequence[tuple[bytes, str]], length: int) -> dict[bytes, _Entry]:
    groups: dict[bytes, list[tuple[bytes, str]]] = {}
    for prefix, name in openings:
        groups.setdefault(prefix[:length], []).append((prefix, name))
    entries: dict[bytes, _Entry] = {}
    for key, group in groups.items():
        names = {name for _, name in group}
        if len(names) == 1:
            entries[key] = (tuple(prefix for prefix, _ in group), names.pop(), None)
        else:
            entries[key] = ((), None, _longest_of(group))
    return entries


def _longest_of(group: Sequence[tuple[bytes, str]]) -> Callable[[bytes], str | None]:
    ordered = sorted(group, key=lambda opening: -len(opening[0]))

    def longest(line: bytes) -> str | None:
        for prefix, name in ordered:
            if line.startswith(prefix):
                return name
        return None

    return longest
