"""Turns an evaluation into a page for people: figures first, then what each source is worth, then what was wrong."""

from collections.abc import Sequence

from tidewaiter.review.evaluation import Background, Evaluation, Variations
from tidewaiter.review.score import GRAVITY, Answer, Detection, Figures, Share, Variation
from tidewaiter.sinks._escape import clipped, visible
from tidewaiter.sinks._page import BOLD, DIM, GREEN, RED, YELLOW, Page, Span, shortened

_REASONS_SHOWN = 6
_REASON_LENGTH = 240
_SETTING = 20
_NAME = 60
_CHANGES_SHOWN = 4
_WRONG_SHOWN = 200
_LABEL, _SHARE = 34, 34
_COLUMNS = {
    "concerns": 9,
    "changed": 9,
    "recall": 10,
    "told": 10,
    "precision": 11,
    "to suspicious": 15,
    "to nothing": 12,
    "benign worse": 14,
}
_NARROW = {"of": 5, "changed": 8, "recall": 8, "told": 8, "precis.": 8, "susp.": 6, "lost": 5, "worse": 6}
"""The same, for a page that is narrower than those."""


def render(evaluation: Evaluation, page: Page) -> list[str]:
    """The whole page."""
    lines = [*_head(evaluation, page), "", *_figures(evaluation, page)]
    lines += ["", page.paint("Verdicts found, by label and expected verdict", BOLD), *_confusion(evaluation.scenarios)]
    lines += _named("Attacks without an alert", evaluation.missed, page)
    lines += _named("Benign with an alert", evaluation.false_alerts, page)
    lines += ["", *_background(evaluation.background, page)]
    if evaluation.variations is not None:
        lines += _varied(evaluation.variations, page)
    if evaluation.wrong:
        lines += ["", page.paint("Verdicts not as expected", f"1;{RED}")]
        for found in evaluation.wrong[:_WRONG_SHOWN]:
            lines += _wrong(found, page)
        if len(evaluation.wrong) > _WRONG_SHOWN:
            lines.append(f"... and {len(evaluation.wrong) - _WRONG_SHOWN} more (--format json lists all)")
    return lines


def _head(evaluation: Evaluation, page: Page) -> list[str]:
    labels, exact = evaluation.labels, evaluation.scenarios.exact
    others = len(evaluation.wrong)
    verdict = Span(
        f"{others} VERDICT{'S' if others > 1 else ''} NOT AS EXPECTED" if others else "AS EXPECTED",
        f"1;{RED if others else GREEN}",
    )
    told = (
        f"{visible(evaluation.folder)}: {exact.hits} of {exact.total} scenarios "
        f"({labels.attack} attack{'' if labels.attack == 1 else 's'}, "
        f"{labels.benign} benign, {labels.unlabelled} without a label; {labels.with_baseline} with a baseline), "
        f"{evaluation.seconds:.1f} s"
    )
    return page.wrap([verdict, Span(told)])


def _figures(evaluation: Evaluation, page: Page) -> list[str]:
    rows = [
        ("exact verdicts", evaluation.scenarios.exact, evaluation.containers.exact),
        *(
            (f"{what}, {told}", getattr(left, what), getattr(right, what))
            for told, left, right in (
                ("alerts", evaluation.scenarios.alert, evaluation.containers.alert),
                ("alerts and suspicious", evaluation.scenarios.reported, evaluation.containers.reported),
            )
            for what in Detection.__struct_fields__
        ),
    ]
    names = ("by scenario", "by container")
    if page.width >= _LABEL + 2 * _SHARE:
        lines = [page.paint(f"{'':<{_LABEL}}{names[0]:<{_SHARE}}{names[1]}", BOLD)]
        lines += [f"{name:<{_LABEL}}{share_text(left):<{_SHARE}}{share_text(right)}" for name, left, right in rows]
    else:
        lines = []
        for heading, shares in zip(names, ([row[1] for row in rows], [row[2] for row in rows]), strict=True):
            lines.append(page.paint(f"{'':<{_LABEL}}{heading}", BOLD))
            lines += [f"{row[0]:<{_LABEL}}{share_text(share)}" for row, share in zip(rows, shares, strict=True)]
    lines.append(page.paint("In brackets: the 95 % confidence interval (Wilson).", DIM))
    return lines


def share_text(share: Share) -> str:
    """`50/63   79.4 % (67.8-87.5)`, or a dash where there is nothing to divide by."""
    if share.share is None:
        return "-"
    count = f"{share.hits}/{share.total}"
    return f"{count:<9}{share.share:>6.1%} ({share.low * 100:.1f}-{share.high * 100:.1f})".replace("%", " %")


def _confusion(figures: Figures) -> list[str]:
    columns = [
        name for name in reversed(GRAVITY) if name != "silenced" or any(name in row.found for row in figures.confusion)
    ]
    columns = [name for name in columns if name != "absent" or any(name in row.found for row in figures.confusion)]
    lines = [f"  {'label':<10}{'expected':<14}" + "".join(f"{name:>12}" for name in columns)]
    for row in figures.confusion:
        counts = "".join(f"{row.found.get(name, 0) or '.':>12}" for name in columns)
        lines.append(f"  {row.label or '-':<10}{row.expected:<14}{counts}")
    return lines


def _named(title: str, answers: Sequence[Answer], page: Page) -> list[str]:
    if not answers:
        return []
    names = [
        f"{visible(shortened(found.scenario, _NAME))} "
        f"({found.found}{', as expected' if found.found == found.expected else ''})"
        for found in answers
    ]
    spans = [Span(f"{name}{',' if name != names[-1] else ''}") for name in names]
    return ["", page.paint(f"{title}: {len(answers)}", BOLD), *page.wrap(spans, "  ", "  ")]


def _background(background: Background | None, page: Page) -> list[str]:
    if background is None:
        what = "Alerts per day were not measured: give telemetry believed benign with --background PATH."
        return page.wrap([Span(what, DIM)])
    per_day = [background.alerts_per_day, background.suspicious_per_day]
    alerts, suspicious = ("-" if value is None else f"{value:.2f}" for value in per_day)
    lines = [page.paint("Background, believed benign", BOLD)]
    lines += page.wrap(
        [
            Span(f"{', '.join(shortened(path, _NAME) for path in map(visible, background.paths))}:"),
            Span(f"{background.records:,} records, activity in {background.hours} clock hours:"),
            Span(f"{alerts} alerts and {suspicious} suspicious records per day", BOLD),
            Span(f"({background.alerts} and {background.suspicious} in all, {background.silenced} silenced);"),
            Span(visible(background.judged)),
        ],
        "  ",
        "  ",
    )
    for title in background.titles:
        lines += page.wrap([Span(clipped(title, _REASON_LENGTH))], "  - ", "    ")
    return lines


def _varied(found: Variations, page: Page) -> list[str]:
    lines: list[str] = []
    columns = _COLUMNS if page.width >= 2 + _SETTING + sum(_COLUMNS.values()) else _NARROW
    heads = "".join(f"{name:>{width}}" for name, width in columns.items())
    for title, column, unit, variations in (
        ("Without one source", "left out", "", found.without_source),
        ("Without a log source (all that feed it)", "left out", "", found.without_log_source),
        ("With another time_window", "factor", "x ", found.time_window),
        ("With another lateness", "factor", "x ", found.lateness),
        ("With an older baseline", "days older", "", found.baseline_age),
    ):
        if variations:
            lines += ["", page.paint(title, BOLD), page.paint(f"  {column:<{_SETTING}}{heads}", DIM)]
            lines += [_variation(entry, unit, tuple(columns.values()), page) for entry in variations]
            for entry in variations:
                lines += _changed(_setting(entry, unit), entry, page)
    told = "recall, precision: alerts only; told: recall, counting suspicious records as well."
    if columns is _NARROW:
        told = (
            f"of: scenarios affected; changed: verdict changed; {told} susp., lost: attacks reported only as "
            "suspicious, or not at all; worse: benign scenarios with a more severe verdict."
        )
    return [*lines, "", *page.wrap([Span(told, DIM)])]


def _variation(found: Variation, unit: str, widths: Sequence[int], page: Page) -> str:
    to_suspicious = sum(change.after == "suspicious" for change in found.lost)
    cells = (
        found.scenarios,
        found.changed,
        _percent(found.figures.alert.recall),
        _percent(found.figures.reported.recall),
        _percent(found.figures.alert.precision),
        to_suspicious or ".",
        len(found.lost) - to_suspicious or ".",
        len(found.raised) or ".",
    )
    row = f"  {_setting(found, unit):<{_SETTING}}"
    row += "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
    return page.paint(row, YELLOW) if found.raised else row


def _setting(found: Variation, unit: str) -> str:
    return visible(found.setting) if isinstance(found.setting, str) else f"{unit}{found.setting:g}"


def _changed(setting: str, found: Variation, page: Page) -> list[str]:
    """Who is lost or wrongly told, by name."""
    lines: list[str] = []
    for what, changes in (("attacks lost", found.lost), ("benign worse", found.raised)):
        if changes:
            names = [
                f"{visible(shortened(change.scenario, _NAME))} ({change.before} -> {change.after})"
                for change in changes[:_CHANGES_SHOWN]
            ]
            more = f" and {len(changes) - _CHANGES_SHOWN} more" if len(changes) > _CHANGES_SHOWN else ""
            lines += page.wrap([Span(f"{', '.join(names)}{more}", DIM)], f"  {setting}, {what}: ", "    ")
    return lines


def _percent(share: Share) -> str:
    return "-" if share.share is None else f"{share.share * 100:.1f} %"


def _wrong(found: Answer, page: Page) -> list[str]:
    where = visible(shortened(found.scenario, _NAME))
    if found.container is not None:
        where += f", container {clipped(found.container, 120)}"
    what = Span(f"expected {found.expected}, found {found.found}", YELLOW)
    lines = page.wrap([Span(f"{where}:"), what], "  ", "    ")
    for reason in found.reasons[:_REASONS_SHOWN]:
        lines += page.wrap([Span(clipped(reason, _REASON_LENGTH))], "    - ", "      ")
    if len(found.reasons) > _REASONS_SHOWN:
        lines.append(f"    ... and {len(found.reasons) - _REASONS_SHOWN} more reasons")
    return lines
