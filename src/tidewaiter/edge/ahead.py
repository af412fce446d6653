"""Turns batches that a child process reads into batches for the run loop, so that reading and judging overlap.

The child does what needs no judgement: reading, decompressing, recognising, and leaving out what the sieve may leave
out. For that it is told, one way, which containers have settled; that it learns so a little late only means that it
hands on more than it need. The other way come the batches, in the very order in which one process would read them.
"""

import fcntl
import os
import signal
import struct
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

import msgspec

from tidewaiter.edge.batch import Batch

SMALLEST_BYTES = 16 * 1024 * 1024
"""Below this a second process costs more than it saves."""
_PIPE_BYTES = 1024 * 1024
_LENGTH = struct.Struct("!I")
_encoder = msgspec.msgpack.Encoder()
_batches = msgspec.msgpack.Decoder(Batch)
_changes = msgspec.msgpack.Decoder(list[tuple[bool, bytes]])


class AnnouncedSet(set[bytes]):
    """A set that notes what is added and taken away, for the other process."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[bool, bytes]] = []

    def add(self, name: bytes, /) -> None:
        """Add a name."""
        if name not in self:
            super().add(name)
            self.changes.append((True, name))

    def discard(self, name: object, /) -> None:
        """Take a name away."""
        if isinstance(name, bytes) and name in self:
            super().discard(name)
            self.changes.append((False, name))


class ReaderDied(RuntimeError):
    """The reading process ended before it had read everything."""


def is_worthwhile(size_bytes: int) -> bool:
    """Whether a second process pays: enough to read, and a processor for it."""
    return size_bytes >= SMALLEST_BYTES and len(os.sched_getaffinity(0)) > 1


def read_ahead(batches: Callable[[], Iterable[Batch]], quiet: AnnouncedSet) -> Iterator[Batch]:
    """Yield what `batches()` yields, run in a child process that follows the changes of `quiet`.

    Raises `ReaderDied` where the child fails; its own words are on stderr.
    """
    from_child, to_parent = os.pipe()
    from_parent, to_child = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(from_child)
        os.close(to_child)
        _read_in_child(batches, quiet, to_parent, from_parent)
    os.close(to_parent)
    os.close(from_parent)
    fcntl.fcntl(from_child, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    os.set_blocking(to_child, False)
    is_complete = is_at_end = False
    unsent = bytearray()
    try:
        with open(from_child, "rb", buffering=_PIPE_BYTES) as received:
            for payload in _payloads(received):
                if not payload:
                    is_complete = True
                    break
                yield _batches.decode(payload)
                _tell(to_child, quiet, unsent)
            is_at_end = True
    finally:
        os.close(to_child)
        if not is_at_end:
            os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)
    if not is_complete:
        raise ReaderDied(f"the reading process ended early (status {os.waitstatus_to_exitcode(status)})")


def _payloads(received: BinaryIO) -> Iterator[bytes]:
    while len(header := received.read(_LENGTH.size)) == _LENGTH.size:
        size = _LENGTH.unpack(header)[0]
        payload = received.read(size)
        if len(payload) < size:
            return
        yield payload


def _tell(to_child: int, quiet: AnnouncedSet, unsent: bytearray) -> None:
    """Send what has changed, as far as the pipe takes it: waiting for the child here could make both wait."""
    if quiet.changes:
        payload = _encoder.encode(quiet.changes)
        quiet.changes.clear()
        unsent += _LENGTH.pack(len(payload)) + payload
    while unsent:
        try:
            del unsent[: os.write(to_child, unsent)]
        except BlockingIOError:
            return
        except BrokenPipeError:
            # The child has read everything and is gone; its last batches are still in the pipe.
            unsent.clear()


def _read_in_child(batches: Callable[[], Iterable[Batch]], quiet: set[bytes], to_parent: int, from_parent: int) -> None:
    status = 1
    try:
        os.set_blocking(from_parent, False)
        heard = bytearray()
        with open(to_parent, "wb", buffering=_PIPE_BYTES) as sent:
            for batch in batches():
                batch.offsets = list(batch.offsets)
                payload = _encoder.encode(batch)
                sent.write(_LENGTH.pack(len(payload)))
                sent.write(payload)
                sent.flush()
                _listen(from_parent, heard, quiet)
            sent.write(_LENGTH.pack(0))
        status = 0
    except (BrokenPipeError, KeyboardInterrupt):
        status = 130
    except BaseException:
        os.write(2, traceback.format_exc().encode("utf-8", "replace"))
    finally:
        # Not exit(): what the parent has in its buffers is the parent's to write.
        os._exit(status)


def _listen(from_parent: int, heard: bytearray, quiet: set[bytes]) -> None:
    """Take in what has come so far; an unfinished message stays in `heard`."""
    while True:
        try:
            part = os.read(from_parent, _PIPE_BYTES)
        except BlockingIOError:
            break
        if not part:
            break
        heard += part
    while len(heard) >= _LENGTH.size:
        size = _LENGTH.size + _LENGTH.unpack_from(heard)[0]
        if len(heard) < size:
            return
        for is_added, name in _changes.decode(bytes(heard[_LENGTH.size : size])):
            if is_added:
                quiet.add(name)
            else:
                quiet.discard(name)
        del heard[:size]
