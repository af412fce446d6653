"""Turns one record into entries of a batch: itself, what it carries, or one more in the count of the unread.

Rules
- A record that a source knows is taken as it is. Only what none knows is looked into, `MAX_UNWRAPPING` deep.
- Every record ends in one place: in the batch, waiting for lines that belong to it, or in a count.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from tidewaiter.edge.batch import KEPT_UNREAD, SHOWN_CHARACTERS, Batch, Unread
from tidewaiter.edge.documents import Document
from tidewaiter.edge.gather import Gathered, Groups, Pieces
from tidewaiter.edge.members import Members
from tidewaiter.edge.recognise import RECORD_LIMIT_BYTES, Recogniser, Recognition
from tidewaiter.edge.recording import OPENING as RECORDED
from tidewaiter.edge.unwrap import (
    Wrapped,
    complete_element,
    list_members,
    unwrap_object,
    unwrap_recorded,
    unwrap_text,
)

MAX_UNWRAPPING = 4
MAX_ELEMENTS = 100_000
MAX_HEADER_BYTES = 16 * 1024

Outcome = Literal["found", "unrecognised", "broken"]


class _Context(msgspec.Struct, frozen=True, gc=False):
    """What holds for all that one record carries."""

    offset: int
    weight: int = 1
    node: str | None = None
    cluster: str | None = None
    depth: int = 0
    is_own: bool = True
    """Whether the record stands for itself: a line, or an element of a list, and not one guess among several."""
    is_opening_known: bool = False
    """Whether the record's opening was looked at and says nothing."""
    is_numbered: bool = False
    """Whether elements are told by their own number instead of `offset`."""

    def within(self, wrapped: Wrapped, *, is_own: bool) -> "_Context":
        node, cluster = wrapped.node or self.node, wrapped.cluster or self.cluster
        depth, is_numbered = self.depth + 1, self.is_numbered
        return _Context(self.offset, self.weight, node, cluster, depth, is_own=is_own, is_numbered=is_numbered)


class Finder:
    """Sorts the records of one stream into batches."""

    def __init__(self, stream: str, recogniser: Recogniser, cluster: str, node: str | None) -> None:
        self.elements = 0
        """How many elements the last record was found to be a list of."""
        self._recogniser = recogniser
        self._stream, self._cluster, self._node = stream, cluster, node
        self._batch = self._new_batch()
        self._offsets: list[int] | range = []
        self._groups = Groups()
        self._pieces = Pieces()
        self._header = b""
        self._header_source: str | None = None
        self._is_in_header = False
        self._kept = {"unrecognised": 0, "rejected": 0}
        self._first_element = 0
        self._remaining = 0

    # ------------------------------------------------------------------------------------------- the batch

    def entries(self) -> tuple[Callable[[str], None], Callable[[bytes], None], Callable[[int], None]]:
        """What adds a source, a record and an offset to the batch: for a loop that adds all three for each record.

        What they add may not need gathering, and `leave_header` is the caller's to say.
        """
        if isinstance(self._offsets, range):
            self._offsets = list(self._offsets)
        batch = self._batch
        return batch.sources.append, batch.records.append, self._offsets.append

    def leave_header(self) -> None:
        """Say that a record came: a header line behind it begins a new header."""
        self._is_in_header = False

    def add_lines(self, names: Sequence[str | None], lines: list[bytes], numbers: Sequence[int]) -> None:
        """Take whole lines with known sources, none of which need gathering."""
        self._is_in_header = False
        batch = self._batch
        if batch.records:
            self._offsets = [*self._offsets, *numbers]
            batch.records += lines
            batch.sources += names  # type: ignore[arg-type]  # the caller saw to it that there is no None
        else:
            self._offsets = numbers if isinstance(numbers, range) else list(numbers)
            batch.records = lines
            batch.sources = names  # type: ignore[assignment]  # as above

    def add(
        self,
        source: str,
        record: bytes,
        offset: int,
        node: str | None = None,
        weight: int = 1,
        cluster: str | None = None,
    ) -> None:
        """Take one record of a source; it may have to wait for its other lines."""
        self._is_in_header = False
        if source in self._recogniser.gathering and weight == 1:
            reader = self._recogniser.sources[source]
            if reader.join_key is not None and (key := reader.join_key(record)) is not None:
                group = self._groups.add(source, key, record, offset, node, cluster)
                if group is not None:
                    self._append_group(group)
                return
            if source == self._header_source and self._header and not record.lstrip().startswith(b"{"):
                record = self._header + record
        self._append(source, record, offset, node, weight, cluster)

    def _append(
        self, source: str, record: bytes, offset: int, node: str | None, weight: int, cluster: str | None
    ) -> None:
        batch = self._batch
        if isinstance(self._offsets, range):
            self._offsets = list(self._offsets)
        if node is not None:
            batch.nodes[len(batch.records)] = node
        if cluster is not None and cluster != self._cluster:
            batch.clusters[len(batch.records)] = cluster
        if weight != 1:
            batch.weights[len(batch.records)] = weight
        batch.sources.append(source)
        batch.records.append(record)
        self._offsets.append(offset)

    def _append_group(self, group: Gathered) -> None:
        record, weight = b"\n".join(group.lines), len(group.lines)
        self._append(group.source, record, group.offset, group.node, weight, group.cluster)

    def miss(self, offset: int, record: bytes, weight: int = 1) -> None:
        """Count a record that no source knows."""
        self._batch.unrecognised += weight
        self._keep("unrecognised", offset, record, "no source knows this shape")

    def reject(self, offset: int, record: bytes, why: str, weight: int = 1) -> None:
        """Count a record that is no record: broken, cut short, too long."""
        self._batch.rejected += weight
        self._keep("rejected", offset, record, why)

    def count_blank(self) -> None:
        """Count a line, or a list, that holds nothing."""
        self._batch.blank += 1

    def count_skipped(self, skipped: Mapping[str, int]) -> None:
        """Count lines that were left out, by source."""
        for source, lines in skipped.items():
            self._batch.skipped[source] = self._batch.skipped.get(source, 0) + lines

    def close(self) -> None:
        """Take what was waiting for more: the stream has ended."""
        for group in self._groups.close():
            self._append_group(group)
        for whole in self._pieces.close():
            self._take_whole(whole)

    def hand_over(self, position: int) -> Batch:
        """The batch so far; what comes next goes into a new one."""
        batch, self._batch = self._batch, self._new_batch()
        batch.offsets, self._offsets = self._offsets, []
        batch.position = position
        return batch

    def _new_batch(self) -> Batch:
        return Batch(stream=self._stream, cluster=self._cluster, node=self._node)

    def _keep(self, kind: Literal["unrecognised", "rejected"], offset: int, record: bytes, why: str) -> None:
        self._is_in_header = False
        if self._kept[kind] < KEPT_UNREAD:
            self._kept[kind] += 1
            text = record[: 4 * SHOWN_CHARACTERS].decode("utf-8", "replace")[:SHOWN_CHARACTERS]
            self._batch.unread.append(Unread(kind, offset, why, text))

    # ------------------------------------------------------------------------------------------- one record

    def find_line(self, record: bytes, offset: int) -> Outcome:
        """Take a line whose opening says nothing, or what it carries. What is not found is not yet counted."""
        self._remaining = MAX_ELEMENTS
        return self._find(record, _Context(offset, is_opening_known=True))

    def find(self, record: bytes, offset: int, first_element: int | None = None) -> Outcome:
        """Take any record, or what it carries. What is not found is not yet counted.

        Elements of a list get `offset`, or are numbered from `first_element` on.
        """
        self.elements = 0
        self._first_element = first_element or 0
        self._remaining = MAX_ELEMENTS
        return self._find(record, _Context(offset, is_numbered=first_element is not None))

    def _find(self, record: bytes, context: _Context) -> Outcome:
        if record.startswith(b'"'):
            record = _text_of(record)
        is_opened = record.startswith(RECORDED)
        if is_opened and self._find_recorded(record, context):
            return "found"
        if len(record) > RECORD_LIMIT_BYTES:
            known = Recognition(None, record, "object", list_members(record))
        else:
            known = self._recogniser.recognise(record, is_opening_known=context.is_opening_known)
        if known.source is not None:
            self.add(known.source, known.record, context.offset, context.node, context.weight, cluster=context.cluster)
            return "found"
        if known.shape == "broken":
            return "broken"
        record, shape = known.record, known.shape
        if shape == "text" and self._find_header(record):
            return "found"
        if context.depth < MAX_UNWRAPPING:
            if not is_opened and _is_recorded(known.members) and self._find_recorded(record, context):
                return "found"
            wrapped = unwrap_text(record) if known.members is None else unwrap_object(known.members)
            if wrapped is not None and self._find_within(wrapped, context):
                return "found"
        if len(record) > RECORD_LIMIT_BYTES:
            return "broken"
        owner = self._header_source if shape == "text" else None
        if self._recogniser.forced is not None and context.is_own:
            owner = self._recogniser.forced
        if owner is None:
            return "unrecognised"
        self.add(owner, record, context.offset, context.node, context.weight, cluster=context.cluster)
        return "found"

    def _find_recorded(self, line: bytes, context: _Context) -> bool:
        """Take a line of a recording: what stands in it is whole, and its source is told."""
        wrapped = unwrap_recorded(line) if context.depth < MAX_UNWRAPPING else None
        if wrapped is None:
            return False
        record, source = wrapped.payloads[0], wrapped.source or ""
        inside = context.within(wrapped, is_own=False)
        if len(record) > RECORD_LIMIT_BYTES or not self._recogniser.is_of(source, record):
            return self._find(record, inside) == "found"
        self._is_in_header = False
        self._append(source, record, inside.offset, inside.node, inside.weight, inside.cluster)
        return True

    def _find_header(self, line: bytes) -> bool:
        source = self._recogniser.header_of(line)
        if source is None or len(line) > MAX_HEADER_BYTES:
            return False
        if not self._is_in_header or source != self._header_source:
            self._header = b""
        self._header_source = source
        if len(self._header) + len(line) < MAX_HEADER_BYTES:
            self._header += line + b"\n"
        self._batch.headers += 1
        self._is_in_header = True
        return True

    def _find_within(self, wrapped: Wrapped, context: _Context) -> bool:
        if wrapped.elements is not None:
            return self._find_elements(wrapped, wrapped.elements, context)
        inside = context.within(wrapped, is_own=False)
        if wrapped.channel is not None and context.weight == 1:
            piece = wrapped.payloads[0]
            is_waiting, whole = self._pieces.add(
                wrapped.channel, piece, context.offset, inside.node, wrapped.is_cut, inside.cluster
            )
            if whole is not None:
                self._take_whole(whole)
            if is_waiting:
                return True
        return any(self._find(payload, inside) == "found" for payload in wrapped.payloads)

    def _take_whole(self, whole: Gathered) -> None:
        """A record put together from pieces, each of which was a line."""
        record, weight = b"".join(whole.lines), len(whole.lines)
        context = _Context(whole.offset, weight, whole.node, whole.cluster, depth=1)
        if self._find(record, context) != "found":
            self.miss(whole.offset, record, weight)

    def _find_elements(self, wrapped: Wrapped, elements: memoryview, context: _Context) -> bool:
        """Take the elements of a list. Counts those that nobody knows if it is a list for certain."""
        inside = context.within(wrapped, is_own=wrapped.is_list)
        document = Document(0, element_limit=RECORD_LIMIT_BYTES)
        missed: list[tuple[Outcome, int, bytes]] = []
        counts = {"found": 0, "unrecognised": 0, "broken": 0}
        position = excess = 0
        while position < len(elements) and not document.is_closed and not document.is_broken:
            position, values = document.feed(elements, position)
            for value in values:
                if self._remaining <= 0:
                    excess += 1
                    continue
                self._remaining -= 1
                element = complete_element(value.record, wrapped.element_members)
                where = msgspec.structs.replace(inside, offset=self._next_number()) if context.is_numbered else inside
                outcome: Outcome = "broken" if value.is_too_long else self._find(element, where)
                counts[outcome] += 1
                if outcome != "found" and len(missed) < KEPT_UNREAD:
                    missed.append((outcome, where.offset, value.record))
        if not wrapped.is_list and not counts["found"]:
            return False
        for outcome, offset, record in missed:
            self._keep("rejected" if outcome == "broken" else "unrecognised", offset, record, "in a list")
        self._batch.unrecognised += counts["unrecognised"]
        self._batch.rejected += counts["broken"]
        if excess:
            self.reject(context.offset, bytes(elements[:1000]), f"a list of more than {MAX_ELEMENTS} elements", excess)
        if not any(counts.values()):
            self.count_blank()
        return True

    def _next_number(self) -> int:
        self.elements += 1
        return self._first_element + self.elements - 1


def _is_recorded(found: Members | None) -> bool:
    return found is not None and bytes(found.raw.get("kind", b"")) == b'"recorded"'


def _text_of(record: bytes) -> bytes:
    """A JSON string as the text it holds; anything else as it is."""
    try:
        return msgspec.json.decode(record, type=str).encode("utf-8", "replace")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return record
