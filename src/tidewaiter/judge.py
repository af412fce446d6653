"""Turns a case into a verdict by way of an analytic, and the verdict into the alert that is given out.

What is common to all analytics stands here: ids, evidence, the record's form. What AN0691 asks stands in
`analytics/an0691.py`.
"""

from collections.abc import Callable
from math import floor
from typing import Literal

import msgspec

from tidewaiter.alert import (
    Alert,
    AttackNames,
    BaselineShown,
    BehaviourShown,
    Confidence,
    ContainerShown,
    Evidence,
    Severity,
    TrustShown,
    Verdict,
    format_time,
    stable_id,
)
from tidewaiter.case import Case
from tidewaiter.policy import TrustPolicy
from tidewaiter.resolve import Provenance
from tidewaiter.usual import Usual


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What an analytic says of a case."""

    verdict: Literal["alert", "suspicious", "quiet", "silenced"]
    severity: Severity = "informational"
    confidence: Confidence = "low"
    title: str = ""
    time_ns: int = 0
    """Time of the behaviour that decided."""
    behaviours: tuple[BehaviourShown, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    """The records the behaviours were read from."""
    omitted: int = 0
    reasons: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class Analytic(msgspec.Struct, frozen=True, kw_only=True):
    """One detection: what it is in ATT&CK, what it assumes, and how it judges."""

    id: str
    title: str
    technique: str
    detection_strategy: str
    log_sources: tuple[str, ...]
    mutable_elements: tuple[str, ...]
    """ATT&CK's mutable elements, with the setting that each is here."""
    assumptions: tuple[str, ...]
    blind_spots: tuple[str, ...]
    triage: tuple[str, ...]
    judge: Callable[[Case, TrustPolicy], Judgement]
    keeps_quiet: Callable[[Provenance, Usual | None], bool]
    """Whether a container with such an image, where this is usual for it, can come to nothing whatever else it does, so
    that its behaviour need not be read."""
    names: AttackNames | None = None
    """ATT&CK's, where a release was imported."""


def alert_id(case: Case, analytic: Analytic) -> str:
    """The same for one container under one analytic, whatever order its records came in."""
    return stable_id(analytic.id, case.chain.cluster, case.node, case.chain.key)


def incident_key(case: Case, analytic: Analytic) -> str:
    """What chains of one campaign share: analytic, content, and who created them (unknown: the node)."""
    image = case.provenance.image
    content = image.config_digest or image.chain_id or image.reference
    principal = case.created_by.user
    who = f"user {principal}" if principal is not None else f"node {case.node}"
    return stable_id(analytic.id, case.chain.cluster, content, who)


def to_alert(case: Case, judgement: Judgement, analytic: Analytic, incident: str) -> Alert:
    """The record that is given out. `judgement` must be an `alert` or `suspicious`."""
    chain, found = case.chain, case.provenance
    verdict: Verdict = "alert" if judgement.verdict == "alert" else "suspicious"
    return Alert(
        id=alert_id(case, analytic),
        analytic=analytic.id,
        technique=analytic.technique,
        verdict=verdict,
        severity=judgement.severity,
        confidence=judgement.confidence,
        title=judgement.title,
        time=format_time(judgement.time_ns),
        cluster=chain.cluster,
        node=case.node,
        container_id=chain.container_id,
        container_name=chain.pod_container or chain.name,
        namespace=case.namespace,
        pod=case.pod,
        workload=case.workload,
        image=found.image,
        digest_consistency=found.consistency,
        trust=TrustShown(found.trust.state, found.trust.rule, found.repositories),
        pulled_by=case.pulled_by,
        created_by=case.created_by,
        evidence=(*case.evidence, *judgement.evidence),
        behaviours=judgement.behaviours,
        behaviours_omitted=judgement.omitted,
        reasons=judgement.reasons,
        missing=judgement.missing,
        incident=incident,
        attack=analytic.names,
        baseline=_baseline_shown(case.usual),
    )


def to_container(case: Case, judgement: Judgement) -> ContainerShown:
    """What is known of a container, alert or not."""
    chain, found = case.chain, case.provenance
    starts = chain.starts_ns
    return ContainerShown(
        cluster=chain.cluster,
        node=case.node,
        container_id=chain.container_id,
        container_name=chain.pod_container or chain.name,
        namespace=case.namespace,
        pod=case.pod,
        workload=case.workload,
        image=found.image,
        digest_consistency=found.consistency,
        trust=TrustShown(found.trust.state, found.trust.rule, found.repositories),
        started=format_time(starts[0]) if starts else None,
        verdict=judgement.verdict,
        reasons=judgement.reasons,
        baseline=_baseline_shown(case.usual),
    )


def _baseline_shown(usual: Usual | None) -> BaselineShown | None:
    if usual is None or not usual.knows_workload:
        return None
    known = usual.completeness
    return BaselineShown(
        workload=usual.key.path,
        container=usual.key.container,
        content=usual.standing,
        predecessor=usual.predecessor,
        # Rounded down: nothing is complete that is not.
        completeness=floor(known.share * 10_000) / 10_000,
        completeness_at_least=floor(known.share_at_least * 10_000) / 10_000,
        mature=known.is_mature,
        pods=known.pods,
        starts=known.starts,
        container_hours=known.units,
        hours_of_day=known.hours,
        weekdays=known.weekdays,
    )
