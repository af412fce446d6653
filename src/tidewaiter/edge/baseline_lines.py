"""Turns profiles into the lines of a baseline file, and such lines into profiles: the format, without the file.

A header, then of each profile a head and a line for each entry, then an end with the counts. Profiles are sorted by
key and content, entries by habit, so that `diff` shows what changed, and nothing else.
"""

from operator import lt
from typing import Annotated, Literal

import msgspec

from tidewaiter import __version__
from tidewaiter.baseline import Entry, Profile, State
from tidewaiter.edge.baseline_hours import ClusterHours, Spans, hour_of, hour_text, span_of, span_text, united
from tidewaiter.habit import Habit, HabitKind
from tidewaiter.policy_yaml import cut
from tidewaiter.sinks._escape import encode_json
from tidewaiter.workload import Role, WorkloadKey

SCHEMA = 1
WRITTEN_BYTES = 32 * 1024 * 1024
"""Of one profile's entries."""
PROFILE_LIMIT_BYTES = 2 * WRITTEN_BYTES
"""Of what is read: there is room for what people put in."""
EXPECTED = ("approved", "trusted")
HEAD = b'{"kind":"profile",'
"""By which a profile's first line is known, without decoding it."""
_END = b'{"kind":"end",'
_HEADER = b'{"kind":"baseline",'
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

Weekday = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
MOST = 2**63 - 1
"""Of whatever is counted: what was merged out of more is written so, and can be read again."""
Count = Annotated[int, msgspec.Meta(ge=0, le=MOST)]
HourOfDay = Annotated[int, msgspec.Meta(ge=0, le=23)]


class LineError(ValueError):
    """A line is not what it should be; the text says what is wrong with it."""

    def __init__(self, sentence: str, place: int = 0) -> None:
        super().__init__(sentence)
        self.place = place
        """Of a profile's lines which one, from 0."""


class Header(msgspec.Struct, tag_field="kind", tag="baseline"):
    """The first line; what else stands in it does not matter."""

    schema: int
    tidewaiter: str = ""


class End(msgspec.Struct, tag_field="kind", tag="end", forbid_unknown_fields=True):
    """The last line: without it the file was cut."""

    profiles: Count
    entries: Count
    hours: dict[str, list[str]]
    """Cluster -> the spans that were learned."""


class _Place(msgspec.Struct, tag_field="kind", tag="profile", gc=False):
    """What of a head is needed to find it again."""

    cluster: str
    namespace: str
    workload_kind: str
    workload: str
    container: str
    content: str | None
    role: Role = "container"


class _Head(msgspec.Struct, tag_field="kind", tag="profile", omit_defaults=True, forbid_unknown_fields=True):
    cluster: str
    namespace: str
    workload_kind: str
    workload: str
    container: str
    content: str | None
    units: Count
    first: str
    last: str
    role: Role = "container"
    repositories: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    starts: Count = 0
    hours: tuple[HourOfDay, ...] = ()
    weekdays: tuple[Weekday, ...] = ()
    pods: tuple[str, ...] = ()


class _EntryLine(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    kind: HabitKind
    what: str
    state: State
    units: Count
    first: str
    last: str
    magnitude: Count = 0
    parents: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


class Expected(msgspec.Struct, gc=False):
    """What of an entry is needed to say what is usual in a namespace."""

    kind: str
    what: str
    state: State


_header = msgspec.json.Decoder(Header)
_end = msgspec.json.Decoder(End)
_place = msgspec.json.Decoder(_Place)
_head = msgspec.json.Decoder(_Head)
_entry = msgspec.json.Decoder(_EntryLine)
_expected = msgspec.json.Decoder(Expected)
_WRONG = (msgspec.DecodeError, ValueError, RecursionError)

Order = tuple[WorkloadKey, str]


def order_of(profile: Profile) -> Order:
    """Where a profile stands among the others."""
    return profile.key, profile.content or ""


# --------------------------------------------------------------------------------------------- out


def header_line() -> bytes:
    """The first line of a file."""
    return encode_json(Header(SCHEMA, __version__))


def profile_lines(profile: Profile) -> tuple[bytes, int]:
    """The lines of one profile, and how many entries they are.

    What does not fit into a profile's bytes is left out, first what expects nothing: no container, however hostile,
    may make a file that cannot be read. Of what alerted one entry stays: it says that the content is not usual.
    """
    key = profile.key
    head = _Head(
        cluster=key.cluster,
        namespace=key.namespace,
        workload_kind=key.kind,
        workload=key.name,
        container=key.container,
        role=key.role,
        content=profile.content,
        repositories=profile.repositories,
        digests=profile.digests,
        units=min(profile.units, MOST),
        starts=min(profile.starts, MOST),
        first=hour_text(profile.first_hour),
        last=hour_text(profile.last_hour),
        hours=tuple(hour for hour in range(24) if profile.hours >> hour & 1),
        weekdays=tuple(name for day, name in enumerate(WEEKDAYS) if profile.weekdays >> day & 1),  # type: ignore[misc]
        pods=profile.pods,
    )
    lines = {habit: _entry_line(habit, profile.entries[habit]) for habit in sorted(profile.entries)}
    size = sum(map(len, lines.values()))
    if size > WRITTEN_BYTES:
        alerted = min((habit for habit in lines if profile.entries[habit].state == "alerted"), default=None)
        leaving = [habit for habit in lines if habit != alerted]
        size = sum(len(lines[habit]) for habit in leaving)
        for habit in sorted(leaving, key=lambda habit: (profile.entries[habit].state in EXPECTED, habit)):
            if size <= WRITTEN_BYTES:
                break
            size -= len(lines.pop(habit))
    return encode_json(head) + b"".join(lines.values()), len(lines)


def _entry_line(habit: Habit, entry: Entry) -> bytes:
    return encode_json(
        _EntryLine(
            habit.kind,
            habit.what,
            entry.state,
            min(entry.units, MOST),
            hour_text(entry.first_hour),
            hour_text(entry.last_hour),
            entry.magnitude,
            entry.parents,
            entry.addresses,
        )
    )


def end_line(profiles: int, entries: int, hours: ClusterHours) -> bytes:
    """The last line of a file."""
    told = {cluster: [span_text(span) for span in united(spans)] for cluster, spans in sorted(hours.items())}
    return encode_json(End(profiles, entries, told))


# --------------------------------------------------------------------------------------------- in


def header_of(line: bytes) -> Header | None:
    """The header in a line; None: it is none."""
    try:
        return _header.decode(line)
    except _WRONG:
        return None


def end_of(line: bytes) -> End | None:
    """The end in a line; None: it is none, or was cut."""
    try:
        return _end.decode(line) if line.startswith(_END) else None
    except _WRONG:
        return None


def hours_of(end: End) -> dict[str, Spans]:
    """The hours that were learned, by cluster. Raises `LineError`."""
    try:
        return {cluster: united(map(span_of, spans)) for cluster, spans in end.hours.items()}
    except ValueError as error:
        raise LineError(str(error)) from None


def place_of(line: bytes) -> tuple[WorkloadKey, str | None]:
    """Key and content in a head. Raises `LineError`."""
    try:
        found = _place.decode(line)
    except _WRONG as error:
        raise _line_error("head of a profile", error) from None
    return _key_of(found), found.content


def profile_of(block: bytes) -> Profile:
    """The profile in a head line and the lines of its entries. Raises `LineError`."""
    head, _, rest = block.partition(b"\n")
    profile = _profile_without_entries(head)
    try:
        found = _entry.decode_lines(rest)
        profile.entries = {Habit(line.kind, line.what): _entry_of(line) for line in found}
        order = [(line.kind, line.what) for line in found]
        if all(map(lt, order, order[1:])):
            return profile
    except _WRONG:
        pass
    _raise_for_entry(rest)
    raise AssertionError("lines that cannot be read together can each")


def _profile_without_entries(line: bytes) -> Profile:
    try:
        head = _head.decode(line)
        return Profile(
            key=_key_of(head),
            content=head.content,
            repositories=head.repositories,
            digests=head.digests,
            units=head.units,
            starts=head.starts,
            pods=head.pods,
            hours=sum(1 << hour for hour in set(head.hours)),
            weekdays=sum(1 << WEEKDAYS.index(day) for day in set(head.weekdays)),
            first_hour=hour_of(head.first),
            last_hour=hour_of(head.last),
        )
    except _WRONG as error:
        raise _line_error("head of a profile", error) from None


def expected_in(block: bytes) -> list[Expected]:
    """The entries of a profile that expect something, of which little is read. Raises `LineError`."""
    try:
        found = _expected.decode_lines(block.partition(b"\n")[2])
    except _WRONG as error:
        raise _line_error("entry", error) from None
    return [entry for entry in found if entry.state in EXPECTED]


def _key_of(line: _Place | _Head) -> WorkloadKey:
    return WorkloadKey(line.cluster, line.namespace, line.workload_kind, line.workload, line.container, line.role)


def _entry_of(line: _EntryLine) -> Entry:
    return Entry(
        line.state,
        line.units,
        hour_of(line.first),
        hour_of(line.last),
        line.magnitude,
        line.parents,
        line.addresses,
    )


def _raise_for_entry(lines: bytes) -> None:
    """Find the line that is wrong."""
    last: Habit | None = None
    for place, line in enumerate(lines.removesuffix(b"\n").split(b"\n"), 1):
        if not line:
            continue
        if line.startswith((_END, _HEADER)):
            raise LineError("a baseline ends or begins in the middle: tidewaiter baseline merge joins files", place)
        try:
            found = _entry.decode(line)
            _entry_of(found)
        except _WRONG as error:
            raise _line_error("entry", error, place) from None
        habit = Habit(found.kind, found.what)
        if habit == last:
            raise LineError("the same entry stands twice in its profile: take one of the lines out", place)
        if last is not None and habit < last:
            raise LineError("the entry stands out of order: was the head of its profile taken out before it?", place)
        last = habit


def _line_error(what: str, error: Exception, place: int = 0) -> LineError:
    # A message may hold what stands in the file: the name of a field that is none.
    why = "it is nested too deeply" if isinstance(error, RecursionError) else cut(str(error))
    return LineError(f"no {what} of a baseline: {why}", place)
