"""Turns the summary of a run into a few lines: what was read, what became of it, and whether silence means anything."""

from collections.abc import Iterable

from tidewaiter.alert import SourceCount, Summary
from tidewaiter.sinks._escape import clipped
from tidewaiter.sinks._page import BOLD, DIM, GREEN, YELLOW, Page, Span

_LABEL = 10
_INDENT = "  "
_UNRECOGNISED = "unrecognised"
"""Stands for a source where none was found."""
OUTCOME_WORDS = {
    "used": "used",
    "irrelevant": "irrelevant",
    "waiting": "waiting for a container",
    "expired": "too late",
    "unattributed": "not attributed to a container",
    "duplicate": "duplicates",
    "rejected": "unreadable",
}


def render_summary(summary: Summary, page: Page) -> list[str]:
    """Four to eight lines."""
    rejected = summary.outcomes.get("rejected", 0)
    if summary.complete and not summary.records:
        head = [Span("Summary", BOLD), Span("EMPTY: no records were read, so nothing can be said", YELLOW)]
    elif summary.complete and rejected:
        told = f"complete, except for {_counted(rejected, 'unreadable record')}"
        head = [Span("Summary", BOLD), Span(told, YELLOW)]
    elif summary.complete:
        head = [Span("Summary", BOLD), Span("complete: all requested telemetry was read", GREEN)]
    else:
        loud = "INCOMPLETE: part of the telemetry is missing; absence of alerts proves nothing"
        head = [Span("Summary", BOLD), Span(loud, "1;31")]
    lines = page.wrap(head, hang=_INDENT)
    lines += _line(page, "records", _records(summary))
    lines += _line(page, "sources", _sources(summary))
    lines += _line(page, "found", _found(summary))
    if summary.evicted:
        words = f"{summary.evicted:,} items of state were dropped at a size limit; something may have been missed"
        lines += _line(page, "evicted", [Span(words, YELLOW)])
    return lines


def _line(page: Page, label: str, spans: list[Span]) -> list[str]:
    return page.wrap(spans, _INDENT + page.paint(label.ljust(_LABEL), DIM), " " * (len(_INDENT) + _LABEL))


def _records(summary: Summary) -> list[Span]:
    known = [name for name in OUTCOME_WORDS if summary.outcomes.get(name)]
    known += [name for name in summary.outcomes if name not in OUTCOME_WORDS and summary.outcomes[name]]
    told = [f"{summary.outcomes[name]:,} {OUTCOME_WORDS.get(name, clipped(name, 40))}" for name in known]
    read = f"{summary.records:,} read"
    return [Span(f"{read}:"), *_listed(map(Span, told))] if told else [Span(read)]


def _sources(summary: Summary) -> list[Span]:
    if not summary.sources:
        return [Span("none recognised (see: tidewaiter sources)", YELLOW)]
    ordered = sorted(summary.sources.items(), key=lambda item: (-item[1].records, item[0]))
    first = next((name for name, _ in ordered if name != _UNRECOGNISED), None)
    return _listed(
        Span(f"{clipped(name, 40)} {count.records:,}{_share(name, count, is_first=name == first)}")
        for name, count in ordered
    )


def _share(name: str, count: SourceCount, *, is_first: bool) -> str:
    """How much of a source's records could be attributed; what the figure means is said once."""
    notes = []
    if count.records and name != _UNRECOGNISED:
        # Cut, not rounded: 100% is said only where nothing is missing.
        tenths = 1000 * (count.records - count.unattributed) // count.records
        notes.append(f"{tenths // 10}%" if tenths % 10 == 0 else f"{tenths // 10}.{tenths % 10}%")
        notes[0] += " attributed" if is_first else ""
    if count.dropped:
        notes.append(f"{count.dropped:,} dropped by the producer")
    return f" ({', '.join(notes)})" if notes else ""


def _found(summary: Summary) -> list[Span]:
    alerts = Span(_counted(summary.alerts, "alert"), "1;31" if summary.alerts else "")
    suspicious = Span(f"{summary.suspicious:,} suspicious", YELLOW if summary.suspicious else "")
    silenced = Span(f"{summary.silenced:,} silenced by policy")
    return _listed([alerts, suspicious, silenced, Span(_counted(summary.attempted_pulls, "failed pull"))])


def _listed(spans: Iterable[Span]) -> list[Span]:
    """The spans with commas between, none of them broken over lines."""
    *most, last = spans
    return [*(Span(f"{span.text},", span.style, glued=True) for span in most), Span(last.text, last.style, glued=True)]


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
