"""Turns an evaluation into one self-contained page: its plots are drawn here, as SVG, not in the reader's browser."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tidewaiter.review.evaluation import Background, Evaluation
from tidewaiter.review.score import GRAVITY, Answer, Change, Figures, Share, Variation
from tidewaiter.sinks._escape import clipped
from tidewaiter.web.page import render

_NAME, _REASON = 120, 600
_REASONS = 12
_WRONG_SHOWN = 500
_CHANGES_SHOWN = 60
_CELL_WIDTH, _CELL_HEIGHT = 92, 30
_ROW_LABEL = 190
_BAR_FROM, _BAR_WIDTH, _BAR_ROW = 190, 420, 26
_LINE_WIDTH, _LINE_HEIGHT, _LEFT, _TOP, _BOTTOM = 330, 200, 44, 12, 30

Shown = dict[str, Any]

_SERIES: tuple[tuple[str, str, str, Callable[[Figures], Share]], ...] = (
    ("recall of alerts", "strong", "", lambda figures: figures.alert.recall),
    ("recall with suspicious", "calm", "6 3", lambda figures: figures.reported.recall),
    ("precision of alerts", "accent", "2 3", lambda figures: figures.alert.precision),
    ("exact verdicts", "dim", "9 3 2 3", lambda figures: figures.exact),
)
"""Name, colour of the page, dashes (a colour alone says nothing to some), and which share it is."""


def page_of(evaluation: Evaluation) -> str:
    """The page. Names and reasons may be an attacker's text: what hides is made visible, and jinja2 escapes."""
    return render(
        "eval.html",
        {
            "folder": clipped(evaluation.folder, _NAME),
            "version": evaluation.version,
            "labels": evaluation.labels,
            "seconds": f"{evaluation.seconds:.1f}",
            "otherwise": len(evaluation.wrong),
            "figures": _figures(evaluation),
            "confusion": _confusion(evaluation.scenarios),
            "missed": [_answer(found) for found in evaluation.missed],
            "false_alerts": [_answer(found) for found in evaluation.false_alerts],
            "wrong": [_answer(found) for found in evaluation.wrong[:_WRONG_SHOWN]],
            "wrong_omitted": max(0, len(evaluation.wrong) - _WRONG_SHOWN),
            "background": _background(evaluation.background),
            **_variations(evaluation),
            "series": [{"name": name, "colour": colour, "dashes": dashes} for name, colour, dashes, _ in _SERIES],
            "faults": [
                {"where": clipped(fault.where, _NAME), "sentence": clipped(fault.sentence, _REASON)}
                for fault in evaluation.faults
            ],
        },
    )


def percent(share: Share) -> str:
    """`92.5 %`, or a dash where there is nothing to divide by."""
    return "-" if share.share is None else f"{share.share * 100:.1f} %"


def _figures(evaluation: Evaluation) -> list[Shown]:
    return [
        {"name": name, "shares": [_share(first), _share(second)]}
        for name, first, second in (
            ("Exact verdicts", evaluation.scenarios.exact, evaluation.containers.exact),
            ("Precision of alerts", evaluation.scenarios.alert.precision, evaluation.containers.alert.precision),
            ("Recall of alerts", evaluation.scenarios.alert.recall, evaluation.containers.alert.recall),
            (
                "Precision with suspicious",
                evaluation.scenarios.reported.precision,
                evaluation.containers.reported.precision,
            ),
            ("Recall with suspicious", evaluation.scenarios.reported.recall, evaluation.containers.reported.recall),
        )
    ]


def _share(share: Share) -> Shown:
    return {
        "count": f"{share.hits}/{share.total}",
        "percent": percent(share),
        "interval": f"{share.low * 100:.1f} to {share.high * 100:.1f} %",
        "low": _at(share.low),
        "high": _at(share.high),
        "dot": None if share.share is None else _at(share.share),
    }


def _at(share: float) -> float:
    """The place of a share on a line of 160."""
    return round(5 + 150 * share, 1)


def _confusion(figures: Figures) -> Shown:
    seen = {name for row in figures.confusion for name in row.found}
    columns = [name for name in reversed(GRAVITY) if name in seen or name in ("alert", "suspicious", "quiet")]
    cells = []
    for at, row in enumerate(figures.confusion):
        total = sum(row.found.values())
        for column, name in enumerate(columns):
            count = row.found.get(name, 0)
            cells.append(
                {
                    "x": _ROW_LABEL + column * _CELL_WIDTH,
                    "y": (at + 1) * _CELL_HEIGHT,
                    "count": count,
                    "shade": round(0.08 + 0.62 * count / total, 3) if count else 0,
                    "colour": "calm" if name == row.expected else "strong",
                }
            )
    return {
        "width": _ROW_LABEL + len(columns) * _CELL_WIDTH,
        "height": (len(figures.confusion) + 1) * _CELL_HEIGHT,
        "columns": [
            {"x": _ROW_LABEL + (at + 0.5) * _CELL_WIDTH, "name": f"found {name}"} for at, name in enumerate(columns)
        ],
        "rows": [
            {"y": (at + 1) * _CELL_HEIGHT, "name": f"{row.label or 'no label'}, expected {row.expected}"}
            for at, row in enumerate(figures.confusion)
        ],
        "cells": cells,
        "cell_width": _CELL_WIDTH - 2,
        "cell_height": _CELL_HEIGHT - 2,
    }


def _variations(evaluation: Evaluation) -> Shown:
    found = evaluation.variations
    if found is None:
        return {"sources": None, "log_sources": None, "lines": []}
    factor = "times the scenario's own"
    return {
        "sources": _bars("Without one source", found.without_source, evaluation.scenarios),
        "log_sources": _bars("Without a log source", found.without_log_source, evaluation.scenarios),
        "lines": [
            _lines(title, axis, unit, variations)
            for title, axis, unit, variations in (
                ("time_window", factor, "x", found.time_window),
                ("lateness", factor, "x", found.lateness),
                ("Age of the baseline", "days", "", found.baseline_age),
            )
            if variations
        ],
    }


def _bars(title: str, variations: Sequence[Variation], whole: Figures) -> Shown | None:
    """Recall by what was left out, the gravest loss first, and beneath who is lost."""
    if not variations:
        return None
    ordered = sorted(variations, key=lambda found: (found.figures.alert.recall.share or 0, str(found.setting)))
    base = whole.alert.recall.share or 0
    return {
        "title": title,
        "width": _BAR_FROM + _BAR_WIDTH + 70,
        "height": len(ordered) * _BAR_ROW + 8,
        "base": round(_BAR_FROM + _BAR_WIDTH * base, 1),
        "from": _BAR_FROM,
        "bars": [
            {
                "y": at * _BAR_ROW + 4,
                "name": clipped(str(found.setting), 40),
                "alerts": round(_BAR_WIDTH * (found.figures.alert.recall.share or 0), 1),
                "told": round(_BAR_WIDTH * (found.figures.reported.recall.share or 0), 1),
                "percent": percent(found.figures.alert.recall),
            }
            for at, found in enumerate(ordered)
        ],
        "rows": [
            {
                "name": clipped(str(found.setting), 40),
                "scenarios": found.scenarios,
                "changed": found.changed,
                "recall": percent(found.figures.alert.recall),
                "told": percent(found.figures.reported.recall),
                "precision": percent(found.figures.alert.precision),
                "to_suspicious": _changes(change for change in found.lost if change.after == "suspicious"),
                "to_nothing": _changes(change for change in found.lost if change.after != "suspicious"),
                "raised": _changes(found.raised),
            }
            for found in ordered
        ],
    }


def _changes(changes: Iterable[Change]) -> Shown:
    found = list(changes)
    names = [clipped(change.scenario, _NAME) for change in found[:_CHANGES_SHOWN]]
    return {"count": len(found), "names": names, "omitted": max(0, len(found) - _CHANGES_SHOWN)}


def _lines(title: str, axis: str, unit: str, variations: Sequence[Variation]) -> Shown:
    step = (_LINE_WIDTH - _LEFT - 24) / max(1, len(variations) - 1)

    def place(at: int, share: Share) -> tuple[float, float]:
        height = _LINE_HEIGHT - _TOP - _BOTTOM
        return round(_LEFT + at * step, 1), round(_TOP + height * (1 - (share.share or 0)), 1)

    return {
        "title": title,
        "axis": axis,
        "width": _LINE_WIDTH,
        "height": _LINE_HEIGHT,
        "left": _LEFT,
        "right": _LINE_WIDTH - 24,
        "ticks": [
            {"x": place(at, Share(0, 0, 0.0, 0, 1))[0], "name": f"{unit}{found.setting:g}"}
            for at, found in enumerate(variations)
        ],
        "levels": [
            {"y": place(0, Share(0, 0, level / 100, 0, 1))[1], "name": f"{level} %"} for level in (0, 25, 50, 75, 100)
        ],
        "series": [
            {
                "name": name,
                "colour": colour,
                "dashes": dashes,
                "points": [
                    (*place(at, share_of(found.figures)), percent(share_of(found.figures)))
                    for at, found in enumerate(variations)
                ],
            }
            for name, colour, dashes, share_of in _SERIES
        ],
        "rows": [
            {
                "setting": f"{unit}{found.setting:g}",
                "changed": found.changed,
                "lost": _changes(found.lost),
                "raised": _changes(found.raised),
            }
            for found in variations
        ],
    }


def _answer(found: Answer) -> Shown:
    return {
        "scenario": clipped(found.scenario, _NAME),
        "container": None if found.container is None else clipped(found.container, _NAME),
        "label": found.label or "none",
        "expected": found.expected,
        "found": found.found,
        "is_expected": found.expected == found.found,
        "reasons": [clipped(reason, _REASON) for reason in found.reasons[:_REASONS]],
        "omitted": max(0, len(found.reasons) - _REASONS),
    }


def _background(background: Background | None) -> Shown | None:
    if background is None:
        return None
    per_day = (background.alerts_per_day, background.suspicious_per_day)
    return {
        "paths": [clipped(path, _NAME) for path in background.paths],
        "records": f"{background.records:,}",
        "hours": background.hours,
        "judged": clipped(background.judged, 2 * _NAME),
        "per_day": ["-" if value is None else f"{value:.2f}" for value in per_day],
        "counts": [background.alerts, background.suspicious, background.silenced],
        "titles": [clipped(title, _REASON) for title in background.titles],
    }
