"""Makes receivers for the tests of delivery: web servers and sockets on loopback, and time that passes at once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from made_events import attack, hunted
from tidewaiter.alert import Alert, Summary
from tidewaiter.edge.delivery import Pace

Answer = tuple[int, dict[str, str]]
"""Status and headers of an answer."""


def alert(name: str = "a", revision: int = 0) -> Alert:
    """The alert of one container."""
    return msgspec.structs.replace(hunted(attack(name)).only, revision=revision)


def summary() -> Summary:
    """The summary of a run."""
    return hunted([]).summary


@dataclass
class Time:
    """A clock that goes on by what is waited for, and remembers that."""

    now_s: float = 0.0
    waits: list[float] = field(default_factory=list)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Nobody waits."""
        self.waits.append(seconds)
        self.now_s += seconds
        return event.is_set()

    def pace(self) -> Pace:
        """The whole of every pause."""
        return Pace(wait=self.wait, clock=lambda: self.now_s, chance=lambda: 1.0)


@dataclass
class Post:
    """One request that came in."""

    path: str
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes


class Hook(ThreadingHTTPServer):
    """A web server that gives the answers of a list, and 204 when that is used up."""

    def __init__(self, answers: list[Answer | Callable[[], Answer]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.posts: list[Post] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks/secret-path?token=secret-query"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client may hang up."""


class _Handler(BaseHTTPRequestHandler):
    server: Hook
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.posts.append(Post(self.path, headers, body))
        answer = self.server.answers.pop(0) if self.server.answers else (204, {})
        status, told = answer() if callable(answer) else answer
        self.send_response(status)
        for name, value in {"Content-Length": "0", **told}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def hook(*answers: Answer | Callable[[], Answer]) -> Iterator[Hook]:
    """A web server that runs as long as the block."""
    server = Hook(list(answers))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
