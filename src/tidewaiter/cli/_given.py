"""Turns what commands are given alike (paths, facts, baselines, sources) into what is known, and into faults."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

import click

from tidewaiter.cli._faults import UsageFault
from tidewaiter.cli._progress import Meter
from tidewaiter.edge.baseline_file import BaselineError, BaselineFile, open_baseline
from tidewaiter.edge.facts import FactsError, read_facts
from tidewaiter.edge.indicator_file import IndicatorFileError, read_indicators
from tidewaiter.engine import Engine
from tidewaiter.event import ImageFacts
from tidewaiter.indicators import Indicators
from tidewaiter.policy_yaml import cut, printable
from tidewaiter.sources import sources

baseline_option = click.option(
    "--baseline", "baseline_path", metavar="FILE", help="What workloads usually do (`tidewaiter baseline learn`)."
)

indicators_option = click.option(
    "--indicators",
    "indicators_path",
    metavar="FILE",
    help="Images, programs and destinations to look for (a briefing of `tidewaiter brief`, or one value a line).",
)


def given_indicators(path: str | None) -> Indicators | None:
    """The indicators of a file; what of it cannot match is said. Raises `UsageFault`."""
    if path is None:
        return None
    try:
        file = read_indicators(path)
    except IndicatorFileError as error:
        raise UsageFault(str(error)) from error
    if file.ignored:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(file.ignored.items()))
        click.echo(f"{printable(path)}: left out, since nothing seen of a container can match it: {kinds}", err=True)
    return file.indicators


def learn_facts(engine: Engine, paths: Sequence[str]) -> None:
    """Let the engine believe files of facts and images. Raises `UsageFault`."""
    for facts in given_facts(paths):
        engine.learn_facts(facts)


def given_facts(paths: Sequence[str]) -> Iterator[ImageFacts]:
    """What files of facts and images say. Raises `UsageFault`."""
    for path in paths:
        try:
            with Meter(0) as meter:
                yield from read_facts(path, meter.add, lambda sentence: click.echo(printable(sentence), err=True))
        except FactsError as error:
            raise UsageFault(str(error)) from error


def open_given(path: str) -> BaselineFile:
    """A baseline to judge by; what is wrong with it although it can be used is said. Raises `UsageFault`."""
    try:
        baseline = open_baseline(path)
    except BaselineError as error:
        raise UsageFault(str(error)) from error
    if baseline.warning is not None:
        click.echo(f"warning: {baseline.warning}", err=True)
    return baseline


def stranger_to(baseline: BaselineFile, clusters: Collection[str]) -> str | None:
    """A sentence, where a baseline knows none of the clusters that were seen."""
    if not clusters or not baseline.clusters or not baseline.clusters.isdisjoint(clusters):
        return None
    known, seen = (cut(", ".join(sorted(names))) for names in (baseline.clusters, clusters))
    return (
        f"{printable(baseline.path)}: it was learned from another cluster ({known}; what is seen is of {seen}): only "
        "what it says of the same image contents applies; --cluster names the cluster of records that name none"
    )


def nothing_to_read(paths: Sequence[str], problems: Iterable[tuple[str, str]]) -> str:
    """Why no path gave a file to read."""
    told = [f"{printable(path)}: {sentence}" for path, sentence in problems]
    if told:
        return "\n".join(told)
    if len(paths) == 1 and Path(paths[0]).is_dir():
        return f"{printable(paths[0])}: the folder holds no file to read"
    return "nothing to read: no path given holds a file"


def check_source(name: str) -> None:
    """Raises `UsageFault` for a name that no source has."""
    if name not in sources():
        near = get_close_matches(name, sources(), 3, 0.5) or [
            known for known in sorted(sources()) if name and name in known
        ]
        hint = f"; did you mean {', '.join(near)}?" if near else f"; there are {', '.join(sorted(sources()))}"
        raise UsageFault(f"{printable(name)}: no such source{hint} (see: tidewaiter sources)")


def silent_sources(engine: Engine, required: Sequence[str]) -> list[str]:
    """A sentence for each required source that never spoke."""
    counts = engine.ledger.counts
    return [
        f"{name}: required, but not one record of it was read"
        for name in required
        if not sum(counts.get(name, {}).values())
    ]


def too_late(engine: Engine) -> str | None:
    """A sentence, where records came too late to count."""
    expired = engine.ledger.outcomes()["expired"]
    if not expired:
        return None
    seconds = engine.policy.lateness_ns // 1_000_000_000
    return (
        f"{expired} records came more than {seconds} s behind others of their source and node and were left out; "
        "give unsorted files apart from each other, or raise --lateness"
    )
