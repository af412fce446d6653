"""Turns one behaviour into what is left of it beside what is usual: AN0691's rules 3, 6 and 7 with a baseline.

| known at | strong | weak |
|---|---|---|
| content | expected | expected |
| predecessor | trusted content: expected; else weak | expected |
| fleet | weak | expected |
| workload, namespace | stays | expected |
| image (`unseen_program`; trusted content: `declared_binary`) | | expected |

What is known nowhere stays what it is; where the baseline is mature, a weak one that it has not seen becomes strong. A
baseline that never saw a container of the workload start does not know what is done then, however mature it is; and
as little was never seen, in the end some of it is done: after the window a weak one rises only where that is unlikely.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from tidewaiter.alert import BehaviourShown
from tidewaiter.behaviour import UNSEEN_ROWS
from tidewaiter.case import Case
from tidewaiter.chain import Action
from tidewaiter.completeness import START_NS
from tidewaiter.hours import HOUR_NS
from tidewaiter.policy_rules import Strength
from tidewaiter.usual import Level, Usual, is_seen, level_of

_RAISED_ROWS = UNSEEN_ROWS | {"declared_binary"}
"""Rows that are weak because they are common. Others are weak for doubt about who did it, which no baseline lifts."""
_LIKELY = 0.05
_UNASKED_ROWS = frozenset({"interactive_session", "policy_broken", "indicator"})
_INHERITED: dict[Level, str] = {
    "predecessor": "other content of this workload",
    "fleet": "the same content elsewhere",
    "workload": "another container of the pod",
    "namespace": "other workloads of the namespace",
}


class Beside(msgspec.Struct, frozen=True):
    """What a behaviour is beside what is usual."""

    strength: Literal["strong", "weak"]
    level: Level | None = None
    is_expected: bool = False
    is_raised: bool = False


def beside_usual(
    case: Case, row: str, strength: Strength, action: Action | None, *, is_of_image: bool
) -> Beside | None:
    """What is left of a behaviour of a row that weighs so much; None: it is none.

    `is_of_image`: the image's config declares it, or its layers hold it.
    """
    if strength == "none":
        return None
    usual = case.usual
    if usual is None or action is None or row in _UNASKED_ROWS:
        return Beside(strength)
    level = level_of(usual, action)
    if level is None and is_of_image and (row == "unseen_program" or (row == "declared_binary" and usual.is_trusted)):
        level = "image"
    if level is not None:
        return _excused(usual, strength, level)
    if not usual.knows_workload:
        return Beside(strength)
    is_new = not is_seen(usual, action)
    knows = usual.completeness.is_mature and not (usual.completeness.starts == 0 and _is_at_start(case, action))
    if row in UNSEEN_ROWS and (not is_new or (row == "unseen_program" and not knows)):
        return None
    if strength == "weak" and is_new and row in _RAISED_ROWS and knows and not _is_to_be_expected(case, usual, action):
        return Beside("strong", is_raised=True)
    return Beside(strength)


def _is_at_start(case: Case, action: Action) -> bool:
    return any(0 <= action.time_ns - start <= START_NS for start in case.chain.starts_ns)


def _is_to_be_expected(case: Case, usual: Usual, action: Action) -> bool:
    """Whether, as long after the window as this, something or other that was never seen is likely by now."""
    begun = [time_ns for time_ns in (*case.chain.starts_ns, *case.chain.creates_ns) if time_ns <= action.time_ns]
    age_ns = action.time_ns - max(begun or [case.chain.first_seen_ns or action.time_ns])
    hours = age_ns / HOUR_NS
    return age_ns > usual.policy.time_window_ns and hours * usual.completeness.surprises_an_hour > _LIKELY


def _excused(usual: Usual, strength: Literal["strong", "weak"], level: Level) -> Beside:
    if strength == "weak" or level == "content" or (level == "predecessor" and usual.is_trusted):
        return Beside(strength, level, is_expected=True)
    return Beside("weak" if level in ("predecessor", "fleet") else "strong", level)


def usual_reasons(case: Case, expected: Iterable[BehaviourShown], raised: Iterable[BehaviourShown]) -> list[str]:
    """What the baseline said, in words: how much it knows, what it expected, and what it raised."""
    usual = case.usual
    if usual is None:
        return []
    reasons = [_standing(usual)] if usual.knows_workload else []
    known: dict[Level, set[tuple[str, str]]] = {}
    for shown in expected:
        if shown.known is not None and not (shown.known in ("content", "image") and shown.reason in UNSEEN_ROWS):
            known.setdefault(shown.known, set()).add((shown.kind, shown.what))
    for level, alike in sorted(known.items()):
        count = f"{len(alike)} behaviour{'s' if len(alike) > 1 else ''}"
        if level == "content":
            reasons.append(f"expected: {count} known to the baseline of {usual.key.path}")
        elif level == "image":
            reasons.append(f"expected: {count} that the trusted image declares")
        else:
            reasons.append(f"inherited: {count} expected, known from {_INHERITED[level]}")
    alike = {(shown.kind, shown.what) for shown in raised}
    if alike:
        count = "1 weak behaviour" if len(alike) == 1 else f"{len(alike)} weak behaviours"
        reasons.append(f"raised: {count} to strong: not expected by a mature baseline")
    return reasons


def _standing(usual: Usual) -> str:
    known = usual.completeness
    mature = "mature" if known.is_mature else "not mature"
    if known.is_mature and known.starts == 0:
        mature += ", but no container start was observed"
    before = f" (previous content: {usual.predecessor})" if usual.predecessor is not None else ""
    return (
        f"baseline: {usual.key.path} {_content_words(usual)}{before}; "
        f"{_percent(known.share)} complete (at least {_percent(known.share_at_least)}), {mature}"
    )


def _content_words(usual: Usual) -> str:
    if usual.standing == "known":
        return "knows this content"
    if usual.standing == "unknown":
        return "cannot tell whether this content is new: a digest is missing"
    if usual.has_alerted:
        return "treats this content as new: it alerted while being learned and was never approved"
    return "does not know this content"


def _percent(share: float) -> str:
    # Rounded down: nothing is complete that is not.
    return f"{int(share * 1000) / 10:g} %"
