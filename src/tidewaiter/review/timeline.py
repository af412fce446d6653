"""Turns an alert into what happened, step by step: its evidence and its behaviours by time, and where each one lies.

The window is that of rule 4, measured from what the alert's own evidence tells: the latest start that is not later than
the behaviour, else the create, else the request for the pod, else the first record.
"""

from posixpath import commonprefix
from typing import Literal

import msgspec

from tidewaiter.alert import Alert, BehaviourShown, Evidence, parse_moment

Place = Literal["before", "chain", "early", "inside", "late", "unknown"]
"""`before`: a record of the chain from before the anchor; `chain`: one from then on. The others are for behaviours."""
_ANCHORS = ("start", "create", "pod", "workload")
_NAMES = {
    "start": "the container's start",
    "create": "the container's creation",
    "pod": "the request for the pod",
    "workload": "the request for its owner",
}


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened, or that was done several times over in the same words."""

    time: str | None
    offset_ns: int | None
    """Distance from the anchor; None where either is not known."""
    stage: str
    """`pull`, `create`, `start` .., or the kind of behaviour."""
    what: str
    place: Place
    strength: Literal["strong", "weak"] | None = None
    row: str | None = None
    """The row of the policy that gave the strength."""
    known: str | None = None
    """The level at which a baseline knows it."""
    name: str | None = None
    protocol: str | None = None
    attribution: str | None = None
    is_decisive: bool = False
    """Whether the verdict's time is its own."""
    times: int = 1
    last: str | None = None
    """When it was done last, if more than once."""
    records: tuple[str, ...] = ()
    """`SOURCE RECORD` of each, at most eight."""


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """The steps in order of time, and what they are measured by."""

    anchor: str | None
    """A time."""
    anchor_is: str
    """What it is, in words."""
    window_ns: int
    skew_ns: int
    folder: str
    """Where all records stand, with a slash at its end; empty where they share none."""
    steps: tuple[Step, ...]
    omitted: int
    """Behaviours that were counted and not kept by the engine."""

    def near(self, step: Step) -> tuple[str, ...]:
        """The records of a step, named without the folder that all share."""
        return tuple(record.replace(f" {self.folder}", " ", 1) for record in step.records)


def timeline_of(alert: Alert, window_ns: int, skew_ns: int) -> Timeline:
    """All that the alert tells, in order of time; what has no time comes first."""
    moments = {stage: _times(alert, stage) for stage in _ANCHORS}
    anchor_ns, anchor_is = _anchor(alert, moments, skew_ns)
    chain = [e for e in alert.evidence if e.stage != "behaviour"]
    told: dict[tuple[str | None, str], list[Evidence]] = {}
    for evidence in alert.evidence:
        if evidence.stage == "behaviour":
            told.setdefault((evidence.time, evidence.summary), []).append(evidence)
    steps = [_chain_step(alike, anchor_ns) for alike in _alike(chain)]
    for group in _done(alert.behaviours):
        records = [record for shown in group for record in told.get((shown.time, shown.what), ())]
        steps.append(_behaviour_step(group, records, alert, moments, anchor_ns, window_ns, skew_ns))
    steps.sort(key=lambda step: (parse_moment(step.time) or 0, step.strength is not None, step.stage, step.what))
    return Timeline(
        anchor=_format(alert, anchor_ns),
        anchor_is=anchor_is,
        window_ns=window_ns,
        skew_ns=skew_ns,
        folder=_folder(alert),
        steps=tuple(steps),
        omitted=alert.behaviours_omitted,
    )


def _times(alert: Alert, stage: str) -> list[int]:
    return sorted(time for e in alert.evidence if e.stage == stage and (time := parse_moment(e.time)) is not None)


def _anchor(alert: Alert, moments: dict[str, list[int]], skew_ns: int) -> tuple[int | None, str]:
    decided = parse_moment(alert.time) or 0
    for stage in _ANCHORS:
        if moments[stage]:
            return _before(moments[stage], decided, skew_ns) or moments[stage][0], _NAMES[stage]
    told = (parse_moment(time) for time in (*(e.time for e in alert.evidence), *(b.time for b in alert.behaviours)))
    return min((time for time in told if time is not None), default=None), "the first record"


def _before(times: list[int], time_ns: int, skew_ns: int) -> int | None:
    return max((time for time in times if time <= time_ns + skew_ns), default=None)


def _place(time_ns: int | None, moments: dict[str, list[int]], window_ns: int, skew_ns: int) -> Place:
    """Rule 4 by the alert's own evidence."""
    if time_ns is None:
        return "unknown"
    for stage in _ANCHORS[:3]:
        if not moments[stage]:
            continue
        before = _before(moments[stage], time_ns, skew_ns)
        if before is not None:
            return "inside" if time_ns - before <= window_ns else "late"
    return "early" if any(moments[stage] for stage in _ANCHORS[:3]) else "inside"


def _alike(chain: list[Evidence]) -> list[list[Evidence]]:
    """Records of the chain that say the same at the same moment, or say it without a time."""
    found: dict[tuple[str, str, str | None], list[Evidence]] = {}
    for evidence in chain:
        found.setdefault((evidence.stage, evidence.summary, evidence.time), []).append(evidence)
    return list(found.values())


def _done(behaviours: tuple[BehaviourShown, ...]) -> list[list[BehaviourShown]]:
    """Behaviours that are alike but for their time, each group in order of time."""
    found: dict[tuple[str | None, ...], list[BehaviourShown]] = {}
    for shown in sorted(behaviours, key=lambda b: b.time):
        key = (shown.kind, shown.strength, shown.what, shown.name, shown.protocol, shown.attribution, shown.reason)
        found.setdefault(key, []).append(shown)
    return list(found.values())


def _chain_step(alike: list[Evidence], anchor_ns: int | None) -> Step:
    first = alike[0]
    time_ns = parse_moment(first.time)
    offset = time_ns - anchor_ns if time_ns is not None and anchor_ns is not None else None
    return Step(
        time=first.time,
        offset_ns=offset,
        stage=first.stage,
        what=first.summary,
        place="unknown" if offset is None else "before" if offset < 0 else "chain",
        records=_records(alike),
    )


def _behaviour_step(
    group: list[BehaviourShown],
    records: list[Evidence],
    alert: Alert,
    moments: dict[str, list[int]],
    anchor_ns: int | None,
    window_ns: int,
    skew_ns: int,
) -> Step:
    first = group[0]
    time_ns = parse_moment(first.time)
    return Step(
        time=first.time,
        offset_ns=time_ns - anchor_ns if time_ns is not None and anchor_ns is not None else None,
        stage=first.kind,
        what=first.what,
        place=_place(time_ns, moments, window_ns, skew_ns),
        strength=first.strength,
        row=first.reason,
        known=getattr(first, "known", None),
        name=first.name,
        protocol=first.protocol,
        attribution=first.attribution,
        is_decisive=any(shown.time == alert.time for shown in group),
        times=len(group),
        last=group[-1].time if len(group) > 1 else None,
        records=_records(records),
    )


def _records(evidence: list[Evidence]) -> tuple[str, ...]:
    told = dict.fromkeys(f"{e.source} {e.record}".strip() for e in evidence)
    return tuple(list(told)[:8])


def _folder(alert: Alert) -> str:
    records = [evidence.record for evidence in alert.evidence if evidence.record]
    common = commonprefix(records) if len(records) > 1 else ""
    return common[: common.rfind("/") + 1]


def _format(alert: Alert, anchor_ns: int | None) -> str | None:
    """The anchor as the alert writes it."""
    told = (*(e.time for e in alert.evidence), *(b.time for b in alert.behaviours))
    return next((time for time in told if time is not None and parse_moment(time) == anchor_ns), None)
