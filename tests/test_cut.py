"""Holds how command lines without end are kept: cut, marked, and still told apart."""

from tidewaiter.cut import TEXT_KEPT, cut, follows, is_long, readable

SCRIPT = "; ".join(f"echo {number}" for number in range(600))


def test_command_of_usual_length_is_kept_whole() -> None:
    """Nothing is added to it."""
    assert cut(("sh", "-c", "id")) == ("sh", "-c", "id")
    assert not is_long(("x" * (TEXT_KEPT - 1),))


def test_long_command_is_cut_and_compared_by_its_mark() -> None:
    """A command that begins alike is another."""
    args = cut(("sh", "-c", SCRIPT))
    assert is_long(args)
    assert sum(map(len, args)) < TEXT_KEPT + 100
    assert follows(("-c", SCRIPT), args)
    assert follows((SCRIPT,), args, 2)
    assert not follows(("-c", SCRIPT + "; id"), args)
    assert not follows(("-c", SCRIPT[:TEXT_KEPT]), args)


def test_many_arguments_are_cut_too() -> None:
    """A hundred short ones."""
    args = cut(("ls", *map(str, range(100))))
    assert len(args) == 65
    assert follows(tuple(map(str, range(100))), args)


def test_mark_cannot_be_forged() -> None:
    """Who writes the mark of a declared command behind his own has written a command like any other."""
    mark = cut(("sh", "-c", SCRIPT))[-1]
    for filler in ("", "x" * 3000, "x" * TEXT_KEPT):
        assert not follows(("-c", SCRIPT), cut(("sh", "-c", "evil", filler, mark)))


def test_endless_command_is_like_no_other() -> None:
    """Only its beginning is looked at, and two that begin alike are still not the declared one."""
    endless = ("sh", "-c", SCRIPT * 20)
    assert sum(map(len, readable(endless))) < 20_000
    begun = cut(readable(endless))
    assert not follows(("-c", SCRIPT * 20), begun)
    assert not follows(readable(endless)[1:-1], begun)
