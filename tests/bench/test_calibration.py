"""Tests that the calibration measures what it says: what was seen is known, and what was not is counted exactly."""

import random
import sys
from pathlib import Path

import pytest

from tidewaiter.baseline import Profile
from tidewaiter.completeness import Completeness
from tidewaiter.policy import TrustPolicy

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

# The benchmark is no part of the installed package: it is found beside the tests.
from bench.calibration import LENGTHS, Point, make_life, markdown, next_week, points, watched


def _good_turing(profiles: tuple[Profile, ...], policy: TrustPolicy) -> Completeness:
    """The plainest estimate: of all that was seen, the share that was seen once."""
    units = [entry.units for profile in profiles for entry in profile.entries.values()]
    share = units.count(1) / sum(units)
    return Completeness(share, share, share, profiles[0].units, len(profiles[0].pods), 0, 0, 0, is_mature=False)


@pytest.fixture(scope="module")
def found() -> list[Point]:
    """Sixty workloads after each length."""
    return points(3, 60, TrustPolicy(), _good_turing)


def test_who_learns_longer_is_surprised_less(found: list[Point]) -> None:
    """The share that was never seen falls with the hours of learning."""
    by_length = [[point.measured for point in found if point.hours == hours] for hours in LENGTHS]
    means = [sum(those) / len(those) for those in by_length]
    assert means == sorted(means, reverse=True)
    assert means[0] > 0.05 > 0.005 > means[-1]


def test_the_plainest_estimate_is_nearly_right_on_average(found: list[Point]) -> None:
    """Good and Turing's estimate holds for a day and more: a measure that refuted it would be wrong itself."""
    those = [point for point in found if point.hours >= 24]
    said, measured = (sum(values) / len(those) for values in zip(*((p.said, p.measured) for p in those), strict=True))
    assert said == pytest.approx(measured, rel=0.5)


def test_of_a_workload_that_was_seen_whole_nothing_is_unseen() -> None:
    """A profile with all habits leaves no share; one with none leaves all."""
    rng = random.Random(1)  # noqa: S311 - reproducible noise, not a secret
    life = make_life(rng)
    whole = watched(rng, life, 0, 168 * 40)
    assert len(whole.entries) == len(life.habits.acts) + len(life.habits.nightly)
    assert next_week(life, whole, 0) == (0.0, 0.0)
    whole.entries.clear()
    assert next_week(life, whole, 0)[0] == 1.0


def test_every_point_is_in_a_table(found: list[Point]) -> None:
    """The tables by what was said and by length hold all points."""
    by_share, by_length, _ = markdown(found).split("\n\n")
    for table in (by_share, by_length):
        rows = [line.split(" | ") for line in table.splitlines()[2:]]
        assert sum(int(cells[1].replace(",", "")) for cells in rows) == len(found)
