"""Turns a raw record into the answer whether it may be left undecoded, by looking at bytes only.

A record may be left out only when everything in it that could name a container names one that can come to nothing any
more (`Engine.quiet`). It may be read in vain, never left out wrongly: whatever does not have the producer's known
shape is decoded. Text inside a JSON string cannot pose as a member, since its quotes are escaped there.
"""

from collections.abc import Callable, Container

from tidewaiter.sources import Skim

_ESCAPED_LETTER = b"\\u"
_PREFIX = 12
_LONGEST_SCHEME = 16

CanSkip = Callable[[bytes], bool]


def skipper(skim: Skim, quiet: Container[bytes], quiet_pods: Container[bytes]) -> CanSkip:
    """A test for one source's records: True where the record need not be decoded."""
    prefixes, bare, is_pods = skim.prefixes, skim.bare, skim.pods
    keys = tuple(dict.fromkeys(skim.keys))
    # A guard that opens its own key is counted on the way; the others are counted apart.
    spans = tuple((guard, keys.index(key)) for key, guard in zip(skim.keys, skim.guards, strict=True) if guard or key)

    def can_skip(record: bytes) -> bool:
        if not record.startswith(prefixes):
            return False
        counts: list[int] = []
        named = False
        for key in keys:
            found = 0
            at = record.find(key)
            while at >= 0:
                at += len(key)
                if not _is_quiet(record, at):
                    return False
                found += 1
                at = record.find(key, at)
            counts.append(found)
            named = named or found > 0
        for guard, place in spans:
            if record.count(guard) > counts[place]:
                return False
        # A letter written as an escape could spell a key that the search does not see.
        return (named or bare) and _ESCAPED_LETTER not in record

    def _is_quiet(record: bytes, at: int) -> bool:
        if record[at : at + 1] == b" ":
            at += 1
        if record[at : at + 1] != b'"':
            return False
        at += 1
        if is_pods:
            end = record.find(b'"', at)
            return end > at and record[at:end] in quiet_pods
        value = record[at : at + _PREFIX]
        if value in quiet:
            return True
        scheme = record.find(b"://", at, at + _LONGEST_SCHEME)
        return scheme > 0 and record[scheme + 3 : scheme + 3 + _PREFIX] in quiet

    return can_skip
