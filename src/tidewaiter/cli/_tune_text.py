"""Turns proposals of `tune` into a page for people; everything on it that came from telemetry is escaped."""

from collections.abc import Iterator, Sequence

from tidewaiter.cli._tune_document import Shown, command_of
from tidewaiter.edge.policy_edit import item_of
from tidewaiter.policy_yaml import cut, printable
from tidewaiter.review.recorded import Record
from tidewaiter.review.tuning import Candidate, Group
from tidewaiter.review.tuning_rules import Way

_SHOWN = 5
_ID = 12
_TITLES: dict[Way, str] = {
    "content": "by content",
    "baseline": "in the baseline",
    "repository": "by repository and place",
    "user": "by user",
}


def page(shown: Shown) -> str:
    """The proposals for people."""
    lines = [
        f"{_count(shown.given, 'alert')} given; "
        f"history: {_count(shown.alerts, 'alert')}, {_count(shown.containers, 'container')}"
    ]
    for record, scope in shown.tuning.silent:
        lines += ["", f'{record.id[:_ID]} is already silenced by the scope "{scope}" of the policy']
    seen: set[int] = set()
    for number, group in enumerate(shown.tuning.groups, 1):
        lines += ["", *_group(number, group, shown, seen)]
    if narrowest := shown.tuning.narrowest:
        given = {id for candidate in narrowest for id in candidate.silences}
        others = {record.id for candidate in narrowest for record in candidate.also}
        numbers = ",".join(str(candidate.number) for candidate in narrowest)
        verb = {"quiet": "silence", "suspicious": "lower"}[shown.effect]
        told = f"{verb} {len(given)} of {shown.given} given and {_count(len(others), 'other alert')}"
        lines += [
            "",
            f"The narrowest scopes of all groups together would {told}. To add them: --write POLICY --choose {numbers}",
        ]
    return "".join(f"{printable(line)}\n" for line in lines)


def _group(number: int, group: Group, shown: Shown, seen: set[int]) -> Iterator[str]:
    first = group.records[0]
    image = first.image.reference or "-"
    yield f"GROUP {number}  {_count(len(group.records), 'alert')}  {cut(first.place)}  {cut(image)}"
    for record in group.records[:_SHOWN]:
        yield f"  {record.id[:_ID]}  {record.time[:19]}  {record.verdict:10}  {cut(record.title)}"
    if len(group.records) > _SHOWN:
        yield f"  and {len(group.records) - _SHOWN} more"
    for candidate in group.candidates:
        yield ""
        if candidate.number in seen:
            yield f"  [{candidate.number}] as above"
            continue
        seen.add(candidate.number)
        yield from _lines(candidate, shown)
    if not group.candidates:
        yield ""
        yield "  no proposal: nothing is narrow enough"
    for reason in group.reasons:
        yield f"  not offered: {reason}"


def _lines(candidate: Candidate, shown: Shown) -> Iterator[str]:
    rejected = "  REJECTED" if candidate.is_rejected else ""
    verb = {"quiet": "silences", "suspicious": "lowers"}[shown.effect] if candidate.scope is not None else "applies to"
    yield (
        f"  [{candidate.number}] {_TITLES[candidate.way]}{rejected}: {verb} {len(candidate.silences)} of "
        f"{shown.given} given, {_count(len(candidate.also), 'other alert')}"
    )
    if candidate.scope is not None:
        yield from (f"      {line}" for line in item_of(candidate.scope))
    if candidate.approval is not None:
        yield f"      {command_of(candidate.approval)}"
    yield from _others("also", candidate.also)
    yield from _others("perhaps also", candidate.perhaps)
    if candidate.containers:
        yield f"      also matches {_count(candidate.containers, 'container')} that did nothing so far"
    for note in candidate.notes:
        yield f"      note: {cut(note)}"
    if candidate.lost is not None:
        yield f"      labelled attacks: {_lost(candidate.lost, shown.attacks)} lost"
        if len(candidate.if_there) > len(candidate.lost):
            there = _lost(candidate.if_there, shown.attacks)
            yield f"      labelled attacks: {there} would be lost if they happened there"


def _lost(names: Sequence[str], attacks: int | None) -> str:
    listed = ", ".join(names[:_SHOWN]) + (" ..." if len(names) > _SHOWN else "")
    return f"{len(names)} of {attacks}{f' ({listed})' if names else ''}"


def _others(word: str, records: Sequence[Record]) -> Iterator[str]:
    for record in records[:_SHOWN]:
        yield f"      {word}: {record.id[:_ID]}  {record.verdict:10}  {cut(record.place)}  {cut(record.title)}"
    if len(records) > _SHOWN:
        yield f"      {word}: {len(records) - _SHOWN} more"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
