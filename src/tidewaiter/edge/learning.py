"""Turns files of telemetry into profiles of what their workloads do: the run of `baseline learn`.

It is a hunt of which every record is read, also of those that can come to no alert: what trusted containers do is what
is to be learned.
"""

from collections.abc import Iterable, Iterator, Sequence

from tidewaiter.alert import Summary
from tidewaiter.analytics import analytics
from tidewaiter.baseline import Baseline, Profile
from tidewaiter.edge.approval import approval_of
from tidewaiter.edge.hunt import Hunt, OnProgress, Problem, horizon_ns
from tidewaiter.edge.reader import ReadOptions
from tidewaiter.engine import Engine
from tidewaiter.event import ImageFacts
from tidewaiter.learn import Held, profiles_of
from tidewaiter.policy import TrustPolicy


class Learned:
    """What was learned of a set of files."""

    def __init__(self, engine: Engine, run: Hunt, profiles: Iterator[Profile], held: Held) -> None:
        self.engine = engine
        self.profiles = profiles
        """One of each workload's container and content, in order; to be taken out once."""
        self.held = held
        """What expects nothing until somebody approves it. Complete when all profiles were taken out."""
        self.problems: list[Problem] = run.problems
        """Streams that could not be read to their end."""
        self.strangers = run.strangers
        """Streams of which nothing was recognised, with their first record."""

    def summary(self) -> Summary:
        """What was read and what became of it; alerts are not counted."""
        return self.engine.summary(not self.problems, 0, 0)


def learn(
    paths: Sequence[str],
    policy: TrustPolicy,
    options: ReadOptions,
    *,
    facts: Iterable[ImageFacts] = (),
    source: str | None = None,
    since_ns: int | None = None,
    until_ns: int | None = None,
    baseline: Baseline | None = None,
    approve: Sequence[str] = (),
    on_progress: OnProgress | None = None,
) -> Learned:
    """Learn from files.

    `baseline` is what the telemetry is judged against: what it expects does not alert, and so is not held back.
    `approve` are patterns over NAMESPACE/KIND/NAME (`approval_of`); they approve nothing of what alerted. Raises
    PatternError.
    """
    approves = approval_of(approve)
    engine = Engine(policy, analytics()["AN0691"], baseline=baseline, horizon_ns=horizon_ns(), learning=True)
    for fact in facts:
        engine.learn_facts(fact)
    run = Hunt(
        engine,
        paths,
        options,
        source=source,
        since_ns=since_ns,
        until_ns=until_ns,
        quick=False,
        on_progress=on_progress,
    )
    run.run()
    held = engine.learning.held if engine.learning is not None else Held()
    return Learned(engine, run, profiles_of(engine, approve=approves), held)
