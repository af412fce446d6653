"""Turns a case into the judgement of AN0691: an image nobody vouched for was pulled, created, started, and misbehaved.

ATT&CK: analytic AN0691 of detection strategy DET0248, technique T1204.003 (Malicious Image). ATT&CK names the stages
and the settings; the rules, numbered in the code as in docs/analytics/an0691.md, are ours.
"""

from posixpath import basename

from tidewaiter.alert import Confidence, Evidence, Severity
from tidewaiter.analytics._an0691_behaviours import Weighed, behaviours_of, broken_policy
from tidewaiter.analytics._an0691_usual import usual_reasons
from tidewaiter.case import Case
from tidewaiter.digest import digest_or_none
from tidewaiter.judge import Analytic, Judgement
from tidewaiter.policy import Effects, TrustPolicy
from tidewaiter.resolve import Provenance
from tidewaiter.usual import Usual

_EVIDENCE_SHOWN = 24
_DIGEST_SHOWN = len("sha256:") + 12
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "busybox"})
_STRENGTHS = {"strong": 0, "weak": 1}
_CONFIDENCES: tuple[Confidence, ...] = ("low", "medium", "high")
_CONFIDENCE_OF = {"proven": 2, "by_name": 1, "unknown": 0, "conflicting": 0}


def keeps_quiet(found: Provenance, usual: Usual | None) -> bool:
    """Rule 7: trusted content whose reference did not move, and that is not new for its workload, comes to nothing.

    Which content it is may be told later: until then it may yet be new.
    """
    may_be_new = usual is not None and usual.knows_workload and usual.standing != "known"
    return found.trust.state == "trusted" and found.moved_from is None and not may_be_new


def judge(case: Case, policy: TrustPolicy) -> Judgement:
    """The verdict on one container."""
    if case.chain.is_sandbox:
        return Judgement(verdict="quiet", reasons=("the pod's sandbox runs the pause image only",))
    trust = case.provenance.trust
    if not case.hits and keeps_quiet(case.provenance, case.usual):
        return _vouched(case)
    behaviours = behaviours_of(case, policy)
    if trust.state == "trusted" and case.usual is not None and case.usual.is_new_content:
        return _judge_new_content(case, policy, _in_order(behaviours))
    if trust.state == "trusted" and any(b.hit is not None and b.shown.strength == "strong" for b in behaviours):
        return _judge_listed(case, policy, _in_order(behaviours))
    if trust.state == "trusted":
        return _judge_trusted(case, policy, behaviours)
    effects = policy.effects_for(case.subject())
    broken = broken_policy(case, effects, policy)
    return _judge_unvouched(case, policy, effects, _in_order([*behaviours, *broken]), bool(broken))


def _vouched(case: Case) -> Judgement:
    reasons = [f"trust: trusted by rule {case.provenance.trust.rule}"]
    if case.usual is not None and case.usual.standing == "known":
        reasons.append(f"baseline: {case.usual.key.path} knows this content")
    return Judgement(verdict="quiet", reasons=tuple(reasons))


def _judge_trusted(case: Case, policy: TrustPolicy, behaviours: list[Weighed]) -> Judgement:
    trust, moved = case.provenance.trust, case.provenance.moved_from
    if case.usual is not None and case.usual.standing == "known":
        return _vouched(case)
    strong = [b for b in behaviours if b.shown.strength == "strong" and b.place == "inside" and not b.is_expected]
    is_doubtful = case.usual is not None and case.usual.knows_workload and case.usual.standing == "unknown"
    if not strong or (moved is None and not is_doubtful):
        return _vouched(case)
    if moved is not None:
        why = f"moved tag: {case.provenance.image.reference} pointed to {moved} before"
        title = f"Trusted reference {_image(case)} moved to new content, which {_did_most(strong)}"
    else:
        # Nobody can tell whether the tag was moved: that is no reason to be silent about what was never seen here.
        why = f"baseline: {case.usual.key.path if case.usual else ''} cannot compare this content: a digest is missing"
        title = f"Trusted reference {_image(case)}, content not comparable with its baseline, {_did_most(strong)}"
    reasons = (f"trust: trusted by rule {trust.rule}", why, *_why(strong))
    return _judgement(case, "suspicious", strong, reasons, title, policy)


def _judge_listed(case: Case, policy: TrustPolicy, weighed: list[Weighed]) -> Judgement:
    """Rule 9: trusted content that meets a listed indicator is not quiet, and no scope makes it so."""
    hits = [b for b in weighed if b.hit is not None]
    certain = [b for b in hits if b.is_certain]
    decisive = certain or [b for b in hits if b.shown.strength == "strong"]
    reasons = (f"trust: trusted by rule {case.provenance.trust.rule}", *_why(hits))
    title = f"Trusted image {_image(case)} {_did_most(decisive)}"
    return _judgement(case, "alert" if certain else "suspicious", hits, reasons, title, policy, decisive[0])


def _judge_new_content(case: Case, policy: TrustPolicy, weighed: list[Weighed]) -> Judgement:
    """Rule 7 with a baseline. No scope has a say: what CI may do, a stranger in its image may not."""
    trust, moved = case.provenance.trust, case.provenance.moved_from
    reasons = [f"trust: trusted by rule {trust.rule}"]
    if moved is not None:
        reasons.append(f"moved tag: {case.provenance.image.reference} pointed to {moved} before")
    kept, said = _beside_baseline(case, weighed)
    reasons += said
    if not kept:
        return Judgement(verdict="quiet", reasons=(*reasons, "all that was seen is usual"))
    verdict, decisive, why = _by_window(case, policy, kept)
    title = f"New content of trusted image {_image(case)} {_did_most(decisive)}"
    return _judgement(case, verdict, kept, (*reasons, *why), title, policy, decisive[0])


def _judge_unvouched(
    case: Case, policy: TrustPolicy, effects: Effects, weighed: list[Weighed], is_broken: bool
) -> Judgement:
    trust = case.provenance.trust
    reasons = [f"trust: {trust.state} by rule {trust.rule}"]
    if case.provenance.voided is not None and not case.provenance.origins:
        reasons.append(f"origin: {case.provenance.voided}")
    reasons += [f"identity: {conflict}" for conflict in case.provenance.conflicts]
    kept, said = _beside_baseline(case, weighed)
    reasons += said
    if not kept:
        nothing = "all that was seen is usual" if weighed else "no behaviour of interest was seen"
        return Judgement(verdict="quiet", reasons=(*reasons, nothing))
    verdict, decisive, why = _by_window(case, policy, kept)
    reasons += why
    # What a malicious indicator was met by is nobody's routine, nor is what breaks the policy itself.
    is_beyond = is_broken or any(b.is_certain for b in kept)
    if not is_beyond and effects.quiet is not None:
        return Judgement(verdict="silenced", reasons=(*reasons, f"silenced by scope {effects.quiet}"))
    if not is_beyond and effects.ceiling is not None and effects.ceiling[0] == "suspicious" and verdict == "alert":
        verdict = "suspicious"
        reasons.append(f"capped by scope {effects.ceiling[1]}")
    noun = {"untrusted": "Untrusted image", "unknown": "Image of unknown origin"}[trust.state]
    title = f"{noun} {_image(case)} {_did_most(decisive)}"
    return _judgement(case, verdict, kept, tuple(reasons), title, policy, decisive[0])


def _in_order(weighed: list[Weighed]) -> list[Weighed]:
    return sorted(weighed, key=lambda b: (b.time_ns, b.shown.what, b.shown.kind))


def _beside_baseline(case: Case, weighed: list[Weighed]) -> tuple[list[Weighed], list[str]]:
    """(the behaviours that count, what the baseline said of them). Weak and late is nothing."""
    timely = [b for b in weighed if b.place != "late" or b.shown.strength == "strong"]
    kept = [b for b in timely if not b.is_expected]
    expected = (b.shown for b in timely if b.is_expected)
    return kept, usual_reasons(case, expected, (b.shown for b in kept if b.is_raised))


def _by_window(case: Case, policy: TrustPolicy, kept: list[Weighed]) -> tuple[str, list[Weighed], list[str]]:
    """Rule 4: (the verdict, the behaviours that decided, why)."""
    strong = [b for b in kept if b.shown.strength == "strong"]
    inside = [b for b in strong if b.place == "inside"]
    observed = bool(case.chain.creates_ns or case.chain.starts_ns or case.asked_ns)
    certain = [b for b in strong if b.is_certain]
    verdict = "alert" if certain or (inside and observed) else "suspicious"
    reasons = _why(kept)
    if strong and not inside and not certain:
        if all(b.place == "early" for b in strong):
            reasons.append("early: the strong behaviour came before the first observed start")
        else:
            reasons.append(f"late: the strong behaviour is outside the window of {policy.time_window_ns // 10**9} s")
    if inside and not observed and not certain:
        reasons.append("neither create nor start was observed: the container may have been compromised later")
    if verdict == "alert" and not certain and case.debugger is not None and policy.debug_containers == "suspicious":
        verdict = "suspicious"
        reasons.append(f"capped: ephemeral debug container added by {case.debugger.name}")
    return verdict, [b for b in strong if b.place == "inside" or b.is_certain] or strong or kept, reasons


def _judgement(
    case: Case,
    verdict: str,
    kept: list[Weighed],
    reasons: tuple[str, ...],
    title: str,
    policy: TrustPolicy,
    decisive: Weighed | None = None,
) -> Judgement:
    is_strong = any(b.shown.strength == "strong" for b in kept)
    exposed = case.is_privileged() or case.has_host_root() or case.host_pid
    severity: Severity = "low"
    if verdict == "alert":
        severity = "critical" if exposed else "high"
    elif is_strong:
        severity = "medium"
    told = list(reasons)
    if exposed and is_strong:
        flags = (("privileged", case.is_privileged()), ("host root mounted", case.has_host_root()))
        names = [name for name, is_so in (*flags, ("host pid namespace", case.host_pid)) if is_so]
        told.append(f"exposed: {', '.join(names)}")
    rank = _CONFIDENCE_OF[case.provenance.consistency] - (case.provenance.trust.state == "unknown")
    return Judgement(
        verdict="alert" if verdict == "alert" else "suspicious",
        severity=severity,
        confidence=_CONFIDENCES[max(rank, 0)],
        title=title,
        time_ns=(decisive or kept[0]).time_ns,
        behaviours=tuple(b.shown for b in kept),
        evidence=_evidence(kept),
        omitted=case.chain.actions_omitted + case.pod_actions_omitted,
        reasons=tuple(dict.fromkeys(told)),
        missing=_missing(case, policy),
    )


def _evidence(kept: list[Weighed]) -> tuple[Evidence, ...]:
    """The records that are shown: what met a listed indicator before all else, in their order."""
    told = sorted((at for at, b in enumerate(kept) if b.evidence.source), key=lambda at: (kept[at].hit is None, at))
    return tuple(kept[at].evidence for at in sorted(told[:_EVIDENCE_SHOWN]))


# ------------------------------------------------------------------------------------------------ words


def _why(kept: list[Weighed]) -> list[str]:
    ordered = sorted(kept, key=lambda b: (_STRENGTHS[b.shown.strength], b.hit is None, b.time_ns))
    return list(dict.fromkeys(map(_row, ordered)))[:8]


def _row(behaviour: Weighed) -> str:
    shown = behaviour.shown
    known = f", known: {shown.known}" if shown.known is not None else ""
    listed = f", listed as {behaviour.hit.listed.told()}" if behaviour.hit is not None else ""
    return f"{shown.reason}: {shown.what}{listed} ({shown.strength}{known})"


def _image(case: Case) -> str:
    image = case.provenance.image
    named = image.reference or image.config_digest or "(unnamed)"
    digest = digest_or_none(named)
    if digest is None:
        return named
    origins = case.provenance.repositories
    return f"{origins[0]} ({digest[:_DIGEST_SHOWN]})" if origins else digest[:_DIGEST_SHOWN]


def _did_most(behaviours: list[Weighed]) -> str:
    """The most telling things that were done: a program that is more than a shell, and where it connected."""
    told: list[str] = []
    for kinds in (("image",), ("drift", "exec"), ("egress",), ("session", "policy")):
        alike = [b for b in behaviours if b.shown.kind in kinds]
        alike.sort(key=lambda b: (b.shown.kind != kinds[0], _is_plain_shell(b), b.time_ns))
        told += [_did(b) for b in alike[:1]] if kinds[0] not in ("session",) or not told else []
    return " and ".join(told)


def _is_plain_shell(behaviour: Weighed) -> bool:
    words = behaviour.shown.what.split()
    return bool(words) and basename(words[0]) in _SHELLS


def _did(behaviour: Weighed) -> str:
    verb = {
        "exec": "ran",
        "drift": "ran a binary that is not in its image:",
        "egress": "connected to",
        "session": "had a session:",
        "policy": "broke the policy:",
        "image": "matches a listed indicator:",
    }[behaviour.shown.kind]
    named = f" ({behaviour.shown.name})" if behaviour.shown.name else ""
    return f"{verb} {behaviour.shown.what[:200]}{named}"


def _missing(case: Case, policy: TrustPolicy) -> tuple[str, ...]:
    chain, found = case.chain, case.provenance
    missing: list[str] = []
    if not found.origins:
        missing.append("pull: none seen on this node before the container was created")
    elif not any(0 <= _age(case, o.pull.time_ns) <= policy.time_window_ns for o in found.origins):
        missing.append("fresh pull: the image was pulled before the window (pre-pulled)")
    if not chain.creates_ns:
        missing.append("create: not reported by the container runtime")
    if not chain.starts_ns:
        missing.append("start: not observed")
    if found.image.config_digest is None:
        missing.append("image content: config digest unknown")
    if case.declared is None:
        missing.append("image config: entrypoint, command and health check unknown")
    if case.created_by.user is None:
        missing.append("who: creator not named in the telemetry")
    return (*missing, *case.unwatched)


def _age(case: Case, time_ns: int) -> int:
    created = case.chain.creates_ns or case.chain.starts_ns or (case.chain.first_seen_ns or time_ns,)
    return max(created[0] - time_ns, 0)


ANALYTIC = Analytic(
    id="AN0691",
    title="Untrusted image pulled, created, started, and misbehaving",
    technique="T1204.003",
    detection_strategy="DET0248",
    log_sources=("containerd:events", "kubernetes:audit", "kubernetes:events", "auditd:SYSCALL", "NSM:Flow"),
    mutable_elements=(
        "ImageRegistryAllowList: trust",
        "TimeWindow: time_window",
        "SuspiciousBinaries: suspicious_binaries",
        "NamespaceScope: scopes",
        "OutboundCIDRBlockList: outbound_cidr_block_list",
    ),
    assumptions=(
        "Clocks of the sensors of one node differ by less than clock_skew.",
        "Records come at most lateness behind others of the same source and node.",
        "The list of trusted registries is short and true.",
    ),
    blind_spots=(
        "A trusted image that was backdoored at its source and keeps its reference and digest.",
        "Work done inside one process (no exec) that talks to internal addresses only, unless a baseline knows better.",
        "Containers on nodes without any sensor of processes or flows.",
    ),
    triage=(
        "Find out who created the container, and from where; ask them.",
        "Compare the digest with what the registry serves under this name today.",
        "Check where else this content ran: alerts with the same content and creator share an incident.",
    ),
    judge=judge,
    keeps_quiet=keeps_quiet,
)
