"""Turns what is known while watching into the lines of one screen, of exactly the width and at most the height given.

Everything that comes from telemetry is made visible first (`sinks/_escape.py`); nothing in it can move the cursor or
add a line. Without colours everything is still said in words.
"""

from collections.abc import Sequence

import msgspec

from tidewaiter import __version__
from tidewaiter.alert import Alert, Incident
from tidewaiter.cli._watch_table import render_rows
from tidewaiter.edge.collector import Condition
from tidewaiter.glance import Row
from tidewaiter.sinks._alert_text import SEVERITY_STYLES, render_alert, render_glance
from tidewaiter.sinks._escape import clipped
from tidewaiter.sinks._moments import clock, parse_moment, span
from tidewaiter.sinks._page import BOLD, DIM, GREEN, RED, YELLOW, Page, Span, cells, cut_off, painted_cells, unpainted

_NARROWEST, _LOWEST = 40, 8
_FEW_ROWS = 3
"""Containers shown at least beside an alert."""
_OTHERS = 3
"""Alerts shown in a line each above the one that is shown whole."""
_INCIDENTS = 2
"""Incidents shown in a line each, the latest ones, where there is room for what they are made of."""
_ROOMY = 9
"""Lines of the alerts' panel below which no incident is shown."""
_PROBLEMS = 2
_GAP = "  "


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """All that is shown."""

    host: str
    began_ns: int
    now_ns: int
    records: int = 0
    per_second: float = 0.0
    waiting: int = 0
    """Records that were handed in and are not yet fed."""
    dropped: int = 0
    containers: int = 0
    """How many are known; `rows` are some of them."""
    conditions: tuple[Condition, ...] = ()
    rows: tuple[Row, ...] = ()
    alerts: tuple[Alert, ...] = ()
    """The latest record of each, the one that came last at the end."""
    incidents: tuple[Incident, ...] = ()
    """As `alerts`."""
    note: str = ""
    """The last sentence that was to be told."""


def render_scene(scene: Scene, width: int, height: int, *, color: bool) -> list[str]:
    """The lines, each with its own colours."""
    page = Page(max(width, _NARROWEST), color)
    height = max(height, _LOWEST)
    top = [_title(scene, page), _collectors(scene, page), *_problems(scene, page, height)]
    bottom = [_foot(scene, page)]
    if scene.note:
        bottom.insert(0, page.paint(cut_off(clipped(scene.note, 500), page.width), DIM))
    room = height - len(top) - len(bottom)
    shown = [alert for alert in scene.alerts if alert.verdict != "withdrawn"]
    if shown:
        least = min(len(scene.rows), max(_FEW_ROWS, (room - 3) // 3))
        panel = _alerts(scene, shown, page, max(room - least - 2, 3))
    else:
        panel = [_rule("No alert so far", page)] if room > _FEW_ROWS + 3 else []
    table = [_rule(_counted(scene), page), *render_rows(scene.rows, scene.now_ns, page, room - len(panel) - 1)]
    middle = [*table, *panel][:room]
    middle += [""] * (room - len(middle))
    return [_fitted(line, page) for line in (*top, *middle, *bottom)]


def _title(scene: Scene, page: Page) -> str:
    flow = f"{scene.records:,} records ({scene.per_second:,.0f}/s)"
    parts = [page.paint(clipped(scene.host, 60), BOLD), f"up {span(scene.now_ns - scene.began_ns)}", flow]
    if scene.waiting > scene.per_second + 100:
        parts.append(page.paint(f"{scene.waiting:,} waiting", YELLOW))
    parts.append(page.paint(f"{scene.dropped:,} lost", RED) if scene.dropped else "none lost")
    left = _GAP.join((page.paint(f"tidewaiter {__version__}", BOLD), *parts))
    if painted_cells(left) > page.width:
        left = _GAP.join(parts)
    right = clock(scene.now_ns)[11:19] + " UTC"
    space = page.width - painted_cells(left) - len(right)
    return left + " " * space + page.paint(right, DIM) if space > 1 else left


def _collectors(scene: Scene, page: Page) -> str:
    if not scene.conditions:
        return page.paint("starting", YELLOW)
    told = []
    for condition in sorted(scene.conditions, key=lambda c: c.collector):
        text = f"{clipped(condition.collector, 20)} {condition.state}"
        if condition.state == "ready" and condition.blind:
            text = f"{text}, in part"
        told.append(page.paint(text, _style(condition)))
    return _GAP.join(told)


def _style(condition: Condition) -> str:
    if condition.state == "ready":
        return YELLOW if condition.blind else GREEN
    return RED if condition.state == "off" else YELLOW


def _problems(scene: Scene, page: Page, height: int) -> list[str]:
    """A line for each collector that does not see all: what it lacks, and how to mend it."""
    bad = [c for c in scene.conditions if c.state in ("waiting", "off") or (c.state == "ready" and c.blind)]
    bad.sort(key=lambda c: (c.state != "off", c.state != "waiting", c.collector))
    most = _PROBLEMS if height < 30 else 2 * _PROBLEMS
    return [
        page.paint(cut_off(f"{_GAP}{clipped(c.collector, 20)}: {clipped(c.sentence, 500)}", page.width), _style(c))
        for c in bad[:most]
    ]


def _counted(scene: Scene) -> str:
    more = scene.containers - len(scene.rows)
    return f"Containers: {len(scene.rows):,} of {scene.containers:,}" if more > 0 else "Containers"


def _alerts(scene: Scene, shown: Sequence[Alert], page: Page, room: int) -> list[str]:
    """The alert that came last, whole, below others in a line each."""
    worst = [alert for alert in shown if alert.verdict == "alert"] or shown
    latest = worst[-1]
    alerts = sum(alert.verdict == "alert" for alert in shown)
    told = [f"{alerts} alert{'' if alerts == 1 else 's'}"] if alerts else []
    told += [f"{len(shown) - alerts} suspicious"] if len(shown) > alerts else []
    withdrawn = len(scene.alerts) - len(shown)
    told += [f"{withdrawn} withdrawn"] if withdrawn else []
    incidents = [incident for incident in scene.incidents if incident.verdict != "withdrawn"]
    told += [f"{len(incidents)} incident{'' if len(incidents) == 1 else 's'}"] if incidents else []
    campaigns = [_campaign(incident, page) for incident in incidents[-_INCIDENTS:]] if room >= _ROOMY else []
    room -= len(campaigns)
    others = [alert for alert in shown if alert is not latest]
    others = others[len(others) - min(len(others), _OTHERS, max((room - 6) // 3, 0)) :]
    lines = [_rule(", ".join(told), page), *campaigns, *(_short(alert, page) for alert in others)]
    whole = render_alert(latest, page)
    left = room + len(campaigns) - len(lines)
    return [*lines, *(whole if len(whole) <= left else render_glance(latest, page, left))]


def _short(alert: Alert, page: Page) -> str:
    when = parse_moment(alert.time)
    style = SEVERITY_STYLES.get(alert.severity, "") if alert.verdict == "alert" else YELLOW
    first = f"{clock(when)[11:19] if when else '':8}{_GAP}{page.paint(alert.verdict, style)}{_GAP}"
    return first + cut_off(clipped(alert.title, 300), max(page.width - painted_cells(first), 8))


def _campaign(incident: Incident, page: Page) -> str:
    when = parse_moment(incident.last_seen)
    style = SEVERITY_STYLES.get(incident.severity, "") if incident.verdict == "alert" else YELLOW
    first = f"{clock(when)[11:19] if when else '':8}{_GAP}{page.paint('incident', style)}{_GAP}"
    return first + cut_off(clipped(incident.title, 300), max(page.width - painted_cells(first), 8))


def _foot(scene: Scene, page: Page) -> str:
    blind = sorted({sight for condition in scene.conditions for sight in condition.blind})
    left = page.paint("ctrl-c", BOLD) + " stops and prints what was found"
    if blind:
        left = page.paint("not seen: " + ", ".join(blind), YELLOW) + _GAP + left
    right = "PCS! = pull create start behaviour" if scene.rows else ""
    space = page.width - painted_cells(left) - cells(right)
    return left + " " * space + page.paint(right, DIM) if space > 1 else left


def _rule(title: str, page: Page) -> str:
    return page.wrap([Span(title, BOLD)])[0] + " " + page.paint("-" * (page.width - cells(title) - 1), DIM)


def _fitted(line: str, page: Page) -> str:
    """The line as it is where it fits; a longer one without its colours, cut."""
    return line if painted_cells(line) <= page.width else cut_off(unpainted(line), page.width)
