"""Turns outputs into one POST each, which the receiver may be sent twice and can tell so by its `Idempotency-Key`.

Tried again is what may go well later: no connection, 408, 429 and 5xx. Redirects are not followed: alerts and tokens go
where they were meant to go and nowhere else. Certificates are checked. No message shows more of a URL than its host.
"""

import re
import ssl
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

import httpx

from tidewaiter import __version__
from tidewaiter.alert import Alert, Incident, Output
from tidewaiter.edge.delivery import DestinationError, Refused, TryLater
from tidewaiter.edge.registry_http import is_loopback
from tidewaiter.sinks import Sink

HEADER_VARIABLE = "TIDEWAITER_WEBHOOK_HEADER"
FILE_VARIABLE = "TIDEWAITER_WEBHOOK_HEADER_FILE"
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_LONGEST_ASKED_S = 300.0
"""However long a receiver asks to be left alone."""
_ANSWER_BYTES, _ANSWER_PIECES = 64 * 1024, 16
_BUSY = frozenset({408, 429, 502, 503, 504})
"""Answers that say nothing about what was sent."""
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[\x20-\x7e]*")
_ONE_OBJECT = {"application/x-ndjson": "application/json"}
"""A stream's media type -> that of a single record of it."""


class WebhookReceiver:
    """Posts to one URL."""

    def __init__(
        self,
        url: str,
        sink: Sink,
        headers: Mapping[str, str],
        *,
        transport: httpx.BaseTransport | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        parsed = parse_url(url)
        self.name = origin_of(parsed)
        has_secrets = bool(headers or parsed.userinfo)
        if parsed.scheme == "http" and has_secrets and not is_loopback(parsed.host):
            raise DestinationError(f"{self.name}: a password or token would travel unencrypted; use https")
        self._url, self._encode, self._now = parsed, sink.encode, now
        told = {
            "User-Agent": f"tidewaiter/{__version__}",
            "Content-Type": _ONE_OBJECT.get(sink.media_type, sink.media_type),
        }
        self._http = httpx.Client(
            timeout=_TIMEOUT,
            follow_redirects=False,
            # A proxy of the environment is for the network, not for this machine's own service.
            trust_env=not is_loopback(parsed.host),
            headers={**told, **headers},
            transport=transport,
        )

    def deliver(self, output: Output) -> None:
        """Post one output. Raises `TryLater` and `Refused`."""
        data = self._encode(output)
        if not data:
            return
        key = {"Idempotency-Key": f"{output.id}/{output.revision}"} if isinstance(output, Alert | Incident) else {}
        try:
            with self._http.stream("POST", self._url, content=data, headers=key) as response:
                self._empty(response)
        except httpx.TimeoutException:
            raise TryLater("does not answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TryLater(f"cannot be reached: {_why(error)}") from None
        self._weigh(response)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _empty(self, response: httpx.Response) -> None:
        """Read a short answer, so that the connection can be used again; of a long one nothing more is wanted."""
        read = 0
        for number, piece in enumerate(response.iter_raw()):
            read += len(piece)
            if read > _ANSWER_BYTES or number == _ANSWER_PIECES:
                return

    def _weigh(self, response: httpx.Response) -> None:
        status = response.status_code
        if response.is_success:
            return
        said = f"answers {status} {response.reason_phrase if status in _PHRASED else ''}".rstrip()
        if status in _BUSY or status >= 500:
            asked_s = self._asked_s(response.headers.get("retry-after", ""))
            raise TryLater(said, asked_s, is_hopeless=status not in _BUSY)
        if response.is_redirect:
            raise Refused(f"{said}; redirects are not followed")
        raise Refused(said)

    def _asked_s(self, text: str) -> float:
        """Seconds out of `Retry-After`, which is a number or a date (RFC 9110 section 10.2.3)."""
        if text.isascii() and text.isdigit():
            asked_s = float(text[:9])
        else:
            try:
                asked_s = parsedate_to_datetime(text).timestamp() - self._now()
            except (ValueError, OverflowError):
                return 0.0
        return min(max(asked_s, 0.0), _LONGEST_ASKED_S)


_PHRASED: frozenset[int] = frozenset(code.value for code in httpx.codes)


def parse_url(url: str) -> httpx.URL:
    """A URL to post to. Raises `DestinationError`, which does not show it."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise DestinationError("the webhook's URL cannot be read; is a blank or a control character in it?") from None
    if not parsed.host:
        raise DestinationError("the webhook's URL names no host")
    return parsed


def origin_of(url: httpx.URL) -> str:
    """Scheme, host and port: paths and queries of webhooks are secrets often enough."""
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{url.scheme}://{host}{f':{url.port}' if url.port else ''}"


def read_headers(environ: Mapping[str, str]) -> dict[str, str]:
    """The headers that all webhooks get, one on each line of `$TIDEWAITER_WEBHOOK_HEADER` or of the file that
    `$TIDEWAITER_WEBHOOK_HEADER_FILE` names. Raises `DestinationError`, which shows no value."""
    text, whence = environ.get(HEADER_VARIABLE, ""), HEADER_VARIABLE
    path = environ.get(FILE_VARIABLE)
    if path:
        whence = FILE_VARIABLE
        try:
            with open(path, encoding="ascii") as file:
                text = file.read(64 * 1024)
        except OSError as error:
            raise DestinationError(f"{whence}: {path} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise DestinationError(f"{whence}: {path} holds more than ASCII") from None
    found: dict[str, str] = {}
    for number, line in enumerate(filter(None, map(str.strip, text.splitlines())), 1):
        name, colon, value = line.partition(":")
        if not (colon and _NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            raise DestinationError(f"{whence}: line {number} is no header such as `Authorization: Bearer TOKEN`")
        found[name] = value.strip()
    return found


def _why(error: Exception) -> str:
    """The reason, which never holds the URL."""
    cause: BaseException = error
    while deeper := cause.__cause__ or cause.__context__:
        cause = deeper
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {cause.verify_message}"
    told = cause.strerror if isinstance(cause, OSError) else None
    return (told or error.__class__.__name__).lower()
