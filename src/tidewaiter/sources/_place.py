"""Turns the place where a record stood into the fields that every event carries, and checks small JSON values."""

from collections.abc import Mapping
from typing import Any, TypedDict, TypeVar

import msgspec

from tidewaiter.event import ImageClaim, Pod, Where
from tidewaiter.sources import RecordError
from tidewaiter.sources._fields import checked_time_ns, decode_json

Shape = TypeVar("Shape")
_ANY = msgspec.json.Decoder()
_NS = 1_000_000_000


class Place(TypedDict):
    """The fields of an event that come from where its record stood, not from the record."""

    cluster: str
    node: str | None
    where: Where


class Happened(Place):
    """The place of an event and its moment."""

    time_ns: int | None


class OfContainer(Happened):
    """What all events about one container carry."""

    container_id: str | None
    container_id_prefix: str | None
    runtime: str | None
    runtime_namespace: str | None
    pod: Pod | None
    image: ImageClaim | None


def place(where: Where) -> Place:
    """The place of an event whose producer names no node: the user's names, where given."""
    return {"cluster": where.cluster, "node": where.node, "where": where}


def happened(time_ns: int | None, where: Where) -> Happened:
    """As `place`, with the moment of the event; None for an untimed snapshot."""
    return {**place(where), "time_ns": time_ns}


def decode_object(record: bytes) -> dict[str, Any]:
    """A JSON object whose shape is not known yet. Raises RecordError for anything else."""
    decoded = decode_json(_ANY, record)
    if not isinstance(decoded, dict):
        raise RecordError(f"{record[:80]!r}: not a JSON object")
    return decoded


def convert(value: object, shape: type[Shape]) -> Shape:
    """A decoded JSON value as a Struct; RecordError where a field that is read has another type."""
    try:
        return msgspec.convert(value, shape)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{shape.__name__.lstrip('_')}: {str(error)[:160]}") from None


def has(value: Mapping[str, Any], **kinds: type | tuple[type, ...]) -> bool:
    """Whether an object has all these members, each of one of these types."""
    return all(name in value and isinstance(value[name], kind) for name, kind in kinds.items())


def seconds_to_ns(seconds: int | None) -> int | None:
    """Seconds since the epoch as nanoseconds; None for none and for 0 (Docker: not known). RecordError when absurd."""
    return checked_time_ns(seconds * _NS) if seconds else None
