"""Turns a chunk of raw bytes into the lines that have to be read; what cannot matter is left out unread.

A line may be left out only when everything in it that could name a container names one that can come to nothing any
more (`Engine.quiet`), or when it holds none of the words without which its source has nothing to say. A line may be
read in vain, never left out wrongly: whatever does not have its producer's known shape is read. Text inside a JSON
string cannot pose as a member, since its quotes are escaped there; a line with a letter written as an escape (backslash
u) is read, since that could spell a member the search does not see.

Nothing is copied of a line that is left out: all searches run inside the chunk.
"""

import re
from collections.abc import Callable, Container, Mapping

import msgspec
from stringzilla import count, find

from tidewaiter.sources import Skim, Source

CanSkip = Callable[[bytes, int, int], bool]
"""Whether the record at data[start:end] need not be read."""
_Test = Callable[[bytes], bool] | None
_Rule = tuple[tuple[bytes, ...], str, CanSkip, _Test]

_NAMESPACE = b'"namespace":"'
_ESCAPE = b"\\u"
# Go writes & < > and two line separators so; nothing that is searched for has one of them.
_ESCAPED_LETTER = re.compile(rb"\\u(?!00(?:26|3[ceCE])|202[89])")
_SHORT, _FULL = 12, 64
_LONGEST_SCHEME = 16
_BRACE = ord("}")
_BRACE_AND_RETURN = b"}\r"
_OPENERS = (b"{", b"[", b" ", b"\t", b"\xef", b"")


class Sifted(msgspec.Struct):
    """The lines of a chunk that have to be read."""

    lines: list[bytes]
    numbers: list[int]
    """Their line numbers in the stream."""
    ends: list[int]
    """Where, in the chunk, each of them ends."""
    skipped: dict[str, int]
    """Source -> lines left out."""
    stop: int
    """Where the sieve stopped: at an unfinished line, or at one that may open a document."""
    number: int
    """Number of the line that begins there."""


class Sieve:
    """Knows, for each source that can be skimmed, how to leave its records out."""

    def __init__(self, sources: Mapping[str, Source], quiet: Container[bytes]) -> None:
        rules: list[_Rule] = []
        for name, source in sources.items():
            if source.skim is not None:
                can_skip = skipper(source.skim, quiet)
                openings = _openings(source, source.skim)
                rules += [(tuple(prefixes), name, can_skip, test) for test, prefixes in openings.items()]
        self._head = min((len(prefix) for prefixes, *_ in rules for prefix in prefixes), default=1)
        self._rules: dict[bytes, list[_Rule]] = {}
        for rule in rules:
            for head in sorted({prefix[: self._head] for prefix in rule[0]}):
                self._rules.setdefault(head, []).append(rule)

    def sift(self, data: bytes, start: int, number: int) -> Sifted:
        """Sort the whole lines of `data` from `start` on, the first of which has this number."""
        lines: list[bytes] = []
        numbers: list[int] = []
        ends: list[int] = []
        skipped: dict[str, int] = {}
        rules_of, head = self._rules.get, self._head
        end = find(data, b"\n", start)
        while end >= 0:
            is_whole = data[end - 1] == _BRACE or data.endswith(_BRACE_AND_RETURN, start, end)
            for prefixes, name, can_skip, is_certain in rules_of(data[start : start + head], ()) if is_whole else ():
                if (
                    data.startswith(prefixes, start)
                    and can_skip(data, start, end)
                    and (is_certain is None or is_certain(data[start:end]))
                ):
                    skipped[name] = skipped.get(name, 0) + 1
                    break
            else:
                if not is_whole and data[start : start + 1] in _OPENERS:
                    # It may open a document that goes on in the next lines: from here on the reader decides.
                    break
                lines.append(data[start:end].rstrip(b"\r"))
                numbers.append(number)
                ends.append(end + 1)
            start = end + 1
            number += 1
            end = find(data, b"\n", start)
        return Sifted(lines, numbers, ends, skipped, start, number)


def _openings(source: Source, skim: Skim) -> dict[_Test, list[bytes]]:
    """The openings by which a record is this source's for certain, under None, or under the test that makes certain.

    What may be another's too is always read.
    """
    found: dict[_Test, list[bytes]] = {}
    for prefix in skim.prefixes:
        if prefix.startswith(source.prefixes):
            found.setdefault(None, []).append(prefix)
        for opening, is_certain in source.openings:
            if prefix.startswith(opening):
                found.setdefault(is_certain, []).append(prefix)
    return found


def skipper(skim: Skim, quiet: Container[bytes]) -> CanSkip:
    """A test for one source's records; what `quiet` holds is said at `Engine.quiet`."""
    if skim.words is not None:
        return _without(skim.words)
    is_quiet = _quiet_pod(quiet) if skim.pods else _quiet_id(quiet)
    prefixes: Container[bytes] = () if skim.pods else quiet
    bare, searched = skim.bare, _searches(skim)

    def can_skip(data: bytes, start: int, end: int) -> bool:
        is_named = bare
        for name, opened, opened_wide, guards in searched:
            found = 0
            at = find(data, name, start, end)
            while at >= 0:
                at += len(name)
                if data.startswith(opened, at):
                    at += len(opened)
                elif data.startswith(opened_wide, at):
                    at += len(opened_wide)
                else:
                    return False
                # Most values are 12 to 31 characters of an id; a whole id must be known whole.
                is_prefix = data[at : at + _SHORT] in prefixes and data[at + _FULL : at + _FULL + 1] != b'"'
                if not is_prefix and not is_quiet(data, start, at, end):
                    return False
                found += 1
                at = find(data, name, at, end)
            for guard in guards:
                if count(data, guard, start, end) > found:
                    return False
            is_named = is_named or found > 0
        return is_named and _is_plain(data, start, end)

    return can_skip


def _searches(skim: Skim) -> list[tuple[bytes, bytes, bytes, list[bytes]]]:
    """For each key: what to search for, what must stand behind it (with or without a blank), what else to count.

    A guard with which its key begins is searched for in the key's place: where the rest of the key does not follow,
    the guard is one too many.
    """
    guards: dict[bytes, list[bytes]] = {}
    for key, guard in zip(skim.keys, skim.guards, strict=True):
        guards.setdefault(key, []).append(guard)
    searches: list[tuple[bytes, bytes, bytes, list[bytes]]] = []
    for key, behind in guards.items():
        name = next((guard for guard in behind if key.startswith(guard)), key)
        rest = key[len(name) :]
        searches.append((name, rest + b'"', rest + b' "', [guard for guard in behind if guard != name]))
    return searches


def _without(groups: tuple[tuple[bytes, ...], ...]) -> CanSkip:
    def can_skip(data: bytes, start: int, end: int) -> bool:
        for words in groups:
            for word in words:
                if find(data, word, start, end) >= 0:
                    break
            else:
                return _is_plain(data, start, end)
        return False

    return can_skip


def _is_plain(data: bytes, start: int, end: int) -> bool:
    """Whether no letter is written as an escape, by which a name could hide."""
    return find(data, _ESCAPE, start, end) < 0 or _ESCAPED_LETTER.search(data, start, end) is None


def _quiet_id(quiet: Container[bytes]) -> Callable[[bytes, int, int, int], bool]:
    def is_quiet(data: bytes, start: int, at: int, end: int) -> bool:
        scheme = data.find(b"://", at, at + _LONGEST_SCHEME)
        if scheme >= 0 and find(data, b'"', at, scheme) < 0:
            at = scheme + 3
        if data[at : at + _FULL] in quiet and data[at + _FULL : at + _FULL + 1] == b'"':
            return True
        length = find(data, b'"', at, end) - at
        return length >= _SHORT and length != _FULL and data[at : at + _SHORT] in quiet

    return is_quiet


def _quiet_pod(quiet: Container[bytes]) -> Callable[[bytes, int, int, int], bool]:
    def is_quiet(data: bytes, start: int, at: int, end: int) -> bool:
        # A pod's name is its own in its namespace only, which stands before it in the same object.
        stop = find(data, b'"', at, end)
        place = data.rfind(_NAMESPACE, start, at)
        if stop <= at or place < 0 or find(data, b"}", place, at) >= 0:
            return False
        place += len(_NAMESPACE)
        return b"\n%b/%b" % (data[place : find(data, b'"', place, at)], data[at:stop]) in quiet

    return is_quiet
