"""Proves that containerd's messages are read by the numbers of their fields, whatever else they carry."""

from typing import Any

import pytest
from google.protobuf import timestamp_pb2

from tidewaiter.edge.containerd_messages import EVENTS, members_of, message_class, text_of_time


def time(seconds: int, nanos: int) -> Any:
    """A Timestamp."""
    return message_class("Timestamp")(seconds=seconds, nanos=nanos)


def test_a_known_message_is_the_published_one() -> None:
    """protobuf's own Timestamp reads what ours writes."""
    theirs = timestamp_pb2.Timestamp.FromString(time(1_790_000_000, 5).SerializeToString())
    assert (theirs.seconds, theirs.nanos) == (1_790_000_000, 5)


def test_every_event_has_a_message() -> None:
    """And each can be empty."""
    for kind in EVENTS.values():
        assert members_of(message_class(kind).FromString(b""), kind) == {}


def test_fields_that_are_not_known_are_passed_over() -> None:
    """`TaskExit` with a field 99, as a later containerd may write it; a map is a list of its entries."""
    wire = message_class("TaskExit")(container_id="c1", pid=7, exited_at=time(1_790_000_000, 0)).SerializeToString()
    told = message_class("TaskExit").FromString(wire + b"\x9a\x06\x03abc")
    assert members_of(told, "TaskExit") == {
        "container_id": "c1",
        "pid": 7,
        "exited_at": "2026-09-21T14:13:20.000000000Z",
    }
    labels = [message_class("Label")(key=key, value=key * 2) for key in "ab"]
    assert members_of(message_class("NameEvent")(name="x", labels=labels), "NameEvent") == {
        "name": "x",
        "labels": {"a": "aa", "b": "bb"},
    }


@pytest.mark.parametrize(
    ("seconds", "nanos", "text"),
    [
        (0, 0, "1970-01-01T00:00:00.000000000Z"),
        (-62_135_596_800, 0, "0001-01-01T00:00:00.000000000Z"),
        (-62_135_596_801, 0, None),
        (2**62, 0, None),
        (1, -1, None),
        (1, 10**9, None),
    ],
)
def test_times(seconds: int, nanos: int, text: str | None) -> None:
    """Go's zero time among them; what is no time is none."""
    assert text_of_time(time(seconds, nanos)) == text
