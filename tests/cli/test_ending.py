"""Holds that a program which ends early says why, and never with the status of an alert."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tidewaiter.cli import main

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (sys.executable, "-c", "from tidewaiter.cli import main; main(prog_name='tidewaiter')")
HUNT = ("hunt", "examples/docker-cryptominer", "--policy", "examples/policy.yaml")
COMMANDS = (
    HUNT,
    (*HUNT, "--format", "jsonl"),
    ("policy", "suggest", HUNT[1]),
    ("sources",),
    ("--help",),
    ("hunt", "-h"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_full_disk_is_told(words: tuple[str, ...]) -> None:
    """Half an output is no output, and a full disk is no alert."""
    with open("/dev/full", "wb") as full:
        ended = subprocess.run([*PROGRAM, *words], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, timeout=60)  # noqa: S603 - our own
    assert ended.returncode == 2
    assert ended.stderr.decode() == "the output cannot be written: No space left on device; it is not whole\n"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_reader_that_goes_away_ends_it_quietly(words: tuple[str, ...]) -> None:
    """With the status that a shell shows of any program behind which `head` has seen enough."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run([*PROGRAM, *words], cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, timeout=60)  # noqa: S603 - our own
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("fault", "status", "told"), [(KeyboardInterrupt(), 130, "interrupted"), (ValueError("x"), 70, "ValueError: x")]
)
def test_what_breaks_off_is_no_alert(
    monkeypatch: pytest.MonkeyPatch, fault: BaseException, status: int, told: str
) -> None:
    """ctrl-c, and what we did wrong: that with all that helps to mend it."""

    def breaks() -> None:
        raise fault

    command = click.Command("sources", callback=breaks)
    monkeypatch.setattr("tidewaiter.cli.sources.sources", command)
    result = CliRunner().invoke(main, ["sources"])
    assert result.exit_code == status
    assert told in result.stderr.splitlines()


@pytest.mark.parametrize(
    ("typed", "meant"), [("hnut", "hunt"), ("polcy", "policy"), ("wach", "watch"), ("explian", "explain")]
)
def test_a_mistyped_command_is_answered_with_the_nearest(typed: str, meant: str) -> None:
    """Commands are loaded when they are asked for, so click itself knows none of them."""
    result = CliRunner().invoke(main, [typed])
    assert result.exit_code == 2
    assert f"Did you mean '{meant}'?" in result.stderr


def test_an_unknown_command_is_answered_without_a_guess() -> None:
    """A word that is like none."""
    result = CliRunner().invoke(main, ["zzzz"])
    assert result.exit_code == 2
    assert "No such command 'zzzz'." in result.stderr
    assert "Did you mean" not in result.stderr


def groups(command: click.Command, context: click.Context) -> list[tuple[click.Group, click.Context]]:
    """A group with all groups inside it."""
    if not isinstance(command, click.Group):
        return []
    found = [(command, context)]
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        found += groups(inner, click.Context(inner, parent=context, info_name=name))
    return found


def test_lists_of_commands_are_not_cut() -> None:
    """On a terminal of 80 columns each command has one whole line."""
    cut = []
    for group, context in groups(main, click.Context(main, info_name="tidewaiter", terminal_width=80)):
        width = 74 - max(map(len, group.list_commands(context)))
        for name in group.list_commands(context):
            inner = group.get_command(context, name)
            assert inner is not None
            line = inner.get_short_help_str(width)
            if line.endswith("...") or len(line) > width:
                cut.append((name, line))
    assert cut == []
