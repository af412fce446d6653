"""Serves made feeds and their articles on loopback: what is held, with validators, and any misbehaviour wanted."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from registries import Answer, Made, Request

PROSE = "The loader fetches its orders from a server and starts a shell on the build machine, as we saw in March. " * 3


class Site:
    """One site: articles by path, and feeds of them."""

    def __init__(self, server: Made) -> None:
        self.server = server
        self.pages: dict[str, str] = {}
        server.before = self._answer

    def address(self, path: str) -> str:
        return f"http://{self.server.host}{path}"

    @property
    def asked(self) -> list[str]:
        """Paths, in order."""
        return [request.path for request in self.server.requests]

    def article(self, path: str, title: str = "A loader", more: str = "") -> str:
        """Hold an article; gives its address."""
        head = f"<html><head><title>{title}</title></head>"
        self.pages[path] = f"{head}<body><article><h1>{title}</h1><p>{PROSE}</p>{more}</article></body></html>"
        return self.address(path)

    def rss(self, *paths: str, path: str = "/feed.xml") -> str:
        """Hold a feed of articles; gives its address."""
        items = "".join(
            f"<item><title>Article {at}</title><link>{self.address(at)}</link><guid>{at}</guid>"
            f"<pubDate>Fri, {number:02d} Mar 2024 10:00:00 GMT</pubDate></item>"
            for number, at in enumerate(paths, 1)
        )
        self.pages[path] = (
            f'<?xml version="1.0"?><rss version="2.0"><channel><title>Site</title>{items}</channel></rss>'
        )
        return self.address(path)

    def _answer(self, request: Request) -> Answer:
        if request.path in self.server.scripts:
            return Answer(status=0)
        page = self.pages.get(request.path)
        if page is None:
            return Answer(b"nothing", 404)
        etag = f'"{hashlib.sha256(page.encode()).hexdigest()[:16]}"'
        if request.headers.get("if-none-match") == etag:
            return Answer(b"", 304, {"ETag": etag})
        kind = "application/rss+xml" if page.startswith("<?xml") else "text/html; charset=utf-8"
        return Answer(page.encode(), 200, {"Content-Type": kind, "ETag": etag})


@contextmanager
def served() -> Iterator[Site]:
    """A site, as long as it is used."""
    server = Made()
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Site(server)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
