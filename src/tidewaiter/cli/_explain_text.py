"""Turns an explanation into text for a terminal: the alert itself, then what its record does not say by itself."""

from collections.abc import Iterator, Sequence

from tidewaiter.alert import parse_moment
from tidewaiter.review.explanation import Explanation
from tidewaiter.review.neighbours import RELATION_WORDS, Neighbour
from tidewaiter.review.relations import Link, Node
from tidewaiter.review.timeline import Step
from tidewaiter.sinks._alert_text import SEVERITY_STYLES, short_container, short_digest
from tidewaiter.sinks._escape import clipped
from tidewaiter.sinks._moments import clock, offset, span
from tidewaiter.sinks._page import BOLD, CYAN, DIM, GREEN, YELLOW, Page, Span

_LIMIT = 500
_NAME = 120
_INDENT = "  "
_STEPS = 60
_NEIGHBOURS = 12
_REASONS = 3
_STRENGTHS = {"strong": "1;31", "weak": YELLOW}
_PROOFS = {"proven": GREEN, "by_name": YELLOW, "unknown": DIM, "conflicting": "1;31"}
_ARROWS = {"proven": "==>", "by_name": "-->", "unknown": "..>", "conflicting": "=X="}
_PLACES = {"early": "before the first observed start", "late": "after the window"}


def render_explanation(found: Explanation, width: int, *, color: bool) -> str:
    """All sections, without a line break at the end."""
    page = Page(width, color)
    lines: list[str] = [*_head(found, page)]
    for title, section in (
        ("Timeline", _timeline(found, page)),
        ("Identity", _identity(found, page)),
        ("Decisions", _decisions(found, page)),
        ("Not seen", _missing(found, page)),
        ("Baseline", page.wrap([Span(clipped(found.baseline_words, _LIMIT))], _INDENT, _INDENT)),
        ("Incident", _incident(found, page)),
        (
            "Elsewhere",
            _neighbours(found.elsewhere, found, page, is_why=False)
            or [f"{_INDENT}none: no related alert, and no other container with this content, in these records"],
        ),
        ("Silent", [*_silent(found, page), *_neighbours(found.silent, found, page, is_why=True)]),
        ("Next", _list(found.next, page)),
    ):
        told = list(section)
        if told:
            lines += ["", page.paint(title, BOLD), *told]
    return "\n".join(lines)


def _head(found: Explanation, page: Page) -> list[str]:
    alert = found.alert
    word = f"{alert.verdict.upper()} {alert.severity}"
    spans = [Span(word, SEVERITY_STYLES.get(alert.severity, BOLD), glued=True), Span(clipped(alert.title, 300), BOLD)]
    lines = page.wrap(spans, "", _INDENT)
    if found.asked == "incident":
        lines += page.wrap([Span("This is the most severe alert of the incident.", DIM)], _INDENT, _INDENT)
    place = "/".join(clipped(part, _NAME) for part in (alert.namespace, alert.pod) if part)
    parts = [f"container {short_container(alert.container_id) or '(id not known)'}"]
    parts += [f"named {clipped(alert.container_name, _NAME)}"] if alert.container_name else []
    parts += [f"pod {place}"] if place else []
    parts += [f"node {clipped(alert.node, _NAME)}", f"cluster {clipped(alert.cluster, _NAME)}"]
    by = alert.created_by
    parts.append(f"created by {clipped(by.user, _NAME)}" if by.user else "creator not named in the telemetry")
    lines += page.wrap([Span(", ".join(parts))], _INDENT, _INDENT)
    ids = f"id {clipped(alert.id, _NAME)} incident {clipped(alert.incident, _NAME)} revision {alert.revision}"
    return [*lines, *page.wrap([Span(ids, DIM)], _INDENT, _INDENT)]


def _timeline(found: Explanation, page: Page) -> Iterator[str]:
    timeline = found.timeline
    anchor = parse_moment(timeline.anchor)
    if anchor is not None:
        window = f"window {span(timeline.window_ns)} from {timeline.anchor_is}, {clock(anchor)}"
        window += f"; records in {clipped(timeline.folder, _LIMIT)}" if timeline.folder else ""
        yield from page.wrap([Span(window, DIM)], _INDENT, _INDENT)
    steps = timeline.steps
    if len(steps) > _STEPS:
        # What a step lacks in strength it gives up its room for.
        kept = sorted(range(len(steps)), key=lambda at: (steps[at].strength == "weak", at))[:_STEPS]
        steps = tuple(steps[at] for at in sorted(kept))
    for step in steps:
        yield from _step(step, timeline.near(step), page)
    more = len(timeline.steps) - len(steps)
    if more:
        yield from _note(f"and {more:,} more steps; --format json lists all", page)
    if timeline.omitted:
        yield from _note(f"and {timeline.omitted:,} more behaviours, counted but not kept", page, YELLOW)


def _step(step: Step, records: Sequence[str], page: Page) -> list[str]:
    distance = offset(step.offset_ns) if step.offset_ns is not None else "?"
    strength = step.strength or ""
    mark = page.paint(strength.ljust(6), _STRENGTHS.get(strength, ""))
    star = "*" if step.is_decisive and strength == "strong" else " "
    first = f"{_INDENT}{page.paint(distance.rjust(8), CYAN)}{star} {clipped(step.stage, 9).ljust(9)} {mark} "
    notes = [step.row, step.protocol, f"to {step.name}" if step.name else None, _PLACES.get(step.place)]
    notes += [f"known: {step.known}" if step.known else None, f"{step.times:,} times" if step.times > 1 else None]
    notes += ["attributed to the pod only" if step.attribution == "pod" else None, *records[:2]]
    told = ", ".join(clipped(note, _LIMIT) for note in notes if note)
    return page.wrap([Span(clipped(step.what, _LIMIT)), Span(f"[{told}]" if told else "", DIM)], first, " " * 29)


def _identity(found: Explanation, page: Page) -> Iterator[str]:
    relations = found.relations
    nodes = {node.id: node for node in relations.nodes}
    style = _PROOFS[relations.consistency]
    words = f"{relations.consistency.replace('_', ' ')}: {relations.words}; {clipped(relations.trust, _NAME)}"
    yield from page.wrap([Span(words, style)], _INDENT, _INDENT)
    for link in relations.links:
        if nodes[link.source].text is not None or nodes[link.target].text is not None:
            yield from _link(link, nodes, page)
    if relations.origins_omitted:
        yield from _note(f"and {relations.origins_omitted:,} more origins", page)


def _link(link: Link, nodes: dict[str, Node], page: Page) -> list[str]:
    arrow = page.paint(_ARROWS[link.proof], _PROOFS[link.proof])
    target = nodes[link.target]
    proof = f"({link.label}; {link.proof.replace('_', ' ')})"
    # The words before the arrow stay together: the eye follows the arrows.
    first = f"{_INDENT}{_node(nodes[link.source])} {arrow}"
    return page.wrap([Span(_node(target)), Span(proof, DIM)], f"{first} ", _INDENT * 3)


def _node(node: Node) -> str:
    if node.text is None:
        return f"{node.label} not known"
    is_digest = node.kind in ("index", "manifest", "config", "chain")
    text = short_digest(node.text) if is_digest else clipped(node.text, _NAME)
    return f"{node.label} {short_container(node.text) if node.kind == 'container' else text}"


def _decisions(found: Explanation, page: Page) -> Iterator[str]:
    for decision in found.decisions:
        rule = f"rule {decision.rule}" if decision.rule is not None else "no rule"
        first = f"{_INDENT}{page.paint(rule.ljust(7), CYAN)}  "
        setting = f"[{decision.setting}]" if decision.setting else ""
        spans = [Span(clipped(decision.reason, _LIMIT)), Span(setting, DIM)]
        yield from page.wrap(spans, first, _INDENT + " " * 9)
    pages = dict.fromkeys(decision.page for decision in found.decisions)
    yield from _note(f"the rules: {', '.join(pages)}; the settings: docs/policy.md", page)


def _missing(found: Explanation, page: Page) -> Iterator[str]:
    for gap in found.missing:
        yield from page.wrap([Span(clipped(gap.missing, _LIMIT), YELLOW)], f"{_INDENT}- ", _INDENT * 2)
        yield from page.wrap([Span(f"means: {gap.means}")], _INDENT * 3, _INDENT * 4)
        source = f"{gap.log_source}: " if gap.log_source else ""
        yield from page.wrap([Span(f"would show it: {source}{gap.supplied_by}")], _INDENT * 3, _INDENT * 4)


def _incident(found: Explanation, page: Page) -> Iterator[str]:
    incident = found.incident
    if incident is None:
        return
    yield from page.wrap([Span(clipped(incident.title, _LIMIT))], _INDENT, _INDENT)
    first_ns = parse_moment(incident.first_seen)
    for member in incident.members[:_NEIGHBOURS]:
        time_ns = parse_moment(member.time)
        since = offset(time_ns - first_ns) if time_ns is not None and first_ns is not None else "?"
        place = "/".join(clipped(part, _NAME) for part in (member.namespace, member.pod) if part)
        told = [clipped(member.alert, _NAME)[:12], member.verdict, short_container(member.container_id), place]
        told += [clipped(member.container_name or "", _NAME), f"on {clipped(member.node, _NAME)}"]
        told += ["(this one)"] if member.alert == found.alert.id else []
        line = _INDENT + page.paint(since.rjust(8), CYAN)
        yield from page.wrap([Span(part) for part in told if part], f"{line}  ", " " * 12)
    more = len(incident.members[_NEIGHBOURS:]) + incident.omitted
    if more:
        yield from _note(f"and {more:,} more", page)


def _silent(found: Explanation, page: Page) -> list[str]:
    return page.wrap([Span(clipped(found.silent_words, _LIMIT))], _INDENT, _INDENT)


def _neighbours(neighbours: Sequence[Neighbour], found: Explanation, page: Page, *, is_why: bool) -> list[str]:
    lines: list[str] = []
    for neighbour in neighbours[:_NEIGHBOURS]:
        place = "/".join(clipped(part, _NAME) for part in (neighbour.namespace, neighbour.pod) if part)
        told = [short_container(neighbour.container_id), place, clipped(neighbour.container_name or "", _NAME)]
        told += [f"on {clipped(neighbour.node, _NAME)}", clipped(neighbour.reference or "", _NAME)]
        relation = f"({RELATION_WORDS[neighbour.relation]})"
        name = f"id {clipped(neighbour.alert, _NAME)[:12]}" if neighbour.alert else ""
        spans = [Span(clipped(neighbour.verdict, 20), BOLD), Span(name)]
        spans += [Span(part) for part in told if part] + [Span(relation, DIM)]
        lines += page.wrap(spans, f"{_INDENT}- ", _INDENT * 2)
        # The last reasons are those that decided.
        for reason in neighbour.reasons[-_REASONS:] if is_why else ():
            lines += page.wrap([Span(clipped(reason, _LIMIT), DIM)], _INDENT * 3, _INDENT * 4)
    more = len(neighbours[_NEIGHBOURS:])
    if more:
        lines += _note(f"and {more:,} more; --format json lists all", page)
    if neighbours and found.neighbours_omitted:
        lines += _note(f"and {found.neighbours_omitted:,} related records, counted but not kept", page, YELLOW)
    return lines


def _note(text: str, page: Page, style: str = DIM) -> list[str]:
    return page.wrap([Span(text, style)], _INDENT, _INDENT)


def _list(items: Sequence[str], page: Page) -> list[str]:
    lines: list[str] = []
    for number, item in enumerate(items, 1):
        lines += page.wrap([Span(clipped(item, _LIMIT))], f"{_INDENT}{number}. ", _INDENT + "   ")
    return lines
