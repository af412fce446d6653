"""Turns the options that all `attack` commands share into an open library, and its faults into sentences."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from tidewaiter.cli._faults import UsageFault
from tidewaiter.edge.attack_bundle import BundleError
from tidewaiter.edge.attack_library import Library
from tidewaiter.edge.attack_store import StoreError, default_path, opened
from tidewaiter.edge.whole_file import WholeFileError

Command = TypeVar("Command", bound=Callable[..., Any])

store_option = click.option(
    "--store", metavar="FILE", help="The store.  [default: $XDG_DATA_HOME/tidewaiter/attack.sqlite]"
)
release_option = click.option("--release", metavar="NAME", help="Release to look in.  [default: the newest]")
domain_option = click.option(
    "--domain", type=click.Choice(["enterprise", "mobile", "ics"]), help="Domain to look in.  [default: enterprise]"
)


def store_path(given: str | None) -> Path:
    """Where the store is."""
    return Path(given) if given is not None else default_path()


@contextmanager
def faults() -> Iterator[None]:
    """What the user can mend becomes one sentence and exit status 2."""
    try:
        yield
    except (BundleError, StoreError, WholeFileError) as error:
        raise UsageFault(str(error)) from error


@contextmanager
def library(given: str | None) -> Iterator[Library]:
    """The library of a store, to be read. Raises `UsageFault`."""
    with faults(), opened(store_path(given)) as store:
        yield Library(store)
