"""Turns an inspection into text: labels and values, a bar for each layer, and lists of what could run."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from tidewaiter.cli._image_page import (
    form_words,
    identity_lines,
    labelled,
    short,
    size_words,
    verdict_span,
)
from tidewaiter.image.contents import Contents, Privileged, Tool
from tidewaiter.image.inspection import ImageShown, Inspection, LayerShown
from tidewaiter.image.settings import told_platform
from tidewaiter.image.verification import Verdict
from tidewaiter.image.view import Image, View
from tidewaiter.sinks._escape import clipped, visible
from tidewaiter.sinks._page import BOLD, CYAN, DIM, YELLOW, Page, Span, padded

_LABEL = 14
_BAR = 16
_SHOWN = 8
_FEW_LABELS = 6
_RUN = (
    ("entrypoint", "Entrypoint"),
    ("cmd", "Cmd"),
    ("healthcheck", "Healthcheck"),
    ("user", "User"),
    ("working dir", "WorkingDir"),
    ("ports", "ExposedPorts"),
    ("volumes", "Volumes"),
    ("stop signal", "StopSignal"),
    ("shell", "Shell"),
)
_SORTS = (
    ("shells", "shells"),
    ("package managers", "package_managers"),
    ("download tools", "download_tools"),
    ("interpreters", "interpreters"),
    ("compilers", "compilers"),
    ("set-user-ID", "setuid"),
    ("set-group-ID", "setgid"),
)


def render(found: Inspection, page: Page, *, has_env: bool) -> list[str]:
    """One screen about the first image."""
    head = [Span(clipped(found.name, 300), BOLD), Span(f"({form_words(found.form)})")]
    lines = page.wrap(head, hang="  ")
    for image in found.images[:1]:
        lines += [*identity_lines(page, image.identity), *_verdict(page, found.verdict), ""]
        lines += _run(page, image, has_env=has_env)
        lines += ["", page.paint("Layers, bottom first: unpacked, packed", BOLD), *_layers(page, image.layers)]
        if image.contents is not None:
            lines += ["", page.paint("What could run (by name)", BOLD), *_contents(page, image.contents)]
    if found.others:
        lines += ["", page.paint("Beside it", BOLD)]
        for other in found.others[:_SHOWN]:
            about = f" about {short(other.about)}" if other.about is not None else ""
            kind = f" ({clipped(other.media_type, 80)})" if other.media_type is not None else ""
            lines += page.wrap([Span(f"{other.kind} {short(other.digest)}{about}{kind}")], "  ", "    ")
    return lines


def _verdict(page: Page, verdict: Verdict) -> list[str]:
    more = [] if verdict == "proven" else [Span("(tidewaiter image verify says why)")]
    return labelled(page, "digests", [verdict_span(verdict), *more])


def render_tree(view: View, page: Page) -> list[str]:
    """All images of a view, below the index that holds them."""
    lines = page.wrap([Span(clipped(view.name, 300), BOLD), Span(f"({form_words(view.form)})")], hang="  ")
    seen: object = None
    for image in view.images:
        index = image.index.digest if image.index is not None else None
        if index != seen and index is not None:
            lines += page.wrap([Span("index", DIM), Span(short(index), CYAN)])
        seen = index
        lines += _branch(page, image, "  " if index is not None else "")
    for other in view.others:
        about = f" about {short(other.about)}" if other.about is not None else ""
        lines += page.wrap([Span(f"{other.kind} {short(other.digest)}{about}", DIM)], "  ")
    lines += ["", "Choose one with --platform or --name to see its layers and what could run."]
    return lines


def _branch(page: Page, image: Image, indent: str) -> list[str]:
    spans = [Span(clipped(told_platform(image) or "platform unknown", 60), BOLD, glued=True)]
    spans += [Span(clipped(name, 200)) for name in image.references]
    lines = page.wrap(spans, indent, indent + "    ")
    told = [("manifest", image.manifest), ("config", image.config)]
    digests = [f"{label} {short(document.digest)}" for label, document in told if document is not None]
    size = sum(layer.descriptor.size_bytes or 0 for layer in image.layers if layer.descriptor is not None)
    count = len(image.layers)
    layers = f"{count} layer{'' if count == 1 else 's'}{f', {size_words(size)}' if size else ''}"
    return lines + page.wrap([Span(", ".join([*digests, layers]))], indent + "  ", indent + "    ")


def _run(page: Page, image: ImageShown, *, has_env: bool) -> Iterator[str]:
    platform = clipped(image.platform or "not told", 60)
    yield from labelled(page, "platform", platform, _LABEL)
    for name in image.identity.references:
        yield from labelled(page, "name", name, _LABEL)
    for label, told in (("created", image.created), ("author", image.author)):
        if told is not None:
            yield from labelled(page, label, told, _LABEL)
    for label, key in _RUN:
        told = image.run.get(key)
        if told is not None:
            yield from labelled(page, label, _words(key, told), _LABEL)
        elif key == "User":
            yield from labelled(page, label, "root (none is told)", _LABEL)
    environment = image.run.get("Env")
    if isinstance(environment, list):
        if has_env:
            for variable in environment:
                yield from labelled(page, "env", str(variable), _LABEL)
        else:
            yield from labelled(page, "env", f"{len(environment)} set (--env shows them)", _LABEL)
    labels = list(image.labels.items())
    for key, value in labels if has_env else labels[:_FEW_LABELS]:
        yield from labelled(page, "label", f"{key}={value}", _LABEL)
    if not has_env and len(labels) > _FEW_LABELS:
        yield from labelled(page, "label", f"... and {len(labels) - _FEW_LABELS} more (--env)", _LABEL)


def _words(key: str, told: Any) -> str:
    if isinstance(told, dict) and key in ("ExposedPorts", "Volumes"):
        return ", ".join(told)
    if isinstance(told, dict) and key == "Healthcheck" and set(told) == {"Test"}:
        told = told["Test"]
    return told if isinstance(told, str) else msgspec.json.encode(told).decode("utf-8", "replace")


def _layers(page: Page, layers: Sequence[LayerShown]) -> Iterator[str]:
    largest = max((layer.plain_bytes or 0 for layer in layers), default=0)
    for number, layer in enumerate(layers, 1):
        share = (layer.plain_bytes or 0) / largest if largest else 0
        bar = padded("#" * max(round(share * _BAR), 1 if layer.plain_bytes else 0), _BAR)
        packed = "" if layer.compression in ("none", None) else f"{size_words(layer.size_bytes)} {layer.compression}"
        sizes = f"{size_words(layer.plain_bytes):>8} {packed:<13}"
        yield f"{number:>3} {page.paint(bar, CYAN)} {sizes} {short(layer.layer_digest)}"
        if layer.created_by:
            yield from page.wrap([Span(clipped(layer.created_by, 160), DIM)], "    ", "    ")
    if not layers:
        yield "  none"


def _contents(page: Page, contents: Contents) -> Iterator[str]:
    width = max(len(label) for label, _ in _SORTS) + 2
    for label, field in _SORTS:
        found: Sequence[Tool | Privileged] = getattr(contents, field)
        words = [Span(f"{text},", glued=True) for text in _tools(found[:_SHOWN])]
        if len(found) > _SHOWN:
            words.append(Span(f"and {len(found) - _SHOWN} more", DIM))
        elif words:
            words[-1] = Span(words[-1].text[:-1], glued=True)
        yield from labelled(page, label, words or [Span("none", DIM)], width, "  ")
    yield from labelled(page, "files", f"{contents.files:,} in all", width, "  ")
    if contents.left_out:
        yield from page.wrap([Span(f"{contents.left_out:,} more were left out: a list was full", YELLOW)], "  ")


def _tools(found: Iterable[Tool | Privileged]) -> Iterator[str]:
    for each in found:
        program = f" -> /{visible(each.program)}" if isinstance(each, Tool) and each.program is not None else ""
        yield f"/{visible(each.path)}{program} [{each.layer_index + 1}]"
