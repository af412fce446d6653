"""Defines what `doctor` says: which links of an AN0691 chain can be seen, what they stand on, and what is missing.

The JSON shape is a public contract (docs/doctor.md): every field is always present, and null means unknown.
"""

from typing import Literal

import msgspec

from tidewaiter.edge.host import Host

State = Literal["green", "amber", "red"]
"""`green`: seen and joined to containers. `amber`: in part. `red`: not seen, or nothing of it can be joined."""


class LogSource(msgspec.Struct, frozen=True, kw_only=True):
    """One log source of AN0691: a link of the chain, by whomever it is told."""

    name: str
    """As ATT&CK names it: `containerd:events`."""
    link: str
    """`image`, `create`, `start`, `process`, `connection`."""
    component: str
    """ATT&CK's data component."""
    state: State
    told_by: tuple[str, ...]
    """Sources, or live collectors, that tell this link here."""
    why: str
    mend: str | None
    """One line; None where there is nothing to mend."""


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the links can be shown to speak of one content."""

    state: State
    why: str
    mend: str | None


class Reach(msgspec.Struct, kw_only=True):
    """How far records of one kind of behaviour lead."""

    seen: int = 0
    named: int = 0
    """Records that name a container or a pod themselves; others are joined by process or address."""
    container: int = 0
    """Joined to a container, or to the pod that it is in."""
    image_name: int = 0
    """Joined, and the container's image is known by name."""
    config_digest: int = 0
    """Joined, and the config digest of the container's image is known."""


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """The longest time in which a source told nothing."""

    since: str
    seconds: int


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """From an event's own time to its arrival here, in seconds; negative: the event's clock is ahead of ours."""

    records: int
    min_s: float
    median_s: float


class SourceReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one source told."""

    title: str
    log_sources: tuple[str, ...]
    records: int
    outcomes: dict[str, int]
    """As in the summary of `hunt`; their sum is `records`."""
    first: str | None
    last: str | None
    gap: Gap | None
    nodes: tuple[str, ...]
    unnamed_nodes: int
    """Events that name no node."""
    clusters: tuple[str, ...]
    links: dict[str, int]
    """Events by what they tell: `pull`, `name`, `facts`, `asked`, `create`, `start`, `session`, `process`,
    `connection`."""
    execs: Reach | None
    flows: Reach | None
    dropped: int | None
    """Records that the producer says it lost; None: it does not say."""
    arrival: Timing | None
    """Only where it was measured live."""


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """How far the clocks of two sources stand apart on one node: what both saw, the later minus the earlier name."""

    cluster: str
    node: str | None
    source: str
    beside: str
    moments: int
    """How many things both saw."""
    offset_s: float | None
    """Median of `source` minus `beside`; None: too few moments."""


class Containers(msgspec.Struct, frozen=True, kw_only=True):
    """Of how many containers each link was seen."""

    known: int
    pulled: int
    named: int
    with_digest: int
    created: int
    started: int
    ran: int
    connected: int
    whole: int
    """Of how many all of these."""
    in_pods: int
    asked: int
    """Of how many the request at the API server is known."""


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """A file that could not be read to its end, or of which nothing was recognised."""

    stream: str
    why: str


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of the files given."""

    records: int
    recognised: int
    files: int
    unread: tuple[Unread, ...]
    """Files that could not be read to their end."""
    strangers: tuple[Unread, ...]
    """Files of which nothing was recognised, at most 20."""
    strangers_total: int


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """How a live collector was at the end of the measurement."""

    collector: str
    state: str
    sentence: str
    blind: tuple[str, ...]


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What a measurement on this host was."""

    seconds: float
    collectors: tuple[Collected, ...]
    lost: dict[str, int]
    """Source -> records that were lost before they could be counted."""


class Report(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="doctor"):
    """The whole answer."""

    schema: int = 1
    subject: Literal["host", "telemetry"]
    whole_chain: bool
    missing: tuple[str, ...]
    """One sentence for each thing that keeps a chain from being whole."""
    mend: str | None
    """The one line that would do most about it."""
    log_sources: tuple[LogSource, ...]
    digest: Digest
    containers: Containers | None
    sources: dict[str, SourceReport]
    clocks: tuple[Clock, ...]
    read: Read | None
    measured: Measured | None
    host: Host | None
