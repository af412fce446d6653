"""Turns a profile into how much of what its workload does it knows, and whether that is enough to judge by.

The unseen share is what Good and Turing say of incidences (a habit in a container-hour): as many as were seen once
stand for what was never seen (Good, "The Population Frequencies of Species", 1953; Chao and Colwell, "Thirty Years of
Progeny from Chao's Inequality", 2017); one is added to both counts, so that nothing is ever held to be complete. What
the share is hardly above is that and a standard deviation. Containers of one hour resemble each other, so that many of
them do not tell what another hour brings: with H hours of the clock seen, one of H + 2 (Laplace) is held to be unlike
all of them. A baseline is mature by that bound, and never by the estimate.
`tests/property/test_completeness_laws.py` holds it against the truth.
"""

from math import inf
from typing import Literal

import msgspec

from tidewaiter.baseline import Entry, Profile
from tidewaiter.habit import Habit
from tidewaiter.hours import HOUR_NS
from tidewaiter.policy import BaselineRules, TrustPolicy
from tidewaiter.widening import REST

START_NS = 120_000_000_000
"""For so long after its start a container does what it does only then: it migrates, warms up, reads its secrets."""
_DAY = 24
_WEEK = 7


class Completeness(msgspec.Struct, frozen=True):
    """What is known of how complete a profile is."""

    unseen_share: float
    """Estimated share of what the workload does from now on that was never seen before, 0 to 1 (Good and Turing)."""
    unseen_at_most: float
    """What the share is hardly above."""
    surprises_an_hour: float
    """How many things that were never seen a container is to be expected to do in an hour, by that estimate."""
    units: int
    """Container-hours."""
    pods: int
    """Containers it was seen in; of many, those that are kept of each profile."""
    starts: int
    """Those under our eyes; where there are none, nothing is known of what is done at a start."""
    hours: int
    """Hours of the day in which it was seen, 0 to 24."""
    weekdays: int
    """Days of the week, 0 to 7."""
    is_mature: bool

    @property
    def share(self) -> float:
        """1 - unseen_share."""
        return 1 - self.unseen_share

    @property
    def share_at_least(self) -> float:
        """1 - unseen_at_most: by this it is judged whether a baseline is mature."""
        return 1 - self.unseen_at_most


def completeness_of(profiles: tuple[Profile, ...], policy: TrustPolicy) -> Completeness:
    """How complete the profiles of one workload's container are, taken together (its contents, one after another)."""
    rules = policy.baseline
    units = sum(profile.units for profile in profiles)
    known: dict[Habit, list[Entry]] = {}
    for profile in profiles:
        for habit, entry in profile.entries.items():
            known.setdefault(habit, []).append(entry)
    now = max((profile.last_hour for profile in profiles), default=0)
    incidences = unknown = 0
    for habit, entries in known.items():
        # What was widened counts each of its parts: more often than ever it cannot have been seen.
        times = min(sum(entry.units for entry in entries), units)
        incidences += times
        if habit.what.endswith(REST):
            unknown += times
        elif times == 1 or is_stale(max(entry.last_hour for entry in entries), now, rules):
            # What was not done for so long is new when it is done again.
            unknown += 1
    unseen = (unknown + 1) / (incidences + 1)
    high = min((unknown + unknown**0.5) / incidences, 1) if incidences else 1.0
    at_most = max(1 - (1 - high) * (1 - 1 / (_hours_seen(profiles, units) + 2)), unseen)
    pods = len({pod for profile in profiles for pod in profile.pods})
    starts = sum(profile.starts for profile in profiles)
    is_enough = units >= rules.hours and max(pods, starts) >= rules.containers
    return Completeness(
        unseen_share=unseen,
        unseen_at_most=at_most,
        surprises_an_hour=unseen * incidences / units if units else inf,
        units=units,
        pods=pods,
        starts=starts,
        hours=_all(profiles, "hours").bit_count(),
        weekdays=_all(profiles, "weekdays").bit_count(),
        is_mature=is_enough and 1 - at_most >= rules.completeness,
    )


def is_stale(last_hour: int, now: int, rules: BaselineRules) -> bool:
    """Whether what was last done in that hour is expected no more; `now`: the hour in which the workload was last seen
    to do anything (it is its time that passes, not a clock's)."""
    return (now - last_hour) * HOUR_NS > rules.retention_ns


def _hours_seen(profiles: tuple[Profile, ...], units: int) -> int:
    """In about how many hours of the clock something was seen: those between the first and the last, less the hours of
    the day and days of the week that it was never seen in."""
    seen = [profile for profile in profiles if profile.units]
    if not seen:
        return 0
    of_day = _all(profiles, "hours").bit_count()
    span = max(profile.last_hour for profile in seen) - min(profile.first_hour for profile in seen) + 1
    if span <= _DAY:
        return min(of_day, units)
    days = min(_WEEK, -(-span // _DAY))
    return min(max(of_day, span * of_day * _all(profiles, "weekdays").bit_count() // (_DAY * days)), span, units)


def _all(profiles: tuple[Profile, ...], field: Literal["hours", "weekdays"]) -> int:
    bits = 0
    for profile in profiles:
        bits |= profile.hours if field == "hours" else profile.weekdays
    return bits
