"""Turns an alert into the text that an analyst reads: what, who, where, the timeline, why, and what was not seen."""

import re
from collections.abc import Iterator
from math import floor

from tidewaiter.alert import Alert, BaselineShown, BehaviourShown, CreatedBy, ImageIdentity
from tidewaiter.sinks._escape import clipped, visible
from tidewaiter.sinks._moments import clock, offset, parse_moment
from tidewaiter.sinks._page import (
    BOLD,
    CYAN,
    DIM,
    GREEN,
    RED,
    YELLOW,
    Page,
    Span,
    cut_off,
    padded,
    painted_cells,
    shortened,
)
from tidewaiter.sinks._timeline import Row, Timeline, timeline_of

LINE_LIMIT = 500
"""Characters shown of one command line or other text out of telemetry."""
_TITLE_LIMIT = 160
_NAME_LIMIT = 120
_BEHAVIOURS_SHOWN = {"alert": 24, "suspicious": 6, "withdrawn": 0}
_INDENT = "  "
_STAGE = 9
"""Cells of the longest name of a stage."""
_ROOM = 60
"""Cells below which long text beside the columns is too narrow to read: it goes on below them."""
_TALL = 4
"""Lines above which a text is long."""
_LABEL = 12
"""Cells of the labels in front of the facts, with the blanks after them."""

_WHOLE_DIGEST = re.compile(r"\b(sha(?:256|512):[0-9a-f]{12})[0-9a-f]{52,}\b")

SEVERITY_STYLES = {"critical": "1;97;41", "high": "1;31", "medium": "1;33", "low": "1;36", "informational": "1"}
TRUST_STYLES = {"untrusted": RED, "unknown": YELLOW, "trusted": GREEN}
CONSISTENCY_STYLES = {"proven": GREEN, "by_name": YELLOW, "unknown": YELLOW, "conflicting": "1;31"}
_STRENGTH_STYLES = {"strong": "1;31", "weak": YELLOW}
CONSISTENCY_WORDS = {
    "proven": "proven: pull and container have the same config digest",
    "by_name": "by name: pull and container share a name that did not move, or the same layers; not proven by digest",
    "unknown": "unknown: no observed pull can be linked to this container",
    "conflicting": "CONFLICTING: verified facts about this image contradict each other",
}


def render_alert(alert: Alert, page: Page) -> list[str]:
    """The lines of one alert. A suspicious or withdrawn chain takes fewer of them."""
    is_brief = alert.verdict != "alert"
    timeline = timeline_of(alert, _BEHAVIOURS_SHOWN[alert.verdict], chain=not is_brief)
    lines = [*headline(alert, page), *([] if is_brief else [""])]
    for label, spans in _facts(alert, timeline, is_brief):
        lines += _fact(page, label, spans)
    told = [*_timeline(timeline, alert, page, is_brief)]
    said = {_reason_of(b) for b in alert.behaviours} - {_reason_of(b) for b in timeline.left_out}
    why = [reason for reason in alert.reasons if reason not in said and not reason.startswith("trust: ")]
    if is_brief:
        lines += told
        lines += _fact(page, "why", [Span(_shorter("; ".join(why)))]) if why else []
        lines += _fact(page, "not seen", [Span(_clip("; ".join(_short(alert.missing))), DIM)]) if alert.missing else []
    else:
        lines += ["", *told] if told else []
        lines += _list(page, "Why", why)
        lines += _list(page, "Not seen", alert.missing)
        lines.append("")
    return [*lines, *_footer(alert, page)]


def render_glance(alert: Alert, page: Page, most: int) -> list[str]:
    """An alert in at most so many lines: what happened, to which image, and of the timeline what there is room for."""
    head = headline(alert, page)[:2]
    for label, spans in _facts(alert, timeline_of(alert, 0, chain=False), is_brief=False):
        if label in ("image", "digest", "trust"):
            head += _fact(page, label, spans)[:1]
    room = max(most - len(head), 0)
    # What was done says more than how it came about.
    tried = [(room, True), *((count, False) for count in range(room, -1, -1))]
    for count, chain in tried:
        timeline = timeline_of(alert, count, chain=chain)
        is_cut = bool(timeline.left_out or alert.behaviours_omitted)
        if len(timeline.rows) + is_cut <= room:
            break
    offsets = [timeline.offset_of(row) or "?" for row in timeline.rows]
    wide = max(map(len, offsets), default=0)
    lines = []
    for row, distance in zip(timeline.rows, offsets, strict=True):
        first = _before(row, distance.rjust(wide), _STAGE, page)
        what = " ".join(
            part for part in (_clip(row.what) if row.strength else _shorter(row.what), _clip(row.note)) if part
        )
        lines.append(first + cut_off(what, max(page.width - painted_cells(first), 8)))
    if is_cut:
        more = len(timeline.left_out) + alert.behaviours_omitted
        lines = [*lines[: max(room - 1, 0)], page.paint(f"{_INDENT}and {more:,} more behaviours", DIM)]
    return [*head, *lines][:most]


def headline(alert: Alert, page: Page) -> list[str]:
    """What happened, in how sure words, on as few lines as it takes."""
    style = SEVERITY_STYLES.get(alert.severity, BOLD) if alert.verdict != "withdrawn" else BOLD
    severity = "" if alert.verdict == "withdrawn" else f" {alert.severity}"
    title = clipped(_WHOLE_DIGEST.sub(_beginning, alert.title), _TITLE_LIMIT)
    title = title or "this record no longer holds; below is what is known now"
    spans = [Span(f"{alert.verdict.upper()}{severity}", style, glued=True)]
    if alert.verdict != "withdrawn":
        spans.append(Span(f"({alert.confidence} confidence)", glued=True))
    return page.wrap([*spans, Span(title, BOLD)], hang=_INDENT)


def _facts(alert: Alert, timeline: Timeline, is_brief: bool) -> Iterator[tuple[str, list[Span]]]:
    """The labelled lines; what is not known has none."""
    when = parse_moment(alert.time)
    if when:
        since = ""
        if timeline.anchor is not None and timeline.anchor.time_ns != when:
            since = f"({offset(when - timeline.anchor.time_ns)} from {timeline.anchor.what})"
        yield "when", [Span(clock(when), glued=True), Span(since, DIM)]
    names = [short_container(alert.container_id) or "(id not known)"]
    names += [f"named {_name(alert.container_name)}"] if alert.container_name else []
    where = [part for part in (_pod(alert), f"node {_name(alert.node)}" if alert.node else "") if part]
    cluster = f"cluster {_name(alert.cluster)}"
    if is_brief:
        yield "container", [Span(", ".join([*names, *where, cluster]))]
    else:
        yield "container", [Span(", ".join(names))]
        if _pod(alert):
            yield "pod", [Span(_pod(alert))]
        yield "node", [Span(", ".join([_name(alert.node) or "(not known)", cluster]))]
    image = [_shorter(alert.image.reference or "") or "(no reference known)", *_digests(alert.image)]
    yield "image", [Span(text + ("," if place < len(image) else ""), glued=True) for place, text in enumerate(image, 1)]
    words = CONSISTENCY_WORDS[alert.digest_consistency]
    linked = Span(words.partition(":")[0] if is_brief else words, CONSISTENCY_STYLES[alert.digest_consistency])
    origin = f"origin {_clip(', '.join(alert.trust.origins))}" if alert.trust.origins else "no origin known"
    trust = [Span(alert.trust.state, TRUST_STYLES[alert.trust.state]), Span(f"by rule {_name(alert.trust.rule)};")]
    if is_brief:
        yield "trust", [*trust, Span(f"{origin}; consistency"), linked]
    else:
        trust.append(Span(origin))
        yield "digest", [linked]
        yield "trust", trust
    if alert.baseline is not None:
        yield "baseline", [Span(text) for text in _baseline(alert.baseline, is_brief)]
    created = _created(alert.created_by)
    if created:
        yield "created by", [Span(created)]
    puller = alert.pulled_by
    pulled = [part for part in (puller.client, puller.source_ip, puller.user_agent) if part]
    if pulled:
        yield "pulled by", [Span(", ".join(map(_clip, pulled)))]


def _fact(page: Page, label: str, spans: list[Span]) -> list[str]:
    first = _INDENT + page.paint(label.ljust(_LABEL), DIM)
    return page.wrap(spans, first, " " * (len(_INDENT) + _LABEL))


def _timeline(timeline: Timeline, alert: Alert, page: Page, is_brief: bool) -> list[str]:
    if not timeline.rows:
        return []
    lines: list[str] = []
    if not is_brief and timeline.anchor is not None:
        title = f"from {timeline.anchor.what}, {clock(timeline.anchor.time_ns)}"
        heading = [Span("Timeline", BOLD), Span(title, DIM)]
        if timeline.folder:
            heading = [
                heading[0],
                Span(f"{title};", DIM),
                Span(f"records in {_clip(timeline.folder)}", DIM, glued=True),
            ]
        lines += page.wrap(heading, _INDENT, _INDENT)
    offsets = [timeline.offset_of(row) or "?" for row in timeline.rows]
    wide = max(map(len, offsets))
    stages = min(max(len(row.stage) for row in timeline.rows), _STAGE)
    for row, distance in zip(timeline.rows, offsets, strict=True):
        lines += _row(row, distance.rjust(wide), stages, page)
    if timeline.left_out:
        strong = sum(behaviour.strength == "strong" for behaviour in timeline.left_out)
        kinds = f"and {len(timeline.left_out)} other behaviours, {strong} of them strong; the JSON record lists all"
        lines += page.wrap([Span(kinds, DIM)], _INDENT * 2, _INDENT * 2)
    if alert.behaviours_omitted:
        more = f"and {alert.behaviours_omitted:,} more, counted but not kept"
        lines += page.wrap([Span(more, YELLOW)], _INDENT * 2, _INDENT * 2)
    return lines


def _row(row: Row, distance: str, stages: int, page: Page) -> list[str]:
    first = _before(row, distance, stages, page)
    # A command line is shown as it was typed; what we say ourselves names digests by their beginning.
    what = _clip(row.what) if row.strength else _shorter(row.what)
    spans = [Span(what or "(no details reported)"), Span(_clip(row.note))]
    if row.pointer:
        spans.append(Span(f"[{_clip(row.pointer)}]", DIM, glued=True))
    lines = page.wrap(spans, first, " " * painted_cells(first))
    if len(lines) > _TALL and page.width - painted_cells(first) < _ROOM:
        return page.wrap(spans, first, " " * (len(_INDENT) + len(distance) + 4))
    return lines


def _before(row: Row, distance: str, stages: int, page: Page) -> str:
    strength = row.strength or ""
    mark = page.paint(strength.ljust(6), _STRENGTH_STYLES.get(strength, ""))
    stage = padded(shortened(visible(row.stage), _STAGE), stages)
    return f"{_INDENT}{page.paint(distance, CYAN)}  {stage}  {mark}  "


def _list(page: Page, title: str, items: list[str] | tuple[str, ...]) -> list[str]:
    if not items:
        return []
    lines = ["", _INDENT + page.paint(title, BOLD)]
    for item in items:
        lines += page.wrap([Span(_shorter(item))], _INDENT + "- ", _INDENT * 2)
    return lines


def _footer(alert: Alert, page: Page) -> list[str]:
    parts = [f"id {_name(alert.id)}", f"incident {_name(alert.incident)}", _name(f"{alert.analytic}/{alert.technique}")]
    if alert.attack is not None:
        parts.append(_name(f"{alert.attack.technique} (ATT&CK {alert.attack.release})"))
    if alert.revision or not alert.final:
        parts.append(f"revision {alert.revision}{'' if alert.final else ', not final'}")
    return page.wrap([Span(part, DIM, glued=True) for part in parts], _INDENT, _INDENT)


def _reason_of(behaviour: BehaviourShown) -> str:
    """The words in `reasons` that say no more than the behaviour's own row."""
    known = f", known: {behaviour.known}" if behaviour.known else ""
    return f"{behaviour.reason}: {behaviour.what} ({behaviour.strength}{known})"


def _short(missing: tuple[str, ...]) -> list[str]:
    return [item.partition(":")[0] for item in missing]


def _pod(alert: Alert) -> str:
    pod = "/".join(_name(part) for part in (alert.namespace, alert.pod) if part)
    owner = alert.workload
    if owner is None:
        return pod
    named = " ".join(_name(part) for part in (owner.kind, owner.name) if part)
    return f"{pod} of {named}" if pod and named else pod or named


def _baseline(known: BaselineShown, is_brief: bool) -> Iterator[str]:
    """Whose baseline, whether it knows the content, and how far it can be relied on."""
    content = {
        "known": "knows this content",
        "new": "treats this content as new",
        "unknown": "cannot compare this content: a digest is missing",
    }[known.content]
    yield f"{_name(known.workload)} {content};"
    share = f"{floor(known.completeness * 1000) / 10:g} % complete"
    least = f"(at least {floor(known.completeness_at_least * 1000) / 10:g} %)"
    yield f"{share} {least}, {'mature' if known.mature else 'not mature'}{'' if is_brief else ':'}"
    if not is_brief:
        yield f"{known.container_hours:,} container-hours, {known.starts:,} starts,"
        yield f"{known.hours_of_day} of 24 hours, {known.weekdays} of 7 weekdays"


def image_words(image: ImageIdentity) -> str:
    """What was typed, and the digests that are known of it."""
    return ", ".join((_shorter(image.reference or "") or "(no reference known)", *_digests(image)))


def _digests(image: ImageIdentity) -> Iterator[str]:
    yield f"config {short_digest(image.config_digest)}" if image.config_digest else "config digest not known"
    others = (("manifest", image.manifest_digest), ("index", image.index_digest), ("chain ID", image.chain_id))
    yield from (f"{name} {short_digest(digest)}" for name, digest in others if digest)


def _created(creator: CreatedBy) -> str:
    if not (creator.user or creator.groups or creator.source_ip or creator.user_agent):
        return ""
    groups = f" ({_clip(', '.join(creator.groups))})" if creator.groups else ""
    told = [
        _clip(creator.user or "user not named") + groups,
        f"from {_clip(creator.source_ip)}" if creator.source_ip else "",
        f"with {_clip(creator.user_agent)}" if creator.user_agent else "",
        f"reported by {_clip(creator.via)}" if creator.via else "",
    ]
    return ", ".join(part for part in told if part)


def short_container(container_id: str | None) -> str:
    """The first 12 characters of a 64-character id; a name that somebody chose stays whole."""
    if container_id is None:
        return ""
    return clipped(container_id[:12] if len(container_id) == 64 else container_id, _NAME_LIMIT)


def short_digest(digest: str) -> str:
    """The first 12 hex characters of a digest, after its algorithm."""
    algorithm, _, value = digest.partition(":")
    return clipped(f"{algorithm}:{value[:12]}" if value else digest[:12], _NAME_LIMIT)


def _shorter(text: str) -> str:
    """Text of ours, in which whole digests give way to their beginning."""
    return _clip(_WHOLE_DIGEST.sub(_beginning, text))


def _beginning(digest: re.Match[str]) -> str:
    return f"{digest.group(1)}.."


def _name(text: str | None) -> str:
    return clipped(text, _NAME_LIMIT) if text else ""


def _clip(text: str) -> str:
    return clipped(text, LINE_LIMIT)
