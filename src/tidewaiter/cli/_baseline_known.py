"""Turns the profiles of a baseline into how much is known of each container, and that into a table."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby

import msgspec

from tidewaiter.baseline import Profile
from tidewaiter.cli._baseline_page import container_words, path_words, share_words
from tidewaiter.cli._image_page import columns
from tidewaiter.completeness import Completeness, completeness_of
from tidewaiter.edge.baseline_hours import hour_text
from tidewaiter.policy import TrustPolicy
from tidewaiter.sinks._escape import clipped
from tidewaiter.sinks._page import DIM, Page
from tidewaiter.workload import WorkloadKey


class Known(msgspec.Struct, frozen=True):
    """How much is known of one container of one workload."""

    key: WorkloadKey
    contents: int
    entries: int
    states: dict[str, int]
    completeness: Completeness
    last: str


def known_of(profiles: Iterable[Profile], policy: TrustPolicy) -> Iterator[Known]:
    """How much is known of each container, of profiles in order. Holds the profiles of one at a time."""
    for key, group in groupby(profiles, key=lambda profile: profile.key):
        of_key = sorted(group, key=lambda profile: (profile.last_hour, profile.content or ""))
        states = Counter(entry.state for profile in of_key for entry in profile.entries.values())
        yield Known(
            key,
            len(of_key),
            sum(states.values()),
            dict(sorted(states.items())),
            completeness_of(tuple(of_key), policy),
            hour_text(of_key[-1].last_hour),
        )


def table(page: Page, rows: Iterable[Known]) -> list[str]:
    """One line for each container; of which cluster, where there are several."""
    known = list(rows)
    has_clusters = len({row.key.cluster for row in known}) > 1
    counts = ("PODS", "HOURS", "DAYS", "CONTENTS", "ENTRIES", "HELD BACK")
    cells = [("KNOWN", "AT LEAST", "", *counts, "WORKLOAD", "CONTAINER")]
    for row in known:
        of = row.completeness
        cells.append(
            (
                share_words(of.share),
                share_words(of.share_at_least),
                "mature" if of.is_mature else "immature",
                f"{of.pods:,}",
                f"{of.units:,}",
                f"{of.weekdays}",
                f"{row.contents:,}",
                f"{row.entries:,}",
                f"{row.states.get('unapproved', 0) + row.states.get('alerted', 0):,}",
                f"{clipped(row.key.cluster, 80)}: {path_words(row.key)}" if has_clusters else path_words(row.key),
                container_words(row.key),
            )
        )
    head, *lines = columns(cells, right=frozenset({0, 1, 3, 4, 5, 6, 7, 8}))
    return [page.paint(head, DIM), *lines]
