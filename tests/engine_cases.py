"""Makes what the tests of the engine share."""

from typing import Any

from made_events import AN0691, OURS, cid, created, hunted, ran, started
from tidewaiter.engine import Engine
from tidewaiter.event import Event
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy

EVIL = "evil.example/x:1"
TWIN = cid("a")[:12] + "f" * 52
LIFE = [created(0, "a"), started(1, "a", pid=100)]
"""A container whose first process is known."""


def engine(policy: TrustPolicy = DEFAULT_POLICY, **options: Any) -> Engine:
    """An engine that knows nothing."""
    return Engine(policy, AN0691, **options)


def trusted_life(container: str = "a", **fields: Any) -> list[Event]:
    """A container of ours that has been running for a while."""
    return [created(0, container, OURS, **fields), started(1, container), ran(5, container, "curl", "x")]


def behaviours(*events: Event) -> list[str]:
    """What was seen of all containers, in any order of time."""
    return sorted(shown.what for alert in hunted(events).alerts for shown in alert.behaviours)
