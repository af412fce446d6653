"""Builds the containers on which the rules of AN0691 are tried."""

from collections.abc import Sequence
from typing import Any

from made_events import (
    Hunted,
    created,
    entered,
    hunted,
    pod_of,
    ran,
    started,
)
from tidewaiter.event import Event
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy

EVIL = "evil.example/x:1"
POD = pod_of("web", "c")


def judged(
    events: Sequence[Event] = (),
    policy: TrustPolicy = DEFAULT_POLICY,
    reference: str | None = EVIL,
    **create: Any,
) -> Hunted:
    """A container that is created, started a second later, and does these things."""
    return hunted([created(0, "a", reference, **create), started(1, "a"), *events], policy)


def verdict(run: Hunted) -> str:
    """The verdict on the container, alert or not."""
    found: str = run.about("a").verdict
    return found


def strengths(run: Hunted) -> list[str]:
    """How each behaviour was weighed."""
    return [shown.strength for alert in run.alerts for shown in alert.behaviours]


CURL = ran(9, "a", "curl", "x")
WEAK = entered(9, "a", "ls", native_id="s1")
