"""Turns a new revision of an alert that people have read before into the few lines that are new in it."""

from tidewaiter.alert import Alert, BehaviourShown
from tidewaiter.sinks._alert_text import headline
from tidewaiter.sinks._escape import clipped
from tidewaiter.sinks._page import DIM, Page, Span

_SHOWN = 5
_LIMIT = 200
_INDENT = "  "


def render_revision(alert: Alert, before: Alert, page: Page) -> list[str]:
    """The headline, what the container has done since, what else changed, and the alert's id."""
    lines = headline(alert, page)
    known = {_key(behaviour) for behaviour in before.behaviours}
    new = [behaviour for behaviour in alert.behaviours if _key(behaviour) not in known]
    for behaviour in new[:_SHOWN]:
        name = f" ({behaviour.name})" if behaviour.name else ""
        said = f"{behaviour.kind} {behaviour.strength}: {clipped(behaviour.what + name, _LIMIT)}"
        lines += page.wrap([Span(said)], f"{_INDENT}+ ", f"{_INDENT}  ")
    more = len(new[_SHOWN:]) + max(alert.behaviours_omitted - before.behaviours_omitted, 0)
    if more:
        lines.append(f"{_INDENT}+ {more:,} more")
    for what, now, then in (
        ("trust", alert.trust.state, before.trust.state),
        ("digest", alert.digest_consistency, before.digest_consistency),
        ("not seen", ", ".join(_links(alert)), ", ".join(_links(before))),
    ):
        if now != then:
            lines += page.wrap([Span(f"{what}: {clipped(now or 'nothing more', _LIMIT)}")], _INDENT, f"{_INDENT}  ")
    parts = (f"id {clipped(alert.id, _LIMIT)}", f"revision {alert.revision}")
    return [*lines, *page.wrap([Span(part, DIM, glued=True) for part in parts], _INDENT, _INDENT)]


def _key(behaviour: BehaviourShown) -> tuple[str, str, str]:
    return behaviour.kind, behaviour.what, behaviour.strength


def _links(alert: Alert) -> list[str]:
    return [missing.partition(":")[0] for missing in alert.missing]
