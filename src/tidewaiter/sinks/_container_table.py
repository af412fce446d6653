"""Turns what is known of containers into a table with a row for each."""

from collections.abc import Sequence

from tidewaiter.alert import ContainerShown
from tidewaiter.sinks._alert_text import CONSISTENCY_STYLES, TRUST_STYLES, short_container, short_digest
from tidewaiter.sinks._escape import clipped
from tidewaiter.sinks._page import BOLD, DIM, YELLOW, Page, cells, cut_off, padded, shortened

_HEADINGS = ("CONTAINER", "NAME OR POD", "IMAGE", "CONFIG", "TRUST (RULE)", "CONSISTENCY", "VERDICT")
_SMALLEST = (12, 14, 20, 12, 16, 11, 10)
"""Cells below which a column tells nothing."""
_LARGEST = (16, 60, 90, 12, 40, 11, 10)
_TRUST = 4
_SHRINKING = (2, 1, _TRUST)
_GAP = "  "
_VERDICT_STYLES = {"alert": "1;31", "suspicious": YELLOW, "silenced": DIM}


def render_table(containers: Sequence[ContainerShown], page: Page) -> list[str]:
    """A heading and one row for each container, in the order given; two lines for each where the page is narrow."""
    rows = [_fields(container) for container in containers]
    widths = [max(cells(text) for text in column) for column in zip(_HEADINGS, *rows, strict=True)]
    widths = _fitted(widths, page.width)
    if sum(widths) + len(_GAP) * (len(widths) - 1) > page.width:
        return _folded(containers, rows, page)
    head = page.paint(_joined(_HEADINGS, widths), BOLD)
    return [head, *(_painted(c, r, widths, page) for c, r in zip(containers, rows, strict=True))]


def render_row(container: ContainerShown, page: Page) -> list[str]:
    """One container by itself, without a heading."""
    row = _fields(container)
    smallest = [max(cells(text), width) for text, width in zip(row, _SMALLEST, strict=True)]
    widths = _fitted(smallest, page.width)
    if sum(widths) + len(_GAP) * (len(widths) - 1) > page.width:
        return _folded([container], [row], page)[2:]
    return [_painted(container, row, widths, page)]


def _fields(container: ContainerShown) -> tuple[str, ...]:
    image = container.image
    named = container.container_name or ""
    if container.pod:
        where = f"{container.namespace}/{container.pod}" if container.namespace else container.pod
        named = f"{where}/{named}" if named else where
    trust = container.trust
    return (
        short_container(container.container_id) or "-",
        clipped(named, 200) or "-",
        clipped(image.reference or "", 200) or "-",
        short_digest(image.config_digest).removeprefix("sha256:") if image.config_digest else "-",
        clipped(f"{trust.state} ({trust.rule})", 200),
        container.digest_consistency,
        clipped(container.verdict, 20),
    )


def _fitted(widths: Sequence[int], room: int) -> list[int]:
    """Column widths that fit, taken from the widest of those that may shrink."""
    fitted = [min(width, most) for width, most in zip(widths, _LARGEST, strict=True)]
    over = sum(fitted) + len(_GAP) * (len(fitted) - 1) - room
    while over > 0:
        spare = [(fitted[place] - _SMALLEST[place], place) for place in _SHRINKING]
        most, place = max(spare)
        if most <= 0:
            break
        fitted[place] -= 1
        over -= 1
    return fitted


def _joined(row: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(_cells(row, widths)).rstrip()


def _cells(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """The cells of a row cut and filled to their widths; of the trust, the state at its beginning stays."""
    cut = [shortened(text, width) for text, width in zip(row, widths, strict=True)]
    cut[_TRUST] = cut_off(row[_TRUST], widths[_TRUST])
    return [padded(text, width) for text, width in zip(cut, widths, strict=True)]


def _painted(container: ContainerShown, row: Sequence[str], widths: Sequence[int], page: Page) -> str:
    shown = _cells(row, widths)
    shown[_TRUST] = page.paint(shown[_TRUST], TRUST_STYLES.get(container.trust.state, ""))
    shown[5] = page.paint(shown[5], CONSISTENCY_STYLES.get(container.digest_consistency, ""))
    shown[6] = page.paint(shown[6], _VERDICT_STYLES.get(container.verdict, ""))
    return _GAP.join(shown).rstrip()


def _folded(containers: Sequence[ContainerShown], rows: Sequence[Sequence[str]], page: Page) -> list[str]:
    """Two lines for each container: which one and what became of it, then its image."""
    trusts = min(max(cells(text) for text in (_HEADINGS[_TRUST], *(row[_TRUST] for row in rows))), 20)
    image_room = max(page.width - trusts - 31, 8)
    name_room = max(page.width - 26, 8)
    lines = [page.paint(line, BOLD) for line in _fold(_HEADINGS, trusts, image_room, name_room, ("", ""), page)]
    for container, row in zip(containers, rows, strict=True):
        styles = TRUST_STYLES.get(container.trust.state, ""), _VERDICT_STYLES.get(container.verdict, "")
        lines += _fold(row, trusts, image_room, name_room, styles, page)
    return lines


def _fold(row: Sequence[str], trusts: int, images: int, names: int, styles: tuple[str, str], page: Page) -> list[str]:
    ident, name, image, config, trust, consistency, verdict = row
    trust = page.paint(padded(cut_off(trust, trusts), trusts), styles[0])
    verdict = page.paint(padded(shortened(verdict, 10), 10), styles[1])
    return [
        f"{padded(shortened(ident, 12), 12)}  {verdict}  {shortened(name, names)}".rstrip(),
        f"  {padded(shortened(image, images), images)}  {padded(cut_off(config, 12), 12)}  {trust}  {consistency}",
    ]
