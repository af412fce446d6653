"""Turns `tidewaiter image whatis` into what each digest is, and what proves it."""

import os
import re
from collections.abc import Sequence
from contextlib import ExitStack

import click

from tidewaiter.cli._faults import UsageFault
from tidewaiter.cli._form import form_option
from tidewaiter.cli._image_page import image_page, labelled
from tidewaiter.cli._image_target import opened, target_options
from tidewaiter.cli._terminal import write_bytes, write_text
from tidewaiter.edge.images import NoImage, OpenOptions, open_view, read_documents
from tidewaiter.image.blob import ReadError
from tidewaiter.image.descriptor import digest_fault
from tidewaiter.image.loose import Loose
from tidewaiter.image.view import View
from tidewaiter.image.whatis import Answer, what_is
from tidewaiter.policy_yaml import printable
from tidewaiter.sinks._escape import clipped, encode_json
from tidewaiter.sinks._page import BOLD, YELLOW, Page, Span

_HEX = re.compile(r"[0-9a-f]{64}\Z")
_WANTED = "write sha256: and all of its 64 lower-case hex characters"
_WORDS = {
    "diff_id": "diff_id: a layer unpacked",
    "chain_id": "chain ID: a stack of layers",
    "v1_id": "v1 id: a layer's folder in an archive of docker save",
    "layer": "layer, as it travels",
    "config": "config: the classic image ID",
    "not_found": "not found",
}


@click.command()
@click.argument("words", metavar="DIGEST...", nargs=-1, required=True)
@click.option("--in", "places", metavar="PLACE", multiple=True, help="Where to look; may be given again.")
@target_options
@form_option
def whatis(words: tuple[str, ...], places: tuple[str, ...], options: OpenOptions, form: str) -> None:
    """Say what a digest identifies.

    An index, manifest, config, layer, diff_id, chain ID or v1 id.
    A PLACE is an image in any form, a folder, or a file with an index, a manifest, a config or a list of diff_ids
    alone. Nothing is guessed: what the bytes there do not prove is `not_found`. More places may follow --in PLACE.

    \b
    Examples:
      tidewaiter image whatis "$(docker inspect --format '{{.Image}}' web)" --in web.tar
      tidewaiter image whatis sha256:DIGEST sha256:ANOTHER --in manifest.json config.json

    A DIGEST is written out, with or without sha256: before its 64 hex characters; a beginning could be that of several.

    Exit status: 0 answered, also where a digest was not found; 2 usage.
    """
    digests = tuple(word for word in words if _is_digest(word))
    places += tuple(word for word in words if not _is_digest(word))
    if not digests:
        raise UsageFault(f"{printable(words[0])[:140]}: not a whole digest; {_WANTED}")
    if not places:
        raise UsageFault("nowhere to look: name a place with --in")
    faults = [fault for digest in digests if (fault := _fault(digest)) is not None]
    if faults:
        raise UsageFault(printable("\n".join(faults)).replace("\\n", "\n"))
    with ExitStack() as stack:
        views: list[View] = []
        loose: list[Loose] = []
        for place in places:
            documents = _documents(place)
            if documents is not None:
                loose.append(documents)
            else:
                views.append(stack.enter_context(opened(place, options)))
        answers = what_is(digests, views, loose)
    if form == "json":
        for answer in answers:
            write_bytes(encode_json(answer))
    else:
        write_text("\n".join(render(answers, image_page())) + "\n")


def _is_digest(word: str) -> bool:
    return word.startswith(("sha256:", "sha512:")) or (_HEX.match(word) is not None and not os.path.exists(word))


def _fault(digest: str) -> str | None:
    fault = digest_fault(digest if ":" in digest else f"sha256:{digest}")
    return f"{fault}; {_WANTED}" if fault is not None and "64" not in fault else fault


def _documents(place: str) -> Loose | None:
    """The documents that lie there alone, where it is no image."""
    if not os.path.exists(place):
        return None
    try:
        with open_view(place):
            return None
    except (NoImage, ReadError):
        return read_documents(place)


def render(answers: Sequence[Answer], page: Page) -> list[str]:
    """Each digest with everything that it is."""
    lines: list[str] = []
    shown: str | None = None
    for answer in answers:
        if answer.digest != shown:
            lines += page.wrap([Span(clipped(answer.digest, 140), BOLD)])
        shown = answer.digest
        style = YELLOW if answer.is_ == "not_found" else ""
        lines += page.wrap([Span(_WORDS.get(answer.is_, answer.is_), style)], "  ", "  ")
        if answer.image is not None:
            lines += labelled(page, "of", answer.image, 7, "    ")
        if answer.proof is not None:
            lines += labelled(page, "proof", answer.proof, 7, "    ")
    return lines
