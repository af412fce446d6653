"""Answers as a Docker daemon would, from memory, on a socket: for what a real one cannot be made to do."""

import json
import queue
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

VERSION = {"Version": "20.10.24", "ApiVersion": "1.41", "Components": [{"Name": "Engine"}]}
_END = b""


class FakeDocker(socketserver.ThreadingUnixStreamServer):
    """Path without its query -> an answer: a JSON value, bytes, or a function that gives one."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), _Handler)
        self.path = str(path)
        self.answers: dict[str, Any] = {"/version": VERSION, "/images/json": [], "/containers/json": []}
        self.replayed: list[bytes] = []
        """What a new listener gets first."""
        self.asked: list[str] = []
        self._listeners: list[queue.Queue[bytes]] = []
        self._listening = threading.Condition()

    def happen(self, *lines: bytes) -> None:
        """Send lines to who listens."""
        with self._listening:
            for listener in self._listeners:
                listener.put(b"".join(line + b"\n" for line in lines))

    def hang_up(self) -> None:
        """End the event stream of everybody."""
        with self._listening:
            for listener in self._listeners:
                listener.put(_END)
            self._listeners.clear()

    def listen(self) -> "queue.Queue[bytes]":
        """What a new listener is to get."""
        listener: queue.Queue[bytes] = queue.Queue()
        with self._listening:
            if self.replayed:
                listener.put(b"".join(line + b"\n" for line in self.replayed))
            self._listeners.append(listener)
        return listener

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that has read enough hangs up."""


class _Handler(BaseHTTPRequestHandler):
    server: FakeDocker
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        path = self.path.partition("?")[0]
        if path == "/events" and path not in self.server.answers:
            self._stream(self.server.listen())
            return
        answer = self.server.answers.get(path, (404, {"message": "no such thing"}))
        if isinstance(answer, Callable):  # type: ignore[arg-type]
            answer = answer()
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, lines: "queue.Queue[bytes]") -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        while piece := lines.get():
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def address_string(self) -> str:
        """A socket has no address."""
        return ""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def fake_docker(path: Path) -> Iterator[FakeDocker]:
    """A daemon without images and containers."""
    with FakeDocker(path) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.hang_up()
            server.shutdown()
            thread.join()
            path.unlink(missing_ok=True)
