"""Turns an incident into a short block of text: what, from when to when, which image, who, and the containers."""

from collections.abc import Iterable

from tidewaiter.alert import Incident, IncidentMember
from tidewaiter.sinks._alert_text import SEVERITY_STYLES, image_words, short_container
from tidewaiter.sinks._escape import clipped
from tidewaiter.sinks._moments import clock, offset, parse_moment, span
from tidewaiter.sinks._page import BOLD, CYAN, DIM, YELLOW, Page, Span, cut_off, painted_cells

_SHOWN = 12
_LISTED = 6
_LIMIT = 120
_TITLE_LIMIT = 300
_INDENT = "  "
_LABEL = 12
_BEGINNING = 12
"""Characters shown of an alert's id: enough for `explain`."""
_VERDICT_STYLES = {"alert": "1;31", "suspicious": YELLOW}


def render_incident(incident: Incident, page: Page, before: Incident | None = None) -> list[str]:
    """The lines of one incident; where `before` was read already, only what is new in it."""
    lines = incident_headline(incident, page)
    if before is None:
        for label, text in _facts(incident):
            first = _INDENT + page.paint(label.ljust(_LABEL), DIM)
            lines += page.wrap([Span(text)], first, " " * (len(_INDENT) + _LABEL))
    known = {member.alert for member in before.members} if before is not None else set()
    new = [member for member in incident.members if member.alert not in known]
    lines += _members(incident, new, page, is_whole=before is None)
    parts = [f"incident {clipped(incident.id, _LIMIT)}", clipped(f"{incident.analytic}/{incident.technique}", _LIMIT)]
    if incident.revision or not incident.final:
        parts.append(f"revision {incident.revision}{'' if incident.final else ', not final'}")
    return [*lines, *page.wrap([Span(part, DIM, glued=True) for part in parts], _INDENT, _INDENT)]


def incident_headline(incident: Incident, page: Page) -> list[str]:
    """What it is, on as few lines as it takes."""
    is_over = incident.verdict == "withdrawn"
    word = "INCIDENT withdrawn" if is_over else f"INCIDENT {incident.severity}"
    style = BOLD if is_over else SEVERITY_STYLES.get(incident.severity, BOLD)
    return page.wrap([Span(word, style, glued=True), Span(clipped(incident.title, _TITLE_LIMIT), BOLD)], hang=_INDENT)


def _facts(incident: Incident) -> Iterable[tuple[str, str]]:
    first, last = parse_moment(incident.first_seen), parse_moment(incident.last_seen)
    if first is not None and last is not None:
        yield "when", f"{clock(first)} to {clock(last)}, {span(last - first)}"
    yield "image", image_words(incident.image)
    if incident.created_by is not None:
        yield "created by", clipped(incident.created_by, _LIMIT)
    yield "nodes", f"{_listed(incident.nodes)}, cluster {clipped(incident.cluster, _LIMIT)}"
    if incident.workloads:
        yield "workloads", _listed(incident.workloads)
    elif incident.namespaces:
        yield "namespaces", _listed(incident.namespaces)


def _listed(names: tuple[str, ...]) -> str:
    told = [clipped(name, _LIMIT) or "(not known)" for name in names[:_LISTED]]
    return ", ".join(told) + (f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else "")


def _members(incident: Incident, members: list[IncidentMember], page: Page, *, is_whole: bool) -> list[str]:
    lines: list[str] = []
    first_ns = parse_moment(incident.first_seen)
    for member in members[:_SHOWN]:
        time_ns = parse_moment(member.time)
        since = offset(time_ns - first_ns) if time_ns is not None and first_ns is not None else "?"
        mark = page.paint(member.verdict.ljust(10), _VERDICT_STYLES.get(member.verdict, ""))
        start = f"{_INDENT}{page.paint(since.rjust(7), CYAN)}  {mark}  "
        lines.append(start + cut_off(_place(member), max(page.width - painted_cells(start), 8)))
    more = len(members[_SHOWN:]) + (incident.members_omitted if is_whole else 0)
    if more:
        lines.append(page.paint(f"{_INDENT}and {more:,} more alerts", DIM))
    return lines


def _place(member: IncidentMember) -> str:
    pod = "/".join(clipped(part, _LIMIT) for part in (member.namespace, member.pod) if part)
    named = clipped(member.container_name, _LIMIT) if member.container_name else ""
    told = [clipped(member.alert, _LIMIT)[:_BEGINNING], short_container(member.container_id)]
    told += [pod, named, f"on {clipped(member.node, _LIMIT)}" if member.node else ""]
    return "  ".join(part for part in told if part)
