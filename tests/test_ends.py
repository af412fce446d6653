"""Holds what is kept of sets that grow without end: their ends, how many different things there were, and lineages."""

import random
from collections.abc import Iterable

import pytest

from tidewaiter import lineage, tally
from tidewaiter.ends import left_out


def kept(kinds: str) -> str:
    """What stays of these, the first and last four, two of a kind."""
    gone = left_out(kinds, 4, 4, 2)
    return "".join(kind for at, kind in enumerate(kinds) if at not in gone)


@pytest.mark.parametrize(
    ("kinds", "stay"),
    [
        ("", ""),
        ("abcdefgh", "abcdefgh"),
        ("abcdefghijk", "abcdhijk"),
        ("aaaaaaa", "aaaa"),
        ("aaaaabcdeaaaaa", "aabcdeaa"),
        ("abababababab", "abababab"),
    ],
)
def test_ends_of_a_set(kinds: str, stay: str) -> None:
    """The first, the last, and few of a kind."""
    assert kept(kinds) == stay


@pytest.mark.parametrize("seed", range(20))
def test_ends_grow_the_same_in_any_order(seed: int) -> None:
    """Whatever comes first, and whether all at once or one by one."""
    chance = random.Random(seed)  # noqa: S311  # no cryptography
    things = [(number, chance.choice("abcdefg")) for number in range(60)]
    arriving = [*things, *things]
    chance.shuffle(arriving)
    found: list[tuple[int, str]] = []
    for thing in arriving:
        grown = sorted({*found, thing})
        gone = left_out([kind for _, kind in grown], 8, 8, 3)
        found = [one for at, one in enumerate(grown) if at not in gone]
    gone = left_out([kind for _, kind in things], 8, 8, 3)
    assert found == [one for at, one in enumerate(things) if at not in gone]


def tallied(things: Iterable[int]) -> bytes:
    """The tally of these things."""
    made = b""
    for thing in things:
        made, _ = tally.note(made, thing)
    return made


@pytest.mark.parametrize("many", [0, 1, 100, tally.EXACT])
def test_few_things_are_counted_exactly(many: int) -> None:
    """Twice, and backwards: the same."""
    assert tally.count(tallied(range(many))) == many
    assert tallied([*range(many), *reversed(range(many))]) == tallied(range(many))


def test_many_things_are_counted_nearly_in_few_bytes() -> None:
    """Twice, backwards, or in two halves that are put together: the same."""
    whole = tallied(range(20_000))
    assert abs(tally.count(whole) - 20_000) < 2_000
    assert len(whole) < 10_000
    assert tallied([*reversed(range(20_000)), 7, 7]) == whole
    assert tally.union(tallied(range(12_000)), tallied(range(8_000, 20_000))) == whole


def test_tally_knows_what_it_has() -> None:
    """A second delivery is no news."""
    made, is_new = tally.note(b"", 1)
    assert is_new
    assert tally.note(made, 1) == (made, False)


def test_links_are_kept_in_order_of_time_once() -> None:
    """In any order of arrival; numbers that no kernel gives are passed over."""
    one, other = lineage.link(1, 10, 1), lineage.link(2, 11, 10)
    assert lineage.union(one, other) == lineage.union(other, one) == lineage.union(lineage.union(one, other), one)
    assert lineage.pairs(lineage.union(other, one)) == [(10, 1), (11, 10)]
    assert lineage.link(1, 2**70, 1) == lineage.link(1, -1, 1) == lineage.link(1, None, 1) == b""


def test_links_above_a_behaviour_outlive_thousands_of_others() -> None:
    """Who started whom is known from the behaviour upwards, and for the latest processes."""
    links = lineage.union(lineage.link(1, 10, 1), lineage.link(2, 11, 10))
    for number in range(5_000):
        links = lineage.union(links, lineage.link(10 + number, 100 + number, 2))
        if lineage.is_over(links):
            links = lineage.thinned(links, [11, None])
    assert lineage.pairs(links)[:2] == [(10, 1), (11, 10)]
    assert (5_099, 2) in lineage.pairs(links)
    assert len(links) < 5_000
