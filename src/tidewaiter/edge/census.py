"""Turns telemetry into a count of the repositories it names, from which a first trust policy is suggested."""

import errno
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from tidewaiter.digest import is_hex
from tidewaiter.edge.paths import expand
from tidewaiter.edge.read import decode, read, recogniser_of
from tidewaiter.event import (
    ContainerEvent,
    Event,
    ImageFacts,
    ImagePull,
    ImagePullFailed,
    PodCreate,
    WorkloadCreate,
)
from tidewaiter.reference import reference_or_none
from tidewaiter.sources import RecordError

SHORTEST_ID = 12


def count_repositories(paths: Sequence[str], on_problem: Callable[[str, str], None]) -> Mapping[str, int]:
    """How many records name each repository (`docker.io/library/alpine`), the most named first.

    Records that cannot be decoded count for nothing here; `on_problem` is told of each path that cannot be read, and
    why. Raises FileNotFoundError where there is nothing to read at all.
    """
    counts: Counter[str] = Counter()
    recogniser = recogniser_of()
    expansion = expand(paths)
    for path, sentence in expansion.problems:
        on_problem(path, sentence)
    if not expansion.files:
        raise FileNotFoundError(errno.ENOENT, "the folder holds no file", paths[0])
    for path in expansion.files:
        for batch in read(path, recogniser=recogniser):
            for sentence in batch.problems:
                on_problem(batch.stream, sentence)
            for index, name in enumerate(batch.sources):
                try:
                    events = decode(recogniser.sources[name], batch.records[index], batch.where(index))
                except RecordError:
                    continue
                counts.update({repository for event in events for repository in _repositories(event)})
    return dict(sorted(counts.items(), key=lambda counted: (-counted[1], counted[0])))


def _repositories(event: Event) -> Iterator[str]:
    for written in _references(event):
        if written is None or (is_hex(written) and len(written) >= SHORTEST_ID):
            continue  # an id, whole or cut, is no name
        reference = reference_or_none(written)
        if reference is not None and reference.repository is not None:
            yield reference.repository


def _references(event: Event) -> Iterator[str | None]:
    if isinstance(event, ImagePull | ImagePullFailed):
        yield event.reference
    elif isinstance(event, ImageFacts):
        yield from event.references
    elif isinstance(event, PodCreate | WorkloadCreate):
        yield from (container.image for container in event.containers)
    elif isinstance(event, ContainerEvent) and event.image is not None:
        yield event.image.reference
        yield event.image.repository
