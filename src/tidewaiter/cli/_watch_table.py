"""Turns the rows of a glance into a table that fits: columns that tell less go first where the screen is narrow."""

from collections.abc import Callable, Sequence

import msgspec

from tidewaiter.glance import Row
from tidewaiter.sinks._alert_text import CONSISTENCY_STYLES, TRUST_STYLES, short_container, short_digest
from tidewaiter.sinks._escape import clipped
from tidewaiter.sinks._moments import span
from tidewaiter.sinks._page import BOLD, DIM, YELLOW, Page, cells, padded, shortened

_GAP = 2
_VERDICT_STYLES = {"alert": "1;31", "suspicious": YELLOW, "open": BOLD, "silenced": DIM, "ended": DIM}
_STEPS = {"pull": "P", "create": "C", "start": "S", "behaviour": "!"}


class Column(msgspec.Struct, frozen=True):
    """One column."""

    heading: str
    text: Callable[[Row, int], str]
    """What stands in it, given the time."""
    width: int
    """In cells; of the two that grow, the least."""
    grows: int = 0
    """Which share of the room that is left it takes, and at most so many cells more."""
    rank: int = 0
    """Where there is no room, the highest goes first."""
    style: Callable[[str], str] = lambda text: ""


def render_rows(rows: Sequence[Row], now_ns: int, page: Page, most: int) -> list[str]:
    """A heading and a line for each row, as many as there is room for; the last one counts the rest."""
    if most < 1:
        return []
    if not rows:
        return [page.paint("none that runs is known", DIM)]
    if most < 3 and len(rows) >= most:
        return [page.paint(f"{len(rows):,} containers, for which there is no room", DIM)]
    shown = rows if len(rows) <= most - 1 else rows[: most - 2]
    texts = [[column.text(row, now_ns) for column in _COLUMNS] for row in shown]
    widths = _fitted(texts, page.width)
    lines = [page.paint(_joined([column.heading for column in _COLUMNS], widths, None), BOLD)]
    lines += [_joined(line, widths, page) for line in texts]
    if len(shown) < len(rows):
        lines.append(page.paint(f"and {len(rows) - len(shown):,} more", DIM))
    return lines


def _fitted(texts: Sequence[Sequence[str]], room: int) -> list[int]:
    """The width of each column; 0: left out."""
    widths = [column.width for column in _COLUMNS]
    for place in sorted(range(len(widths)), key=lambda place: -_COLUMNS[place].rank):
        if _sum(widths) <= room or not _COLUMNS[place].rank:
            break
        widths[place] = 0
    left = room - _sum(widths)
    wanted = {
        place: max(cells(line[place]) for line in texts) - width
        for place, width in enumerate(widths)
        if _COLUMNS[place].grows
    }
    while left > 0 and any(more > 0 for more in wanted.values()):
        place = max(wanted, key=lambda place: wanted[place] * _COLUMNS[place].grows)
        widths[place] += 1
        wanted[place] -= 1
        left -= 1
    return widths


def _sum(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (sum(width > 0 for width in widths) - 1)


def _joined(texts: Sequence[str], widths: Sequence[int], page: Page | None) -> str:
    told = []
    for column, text, width in zip(_COLUMNS, texts, widths, strict=True):
        if width:
            cell = padded(shortened(text, width), width)
            told.append(cell if page is None else page.paint(cell, column.style(text)))
    return (" " * _GAP).join(told).rstrip()


def _verdict(row: Row, now_ns: int) -> str:
    if row.shown.verdict != "quiet":
        return row.shown.verdict
    return "ended" if row.ended_ns is not None else "open" if row.is_open else "quiet"


def _name(row: Row, now_ns: int) -> str:
    shown = row.shown
    name = shown.container_name or ""
    if shown.pod:
        name = f"{shown.pod}/{name}" if name else shown.pod
    return clipped(name, 120) or short_container(shown.container_id) or "-"


def _image(row: Row, now_ns: int) -> str:
    reference = row.shown.image.reference
    return clipped(reference.removeprefix("docker.io/library/"), 200) if reference else "-"


def _config(row: Row, now_ns: int) -> str:
    digest = row.shown.image.config_digest
    return short_digest(digest).removeprefix("sha256:") if digest else "-"


def _age(row: Row, now_ns: int) -> str:
    if row.since_ns is None:
        return "-"
    return span(max((row.ended_ns or now_ns) - row.since_ns, 0) // 1_000_000_000 * 1_000_000_000)


def _did(row: Row, now_ns: int) -> str:
    return f"{row.behaviours:,}" if row.behaviours < 10_000 else "9999+"


_COLUMNS = (
    Column("VERDICT", _verdict, 10, style=lambda text: _VERDICT_STYLES.get(text, "")),
    Column("CONTAINER", _name, 12, grows=3),
    Column("IMAGE", _image, 16, grows=1),
    Column("TRUST", lambda row, _: row.shown.trust.state, 9, style=lambda text: TRUST_STYLES.get(text, "")),
    Column("CONFIG", _config, 12, rank=4),
    Column(
        "DIGEST", lambda row, _: row.shown.digest_consistency, 11, rank=3, style=lambda t: CONSISTENCY_STYLES.get(t, "")
    ),
    Column("PCS!", lambda row, _: "".join(s if k in row.steps else "." for k, s in _STEPS.items()), 4, rank=2),
    Column("DID", _did, 5, rank=1),
    Column("AGE", _age, 6),
)
