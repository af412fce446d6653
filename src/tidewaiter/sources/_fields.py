"""Turns the small things that many producers write alike (times, container ids, kubelet names) into checked values."""

import ipaddress
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeVar

import msgspec

from tidewaiter.digest import is_hex
from tidewaiter.sources import RecordError

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,12}))?\s?"
    r"(?:([Zz])|([+-])(\d\d):?(\d\d)|UTC|)(?:\s+UTC)?\Z"
)
_NS = 1_000_000_000
_FIRST_NS = 0
_LAST_NS = 253_402_300_799 * _NS  # 9999-12-31
_POD_CONTAINER = re.compile(r"/?k8s_([^_]+)_([^_]+)_([^_]+)_([0-9a-zA-Z-]+)_(\d+)\Z")
FULL_ID_LENGTH = 64
SHORTEST_PREFIX = 12
_LONGEST_IP = 64
_LONGEST_ID = 128
_FRACTION_NS: tuple[int, ...] = tuple(10 ** (9 - digits) for digits in range(10))

Decoded = TypeVar("Decoded")


def decode_json(decoder: msgspec.json.Decoder[Decoded], record: bytes) -> Decoded:
    """One JSON record through a typed decoder. Raises RecordError, and nothing else, whatever the bytes are."""
    try:
        return decoder.decode(record)
    except (ValueError, RecursionError) as error:  # msgspec's own errors and UnicodeDecodeError are ValueErrors
        shown = record[:80].decode("utf-8", "replace")
        raise RecordError(f"{shown!r}: {str(error)[:120]}") from None


@lru_cache(maxsize=16384)
def _normal_ip(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def ip_or_none(text: str | None) -> str | None:
    """An IP address in its normal form (IPv6 compressed, no zone; `::ffff:192.0.2.1` is `192.0.2.1`), else None."""
    return _normal_ip(text) if text and len(text) <= _LONGEST_IP else None


def parse_time_ns(text: str) -> int:
    """RFC 3339 (and Go's `2006-01-02 15:04:05 +0000 UTC`) to nanoseconds since the epoch, UTC.

    A time without a zone is UTC. Raises RecordError where the text is no time, or one before 1970.
    """
    # Nearly every record of the large streams has the form that Go prints: its date is read once a second only.
    if text[19:20] == "." and text[-1] == "Z":
        fraction = text[20:-1]
        if len(fraction) <= 9 and fraction.isdecimal() and (second_ns := _second_ns(text[:19])) is not None:
            return second_ns + int(fraction) * _FRACTION_NS[len(fraction)]
    elif text[19:] == "Z" and (second_ns := _second_ns(text[:19])) is not None:
        return second_ns
    return _parse_any_time_ns(text)


@lru_cache(maxsize=8192)
def _second_ns(text: str) -> int | None:
    """The time without a fraction; None where it is none, or so early or late that a fraction could matter."""
    try:
        return _parse_any_time_ns(f"{text}Z") if "1971" < text < "9999" else None
    except RecordError:
        return None


def _parse_any_time_ns(text: str) -> int:
    match = _RFC3339.match(text)
    if match is None:
        raise RecordError(f"{text[:120]!r}: not an RFC 3339 time")
    year, month, day, hour, minute, second, fraction, _, sign, zone_hour, zone_minute = match.groups()
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), min(int(second), 59), tzinfo=UTC)
    except ValueError as error:
        raise RecordError(f"{text[:120]!r}: not a date ({error})") from None
    seconds = int(moment.timestamp()) + (1 if int(second) == 60 else 0)
    if sign is not None:
        offset = int(zone_hour) * 3600 + int(zone_minute) * 60
        seconds += -offset if sign == "+" else offset
    time_ns = seconds * _NS + (int(fraction[:9].ljust(9, "0")) if fraction else 0)
    return checked_time_ns(time_ns)


def time_ns_or_none(text: str | None) -> int | None:
    """As `parse_time_ns`, but None for nothing, for rubbish, and for the zero times of Go (`0001-01-01T00:00:00Z`)."""
    if not text:
        return None
    try:
        return parse_time_ns(text)
    except RecordError:
        return None


def checked_time_ns(time_ns: int) -> int:
    """The time itself if it lies between 1970 and 9999; RecordError otherwise."""
    if not _FIRST_NS < time_ns <= _LAST_NS:
        raise RecordError(f"{time_ns}: not a time between 1970 and 9999 in nanoseconds")
    return time_ns


def split_container_id(text: str | None) -> tuple[str | None, str | None, str | None]:
    """(container_id, container_id_prefix, runtime) from what a producer calls the container's id.

    `docker://<64 hex>`, `containerd://..`, `cri-o://..` name the runtime. 64 hex are a whole id; 12 to 63 hex are a
    prefix. `host` and the empty text are no container. Any other text is nothing here: only containerd's own events
    have ids that people chose, and its source takes them as they are.
    """
    if not text or text == "host" or len(text) > _LONGEST_ID:
        return None, None, None
    return _split_container_id(text)


@lru_cache(maxsize=16384)
def _split_container_id(text: str) -> tuple[str | None, str | None, str | None]:
    scheme, separator, rest = text.partition("://")
    runtime, value = (scheme, rest) if separator else (None, text)
    if not is_hex(value):
        return None, None, runtime
    if len(value) == FULL_ID_LENGTH:
        return value, None, runtime
    if SHORTEST_PREFIX <= len(value) < FULL_ID_LENGTH:
        return None, value, runtime
    return None, None, runtime


def kubelet_container_name(name: str | None) -> tuple[str, str, str, str] | None:
    """(container, pod, namespace, pod uid) if a Docker container's name has the kubelet's own form, else None.

    `k8s_<container>_<pod>_<namespace>_<uid>_<attempt>`: kubernetes `dockershim/naming.go`.
    """
    match = _POD_CONTAINER.match(name or "")
    if match is None:
        return None
    container, pod, namespace, uid, _ = match.groups()
    return container, pod, namespace, uid
