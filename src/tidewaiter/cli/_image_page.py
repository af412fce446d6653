"""Turns names, sizes and digests of images into the pieces of text that the image commands share."""

from collections.abc import Iterable, Sequence

from tidewaiter.cli._terminal import page_size
from tidewaiter.image.verification import ImageIdentity, Verdict
from tidewaiter.image.view import Form
from tidewaiter.sinks._escape import clipped
from tidewaiter.sinks._page import BOLD, DIM, GREEN, RED, YELLOW, Page, Span

LABEL = 9
"""Cells of a label and the blank behind it: a digest of 71 characters ends in the 80th."""
VERDICT_STYLES: dict[str, str] = {"proven": GREEN, "broken": f"1;{RED}", "incomplete": YELLOW}
_FORMS: dict[Form, str] = {
    "docker_archive_v1": "Docker archive of the first form",
    "docker_archive": "Docker archive",
    "oci_layout": "OCI layout",
    "oci_archive": "OCI archive",
    "registry": "registry",
    "docker": "Docker daemon",
    "containerd": "containerd",
}
_UNITS = ("B", "kB", "MB", "GB", "TB")
_LONGEST = 400


def image_page() -> Page:
    """The page of the terminal that is there."""
    width, color = page_size()
    return Page(width, color)


def form_words(form: Form) -> str:
    """A form, for people."""
    return _FORMS[form]


def size_words(size_bytes: int | None) -> str:
    """A size in at most 8 cells."""
    if size_bytes is None:
        return "?"
    size = float(size_bytes)
    for unit in _UNITS:
        if size < 999.5 or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.95 else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


def short(digest: str | None) -> str:
    """A digest as alerts show it: its algorithm and 12 characters."""
    if digest is None:
        return "none"
    algorithm, colon, encoded = digest.partition(":")
    return f"{algorithm}:{encoded[:12]}" if colon and len(encoded) >= 12 else clipped(digest, 40)


def labelled(page: Page, label: str, words: str | Iterable[Span], width: int = LABEL, indent: str = "") -> list[str]:
    """A line with a label before it, broken where it is too long."""
    spans = [Span(clipped(words, _LONGEST))] if isinstance(words, str) else list(words)
    return page.wrap(spans, indent + page.paint(label.ljust(width), DIM), " " * (len(indent) + width))


def identity_lines(page: Page, identity: ImageIdentity) -> list[str]:
    """The digests of one image, from the outermost in, each on a line of its own."""
    lines: list[str] = []
    names = (
        ("index", identity.index_digest),
        ("manifest", identity.manifest_digest),
        ("config", identity.config_digest),
        ("chain ID", identity.chain_id),
    )
    for label, digest in names:
        if digest is not None:
            lines += labelled(page, label, digest)
    return lines


def title(page: Page, identity: ImageIdentity) -> list[str]:
    """The platform of an image, and its names."""
    spans = [Span(clipped(identity.platform or "platform unknown", 60), BOLD, glued=True)]
    spans += [Span(clipped(name, 200)) for name in identity.references]
    return page.wrap(spans, hang="  ")


def verdict_span(verdict: Verdict) -> Span:
    """The verdict in its colour."""
    return Span(verdict.upper(), VERDICT_STYLES[verdict])


def columns(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """Rows of cells, each column as wide as its widest cell; those in `right` end together. Text must be visible."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))] if rows else []
    return [
        "  ".join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
