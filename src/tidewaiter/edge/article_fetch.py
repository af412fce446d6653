"""Turns an http(s) address into the bytes behind it: one address and its redirects, bounded in bytes, ratio and time.

Nothing is sent but the request itself: no cookies, no credentials, no script is run, and nothing that a page names is
asked for. A page from outside cannot send us to an address inside.
"""

import ipaddress
import re
import time
import zlib
from collections.abc import Iterator
from email.message import Message
from urllib.parse import urljoin, urlsplit

import httpx
import msgspec

from tidewaiter import __version__
from tidewaiter.edge.article_fault import MAX_BYTES, ArticleError, too_large
from tidewaiter.policy_yaml import cut, printable

USER_AGENT = f"tidewaiter/{__version__} (threat briefings)"
_TIMEOUT_S = 20.0
_WHOLE_S = 60.0
"""For one source, with all its redirects."""
_MOST_REDIRECTS = 8
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ACCEPT = "text/html,application/xhtml+xml,application/pdf,application/rss+xml,application/atom+xml,text/*,*/*;q=0.5"
_PIECE = 1 << 16


class Fetched(msgspec.Struct, frozen=True):
    """What a server answered."""

    url: str
    """After redirects."""
    status: int
    data: bytes = b""
    media_type: str | None = None
    charset: str | None = None
    etag: str | None = None
    modified: str | None = None
    retry_after: str | None = None


def is_url(source: str) -> bool:
    """Whether a source is an address that can be fetched."""
    return re.match(r"https?://", source, re.IGNORECASE) is not None


def client() -> httpx.Client:
    """A client that keeps its connections and nothing else: no cookies, no redirects of its own."""
    return httpx.Client(
        headers={"User-Agent": USER_AGENT, "Accept": _ACCEPT, "Accept-Encoding": "gzip"},
        timeout=_TIMEOUT_S,
        follow_redirects=False,
    )


def fetched(url: str, *, etag: str | None = None, modified: str | None = None) -> Fetched:
    """The answer to one address: 200, or 304 where validators are given. Raises `ArticleError` where it is another."""
    with client() as opened:
        answer = ask(opened, url, etag=etag, modified=modified)
    if answer.status != 200 and not (answer.status == 304 and (etag or modified)):
        raise ArticleError(f"{cut(url)}: the server answered {answer.status}, not 200")
    return answer


def ask(opened: httpx.Client, url: str, *, etag: str | None = None, modified: str | None = None) -> Fetched:
    """Ask for an address, following redirects; with validators the answer may be 304. Raises `ArticleError`."""
    shown, deadline = cut(url), time.monotonic() + _WHOLE_S
    conditions = {"If-None-Match": etag, "If-Modified-Since": modified}
    headers = {name: value for name, value in conditions.items() if value is not None}
    at = url
    try:
        for _ in range(_MOST_REDIRECTS + 1):
            opened.cookies.clear()
            with opened.stream("GET", at, headers=headers) as answer:
                if answer.status_code not in _REDIRECTS or "location" not in answer.headers:
                    return _answer(answer, at, shown, deadline)
                at = _followed(at, answer.headers["location"], shown)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, ValueError) as error:
        told = re.sub(r"\[Errno -?\d+\] ", "", str(error))
        raise ArticleError(f"{shown}: cannot be fetched: {cut(told) or type(error).__name__}") from None
    raise ArticleError(f"{shown}: redirects more than {_MOST_REDIRECTS} times")


def _followed(at: str, location: str, shown: str) -> str:
    target = urljoin(at, location)
    if not is_url(target):
        raise ArticleError(f"{shown}: redirects to {cut(target)}, which is neither http nor https")
    if leads_inside(at, target):
        raise ArticleError(f"{shown}: redirects from outside to an address inside, {cut(target)}; it was not asked")
    return target


def leads_inside(at: str, target: str) -> bool:
    """Whether an address outside names one that only this machine or its network can reach."""
    return _is_inside(target) and not _is_inside(at)


def _is_inside(url: str) -> bool:
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        # Addresses in other notations (2130706433, 0x7f.1) are no names that a public page has.
        return host.endswith("localhost") or "." not in host or re.fullmatch(r"[0-9a-fx.]+", host) is not None


def _answer(answer: httpx.Response, at: str, shown: str, deadline: float) -> Fetched:
    told = Message()
    told["content-type"] = answer.headers.get("content-type", "")
    has_type = "content-type" in answer.headers
    is_wanted = answer.status_code == 200
    return Fetched(
        url=at,
        status=answer.status_code,
        data=b"".join(_body(answer, shown, deadline)) if is_wanted else b"",
        media_type=told.get_content_type() if has_type else None,
        charset=told.get_content_charset() if has_type else None,
        etag=_header(answer, "etag"),
        modified=_header(answer, "last-modified"),
        retry_after=_header(answer, "retry-after"),
    )


def _header(answer: httpx.Response, name: str) -> str | None:
    value = answer.headers.get(name)
    return value if value is not None and len(value) <= 512 and value.isprintable() else None


def _body(answer: httpx.Response, shown: str, deadline: float) -> Iterator[bytes]:
    """The body, unpacked by hand: a library would unpack a whole piece before anybody can say stop."""
    coding = answer.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "", "gzip", "x-gzip"):
        raise ArticleError(f"{shown}: packed as {printable(coding[:40])}, which was not asked for")
    unpack = zlib.decompressobj(wbits=31) if coding.endswith("gzip") else None
    size = 0
    for packed in answer.iter_raw(_PIECE):
        if time.monotonic() > deadline:
            raise ArticleError(f"{shown}: did not end within {_WHOLE_S:.0f} seconds")
        pieces = [packed] if unpack is None else _unpacked(unpack, packed, shown)
        for piece in pieces:
            size += len(piece)
            if size > MAX_BYTES:
                raise too_large(shown)
            yield piece
    if unpack is not None and size and not unpack.eof:
        raise ArticleError(f"{shown}: the packed answer ends in the middle")


def _unpacked(unpack: "zlib._Decompress", packed: bytes, shown: str) -> Iterator[bytes]:
    rest = packed
    try:
        while rest and not unpack.eof:
            yield unpack.decompress(rest, _PIECE)
            rest = unpack.unconsumed_tail
    except zlib.error as error:
        raise ArticleError(f"{shown}: the packed answer is broken: {printable(str(error))}") from None
