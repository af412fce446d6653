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

from tidewaiter.edge.members import Members, looked_at, members
from tidewaiter.sources import Source

RECORD_LIMIT_BYTES = 16 * 1024 * 1024
"""Longest record that a source is asked about; longer ones are looked into only where they are lists."""

Shape = Literal["object", "text", "broken"]
"""`broken`: it begins like a JSON object and is none."""

NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
# Sources look into shapes that the attacker may have written; what surprises one of them is not its record.
_SURPRISES = (AttributeError, LookupError, RecursionError, TypeError, ValueError)
_MAX_MEMOS = 1024
_LONGEST_MEMO = 64
_SURROGATES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|[^u])"
)

_Question = Callable[[Mapping[str, Any]], bool]
_Opening = tuple[bytes, str, Callable[[bytes], bool] | None]
_Entry = tuple[tuple[bytes, ...], str | None, Callable[[bytes], str | None] | None]


class Recognition(msgspec.Struct, frozen=True, gc=False):
    """What is known of one record."""

    source: str | None
    record: bytes
    """The record itself, or its mended form."""
    shape: Shape
    members: Members | None = None
    """The members of an object that was looked into."""


class Recogniser:
    """Recognises the records of a set of sources, given in order of rank."""

    def __init__(self, sources: Mapping[str, Source], forced: str | None = None) -> None:
        self.sources = sources
        self.forced = forced
        """The source that gets what is a record and is not told apart."""
        self._by_text = [(name, source.recognise_text) for name, source in sources.items() if source.recognise_text]
        self._by_header = [(name, source.is_header) for name, source in sources.items() if source.is_header]
        self._questions = {name: source.recognise for name, source in sources.items() if source.recognise}
        self._asked_always: set[str] = set()
        self._asked_for: dict[str, set[str]] = {}
        for name, question in self._questions.items():
            names = looked_at(question)
            if names is None:
                self._asked_always.add(name)
            for member in names or ():
                self._asked_for.setdefault(member, set()).add(name)
        self._memos: dict[tuple[str, ...], tuple[tuple[str, _Question], ...]] = {}
        openings: list[_Opening] = []
        for name, source in sources.items():
            openings += [(prefix, name, None) for prefix in source.prefixes]
            openings += [(prefix, name, is_certain) for prefix, is_certain in source.openings]
        self._key_length = min((len(prefix) for prefix, _, _ in openings), default=1)
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

    def recognise(self, record: bytes, *, is_opening_known: bool = False) -> Recognition:
        """Judge one record by its opening, unless that is known to say nothing, then by its shape."""
        name = None if is_opening_known else self.openings((record,))[0]
        if name is not None:
            return Recognition(name, record, "object")
        if not record.startswith(b"{") and not record.lstrip().startswith(b"{"):
            return Recognition(self.of_text(record), record, "text")
        known = self._looked_into(record)
        is_faulty = known.members is None or (known.source is None and known.members.is_faulty)
        if is_faulty and (mended := mend(record)) is not None:
            known = self._looked_into(mended)
        if known.shape == "broken" and (name := self.of_text(record)) is not None:
            return Recognition(name, record, "text")
        return known

    def _looked_into(self, record: bytes) -> Recognition:
        try:
            found = members(record)
        except NOT_JSON:
            return Recognition(None, record, "broken")
        return Recognition(self.of_object(found), record, "object", found)

    def of_object(self, found: Mapping[str, Any]) -> str | None:
        """The first source, by rank, that takes the object for its own."""
        names = tuple(found)
        questions = self._memos.get(names)
        if questions is None:
            questions = self._questions_for(names)
        for name, is_own in questions:
            try:
                if is_own(found):
                    return name
            except _SURPRISES:
                continue
        return None

    def of_text(self, line: bytes) -> str | None:
        """The first source, by rank, that takes the line for its own."""
        return _first(self._by_text, line)

    def is_of(self, name: str, record: bytes) -> bool:
        """Whether a source, which somebody named, takes the record for its own, whatever others say."""
        source = self.sources.get(name)
        if source is None:
            return False
        if source.prefixes and record.startswith(source.prefixes):
            return True
        if record.startswith(b"{"):
            question = self._questions.get(name)
            try:
                return question is not None and question(members(record))
            except (*NOT_JSON, *_SURPRISES):
                return False
        header = record.partition(b"\n")[0]
        asked = ((source.recognise_text, record), (source.is_header, header))
        return any(question and _first([(name, question)], text) for question, text in asked)

    def header_of(self, line: bytes) -> str | None:
        """The source of which `line` is a header, or None."""
        return _first(self._by_header, line)

    def _questions_for(self, names: tuple[str, ...]) -> tuple[tuple[str, _Question], ...]:
        """The sources that may say yes to an object with members of these names, remembered for the next such."""
        asked = self._asked_always.union(*(self._asked_for[name] for name in self._asked_for.keys() & set(names)))
        questions = tuple((name, question) for name, question in self._questions.items() if name in asked)
        if len(names) <= _LONGEST_MEMO:
            if len(self._memos) >= _MAX_MEMOS:
                self._memos.clear()
            self._memos[names] = questions
        return questions


def mend(record: bytes) -> bytes | None:
    """JSON whose text is no valid Unicode, with U+FFFD in place of each fault; None where there is no such fault.

    Some producers copy argument bytes into JSON as they are, others escape them as lone surrogates. The first is no
    UTF-8, the second no Unicode, and an attacker can choose to have either in his command line; so a record is not
    thrown away for it.
    """
    mended = record if record.isascii() else record.decode("utf-8", "replace").encode()
    if b"\\ud" in mended or b"\\uD" in mended:
        mended = _SURROGATES.sub(lambda found: rb"\ufffd" if found[1] else found[0], mended)
    return mended if mended != record else None


def _first(questions: Sequence[tuple[str, Callable[[bytes], bool]]], line: bytes) -> str | None:
    for name, is_own in questions:
        try:
            if is_own(line):
                return name
        except _SURPRISES:
            continue
    return None


def _index(openings: Sequence[_Opening], length: int) -> dict[bytes, _Entry]:
    """The openings by their first `length` bytes."""
    groups: dict[bytes, list[_Opening]] = {}
    for opening in openings:
        groups.setdefault(opening[0][:length], []).append(opening)
    entries: dict[bytes, _Entry] = {}
    for key, group in groups.items():
        names = {name for _, name, _ in group}
        if len(names) == 1 and all(is_certain is None for _, _, is_certain in group):
            entries[key] = (tuple(prefix for prefix, _, _ in group), names.pop(), None)
        else:
            entries[key] = ((), None, _longest_of(group))
    return entries


def _longest_of(group: Sequence[_Opening]) -> Callable[[bytes], str | None]:
    ordered = sorted(group, key=lambda opening: -len(opening[0]))

    def longest(line: bytes) -> str | None:
        for prefix, name, is_certain in ordered:
            if line.startswith(prefix) and (is_certain is None or is_certain(line)):
                return name
        return None

    return longest
