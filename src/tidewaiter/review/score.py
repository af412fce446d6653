"""Turns what was expected and what was found into figures: precision, recall, exact verdicts, and who changed.

Rules
- A label (`attack`, `benign`) is what happened; an expected verdict is what the rules and the tuning at hand should
  make of it. An attack that is rightly only `suspicious` is missed by whoever looks at alerts alone, and counted so.
- What has no label counts for exact verdicts and for nothing else.
- Each share comes with its 95 % interval (Wilson), since a hundred scenarios prove no third digit.
"""

from collections.abc import Iterable, Sequence
from math import sqrt
from typing import Literal

import msgspec

Label = Literal["attack", "benign"]

GRAVITY = ("absent", "quiet", "silenced", "suspicious", "alert")
"""Verdicts, the gravest last. `absent`: of a container that was expected, none was found; it is no report."""
_REPORTED = ("suspicious", "alert")
_Z = 1.959963984540054
"""The normal quantile of 97.5 %."""


class Answer(msgspec.Struct, frozen=True):
    """What was found where something is known to be right."""

    scenario: str
    container: str | None
    """Which container it is about; None: the scenario as a whole, its gravest verdict."""
    label: Label | None
    expected: str
    found: str
    reasons: tuple[str, ...] = ()
    """Why the verdict found is what it is."""


class Share(msgspec.Struct, frozen=True):
    """`hits` of `total`, and between which shares the truth lies with 95 % confidence."""

    hits: int
    total: int
    share: float | None
    """None where there is nothing to divide by."""
    low: float
    high: float


class Detection(msgspec.Struct, frozen=True):
    """How well attacks are told from the rest."""

    precision: Share
    """Of what was told, how much was an attack."""
    recall: Share
    """Of the attacks, how many were told."""


class ConfusionRow(msgspec.Struct, frozen=True):
    """What became of all answers of one label and one expected verdict."""

    label: Label | None
    expected: str
    found: dict[str, int]
    """Verdict found -> how many."""


class Figures(msgspec.Struct, frozen=True):
    """The score of one run."""

    scored: int
    exact: Share
    alert: Detection
    """Counting alerts alone."""
    reported: Detection
    """Counting `suspicious` records as well."""
    confusion: tuple[ConfusionRow, ...]


class Change(msgspec.Struct, frozen=True):
    """A scenario that got another verdict under a variation."""

    scenario: str
    label: Label | None
    before: str
    after: str


class Variation(msgspec.Struct, frozen=True):
    """What one setting other than the scenarios' own does to the score."""

    setting: float | str
    """A factor, a number of days, or the source that was left out."""
    scenarios: int
    """Scenarios it could concern at all."""
    figures: Figures
    """Of all scenarios, those that it could not concern as they were."""
    lost: tuple[Change, ...]
    """Attacks told less gravely than before."""
    raised: tuple[Change, ...]
    """Benign scenarios told more gravely than before."""
    changed: int
    """Scenarios with another verdict, of whatever label."""


def share(hits: int, total: int) -> Share:
    """A share with its Wilson interval; where `total` is 0 anything is possible."""
    if not total:
        return Share(0, 0, None, 0.0, 1.0)
    part = hits / total
    spread = _Z * sqrt(part * (1 - part) / total + _Z * _Z / (4 * total * total))
    middle, scale = part + _Z * _Z / (2 * total), 1 + _Z * _Z / total
    # At the ends rounding would leave the interval without its own share.
    low = 0.0 if hits == 0 else max(0.0, (middle - spread) / scale)
    high = 1.0 if hits == total else min(1.0, (middle + spread) / scale)
    return Share(hits, total, part, low, high)


def score(answers: Sequence[Answer]) -> Figures:
    """The figures of a set of answers, all about scenarios or all about containers."""
    return Figures(
        scored=len(answers),
        exact=share(sum(answer.found == answer.expected for answer in answers), len(answers)),
        alert=_detection(answers, ("alert",)),
        reported=_detection(answers, _REPORTED),
        confusion=_confusion(answers),
    )


def vary(setting: float | str, before: Sequence[Answer], after: Sequence[Answer]) -> Variation:
    """What a variation changed. `after` holds the answers, about scenarios, of those that were run again."""
    again = {answer.scenario: answer for answer in after}
    changes = [
        Change(answer.scenario, answer.label, answer.found, again[answer.scenario].found)
        for answer in before
        if answer.scenario in again and again[answer.scenario].found != answer.found
    ]
    return Variation(
        setting=setting,
        scenarios=len(after),
        figures=score([again.get(answer.scenario, answer) for answer in before]),
        lost=tuple(change for change in changes if change.label == "attack" and not _is_graver(change)),
        raised=tuple(change for change in changes if change.label == "benign" and _is_graver(change)),
        changed=len(changes),
    )


def wrong(answers: Iterable[Answer]) -> tuple[Answer, ...]:
    """Those whose verdict is not the expected one."""
    return tuple(answer for answer in answers if answer.found != answer.expected)


def missed(answers: Iterable[Answer]) -> tuple[Answer, ...]:
    """Attacks that raised no alert, whatever was expected."""
    return tuple(answer for answer in answers if answer.label == "attack" and answer.found != "alert")


def false_alerts(answers: Iterable[Answer]) -> tuple[Answer, ...]:
    """Benign ones that raised an alert, whatever was expected."""
    return tuple(answer for answer in answers if answer.label == "benign" and answer.found == "alert")


def _detection(answers: Iterable[Answer], told: Sequence[str]) -> Detection:
    labelled = [answer for answer in answers if answer.label is not None]
    attacks = [answer for answer in labelled if answer.label == "attack"]
    hits = sum(answer.found in told for answer in attacks)
    return Detection(share(hits, sum(answer.found in told for answer in labelled)), share(hits, len(attacks)))


def _confusion(answers: Iterable[Answer]) -> tuple[ConfusionRow, ...]:
    """Rows by label (attacks first, those without one last), then by expected verdict, the gravest first."""
    rows: dict[tuple[int, int], ConfusionRow] = {}
    for answer in answers:
        label = ("attack", "benign", None).index(answer.label)
        row = rows.setdefault((label, -GRAVITY.index(answer.expected)), ConfusionRow(answer.label, answer.expected, {}))
        row.found[answer.found] = row.found.get(answer.found, 0) + 1
    return tuple(rows[place] for place in sorted(rows))


def _is_graver(change: Change) -> bool:
    return GRAVITY.index(change.after) > GRAVITY.index(change.before)
