"""Turns an output into one syslog message (RFC 5424) whose text is the JSON record, for receivers that speak syslog.

Rules
- Facility `authpriv` (10), severity by the alert's or the incident's. A withdrawn one is a notice;
  containers and the summary inform.
- The text is JSON in ASCII: what is not ASCII is `\\uXXXX`, which any JSON reader undoes. RFC 5424 wants a byte order
  mark before UTF-8 only, and readers of JSON trip over one.
- There is no structured data. Its names need a registered enterprise number, which this project has not (32473 is
  for documentation); the record says everything anyway.
- The time is the alert's, or when an incident was last seen, to the microsecond that syslog has room for. What has no
  time of its own has none.
"""

import re

from tidewaiter.alert import Alert, ContainerShown, Incident, Output
from tidewaiter.sinks import Encode, Sink
from tidewaiter.sinks._escape import encode_json
from tidewaiter.sinks._moments import parse_moment
from tidewaiter.sinks._smaller import smaller

LONGEST_BYTES = 8192
"""What receivers should take (RFC 5425 section 4.3.1) and rsyslog takes unless it is told otherwise."""
_AUTHPRIV = 10
_SEVERITIES = {"critical": 2, "high": 3, "medium": 4, "low": 5, "informational": 6}
"""critical, error, warning, notice, informational (RFC 5424 section 6.2.1)."""
_NOTICE, _INFORMATIONAL = 5, 6
_APP = "tidewaiter"
_NOTHING = "-"
_HOST_LENGTH, _MSGID_LENGTH = 255, 32
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_NO_NAME = re.compile(r"[^\x21-\x7e]")


def encode(output: Output) -> bytes:
    """One message and a line feed, which no message holds."""
    return message(output) + b"\n"


def message(output: Output, body: Encode = encode_json, longest: int | None = None) -> bytes:
    """One message whose text is what another sink makes of the output; empty where that makes nothing.

    `body` gives one line of JSON. With `longest` an alert that takes more bytes loses evidence first, then behaviours,
    then the ends of long texts, and says so; an incident loses members; empty where even that is too long.
    """
    for copy in smaller(output) if longest is not None and isinstance(output, Alert | Incident) else (output,):
        text = _NOT_ASCII.sub(_escaped, body(copy).decode("utf-8").rstrip("\n"))
        told = _header(copy) + text.encode("ascii") if text else b""
        if longest is None or len(told) <= longest:
            return told
    return b""


def _header(output: Output) -> bytes:
    severity, time, host, name = _INFORMATIONAL, _NOTHING, "", output.__class__.__name__.lower()
    if isinstance(output, Alert | Incident):
        severity = _NOTICE if output.verdict == "withdrawn" else _SEVERITIES.get(output.severity, _INFORMATIONAL)
    if isinstance(output, Alert):
        time, host, name = _time(output.time), output.node, output.analytic
    elif isinstance(output, Incident):
        time, host = _time(output.last_seen), output.nodes[0] if len(output.nodes) == 1 else ""
    elif isinstance(output, ContainerShown):
        host, name = output.node, "container"
    parts = (time, _name(host, _HOST_LENGTH), _APP, _NOTHING, _name(name, _MSGID_LENGTH), _NOTHING)
    return f"<{_AUTHPRIV * 8 + severity}>1 {' '.join(parts)} ".encode("ascii")


def _time(time: str) -> str:
    """RFC 5424 has six digits after the second; an alert that was withdrawn has no time, which is the epoch."""
    return f"{time[:26]}Z" if parse_moment(time) and len(time) == 30 else _NOTHING


def _name(text: str, length: int) -> str:
    """A name in printable ASCII without blanks."""
    return _NO_NAME.sub("_", text)[:length] or _NOTHING


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


SINK = Sink(title="Syslog (RFC 5424) around JSON", media_type="text/plain; charset=utf-8", encode=encode)
