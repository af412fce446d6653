"""Holds what the reader hands to the run loop: records with their sources, and the account of all others."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from tidewaiter.event import Where

SHOWN_CHARACTERS = 200
KEPT_UNREAD = 3


class Unread(msgspec.Struct, frozen=True):
    """A record that no source will see, kept as an example for the operator."""

    kind: Literal["unrecognised", "rejected"]
    offset: int
    why: str
    text: str
    """The beginning of the record. It is untrusted and not escaped."""


class Batch(msgspec.Struct, kw_only=True):
    """Consecutive records of one stream. `sources`, `records` and `offsets` are parallel; the rest is sparse.

    Every line ends in exactly one place: in a record (`weight` lines), or in one of the five counts. Elements of a
    list are counted instead of the line that holds them.
    """

    stream: str
    """The file as the user named it, printable; `-` for standard input."""
    cluster: str = "default"
    node: str | None = None
    sources: list[str] = msgspec.field(default_factory=list)
    records: list[bytes] = msgspec.field(default_factory=list)
    offsets: Sequence[int] = msgspec.field(default_factory=list)
    nodes: dict[int, str] = msgspec.field(default_factory=dict)
    """Node of the records, by their index here, whose envelope named one."""
    clusters: dict[int, str] = msgspec.field(default_factory=dict)
    """Cluster of the records, by their index here, whose envelope named another than the stream's."""
    weights: dict[int, int] = msgspec.field(default_factory=dict)
    """How many lines a record was joined from, by its index here, where it is more than one."""
    unrecognised: int = 0
    """Records that no source knows."""
    rejected: int = 0
    """Records that are cut short, broken, or too long."""
    skipped: dict[str, int] = msgspec.field(default_factory=dict)
    """Source -> lines that the sieve left out unread."""
    headers: int = 0
    """Lines that only name columns."""
    blank: int = 0
    """Empty lines, and lists without elements: not records."""
    unread: list[Unread] = msgspec.field(default_factory=list)
    position: int = 0
    """How many bytes of the file were read so far, compressed ones where it is compressed."""
    problems: list[str] = msgspec.field(default_factory=list)
    """What kept the rest of the file from being read: sentences that follow the file's name."""

    def where(self, index: int) -> Where:
        """The evidence pointer of one record."""
        cluster, node = self.clusters.get(index, self.cluster), self.nodes.get(index, self.node)
        return Where(self.sources[index], self.stream, self.offsets[index], cluster, node)

    def weight(self, index: int) -> int:
        """As how many records one of them counts."""
        return self.weights.get(index, 1)

    @property
    def records_total(self) -> int:
        """How many records went in: those here and those that are only counted."""
        joined = sum(self.weights.values()) - len(self.weights)
        return (
            len(self.records) + joined + self.unrecognised + self.rejected + sum(self.skipped.values()) + self.headers
        )

    def part(self, start: int, stop: int) -> "Batch":
        """The records from `start` to before `stop`; the counts go with the first part, the problems with the last."""
        is_first = start == 0
        return Batch(
            stream=self.stream,
            cluster=self.cluster,
            node=self.node,
            sources=self.sources[start:stop],
            records=self.records[start:stop],
            offsets=self.offsets[start:stop],
            nodes={index - start: node for index, node in self.nodes.items() if start <= index < stop},
            clusters={index - start: name for index, name in self.clusters.items() if start <= index < stop},
            weights={index - start: weight for index, weight in self.weights.items() if start <= index < stop},
            unrecognised=self.unrecognised if is_first else 0,
            rejected=self.rejected if is_first else 0,
            skipped=self.skipped if is_first else {},
            headers=self.headers if is_first else 0,
            blank=self.blank if is_first else 0,
            unread=self.unread if is_first else [],
            position=self.position,
            problems=self.problems if stop >= len(self.records) else [],
        )
