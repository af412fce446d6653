"""Turns outputs into syslog messages on a socket: UDP (RFC 5426), TCP (RFC 6587) or the local daemon's.

Whatever the form of the record is, it travels as the text of an RFC 5424 message, small enough for any receiver. UDP
tells nobody what it loses, and syslog acknowledges nothing: a webhook or a file is the surer way.
"""

import errno
import select
import socket
from abc import ABC, abstractmethod

from tidewaiter.alert import Output
from tidewaiter.edge.delivery import Refused, TryLater
from tidewaiter.policy_yaml import printable
from tidewaiter.sinks import Encode
from tidewaiter.sinks.syslog import LONGEST_BYTES, message

TIMEOUT_S = 10.0
"""For a connection, and for each message."""


class SyslogReceiver(ABC):
    """Sends to one address, connected when it is first needed."""

    def __init__(self, name: str, body: Encode) -> None:
        self.name = name
        self._body = body
        self._socket: socket.socket | None = None

    def deliver(self, output: Output) -> None:
        """Send one message. Raises `TryLater`, and `Refused` where it cannot be made short enough."""
        if not self._body(output):
            return
        told = message(output, self._body, LONGEST_BYTES)
        if not told:
            raise Refused(f"a message would be longer than {LONGEST_BYTES:,} bytes")
        try:
            if self._socket is None or self._is_over(self._socket):
                self.close()
                self._socket = self._connect()
            self._socket.sendall(self._framed(told, self._socket))
        except OSError as error:
            # Of a message that was cut off, the receiver forgets the beginning with the connection.
            self.close()
            raise TryLater(_why(error)) from None

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @abstractmethod
    def _connect(self) -> socket.socket:
        """A socket on which messages can be sent. Raises OSError."""

    def _framed(self, told: bytes, connected: socket.socket) -> bytes:
        return told

    def _is_over(self, connected: socket.socket) -> bool:
        """Whether the other side has closed the connection: what is written then is lost without an error."""
        if connected.type != socket.SOCK_STREAM:
            return False
        ready = select.poll()
        ready.register(connected, select.POLLIN)
        try:
            # Nobody answers syslog: what can be read is the end.
            return bool(ready.poll(0)) and connected.recv(1024) == b""
        except OSError:
            return True


class NetworkReceiver(SyslogReceiver):
    """Sends to a host: a datagram for each message, or a stream in which a count of bytes comes before each."""

    def __init__(self, host: str, port: int, kind: socket.SocketKind, body: Encode) -> None:
        scheme = "syslog" if kind == socket.SOCK_DGRAM else "syslog+tcp"
        super().__init__(f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}", body)
        self._address = host, port
        self._kind = kind

    def _connect(self) -> socket.socket:
        failure: OSError = OSError("no address of that name is known")
        for family, kind, protocol, _, address in socket.getaddrinfo(*self._address, type=self._kind):
            made = socket.socket(family, kind, protocol)
            try:
                made.settimeout(TIMEOUT_S)
                made.connect(address)
            except OSError as error:
                made.close()
                failure = error
            else:
                return made
        raise failure

    def _framed(self, told: bytes, connected: socket.socket) -> bytes:
        return told if self._kind == socket.SOCK_DGRAM else b"%d %b" % (len(told), told)


class LocalReceiver(SyslogReceiver):
    """Sends to a socket of this machine such as `/dev/log`: datagrams, or a stream of lines where it is one."""

    def __init__(self, path: str, body: Encode) -> None:
        super().__init__(f"syslog+unix://{printable(path)}", body)
        self._path = path

    def _connect(self) -> socket.socket:
        made = self._socket_of(socket.SOCK_DGRAM)
        try:
            made.connect(self._path)
        except OSError as error:
            made.close()
            if error.errno != errno.EPROTOTYPE:
                raise
            made = self._socket_of(socket.SOCK_STREAM)
            try:
                made.connect(self._path)
            except OSError:
                made.close()
                raise
        return made

    def _socket_of(self, kind: socket.SocketKind) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, kind)
        made.settimeout(TIMEOUT_S)
        return made

    def _framed(self, told: bytes, connected: socket.socket) -> bytes:
        return told if connected.type == socket.SOCK_DGRAM else told + b"\n"


def _why(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return f"does not answer within {TIMEOUT_S:.0f} s"
    return f"cannot be reached: {(error.strerror or str(error)).lower()}"
