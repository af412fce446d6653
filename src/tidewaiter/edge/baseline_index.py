"""Turns the bytes of a baseline file into where each of its profiles lies, without decoding what stands in them.

Theory of operation
- Only head lines are looked for, by the bytes that they begin with: a line feed within JSON is always escaped, so
  that what begins like a head after one is a head.
- A file without its end was cut. The profiles before the last one that was begun are whole, and stay in use.
"""

import os
from array import array
from collections.abc import Iterator

import msgspec

from tidewaiter.edge.baseline_hours import Spans
from tidewaiter.edge.baseline_lines import HEAD, SCHEMA, End, LineError, Order, end_of, header_of, hours_of, place_of
from tidewaiter.edge.paths import shown
from tidewaiter.policy_yaml import cut, printable
from tidewaiter.workload import WorkloadKey

LINE_LIMIT_BYTES = 1024 * 1024
_CHUNK_BYTES = 1024 * 1024
_HEADER_LIMIT_BYTES = 64 * 1024
_LINE_HEAD = b"\n" + HEAD
_COMPRESSED = {b"\x1f\x8b": "gunzip", b"\x28\xb5\x2f\xfd": "unzstd"}


class BaselineError(Exception):
    """A fault of a baseline file that the user can mend: one sentence."""


class Index(msgspec.Struct):
    """Where the profiles of a file are, in its order."""

    keys: list[WorkloadKey]
    contents: list[str | None]
    offsets: "array[int]"
    """Where each head begins, and at last where the last profile ends."""
    end: End | None
    """None: the file was cut."""
    hours: dict[str, Spans] | None
    warning: str | None = None
    """What is wrong with the file although it can be used."""


def fault(path: str, sentence: str, line: int | None = None) -> BaselineError:
    """A fault of a file, at a line (from 1)."""
    where = f"{printable(shown(path))}:{line}" if line is not None else printable(shown(path))
    return BaselineError(f"{where}: {sentence}")


def line_number(file: int, offset: int) -> int:
    """The number, from 1, of the line that begins at an offset."""
    return 1 + sum(chunk.count(b"\n") for chunk in _chunks(file, 0, offset))


def index_of(file: int, path: str) -> Index:
    """The index of an open file. Raises BaselineError where nothing of the file can be used."""
    size = os.fstat(file).st_size
    start = _behind_header(file, path, size)
    scan = _Scan(file, path)
    for block, offset in _whole_lines(file, path, start, size):
        scan.take(block, offset)
    index, line = scan.index, scan.last_line
    index.end = end_of(line)
    first = index.offsets[0] if index.offsets else scan.last_offset
    if os.pread(file, min(max(first - start, 0), _CHUNK_BYTES), start).strip():
        raise fault(path, "what stands before the first profile is of none: was the line of its head taken out?", 2)
    if index.end is None:
        if not scan.is_cut_in_head and index.keys:
            index.keys.pop()
            index.contents.pop()
        return _cut_short(index, path)
    index.offsets.append(scan.last_offset)
    try:
        index.hours = hours_of(index.end)
    except LineError as error:
        raise fault(path, f"the end of the baseline: {error}", line_number(file, scan.last_offset)) from None
    if index.end.profiles != len(index.keys):
        index.warning = (
            f"{printable(shown(path))}: its last line counts {index.end.profiles} profiles, but {len(index.keys)} are "
            "in it: some were put in or taken out by hand; what is there is used"
        )
    return index


def _cut_short(index: Index, path: str) -> Index:
    """The index of a file without an end, in which are the whole profiles."""
    if not index.keys:
        raise fault(
            path,
            "the baseline breaks off, and no whole profile stands before the break: "
            "write the file again, or take it from a backup",
        )
    count = f"{len(index.keys)} whole profile{'' if len(index.keys) == 1 else 's'}"
    index.warning = (
        f"{printable(shown(path))}: the baseline breaks off; the {count} before the break count, what came behind is "
        "not known: write the file again, or take it from a backup"
    )
    return index


def _behind_header(file: int, path: str, size: int) -> int:
    """Where the second line begins."""
    opening = os.pread(file, _HEADER_LIMIT_BYTES, 0)
    if not size:
        raise fault(path, "the file is empty, so it is no baseline (tidewaiter baseline learn writes one)")
    for magic, tool in _COMPRESSED.items():
        if opening.startswith(magic):
            raise fault(path, f"the file is compressed, and a baseline is read here and there: unpack it with {tool}")
    line, line_end, _ = opening.partition(b"\n")
    header = header_of(line)
    if header is None:
        if not line_end and opening.startswith(b'{"kind":"baseline"'[: len(opening)]) and len(opening) == size:
            raise fault(path, "the baseline breaks off in its first line: write the file again")
        what = cut(line[:200].decode("utf-8", "replace"))
        raise fault(path, f"no baseline: its first line is not a baseline's header but: {what}", 1)
    if header.schema != SCHEMA:
        raise fault(
            path,
            f"a baseline of schema {header.schema} (written by tidewaiter {cut(header.tidewaiter) or '?'}), and this "
            f"tidewaiter reads schema {SCHEMA}, so nothing of it applies: use the tidewaiter that wrote it, or learn "
            "it again with this one",
            1,
        )
    return len(line) + 1


class _Scan:
    """Finds heads in one block of lines after another."""

    def __init__(self, file: int, path: str) -> None:
        self.index = Index([], [], array("Q"), None, None)
        self.last_line = b""
        """The last that is not blank, and where it begins."""
        self.last_offset = 0
        self.is_cut_in_head = False
        self._file, self._path = file, path
        self._last: Order | None = None
        self._texts: dict[str, str] = {}

    def take(self, block: bytes, offset: int) -> None:
        """Take in whole lines (of the last the line feed may be missing), of which the first begins at `offset`."""
        if block.startswith(HEAD):
            self._add(block, 0, offset)
        found = block.find(_LINE_HEAD)
        while found >= 0:
            self._add(block, found + 1, offset + found + 1)
            found = block.find(_LINE_HEAD, found + 1)
        filled = block.rstrip()
        if filled:
            start = filled.rfind(b"\n") + 1
            self.last_line, self.last_offset = filled[start:], offset + start

    def _add(self, block: bytes, start: int, offset: int) -> None:
        stop = block.find(b"\n", start)
        line = block[start : stop if stop >= 0 else len(block)]
        try:
            key, content = place_of(line)
        except LineError as error:
            if stop >= 0:
                raise self._fault(offset, str(error)) from None
            # The file was cut here. The profile before is whole.
            self.is_cut_in_head = True
            self.index.offsets.append(offset)
            return
        index = self.index
        order = key, content or ""
        if self._last is not None and order <= self._last:
            raise self._fault(offset, self._disorder(key, content, order == self._last))
        self._last = order
        if index.keys and index.keys[-1] == key:
            key = index.keys[-1]
        index.keys.append(key)
        index.contents.append(self._texts.setdefault(content, content) if content is not None else None)
        index.offsets.append(offset)

    def _disorder(self, key: WorkloadKey, content: str | None, is_twice: bool) -> str:
        whose = f"the profile of {cut(key.path)}, container {cut(key.container)}, content {cut(content or 'not known')}"
        if is_twice:
            return f"{whose} is there twice: take one of the two out with its entries"
        return (
            f"{whose} stands out of order: were lines moved, or files joined by hand? Take the file from a backup, and "
            "join files with tidewaiter baseline merge"
        )

    def _fault(self, offset: int, sentence: str) -> BaselineError:
        return fault(self._path, sentence, line_number(self._file, offset))


def _whole_lines(file: int, path: str, start: int, size: int) -> Iterator[tuple[bytes, int]]:
    """The file from `start` on in blocks of whole lines, each with its offset; the last may lack its line feed."""
    rest, offset = b"", start
    for chunk in _chunks(file, start, size):
        data = rest + chunk
        stop = data.rfind(b"\n") + 1
        if not stop and len(data) > LINE_LIMIT_BYTES:
            raise fault(path, f"the line is longer than {LINE_LIMIT_BYTES:,} bytes", line_number(file, offset))
        if stop:
            yield data[:stop], offset
        rest, offset = data[stop:], offset + stop
    if rest:
        yield rest, offset


def _chunks(file: int, start: int, stop: int) -> Iterator[bytes]:
    """The bytes from `start` to `stop`; fewer where the file has become shorter."""
    while start < stop and (chunk := os.pread(file, min(_CHUNK_BYTES, stop - start), start)):
        yield chunk
        start += len(chunk)
