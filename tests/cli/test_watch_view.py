"""Proves that the live view draws what is new and only that, and leaves what was found in the scrollback."""

import io
import os
import pty
import re
import threading
from collections.abc import Iterator
from contextlib import suppress

import msgspec
import pytest
from rich.console import Console
from sample_incidents import docker_incident

from engine_cases import EVIL, engine
from made_events import CORPORATE, at, attack, created, feed, hunted
from tidewaiter.alert import Alert
from tidewaiter.cli import _watch_view
from tidewaiter.cli._watch_view import Screen
from tidewaiter.edge.collector import Condition
from tidewaiter.edge.watch import Pulse

SGR = re.compile(r"\x1b\[[0-9;]*m")
ENTER, LEAVE, HIDE, SHOW = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25l", "\x1b[?25h"
READY = Condition("docker", "ready", "Docker at /run/docker.sock")


class Terminal(io.StringIO):
    """What was written to the terminal, and a way to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = threading.Condition()

    def write(self, text: str) -> int:
        with self.changed:
            self.changed.notify_all()
            return super().write(text)

    def shows(self, text: str) -> bool:
        """Whether a text comes within half a minute."""
        with self.changed:
            return self.changed.wait_for(lambda: text in SGR.sub("", self.getvalue()), 30)


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def screen(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    """A view on a terminal of 100 by 30, whose drawing waits for nothing."""
    monkeypatch.setattr(_watch_view, "_BETWEEN_S", 0.0)
    console = Console(
        file=terminal, force_terminal=True, width=100, height=30, color_system="standard", highlight=False
    )
    view = Screen("n1", console=console, now_ns=lambda: at(0))
    yield view
    view.restore()


def alert(revision: int = 0, name: str = "a") -> Alert:
    return msgspec.structs.replace(hunted(attack(name, EVIL)).only, revision=revision)


def test_what_is_handed_over_is_drawn(screen: Screen, terminal: Terminal) -> None:
    screen.condition(READY)
    assert terminal.shows("docker ready")
    screen.say("ready: docker")
    assert terminal.shows("ready: docker")
    screen.output(alert())
    assert terminal.shows("1 alert ---")
    screen.tick(Pulse(at(2), 50, 3, 0, 0))
    assert terminal.shows("up 2s  50 records (25/s)")
    screen.close()


def test_containers_of_the_engine_are_shown(screen: Screen, terminal: Terminal) -> None:
    machine = engine(CORPORATE, live=True)
    screen.look_at(machine)
    feed(machine, [created(0, "a", EVIL, name="quick_swartz")])
    screen.tick(Pulse(at(1), 1, 1, 0, 0))
    assert terminal.shows("quick_swartz")
    screen.close()


def test_nothing_new_draws_nothing(screen: Screen, terminal: Terminal) -> None:
    """An idle host costs nothing but one drawing a second."""
    screen.condition(READY)
    assert terminal.shows("ctrl-c stops")
    screen.close()
    assert terminal.getvalue().count("ctrl-c") == 1


def test_view_that_showed_nothing_never_takes_the_screen(screen: Screen, terminal: Terminal) -> None:
    """A fault of the configuration is told on an ordinary terminal."""
    screen.close()
    assert terminal.getvalue() == ""


def test_terminal_is_given_back(screen: Screen, terminal: Terminal) -> None:
    screen.condition(READY)
    assert terminal.shows("docker ready")
    screen.close()
    written = terminal.getvalue()
    for enter, leave in ((ENTER, LEAVE), (HIDE, SHOW)):
        assert written.count(enter) == 1
        assert written.rindex(leave) > written.rindex("docker")


def test_nobody_reads_what_is_said(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    """`2>&1 | head`: that is no reason to stop watching."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", buffering=1) as closed:
        monkeypatch.setattr("sys.stderr", closed)
        screen.say("a sentence")
        monkeypatch.undo()
        with suppress(BrokenPipeError):
            closed.close()


def test_restoring_twice_is_once(screen: Screen, terminal: Terminal) -> None:
    """Whoever leaves in haste restores, and the end does so, too."""
    screen.condition(READY)
    assert terminal.shows("docker ready")
    screen.restore()
    screen.close()
    assert terminal.getvalue().count(LEAVE) == 1


def test_what_was_found_stays_in_the_scrollback(screen: Screen, capfd: pytest.CaptureFixture[str]) -> None:
    """The last record of each alert, once, in order of time; then incidents, containers, summary, and what was said."""
    run = hunted(attack("a", EVIL))
    other = msgspec.structs.replace(alert(name="b"), time="2026-09-21T14:13:00.000000000Z")
    for output in (alert(0), alert(1), other, alert(2)):
        screen.output(output)
    for incident in (docker_incident(), msgspec.structs.replace(docker_incident(), revision=7)):
        screen.output(incident)
    for shown in run.containers:
        screen.output(shown)
    screen.output(run.summary)
    screen.say("siem: 3 dropped")
    screen.close()
    out, err = capfd.readouterr()
    assert "revision 2" in out
    assert "revision 1" not in out
    told = (f"id {other.id}", f"id {alert().id}", "INCIDENT high", "CONTAINER  ", "Summary complete")
    places = [out.index(text) for text in told]
    assert places == sorted(places)
    assert out.count("INCIDENT") == out.count("revision 7, not final") == 1
    assert err == "siem: 3 dropped\n"


def test_alerts_that_were_not_kept_are_counted(
    screen: Screen, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_watch_view, "_ALERTS_KEPT", 2)
    for name in "abcd":
        screen.output(alert(name=name))
    screen.close()
    assert "2 alerts before these are not shown" in capfd.readouterr().out


def test_sentences_go_where_stderr_goes_at_once(screen: Screen, capfd: pytest.CaptureFixture[str]) -> None:
    """Whoever waits for the word `ready` in a log finds it while the screen is drawn; control characters do not."""
    screen.say("ready: \x1b[2J")
    assert capfd.readouterr().err == "ready: \\x1b[2J\n"
    screen.close()
    assert capfd.readouterr().err == ""


def test_no_color_is_honoured(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    view = Screen("n1", console=Console(file=terminal, force_terminal=True, width=80, height=24), now_ns=lambda: at(0))
    view.condition(READY)
    assert terminal.shows("docker ready")
    view.close()
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", terminal.getvalue())


def test_terminal_that_is_gone_ends_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ssh connection broke: the watch goes on, and ends as it should."""

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    view = Screen("n1", console=Console(file=Gone(), force_terminal=True, width=80, height=24))
    view.condition(READY)
    view.tick(Pulse(at(1), 0, 0, 0, 0))
    view.close()


@pytest.mark.parametrize(("term", "possible"), [("xterm-256color", True), ("dumb", False), ("", False)])
def test_is_possible_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch, term: str, possible: bool) -> None:
    monkeypatch.setenv("TERM", term)
    outer, inner = pty.openpty()
    with os.fdopen(outer), os.fdopen(inner, "w") as terminal, monkeypatch.context() as patch:
        patch.setattr("sys.stdout", terminal)
        assert _watch_view.is_possible() is possible
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", io.StringIO())
        assert not _watch_view.is_possible()
