"""Turns what `hunt` and `watch` are given alike, facts and required sources, into what is known, and into faults."""

from collections.abc import Sequence

import click

from tidewaiter.cli._faults import UsageFault
from tidewaiter.cli._progress import Meter
from tidewaiter.edge.facts import FactsError, read_facts
from tidewaiter.engine import Engine
from tidewaiter.policy_yaml import printable
from tidewaiter.sources import sources


def learn_facts(engine: Engine, paths: Sequence[str]) -> None:
    """Let the engine believe files of facts and images. Raises `UsageFault`."""
    for path in paths:
        try:
            with Meter(0) as meter:
                for facts in read_facts(path, meter.add, lambda sentence: click.echo(printable(sentence), err=True)):
                    engine.learn_facts(facts)
        except FactsError as error:
            raise UsageFault(str(error)) from error


def check_source(name: str) -> None:
    """Raises `UsageFault` for a name that no source has."""
    if name not in sources():
        raise UsageFault(f"{printable(name)}: no such source; known are {', '.join(sorted(sources()))}")


def silent_sources(engine: Engine, required: Sequence[str]) -> list[str]:
    """A sentence for each required source that never spoke."""
    counts = engine.ledger.counts
    return [
        f"{name}: required, but not one record of it was read"
        for name in required
        if not sum(counts.get(name, {}).values())
    ]
