"""Makes Falco's alerts and decodes them."""

import json
from pathlib import Path
from typing import Any

from tidewaiter.event import (
    Event,
    NetworkFlow,
    ProcessExec,
    Where,
)
from tidewaiter.sources.falco import decode

SAMPLES = Path(__file__).parents[1] / "samples" / "falco"
WHERE = Where("falco", "alerts.jsonl", 1)
CONTAINER = "5c1f0a9be37d" + "46e2" * 13
DIGEST = "sha256:" + "3fa9" * 16
TIME = "2026-09-21T14:13:44.074027776Z"
TIME_NS = 1_790_000_024_074_027_776


def decoded(record: dict[str, Any] | bytes, where: Where = WHERE) -> list[Event]:
    """The events of one record."""
    return list(decode(record if isinstance(record, bytes) else json.dumps(record).encode(), where))


def alerted(alert: dict[str, Any] | None = None, where: Where = WHERE, /, **fields: Any) -> list[Event]:
    """The events of an alert about a container; `a__b` stands for the field `a.b`, None takes a field away."""
    named = {name.replace("__", "."): value for name, value in fields.items()}
    record = {
        "hostname": "node-a",
        "priority": "Notice",
        "rule": "A rule",
        "source": "syscall",
        "time": TIME,
        "output": "container.id=aaaaaaaaaaaa evt.type=connect fd.name=10.0.0.1:1->203.0.113.66:6",
        "output_fields": {"container.id": CONTAINER[:12]} | named,
    }
    return decoded({key: value for key, value in (record | (alert or {})).items() if value is not None}, where)


def executed(alert: dict[str, Any] | None = None, where: Where = WHERE, /, **fields: Any) -> ProcessExec:
    """The execution in such an alert."""
    (event,) = alerted(alert, where, **({"evt__type": "execve", "proc__name": "sh"} | fields))
    assert isinstance(event, ProcessExec)
    return event


def flow(**fields: Any) -> NetworkFlow:
    """The connection in such an alert."""
    (event,) = alerted(**({"evt__type": "connect"} | fields))
    assert isinstance(event, NetworkFlow)
    return event


def sample(name: str) -> list[list[Event]]:
    """The events of each record of a sample file."""
    return [decoded(line) for line in (SAMPLES / name).read_bytes().splitlines()]
