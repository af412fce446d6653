"""Stands in for the shapes of habits where a test is of how they are learned: a habit is the command line as it is."""

from posixpath import basename

import pytest

from tidewaiter import learn, notes
from tidewaiter.chain import Action
from tidewaiter.habit import Habit
from tidewaiter.policy import TrustPolicy


def plain_habit(action: Action, policy: TrustPolicy) -> Habit | None:
    """The command line, or the name (else the address) and port."""
    if action.kind == "exec":
        words = [action.exe or next(iter(action.args), ""), *action.args[1:]]
        return Habit("exec", " ".join(words)) if words[0] else None
    if action.dst_ip is None or action.dst_ip.startswith("127."):
        return None
    return Habit("egress", f"{action.dst_name or action.dst_ip}:{action.dst_port}/{action.protocol or 'tcp'}")


def plain_parent(action: Action) -> str | None:
    """The name of the parent's file."""
    return basename(action.parent_exe) if action.parent_exe else None


def use_plain_habits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Habits are command lines as they are."""
    monkeypatch.setattr(notes, "habit_of", plain_habit)
    monkeypatch.setattr(notes, "parent_of", plain_parent)
    monkeypatch.setattr(learn, "habit_of", plain_habit)
