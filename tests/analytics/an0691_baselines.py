"""Builds a Deployment's containers and the baselines that they are held against."""

from typing import Any

import msgspec

from baselines import Known, learned
from made_events import (
    CORPORATE,
    OURS,
    Hunted,
    connected,
    created,
    described,
    digest,
    hunted,
    pod_of,
    pulled,
    ran,
    started,
)
from tidewaiter.baseline import Baseline, Profile
from tidewaiter.event import Event
from tidewaiter.policy import Scope, TrustPolicy

CI = msgspec.structs.replace(CORPORATE, scopes=(Scope(name="ci", namespace="shop", quiet=True),))
EVIL = "evil.example/x:1"
SERVE = ran(2, "a", "/app/server-1.4.2", "--port", "8080")
STORE = connected(5, "a", "10.0.0.5", 5432)
API = connected(6, "a", "203.0.113.9", 443, dst_name="api.example")
OUT = connected(7, "a", "198.51.100.77", 443, dst_name="c2.example")
CURL = ran(8, "a", "curl", "-s", "https://api.example/x")
LATERAL = connected(9, "a", "10.0.9.9", 6379)
TOOL = ran(9, "a", "/opt/tools/dump", "--all")
USUALLY = (SERVE, STORE, API, CURL)


def began(content: str, reference: str = OURS, container: str = "a", **where: Any) -> list[Event]:
    """A container of the Deployment starts."""
    pod = pod_of(f"web-{container}", "c", workload_kind="Deployment", workload="web", **where)
    return [
        pulled(-5, reference, config_digest=digest(content)),
        created(0, container, reference, pod=pod),
        described(None, container, content),
        started(1, container),
    ]


def judged(
    content: str,
    *did: Event,
    beside: Baseline | None,
    policy: TrustPolicy = CORPORATE,
    reference: str = OURS,
) -> Hunted:
    """The container runs this content and does these things."""
    return hunted([*began(content, reference), *did], policy, baseline=beside)


def verdict(run: Hunted) -> str:
    """The verdict on the container, alert or not."""
    return run.about("a").verdict


def beside(*profiles: Profile) -> Known:
    """A baseline of these profiles."""
    return Known(*profiles)


MATURE = beside(learned("old", *USUALLY))
YOUNG = beside(learned("old", *USUALLY, is_mature=False))
