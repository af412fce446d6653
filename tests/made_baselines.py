"""Makes baselines for tests: a small one by hand, and any there can be."""

from typing import get_args

from hypothesis import strategies as st

from tidewaiter.baseline import Entry, Profile, State
from tidewaiter.edge.baseline_lines import order_of
from tidewaiter.habit import Habit
from tidewaiter.workload import WorkloadKey

HOUR = 496_000
"""2026-08-01T16Z."""
OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
WEB = WorkloadKey("prod", "shop", "Deployment", "web", "web")
CACHE = WorkloadKey("prod", "", "Container", "cache", "cache")
JOB = WorkloadKey("test", "ci", "CronJob", "nightly", "run")


def entry(state: State = "trusted", hour: int = 0, **how: int | tuple[str, ...]) -> Entry:
    """An entry that was seen in one hour."""
    found = Entry(state, 1, HOUR + hour, HOUR + hour)
    for name, value in how.items():
        setattr(found, name, value)
    return found


def profile(key: WorkloadKey, content: str | None, entries: dict[Habit, Entry], **how: int) -> Profile:
    """A profile that was seen in one hour, in one pod."""
    found = Profile(
        key,
        content,
        ("registry.corp.example/shop/web",),
        units=1,
        starts=1,
        pods=("00f1",),
        hours=1 << 16,
        weekdays=1 << 5,
        first_hour=HOUR,
        last_hour=HOUR,
        entries=entries,
    )
    for name, value in how.items():
        setattr(found, name, value)
    return found


SERVE, CURL = Habit("exec", "/usr/bin/serve --port <n>"), Habit("exec", "/usr/bin/curl -fsS https://api.example/<n>")
API, MINER = Habit("egress", "api.example:443/tcp"), Habit("egress", "203.0.113.7:4444/tcp")


def made() -> list[Profile]:
    """Four profiles of three workloads in two clusters, in order."""
    web = {SERVE: entry(units=12, magnitude=1), API: entry(hour=3, addresses=("192.0.2.10",))}
    newer = {SERVE: entry(hour=30), CURL: entry("approved", hour=30, parents=("(runtime)", "sh"))}
    cache = {SERVE: entry("unapproved"), MINER: entry("alerted", units=2)}
    found = [
        profile(WEB, OLD, web, units=12, starts=2, last_hour=HOUR + 11),
        profile(WEB, NEW, newer, first_hour=HOUR + 30, last_hour=HOUR + 30),
        profile(CACHE, NEW, cache),
        profile(JOB, None, {SERVE: entry()}),
    ]
    return sorted(found, key=order_of)


_texts = st.text(max_size=8)
_spans = st.tuples(st.integers(0, 3_000_000), st.integers(0, 3_000_000)).map(sorted)
_keys = st.builds(
    WorkloadKey,
    st.sampled_from(["a", "b", "\u202e"]),
    st.sampled_from(["", "n", "n/m"]),
    st.sampled_from(["Pod", "Container"]),
    _texts,
    st.sampled_from(["c", "d"]),
    st.sampled_from(["container", "init", "ephemeral"]),
)
_habits = st.builds(Habit, st.sampled_from(["exec", "egress"]), st.text(min_size=1, max_size=8))
_words = st.lists(_texts, max_size=3).map(tuple)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """Any entry."""
    first, last = draw(_spans)
    state = draw(st.sampled_from(get_args(State)))
    return Entry(state, draw(st.integers(0, 10**9)), first, last, draw(st.integers(0, 18)), draw(_words), draw(_words))


@st.composite
def any_profiles(draw: st.DrawFn) -> Profile:
    """Any profile."""
    first, last = draw(_spans)
    return Profile(
        draw(_keys),
        draw(st.one_of(st.none(), st.text(min_size=1, max_size=8))),
        draw(_words),
        draw(st.integers(0, 10**9)),
        draw(st.integers(0, 10**9)),
        draw(_words),
        draw(st.integers(0, 2**24 - 1)),
        draw(st.integers(0, 2**7 - 1)),
        first,
        last,
        draw(st.dictionaries(_habits, entries(), max_size=4)),
        draw(_words),
    )


baselines = st.lists(any_profiles(), max_size=6, unique_by=order_of).map(lambda found: sorted(found, key=order_of))
"""The profiles of any file."""
