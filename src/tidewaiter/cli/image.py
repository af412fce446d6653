"""Turns `tidewaiter image` into its commands, which read, prove and compare container images of any form."""

import click

from tidewaiter.cli._image_diff import diff
from tidewaiter.cli._image_facts import facts
from tidewaiter.cli._image_files import files
from tidewaiter.cli._image_inspect import inspect
from tidewaiter.cli._image_verify import verify
from tidewaiter.cli._image_whatis import whatis


@click.group()
def image() -> None:
    """Inspect, verify and compare container images in any form.

    An IMAGE is an archive of `docker save`, an OCI layout (folder or tar), a reference in a registry, docker:REF (the
    running Docker) or containerd:REF. Nothing is unpacked to disk.

    \b
    Examples:
      tidewaiter image inspect web.tar
      tidewaiter image verify registry.corp.example/shop/web:1.4
      tidewaiter image diff web.tar docker:shop/web:1.4
      tidewaiter image whatis sha256:DIGEST --in web.tar
    """


for command in (inspect, verify, diff, files, whatis, facts):
    image.add_command(command)
