"""Turns a baseline file into profiles when they are asked for: opened in a moment, decoded where it is needed.

Read with `pread`, never mapped into memory: whoever cuts the file may not kill a watch. Profiles that were asked for
last are kept; of what is usual in a namespace 64-bit hashes are.
"""

import os
import stat
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator

from tidewaiter.baseline import Profile
from tidewaiter.edge.baseline_hours import ClusterHours, Spans, together
from tidewaiter.edge.baseline_index import BaselineError, fault, index_of, line_number
from tidewaiter.edge.baseline_lines import PROFILE_LIMIT_BYTES, LineError, expected_in, profile_of
from tidewaiter.habit import Habit
from tidewaiter.widening import wider
from tidewaiter.workload import WorkloadKey

__all__ = ["BaselineError", "BaselineFile", "open_baseline", "read_profiles"]

_CACHED_ENTRIES = 65_536
_COST_OF_PROFILE = 8
"""In entries, what a profile costs without them."""


def open_baseline(path: str) -> "BaselineFile":
    """Open a baseline. Raises BaselineError with one sentence where nothing of it can be used."""
    return BaselineFile(path)


def read_profiles(path: str) -> Iterator[Profile]:
    """All profiles of a file, in its order, one at a time. Raises BaselineError."""
    with open_baseline(path) as file:
        yield from file.profiles()


class BaselineFile:
    """A baseline (`baseline.Baseline`) in a file."""

    def __init__(self, path: str) -> None:
        """Raises BaselineError."""
        self.path = path
        self.problems: list[str] = []
        """Sentences about profiles that were asked for and could not be read; they are left out."""
        self._file = _opened(path)
        try:
            self._index = index_of(self._file, path)
        except BaseException:
            os.close(self._file)
            raise
        self._places: dict[WorkloadKey, tuple[int, int]] = {}
        """Key -> from which profile to which, the last not within."""
        self._namespaces: dict[tuple[str, str], tuple[int, int]] = {}
        for place, key in enumerate(self._index.keys):
            self._places[key] = (self._places.get(key, (place, 0))[0], place + 1)
            name = (key.cluster, key.namespace)
            self._namespaces[name] = (self._namespaces.get(name, (place, 0))[0], place + 1)
        self.clusters = frozenset(cluster for cluster, _ in self._namespaces)
        """The clusters it was learned from."""
        self._of_content: dict[str, list[int]] | None = None
        self._usual: dict[tuple[str, str], array[int]] = {}
        self._cache: OrderedDict[int, Profile] = OrderedDict()
        self._cached = 0
        self._broken: set[int] = set()

    def __enter__(self) -> "BaselineFile":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing more is asked."""
        os.close(self._file)

    @property
    def warning(self) -> str | None:
        """What is wrong with the file although it can be used."""
        return self._index.warning

    @property
    def is_whole(self) -> bool:
        """Whether the file was not cut."""
        return self._index.end is not None

    @property
    def keys(self) -> list[WorkloadKey]:
        """The key of each profile, in the order of the file."""
        return self._index.keys

    @property
    def contents(self) -> list[str | None]:
        """The content of each profile, in the order of the file."""
        return self._index.contents

    def hours(self) -> dict[str, Spans]:
        """Cluster -> the hours that were learned; of a file that was cut, those its profiles speak of."""
        if self._index.hours is not None:
            return self._index.hours
        told: dict[str, Spans] = {}
        for profile in self.profiles():
            one: ClusterHours = {profile.key.cluster: ((profile.first_hour, profile.last_hour),)}
            told = together(told, one)
        return told

    def profiles(self) -> Iterator[Profile]:
        """All profiles, in the order of the file, one at a time. Raises BaselineError."""
        for place in range(len(self._index.keys)):
            yield self._read(place)

    # ------------------------------------------------------------------------------------------ the protocol

    def of_workload(self, key: WorkloadKey) -> tuple[Profile, ...]:
        """The profiles of one container of one workload, one for each content, the latest seen last."""
        return self._several(range(*self._places.get(key, (0, 0))))

    def of_content(self, content: str) -> tuple[Profile, ...]:
        """The profiles of one image content, wherever it ran."""
        if self._of_content is None:
            self._of_content = {}
            for place, found in enumerate(self._index.contents):
                if found is not None:
                    self._of_content.setdefault(found, []).append(place)
        return self._several(self._of_content.get(content, ()))

    def knows(self, cluster: str, namespace: str) -> bool:
        """Whether any workload of the namespace was learned."""
        return (cluster, namespace) in self._namespaces

    def is_usual_in(self, cluster: str, namespace: str, habit: Habit) -> bool:
        """Whether an expected entry (`approved` or `trusted`) of some workload of the namespace has this habit."""
        name = (cluster, namespace)
        if name not in self._namespaces:
            return False
        hashes = self._usual.get(name)
        if hashes is None:
            hashes = self._usual[name] = self._expected_in(*self._namespaces[name])
        return any(_holds(hashes, hash((one.kind, one.what))) for one in (habit, *wider(habit)))

    def _several(self, places: "range | list[int] | tuple[()]") -> tuple[Profile, ...]:
        found = [profile for place in places if (profile := self._profile(place)) is not None]
        return tuple(sorted(found, key=lambda profile: (profile.last_hour, profile.content or "")))

    def _profile(self, place: int) -> Profile | None:
        """A profile, kept for the next who asks; None where it cannot be read."""
        profile = self._cache.get(place)
        if profile is not None:
            self._cache.move_to_end(place)
            return profile
        try:
            profile = self._read(place)
        except BaselineError as error:
            self._leave_out(place, error)
            return None
        self._cache[place] = profile
        self._cached += len(profile.entries) + _COST_OF_PROFILE
        while self._cached > _CACHED_ENTRIES and len(self._cache) > 1:
            _, oldest = self._cache.popitem(last=False)
            self._cached -= len(oldest.entries) + _COST_OF_PROFILE
        return profile

    def _expected_in(self, start: int, stop: int) -> "array[int]":
        """Sorted hashes of what is expected in some profiles that follow each other."""
        hashes: set[int] = set()
        for place in range(start, stop):
            try:
                block = self._block(place)
                hashes.update(hash((entry.kind, entry.what)) for entry in expected_in(block))
            except LineError:
                # Which line it is, is found out where the whole profile is read.
                self._profile(place)
            except BaselineError as error:
                self._leave_out(place, error)
        return array("q", sorted(hashes))

    def _leave_out(self, place: int, error: BaselineError) -> None:
        if place not in self._broken:
            self._broken.add(place)
            self.problems.append(f"{error}; the profile was left out")

    # ------------------------------------------------------------------------------------------ the file

    def _read(self, place: int) -> Profile:
        try:
            return profile_of(self._block(place))
        except LineError as error:
            raise self._line_fault(place, error) from None

    def _line_fault(self, place: int, error: LineError) -> BaselineError:
        line = line_number(self._file, self._index.offsets[place]) + error.place
        return fault(self.path, str(error), line)

    def _block(self, place: int) -> bytes:
        """The lines of one profile."""
        offset, stop = self._index.offsets[place], self._index.offsets[place + 1]
        if stop - offset > PROFILE_LIMIT_BYTES:
            raise fault(
                self.path,
                f"the profile has {stop - offset:,} bytes, and {PROFILE_LIMIT_BYTES:,} is the most that is read: "
                "tidewaiter baseline prune takes out what was not seen for long",
                line_number(self._file, offset),
            )
        parts: list[bytes] = []
        while offset < stop:
            try:
                part = os.pread(self._file, stop - offset, offset)
            except OSError as error:
                raise fault(self.path, f"cannot be read: {error.strerror or error}") from error
            if not part:
                raise fault(self.path, "the file has become shorter since it was opened")
            parts.append(part)
            offset += len(part)
        return b"".join(parts)


def _holds(hashes: "array[int]", sought: int) -> bool:
    place = bisect_left(hashes, sought)
    return place < len(hashes) and hashes[place] == sought


def _opened(path: str) -> int:
    try:
        # Without waiting: a pipe that nobody writes into would hold us up.
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise fault(path, f"the baseline cannot be read: {why}") from error
    mode = os.fstat(file).st_mode
    if not stat.S_ISREG(mode):
        os.close(file)
        what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise fault(path, f"it is {what}, and a baseline is one file (tidewaiter baseline learn writes one)")
    return file
