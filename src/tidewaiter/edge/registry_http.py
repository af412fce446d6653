"""Turns requests to one repository of a registry into answers: authenticated, retried, redirected and bounded.

The Authorization header goes to the registry alone, never to where it redirects. Plain http is spoken with loopback,
and with others only where the user asked for it; a registry that speaks https cannot lead away from it. Text that a
registry sends is cut, cleaned and rid of secrets before it stands in a message.
"""

import ipaddress
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tidewaiter import __version__
from tidewaiter.edge.registry_auth import Authorizer, parse_challenges
from tidewaiter.edge.registry_credentials import credentials_for, default_config
from tidewaiter.image.blob import ReadError
from tidewaiter.reference import DOCKER_HUB

_HUB_HOST = "registry-1.docker.io"
_REDIRECTS = 5
_REDIRECT_CODES = frozenset({301, 302, 303, 307, 308})
_PASSING_CODES = frozenset({429, 500, 502, 503, 504})
_LONGEST_PAUSE_S = 60.0
_STRETCH_BYTES = 1024 * 1024
_ERROR_BYTES = 64 * 1024
_TOKEN_BYTES = 1024 * 1024
_ERRNO = re.compile(r"\[Errno -?\d+\] ")


class RegistryOptions(msgspec.Struct, frozen=True):
    """How registries are asked."""

    plain_http: bool = False
    """Speak http with hosts that are not loopback, too."""
    docker_config: Path | None = None
    """Docker's `config.json`; None for the usual place."""
    timeout_s: float = 30.0
    """Longest silence; each MiB, and what is shorter than that as a whole, may take four times as long."""
    retries: int = 3
    """How often a request is made again that failed in a way that may pass."""
    pause_s: float = 0.5
    """Before the first of them; doubled each time. What the registry asks for (Retry-After) counts where longer."""


class Refused(ReadError):
    """A registry answered, and the answer is no."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class BrokenOff(ReadError):
    """An answer ended before its end; asking again may help."""


class RegistryClient:
    """Asks for the manifests and blobs of one repository. Close it after use."""

    def __init__(self, registry: str, path: str, options: RegistryOptions) -> None:
        host = _HUB_HOST if registry == DOCKER_HUB else registry
        scheme = "http" if options.plain_http or is_loopback(httpx.URL(f"http://{host}").host) else "https"
        self.options = options
        self.repository = f"{registry}/{path}"
        self._root = httpx.URL(f"{scheme}://{host}/v2/{path}/")
        self._http = httpx.Client(
            timeout=options.timeout_s,
            # A proxy of the environment is for the network, not for this machine's own registry.
            trust_env=not is_loopback(self._root.host),
            headers={"User-Agent": f"tidewaiter/{__version__}", "Accept-Encoding": "identity"},
        )
        credentials = credentials_for(registry, options.docker_config or default_config())
        self.authorizer = Authorizer(credentials, path, self._ask_token)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def where(self, below: str) -> str:
        """The URL of something in the repository, for people."""
        return str(self._root.join(below))

    @contextmanager
    def open(self, below: str, headers: Mapping[str, str], method: str = "GET") -> Iterator[httpx.Response]:
        """A successful answer (2xx), its body yet unread.

        `below` is relative to the repository: `blobs/sha256:..`. Raises `Refused` where the registry says no,
        `BrokenOff` where the body ends too early, and `ReadError` where nothing comes.
        """
        wanted = self._root.join(below)
        response = self._answered(method, wanted, headers)
        if response.status_code == 401 and _origin(response.url) == _origin(self._root):
            challenges = parse_challenges(response.headers.get_list("www-authenticate"))
            refusal = self._refusal(response)
            if not self.authorizer.answer(challenges):
                raise Refused(f"{refusal} (tried {self.authorizer.tried})", 401)
            response = self._answered(method, wanted, headers)
        try:
            if not response.is_success:
                tried = f" (tried {self.authorizer.tried})" if response.status_code in (401, 403, 404) else ""
                raise Refused(self._refusal(response) + tried, response.status_code)
            if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
                raise ReadError(f"{self.where(below)} came in an encoding that was not asked for")
            yield response
        except httpx.HTTPError as error:
            raise BrokenOff(self._why(error)) from None
        finally:
            response.close()

    def document(self, below: str, accept: str, limit_bytes: int) -> tuple[bytes, httpx.Headers]:
        """A whole short answer, made again where it breaks off. Raises `Refused` and `ReadError`."""
        for attempt in range(self.options.retries + 1):
            try:
                with self.open(below, {"Accept": accept}) as response:
                    return self._whole(response, limit_bytes), response.headers
            except Refused:
                raise
            except BrokenOff as error:
                if attempt == self.options.retries:
                    raise ReadError(f"{self.where(below)}: {error}") from None
                self.pause(attempt)
        raise AssertionError("unreachable")

    def pause(self, attempt: int, asked_s: float = 0.0) -> None:
        """Wait before the next attempt."""
        time.sleep(max(min(self.options.pause_s * 2**attempt, _LONGEST_PAUSE_S), asked_s))

    def steadily(self, response: httpx.Response) -> Iterator[bytes]:
        """The body in pieces as they come. Raises `ReadError` where it trickles, so that no registry can hold on."""
        done, until = 0, time.monotonic() + 4 * self.options.timeout_s
        for piece in response.iter_raw():
            done += len(piece)
            if done >= _STRETCH_BYTES:
                done, until = 0, time.monotonic() + 4 * self.options.timeout_s
            elif time.monotonic() > until:
                raise ReadError(f"what {_place(response.url)} sends comes too slowly")
            yield piece

    def _whole(self, response: httpx.Response, limit_bytes: int) -> bytes:
        data = bytearray()
        for piece in self.steadily(response):
            data += piece
            if len(data) > limit_bytes:
                raise ReadError(f"what {_place(response.url)} sent is longer than {limit_bytes} bytes")
        return bytes(data)

    def _answered(self, method: str, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Response:
        """The first answer that is neither a redirect nor something that may pass."""
        for attempt in range(self.options.retries + 1):
            is_last = attempt == self.options.retries
            try:
                response = self._followed(method, url, headers)
            except httpx.HTTPError as error:
                if is_last:
                    raise ReadError(f"{_place(url)} cannot be asked: {self._why(error)}") from None
                self.pause(attempt)
                continue
            asked_s = _retry_after(response)
            if response.status_code not in _PASSING_CODES or is_last or asked_s > _LONGEST_PAUSE_S:
                return response
            response.close()
            self.pause(attempt, asked_s)
        raise AssertionError("unreachable")

    def _followed(self, method: str, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Response:
        for _ in range(_REDIRECTS + 1):
            sent = dict(headers)
            if self.authorizer.header is not None and _origin(url) == _origin(self._root):
                sent["Authorization"] = self.authorizer.header
            response = self._http.send(self._http.build_request(method, url, headers=sent), stream=True)
            if response.status_code not in _REDIRECT_CODES:
                return response
            told = response.headers.get("location", "")
            response.close()
            try:
                url = url.join(told)
            except (httpx.InvalidURL, ValueError):
                raise ReadError(f"{_place(self._root)} redirects to something that is no URL") from None
            self._must_be_allowed(url, "redirects to")
        raise ReadError(f"{_place(self._root)} redirects more than {_REDIRECTS} times")

    def _ask_token(self, realm: str, form: Mapping[str, str], basic: str | None) -> Any:
        try:
            url = httpx.URL(realm)
        except (httpx.InvalidURL, ValueError):
            raise ReadError(f"{_place(self._root)} names a token service that is no URL") from None
        self._must_be_allowed(url, "names a token service at")
        headers = {"Authorization": basic} if basic is not None else {}
        request = (
            self._http.build_request("POST", url, data=form, headers=headers)
            if "grant_type" in form
            else self._http.build_request("GET", url.copy_merge_params(form), headers=headers)
        )
        try:
            response = self._http.send(request, stream=True)
            try:
                if not response.is_success:
                    refusal = f"the token service {self._refusal(response)} (tried {self.authorizer.tried})"
                    raise Refused(refusal, response.status_code)
                return json.loads(self._whole(response, _TOKEN_BYTES))
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise ReadError(f"the token service {_place(url)} cannot be asked: {self._why(error)}") from None
        except (ValueError, RecursionError):
            raise ReadError(f"the token service {_place(url)} answered with something that is no JSON") from None

    def _must_be_allowed(self, url: httpx.URL, what: str) -> None:
        plain = self._root.scheme == "http" and (self.options.plain_http or is_loopback(url.host))
        if url.host and (url.scheme == "https" or (url.scheme == "http" and plain)):
            return
        shown = f"{url.scheme}://{url.host}"[:200]
        raise ReadError(f"{_place(self._root)} {what} {shown!r}, which is not asked: it is not https")

    def _refusal(self, response: httpx.Response) -> str:
        """One sentence's beginning of what a registry said, closing the answer."""
        body = b""
        with suppress(ReadError, httpx.HTTPError):
            body = self._whole(response, _ERROR_BYTES)
        response.close()
        told = _error_text(body)
        said = f": {self.authorizer.scrub(told)}" if told else ""
        return f"{_place(response.url)} refused with status {response.status_code}{said}"

    def _why(self, error: Exception) -> str:
        text = _ERRNO.sub("", _printable(str(error))) or type(error).__name__
        return self.authorizer.scrub(text)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _place(url: httpx.URL) -> str:
    """Host and port, without the name and password that a URL may hold."""
    return url.netloc.decode("ascii", "replace")


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def _retry_after(response: httpx.Response) -> float:
    """Seconds that the registry asks to wait; a date, which it may send instead, counts as none."""
    told = response.headers.get("retry-after", "")
    return float(told[:9]) if told.isascii() and told.isdigit() else 0.0


def _error_text(body: bytes) -> str:
    """The codes and messages of an answer of the distribution API (`{"errors":[{"code","message"}]}`), or nothing."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    members = told if isinstance(told, dict) else {}
    errors = members.get("errors")
    texts = [
        " ".join(str(error[name]) for name in ("code", "message") if isinstance(error.get(name), str))
        for error in (errors[:3] if isinstance(errors, list) else [])
        if isinstance(error, dict)
    ]
    details = members.get("details")  # what token services send instead
    texts += [details] if isinstance(details, str) else []
    return _printable("; ".join(texts))


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)[:300].strip()
