"""Defines what comes out: alerts with their evidence, incidents, the summary of a run, and ids to know them again by.

The JSON shape is a public contract (docs/alerts.md): every field is always present, None becomes null, and times are
RFC 3339 UTC with nanoseconds.
"""

import hashlib
from datetime import UTC, datetime
from typing import Literal

import msgspec

Verdict = Literal["alert", "suspicious", "withdrawn"]
Severity = Literal["informational", "low", "medium", "high", "critical"]
Confidence = Literal["low", "medium", "high"]
Consistency = Literal["proven", "by_name", "unknown", "conflicting"]

_NS = 1_000_000_000


def format_time(time_ns: int) -> str:
    """RFC 3339, UTC, nine digits: `2026-09-21T14:13:44.074027776Z`."""
    seconds, nanoseconds = divmod(time_ns, _NS)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


def parse_moment(text: str | None) -> int | None:
    """Nanoseconds since the epoch of an RFC 3339 UTC time as `format_time` writes it; None where it is not."""
    if text is None or len(text) < 20 or not text.endswith("Z"):
        return None
    whole, _, fraction = text[:-1].partition(".")
    try:
        seconds = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
    if fraction and not (fraction.isascii() and fraction.isdigit() and len(fraction) <= 9):
        return None
    return int(seconds) * _NS + int(fraction.ljust(9, "0") or 0)


def stable_id(*parts: str | None) -> str:
    """32 hex characters that depend on the parts and on nothing else."""
    text = "\x1f".join("" if part is None else part for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Workload(msgspec.Struct, frozen=True):
    """What owns the pod."""

    kind: str | None
    name: str | None


class ImageIdentity(msgspec.Struct, frozen=True):
    """The image of one container: what was typed, and the digests that are known of it."""

    reference: str | None = None
    index_digest: str | None = None
    manifest_digest: str | None = None
    config_digest: str | None = None
    chain_id: str | None = None


class TrustShown(msgspec.Struct, frozen=True):
    """The trust decision: its state, the policy rule that made it, and the repositories the content came from."""

    state: Literal["trusted", "untrusted", "unknown"]
    rule: str
    origins: tuple[str, ...]


class PulledBy(msgspec.Struct, frozen=True):
    """Who pulled, as the registry saw it."""

    client: str | None = None
    source_ip: str | None = None
    user_agent: str | None = None


class CreatedBy(msgspec.Struct, frozen=True):
    """Who asked for the container; `via` names the kind of telemetry that says so."""

    user: str | None = None
    groups: tuple[str, ...] = ()
    source_ip: str | None = None
    user_agent: str | None = None
    via: str | None = None


class Evidence(msgspec.Struct, frozen=True):
    """One record that the chain stands on."""

    stage: str
    time: str | None
    source: str
    record: str
    summary: str


class BehaviourShown(msgspec.Struct, frozen=True):
    """One thing the container did."""

    kind: Literal["exec", "egress", "drift", "session", "policy", "image"]
    strength: Literal["strong", "weak"]
    what: str
    time: str
    attribution: Literal["container", "pod"]
    name: str | None = None
    """DNS name of the destination, where known."""
    protocol: str | None = None
    reason: str | None = None
    """The judging row that gave the strength, e.g. `suspicious_binary`."""
    layer_diff_id: str | None = None
    """The layer of the image that holds what was run, where the image's contents are known."""
    known: Literal["content", "predecessor", "fleet", "workload", "namespace", "image"] | None = None
    """Where the baseline knows it from, if it does."""


class BaselineShown(msgspec.Struct, frozen=True, kw_only=True):
    """What the baseline knows of the container's workload."""

    workload: str
    """`NAMESPACE/KIND/NAME`."""
    container: str
    content: Literal["known", "new", "unknown"]
    predecessor: str | None
    completeness: float
    completeness_at_least: float
    mature: bool
    pods: int
    starts: int
    container_hours: int
    hours_of_day: int
    weekdays: int


class AttackNames(msgspec.Struct, frozen=True, kw_only=True):
    """What ATT&CK calls the analytic and what it detects, in the release that was imported."""

    release: str
    """Domain and release: `enterprise 19.1`."""
    analytic: str
    technique: str
    detection_strategy: str
    """Its id."""
    detection_strategy_name: str
    tactics: tuple[str, ...]


class Alert(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="alert"):
    """One chain, one alert. `revision` counts the records given out for it; `final` says that none follows."""

    schema: int = 1
    id: str
    revision: int = 0
    final: bool = True
    analytic: str
    technique: str
    verdict: Verdict
    severity: Severity
    confidence: Confidence
    title: str
    time: str
    cluster: str
    node: str
    container_id: str | None
    container_name: str | None
    namespace: str | None
    pod: str | None
    workload: Workload | None
    image: ImageIdentity
    digest_consistency: Consistency
    trust: TrustShown
    pulled_by: PulledBy
    created_by: CreatedBy
    evidence: tuple[Evidence, ...]
    behaviours: tuple[BehaviourShown, ...]
    behaviours_omitted: int
    reasons: tuple[str, ...]
    missing: tuple[str, ...]
    incident: str
    baseline: BaselineShown | None = None
    attack: AttackNames | None = None


class IncidentMember(msgspec.Struct, frozen=True, kw_only=True):
    """One alert of an incident: when, what it came to, and where."""

    alert: str
    """Its id."""
    time: str
    verdict: Verdict
    node: str
    namespace: str | None
    pod: str | None
    container_id: str | None
    container_name: str | None


class Incident(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="incident"):
    """Alerts of one campaign, of which there are at least two; `withdrawn` where fewer are left."""

    schema: int = 1
    id: str
    """The `incident` of its alerts."""
    revision: int = 0
    final: bool = True
    analytic: str
    technique: str
    verdict: Verdict
    """The gravest of its alerts, and so is `severity`."""
    severity: Severity
    title: str
    cluster: str
    image: ImageIdentity
    """Of its first alert."""
    created_by: str | None
    first_seen: str
    last_seen: str
    nodes: tuple[str, ...]
    namespaces: tuple[str, ...]
    workloads: tuple[str, ...]
    """`NAMESPACE/KIND/NAME`."""
    members: tuple[IncidentMember, ...]
    members_omitted: int = 0


class ContainerShown(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="container"):
    """What is known of one container, alert or not (`hunt --containers`)."""

    schema: int = 1
    cluster: str
    node: str
    container_id: str | None
    container_name: str | None
    namespace: str | None
    pod: str | None
    workload: Workload | None
    image: ImageIdentity
    digest_consistency: Consistency
    trust: TrustShown
    started: str | None
    verdict: str
    """`alert`, `suspicious`, `quiet` (nothing to report) or `silenced` (a scope of the policy said so)."""
    reasons: tuple[str, ...]
    baseline: BaselineShown | None = None


class SourceCount(msgspec.Struct, frozen=True):
    """Records of one source, how many of them could not be attributed, and how many the producer says it dropped."""

    records: int = 0
    unattributed: int = 0
    dropped: int = 0


class Summary(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="summary"):
    """What a run read and what became of it: `records` is the sum of `outcomes`."""

    schema: int = 1
    complete: bool
    records: int
    outcomes: dict[str, int]
    sources: dict[str, SourceCount]
    alerts: int
    suspicious: int
    silenced: int
    attempted_pulls: int
    evicted: int = 0
    """State given up because a bound was reached, all kinds together."""


Output = Alert | Incident | ContainerShown | Summary
