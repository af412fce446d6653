"""Turns `tidewaiter baseline diff` into what is new, gone or in another state between two baselines."""

from collections.abc import Iterable, Iterator
from heapq import merge as in_order
from itertools import groupby
from typing import Literal

import click
import msgspec

from tidewaiter.baseline import Entry, Profile, State
from tidewaiter.cli._baseline_page import (
    baseline_page,
    content_words,
    counted,
    habit_words,
    name_of,
    opened,
    place_words,
)
from tidewaiter.cli._form import form_option
from tidewaiter.cli._terminal import write_bytes, write_text
from tidewaiter.edge.baseline_lines import order_of
from tidewaiter.habit import Habit, HabitKind
from tidewaiter.sinks._escape import clipped, encode_json
from tidewaiter.sinks._page import BOLD, CYAN, GREEN, RED, YELLOW, Page
from tidewaiter.workload import WorkloadKey

_SIGNS = {"gone": ("-", RED), "new": ("+", GREEN), "changed": ("!", YELLOW)}


class EntryChange(msgspec.Struct, frozen=True):
    """One habit that only one of two baselines knows, or both in another state."""

    kind: HabitKind
    what: str
    change: Literal["new", "gone", "changed"]
    old: State | None
    new: State | None


class ProfileChange(msgspec.Struct, frozen=True):
    """What is different in one profile."""

    key: WorkloadKey
    content: str | None
    change: Literal["new", "gone", "changed"]
    entries: tuple[EntryChange, ...]


@click.command()
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@form_option
def diff(old: str, new: str, form: str) -> None:
    """Compare two baselines, by workload and image content.

    Says what NEW knows that OLD does not, and the other way round.
    How often something was seen is no difference. In text - is gone, + is new, ! is in another state.

    \b
    Example:
      tidewaiter baseline diff monday.jsonl tuesday.jsonl

    Exit status: 0 they know the same, 1 they do not, 2 usage.
    """
    count = 0
    with opened(old) as one, opened(new) as other:
        changes = changes_between(one.profiles(), other.profiles())
        if form == "json":
            write_bytes(b'{"kind":"baseline_diff","schema":1,"profiles":[')
            for count, change in enumerate(changes, 1):
                write_bytes((b"\n" if count == 1 else b",\n") + encode_json(change).rstrip())
            write_bytes(b'],"same":%s}\n' % (b"false" if count else b"true"))
        else:
            page = baseline_page()
            found = {"new": 0, "gone": 0, "changed": 0}
            for count, change in enumerate(changes, 1):
                if count == 1:
                    write_text(
                        f"{page.paint(f'--- {name_of(old)}', BOLD)}\n{page.paint(f'+++ {name_of(new)}', BOLD)}\n"
                    )
                write_text("\n".join(_lines(page, change)) + "\n")
                for entry in change.entries:
                    found[entry.change] += 1
            told = ", ".join(f"{number:,} {what}" for what, number in found.items())
            write_text(f"{told} in {counted(count, 'profile')}\n" if count else "no difference\n")
    raise click.exceptions.Exit(1 if count else 0)


def changes_between(old: Iterable[Profile], new: Iterable[Profile]) -> Iterator[ProfileChange]:
    """What is different between two sorted streams of profiles."""
    sides = in_order(((profile, 0) for profile in old), ((profile, 1) for profile in new), key=lambda s: order_of(s[0]))
    for _, group in groupby(sides, key=lambda side: order_of(side[0])):
        found = {side: profile for profile, side in group}
        change = _change(next(iter(found.values())), found.get(0), found.get(1))
        if change is not None:
            yield change


def _change(either: Profile, old: Profile | None, new: Profile | None) -> ProfileChange | None:
    before, after = (side.entries if side is not None else {} for side in (old, new))
    entries = tuple(
        change
        for habit in sorted({*before, *after})
        if (change := _entry_change(habit, before.get(habit), after.get(habit))) is not None
    )
    if old is not None and new is not None:
        return ProfileChange(either.key, either.content, "changed", entries) if entries else None
    return ProfileChange(either.key, either.content, "gone" if new is None else "new", entries)


def _entry_change(habit: Habit, old: Entry | None, new: Entry | None) -> EntryChange | None:
    before, after = (entry.state if entry is not None else None for entry in (old, new))
    if before == after:
        return None
    change: Literal["new", "gone", "changed"] = "new" if before is None else "gone" if after is None else "changed"
    return EntryChange(habit.kind, habit.what, change, before, after)


def _lines(page: Page, change: ProfileChange) -> list[str]:
    key = change.key
    words = f"@@ {clipped(key.cluster, 80)} {place_words(key)} {content_words(change.content)}"
    lines = [page.paint(words if change.change == "changed" else f"{words} @@ {change.change}", CYAN)]
    for entry in change.entries:
        sign, style = _SIGNS[entry.change]
        states = f"{entry.old} -> {entry.new}" if entry.change == "changed" else f"{entry.new or entry.old}"
        lines.append(page.paint(f"{sign} {habit_words(Habit(entry.kind, entry.what))}  ({states})", style))
    return lines
