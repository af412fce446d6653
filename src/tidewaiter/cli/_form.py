"""Holds the option by which commands are asked for text, for people, or for JSON, for programs."""

import click

form_option = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Form of the output.",
)
