"""Turns a chunk of raw bytes into the lines that have to be read; what cannot matter is left out unread.

A line may be left out only when everything in it that could name a container names one that can come to nothing any
more (`Engine.quiet`), or when it holds none of the words without which its source has nothing to say. A line may be
read in vain, never left out wrongly: whatever does not have its producer's known shape is read. Text inside a JSON
string cannot pose as a member, since its quotes are escaped there; a line with a letter written as an escape (backslash
u) is read, since that could spell a member the search does not see.

Nothing is copied of a line that is left out: all searches run inside the chunk.
"""

from collections.abc import Callable, Container, Iterator, Mapping

import msgspec
from stringzilla import count, find

from tidewaiter.sources import Skim, Source

CanSkip = Callable[[bytes, int, int], bool]
"""Whether the record at data[start:end] need not be read."""
_Rule = tuple[bytes, str, CanSkip, Callable[[bytes], bool] | None]

_NAMESPACE = b'"namespace":"'
_ESCAPED_LETTER = b"\\u"
_SHORT, _FULL = 12, 64
_LONGEST_SCHEME = 16
_ENDS = (b"}", b"}\r")
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
        rules = [
            (prefix, name, skipper(source.skim, quiet), is_certain)
            for name, source in sources.items()
            if source.skim is not None and not source.skim.pods
            for prefix, is_certain in _openings(source, source.skim)
        ]
        self._head = min((len(rule[0]) for rule in rules), default=1)
        self._rules: dict[bytes, list[_Rule]] = {}
        for rule in rules:
            self._rules.setdefault(rule[0][: self._head], []).append(rule)

    def sift(self, data: bytes, start: int, number: int) -> Sifted:
        """Sort the whole lines of `data` from `start` on, the first of which has this number."""
        lines: list[bytes] = []
        numbers: list[int] = []
        ends: list[int] = []
        skipped: dict[str, int] = {}
        rules_of, head = self._rules.get, self._head
        end = find(data, b"\n", start)
        while end >= 0:
            is_whole = data.endswith(_ENDS, start, end)
            for prefix, name, can_skip, is_certain in rules_of(data[start : start + head], ()) if is_whole else ():
                if (
                    data.startswith(prefix, start)
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


def _openings(source: Source, skim: Skim) -> Iterator[tuple[bytes, Callable[[bytes], bool] | None]]:
    """The openings by which a record is this source's for certain; what only may be is always read."""
    for prefix in skim.prefixes:
        if prefix.startswith(source.prefixes):
            yield prefix, None
        for opening, is_certain in source.openings:
            if prefix.startswith(opening):
                yield prefix, is_certain


def skipper(skim: Skim, quiet: Container[bytes]) -> CanSkip:
    """A test for one source's records; `quiet` holds prefixes of 12 characters and full ids, or `namespace/pod`."""
    bare, is_pods, words = skim.bare, skim.pods, skim.words
    guards: dict[bytes, list[bytes]] = {}
    for key, guard in zip(skim.keys, skim.guards, strict=True):
        guards.setdefault(key, []).append(guard)
    searched = tuple((key, len(key), tuple(behind)) for key, behind in guards.items())

    def can_skip(data: bytes, start: int, end: int) -> bool:
        is_named = False
        for key, length, behind in searched:
            found = 0
            at = find(data, key, start, end)
            while at >= 0:
                at += length
                if data[at : at + 1] == b" ":
                    at += 1
                if data[at : at + 1] != b'"':
                    return False
                at += 1
                # Most names are 12 to 31 characters of an id; a whole id must be known whole.
                is_certain = data[at : at + _SHORT] in quiet and data[at + _FULL : at + _FULL + 1] != b'"'
                if not is_certain and not is_quiet(data, start, at, end):
                    return False
                found += 1
                at = find(data, key, at, end)
            for guard in behind:
                if count(data, guard, start, end) > found:
                    return False
            is_named = is_named or found > 0
        if words is not None:
            is_named = all(find(data, word, start, end) < 0 for word in words)
        return (is_named or bare) and find(data, _ESCAPED_LETTER, start, end) < 0

    def is_quiet(data: bytes, start: int, at: int, end: int) -> bool:
        stop = find(data, b'"', at, end)
        name = data[at:stop] if stop > at else b""
        if is_pods:
            # A pod's name is its own in its namespace only, which stands before it in the same object.
            place = data.rfind(_NAMESPACE, start, at)
            if place < 0 or find(data, b"}", place, at) >= 0:
                return False
            place += len(_NAMESPACE)
            return data[place : find(data, b'"', place, at)] + b"/" + name in quiet
        scheme = name.find(b"://", 0, _LONGEST_SCHEME)
        if scheme > 0:
            name = name[scheme + 3 :]
        return name in quiet if len(name) == _FULL else len(name) >= _SHORT and name[:_SHORT] in quiet

    return can_skip
