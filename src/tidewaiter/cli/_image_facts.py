"""Turns `tidewaiter image facts` into image_facts records: what `tidewaiter hunt --facts` takes."""

import click

from tidewaiter.cli._image_target import examined, opened, target_options
from tidewaiter.cli._image_verify import STATUSES
from tidewaiter.cli._terminal import write_bytes
from tidewaiter.edge.images import OpenOptions
from tidewaiter.policy_yaml import printable
from tidewaiter.sinks._escape import encode_json


@click.command()
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@target_options
@click.option(
    "--format", "form", type=click.Choice(["json"]), default="json", show_default=True, help="Form of the output."
)
def facts(images: tuple[str, ...], options: OpenOptions, form: str) -> None:
    """Print proven facts of images, for `tidewaiter hunt --facts`.

    One image_facts record for each, as a JSON object on a line.
    An image about which anything is disproven gives no record.

    \b
    Example:
      tidewaiter image facts web.tar registry.corp.example/shop/api:2 > facts.jsonl
      tidewaiter hunt /var/log/telemetry/ --facts facts.jsonl

    Exit status: 0 all proven, 1 something is broken, 2 usage, 3 incomplete.
    """
    statuses = set()
    for image in images:
        with opened(image, options) as view:
            verification, records = examined(view)
        for record in records:
            write_bytes(encode_json(record))
        statuses.add(STATUSES[verification.verdict])
        if verification.verdict != "proven":
            click.echo(f"{printable(image)}: {verification.verdict}; tidewaiter image verify says why", err=True)
    raise click.exceptions.Exit(1 if 1 in statuses else 3 if 3 in statuses else 0)
