"""Turns a command line of any length into one that can be kept, and that still tells whether it is that of another.

What was left out is told by a last argument, a mark that names the length and a digest of all arguments after the
first. No command line can pretend to have been cut: what is short enough to be kept whole never ends in a mark.
"""

from collections.abc import Sequence
from hashlib import blake2b

TEXT_KEPT = 4096
"""Characters that are kept of a text, and of a command line in all."""
_TEXT_READ = 16_384
"""Characters of a command line that are looked at: what is longer is like no other."""
_ARGS_KEPT = 64
_ENDLESS = ("...",)


def is_long(args: Sequence[str]) -> bool:
    """Whether a command line is too long to be kept whole; of one that is kept: whether it was cut."""
    return len(args) > _ARGS_KEPT or sum(map(len, args)) + len(args) > TEXT_KEPT


def readable(args: tuple[str, ...]) -> tuple[str, ...]:
    """The command line, or the beginning of an endless one: what it costs to look at it is bounded. Of such a
    beginning, also one that masking made a little longer, nothing more is taken."""
    size = sum(map(len, args))
    if args[-1:] == _ENDLESS and size <= 2 * _TEXT_READ:
        return args
    begun = _begun(args, _TEXT_READ)
    return args if sum(map(len, begun)) == size else (*begun, *_ENDLESS)


def cut(args: tuple[str, ...]) -> tuple[str, ...]:
    """The first arguments of a command line that is too long, and the mark; another as it is."""
    return (*_begun(args[:_ARGS_KEPT], TEXT_KEPT), _mark(args[1:])) if is_long(args) else args


def follows(rest: Sequence[str], args: Sequence[str], first: int = 1) -> bool:
    """Whether the command line that was kept as `args` goes on with `rest` after so many `first` arguments."""
    if is_long(args):
        return args[-1] == _mark((*args[1:first], *rest))
    return joined(args[first:]) == joined(rest)


def joined(args: Sequence[str]) -> str:
    """The arguments as one text. Some producers give argv so: only blanks between the words can be compared."""
    return " ".join(" ".join(args).split())


def _begun(args: Sequence[str], room: int) -> list[str]:
    begun: list[str] = []
    for arg in args:
        if room <= 0:
            break
        begun.append(arg[:room])
        room -= len(arg) + 1
    return begun


def _mark(args: Sequence[str]) -> str:
    text = joined(args)
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"... ({len(text)} characters, blake2b {digest})"
