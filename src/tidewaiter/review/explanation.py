"""Turns one alert and the records that have to do with it into its explanation: what is known, why it was raised, what
was not seen, who was silent about something alike, and what to do next.

The JSON shape is a contract (docs/explain.md), as that of the alert itself.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from tidewaiter.alert import Alert, BaselineShown
from tidewaiter.policy import TrustPolicy
from tidewaiter.review.decisions import Decision, decisions_of
from tidewaiter.review.gaps import Gap, gaps_of
from tidewaiter.review.neighbours import Members, Neighbour, Neighbours
from tidewaiter.review.relations import Relations, relations_of
from tidewaiter.review.timeline import Timeline, timeline_of


class Explanation(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="explanation"):
    """All there is to say of one alert."""

    schema: int = 1
    asked: Literal["alert", "incident"]
    """What the id named. Of an incident the gravest alert is explained."""
    alert: Alert
    incident: Members | None
    """None: the alert is alone."""
    timeline: Timeline
    relations: Relations
    decisions: tuple[Decision, ...]
    missing: tuple[Gap, ...]
    baseline: BaselineShown | None
    """As in the alert; None where it was judged without one that knows the workload."""
    baseline_words: str
    elsewhere: tuple[Neighbour, ...]
    silent: tuple[Neighbour, ...]
    silent_words: str
    """Whether the run told of silent containers at all."""
    neighbours_omitted: int
    next: tuple[str, ...]


def explained(
    alert: Alert, neighbours: Neighbours, policy: TrustPolicy, triage: Sequence[str], *, is_incident: bool
) -> Explanation:
    """The explanation of one alert; `policy` says how long the window is, `triage` are the analytic's own steps."""
    baseline = alert.baseline
    members, elsewhere, silent = neighbours.members(), neighbours.elsewhere(), neighbours.silent()
    return Explanation(
        asked="incident" if is_incident else "alert",
        alert=alert,
        incident=members,
        timeline=timeline_of(alert, policy.time_window_ns, policy.clock_skew_ns),
        relations=relations_of(alert),
        decisions=decisions_of(alert),
        missing=gaps_of(alert),
        baseline=baseline,
        baseline_words=_baseline_words(baseline),
        elsewhere=elsewhere,
        silent=silent,
        silent_words=_silent_words(neighbours, silent),
        neighbours_omitted=neighbours.omitted,
        next=tuple(_next(alert, baseline, elsewhere, silent, triage)),
    )


def _baseline_words(baseline: BaselineShown | None) -> str:
    if baseline is None:
        return "none: no baseline was given, or it does not know this workload (see: tidewaiter baseline learn)"
    # Rounded down: nothing is complete that is not.
    share = f"{int(baseline.completeness * 1000) / 10:g} % complete"
    share += f" (at least {int(baseline.completeness_at_least * 1000) / 10:g} %)"
    mature = "mature" if baseline.mature else "not mature: behaviour it has not seen may be normal"
    content = {
        "known": "it knows this content",
        "new": "it knows the workload, but treats this content as new",
        "unknown": "it knows the workload, but cannot compare this content: a digest is missing",
    }[baseline.content]
    seen = (
        f"{baseline.pods} pods, {baseline.starts} starts, {baseline.container_hours} container-hours, "
        f"{baseline.hours_of_day} hours of the day, {baseline.weekdays} days of the week"
    )
    return f"{share}, {mature}; {content}; learned from {seen}"


def _silent_words(neighbours: Neighbours, silent: tuple[Neighbour, ...]) -> str:
    if silent:
        return f"{len(silent)} similar container{'s' if len(silent) > 1 else ''} raised no alert"
    if neighbours.has_containers:
        return "none: no other container of this content, repository or workload stayed silent"
    return "not known: the records list no containers; run tidewaiter hunt PATH... --containers --format jsonl"


def _next(
    alert: Alert,
    baseline: BaselineShown | None,
    elsewhere: tuple[Neighbour, ...],
    silent: tuple[Neighbour, ...],
    triage: Sequence[str],
) -> Iterator[str]:
    """What to do, the most telling first."""
    if alert.verdict == "withdrawn":
        yield "No action needed: the alert was withdrawn. The reasons say why."
        return
    if alert.digest_consistency == "conflicting":
        yield "Treat the image itself as the incident: verified facts about it contradict each other."
    if alert.missing:
        yield "Check the gaps under Not seen first. If that telemetry exists, add it and hunt again over the same time."
    if alert.image.config_digest is None:
        yield "Find out which bytes ran: the config digest is unknown, and a tag can be moved."
    elif any(neighbour.relation == "content" for neighbour in elsewhere):
        count = sum(neighbour.relation == "content" for neighbour in elsewhere)
        places = f"{count} other places" if count > 1 else "other place"
        yield f"Check the {places} where this content ran. Contain by digest, not by name."
    yield from triage
    if any(neighbour.relation in ("content", "files") for neighbour in silent):
        yield "Compare with the silent containers of the same content: what is different about this one?"
    if alert.trust.state == "trusted" or (baseline is not None and baseline.content == "new"):
        yield "If this is an intended release, learn it: tidewaiter baseline learn, then tidewaiter baseline approve."
    if alert.trust.state == "trusted":
        yield "No scope silences trusted content that moved or is new. A baseline that has learned it does."
        return
    if any(behaviour.kind == "policy" for behaviour in alert.behaviours):
        yield "No exception silences a broken require or forbid. Fix the workload, or change that scope."
        return
    yield f"If this is expected, get the narrowest exception: tidewaiter tune --from ALERTS {_id(alert)}"


def _id(alert: Alert) -> str:
    """The id where it is one of ours: what is shown here may be pasted into a shell."""
    return alert.id if alert.id.isascii() and alert.id.isalnum() and len(alert.id) <= 64 else "ID"
