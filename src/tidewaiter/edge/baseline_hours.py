"""Turns hours since the epoch into text and back, and the hours of several learnings into spans that do not overlap.

A span is the first and the last of consecutive hours, both within; spans of one cluster are sorted and apart.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache

Spans = tuple[tuple[int, int], ...]
ClusterHours = Mapping[str, Spans]
"""Cluster -> the hours that were learned of it."""

_EPOCH = datetime(1970, 1, 1)
_HOUR = timedelta(hours=1)
_EARLIEST = (datetime.min - _EPOCH) // _HOUR
_LATEST = (datetime.max - _EPOCH) // _HOUR
_FORM = re.compile(r"(\d{4}-\d\d-\d\dT\d\d)Z\Z")


@lru_cache(maxsize=16_384)
def hour_text(hour: int) -> str:
    """`2026-09-21T14Z`; what a calendar does not reach becomes its end."""
    moment = _EPOCH + _HOUR * min(max(hour, _EARLIEST), _LATEST)
    return f"{moment.isoformat(timespec='hours')}Z"


@lru_cache(maxsize=16_384)
def hour_of(text: str) -> int:
    """Hours since the Unix epoch. Raises ValueError for what is no hour of the calendar."""
    found = _FORM.match(text)
    if found is None:
        raise ValueError(f'"{text[:40]}" is no hour, such as 2026-09-21T14Z')
    return (datetime.fromisoformat(found[1]) - _EPOCH) // _HOUR


def span_text(span: tuple[int, int]) -> str:
    """`2026-09-21T14Z/2026-09-22T10Z`."""
    return f"{hour_text(span[0])}/{hour_text(span[1])}"


def span_of(text: str) -> tuple[int, int]:
    """The span of such a text. Raises ValueError."""
    first, _, last = text.partition("/")
    span = hour_of(first), hour_of(last)
    if span[0] > span[1]:
        raise ValueError(f'"{text[:40]}" ends before it begins')
    return span


def united(spans: Iterable[tuple[int, int]]) -> Spans:
    """The hours of any spans, sorted and apart."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return tuple(found)


def common(one: Spans, other: Spans) -> int:
    """How many hours are in both."""
    return sum(
        max(0, min(a_last, b_last) - max(a_first, b_first) + 1) for a_first, a_last in one for b_first, b_last in other
    )


def hours_in(spans: Spans) -> int:
    """How many hours they are."""
    return sum(last - first + 1 for first, last in spans)


def together(*hours: ClusterHours) -> dict[str, Spans]:
    """The hours of several files."""
    clusters = sorted({cluster for of_file in hours for cluster in of_file})
    return {name: united(span for of_file in hours for span in of_file.get(name, ())) for name in clusters}
