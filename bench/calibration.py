"""Holds what `completeness_of` says of generated workloads against what they do next: `python -m bench.calibration`.

A workload of known habits is watched for some hours; of what it then does in a week, the share that was never seen is
reckoned exactly from the chances of its habits, not drawn. Units are container-hours, as in a baseline.
"""

import argparse
import json
import random
import sys
from collections.abc import Callable
from itertools import pairwise
from math import exp
from pathlib import Path
from statistics import mean, quantiles

import msgspec

from bench.baseline_report import head, row
from bench.clock import HOUR, parse_second
from bench.habits import Habits, make_habits
from bench.week import WEEK, liveliness
from tidewaiter.baseline import Entry, Profile
from tidewaiter.completeness import Completeness, completeness_of
from tidewaiter.habit import Habit
from tidewaiter.policy import TrustPolicy, load_policy
from tidewaiter.workload import WorkloadKey

LENGTHS = (1, 3, 6, 12, 24, 48, 72, 168)
"""Hours of learning."""
BINS = (0.0, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_AFTER = 168
_BEGIN_HOUR = parse_second(WEEK) // HOUR
_POLICY = Path(__file__).resolve().parent / "week_policy.yaml"


class Life(msgspec.Struct):
    """A workload with its pace."""

    habits: Habits
    containers: int
    acts_per_hour: float
    is_office: bool
    lasts_hours: int
    """After so many hours each container is replaced."""

    def chances(self, hour: int) -> list[float]:
        """For each habit the chance that one container shows it in this hour (hours since the week began)."""
        pace = self.acts_per_hour * (liveliness(hour * HOUR, 0) if self.is_office else 1.0)
        total = self.habits.cumulative[-1]
        chances = [1 - exp(-pace * weight / total) for weight in self.habits.weights]
        for at, weekday, _ in self.habits.nightly:
            is_now = hour % 24 == at and weekday in (None, hour // 24 % 7)
            chances.append(1 / self.containers if is_now else 0.0)
        return chances


class Point(msgspec.Struct, frozen=True):
    """One workload after one length of learning."""

    hours: int
    units: int
    said: float
    """Unseen share, as `completeness_of` says it."""
    measured: float
    """Share of the habits seen per container-hour of the next week that were never seen while learning."""
    surprises: float
    """Unseen habits per container and day of the next week."""
    is_mature: bool


def make_life(rng: random.Random) -> Life:
    """A workload, drawn as the generated week draws them, at one of several paces."""
    made = make_habits(rng, f"w{int(rng.random() * 1e6)}", tuple(range(10, 30)), is_public=rng.random() < 0.2)
    return Life(
        made,
        containers=1 + int(rng.random() * rng.random() * 8),
        acts_per_hour=4 * 30 ** rng.random(),
        is_office=rng.random() < 0.4,
        lasts_hours=12 + int(rng.random() * 120),
    )


def watched(rng: random.Random, life: Life, begin_hour: int, hours: int) -> Profile:
    """What a baseline holds of a workload after some hours."""
    key = WorkloadKey("default", "team", "Deployment", "workload", "workload")
    units = starts = seen_hours = weekdays = 0
    pods: set[str] = set()
    seen: dict[int, list[int]] = {}
    for hour in range(begin_hour, begin_hour + hours):
        chances = life.chances(hour)
        for container in range(life.containers):
            shown = [number for number, chance in enumerate(chances) if rng.random() < chance]
            if not shown:
                continue
            units += 1
            pods.add(f"{(hour // life.lasts_hours * 64 + container):016x}")
            seen_hours |= 1 << hour % 24
            weekdays |= 1 << hour // 24 % 7
            for number in shown:
                seen.setdefault(number, []).append(hour)
    starts = len(pods)
    first, last = _BEGIN_HOUR + begin_hour, _BEGIN_HOUR + begin_hour + hours - 1
    entries = {
        Habit("exec", f"/bin/p{number}"): Entry("trusted", len(at), _BEGIN_HOUR + at[0], _BEGIN_HOUR + at[-1])
        for number, at in seen.items()
    }
    return Profile(
        key, "sha256:" + "0" * 64, (), units, starts, tuple(sorted(pods)), seen_hours, weekdays, first, last, entries
    )


def next_week(life: Life, profile: Profile, begin_hour: int) -> tuple[float, float]:
    """(share of habits per container-hour of the next week that are unseen, unseen habits per container and day)."""
    known = {int(habit.what.removeprefix("/bin/p")) for habit in profile.entries}
    total = unseen = 0.0
    for hour in range(begin_hour, begin_hour + _AFTER):
        for number, chance in enumerate(life.chances(hour)):
            total += chance
            unseen += 0.0 if number in known else chance
    return unseen / total, unseen / (_AFTER / 24)


Estimate = Callable[[tuple[Profile, ...], TrustPolicy], Completeness]


def points(seed: int, workloads: int, policy: TrustPolicy, estimate: Estimate = completeness_of) -> list[Point]:
    """Each workload after each length of learning, begun at any hour of the week."""
    found: list[Point] = []
    for number in range(workloads):
        rng = random.Random(f"{seed}/{number}")  # noqa: S311 - reproducible noise, not a secret
        life, begin = make_life(rng), int(rng.random() * 168)
        for hours in LENGTHS:
            profile = watched(rng, life, begin, hours)
            if not profile.units:
                continue
            measured, surprises = next_week(life, profile, begin + hours)
            said = estimate((profile,), policy)
            found.append(Point(hours, profile.units, said.unseen_share, measured, surprises, said.is_mature))
    return found


def _summary(name: str, those: list[Point]) -> str:
    measured = sorted(point.measured for point in those)
    spread = quantiles(measured, n=20) if len(measured) > 1 else measured * 19
    return row(
        [
            name,
            f"{len(those):,}",
            f"{mean(point.said for point in those):.4f}",
            f"{mean(measured):.4f}",
            f"{spread[0]:.4f} to {spread[-1]:.4f}",
            f"{mean(point.measured <= point.said for point in those):.0%}",
            f"{mean(point.surprises for point in those):.2f}",
        ]
    )


def markdown(found: list[Point]) -> str:
    """The calibration tables: by what was said, by length of learning, and of the mature apart."""
    titles = [
        "workloads", "said unseen, mean", "measured, mean", "measured, 5 to 95 %", "said no less than measured",
        "surprises per container and day",
    ]  # fmt: skip
    lines = head(["said unseen share", *titles])
    for low, high in pairwise(BINS):
        those = [point for point in found if low <= point.said < high or (high == 1.0 and point.said == 1.0)]
        if those:
            lines.append(_summary(f"{low:g} to {high:g}", those))
    lines += ["", *head(["hours of learning", *titles])]
    lines += [_summary(str(hours), those) for hours in LENGTHS if (those := [p for p in found if p.hours == hours])]
    lines += ["", *head(["verdict", *titles])]
    for name, is_mature in (("mature", True), ("immature", False)):
        if those := [point for point in found if point.is_mature == is_mature]:
            lines.append(_summary(name, those))
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.calibration", description=__doc__)
    parser.add_argument("--workloads", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="the points as JSON")
    chosen = parser.parse_args(arguments)
    found = points(chosen.seed, chosen.workloads, load_policy(_POLICY.read_text(), str(_POLICY)))
    if chosen.out is not None:
        chosen.out.write_text(json.dumps(msgspec.to_builtins(found)))
    print(markdown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
