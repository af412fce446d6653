"""Turns a timeline into a drawing: where on the page each step lies, by a scale that holds seconds and days at once."""

from math import asinh
from typing import Any

from tidewaiter.review.timeline import Step, Timeline
from tidewaiter.sinks._moments import offset

WIDTH, LEFT, RIGHT = 1040, 96, 24
_MARK = 18
"""Least distance between the marks of one row, from centre to centre."""
_ROWS = 6
"""Rows of marks in one lane; what finds no room lies over others."""
_TOP, _PAD, _AXIS = 30, 14, 34
MOST = 200
_LANES = (
    ("chain", ()),
    ("processes", ("exec", "drift")),
    ("connections", ("egress",)),
    ("sessions, policy", ("session", "policy")),
)
_SECOND = 1_000_000_000
_TICKS = (1, 10, 60, 300, 900, 3600, 6 * 3600, 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400)
_APART = 46
"""Least distance between two labels of the axis."""

Shown = dict[str, Any]


def draw_timeline(timeline: Timeline) -> Shown | None:
    """The lanes with their marks, the window and the axis; None where no step has a place in time.

    A mark has the number of its step, counted from 1.
    """
    placed = [(at, step) for at, step in enumerate(timeline.steps) if step.offset_ns is not None][:MOST]
    if not placed:
        return None
    offsets = [step.offset_ns or 0 for _, step in placed]
    skew_s = timeline.skew_ns / _SECOND
    low, high = min(*offsets, -timeline.skew_ns, 0) / _SECOND, max(*offsets, timeline.window_ns, 0) / _SECOND
    scale = _Scale(low, high)
    lanes: list[Shown] = []
    top = _TOP
    for name, kinds in _LANES:
        mine = [(at, step) for at, step in placed if _lane(step) == kinds]
        if not mine:
            continue
        marks, rows = _marks(mine, scale, top)
        height = rows * _MARK + _PAD
        lanes.append({"name": name, "top": top, "height": height, "middle": top + height / 2 + 4, "marks": marks})
        top += height
    return {
        "width": WIDTH,
        "height": top + _AXIS,
        "left": LEFT,
        "right": WIDTH - RIGHT,
        "top": _TOP,
        "bottom": top,
        "lanes": lanes,
        "zero": scale.x(0),
        "window": {
            "x": scale.x(-skew_s),
            "width": scale.x(timeline.window_ns / _SECOND) - scale.x(-skew_s),
        },
        "ticks": _ticks(scale, low, high),
    }


class _Scale:
    """Seconds from the anchor -> pixels: straight near the anchor, ever denser away from it."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._high = asinh(low / 2), asinh(high / 2)

    def x(self, seconds: float) -> float:
        """Where a moment lies."""
        share = (asinh(seconds / 2) - self._low) / (self._high - self._low or 1)
        return round(LEFT + 12 + share * (WIDTH - LEFT - RIGHT - 24), 1)


def _lane(step: Step) -> tuple[str, ...]:
    if step.strength is None:
        return ()
    return next((kinds for _, kinds in _LANES if step.stage in kinds), ("session", "policy"))


def _marks(steps: list[tuple[int, Step]], scale: _Scale, top: float) -> tuple[list[Shown], int]:
    """The marks of one lane, side by side where they would hide each other, and how many rows that takes."""
    ends = [float("-inf")] * _ROWS
    used = 1
    marks: list[Shown] = []
    for at, step in sorted(steps, key=lambda pair: (pair[1].offset_ns or 0, pair[0])):
        x = scale.x((step.offset_ns or 0) / _SECOND)
        row = next((row for row, end in enumerate(ends) if x - end >= _MARK), None)
        if row is None:
            row = _ROWS - 1
        ends[row] = x
        used = max(used, row + 1)
        marks.append(
            {
                "x": x,
                "y": top + _PAD / 2 + row * _MARK + _MARK / 2,
                "number": at + 1,
                "style": step.strength or "chain",
                "is_decisive": step.is_decisive and step.strength == "strong",
                "title": f"{offset(step.offset_ns or 0)} {step.stage}: {step.what[:200]}",
            }
        )
    return marks, used


def _ticks(scale: _Scale, low: float, high: float) -> list[Shown]:
    """Labels of the axis, the anchor's first, and those that find room beside it."""
    found = [(scale.x(0), "0")]
    for seconds in (*_TICKS, *(-tick for tick in _TICKS)):
        x = scale.x(seconds)
        if low <= seconds <= high and all(abs(x - other) >= _APART for other, _ in found):
            found.append((x, offset(seconds * _SECOND).replace("m00s", "m").replace("h00m", "h").replace("d00h", "d")))
    return [{"x": x, "label": label} for x, label in sorted(found)]
