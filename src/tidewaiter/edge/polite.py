"""Turns addresses into answers as a guest asks: one at a time, with pauses, and only where robots.txt allows it.

Between two requests to one server passes as long as its last answer took, or what its robots.txt asks for. Who answers
429 or 503 with Retry-After is asked once more after that time.
"""

import time
from collections.abc import Callable
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

import httpx
import msgspec

from tidewaiter.edge.article_fault import ArticleError
from tidewaiter.edge.article_fetch import Fetched, ask
from tidewaiter.policy_yaml import cut

_NAME = "tidewaiter"
_LONGEST_PAUSE_S = 30.0
_LONGEST_RETRY_S = 60.0
_MOST_ROBOTS = 512 * 1024
_BUSY = (429, 503)


class _Server(msgspec.Struct):
    """What is known of one server."""

    rules: RobotFileParser
    pause_s: float = 0.0
    """What it asks for."""
    took_s: float = 0.0
    ended: float = 0.0


class Polite:
    """One guest; knows the servers that it has asked."""

    def __init__(
        self,
        opened: httpx.Client,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._sleep, self._clock = opened, sleep, clock
        self._servers: dict[str, _Server] = {}

    def ask(self, url: str, *, etag: str | None = None, modified: str | None = None) -> Fetched:
        """Ask for an address; its status may be 200 or 304. Raises `ArticleError`."""
        server = self._server(url)
        if not server.rules.can_fetch(_NAME, url):
            raise ArticleError(f"{cut(url)}: its server's robots.txt does not want it to be fetched")
        answer = self._asked(server, url, etag, modified)
        if answer.status in _BUSY:
            wait = answer.retry_after or ""
            if wait.isascii() and wait.isdigit() and int(wait[:9]) <= _LONGEST_RETRY_S:
                self._sleep(float(wait))
                answer = self._asked(server, url, etag, modified)
        if answer.status not in (200, 304):
            raise ArticleError(f"{cut(url)}: the server answered {answer.status}, not 200")
        return answer

    def _asked(self, server: _Server, url: str, etag: str | None, modified: str | None) -> Fetched:
        left = server.ended + min(max(server.took_s, server.pause_s), _LONGEST_PAUSE_S) - self._clock()
        if left > 0:
            self._sleep(left)
        begun = self._clock()
        try:
            return ask(self._client, url, etag=etag, modified=modified)
        finally:
            server.ended = self._clock()
            server.took_s = server.ended - begun

    def _server(self, url: str) -> _Server:
        place = urlsplit(url)
        origin = f"{place.scheme}://{place.netloc}"
        known = self._servers.get(origin)
        if known is None:
            known = self._servers[origin] = _Server(RobotFileParser())
            known.rules.parse(self._robots(known, f"{origin}/robots.txt"))
            pause = known.rules.crawl_delay(_NAME)
            known.pause_s = float(pause) if pause is not None else 0.0
        return known

    def _robots(self, server: _Server, url: str) -> list[str]:
        try:
            answer = self._asked(server, url, None, None)
        except ArticleError:
            return []
        return answer.data[:_MOST_ROBOTS].decode("utf-8", "replace").splitlines() if answer.status == 200 else []
