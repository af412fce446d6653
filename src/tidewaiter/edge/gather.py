"""Turns lines that belong together (one audit event over several lines, a record cut in pieces) into one record.

Both gatherers are bounded: in how much may be open, and in how large one record may grow.
"""

from collections.abc import Iterator

import msgspec

from tidewaiter.edge.lines import LINE_LIMIT_BYTES

CLOSE_AFTER_GROUPS = 64
MAX_GROUP_LINES = 4096
MAX_CHANNELS = 64


class Gathered(msgspec.Struct, gc=False):
    """Lines that make one record."""

    source: str
    """The source of the record; empty where it is not yet known."""
    offset: int
    """Number of the first line."""
    node: str | None
    lines: list[bytes]
    size_bytes: int
    cluster: str | None = None


class Groups:
    """Joins lines by key. A group closes once `CLOSE_AFTER_GROUPS` others were opened after it, or at the end.

    auditd writes the lines of one event apart only where CPUs interleave them, so a group that others overtook is
    whole (auditctl(8), `auparse` waits in the same way).
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str, str | None, str | None, bytes], Gathered] = {}

    def add(
        self, source: str, key: bytes, line: bytes, offset: int, node: str | None, cluster: str | None = None
    ) -> Gathered | None:
        """Take a line in; give the group that this closes, if any."""
        identity = (source, cluster, node, key)
        group = self._open.get(identity)
        if group is not None:
            group.lines.append(line)
            group.size_bytes += len(line)
            is_full = len(group.lines) >= MAX_GROUP_LINES or group.size_bytes > LINE_LIMIT_BYTES
            return self._open.pop(identity) if is_full else None
        self._open[identity] = Gathered(source, offset, node, [line], len(line), cluster)
        if len(self._open) > CLOSE_AFTER_GROUPS:
            return self._open.pop(next(iter(self._open)))
        return None

    def close(self) -> Iterator[Gathered]:
        """Give up all groups, in the order in which they were opened."""
        yield from self._open.values()
        self._open.clear()


class Pieces:
    """Puts records together that a container runtime cut at its buffer's end, one open record a channel."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str | None, str | None], Gathered] = {}

    def add(
        self, channel: str, piece: bytes, offset: int, node: str | None, is_cut: bool, cluster: str | None = None
    ) -> tuple[bool, Gathered | None]:
        """Take a piece in. Gives whether it was taken, and the record that it completes or makes too large."""
        identity = (channel, cluster, node)
        whole = self._open.get(identity)
        if whole is None:
            if not is_cut or len(self._open) >= MAX_CHANNELS:
                return False, None
            self._open[identity] = Gathered("", offset, node, [piece], len(piece), cluster)
            return True, None
        whole.lines.append(piece)
        whole.size_bytes += len(piece)
        is_complete = not is_cut or whole.size_bytes > LINE_LIMIT_BYTES
        return True, self._open.pop(identity) if is_complete else None

    def close(self) -> Iterator[Gathered]:
        """Give up what never got its last piece."""
        yield from self._open.values()
        self._open.clear()
