"""Turns `tidewaiter image verify` into a verdict: every relation that is broken or open, and how many hold."""

from collections import Counter
from collections.abc import Iterable, Mapping

import click

from tidewaiter.cli._form import form_option
from tidewaiter.cli._image_page import form_words, identity_lines, image_page, labelled, title, verdict_span
from tidewaiter.cli._image_target import opened, target_options, verified
from tidewaiter.cli._terminal import write_bytes, write_text
from tidewaiter.edge.images import OpenOptions
from tidewaiter.image.verification import Relation, Verdict, Verification
from tidewaiter.sinks._escape import clipped, encode_json
from tidewaiter.sinks._page import BOLD, RED, YELLOW, Page, Span

STATUSES: dict[Verdict, int] = {"proven": 0, "broken": 1, "incomplete": 3}
_SHOWN = 50


@click.command()
@click.argument("image", metavar="IMAGE")
@click.option("--all", "is_all", is_flag=True, help="Also list the relations that hold.")
@target_options
@form_option
def verify(image: str, is_all: bool, options: OpenOptions, form: str) -> None:
    """Recompute every digest of an image, and say what is wrong.

    Index, manifest, config and layer digests and sizes, the unpacked layers against the config, chain IDs, platforms,
    history: each holds, is broken, or is open with a reason.

    \b
    Examples:
      tidewaiter image verify web.tar
      tidewaiter image verify registry.corp.example/shop/web:1.4 --format json

    Exit status: 0 proven, 1 broken, 2 usage, 3 incomplete (something could not be had or lies beyond a bound).
    """
    with opened(image, options) as view:
        verification = verified(view)
        others = Counter[str](other.kind for other in view.others)
    if form == "json":
        write_bytes(encode_json(verification))
    else:
        write_text("\n".join(render(verification, image, others, image_page(), is_all=is_all)) + "\n")
    raise click.exceptions.Exit(STATUSES[verification.verdict])


def render(verification: Verification, name: str, others: Mapping[str, int], page: Page, *, is_all: bool) -> list[str]:
    """The verdict, the identity of each image, then what is wrong, then what is open."""
    counts = Counter[str](relation.holds for relation in verification.relations)
    head = [verdict_span(verification.verdict), Span(clipped(name, 300)), Span(f"({form_words(verification.form)})")]
    lines = [*page.wrap(head, hang="  "), *page.wrap([Span(_account(counts))], "  ", "  ")]
    if others:
        beside = ", ".join(_counted(count, kind) for kind, count in sorted(others.items()))
        lines += page.wrap([Span(f"beside the images: {beside}")], "  ", "  ")
    for identity in verification.images:
        lines += ["", *title(page, identity), *identity_lines(page, identity)]
    sections = [("Broken", "no", RED), ("Open", "unknown", YELLOW), *([("Holds", "yes", "")] if is_all else [])]
    for heading, holds, style in sections:
        found = [relation for relation in verification.relations if relation.holds == holds]
        if found:
            lines += ["", page.paint(heading, f"1;{style}" if style else BOLD)]
            lines += _relations(page, found if is_all else found[:_SHOWN])
        if not is_all and len(found) > _SHOWN:
            lines.append(f"... and {len(found) - _SHOWN} more (--all, or --format json)")
    return lines


def _account(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    if counts["yes"] == total:
        return f"all {total} relations hold" if total != 1 else "the one relation holds"
    told = f"{counts['yes']} of {_counted(total, 'relation')} hold"
    told += f", {counts['no']} broken" if counts["no"] else ""
    return told + (f", {counts['unknown']} open" if counts["unknown"] else "")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _relations(page: Page, relations: Iterable[Relation]) -> list[str]:
    lines: list[str] = []
    for relation in relations:
        lines += page.wrap([Span(clipped(relation.relation, 60), BOLD)])
        if relation.subject != relation.expected:
            lines += labelled(page, "of", relation.subject)
        if relation.expected is not None or relation.found is not None:
            lines += labelled(page, "expected", _side(relation.expected))
            lines += labelled(page, "found", _side(relation.found))
        lines += labelled(page, "", relation.reason)
    return lines


def _side(value: str | int | None) -> str:
    return "not known" if value is None else f"{value:,}" if isinstance(value, int) else value
