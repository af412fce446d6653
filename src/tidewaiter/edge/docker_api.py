"""Turns questions to a Docker or Podman daemon at a socket of this machine into its answers.

Sources: https://docs.docker.com/reference/api/engine/, https://docs.podman.io/en/latest/_static/api.html (the compat
part). No version stands in a path: the daemon answers in its newest. The standard library's `http.client` was measured
against httpx, docker-py and aiodocker: no slower, for two thirds of the CPU or less.
"""

import http.client
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from tidewaiter.image.blob import ReadError

_PIECE_BYTES = 256 * 1024
_MESSAGE_BYTES = 4096


class Refused(ReadError):
    """The daemon understood, and will not or cannot."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str, silence_s: float) -> None:
        super().__init__("docker", timeout=silence_s)
        self._path = path
        self.line = socket.socket(socket.AF_UNIX)

    def connect(self) -> None:
        self.line.settimeout(self.timeout)
        self.line.connect(self._path)
        self.sock = self.line

    def close(self) -> None:
        super().close()
        if self.sock is None:
            self.line.close()


class Answer:
    """What the daemon sends, as it comes."""

    def __init__(self, response: http.client.HTTPResponse, line: socket.socket, asked: str) -> None:
        self._response = response
        self._line = line
        self._asked = asked

    def pieces(self) -> Iterator[bytes]:
        """The bytes, each as soon as it is there. Raises `ReadError` where they end too early."""
        while piece := _read(self._response, _PIECE_BYTES, self._asked):
            yield piece
        if self._response.length:
            raise ReadError(f"the daemon broke off while it sent {self._asked[:200]}")

    def be_patient(self) -> None:
        """From now on silence is no fault."""
        self._line.settimeout(None)

    def hang_up(self) -> None:
        """End it, from any thread: whoever reads the pieces comes to their end, or gets a `ReadError`."""
        try:
            self._line.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the daemon was first


class DockerApi:
    """A daemon that can be asked, by one thread at a time; the connection for short answers is kept."""

    def __init__(self, socket_path: str, silence_s: float) -> None:
        self.socket = socket_path
        self._silence_s = silence_s
        self._kept: _Connection | None = None

    def close(self) -> None:
        """Hang up."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def get(self, path: str, limit: int, wanted: str | None = None) -> Any:
        """A JSON answer of at most `limit` bytes; None where it is no JSON. `wanted`: the path in the words of people.

        Raises `Refused`, and `ReadError` where nobody answers, in time, as HTTP wants it.
        """
        asked = wanted or path
        kept, self._kept = self._kept, None
        connection = kept or _Connection(self.socket, self._silence_s)
        try:
            response = self._ask(connection, path)
        except ReadError as error:
            connection.close()
            if kept is None or isinstance(error.__cause__, TimeoutError):
                raise
            # A daemon may hang up on a connection that has been idle for long.
            return self.get(path, limit, wanted)
        try:
            data = b"".join(_whole(response, limit, asked))
        except ReadError:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self._kept = connection
        if response.status != http.client.OK:
            raise _refusal(asked, response.status, data)
        return _json(data)

    @contextmanager
    def stream(self, path: str, wanted: str | None = None) -> Iterator[Answer]:
        """An answer without a bound, over a connection of its own. Raises as `get`."""
        asked = wanted or path
        connection = _Connection(self.socket, self._silence_s)
        try:
            response = self._ask(connection, path)
            if response.status != http.client.OK:
                raise _refusal(asked, response.status, _read(response, _MESSAGE_BYTES, asked))
            yield Answer(response, connection.line, asked)
        finally:
            connection.close()

    def _ask(self, connection: _Connection, path: str) -> http.client.HTTPResponse:
        try:
            connection.request("GET", path)
            return connection.getresponse()
        except (http.client.HTTPException, OSError, ValueError) as error:
            raise ReadError(f"the daemon at {self.socket} cannot be asked: {_words(error)}") from error


def _read(response: http.client.HTTPResponse, most: int, asked: str) -> bytes:
    try:
        # Before CPython 3.11.8 and 3.12.2, read1 does not count what it took of an answer of known length.
        return response.read1(most) if response.length is None else response.read(most)
    except (http.client.HTTPException, OSError, ValueError) as error:
        raise ReadError(f"the daemon broke off while it sent {asked[:200]}: {_words(error)}") from error


def _whole(response: http.client.HTTPResponse, limit: int, asked: str) -> Iterator[bytes]:
    left = limit
    while piece := _read(response, _PIECE_BYTES, asked):
        left -= len(piece)
        if left < 0:
            raise ReadError(f"what the daemon tells of {asked[:200]} is longer than {limit} bytes")
        yield piece
    if response.length:
        raise ReadError(f"the daemon broke off while it sent {asked[:200]}")


def _refusal(asked: str, status: int, data: bytes) -> Refused:
    told = _json(data[:_MESSAGE_BYTES])
    said = str(told.get("message", "")) if isinstance(told, dict) else ""
    return Refused(f"the daemon refused {asked[:200]} with status {status}: {_printable(said)}", status)


def _json(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (ValueError, RecursionError):
        return None


def _words(error: Exception) -> str:
    return _printable(str(error)) or type(error).__name__


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)[:300]
