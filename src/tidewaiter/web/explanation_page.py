"""Turns an explanation into one self-contained page, its timeline and its identity graph drawn as SVG.

All of it may be an attacker's text: what hides or moves is made visible here, in every text there is, and jinja2
escapes the rest.
"""

from typing import Any

import msgspec

from tidewaiter.alert import parse_moment
from tidewaiter.review.explanation import Explanation
from tidewaiter.review.neighbours import RELATION_WORDS, Neighbour
from tidewaiter.review.timeline import Timeline
from tidewaiter.sinks._escape import clipped
from tidewaiter.sinks._moments import clock, offset, span
from tidewaiter.web._relations_drawing import draw_relations
from tidewaiter.web._timeline_drawing import draw_timeline
from tidewaiter.web.page import render

_LIMIT = 2_000
_WORD = 24
_TITLE = 400
_ROWS = 300
"""Rows of a table; the JSON form has all."""

Shown = dict[str, Any]


def page_of(found: Explanation) -> str:
    """The page."""
    alert = found.alert
    timeline = found.timeline
    anchor_ns = parse_moment(timeline.anchor)
    context = {
        "alert": msgspec.to_builtins(alert),
        "title": clipped(alert.title, _TITLE),
        "asked": found.asked,
        "when": _clock(alert.time),
        "workload": _workload(found),
        "anchor": clock(anchor_ns) if anchor_ns is not None else None,
        "anchor_is": timeline.anchor_is,
        "folder": timeline.folder,
        "window": span(timeline.window_ns),
        "drawing": draw_timeline(timeline),
        "steps": _steps(timeline)[:_ROWS],
        "steps_omitted": max(len(timeline.steps) - _ROWS, 0),
        "behaviours_omitted": timeline.omitted,
        "relations": msgspec.to_builtins(found.relations),
        "graph": draw_relations(found.relations),
        "decisions": [msgspec.to_builtins(decision) for decision in found.decisions],
        "pages": list(dict.fromkeys(decision.page for decision in found.decisions)),
        "missing": [msgspec.to_builtins(gap) for gap in found.missing],
        "baseline": found.baseline_words,
        "incident": _incident(found),
        "elsewhere": [_neighbour(neighbour) for neighbour in found.elsewhere[:_ROWS]],
        "elsewhere_omitted": max(len(found.elsewhere) - _ROWS, 0),
        "silent": [_neighbour(neighbour) for neighbour in found.silent[:_ROWS]],
        "silent_omitted": max(len(found.silent) - _ROWS, 0),
        "silent_words": found.silent_words,
        "neighbours_omitted": found.neighbours_omitted,
        "next": list(found.next),
    }
    return render("explain.html", {key: _visible(value) for key, value in context.items()})


def _visible(value: Any) -> Any:
    """The value with every text in it made visible and cut."""
    if isinstance(value, str):
        return clipped(value, _LIMIT)
    if isinstance(value, dict):
        return {key: _visible(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_visible(inner) for inner in value]
    return value


def _clock(time: str | None) -> str:
    moment = parse_moment(time)
    return clock(moment) if moment else "not known"


def _workload(found: Explanation) -> str | None:
    alert = found.alert
    owner = alert.workload
    named = " ".join(part for part in (owner.kind, owner.name) if part) if owner is not None else ""
    pod = "/".join(part for part in (alert.namespace, alert.pod) if part)
    return f"{pod} of {named}" if pod and named else pod or named or None


def _steps(timeline: Timeline) -> list[Shown]:
    return [
        {
            **msgspec.to_builtins(step),
            "number": number,
            # These stand in columns that are not broken.
            "stage": clipped(step.stage, _WORD),
            "row": clipped(step.row or "", _WORD),
            "known": clipped(step.known or "", _WORD),
            "records": timeline.near(step)[:2],
            "offset": offset(step.offset_ns) if step.offset_ns is not None else "",
            "clock": _clock(step.time),
        }
        for number, step in enumerate(timeline.steps, 1)
    ]


def _incident(found: Explanation) -> Shown | None:
    incident = found.incident
    if incident is None:
        return None
    return {
        **msgspec.to_builtins(incident),
        "first": _clock(incident.first_seen),
        "last": _clock(incident.last_seen),
        "members": [
            {**msgspec.to_builtins(member), "clock": _clock(member.time), "is_this": member.alert == found.alert.id}
            for member in incident.members[:_ROWS]
        ],
        "omitted": incident.omitted + max(len(incident.members) - _ROWS, 0),
    }


def _neighbour(neighbour: Neighbour) -> Shown:
    return {
        **msgspec.to_builtins(neighbour),
        "clock": _clock(neighbour.time) if neighbour.time is not None else "",
        "relation": RELATION_WORDS[neighbour.relation],
    }
