"""Decodes the recorded audit events."""

import json
from typing import Any

from kubernetes_records import decode, sample

from tidewaiter.event import Event
from tidewaiter.sources.kubernetes_audit import SOURCE


def events_of(case: str) -> list[list[Event]]:
    return [decode(SOURCE, record) for record in sample("kubernetes_audit", case)]


def one(events: list[Event]) -> Any:
    assert len(events) == 1
    return events[0]


def changed(record: bytes, **members: Any) -> dict[str, Any]:
    made: dict[str, Any] = {**json.loads(record), **members}
    return {name: value for name, value in made.items() if value is not None}
