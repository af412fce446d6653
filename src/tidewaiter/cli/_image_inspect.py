"""Turns `tidewaiter image inspect` into one screen about an image: digests, how it runs, layers, what could run."""

import click
import msgspec

from tidewaiter.cli._form import form_option
from tidewaiter.cli._image_page import image_page
from tidewaiter.cli._image_shown import render, render_tree
from tidewaiter.cli._image_target import (
    Choice,
    choice_options,
    is_one_image,
    layer_bytes,
    opened,
    target_options,
)
from tidewaiter.cli._progress import Meter
from tidewaiter.cli._terminal import write_bytes, write_text
from tidewaiter.edge.images import OpenOptions
from tidewaiter.image.inspection import inspect as look
from tidewaiter.image.measure import Measurements
from tidewaiter.sinks._escape import encode_json


@click.command()
@click.argument("image", metavar="IMAGE")
@click.option("--env", "has_env", is_flag=True, help="Also show the environment and all labels.")
@choice_options
@target_options
@form_option
def inspect(image: str, has_env: bool, choice: Choice, options: OpenOptions, form: str) -> None:
    """Show digests, settings, layers, and what could run.

    Of several images (platforms, names) the tree of digests is shown, and no layer is read; choose one to see all of
    it. What could run is told by file names alone: shells, package managers, download tools, files that run as root.

    \b
    Examples:
      tidewaiter image inspect web.tar
      tidewaiter image inspect registry.corp.example/shop/web:1.4 --platform linux/arm64

    Exit status: 0 shown, 2 usage. Whether the digests are proven is said; `tidewaiter image verify` says why.
    """
    with opened(image, options) as whole:
        view = choice.of(whole)
        if form == "text" and not is_one_image(view):
            write_text("\n".join(render_tree(view, image_page())) + "\n")
            return
        if form == "text":
            view = msgspec.structs.replace(view, images=view.images[:1])
        with Meter(layer_bytes(view.images)) as meter:
            found = look(view, Measurements(meter.add))
    if form == "json":
        write_bytes(encode_json(found))
    else:
        write_text("\n".join(render(found, image_page(), has_env=has_env)) + "\n")
