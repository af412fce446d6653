"""Defines what collectors and the run loop of `watch` say to each other: records that were made here, and conditions.

A collector turns something live (a daemon's socket, the kernel) into records that a source of `sources/` can read, so
that watching, recording and replaying go through the same code. It runs in a thread of its own.
"""

from threading import Event as Signal
from typing import Literal, Protocol

import msgspec

from tidewaiter.event import Sight

State = Literal["starting", "ready", "waiting", "off"]
"""`ready`: attached, and what was there before has been told. `waiting`: what it collects from is not there now, and it
tries again by itself. `off`: it has ended for good."""


class Observation(msgspec.Struct, frozen=True):
    """One record on its way to the engine."""

    source: str
    """The source that decodes it (the module in `sources/`)."""
    stream: str
    """Where it comes from, for people: `/run/docker.sock`, `kernel`."""
    record: bytes
    """As `Source.decode` takes it; one line, without its line feed."""


class Condition(msgspec.Struct, frozen=True):
    """How one collector is. Told whenever that changes; the last one told holds."""

    collector: str
    """`docker`, `podman`, `containerd`, `sensor`; `conntrack` beside a sensor that does not see connections."""
    state: State
    sentence: str
    """For people: what is collected from and how; or what was looked for, what still works and how to mend it."""
    blind: tuple[Sight, ...] = ()
    """What is not seen as long as this holds; every alert says so in `missing`."""


class Desk(Protocol):
    """Where collectors hand in what they have. Every method may be called from any thread and returns at once."""

    @property
    def stopped(self) -> Signal:
        """Set when the run ends: collectors return from `run` within a second."""

    def observe(self, observation: Observation) -> None:
        """Hand in one record."""

    def tell(self, condition: Condition) -> None:
        """Say how the collector is."""

    def lose(self, source: str, count: int) -> None:
        """Say that so many records of a source were lost before they could be handed in."""


class Collector(Protocol):
    """Something that turns what is live into records."""

    @property
    def name(self) -> str:
        """As in `Condition.collector`."""

    def run(self, desk: Desk) -> None:
        """Collect until `desk.stopped` is set or nothing can be collected any more.

        Raises nothing: what goes wrong is told as a condition, and what can come back is waited for.
        """
