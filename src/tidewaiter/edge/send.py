"""Turns the destinations that a user names into couriers, and hands every output to all of them."""

import os
import re
import socket
import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from tidewaiter.alert import Output
from tidewaiter.edge.delivery import Courier, DestinationError, Pace, Receiver, Tell
from tidewaiter.edge.send_file import FileReceiver
from tidewaiter.edge.send_syslog import LocalReceiver, NetworkReceiver
from tidewaiter.edge.send_webhook import HEADER_VARIABLE, WebhookReceiver, origin_of, parse_url, read_headers
from tidewaiter.policy_yaml import printable
from tidewaiter.sinks import sinks

WITHIN_S = 5.0
"""How long the end waits for what is yet to be delivered."""
_SYSLOG_PORT = 514
_FORM = re.compile(r"([a-z][a-z0-9_]*)=(.*)", re.DOTALL)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_FORMS_OF_SYSLOG = {"syslog": "jsonl", "jsonl": "jsonl", "ocsf": "ocsf"}
"""Form that was asked for -> the sink that makes a message's text."""


class Senders:
    """All destinations of one run."""

    def __init__(self, couriers: Sequence[Courier], pace: Pace) -> None:
        self._couriers = couriers
        self._pace = pace

    def send(self, output: Output) -> None:
        """Hand in one output for all of them; returns at once."""
        for courier in self._couriers:
            courier.send(output)

    def close(self, within_s: float = WITHIN_S) -> None:
        """Deliver what waits, all side by side, for so long at most; what is left then is lost and counted."""
        until_s = self._pace.clock() + within_s
        ends_s = time.monotonic() + within_s
        for courier in self._couriers:
            courier.finish(until_s)
        for courier in self._couriers:
            courier.join(ends_s - time.monotonic())

    def problems(self) -> list[str]:
        """What was lost, destination by destination, in one sentence each."""
        return [sentence for courier in self._couriers for sentence in courier.problems()]


def open_senders(
    destinations: Sequence[str],
    tell: Tell = lambda sentence: None,
    *,
    environ: Mapping[str, str] = os.environ,
    pace: Pace | None = None,
) -> Senders:
    """Couriers to `[FORMAT=]WHERE` each: a path, `http(s)://..`, `syslog://..`, `syslog+tcp://..`, `syslog+unix://..`.

    `tell` takes a sentence when a destination begins to fail and when it works again; it is called from the couriers'
    threads. Raises `DestinationError` with one sentence where a destination cannot be used as it is written.
    """
    pace = pace or Pace()
    receivers: list[Receiver] = []
    try:
        headers = _headers(destinations, environ)
        for destination in destinations:
            receivers.append(_receiver(destination, headers))
    except DestinationError:
        for receiver in receivers:
            receiver.close()
        raise
    return Senders([Courier(receiver, tell, pace) for receiver in receivers], pace)


def _receiver(destination: str, headers: Mapping[str, str]) -> Receiver:
    form, where = _split(destination)
    scheme = _scheme(where)
    if scheme in ("http", "https"):
        return WebhookReceiver(where, sinks()[form or "jsonl"], headers)
    if scheme.startswith("syslog"):
        return _syslog(scheme, where, form)
    if scheme:
        # Not shown: there may be a password in it.
        known = "https, http, syslog, syslog+tcp, syslog+unix, or a path"
        raise DestinationError(f"nothing can be sent to {scheme}://..; known are {known}")
    if not where:
        raise DestinationError("a destination is empty; it is a path or a URL, such as https://siem.example/hook")
    return FileReceiver(where, sinks()[form or "jsonl"].encode)


def _syslog(scheme: str, where: str, form: str | None) -> Receiver:
    body = sinks().get(_FORMS_OF_SYSLOG.get(form or "syslog", ""))
    if body is None:
        raise DestinationError(f"{form} is no form that syslog carries; these are: {', '.join(_FORMS_OF_SYSLOG)}")
    if scheme == "syslog+unix":
        path = where.partition("://")[2]
        if not path.startswith("/"):
            raise DestinationError(f"{printable(where)}: a socket is named by its whole path: syslog+unix:///dev/log")
        return LocalReceiver(path, body.encode)
    kinds = {"syslog": socket.SOCK_DGRAM, "syslog+tcp": socket.SOCK_STREAM}
    if scheme not in kinds:
        raise DestinationError(f"{scheme}: syslog goes by syslog (UDP), syslog+tcp or syslog+unix")
    try:
        parts = urlsplit(where)
        host, port = parts.hostname, parts.port or _SYSLOG_PORT
    except ValueError:
        host, port, parts = None, 0, urlsplit("")
    if not host or parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        raise DestinationError(f"{scheme}: needs a host and perhaps a port, such as {scheme}://192.0.2.7:514")
    return NetworkReceiver(host, port, kinds[scheme], body.encode)


def _split(destination: str) -> tuple[str | None, str]:
    """The form that is asked for, if any, and where to."""
    found = _FORM.fullmatch(destination)
    if found is None:
        return None, destination
    form, where = found[1], found[2]
    if form not in sinks():
        known = ", ".join(sinks())
        raise DestinationError(f"{form}=..: no such form; known are {known} (a file of that name is ./{form}=..)")
    return form, where


def _scheme(where: str) -> str:
    found = _SCHEME.match(where)
    return found[1].lower() if found is not None else ""


def _headers(destinations: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The secret headers; they are meant for one host, so that no other may be named beside it."""
    places = [where for _, where in map(_split, destinations) if _scheme(where) in ("http", "https")]
    if not places:
        return {}
    headers = read_headers(environ)
    origins = sorted({origin_of(parse_url(where)) for where in places})
    if headers and len(origins) > 1:
        raise DestinationError(f"{HEADER_VARIABLE} is set, and would go to all of {', '.join(origins)}")
    return headers
