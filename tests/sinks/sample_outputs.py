"""Makes outputs for the tests of the sinks as the engine makes them: rich ones, poor ones and hostile ones."""

import os
from collections.abc import Callable
from pathlib import Path

from sample_alerts import (
    CONFIG,
    CONTAINER,
    at,
    docker_alert,
    hostile_alert,
    kubernetes_alert,
    suspicious_alert,
    withdrawn_alert,
)
from sample_incidents import INCIDENTS

from tidewaiter.alert import (
    Alert,
    ContainerShown,
    ImageIdentity,
    Output,
    SourceCount,
    Summary,
    TrustShown,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "sinks"


def containers() -> list[ContainerShown]:
    """A few containers of one run: an alert, a quiet one in a pod, one of which nothing is known, a silenced one."""

    def shown(ident: str | None, name: str | None, reference: str | None, **more: object) -> ContainerShown:
        fields = {
            "cluster": "default",
            "node": "n1",
            "namespace": None,
            "pod": None,
            "workload": None,
            "digest_consistency": "proven",
            "trust": TrustShown("untrusted", "default", ()),
            "started": at(0),
            "verdict": "quiet",
            "reasons": (),
            "image": ImageIdentity(reference=reference, config_digest=CONFIG if reference else None),
            **more,
        }
        return ContainerShown(container_id=ident, container_name=name, **fields)  # type: ignore[arg-type]  # by name above

    return [
        shown(CONTAINER, "quick_swartz", "evil.example/x:latest", verdict="alert"),
        shown(
            "77f1" + CONTAINER[4:],
            "exporter",
            "registry.corp.example/platform/observability/node-exporter:v1.8.2-20260917-rc3",
            namespace="monitoring",
            pod="node-exporter-7d9c94f6b5-x2x7q",
            trust=TrustShown("trusted", "ours", ("registry.corp.example/platform/observability/node-exporter",)),
            digest_consistency="by_name",
        ),
        shown(None, None, None, digest_consistency="unknown", trust=TrustShown("unknown", "no-origin", ())),
        shown("c1", "runner", "docker.io/library/python:3.12", verdict="silenced", digest_consistency="conflicting"),
    ]


def summaries() -> dict[str, Summary]:
    """A small complete run, and a large one that is not."""
    outcomes = dict.fromkeys(("used", "irrelevant", "waiting", "expired", "unattributed", "duplicate", "rejected"), 0)
    return {
        "complete": Summary(
            complete=True,
            records=7,
            outcomes={**outcomes, "used": 7},
            sources={"docker_events": SourceCount(3), "falco": SourceCount(4)},
            alerts=1,
            suspicious=0,
            silenced=0,
            attempted_pulls=0,
        ),
        "incomplete": Summary(
            complete=False,
            records=1_250_000,
            outcomes={
                **outcomes,
                "used": 4210,
                "irrelevant": 1_245_000,
                "unattributed": 380,
                "duplicate": 400,
                "expired": 8,
                "rejected": 2,
            },
            sources={
                "tetragon": SourceCount(900_000, 12),
                "falco": SourceCount(340_000, 368, 15_002),
                "kubernetes_audit": SourceCount(9_998),
                "unrecognised": SourceCount(2),
            },
            alerts=12,
            suspicious=3,
            silenced=41,
            attempted_pulls=1,
            evicted=1200,
        ),
    }


ALERTS: dict[str, Callable[[], Alert]] = {
    "docker": docker_alert,
    "kubernetes": kubernetes_alert,
    "suspicious": suspicious_alert,
    "withdrawn": withdrawn_alert,
    "hostile": hostile_alert,
}


def samples() -> dict[str, Output]:
    """All sample outputs by name."""
    found: dict[str, Output] = {name: make() for name, make in ALERTS.items()}
    found |= {f"incident_{name}": make() for name, make in INCIDENTS.items()}
    found |= {f"container{place}": shown for place, shown in enumerate(containers())}
    return found | {f"summary_{name}": summary for name, summary in summaries().items()}


def golden(name: str, text: str) -> None:
    """Compares a text with a golden file; UPDATE_GOLDEN=1 rewrites the file."""
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8", newline="")
    assert text == path.read_bytes().decode("utf-8")
