"""Turns keys, contents, entries and hours of baselines into the pieces of text that the baseline commands share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from tidewaiter.baseline import Entry
from tidewaiter.cli._faults import UsageFault
from tidewaiter.cli._terminal import page_size
from tidewaiter.edge.baseline_file import BaselineError, BaselineFile, open_baseline
from tidewaiter.edge.baseline_hours import ClusterHours, hour_text, hours_in
from tidewaiter.edge.baseline_write import Written
from tidewaiter.habit import Habit
from tidewaiter.sinks._escape import clipped
from tidewaiter.sinks._page import DIM, GREEN, RED, YELLOW, Page
from tidewaiter.workload import WorkloadKey

STATE_STYLES = {"unapproved": YELLOW, "trusted": "", "alerted": RED, "approved": GREEN}
_LONGEST_NAME, _LONGEST_WHAT, _LONGEST_WORDS = 120, 400, 120


@contextmanager
def faults_told() -> Iterator[None]:
    """Whatever is wrong with a baseline file is a fault the user can mend."""
    try:
        yield
    except BaselineError as error:
        raise UsageFault(str(error)) from error


@contextmanager
def opened(path: str, *, must_be_whole: bool = False) -> Iterator[BaselineFile]:
    """A baseline, and on stderr what is wrong with it although it can be used. Raises `UsageFault`."""
    with faults_told(), open_baseline(path) as file:
        if must_be_whole and not file.is_whole:
            raise UsageFault(
                f"{file.warning}; nothing was changed: tidewaiter baseline merge FILE -o NEW keeps the whole profiles"
            )
        if file.warning is not None:
            click.echo(f"warning: {file.warning}", err=True)
        yield file


def baseline_page() -> Page:
    """The page of the terminal that is there."""
    width, color = page_size()
    return Page(width, color)


def counted(number: int, noun: str) -> str:
    """`1 profile`, `1,234 profiles`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def path_words(key: WorkloadKey) -> str:
    """A workload, for people."""
    return clipped(key.path, _LONGEST_NAME)


def container_words(key: WorkloadKey) -> str:
    """A container, and its role where that is another than most have."""
    role = "" if key.role == "container" else f" ({key.role})"
    return f"{clipped(key.container, _LONGEST_NAME)}{role}"


def place_words(key: WorkloadKey) -> str:
    """A container of a workload; one of plain Docker has no other name than its workload's."""
    container = container_words(key)
    return f"{path_words(key)} [{container.strip()}]" if container else path_words(key)


def content_words(content: str | None) -> str:
    """A content as alerts show it: its algorithm and 12 characters."""
    if content is None:
        return "content not known"
    algorithm, colon, encoded = content.partition(":")
    is_digest = colon and len(encoded) >= 32 and encoded.isalnum() and encoded.isascii()
    return f"{clipped(algorithm, 20)}:{encoded[:12]}" if is_digest else clipped(content, _LONGEST_NAME)


def habit_words(habit: Habit) -> str:
    """A habit on one line."""
    return f"{habit.kind:<6}  {clipped(habit.what, _LONGEST_WHAT)}"


def share_words(share: float) -> str:
    """A share in hundredths, never more than is known: what is nearly all is not all."""
    return "100%" if share >= 1 else f"{min(int(share * 100), 99)}%"


def hours_words(first: int, last: int) -> str:
    """From when until when."""
    return hour_text(first) if first == last else f"{hour_text(first)} to {hour_text(last)}"


def hours_lines(hours: ClusterHours) -> list[str]:
    """Of each cluster, what was learned."""
    return [
        f"cluster {clipped(cluster, _LONGEST_NAME)}: {counted(hours_in(spans), 'hour')} learned, "
        f"{hours_words(spans[0][0], spans[-1][1])}"
        + (f" with {counted(len(spans) - 1, 'gap')}" if len(spans) > 1 else "")
        for cluster, spans in sorted(hours.items())
        if spans
    ]


def entry_lines(page: Page, habit: Habit, entry: Entry) -> list[str]:
    """One entry: what, and below it how it was seen."""
    lines = [f"  {page.paint(f'{entry.state:<10}', STATE_STYLES[entry.state])}  {habit_words(habit)}"]
    seen = f"{counted(entry.units, 'container-hour')}, {hours_words(entry.first_hour, entry.last_hour)}"
    if entry.magnitude:
        seen += f", roughly {10 ** min(entry.magnitude, 18):,} per container-hour"
    for label, words in (("started by", entry.parents), ("at", entry.addresses)):
        if words:
            seen += f"; {label} {clipped(', '.join(words), _LONGEST_WORDS)}"
    return [*lines, page.paint(f"{'':22}{seen}", DIM)]


def tell_omitted(written: Written) -> None:
    """Say on stderr what had no room in the file."""
    if written.omitted:
        click.echo(
            f"warning: {written.omitted:,} entries were left out of profiles that were too large; those that expect "
            "nothing went first",
            err=True,
        )


def name_of(path: str) -> str:
    """A file's name as it is printed."""
    return clipped(str(Path(path)), 200)
