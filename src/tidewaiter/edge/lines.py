"""Turns chunks of bytes, cut anywhere, into whole lines with their numbers.

Lines end with LF or with any CRs and LF; where the chunks are cut changes nothing. A line that does not end within the
limit is not kept growing: the reader sees `held_bytes` pass it and either takes the piece over or skips the line.
"""

LINE_LIMIT_BYTES = 16 * 1024 * 1024


class Lines:
    """A splitter that is fed chunks."""

    def __init__(self, limit: int = LINE_LIMIT_BYTES) -> None:
        self.limit = limit
        self.number = 1
        """Number, from 1, of the line that completes next."""
        self.held_bytes = 0
        """Length of the line that has begun and not ended."""
        self._held: list[bytes] = []
        self.is_skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """Give the lines that `data` completes, without their ends; the first of them may be longer than the limit.

        The number of the first is `number - len(lines)` afterwards. `data` may not be longer than the limit.
        """
        lines = data.split(b"\n")
        rest = lines.pop()
        may_end_in_cr = b"\r" in data
        if lines and self.is_skipping:
            del lines[0]
            self.number += 1
            self.is_skipping = False
        elif lines and self._held:
            may_end_in_cr = may_end_in_cr or self._held[-1].endswith(b"\r")
            lines[0] = b"".join((*self._held, lines[0]))
            self._held = []
            self.held_bytes = 0
        if rest and not self.is_skipping:
            self._held.append(rest)
            self.held_bytes += len(rest)
        if may_end_in_cr:
            # All of them, so that a line that is read a second time stays the same.
            lines = [line.rstrip(b"\r") for line in lines]
        self.number += len(lines)
        return lines

    def take(self) -> bytes:
        """Give up the line that has begun, as far as it is known."""
        held = b"".join(self._held)
        self._held = []
        self.held_bytes = 0
        return held

    def skip(self) -> None:
        """Drop the line that has begun, up to and with its end; its number is used up."""
        self._held = []
        self.held_bytes = 0
        self.is_skipping = True
