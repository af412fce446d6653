"""Laws of learning: hours are sets, profiles merge in any order, and neither order nor repetition changes what is
learned."""

from functools import reduce
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds import again, worlds

from made_events import AN0691, CORPORATE, feed
from plain_habits import use_plain_habits
from tidewaiter import hours
from tidewaiter.baseline import STATES, Entry, Profile, merge
from tidewaiter.engine import Engine
from tidewaiter.event import Event
from tidewaiter.habit import Habit
from tidewaiter.hours import HOUR_NS, HOURS_KEPT, parted, read, seen, union
from tidewaiter.learn import profiles_of
from tidewaiter.notes import compacted
from tidewaiter.policy import DEFAULT_POLICY
from tidewaiter.widening import kept_addresses
from tidewaiter.workload import WorkloadKey

pytestmark = pytest.mark.property
SETTINGS = settings(
    deadline=None, max_examples=100, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

# ------------------------------------------------------------------------------------------------ hours

START = 497_000
MOMENTS = st.lists(st.integers(START * HOUR_NS, (START + 60) * HOUR_NS), min_size=1, max_size=30)


def packed(moments: list[int]) -> bytes:
    """The bytes that stand for them."""
    return reduce(seen, moments, None) or b""


@SETTINGS
@given(MOMENTS, st.randoms(use_true_random=False))
def test_hours_are_a_set_that_neither_order_nor_repetition_changes(moments: list[int], chance: Any) -> None:
    """And they are exact."""
    twice = [*moments, *moments]
    chance.shuffle(twice)
    assert packed(twice) == packed(moments)
    told = read(packed(moments))
    assert sorted(told.all()) == sorted({moment // HOUR_NS for moment in moments})
    assert (told.first, told.last, told.count) == (min(told.all()), max(told.all()), len(told.all()))


@SETTINGS
@given(MOMENTS, MOMENTS)
def test_union_of_hours_is_what_both_together_give(one: list[int], other: list[int]) -> None:
    """Whichever comes first."""
    assert union(packed(one), packed(other)) == union(packed(other), packed(one)) == packed([*one, *other])


@SETTINGS
@given(MOMENTS, st.integers(START * HOUR_NS, (START + 60) * HOUR_NS))
def test_parting_at_a_moment_loses_no_hour_and_leaves_one_in_doubt(moments: list[int], border_ns: int) -> None:
    """The hour of the border, and no other, is in both parts, and said to be shared."""
    told = {"x": packed(moments)}
    before = parted(told, 0, border_ns) or {}
    after = parted(told, border_ns, 2**63) or {}
    doubtful = {border_ns // HOUR_NS} if border_ns % HOUR_NS else set()
    all_hours = set(read(told["x"]).all())
    found = [set(read(part["x"]).all()) if "x" in part else set() for part in (before, after)]
    assert found[0] == {hour for hour in all_hours if hour < border_ns // HOUR_NS}
    assert found[1] == all_hours - found[0] - doubtful
    for part in (before, after):
        assert (set(read(part["?x"]).all()) if "?x" in part else set()) == all_hours & doubtful


@SETTINGS
@given(st.lists(st.integers(0, 2 * HOURS_KEPT), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_hours_are_bounded_alike_in_any_order(distances: list[int], chance: Any) -> None:
    """The latest twelve weeks stay."""
    moments = [(START + distance) * HOUR_NS for distance in distances]
    shuffled = list(moments)
    chance.shuffle(shuffled)
    assert packed(shuffled) == packed(moments)
    last = START + max(distances)
    expected = {START + distance for distance in distances if START + distance > last - HOURS_KEPT}
    assert set(read(packed(moments)).all()) == expected


def test_magnitude_is_right_within_a_factor_of_three() -> None:
    """Of moments at regular distances, as probes come, too."""
    for count in (30, 300, 3000):
        estimates = []
        for step in range(1, 40):
            moments = [START * HOUR_NS + number * (HOUR_NS // count) + step for number in range(count)]
            estimates.append(hours._estimate(read(packed(moments)).sketch))
        within = [count / 3 <= estimate <= count * 3 for estimate in estimates]
        assert sum(within) / len(within) > 0.9


# ------------------------------------------------------------------------------------------------ profiles

KEY = WorkloadKey("c", "ns", "Deployment", "web", "app")
PROGRAMS = ["/bin/sh", "/usr/bin/git", "/app/run"]
EXECS = st.builds(
    lambda program, number: Habit("exec", f"{program} {number}"), st.sampled_from(PROGRAMS), st.integers(0, 60)
)
ADDRESSES = st.builds(
    lambda net, low, host: Habit("egress", f"{net}.{low}.{host}:443/tcp"),
    st.sampled_from(["10.1", "203.0"]),
    st.integers(0, 12),
    st.integers(1, 14),
)
HELD = [f"203.0.{net}.{host}" for net in range(2) for host in range(12)] + [f"198.51.{net}.1" for net in range(9)]
ENTRIES = st.builds(
    Entry,
    state=st.sampled_from(STATES),
    units=st.integers(1, 5),
    first_hour=st.integers(0, 10),
    last_hour=st.integers(10, 20),
    magnitude=st.integers(0, 3),
    parents=st.lists(st.sampled_from("abcdefghijklm"), max_size=6, unique=True).map(lambda found: tuple(sorted(found))),
    addresses=st.lists(st.sampled_from(HELD), max_size=14, unique=True).map(kept_addresses),
)
PROFILES = st.builds(
    Profile,
    key=st.just(KEY),
    content=st.just("sha256:1"),
    repositories=st.lists(st.sampled_from(["r/a", "r/b", "r/c"]), max_size=2, unique=True).map(tuple),
    units=st.integers(1, 100),
    starts=st.integers(1, 4),
    pods=st.lists(st.integers(0, 99).map(str), max_size=40, unique=True).map(tuple),
    hours=st.integers(0, 2**24 - 1),
    weekdays=st.integers(0, 127),
    first_hour=st.integers(0, 10),
    last_hour=st.integers(10, 20),
    entries=st.dictionaries(EXECS | ADDRESSES, ENTRIES, max_size=45),
)


@SETTINGS
@given(PROFILES, PROFILES, PROFILES)
def test_merging_is_associative_and_commutative(one: Profile, other: Profile, third: Profile) -> None:
    """Days and nodes may be learned apart and put together in any order, also where bounds are reached."""
    whole = merge([one, other, third])
    assert merge([merge([one, other]), third]) == whole
    assert merge([one, merge([other, third])]) == whole
    assert merge([third, other, one]) == whole


@SETTINGS
@given(PROFILES)
def test_merging_with_itself_changes_counts_and_nothing_else(profile: Profile) -> None:
    """What is no count is a set."""
    once, twice = merge([profile]), merge([profile, profile])
    assert merge([once]) == once
    assert (twice.units, twice.starts) == (2 * once.units, 2 * once.starts)
    assert {habit: msgspec.structs.replace(entry, units=0) for habit, entry in twice.entries.items()} == {
        habit: msgspec.structs.replace(entry, units=0) for habit, entry in once.entries.items()
    }
    blank = {"units": 0, "starts": 0, "entries": {}}
    assert msgspec.structs.replace(twice, **blank) == msgspec.structs.replace(once, **blank)


@SETTINGS
@given(
    st.lists(st.tuples(st.sampled_from("xX"), EXECS, st.sampled_from("pqrstuvwxyz"), MOMENTS), max_size=60), st.data()
)
def test_putting_notes_together_early_changes_nothing(told: list[Any], data: Any) -> None:
    """When the bound of a container is met is a matter of cost alone."""

    def noted(parts: list[Any]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for kind, habit, parent, moments in parts:
            note = "\x1f".join((kind, parent, "", habit.what))
            found[note] = union(found.get(note), packed(moments))
        return found

    cut = data.draw(st.integers(0, len(told)))
    early, rest = compacted(noted(told[:cut]), DEFAULT_POLICY), noted(told[cut:])
    both = hours.united(early, rest) or {}
    assert compacted(both, DEFAULT_POLICY) == compacted(noted(told), DEFAULT_POLICY)


# ------------------------------------------------------------------------------------------------ learning


def learned(events: list[Event]) -> list[Profile]:
    """What an engine makes of them."""
    engine = Engine(CORPORATE, AN0691, learning=True)
    feed(engine, events)
    return list(profiles_of(engine))


@pytest.fixture
def short_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour is four seconds, so that worlds of a minute have many; habits are command lines as they are."""
    use_plain_habits(monkeypatch)
    monkeypatch.setattr(hours, "HOUR_NS", 4_000_000_000)


@pytest.mark.usefixtures("short_hours")
@SETTINGS
@given(worlds, st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_changes_what_is_learned(events: list[Event], chance: Any) -> None:
    """Within the lateness."""
    expected = learned(events)
    shuffled = list(events)
    chance.shuffle(shuffled)
    assert learned(shuffled) == expected
    twice = [*events, *again(events)]
    chance.shuffle(twice)
    assert learned(twice) == expected
