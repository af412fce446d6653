"""Turns a netlink socket into the messages that the kernel, and only the kernel, sends to a group.

Sources: netlink(7); linux `net/netlink/af_netlink.c` (netlink_overrun; the table in /proc/net/netlink).
"""

import errno
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

from tidewaiter.edge.collector import Desk

HEADER = struct.Struct("=IHHII")
"""struct nlmsghdr: length with the header, type, flags, sequence, port."""
_SO_RCVBUFFORCE = 33
_BUFFER_BYTES = 32 * 1024 * 1024
"""Holds a burst of some 40,000 messages; the kernel takes memory for those that wait only."""
_LONGEST_BYTES = 65536
_TABLE = "/proc/thread-self/net/netlink"
_WAIT = struct.pack("@ll", 0, 250_000)
"""How long `receive` waits: a quarter of a second, so that whoever reads can look up and stop."""


class Overflow(Exception):
    """The kernel had to drop messages because they were not read quickly enough."""

    def __init__(self, dropped: int) -> None:
        super().__init__(dropped)
        self.dropped = dropped
        """How many, at least 1."""


class Netlink:
    """One socket that listens to one protocol. Raises OSError where it may not be opened or bound."""

    def __init__(self, protocol: int, groups: int) -> None:
        self._protocol = protocol
        self._dropped = 0
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
            with suppress(OSError):  # without CAP_NET_ADMIN the system's own limit holds
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
            # One call for each message: a timeout of Python's own would ask the kernel twice.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _WAIT)
            self._socket.bind((0, groups))
        except OSError:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def send(self, message: bytes) -> None:
        """Send a message to the kernel. Raises OSError."""
        self._socket.sendto(message, (0, 0))

    def receive(self) -> bytes | None:
        """The next datagram of the kernel; None where none came for a while. Raises Overflow, or OSError."""
        try:
            data, (port, _) = self._socket.recvfrom(_LONGEST_BYTES)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                raise Overflow(self._count_dropped()) from None
            raise
        # Any process may send to a socket whose number it guesses.
        return data if port == 0 else None

    def follow(self, desk: Desk) -> Iterator[bytes | None]:
        """The kernel's datagrams until the desk is stopped; None at first, and where none came for a while.

        What the kernel dropped the desk is told as lost records of `sensor`. Raises OSError.
        """
        datagram: bytes | None = None
        while not desk.stopped.is_set():
            yield datagram
            try:
                datagram = self.receive()
            except Overflow as overflow:
                desk.lose("sensor", overflow.dropped)
                datagram = None

    def _count_dropped(self) -> int:
        """How many were dropped since this was asked last, as the kernel counts them."""
        known, self._dropped = self._dropped, self._dropped_until_now()
        return max(1, self._dropped - known)

    def _dropped_until_now(self) -> int:
        port = self._socket.getsockname()[0]
        with suppress(OSError, ValueError, IndexError), open(_TABLE, encoding="ascii") as table:
            for line in table:
                row = line.split()
                if row[1:3] == [str(self._protocol), str(port)]:
                    return int(row[8])
        return self._dropped


def messages(datagram: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(type, flags, body) of each message of a datagram; what is cut, or lies about its length, ends it."""
    at = 0
    while at + HEADER.size <= len(datagram):
        length, kind, flags, _, _ = HEADER.unpack_from(datagram, at)
        if length < HEADER.size or at + length > len(datagram):
            return
        yield kind, flags, datagram[at + HEADER.size : at + length]
        at += (length + 3) & ~3
