"""Turns files into batches: the reader's front for run loops, with the faults of files as sentences in the batches."""

import os
import stat
from collections.abc import Iterator

from tidewaiter.edge.batch import Batch
from tidewaiter.edge.chunks import StreamError, chunks
from tidewaiter.edge.paths import STDIN, shown
from tidewaiter.edge.reader import Reader, ReadOptions
from tidewaiter.edge.recognise import Recogniser, mend
from tidewaiter.edge.sieve import Sieve
from tidewaiter.event import Event, Where
from tidewaiter.sources import RecordError, Source, sources

HEAD_BYTES = 64 * 1024


class Stream:
    """One file, or standard input, that can be read once, and looked into before if it is a regular file."""

    def __init__(
        self,
        path: str,
        recogniser: Recogniser,
        options: ReadOptions | None = None,
        sieve: Sieve | None = None,
    ) -> None:
        self.path = path
        self.name = shown(path)
        self._recogniser = recogniser
        self._options = options or ReadOptions()
        self._sieve = sieve

    def size_bytes(self) -> int:
        """Size of the file; 0 where that is not known before it is read."""
        try:
            found = os.stat(self.path)
        except OSError:
            return 0
        return found.st_size if self.path != STDIN and stat.S_ISREG(found.st_mode) else 0

    def head(self) -> Batch | None:
        """The records in the first 64 KiB, read apart from `__iter__`; None where that would use them up."""
        try:
            if self.path == STDIN or not stat.S_ISREG(os.stat(self.path).st_mode):
                return None
            for chunk in chunks(self.path, HEAD_BYTES):
                return Reader(self.name, self._recogniser, self._options).feed(chunk.data[:HEAD_BYTES])
        except (OSError, StreamError):
            return None
        return None

    def __iter__(self) -> Iterator[Batch]:
        """Yield all records, in the order of the file. A fault of the file ends it and is told in the last batch."""
        reader = Reader(self.name, self._recogniser, self._options, self._sieve)
        position = 0
        problem: str | None = None
        try:
            for chunk in chunks(self.path, self._options.chunk_bytes):
                position = chunk.position
                yield reader.feed(chunk.data, position)
        except OSError as error:
            problem = f"could not be read: {error.strerror or error}"
        except StreamError as error:
            problem = str(error)
        last = reader.finish(position)
        if problem is not None:
            last.problems.append(problem)
        yield last


def recogniser_of(source: str | None = None) -> Recogniser:
    """A recogniser of all sources, or of the one named (`--source`), to which then belongs what is not told apart.

    Raises KeyError for a name that no source has.
    """
    known = sources()
    return Recogniser(known) if source is None else Recogniser({source: known[source]}, forced=source)


def read(path: str, options: ReadOptions | None = None, recogniser: Recogniser | None = None) -> Iterator[Batch]:
    """Yield the records of one file (`-`: standard input) in batches of about `options.chunk_bytes` of plain bytes."""
    return iter(Stream(path, recogniser or recogniser_of(), options))


def decode(source: Source, record: bytes, where: Where) -> list[Event]:
    """The events of one record; a record that is no valid Unicode is mended before it is given up.

    Raises RecordError.
    """
    try:
        return list(source.decode(record, where))
    except RecordError:
        mended = mend(record)
        if mended is None:
            raise
        return list(source.decode(mended, where))
