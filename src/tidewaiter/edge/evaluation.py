"""Turns a folder of scenarios, and telemetry believed benign, into an evaluation: the run loop of `eval`."""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tidewaiter import __version__
from tidewaiter.alert import Alert
from tidewaiter.analytics import analytics
from tidewaiter.baseline import Baseline, Profile
from tidewaiter.edge.hunt import Hunt
from tidewaiter.edge.reader import ReadOptions
from tidewaiter.edge.scenario import Scenario
from tidewaiter.edge.trial import aged, answer, container_answers, faults_of, learned, run
from tidewaiter.engine import Engine
from tidewaiter.event import ContainerExec, Event, NetworkFlow, ProcessExec
from tidewaiter.policy import TrustPolicy
from tidewaiter.review.evaluation import Background, Evaluation, Fault, Labels, Variations
from tidewaiter.review.score import Answer, Variation, false_alerts, missed, score, vary, wrong
from tidewaiter.sources import sources

FACTORS = (0.25, 0.5, 1, 2, 4)
"""Of `time_window` and of `lateness`."""
AGES = (0, 15, 31, 60)
"""Days by which what a baseline knows is made older; what a policy retains by default is 30 days."""
_BEHAVIOUR = (ProcessExec, NetworkFlow, ContainerExec)
_HOUR_NS = 3600 * 1_000_000_000
_HOURS_CAP = 100_000
_TITLES = 20

OnTrial = Callable[[str], None]
"""Called before each trial with what is tried."""


class _Subject(msgspec.Struct, frozen=True):
    """A scenario, what was learned for it, and what came out under its own settings."""

    scenario: Scenario
    profiles: tuple[Profile, ...]
    sources: tuple[str, ...]
    answer: Answer


def evaluate(
    folder: str,
    scenarios: Iterable[Scenario],
    *,
    quick: bool = False,
    background: Background | None = None,
    on_trial: OnTrial = lambda what: None,
) -> Evaluation:
    """Score scenarios; `quick` leaves out the variations."""
    began = time.monotonic()
    subjects: list[_Subject] = []
    by_container: list[Answer] = []
    faults: list[Fault] = []
    for scenario in scenarios:
        on_trial(scenario.name)
        lesson = learned(scenario)
        outcome = run(scenario, lesson.profiles)
        subjects.append(_Subject(scenario, lesson.profiles, outcome.sources, answer(scenario, outcome)))
        by_container += container_answers(scenario, outcome)
        faults += [
            Fault(f"{scenario.name}: {Path(fault.where).name}", fault.sentence)
            for fault in (*lesson.faults, *outcome.faults)
        ]
    answers = [subject.answer for subject in subjects]
    labels = [found.label for found in answers]
    return Evaluation(
        version=__version__,
        folder=folder,
        labels=Labels(
            total=len(answers),
            attack=labels.count("attack"),
            benign=labels.count("benign"),
            unlabelled=labels.count(None),
            with_baseline=sum(bool(subject.scenario.to_learn) for subject in subjects),
        ),
        scenarios=score(answers),
        containers=score(by_container),
        wrong=(*wrong(answers), *wrong(by_container)),
        missed=missed(answers),
        false_alerts=false_alerts(answers),
        variations=None if quick else _variations(subjects, answers, on_trial),
        background=background,
        faults=tuple(faults),
        seconds=round(time.monotonic() - began, 3),
    )


def _variations(subjects: Sequence[_Subject], answers: Sequence[Answer], on_trial: OnTrial) -> Variations:
    def varied(
        setting: float | str, concerned: Iterable[_Subject], how: Callable[[_Subject], dict[str, Any]]
    ) -> Variation:
        on_trial(str(setting))
        return vary(setting, answers, [_again(subject, **how(subject)) for subject in concerned])

    def scaled(field: str, factor: float) -> Variation:
        def how(subject: _Subject) -> dict[str, Any]:
            policy = subject.scenario.policy
            return {"policy": msgspec.structs.replace(policy, **{field: int(getattr(policy, field) * factor)})}

        return varied(factor, subjects, how)

    def older(days: int) -> Variation:
        with_baseline = [subject for subject in subjects if subject.scenario.to_learn]
        return varied(days, with_baseline, lambda subject: {"profiles": aged(subject.profiles, days)})

    def left_out(setting: str, without: tuple[str, ...]) -> Variation:
        concerned = [subject for subject in subjects if not set(without).isdisjoint(subject.sources)]
        return varied(setting, concerned, lambda subject: {"without": without})

    known = sources()
    names = sorted({name for subject in subjects for name in subject.sources} & known.keys())
    return Variations(
        time_window=tuple(scaled("time_window_ns", factor) for factor in FACTORS),
        lateness=tuple(scaled("lateness_ns", factor) for factor in FACTORS),
        baseline_age=tuple(map(older, AGES)) if any(subject.scenario.to_learn for subject in subjects) else (),
        without_source=tuple(left_out(name, (name,)) for name in names),
        without_log_source=tuple(
            left_out(log_source, tuple(name for name in names if log_source in known[name].log_sources))
            for log_source in analytics()["AN0691"].log_sources
        ),
    )


def _again(subject: _Subject, *, profiles: Sequence[Profile] | None = None, **other: Any) -> Answer:
    used = subject.profiles if profiles is None else profiles
    return answer(subject.scenario, run(subject.scenario, used, **other))


def measure_background(
    paths: Sequence[str],
    policy: TrustPolicy,
    *,
    baseline: Baseline | None = None,
    options: ReadOptions | None = None,
    horizon_ns: int | None = None,
) -> tuple[Background, list[Fault]]:
    """What telemetry in which nothing bad happened costs its reader: every record of it is decoded."""
    engine = _Clocked(policy, analytics()["AN0691"], baseline=baseline, horizon_ns=horizon_ns)
    hunt = Hunt(engine, paths, options or ReadOptions(), quick=False)
    hunt.run()
    alerts = suspicious = 0
    titles: list[str] = []
    for output in engine.finish():
        if isinstance(output, Alert):
            alerts += output.verdict == "alert"
            suspicious += output.verdict == "suspicious"
            if len(titles) < _TITLES:
                titles.append(f"{output.verdict}: {output.title}")
    days = len(engine.hours) / 24
    measured = Background(
        paths=tuple(paths),
        records=engine.ledger.records,
        hours=len(engine.hours),
        alerts=alerts,
        suspicious=suspicious,
        silenced=engine.silenced,
        alerts_per_day=alerts / days if days else None,
        suspicious_per_day=suspicious / days if days else None,
        clusters=tuple(sorted(engine.state.clusters)),
        titles=tuple(titles),
    )
    return measured, list(faults_of(hunt))


class _Clocked(Engine):
    """An engine that knows in which hours it was told of behaviour."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.hours: set[int] = set()

    def feed(self, event: Event) -> Any:
        """File one event and note its hour."""
        outcome = super().feed(event)
        if (
            isinstance(event, _BEHAVIOUR)
            and event.time_ns is not None
            and outcome != "rejected"
            and len(self.hours) < _HOURS_CAP
        ):
            self.hours.add(event.time_ns // _HOUR_NS)
        return outcome
