"""Turns a log line of a Go daemon that logs through logrus (containerd, CRI-O, the registry) into its parts.

Shapes: logrus `text_formatter.go` (`time="..." level=info msg="..." key=value`, and on a terminal
`INFO[2026-11-22T00:40:31Z] message   key=value`) and `json_formatter.go` (`{"level":..,"msg":..,"time":..}`).
Values are quoted as Go's `%q` does. Terminal lines that count seconds since the start (`INFO[0097]`) carry no time and
are refused.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from tidewaiter.sources import RecordError
from tidewaiter.sources._fields import parse_time_ns
from tidewaiter.sources._place import decode_object

_PAIR = re.compile(r'\s*([^\s="]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?=\s|\Z)', re.DOTALL)
_TERMINAL = re.compile(r"(TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)\[([^\]]{1,64})\]\s?(.*)\Z", re.DOTALL)
_FIRST_PAIR = re.compile(r"\s(?=[A-Za-z][\w.]*=)")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_LAST_CHARACTER = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)
TEXT = re.compile(rb'time="[^"]{1,64}" level=[a-z]+ msg=|(?:TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)\[\d{4}-')
"""Openings of the two text forms."""


class LogLine(msgspec.Struct, frozen=True):
    """One line of a daemon's log."""

    time_ns: int
    message: str
    fields: dict[str, str]
    """The other fields, as text."""


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] in "xuU" and len(code) > 1:
        number = int(code[1:], 16)
        return chr(number) if number <= _LAST_CHARACTER and number not in _SURROGATES else "\ufffd"
    return _LETTERS.get(code, code)


def unquoted(text: str) -> str:
    """The inside of a text that Go's `%q` quoted."""
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _pairs(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _PAIR.match(text, position)
        if match is None:
            raise RecordError(f"{text[position : position + 80]!r}: not key=value")
        key, quoted, bare = match.groups()
        # The first of two equal keys: logrus writes its own before the caller's.
        fields.setdefault(key, unquoted(quoted) if quoted is not None else bare)
        position = match.end()
    return fields


def _read_text(line: str) -> LogLine:
    terminal = _TERMINAL.match(line)
    if terminal is not None:
        _, time, rest = terminal.groups()
        first = _FIRST_PAIR.search(rest)
        message = rest[: first.start()] if first else rest
        return LogLine(parse_time_ns(time), message.rstrip(), _pairs(rest[first.start() :]) if first else {})
    fields = _pairs(line)
    time_text, message_text = fields.pop("time", None), fields.pop("msg", None)
    if time_text is None or message_text is None:
        raise RecordError(f"{line[:80]!r}: a log line has a time and a message")
    return LogLine(parse_time_ns(time_text), message_text, fields)


def _read_json(record: bytes) -> LogLine:
    value = decode_object(record)
    time, message = value.get("time"), value.get("msg")
    if not isinstance(time, str) or not isinstance(message, str):
        raise RecordError(f"{record[:80]!r}: a log line has a time and a message")
    fields = {key: str(member) for key, member in value.items() if isinstance(member, str | int)}
    return LogLine(parse_time_ns(time), message, fields)


def read_log_line(record: bytes) -> LogLine:
    """The parts of one line in any of the three forms. Raises RecordError."""
    if record.lstrip()[:1] == b"{":
        return _read_json(record)
    try:
        line = record.decode()
    except UnicodeDecodeError as error:
        raise RecordError(f"{record[:80]!r}: {error.reason}") from None
    return _read_text(line)


def json_message(value: Mapping[str, Any]) -> str | None:
    """The message, if an object has the members that logrus writes; else None."""
    if isinstance(value.get("level"), str) and isinstance(value.get("time"), str):
        message = value.get("msg")
        return message if isinstance(message, str) else None
    return None
