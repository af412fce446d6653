"""Turns proposals of `tune` into the document that programs get.

It is a contract (docs/tuning.md): every field is always there, and fields are added, not changed.
"""

import shlex
from typing import Literal

import msgspec

from tidewaiter.review.recorded import Record
from tidewaiter.review.tuning import Candidate, Tuning
from tidewaiter.review.tuning_rules import Effect, Way

_MAX_LISTED = 100
"""Other alerts that are listed of a candidate; all are counted."""


class Shown(msgspec.Struct, frozen=True):
    """All that is to be told."""

    tuning: Tuning
    given: int
    alerts: int
    """Of the history, the given ones among them."""
    containers: int
    attacks: int | None
    """Labelled attacks that were tried; None: not checked."""
    told: tuple[str, ...]
    effect: Effect


class Written(msgspec.Struct, frozen=True):
    """What was added to a policy."""

    policy: str
    candidates: tuple[int, ...]
    diff: str


class OtherAlert(msgspec.Struct, frozen=True):
    """An alert that was not given."""

    id: str
    verdict: str
    time: str
    place: str
    image: str | None
    title: str


class Approval(msgspec.Struct, frozen=True):
    """What to approve in a baseline."""

    workload: str
    content: str
    command: str


class CandidateShown(msgspec.Struct, frozen=True):
    """One candidate in the document."""

    number: int
    way: Way
    scope: dict[str, str | list[str]] | None
    """As it would stand under `scopes`, without its effect."""
    effect: Effect | None
    approval: Approval | None
    silences: tuple[str, ...]
    also: list[OtherAlert]
    also_count: int
    perhaps: list[OtherAlert]
    perhaps_count: int
    quiet_containers: int
    attacks_lost: tuple[str, ...] | None
    attacks_lost_if_there: tuple[str, ...] | None
    rejected: bool
    notes: tuple[str, ...]


class GroupShown(msgspec.Struct, frozen=True):
    """One group in the document."""

    alerts: list[str]
    candidates: list[int]
    not_offered: tuple[str, ...]


class Silent(msgspec.Struct, frozen=True):
    """A given alert that the policy silences already."""

    alert: str
    scope: str


class Document(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="tuning"):
    """What `tune --format json` prints."""

    schema: int = 1
    given: int
    history: dict[Literal["alerts", "containers"], int]
    labelled_attacks: int | None
    already_silent: list[Silent]
    groups: list[GroupShown]
    candidates: list[CandidateShown]
    narrowest: list[int]
    """By number: the first candidate of each group that can be written."""
    written: Written | None
    notes: tuple[str, ...]


def document(shown: Shown, written: Written | None) -> Document:
    """The proposals for programs."""
    tuning = shown.tuning
    return Document(
        given=shown.given,
        history={"alerts": shown.alerts, "containers": shown.containers},
        labelled_attacks=shown.attacks,
        already_silent=[Silent(record.id, scope) for record, scope in tuning.silent],
        groups=[
            GroupShown(
                [record.id for record in group.records],
                [candidate.number for candidate in group.candidates],
                group.reasons,
            )
            for group in tuning.groups
        ],
        candidates=[_candidate(candidate, shown.effect) for candidate in tuning.candidates],
        narrowest=[candidate.number for candidate in tuning.narrowest],
        written=written,
        notes=shown.told,
    )


def _candidate(candidate: Candidate, effect: Effect) -> CandidateShown:
    scope, approval = candidate.scope, candidate.approval
    fields: dict[str, str | list[str]] | None = None
    if scope is not None:
        found = {key: getattr(scope, key) for key in scope.__struct_fields__}
        fields = {key: value for key, value in found.items() if isinstance(value, str) and key != "ceiling"}
        fields |= {"digests": list(scope.digests)} if scope.digests else {}
    return CandidateShown(
        number=candidate.number,
        way=candidate.way,
        scope=fields,
        effect=effect if scope is not None else None,
        approval=Approval(*approval, command=command_of(approval)) if approval is not None else None,
        silences=candidate.silences,
        also=[_other(record) for record in candidate.also[:_MAX_LISTED]],
        also_count=len(candidate.also),
        perhaps=[_other(record) for record in candidate.perhaps[:_MAX_LISTED]],
        perhaps_count=len(candidate.perhaps),
        quiet_containers=candidate.containers,
        attacks_lost=candidate.lost,
        attacks_lost_if_there=candidate.if_there if candidate.lost is not None else None,
        rejected=candidate.is_rejected,
        notes=candidate.notes,
    )


def _other(record: Record) -> OtherAlert:
    return OtherAlert(record.id, record.verdict, record.time, record.place, record.image.reference, record.title)


def command_of(approval: tuple[str, str]) -> str:
    """The command that approves what a workload does on one content; BASELINE stands for the user's file."""
    return f"tidewaiter baseline approve BASELINE {shlex.quote(approval[0])} {shlex.quote(approval[1])}"
