"""Turns a scenario into what the engine says of it, under its own settings or under others: one trial."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tidewaiter.alert import Alert, ContainerShown, Summary
from tidewaiter.analytics import analytics
from tidewaiter.baseline import Profile, Profiles
from tidewaiter.edge.approval import approval_of
from tidewaiter.edge.hunt import Hunt
from tidewaiter.edge.reader import ReadOptions
from tidewaiter.edge.scenario import Container, Scenario
from tidewaiter.engine import Engine
from tidewaiter.learn import profiles_of
from tidewaiter.policy import TrustPolicy
from tidewaiter.review.evaluation import Fault
from tidewaiter.review.score import GRAVITY, Answer, Label

_HOURS_IN_DAY = 24
_REPORTED = ("alert", "suspicious")


class Outcome(msgspec.Struct, frozen=True):
    """What one trial gave."""

    alerts: tuple[Alert, ...]
    containers: tuple[ContainerShown, ...]
    summary: Summary
    sources: tuple[str, ...]
    """Sources that some record was of."""
    faults: tuple[Fault, ...]


class Lesson(msgspec.Struct, frozen=True):
    """What a scenario's `baseline` folder teaches."""

    profiles: tuple[Profile, ...] = ()
    faults: tuple[Fault, ...] = ()


def learned(scenario: Scenario) -> Lesson:
    """Learn from a scenario's `baseline` folder, and approve of it what the scenario approves.

    A pattern approves what is unapproved; a workload that is named approves what alerted, too (`baseline approve`).
    What is learned depends on no clock, unlike `baseline learn`, which knows a broken clock by its own.
    """
    if not scenario.to_learn:
        return Lesson()
    approve = scenario.expected.baseline.approve
    engine = Engine(scenario.policy, analytics()["AN0691"], learning=True)
    hunt = Hunt(engine, [str(path) for path in scenario.to_learn], _options(scenario), quick=False)
    hunt.run()
    profiles = tuple(profiles_of(engine, approve=approval_of(approve)))
    for profile in profiles:
        if profile.key.path in approve:
            for entry in profile.entries.values():
                entry.state = "trusted" if entry.state == "trusted" else "approved"
    return Lesson(profiles, faults_of(hunt))


def aged(profiles: Sequence[Profile], days: int) -> tuple[Profile, ...]:
    """The same profiles where every habit was last seen that many days earlier, the workload itself was not."""
    hours = days * _HOURS_IN_DAY
    return tuple(
        msgspec.structs.replace(
            profile,
            entries={
                habit: msgspec.structs.replace(
                    entry, first_hour=entry.first_hour - hours, last_hour=entry.last_hour - hours
                )
                for habit, entry in profile.entries.items()
            },
        )
        for profile in profiles
    )


def run(
    scenario: Scenario,
    profiles: Sequence[Profile] = (),
    *,
    policy: TrustPolicy | None = None,
    telemetry: Sequence[Path] | None = None,
    without: Collection[str] = (),
    quick: bool = True,
    chunk_bytes: int = 256 * 1024,
) -> Outcome:
    """Hunt through a scenario.

    `profiles`: what was learned. Other than the scenario says: `policy`; `telemetry` (the same records, delivered
    otherwise); `without` (sources to which nobody listens).
    """
    baseline = Profiles(profiles) if scenario.to_learn else None
    engine = Engine(policy or scenario.policy, analytics()["AN0691"], baseline=baseline)
    paths = [str(path) for path in (scenario.telemetry if telemetry is None else telemetry)]
    hunt = Hunt(engine, paths, _options(scenario, chunk_bytes), quick=quick, without=without)
    hunt.run()
    outputs = list(engine.finish(containers=True))
    alerts = tuple(output for output in outputs if isinstance(output, Alert))
    verdicts = [alert.verdict for alert in alerts]
    return Outcome(
        alerts,
        tuple(output for output in outputs if isinstance(output, ContainerShown)),
        engine.summary(not hunt.problems, verdicts.count("alert"), verdicts.count("suspicious")),
        tuple(sorted(engine.ledger.counts)),
        faults_of(hunt),
    )


def faults_of(hunt: Hunt) -> tuple[Fault, ...]:
    """Files that could not be read to their end, and those of which nothing was recognised."""
    return (
        *(Fault(problem.stream, problem.sentence) for problem in hunt.problems),
        *(Fault(stream, "nothing in it was recognised") for stream in hunt.strangers),
    )


def answer(scenario: Scenario, outcome: Outcome) -> Answer:
    """The gravest verdict of a trial; what a scope silenced is quiet."""
    found = max((alert.verdict for alert in outcome.alerts), key=GRAVITY.index, default="quiet")
    reasons = tuple(reason for alert in outcome.alerts if alert.verdict == found for reason in alert.reasons)
    if not outcome.alerts:
        reasons = tuple(reason for container in outcome.containers for reason in container.reasons)
    expected = scenario.expected
    return Answer(scenario.name, None, expected.label, expected.verdict, found, tuple(dict.fromkeys(reasons)))


def container_answers(scenario: Scenario, outcome: Outcome) -> list[Answer]:
    """One answer for each container of which something is expected, or said though nothing is expected.

    A scenario that mentions no container says nothing of any.
    """
    if not scenario.expected.containers:
        return []
    answers: list[Answer] = []
    meant: set[int] = set()
    for container in scenario.expected.containers:
        fitting = [at for at, shown in enumerate(outcome.containers) if is_meant(shown, container)]
        meant.update(fitting)
        label = label_of(scenario, container)
        if len(fitting) != 1:
            sentence = f"{len(fitting)} of {len(outcome.containers)} containers fit"
            answers.append(Answer(scenario.name, _wanted(container), label, container.verdict, "absent", (sentence,)))
            continue
        shown = outcome.containers[fitting[0]]
        answers.append(
            Answer(scenario.name, _wanted(container), label, container.verdict, shown.verdict, shown.reasons)
        )
    answers += [
        Answer(
            scenario.name,
            f"{shown.namespace or ''}/{shown.pod or ''} {(shown.container_id or shown.container_name or '')[:12]}",
            "benign" if scenario.expected.label is not None else None,
            "quiet",
            shown.verdict,
            shown.reasons,
        )
        for at, shown in enumerate(outcome.containers)
        if at not in meant and shown.verdict in _REPORTED
    ]
    return answers


def label_of(scenario: Scenario, container: Container) -> Label | None:
    """What a container is: its own label; else, in a labelled scenario, an attack where the scenario is one and a
    report about this container is expected, and benign otherwise."""
    if container.label is not None or scenario.expected.label is None:
        return container.label
    return "attack" if scenario.expected.label == "attack" and container.verdict in _REPORTED else "benign"


def is_meant(shown: ContainerShown, container: Container) -> bool:
    """Whether a container is the one that an expectation names."""
    found = {
        "id": (shown.container_id or "")[: len(container.id or "")],
        "name": shown.container_name,
        "namespace": shown.namespace,
        "pod": shown.pod,
        "cluster": shown.cluster,
        "reference": shown.image.reference,
    }
    wanted = {key: getattr(container, key) for key in found}
    return all(found[key] == value for key, value in wanted.items() if value is not None)


def _wanted(container: Container) -> str:
    known: list[Any] = [container.id, container.namespace, container.pod, container.name, container.reference]
    return " ".join(str(value) for value in known if value is not None)


def _options(scenario: Scenario, chunk_bytes: int = 256 * 1024) -> ReadOptions:
    return ReadOptions(scenario.expected.options.cluster, scenario.expected.options.node, chunk_bytes)
