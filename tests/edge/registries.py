"""Serves made registries on loopback, for the tests of all that asks one: what is held, and any misbehaviour wanted."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from images import MEDIA_TYPES, Image, Packing, Style, manifest, pack, sha256

from tidewaiter.edge.registry_http import RegistryOptions

PATH = "shop/web"


@dataclass(frozen=True)
class Request:
    """What came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes = b""


@dataclass
class Answer:
    """What goes out. With `cut` the connection breaks off after so many bytes of the body."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None


Script = Callable[[Request], Answer]


class Made(ThreadingHTTPServer):
    """A registry of one repository, `shop/web`, held in memory; `scripts` replace its answers by path."""

    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.manifests: dict[str, tuple[bytes, str]] = {}
        """Tag or digest -> bytes and media type."""
        self.blobs: dict[str, bytes] = {}
        self.scripts: dict[str, Script] = {}
        """Path below `/v2/shop/web/`, or any whole path -> what it answers."""
        self.before: Script | None = None
        """Asked first for everything; an answer with status 0 lets the request through."""
        self.requests: list[Request] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that has read enough hangs up."""

    @property
    def host(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server_address[1]}"

    def name(self, tag: str = "1.4") -> str:
        """A reference to something in it."""
        return f"{self.host}/{PATH}{'@' if ':' in tag else ':'}{tag}"

    def put(self, data: bytes, media_type: str, *names: str) -> str:
        """Hold a manifest under its digest and under names."""
        for name in (sha256(data), *names):
            self.manifests[name] = (data, media_type)
        return sha256(data)

    def push(self, made: Image, *names: str, packing: Packing = "gzip", style: Style = "oci") -> str:
        """Hold an image, and give its manifest's digest."""
        for content in (made.config, *(pack(layer, packing) for layer in made.layers)):
            self.blobs[sha256(content)] = content
        return self.put(manifest(made, packing, style), MEDIA_TYPES[style]["manifest"], *names)

    def asked(self, ending: str) -> list[Request]:
        """The requests whose path ends so."""
        return [request for request in self.requests if request.path.endswith(ending)]

    def answer(self, request: Request) -> Answer:
        """What to say."""
        self.requests.append(request)
        if self.before is not None:
            first = self.before(request)
            if first.status:
                return first
        below = request.path.removeprefix(f"/v2/{PATH}/")
        script = self.scripts.get(request.path) or self.scripts.get(below)
        if script is not None:
            return script(request)
        kind, _, name = below.partition("/")
        if kind == "manifests" and name in self.manifests:
            data, media_type = self.manifests[name]
            return Answer(data, headers={"Content-Type": media_type, "Docker-Content-Digest": sha256(data)})
        if kind == "blobs" and name in self.blobs:
            return ranged(self.blobs[name], request)
        return refusal(404, "MANIFEST_UNKNOWN", "manifest unknown")


def ranged(data: bytes, request: Request, cut: int | None = None) -> Answer:
    """Bytes, or those of the range that was asked for."""
    told = request.headers.get("range")
    if told is None:
        return Answer(data, cut=cut)
    start = int(told.removeprefix("bytes=").partition("-")[0])
    return Answer(data[start:], 206, {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}, cut)


def refusal(status: int, code: str, message: str, **headers: str) -> Answer:
    """An error as the distribution API words it."""
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    return Answer(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


class _Handler(BaseHTTPRequestHandler):
    server: Made
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length", "0"))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self.rfile.read(length))
        answer = self.server.answer(request)
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: answer.cut])
        if answer.cut is not None:
            self.close_connection = True

    do_HEAD = do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def made_registry() -> Iterator[Made]:
    """A registry that answers until the context ends."""
    with Made() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def quick(config: Path | None = None, **how: Any) -> RegistryOptions:
    """Options that wait for nothing, and that take no credentials from who runs the tests."""
    return RegistryOptions(docker_config=config or Path("/nonexistent/config.json"), pause_s=0, timeout_s=20, **how)
