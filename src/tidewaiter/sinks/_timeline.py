"""Turns the evidence and the behaviours of an alert into the rows of its timeline.

What is alike (one sensor many times, or several sensors once) shares a row. Of too many behaviours the strong ones
stay.
"""

from posixpath import commonprefix
from typing import Literal

import msgspec

from tidewaiter.alert import Alert, BehaviourShown, Evidence
from tidewaiter.sinks._moments import offset, parse_moment

_SKEW_NS = 30_000_000_000
"""How far before the start a behaviour may lie and still belong to it: the default `clock_skew` of a policy."""
_SAME_NS = 2_000_000_000
"""How far apart two sources may tell of one step."""
KNOWN_WORDS = {
    "content": "usual",
    "predecessor": "known from other content of this workload",
    "fleet": "known from the same content elsewhere",
    "workload": "known from another container of the pod",
    "namespace": "known from other workloads of the namespace",
    "image": "declared by the image",
}
_ANCHORS = {"start": "the container's start", "create": "the container's creation", "pod": "the pod's creation"}


class Anchor(msgspec.Struct, frozen=True):
    """The moment that offsets are counted from, and what it is."""

    time_ns: int
    what: str


class Row(msgspec.Struct, frozen=True):
    """One line of the timeline, unescaped."""

    time_ns: int | None
    stage: str
    """What kind of step: `pull`, `create`, `start`, `exec`, `egress` ..."""
    strength: Literal["strong", "weak"] | None
    what: str
    note: str
    """What else is to be said of a behaviour; empty mostly."""
    pointer: str
    """Row of the policy, source and record, for those who want to see the record."""


class Timeline(msgspec.Struct, frozen=True):
    """The rows in order of time, and what had to be left out."""

    anchor: Anchor | None
    rows: tuple[Row, ...]
    folder: str
    """Where all records stand, with a slash at its end; pointers are given without it. Empty where they share none."""
    left_out: tuple[BehaviourShown, ...]
    """One of each kind of behaviour that found no room, in order of time."""

    def offset_of(self, row: Row) -> str:
        """The row's distance from the anchor; empty where either is not known."""
        return offset(row.time_ns - self.anchor.time_ns) if row.time_ns is not None and self.anchor else ""


def anchor_of(alert: Alert) -> Anchor | None:
    """The latest start before the behaviour that decided, else the first create, else the first record of the chain."""
    chain = [(parse_moment(e.time), e.stage) for e in alert.evidence if e.stage != "behaviour"]
    decided = parse_moment(alert.time)
    for stage, what in _ANCHORS.items():
        times = sorted(time for time, name in chain if time is not None and name == stage)
        if times:
            before = [time for time in times if decided is not None and time <= decided + _SKEW_NS]
            return Anchor(before[-1] if before and stage == "start" else times[0], what)
    known = [time for b in alert.behaviours if (time := parse_moment(b.time)) is not None]
    known += [time for time, _ in chain if time is not None]
    return Anchor(min(known), "the first record") if known else None


def timeline_of(alert: Alert, most: int, *, chain: bool = True) -> Timeline:
    """The timeline of an alert with at most `most` rows of behaviour; `chain`: with the steps before them, too."""
    anchor = anchor_of(alert)
    folder = _folder(alert)
    if folder:
        nearer = (msgspec.structs.replace(e, record=e.record.removeprefix(folder)) for e in alert.evidence)
        alert = msgspec.structs.replace(alert, evidence=tuple(nearer))
    groups, used = _group(alert)
    ranked = sorted(range(len(groups)), key=lambda place: (groups[place][0].strength != "strong", place))
    kept, dropped = sorted(ranked[:most]), sorted(ranked[most:])
    rows = [_behaviour_row(*groups[place], anchor) for place in kept]
    if chain:
        steps = [evidence for place, evidence in enumerate(alert.evidence) if place not in used]
        rows += [_evidence_row(records, anchor) for records in _steps(steps)]
    rows.sort(key=lambda row: (row.time_ns is not None, row.time_ns or 0, row.strength is not None))
    return Timeline(anchor, tuple(rows), folder, tuple(groups[place][0] for place in dropped))


def _folder(alert: Alert) -> str:
    records = [evidence.record for evidence in alert.evidence if evidence.record]
    common = commonprefix(records) if len(records) > 1 else ""
    return common[: common.rfind("/") + 1]


_Group = tuple[BehaviourShown, list[str], list[Evidence]]
"""The first of behaviours that are alike, the times of all, and the records they were read from."""


def _group(alert: Alert) -> tuple[list[_Group], set[int]]:
    """Behaviours that are alike, in order of their first, and which evidence has been spent on them."""
    places: dict[tuple[str, str], list[int]] = {}
    for place, evidence in enumerate(alert.evidence):
        if evidence.stage == "behaviour":
            places.setdefault((evidence.time or "", evidence.summary), []).append(place)
    groups: dict[tuple[str | None, ...], _Group] = {}
    used: set[int] = set()
    pointed: set[str] = set()
    for shown in sorted(alert.behaviours, key=lambda b: b.time):
        what = (shown.kind, shown.strength, shown.what, shown.name, shown.protocol)
        key = (*what, shown.attribution, shown.reason, shown.known)
        _, times, records = groups.setdefault(key, (shown, [], []))
        times.append(shown.time)
        mine = places.get((shown.time, shown.what))
        if mine:
            place = mine.pop(0)
            used.add(place)
            records.append(alert.evidence[place])
            pointed.add(alert.evidence[place].record)
    # A session is evidence of the chain and a behaviour at once: it is told once.
    used |= {p for p, e in enumerate(alert.evidence) if e.stage == "session" and e.record in pointed}
    return list(groups.values()), used


def _behaviour_row(first: BehaviourShown, times: list[str], records: list[Evidence], anchor: Anchor | None) -> Row:
    notes = [first.protocol] if first.protocol else []
    notes += [f"to {first.name}"] if first.name else []
    notes += [f"in layer {first.layer_diff_id[:19]}"] if first.layer_diff_id else []
    notes += [KNOWN_WORDS[first.known]] if first.known else []
    notes += ["attributed to the pod only"] if first.attribution == "pod" else []
    often = _times(len(times), records)
    if often > 1:
        last = parse_moment(times[-1])
        until = f", last {offset(last - anchor.time_ns)}" if last is not None and anchor is not None else ""
        notes.append(f"{often} times{until}")
    told = ", ".join(_pointers(records))
    return Row(
        parse_moment(first.time),
        first.kind,
        first.strength,
        first.what,
        f"({', '.join(notes)})" if notes else "",
        ": ".join(part for part in (first.reason, told) if part),
    )


def _times(behaviours: int, records: list[Evidence]) -> int:
    """How often it was done: what two sensors tell of once each was done once."""
    if len(records) < behaviours:
        return behaviours
    sources = [evidence.source for evidence in records]
    return max(map(sources.count, set(sources)))


def _pointers(records: list[Evidence]) -> list[str]:
    """One record of each source, at most two, and how many there are beside them."""
    first_of = {evidence.source: evidence for evidence in reversed(records)}
    shown = sorted(first_of.values(), key=lambda e: records.index(e))[:2]
    rest = len(records) - len(shown)
    return [f"{e.source} {e.record}".strip() for e in shown] + ([f"{rest} more"] if rest else [])


def _steps(evidence: list[Evidence]) -> list[list[Evidence]]:
    """Records that tell of the same step: in the same words, or at one time in fewer of them."""
    steps: list[list[Evidence]] = []
    for record in sorted(evidence, key=lambda e: e.time or ""):
        step = next((step for step in steps if _is_same(step[0], record)), None)
        if step is None:
            steps.append([record])
        else:
            step.append(record)
    return steps


def _is_same(one: Evidence, other: Evidence) -> bool:
    if one.stage != other.stage:
        return False
    if one.summary == other.summary:
        return True
    near = _apart([one, other]) <= _SAME_NS
    return near and (one.summary.startswith(other.summary) or other.summary.startswith(one.summary))


def _apart(records: list[Evidence]) -> int:
    times = [time for record in records if (time := parse_moment(record.time)) is not None]
    return max(times) - min(times) if times else 0


def _evidence_row(records: list[Evidence], anchor: Anchor | None) -> Row:
    first, last = records[0], parse_moment(records[-1].time)
    note = ""
    if _apart(records) > _SAME_NS and last is not None and anchor is not None:
        note = f"({_times(len(records), records)} times, last {offset(last - anchor.time_ns)})"
    what = max((record.summary for record in records), key=len)
    return Row(parse_moment(first.time), first.stage, None, what, note, ", ".join(_pointers(records)))
