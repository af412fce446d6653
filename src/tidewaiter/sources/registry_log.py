"""Turns the log of a registry (CNCF distribution) into pulls: the one place that says who pulled.

Shapes: distribution `internal/dcontext/http.go`: one line `response completed` (or `.. with error`) for a request, in
logrus's JSON or text form, with `http.request.*` and `http.response.*`. Paths: distribution-spec, "Pulling manifests".

Rules
- A pull is a manifest that was got: GET by tag or digest, or HEAD by tag, since Docker and containerd resolve a tag by
  HEAD and fetch nothing when they have its content. HEAD by digest is only a check.
- Docker's client repeats a failed HEAD as GET, so its failed HEAD is not counted; 401 is how every login begins.
- The combined-format line (`127.0.0.1 - - [..] "GET /v2/.."`) that the registry writes for the same request gives no
  events: it would count each pull twice, and it does not name the registry's host.
- The log names no node: neither who pulled nor where the registry runs is a node of the cluster. `node` is None.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tidewaiter.digest import digest_or_none
from tidewaiter.event import Event, ImagePull, ImagePullFailed, User, Where
from tidewaiter.sources import Source
from tidewaiter.sources._fields import decode_json, parse_time_ns
from tidewaiter.sources._images import split_by_media_type
from tidewaiter.sources._logrus import read_log_line
from tidewaiter.sources._place import has
from tidewaiter.sources._registry import client_address, image_name

_MANIFEST = re.compile(r"/v2/([^?#]{1,1024})/manifests/([^/?#]{1,256})(?:[?#]|\Z)")
_COMBINED = re.compile(
    rb'\S+ \S+ \S+ \[[^\]]{1,40}\] "[A-Z]{3,8} /v2/(?: |_catalog|token|\S+/(?:manifests|blobs|tags)/)'
)
_LOGFMT = re.compile(rb'time="[^"]{1,64}" level=[a-z]+ msg=.*\s(?:http\.request\.method|go\.version)=', re.DOTALL)
_OK = 200
_UNAUTHORIZED = 401
_FAILURES = range(400, 600)


class _Request(msgspec.Struct):
    """One request and its answer; the names are the log's own."""

    time: str
    method: str | None = msgspec.field(default=None, name="http.request.method")
    uri: str | None = msgspec.field(default=None, name="http.request.uri")
    host: str | None = msgspec.field(default=None, name="http.request.host")
    request_id: str | None = msgspec.field(default=None, name="http.request.id")
    remote_address: str | None = msgspec.field(default=None, name="http.request.remoteaddr")
    user_agent: str | None = msgspec.field(default=None, name="http.request.useragent")
    status: int | None = msgspec.field(default=None, name="http.response.status")
    content_type: str | None = msgspec.field(default=None, name="http.response.contenttype")
    user_name: str | None = msgspec.field(default=None, name="auth.user.name")
    error: str | None = msgspec.field(default=None, name="err.code")


_REQUEST = msgspec.json.Decoder(_Request)


def _read(record: bytes) -> _Request | None:
    """The request of a line; None for a combined-format line and for lines that end no request."""
    if record.lstrip()[:1] == b"{":
        return decode_json(_REQUEST, record)
    if _COMBINED.match(record):
        return None
    fields = read_log_line(record).fields
    time = re.match(rb'time="([^"]+)"', record)
    status = fields.get("http.response.status", "")
    if time is None or "http.request.method" not in fields:
        return None
    return _Request(
        time=time[1].decode(),
        method=fields["http.request.method"],
        uri=fields.get("http.request.uri"),
        host=fields.get("http.request.host"),
        request_id=fields.get("http.request.id"),
        remote_address=fields.get("http.request.remoteaddr"),
        user_agent=fields.get("http.request.useragent"),
        status=int(status) if re.fullmatch(r"[1-5]\d\d", status, re.ASCII) else None,
        content_type=fields.get("http.response.contenttype"),
        user_name=fields.get("auth.user.name"),
        error=fields.get("err.code"),
    )


def decode(record: bytes, where: Where) -> Iterable[Event]:
    """One line: a pull, a failed pull, or nothing (pushes, layers, checks). Raises RecordError."""
    request = _read(record)
    if request is None or request.method not in ("GET", "HEAD") or request.status is None:
        return []
    match = _MANIFEST.match(request.uri or "")
    if match is None:
        return []
    repository, asked = match.groups()
    reference = image_name(request.host, repository, asked)
    client = User(
        name=request.user_name or None,
        source_ip=client_address(request.remote_address),
        user_agent=request.user_agent or None,
    )
    digest = digest_or_none(asked)
    time_ns = parse_time_ns(request.time)
    if request.status == _OK and (request.method == "GET" or digest is None):
        index, manifest = split_by_media_type(digest, request.content_type)
        pull = ImagePull(
            time_ns=time_ns,
            cluster=where.cluster,
            node=None,
            where=where,
            native_id=request.request_id,
            reference=reference,
            repo_digest=None if index or manifest else digest,
            index_digest=index,
            manifest_digest=manifest,
            client=client,
            seen_by="registry",
        )
        return [pull]
    repeats_as_get = request.method == "HEAD" and (request.user_agent or "").startswith("docker/")
    if request.status in _FAILURES and request.status != _UNAUTHORIZED and not repeats_as_get:
        failed = ImagePullFailed(
            time_ns=time_ns,
            cluster=where.cluster,
            node=None,
            where=where,
            native_id=request.request_id,
            reference=reference,
            reason=request.error or f"HTTP {request.status}",
            client=client,
        )
        return [failed]
    return []


def recognise(value: Mapping[str, Any]) -> bool:
    """Whether an object is a log line of the registry: about a request, or with the Go version it always tells."""
    if has(value, time=str, **{"http.request.method": str, "http.request.uri": str}):
        return True
    return has(value, time=str, level=str, msg=str, **{"go.version": str})


def recognise_text(line: bytes) -> bool:
    """Whether a line is the registry's in logrus's text form, or a combined-format line of the registry API."""
    return _COMBINED.match(line) is not None or _LOGFMT.match(line) is not None


SOURCE = Source(
    title="Registry log (distribution)",
    log_sources=("registry:access", "docker:registry"),
    cannot_see="which node pulled (an address may be a proxy's), what became of the image there, and pulls from caches "
    "and other registries",
    decode=decode,
    prefixes=(b'{"go.version":"',),
    recognise=recognise,
    recognise_text=recognise_text,
    rank=40,
)
