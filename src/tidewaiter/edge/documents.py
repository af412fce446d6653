"""Turns JSON that spans lines (pretty-printed documents, long arrays) into whole values, fed in chunks cut anywhere.

Rules
- An array is handed over element by element, so that a long one is never held; an object is held until it closes.
- Only what decides where a value ends is looked at: brackets, strings, and which characters may stand between them.
  Whether the value is JSON is for the decoder to say. Lines that are no JSON break the document at once, so that one
  line that was cut short does not swallow the lines behind it (RFC 8259: a string holds no raw line feed, an object's
  value follows a colon, an array's element an opening bracket or a comma).
- Elements that are written alike are not looked through one by one: what lies between two separators as they were
  seen before is decoded as a list at once, without its values. If that is JSON, the separators were the array's own,
  since brackets and quotes balance nowhere else; if not, nothing was concluded.
"""

import re

import msgspec

from tidewaiter.edge.lines import LINE_LIMIT_BYTES

DOCUMENT_LIMIT_BYTES = 256 * 1024 * 1024
MAX_DEPTH = 2000
"""Deeper than any decoder goes, so that depth is the decoder's to judge."""
SAMPLE_BYTES = 256
_FIRST_STEP_BYTES = 4096
_MAX_SEPARATOR_BYTES = 256
_LEAPS = 8
_LAST_STEP_BYTES = 256 * 1024

_FILL = rb"[ \t\r\n:,0-9eEtrufalsn.+\-]*+"
# No group is possessive: CPython before 3.11.5 matches such groups wrongly (gh-106052). Since no two parts can match
# the same character, going back finds nothing and costs no more than going on did.
_INSIDE = rb'[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*'
_TO_FILL_END = re.compile(rb'%b(?:"%b"%b)*' % (_FILL, _INSIDE, _FILL))
_TO_BRACKET = re.compile(rb'%b(?:"%b"%b)*[{}\[\]]' % (_FILL, _INSIDE, _FILL))
_TO_STRING_END = re.compile(_INSIDE)
_ARRAY = re.compile(rb'\[[ \t\r\n]*+(?:[\[{"\]]|\Z|[0-9eEtrufalsn.+\-]{1,64}[ \t]*,)')
_WHITE = b" \t\r\n"
_QUOTE, _BACKSLASH, _COLON, _COMMA = b'"\\:,'
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY = b"{}[]"
_OPENING = frozenset(b"{[")
_RAW_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


def is_array_opening(line: bytes) -> bool:
    """Whether a line, stripped, begins a JSON array of records and not a text like `[1795309523.183317] ...`."""
    return _ARRAY.match(line) is not None


class Value(msgspec.Struct, frozen=True, gc=False):
    """One complete value of a document."""

    record: bytes
    line: int
    """Number of the line it begins in."""
    is_element: bool
    """Whether it is an element of the document, which is an array, and not the document itself."""
    is_too_long: bool = False
    """Whether the value passed the limit; `record` then holds only its beginning."""


class Document:
    """One JSON value, an object or an array, that is fed from its first byte on.

    `limit` bounds an object that is the document, `element_limit` an element of an array, in bytes.
    """

    def __init__(self, line: int, *, limit: int = DOCUMENT_LIMIT_BYTES, element_limit: int = LINE_LIMIT_BYTES) -> None:
        self.line = line
        """Number of the line reached by the last value that was handed over."""
        self.is_array = False
        self.is_closed = False
        self.is_broken = False
        self._limit = limit
        self._element_limit = element_limit
        self._buffer = bytearray()
        self._start = 0  # in the buffer: where the value, or the gap before the next one, begins
        self._at = 0  # in the buffer: how far brackets were looked for
        self._stack = bytearray()
        self._last = 0  # the last character that is not white space, for the grammar at the next bracket
        self._is_in_string = False
        self._elements = 0
        self._separator: bytes | None = None  # what stood between the last two elements, with both their brackets
        self._leapt = 0  # length of the buffer at the last leap that failed
        self._step = _FIRST_STEP_BYTES
        self._dropped: bytes | None = None  # beginning of a value that passed its limit
        self._values: list[Value] = []

    def feed(self, data: bytes | memoryview, position: int = 0) -> tuple[int, list[Value]]:
        """Read on at `data[position]`; give the position reached and the values completed on the way.

        Reading stops where the document closes or breaks, and where there are values to take away; otherwise at the
        end of `data`.
        """
        while position < len(data) and not self.is_ended and not self._values:
            self._buffer += data[position : position + self._step]
            position = min(position + self._step, len(data))
            self._step = min(self._step * 2, _LAST_STEP_BYTES)
            self._scan()
            if self.is_closed:
                position -= len(self._buffer) - self._at
                self._buffer.clear()
            elif not self.is_broken:
                self._trim()
        values, self._values = self._values, []
        return position, values

    @property
    def is_ended(self) -> bool:
        """Whether nothing more can be fed."""
        return self.is_closed or self.is_broken

    @property
    def unread(self) -> bytes:
        """Of a broken document: what was fed since the last value that was handed over."""
        return bytes(self._buffer[self._start :])

    def _scan(self) -> None:
        buffer = self._buffer
        while not self.is_ended:
            if self._is_in_string and not self._leave_string():
                return
            found = _TO_BRACKET.match(buffer, self._at)
            if found is not None:
                end = found.end()
                self._note_last(end - 1)
                bracket = buffer[end - 1]
                self._at = end
                if bracket in _OPENING:
                    self._open(bracket, end - 1)
                else:
                    self._close(bracket, end)
                self._last = bracket
                continue
            found = _TO_FILL_END.match(buffer, self._at)
            end = found.end() if found is not None else self._at
            self._note_last(end)
            self._at = end
            if end == len(buffer):
                return
            self._is_in_string = buffer[end] == _QUOTE
            self.is_broken = not self._is_in_string
            self._at = end + 1

    def _leave_string(self) -> bool:
        """Go to the end of the string; False where it does not end in what was fed, or not as JSON."""
        buffer = self._buffer
        found = _TO_STRING_END.match(buffer, self._at)
        self._at = found.end() if found is not None else self._at
        if self._at == len(buffer):
            return False
        stopped_by = buffer[self._at]
        if stopped_by == _QUOTE:
            self._at += 1
            self._last = _QUOTE
            self._is_in_string = False
            return True
        # A backslash that ends the buffer waits for the character it escapes.
        self.is_broken = stopped_by != _BACKSLASH or self._at + 1 < len(buffer)
        return False

    def _note_last(self, end: int) -> None:
        filling = self._buffer[self._at : end].rstrip(_WHITE)
        if filling:
            self._last = filling[-1]

    def _open(self, bracket: int, at: int) -> None:
        stack = self._stack
        if not stack:
            self.is_array = bracket == _OPEN_ARRAY
            if self.is_array:
                self._advance(at + 1)
        elif self.is_array and len(stack) == 1:
            self._end_gap(at, is_last=False)
        elif stack[-1] == _OPEN_OBJECT:
            self.is_broken = self._last != _COLON
        else:
            self.is_broken = self._last != _OPEN_ARRAY and self._last != _COMMA
        self.is_broken = self.is_broken or len(stack) >= MAX_DEPTH
        stack.append(bracket)

    def _close(self, bracket: int, end: int) -> None:
        stack = self._stack
        if not stack or stack[-1] != (_OPEN_OBJECT if bracket == _CLOSE_OBJECT else _OPEN_ARRAY):
            self.is_broken = True
            return
        if len(stack) == 1 and self.is_array:
            self._end_gap(end - 1, is_last=True)
        elif len(stack) == 1 + self.is_array:
            self._hand_over(end)
            if self._separator is not None and len(self._buffer) != self._leapt:
                self._leap()
        if not self.is_broken:
            stack.pop()
            self.is_closed = not stack

    def _hand_over(self, end: int) -> None:
        if self._dropped is not None:
            value = Value(self._dropped, self.line, self.is_array, is_too_long=True)
        elif end - self._start > self._most:
            value = Value(self._beginning(end), self.line, self.is_array, is_too_long=True)
        else:
            value = Value(self._bytes(self._start, end), self.line, self.is_array)
        self._values.append(value)
        self._elements += 1
        self._advance(end)

    def _leap(self) -> None:
        """Hand over the elements up to the last separator in the buffer, all at once."""
        buffer, separator, limit = self._buffer, self._separator or b"", len(self._buffer)
        begin = self._start + len(separator) - 2
        if not buffer.startswith(separator[1:-1], self._start):
            return
        for _ in range(_LEAPS):
            end = buffer.rfind(separator, begin, limit) + 1
            if end <= begin:
                break
            try:
                raws = _RAW_ARRAY.decode(b"[%b]" % self._bytes(begin, end))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                limit = end
                continue
            for record in map(bytes, raws):
                is_too_long = len(record) > self._most
                kept = record[:SAMPLE_BYTES] if is_too_long else record
                self._values.append(Value(kept, self.line, is_element=True, is_too_long=is_too_long))
            self._elements += len(raws)
            self._advance(end)
            self._at = end
            return
        self._leapt = len(buffer)

    def _end_gap(self, at: int, *, is_last: bool) -> None:
        """Between two elements stands a comma; numbers, strings and words there are elements themselves."""
        if self._dropped is not None or at - self._start > self._most:
            self._hand_over(at)
            return
        gap = bytes(self._buffer[self._start : at]).strip(_WHITE)
        if self._elements:
            if gap[:1] != b"," and (gap or not is_last):
                self.is_broken = True
                return
            gap = gap[1:].lstrip(_WHITE)
        if gap and not is_last:
            self.is_broken = gap[-1:] != b"," or gap == b","
            gap = gap[:-1]
        try:
            scalars = _RAW_ARRAY.decode(b"[" + gap + b"]") if gap else []
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.is_broken = True
            return
        if self._elements and self._start and not is_last and not scalars and at - self._start < _MAX_SEPARATOR_BYTES:
            self._separator = self._bytes(self._start - 1, at + 1)
        self._values += [Value(bytes(scalar), self.line, is_element=True) for scalar in scalars]
        self._elements += len(scalars)
        self._advance(at)

    @property
    def _most(self) -> int:
        return self._element_limit if self.is_array else self._limit

    def _beginning(self, end: int) -> bytes:
        return self._bytes(self._start, min(end, self._start + SAMPLE_BYTES))

    def _bytes(self, start: int, end: int) -> bytes:
        with memoryview(self._buffer) as view:
            return bytes(view[start:end])

    def _advance(self, to: int) -> None:
        """What comes before `to` is dealt with."""
        self.line += self._buffer.count(b"\n", self._start, to)
        self._start = to
        self._dropped = None

    def _trim(self) -> None:
        """Let go of what was handed over, and of a value that is too long."""
        if len(self._buffer) - self._start > self._most or self._dropped is not None:
            dropped = self._beginning(self._at) if self._dropped is None else self._dropped
            self._advance(self._at)
            self._dropped = dropped
        if self._start:
            del self._buffer[: self._start]
            self._at -= self._start
            self._start = 0
