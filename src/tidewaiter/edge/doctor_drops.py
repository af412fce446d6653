"""Turns records in which a producer owns up to losses into how many it lost.

Sources: falco userspace/falco/event_drops.cpp (`n_drops`), tetragon api/v1/tetragon/events.proto (`RateLimitInfo`),
cilium api/v1/flow/flow.proto (`LostEvent`). Numbers of 64 bits are strings in protobuf's JSON.
"""

from collections.abc import Callable
from typing import Any

import msgspec

_LARGEST = 2**63


class _Falco(msgspec.Struct):
    rule: str
    output_fields: dict[str, Any]


class _Limited(msgspec.Struct):
    number_of_dropped_process_events: int | str = 0


class _Tetragon(msgspec.Struct):
    rate_limit_info: _Limited


class _Lost(msgspec.Struct):
    num_events_lost: int | str = 0


class _Hubble(msgspec.Struct):
    lost_events: _Lost


_falco = msgspec.json.Decoder(_Falco)
_tetragon = msgspec.json.Decoder(_Tetragon)
_hubble = msgspec.json.Decoder(_Hubble)


def _of_falco(record: bytes) -> object:
    told = _falco.decode(record)
    return told.output_fields.get("n_drops") if told.rule.startswith("Falco internal: syscall event drop") else None


_TELLING: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
    "falco": (b"n_drops", _of_falco),
    "tetragon": (
        b'"rate_limit_info"',
        lambda record: _tetragon.decode(record).rate_limit_info.number_of_dropped_process_events,
    ),
    "hubble": (b'"lost_events"', lambda record: _hubble.decode(record).lost_events.num_events_lost),
}
"""Source -> what is in a record that may tell of losses, and how it tells how many."""


def lost_in(source: str, record: bytes) -> int | None:
    """How many records one record says were lost; None: it does not speak of losses."""
    telling = _TELLING.get(source)
    if telling is None or telling[0] not in record:
        return None
    try:
        count = int(str(telling[1](record)))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return count if 0 <= count < _LARGEST else None
