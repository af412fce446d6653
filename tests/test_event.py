"""Holds what all events promise: they are frozen, survive encoding, and name their digests."""

from typing import Any

import msgspec
import pytest

from made_events import created, pulled, ran
from tidewaiter import event as events
from tidewaiter.correlate import STAGES
from tidewaiter.event import ContainerEvent, Event

KINDS = sorted(
    (kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)),
    key=lambda kind: kind.__name__,
)


def test_an_event_cannot_be_changed() -> None:
    """What a record said stays said."""
    event: Any = ran(1, "a", "sh")
    with pytest.raises(AttributeError):
        event.time_ns = 2


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_says_what_it_is(kind: type[Event]) -> None:
    """Each kind has a docstring, for the page of events is made from them."""
    assert (kind.__doc__ or "").strip()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_field_is_a_bare_digest(kind: type[Event]) -> None:
    """A field's name says which digest it holds."""
    assert {"digest", "hash", "sha", "image_id"}.isdisjoint(kind.__struct_fields__)


def test_events_survive_encoding() -> None:
    """Each kind is told from the others by its tag."""
    for event in (created(0, "a"), ran(1, "a", "sh", pid=3), pulled(2, "alpine")):
        encoded = msgspec.msgpack.encode(event)
        assert msgspec.msgpack.decode(encoded, type=type(event)) == event
        assert msgspec.msgpack.decode(encoded)["type"] == type(event).__name__


def test_stages_are_opened_by_known_kinds() -> None:
    """The table of stages names events, each stage once."""
    assert set(STAGES) <= set(KINDS)
    assert len(set(STAGES.values())) == len(STAGES)


def test_only_container_events_name_containers() -> None:
    """An id of a container is carried by events about containers, by nothing else."""
    named = {kind for kind in KINDS if "container_id" in kind.__struct_fields__}
    assert named == {kind for kind in KINDS if issubclass(kind, ContainerEvent)}
