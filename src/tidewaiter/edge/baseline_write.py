"""Turns profiles, one after another, into a baseline file that is whole or not there at all.

Written beside the file it is to be, in the same folder, brought to the disk, then renamed: whoever reads meanwhile
reads the old one, and an end in the middle leaves that untouched.
"""

import heapq
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import groupby

import msgspec

from tidewaiter.baseline import Profile, merge
from tidewaiter.edge.baseline_hours import Spans, united
from tidewaiter.edge.baseline_index import fault
from tidewaiter.edge.baseline_lines import Order, end_line, header_line, header_of, order_of, profile_lines
from tidewaiter.policy import DEFAULT_POLICY
from tidewaiter.widening import Spares

_MODE = 0o600
"""Baselines hold command lines: for the owner only, unless the file is there already."""
_BUFFER_BYTES = 1024 * 1024
_SPANS_KEPT = 1024
_HEADER_LIMIT_BYTES = 4096


class About(msgspec.Struct):
    """What a file says of itself behind its profiles; may grow while they are written."""

    hours: dict[str, Spans] = msgspec.field(default_factory=dict)
    """Cluster -> the hours that were learned."""

    def count(self, profiles: Iterable[Profile]) -> Iterator[Profile]:
        """The profiles as they are; what hours they speak of is added."""
        spans: dict[str, list[tuple[int, int]]] = {cluster: list(known) for cluster, known in self.hours.items()}
        for profile in profiles:
            if not profile.units:
                yield profile
                continue
            known = spans.setdefault(profile.key.cluster, [])
            known.append((profile.first_hour, profile.last_hour))
            if len(known) > _SPANS_KEPT:
                known[:] = united(known)
            yield profile
        self.hours = {cluster: united(known) for cluster, known in sorted(spans.items())}


class Written(msgspec.Struct, frozen=True):
    """What a file holds."""

    profiles: int
    entries: int
    omitted: int = 0
    """Entries of profiles that were too large; of what is expected, the last to go."""


def merged(
    streams: Iterable[Iterable[Profile]], spares: Spares = DEFAULT_POLICY.is_suspicious_binary
) -> Iterator[Profile]:
    """Sorted streams of profiles as one; profiles of one key and content become one. Holds one of each stream.

    `spares` names programs whose arguments are never widened.
    """
    found = groupby(heapq.merge(*streams, key=order_of), order_of)
    for _, group in found:
        alike = list(group)
        yield merge(alike, spares) if len(alike) > 1 else alike[0]


def check_target(path: str) -> None:
    """Raises BaselineError where a baseline cannot be written there, before hours are spent on learning it."""
    target = os.path.realpath(path)
    try:
        if os.path.lexists(target) and not stat.S_ISREG(os.stat(target).st_mode):
            raise fault(path, "a baseline is written into a regular file, and this is none")
        if os.path.exists(target) and not _is_replaceable(target):
            raise fault(path, "it holds something else than a baseline, and is not written over: name another file")
        folder = os.path.dirname(target)
        if not os.path.isdir(folder):
            raise fault(path, "the baseline cannot be written: there is no such folder")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise fault(path, "the baseline cannot be written: its folder may not be written to")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise fault(path, f"the baseline cannot be written: {why}") from error


def _is_replaceable(target: str) -> bool:
    """Whether a file is empty or begins as a baseline does: any other is more likely the telemetry, or the policy."""
    with open(target, "rb") as file:
        opening = file.readline(_HEADER_LIMIT_BYTES)
    return not opening or header_of(opening) is not None


def write_baseline(path: str, profiles: Iterable[Profile], about: About | None = None) -> Written:
    """Write profiles, sorted by key and content, as a stream.

    `about` is read after the last of them; without it the hours are those the profiles speak of. Raises
    BaselineError where the file cannot be written (it is then as it was), ValueError for profiles out of order.
    """
    check_target(path)
    if about is None:
        about = About()
        profiles = about.count(profiles)
    target = os.path.realpath(path)
    try:
        file, unfinished = tempfile.mkstemp(prefix=f".{os.path.basename(target)[:100]}.", dir=os.path.dirname(target))
        try:
            with open(file, "wb", buffering=_BUFFER_BYTES) as out:
                os.fchmod(file, stat.S_IMODE(os.stat(target).st_mode) if os.path.exists(target) else _MODE)
                out.write(header_line())
                count = entries = omitted = 0
                for profile in _in_order(profiles):
                    lines, kept = profile_lines(profile)
                    out.write(lines)
                    count += 1
                    entries += kept
                    omitted += len(profile.entries) - kept
                out.write(end_line(count, entries, about.hours))
                out.flush()
                os.fsync(file)
            os.replace(unfinished, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(unfinished)
            raise
        _sync_folder(os.path.dirname(target))
    except OSError as error:
        raise fault(path, f"the baseline cannot be written: {error.strerror or error}") from error
    return Written(count, entries, omitted)


def _in_order(profiles: Iterable[Profile]) -> Iterator[Profile]:
    last: Order | None = None
    for profile in profiles:
        order = order_of(profile)
        if last is not None and order <= last:
            raise ValueError(f"profiles out of order: {order} after {last}")
        last = order
        yield profile


def _sync_folder(folder: str) -> None:
    # Some file systems cannot; the file is there all the same.
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
