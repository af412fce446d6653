"""Makes what the tests of resolving share: a container's life, and what is known of it in any order."""

from collections.abc import Sequence

from made_events import (
    CORPORATE,
    OURS,
    created,
    described,
    digest,
    hunted,
    started,
)
from tidewaiter.alert import ContainerShown
from tidewaiter.event import Event, ImageClaim
from tidewaiter.policy import TrustPolicy

EVIL = "evil.example/x:1"
C, D, INDEX, MANIFEST, STACK = (digest(word) for word in ("C", "D", "index", "manifest", "stack"))


def life(reference: str | None = OURS, config: str | None = None, **image: object) -> list[Event]:
    """A container that is created and started."""
    events: list[Event] = [created(0, "a", reference), started(1, "a")]
    if image:
        claim = ImageClaim(**{"reference": reference, **image})  # type: ignore[arg-type]  # fields of the struct
        events[0] = created(0, "a", image=claim)
    if config is not None:
        events.append(described(None, "a", config))
    return events


def shown(events: Sequence[Event], policy: TrustPolicy = CORPORATE) -> ContainerShown:
    """What is known of the container, in whatever order its records come."""
    first = hunted(list(events), policy).about("a")
    assert hunted(list(reversed(events)), policy).about("a") == first
    return first
