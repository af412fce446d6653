"""Turns text in which addresses are written so that nobody follows them into plain text, remembering every place.

`hxxp`, `[.]`, `(dot)`, `[:]`, `[at]` and their kin become what they stand for, invisible characters go. Whoever
searches the plain text finds the place in the original again, so that evidence is shown as it was written.
"""

import re
from bisect import bisect_right

import msgspec

_DOT = r"(?:[\[({<]{1,2}\s?(?:\.|dot|DOT|Dot|punkt|point)\s?[\])}>]{1,2}|\\?\[\\?\.\\?\])"
_TOKENS = re.compile(
    r"(?P<invisible>[\u200b-\u200d\u2060\u00ad\ufeff])"
    r"|(?P<space>[\u00a0\u202f])"
    r"|(?P<scheme>(?<![A-Za-z0-9])\[?(?P<name>[hH][tTxX*_]{1,3}[pP]|[fF][tTxX][pP])\]?(?P<tls>[sS]|[\[(][sS][\])])?\]?"
    r"(?:[\[({]{1,2}:/{0,2}[\])}]{1,2}[\[(]?/{0,2}[\])]?(?:\[/\])?|:[\[(]/{1,2}[\])](?:[\[(]/[\])])?|:\\\\|:[ ]?//))"
    r"|(?P<tld>(?<=[A-Za-z0-9])\[\.(?P<label>[A-Za-z0-9-]{2,24})\])"
    rf"|(?P<dot>(?<=[A-Za-z0-9*_])[ ]?{_DOT}[ ]?(?=[A-Za-z0-9_*])|(?<=[A-Za-z0-9])\[\.(?=[A-Za-z0-9])"
    r"|(?<=[A-Za-z0-9])\.\](?=[A-Za-z0-9])|(?<=[A-Za-z0-9])\{\.(?=[A-Za-z0-9]))"
    r"|(?P<slashes>[\[({]://[\])}])"
    r"|(?P<colon>[\[({]:[\])}])"
    r"|(?P<slash>(?<=[A-Za-z0-9\]])[\[({]/[\])}])"
    r"|(?P<at>(?<=[A-Za-z0-9_-])[ ]?[\[({<](?:@|at|AT|At)[\])}>][ ]?(?=[A-Za-z0-9]))"
    r"|(?P<escaped>(?<![\\/\w.:%-])[A-Za-z0-9-]{1,63}+(?:\\\.[A-Za-z0-9-]{1,63}+){1,8}(?![\\\w]))"
)
_PLAIN = {"invisible": "", "space": " ", "dot": ".", "slashes": "://", "colon": ":", "slash": "/", "at": "@"}
_HIDES = frozenset({"scheme", "tld", "dot", "slashes", "colon", "slash", "at", "escaped"})
_HINT = re.compile(r"[\[({<\\\u200b-\u200d\u2060\u00ad\ufeff\u00a0\u202f]|[hH][xX*_tT]{1,3}[pP]|[fF][xX][pP]")


class Refanged(msgspec.Struct, frozen=True):
    """Plain text and the way back."""

    text: str
    original: str
    starts: tuple[int, ...]
    """Where each run of unchanged text begins in `text`."""
    origins: tuple[int, ...]
    """Where the same run begins in `original`."""
    edits: tuple[int, ...]
    """Places in `text` that were written so that nobody follows them."""

    def origin(self, place: int) -> int:
        """The place in the original of a place in the plain text."""
        run = bisect_right(self.starts, place) - 1
        return self.origins[run] + place - self.starts[run]

    def written(self, start: int, end: int) -> str:
        """A stretch of the plain text as the original has it."""
        return self.original[self.origin(start) : self.origin(end - 1) + 1] if end > start else ""

    def is_defanged(self, start: int, end: int) -> bool:
        """Whether something between the two places was written so that nobody follows it."""
        at = bisect_right(self.edits, start - 1)
        return at < len(self.edits) and self.edits[at] < end


def refang(original: str) -> Refanged:
    """The plain text of `original`. Every step looks at a bounded stretch, so the work grows with the length alone."""
    if _HINT.search(original) is None:
        return Refanged(original, original, (0,), (0,), ())
    pieces: list[str] = []
    starts, origins, edits = [0], [0], []
    length = last = 0
    for found in _TOKENS.finditer(original):
        kind = found.lastgroup if found.lastgroup in _PLAIN else _outer(found)
        plain = _plain(kind, found)
        if plain == found[0]:
            continue
        before = original[last : found.start()]
        pieces += (before, plain)
        length += len(before)
        if kind in _HIDES:
            edits.append(length)
        kept = [at for at, char in enumerate(found[0]) if char != "\\"] if kind == "escaped" else range(len(plain))
        for step, at in enumerate(kept):
            starts.append(length + step)
            origins.append(min(found.start() + at, found.end() - 1))
        length += len(plain)
        last = found.end()
        starts.append(length)
        origins.append(last)
    pieces.append(original[last:])
    return Refanged("".join(pieces), original, tuple(starts), tuple(origins), tuple(edits))


def _outer(found: re.Match[str]) -> str:
    return next(kind for kind in ("scheme", "tld", "dot", "escaped") if found[kind] is not None)


def _plain(kind: str, found: re.Match[str]) -> str:
    if kind == "scheme":
        return ("ftp" if found["name"][0] in "fF" else "http") + ("s" if found["tls"] else "") + "://"
    if kind == "tld":
        return f".{found['label']}"
    return found[0].replace("\\.", ".") if kind == "escaped" else _PLAIN[kind]
