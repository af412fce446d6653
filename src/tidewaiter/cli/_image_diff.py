"""Turns `tidewaiter image diff` into whether two images are the same content, and what changed where they are not."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack

import click
import msgspec

from tidewaiter.cli._faults import UsageFault
from tidewaiter.cli._form import form_option
from tidewaiter.cli._image_page import columns, form_words, image_page, labelled, short, size_words, verdict_span
from tidewaiter.cli._image_target import Choice, choice_options, opened, target_options
from tidewaiter.cli._progress import Meter
from tidewaiter.cli._terminal import write_bytes, write_text
from tidewaiter.edge.images import OpenOptions
from tidewaiter.image.diff import AmbiguousImageError, Examined, ImageChange, ImageDiff, KeyChange, LayerChange, Side
from tidewaiter.image.diff import diff as compare
from tidewaiter.image.diff_files import FileChange
from tidewaiter.image.measure import Measurements
from tidewaiter.image.validate import validate
from tidewaiter.policy_yaml import printable
from tidewaiter.sinks._escape import clipped, encode_json, visible
from tidewaiter.sinks._page import BOLD, GREEN, RED, YELLOW, Page, Span

_SHOWN_FILES = 40
_SIGNS = {"same": " ", "removed": "-", "added": "+", "changed": "~"}
_STYLES = {"same": "", "removed": RED, "added": GREEN, "changed": YELLOW}


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--all", "is_all", is_flag=True, help="List every changed file.")
@choice_options
@target_options
@form_option
def diff(a: str, b: str, is_all: bool, choice: Choice, options: OpenOptions, form: str) -> None:
    """Compare two images: same content, or what differs.

    Names the layers, files and config keys that changed.

    Same content is the same unpacked layers and the same run settings (entrypoint, command, environment, user,
    healthcheck ...) on every platform both have. Two forms of one image, or two compressions, have other digests and
    the same content.

    \b
    Example:
      tidewaiter image diff web.tar registry.corp.example/shop/web:1.4

    Exit status: 0 same content, 1 different, 2 usage, 3 it could not be told.
    """
    # How much is read shows only while it is: where the layers differ, they are read again for their files.
    with ExitStack() as stack, Meter(0) as meter:
        sides = []
        for target in (a, b):
            view = choice.of(stack.enter_context(opened(target, options)))
            measurements = Measurements(meter.add)
            sides.append(Examined(view, validate(view, measurements=measurements), measurements))
        try:
            found = compare(*sides)
        except AmbiguousImageError as error:
            raise UsageFault(f"{printable(str(error))} (--name, --platform)") from error
    if form == "json":
        write_bytes(encode_json(found))
    else:
        write_text("\n".join(render(found, image_page(), is_all=is_all)) + "\n")
    raise click.exceptions.Exit({True: 0, False: 1, None: 3}[found.same_content])


def render(found: ImageDiff, page: Page, *, is_all: bool) -> list[str]:
    """The answer first, then each platform."""
    words = {
        True: Span("SAME CONTENT", f"1;{GREEN}"),
        False: Span("DIFFERENT", f"1;{RED}"),
        None: Span("NOT KNOWN", f"1;{YELLOW}"),
    }
    lines = page.wrap([words[found.same_content]])
    lines += _side(page, "A", found.a) + _side(page, "B", found.b)
    if not found.platforms:
        lines.append("no platform is in both")
    for sign, platforms in (("A", found.only_in_a), ("B", found.only_in_b)):
        if platforms:
            lines += page.wrap([Span(f"only in {sign}: {clipped(', '.join(platforms), 400)}")], hang="  ")
    for change in found.platforms:
        lines += ["", *_platform(page, change, is_all=is_all)]
    return lines


def _side(page: Page, sign: str, side: Side) -> list[str]:
    words = [Span(clipped(side.name, 200)), Span(f"({form_words(side.form)},"), verdict_span(side.verdict)]
    words[-1] = Span(f"{side.verdict})", words[-1].style)
    return labelled(page, sign, words, 2, "  ")


def _platform(page: Page, change: ImageChange, *, is_all: bool) -> list[str]:
    told = {True: "same content", False: "different", None: "not known"}[change.same_content]
    because = f": {'; '.join(change.reasons)}" if change.reasons else ""
    lines = page.wrap([Span(clipped(change.platform, 60), BOLD), Span(f"{told}{clipped(because, 600)}")], hang="  ")
    rows = [
        (label, short(one), short(two), "same" if one == two else "differs")
        for label, one, two in (
            ("index", change.a.index_digest, change.b.index_digest),
            ("manifest", change.a.manifest_digest, change.b.manifest_digest),
            ("config", change.a.config_digest, change.b.config_digest),
            ("chain ID", change.a.chain_id, change.b.chain_id),
        )
        if one is not None or two is not None
    ]
    lines += [f"  {line}" for line in columns(rows)]
    if any(layer.change != "same" for layer in change.layers):
        lines += ["", page.paint("  Layers, bottom first", BOLD), *_layers(page, change.layers)]
    if change.config:
        lines += ["", page.paint("  Config", BOLD)]
        for key in change.config:
            lines += _key(page, key)
    if change.files:
        lines += ["", page.paint("  Files", BOLD), *_files(page, change.files, is_all=is_all)]
    return lines


def _layers(page: Page, layers: Sequence[LayerChange]) -> list[str]:
    rows = [(_SIGNS[layer.change], short(layer.diff_id), size_words(layer.size_bytes)) for layer in layers]
    told = columns(rows, right=frozenset({2}))
    return [page.paint(f"  {line}", _STYLES[layer.change]) for line, layer in zip(told, layers, strict=True)]


def _key(page: Page, key: KeyChange) -> list[str]:
    note = [Span("changes what runs", YELLOW)] if key.changes_run else []
    lines = page.wrap([Span(clipped(key.key, 80), BOLD), *note], "  ", "    ")
    for sign, value, style in (("-", key.a, RED), ("+", key.b, GREEN)):
        if value is not None:
            is_history = key.key == "history" and isinstance(value, list)
            text = (
                f"{len(value)} step{'' if len(value) == 1 else 's'}"
                if is_history
                else msgspec.json.encode(value).decode("utf-8")
            )
            lines += page.wrap([Span(clipped(text, 300), style)], page.paint(f"    {sign} ", style), "      ")
    return lines


def _files(page: Page, files: Sequence[FileChange], *, is_all: bool) -> Iterable[str]:
    shown = files if is_all else files[:_SHOWN_FILES]
    for file in shown:
        what = f" ({', '.join(file.what)})" if file.what else ""
        layer = file.layer_index_a if file.layer_index_b is None else file.layer_index_b
        yield (
            page.paint(f"  {_SIGNS[file.change]} /{visible(file.path)}", _STYLES[file.change])
            + f"{what} [layer {(layer or 0) + 1}]"
        )
    if len(files) > len(shown):
        yield f"  ... and {len(files) - len(shown):,} more (--all, or --format json)"
