"""Holds what a baseline says of its own completeness against the truth, on workloads that are made by chance."""

import random
from collections.abc import Iterator
from statistics import mean

import msgspec
import pytest

from tidewaiter.baseline import Entry, Profile, merge
from tidewaiter.completeness import Completeness, completeness_of
from tidewaiter.habit import Habit
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy
from tidewaiter.policy_rules import BaselineRules
from tidewaiter.workload import WorkloadKey

pytestmark = pytest.mark.property
KEY = WorkloadKey("c", "ns", "Deployment", "web", "app")
MIDNIGHT = 24 * 20_000
WORKLOADS = 60


class Workload(msgspec.Struct):
    """How often a workload does what; all of it by chance."""

    steady: list[float]
    """Probabilities by container-hour, falling as Zipf's law has it."""
    at_start: list[float]
    """Of what a container does in its first hour."""
    nightly: int
    nightly_hour: int
    bursts: float
    """Probability by hour that something rare goes on in all containers at once."""
    containers: int
    life_hours: int

    def hours(self, chance: random.Random, first: int, count: int) -> Iterator[tuple[int, str, set[str]]]:
        """(hour, container, what it did) of each container-hour."""
        for hour in range(first, first + count):
            burst = {f"rare {chance.randrange(80)}" for _ in range(8)} if chance.random() < self.bursts else set()
            for number in range(self.containers):
                age = (hour + 7 * number) % self.life_hours
                done = {f"steady {at}" for at, often in enumerate(self.steady) if chance.random() < often}
                done |= {"tick", *(rare for rare in burst if chance.random() < 0.7)}
                if age == 0:
                    done |= {f"start {at}" for at, often in enumerate(self.at_start) if chance.random() < often}
                if number == 0 and hour % 24 == self.nightly_hour:
                    done |= {f"nightly {at}" for at in range(self.nightly)}
                yield hour, f"{number}/{(hour + 7 * number) // self.life_hours}", done


def workload(chance: random.Random) -> Workload:
    """Any workload."""
    top, fall = chance.uniform(0.2, 0.95), chance.uniform(0.8, 1.6)
    return Workload(
        steady=[min(0.98, top * (rank + 1) ** -fall) for rank in range(chance.choice((10, 40, 150)))],
        at_start=[chance.uniform(0.02, 1) for _ in range(chance.choice((3, 8, 15)))],
        nightly=chance.choice((0, 2, 5)),
        nightly_hour=chance.randrange(24),
        bursts=chance.choice((0, 0.01, 0.05)),
        containers=chance.choice((1, 2, 3, 10)),
        life_hours=chance.choice((8, 24, 10_000)),
    )


def learned(told: Iterator[tuple[int, str, set[str]]]) -> Profile:
    """What is learned of them."""
    profiles = [
        Profile(
            KEY,
            "sha256:1",
            units=1,
            pods=(container,),
            hours=1 << hour % 24,
            weekdays=1 << (hour // 24 + 3) % 7,
            first_hour=hour,
            last_hour=hour,
            entries={Habit("exec", f"/bin/{what}"): Entry("trusted", 1, hour, hour) for what in done},
        )
        for hour, container, done in told
    ]
    return merge(profiles, lambda program: True)


def compared(hours: int) -> tuple[list[Completeness], list[float]]:
    """(unseen shares as they are said, and as they turn out in the two days after), one of each workload."""
    said, measured = [], []
    for seed in range(WORKLOADS):
        chance = random.Random(1000 * hours + seed)  # noqa: S311 - a test's own dice
        made = workload(chance)
        first = MIDNIGHT + chance.randrange(24)
        profile = learned(made.hours(chance, first, hours))
        after = [f"/bin/{what}" for _, _, done in made.hours(chance, first + hours, 48) for what in done]
        said.append(completeness_of((profile,), DEFAULT_POLICY))
        measured.append(mean(Habit("exec", what) not in profile.entries for what in after))
    return said, measured


@pytest.mark.parametrize(
    ("hours", "honest", "above"), [(3, 0.8, 0.3), (12, 0.8, 0.15), (24, 0.85, 0.1), (72, 0.7, 0.05)]
)
def test_said_unseen_share_agrees_with_the_measured_one(hours: int, honest: float, above: float) -> None:
    """The estimate is near the truth in the mean; its bound is seldom too low (by more than two in a hundred), and not
    much too high."""
    said, measured = compared(hours)
    enough = [told.unseen_at_most >= true - 0.02 for told, true in zip(said, measured, strict=True)]
    assert mean(enough) >= honest
    assert mean(measured) - 0.005 <= mean(told.unseen_at_most for told in said) <= mean(measured) + above
    assert mean(told.unseen_share for told in said) == pytest.approx(mean(measured), rel=0.6)
    assert all(told.unseen_share <= told.unseen_at_most for told in said)


def test_little_data_never_says_that_nothing_is_unseen() -> None:
    """Also where everything was seen three times."""
    three = learned(iter([(MIDNIGHT + hour, "a", {"tick"}) for hour in range(3)]))
    told = completeness_of((three,), DEFAULT_POLICY)
    assert (told.unseen_share, told.unseen_at_most) == (0.25, 0.25)
    assert not told.is_mature
    assert completeness_of((), DEFAULT_POLICY).unseen_share == 1


def test_many_containers_of_one_hour_do_not_tell_of_another() -> None:
    """What one hour brings, another may not."""
    wide = learned(iter([(MIDNIGHT, str(number), {"tick"}) for number in range(100)]))
    long = learned(iter([(MIDNIGHT + number, "a", {"tick"}) for number in range(100)]))
    assert completeness_of((wide,), DEFAULT_POLICY).unseen_at_most == pytest.approx(1 / 3)
    assert completeness_of((long,), DEFAULT_POLICY).unseen_at_most < 0.02


def test_stale_entries_count_as_unseen() -> None:
    """By the workload's own time: what it did last a month and a half ago is new when it does it again."""
    old, new = MIDNIGHT, MIDNIGHT + 24 * 45
    steady = [(first + hour, "a", {"tick"}) for first in (old, new) for hour in range(48)]
    fresh = learned(iter([*steady, *((new + hour, "a", {"other"}) for hour in range(48))]))
    stale = learned(iter([*steady, *((old + hour, "a", {"other"}) for hour in range(48))]))
    assert (
        completeness_of((stale,), DEFAULT_POLICY).unseen_share > completeness_of((fresh,), DEFAULT_POLICY).unseen_share
    )
    forever = TrustPolicy(baseline=BaselineRules(retention_ns=2**62))
    assert completeness_of((stale,), forever) == completeness_of((fresh,), forever)


def test_maturity_needs_containers_hours_and_completeness() -> None:
    """All three."""
    told = [(MIDNIGHT + hour, str(number), {"tick"}) for hour in range(30) for number in range(3)]
    profile = learned(iter(told))
    assert completeness_of((profile,), DEFAULT_POLICY).is_mature
    for strict in (BaselineRules(containers=4), BaselineRules(hours=91), BaselineRules(completeness=0.99)):
        assert not completeness_of((profile,), TrustPolicy(baseline=strict)).is_mature
