"""Turns the bytes of one stream, fed in chunks cut anywhere, into batches of records with a recognised source.

Theory of operation
- Lines are recognised by their opening, a whole chunk in one pass; that is the hot path. What is left goes one by one
  through the slow path: shape, then envelope, then document.
- A line that opens a JSON value and does not close it begins a document; what follows is read as bytes until it
  closes or breaks. Where it breaks, only its first line is lost, and reading by lines goes on behind that.
- Which source a record has, `find.py` says; this file knows lines, documents and the account of them.
Where the chunks are cut changes nothing in the records, their order and the counts.
"""

import re
from collections.abc import Sequence

import msgspec

from tidewaiter.edge.batch import Batch
from tidewaiter.edge.documents import Document, Value, is_array_opening
from tidewaiter.edge.find import Finder
from tidewaiter.edge.lines import LINE_LIMIT_BYTES, Lines
from tidewaiter.edge.recognise import Recogniser
from tidewaiter.edge.sieve import Sieve

MAX_DOCUMENTS_IN_A_LINE = 1000
MAX_REREAD_BYTES = 16 * 1024 * 1024
_NOTHING = b" \t\r\n\0"
_BRACKETS = b"{["
_SEPARATORS = re.compile(rb"[ \t\r\n\0,\]]*+")


class ReadOptions(msgspec.Struct, frozen=True):
    """What the user said about all streams, and the limits."""

    cluster: str = "default"
    node: str | None = None
    chunk_bytes: int = 1024 * 1024
    line_limit_bytes: int = LINE_LIMIT_BYTES


class Reader:
    """Reads one stream: `feed` it, then `finish` it."""

    def __init__(
        self,
        stream: str,
        recogniser: Recogniser,
        options: ReadOptions | None = None,
        sieve: Sieve | None = None,
    ) -> None:
        """`sieve` says which lines need not be read at all."""
        self._options = options or ReadOptions()
        self._limit = self._options.line_limit_bytes
        self._recogniser = recogniser
        self._sieve = sieve
        self._find = Finder(stream, recogniser, self._options.cluster, self._options.node)
        self._lines = Lines()
        self._document: Document | None = None
        self._has_document_behind = False
        self._is_rest_of_line = False
        self._elements = 0
        self._reread_bytes = 0

    def feed(self, data: bytes, position: int = 0) -> Batch:
        """Read a chunk; `position` is how far the file is read. Gives the records that the chunk completes."""
        if self._sieve is not None and len(data) <= self._limit:
            data = self._sift(self._sieve, data)
        for start in range(0, len(data), self._limit):
            self._push(data[start : start + self._limit] if len(data) > self._limit else data)
        return self._find.hand_over(position)

    def finish(self, position: int = 0) -> Batch:
        """The stream has ended: give what was waiting for more."""
        while self._document is not None or self._lines.held_bytes:
            if self._document is None:
                self._push(b"\n")
                continue
            document, self._document = self._document, None
            line, _, rest = document.unread.partition(b"\n")
            if rest.startswith(b"{") and not document.is_array:
                # Not a document that was cut, but a line: pretty-printed JSON indents what stands within.
                self._find.reject(document.line, line, "broken JSON")
                self._lines.number = document.line + 1
                self._push(rest)
            else:
                self._find.reject(document.line, document.unread, "the JSON document has no end")
        self._find.close()
        return self._find.hand_over(position)

    def _push(self, data: bytes) -> None:
        position = 0
        while position < len(data):
            if self._document is not None:
                data, position = self._read_document(self._document, data, position)
            else:
                data, position = self._read_lines(data, position)

    # ------------------------------------------------------------------------------------------- lines

    def _sift(self, sieve: Sieve, data: bytes) -> bytes:
        """Take the lines of a chunk that the sieve lets through. Gives what is left to read in the ordinary way."""
        start = 0
        if self._lines.held_bytes:
            start = data.find(b"\n") + 1
            if not start:
                return data
            self._push(data[:start])
        if self._document is not None or self._has_document_behind or self._is_rest_of_line or self._lines.is_skipping:
            return data[start:]
        sifted = sieve.sift(data, start, self._lines.number)
        opening = self._take_lines(sifted.lines, sifted.numbers) if sifted.lines else None
        stop, number = sifted.stop, sifted.number
        if opening is not None:
            # A line opened a document after all: what stands behind it was not to be sifted.
            self._has_document_behind = True
            stop, number = sifted.ends[opening], sifted.numbers[opening] + 1
            sifted = sieve.sift(data[:stop], start, self._lines.number)
        self._find.count_skipped(sifted.skipped)
        self._lines.number = number
        return data[stop:]

    def _read_lines(self, data: bytes, position: int) -> tuple[bytes, int]:
        """Read lines, to the end of `data` or up to one that opens a document. Gives where to read on."""
        end = len(data)
        if self._has_document_behind:
            # Documents come in rows: look at one line before all that follow are split in vain.
            end = data.find(b"\n", position) + 1 or end
        lines = self._lines.feed(data if position == 0 and end == len(data) else data[position:end])
        first = self._lines.number - len(lines)
        if lines and self._is_rest_of_line:
            self._is_rest_of_line = False
            self._take_rest(lines[0], first)
        elif lines:
            self._has_document_behind = False
            opening = self._take_lines(lines, range(first, first + len(lines)))
            if opening is not None:
                self._has_document_behind = True
                rest = b"\n".join((*lines[opening + 1 :], self._lines.take()))
                return (rest + data[end:], 0) if rest else (data, end)
        if self._lines.held_bytes > self._limit + 1:  # one for a carriage return
            self._take_long_beginning()
        return data, end

    def _take_lines(self, lines: list[bytes], numbers: Sequence[int]) -> int | None:
        """Sort whole lines; give the index of one that opened a document, behind which nothing was read."""
        names = self._recogniser.openings(lines)
        gathering = self._recogniser.gathering
        if len(lines[0]) > self._limit:
            names[0] = None  # only the first was put together from several chunks, and can be that long
        if None not in names and gathering.isdisjoint(names):
            self._find.add_lines(names, lines, numbers)
            return None
        add_source, add_record, add_offset = self._find.entries()
        for index, (number, name, line) in enumerate(zip(numbers, names, lines, strict=True)):
            if name is None:
                if index and names[index - 1] is not None:
                    self._find.leave_header()
                self._take_line(line, number)
                if self._document is not None:
                    return index
            elif name in gathering:
                self._find.add(name, line, number)
            else:
                add_source(name)
                add_record(line)
                add_offset(number)
        if names[-1] is not None:
            self._find.leave_header()
        return None

    def _take_line(self, line: bytes, number: int) -> None:
        """The slow path: a line whose opening says nothing."""
        if len(line) > self._limit:
            if not self._take_long(line, number):
                self._find.reject(number, line, f"a line of more than {self._limit} bytes")
            return
        body = line.strip(_NOTHING)
        if not body:
            if b"\0" in line:
                self._find.reject(number, line, "a line of NULs")
            else:
                self._find.count_blank()
            return
        # A block of NULs is what a crash leaves in a log; a record may follow on the same line.
        line = line.strip(b"\0")
        outcome = "broken" if is_array_opening(body) else self._find.find_line(line, number)
        if outcome == "broken":
            self._take_values(body, number)
        elif outcome == "unrecognised":
            self._find.miss(number, line)

    def _take_rest(self, line: bytes, number: int) -> None:
        """What stands behind a JSON value on its last line: nothing, another value, or something else."""
        start = _past_separators(line, 0)
        if start == len(line):
            return
        if line[start] in _BRACKETS:
            self._take_values(line[start:], number)
        else:
            self._take_line(line[start:], number)

    def _take_long(self, line: bytes, number: int, *, is_whole_line: bool = True) -> bool:
        """A line beyond the limit may only be a JSON value; False where it is none."""
        body = line.lstrip(_NOTHING)
        if not body.startswith(b"{") and not is_array_opening(body):
            return False
        self._take_values(body, number, is_whole_line=is_whole_line)
        return True

    def _take_long_beginning(self) -> None:
        """A line goes on beyond the limit."""
        line = self._lines.take()
        if self._is_rest_of_line:
            line = line[_past_separators(line, 0) :]
            self._is_rest_of_line = not line
            if not line:
                return
        if not self._take_long(line, self._lines.number, is_whole_line=False):
            self._find.reject(self._lines.number, line, f"a line of more than {self._limit} bytes")
            self._lines.skip()

    # ------------------------------------------------------------------------------------------- documents

    def _take_values(self, line: bytes, number: int, *, is_whole_line: bool = True) -> None:
        """Read the JSON values of a line, the last of which may go on behind it."""
        text = line + b"\n" if is_whole_line else line
        position = 0
        for _ in range(MAX_DOCUMENTS_IN_A_LINE):
            document = Document(number)
            beginning = position
            while position < len(text) and not document.is_closed and not document.is_broken:
                position, values = document.feed(text, position)
                self._take_found(values)
            if not document.is_closed:
                may_go_on = not document.is_broken and self._reread_bytes <= MAX_REREAD_BYTES
                if may_go_on:
                    self._document = document
                else:
                    self._find.reject(number, text[beginning:], "broken JSON")
                    if not is_whole_line:
                        self._lines.skip()
                return
            position = _past_separators(text, position)
            if position == len(text) or text[position] not in _BRACKETS:
                break
        else:
            self._find.reject(number, text[position:], f"more than {MAX_DOCUMENTS_IN_A_LINE} JSON values on a line")
            if not is_whole_line:
                self._lines.skip()
            return
        if not is_whole_line:
            # What follows comes with the rest of the line.
            self._lines.feed(text[position:])
            self._is_rest_of_line = self._has_document_behind = True
        elif position < len(text):
            self._take_rest(text[position:-1], number)

    def _read_document(self, document: Document, data: bytes, position: int) -> tuple[bytes, int]:
        position, values = document.feed(data, position)
        self._take_found(values)
        if document.is_closed:
            self._document = None
            self._is_rest_of_line = self._has_document_behind = True
            self._lines.number = document.line
        elif document.is_broken:
            self._document = None
            return self._read_again(document, data, position)
        return data, position

    def _read_again(self, document: Document, data: bytes, position: int) -> tuple[bytes, int]:
        """Give up one line of a broken document, and read what stands behind it by lines."""
        unread = document.unread
        self._reread_bytes += len(unread)
        line, end, rest = unread.partition(b"\n")
        self._find.reject(document.line, line, "broken JSON")
        if end:
            self._lines.number = document.line + 1
            return rest + data[position:], 0
        self._lines.number = document.line
        self._lines.skip()
        return data, position

    def _take_found(self, values: list[Value]) -> None:
        for value in values:
            offset = value.line
            if value.is_element:
                self._elements += 1
                offset = self._elements
            if value.is_too_long:
                self._find.reject(offset, value.record, "too long a JSON value")
                continue
            is_numbered = not value.is_element and b"\n" in value.record
            outcome = self._find.find(value.record, offset, first_element=self._elements + 1 if is_numbered else None)
            if is_numbered:
                self._elements += self._find.elements
            if outcome == "unrecognised":
                self._find.miss(offset, value.record)
            elif outcome == "broken":
                self._find.reject(offset, value.record, "broken JSON")


def _past_separators(text: bytes, position: int) -> int:
    """Where the next thing stands; what a broken array leaves between its elements is nothing."""
    found = _SEPARATORS.match(text, position)
    return found.end() if found is not None else position
