"""Turns a case into the judgement of AN0691: an image nobody vouched for was pulled, created, started, and misbehaved.

ATT&CK: analytic AN0691 of detection strategy DET0248, technique T1204.003 (Malicious Image). ATT&CK names the stages
and the settings; the rules, numbered in the code as in docs/analytics/an0691.md, are ours.
"""

from posixpath import basename

import msgspec

from tidewaiter.alert import BehaviourShown, Confidence, Evidence, Severity, format_time
from tidewaiter.behaviour import describe, egress_row, exec_row, is_declared, program_names
from tidewaiter.case import Case
from tidewaiter.chain import Action, Session
from tidewaiter.correlate import is_human
from tidewaiter.judge import Analytic, Judgement
from tidewaiter.policy import Effects, TrustPolicy
from tidewaiter.resolve import Provenance

FIRST_PROCESS_NS = 5_000_000_000
"""A process this soon after the start is taken for the container's first where the image config is not known."""
_EVIDENCE_SHOWN = 24
_SESSION_ROOT_NS = 30_000_000_000
_RUNTIME_PARENTS = ("runc", "crun", "containerd-shim", "dockerd", "conmon", "systemd", "runsc", "kata", "docker-init")
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "busybox"})
_STRENGTHS = {"strong": 0, "weak": 1}
_CONFIDENCES: tuple[Confidence, ...] = ("low", "medium", "high")
_CONFIDENCE_OF = {"proven": 2, "by_name": 1, "unknown": 0, "conflicting": 0}


class _Weighed(msgspec.Struct, frozen=True):
    """One behaviour with its weight and its place in time."""

    shown: BehaviourShown
    time_ns: int
    evidence: Evidence
    place: str
    """`inside` the window, `late` after it, or `early` before anything was seen of the container."""


def keeps_quiet(found: Provenance) -> bool:
    """Rule 7 without a baseline: trusted content whose reference did not move comes to nothing."""
    return found.trust.state == "trusted" and found.moved_from is None


def judge(case: Case, policy: TrustPolicy) -> Judgement:
    """The verdict on one container."""
    if case.chain.is_sandbox:
        return Judgement(verdict="quiet", reasons=("the pod's sandbox runs the pause image only",))
    trust = case.provenance.trust
    behaviours = _behaviours(case, policy)
    if trust.state == "trusted":
        return _judge_trusted(case, policy, behaviours)
    effects = policy.effects_for(case.subject())
    broken = _broken(case, effects, policy)
    weighed = sorted([*behaviours, *broken], key=lambda b: (b.time_ns, b.shown.what, b.shown.kind))
    return _judge_unvouched(case, policy, effects, weighed, bool(broken))


def _judge_trusted(case: Case, policy: TrustPolicy, behaviours: list[_Weighed]) -> Judgement:
    trust, moved = case.provenance.trust, case.provenance.moved_from
    strong = [b for b in behaviours if b.shown.strength == "strong" and b.place == "inside"]
    if moved is None or not strong:
        return Judgement(verdict="quiet", reasons=(f"trust: trusted by rule {trust.rule}",))
    reasons = (
        f"trust: trusted by rule {trust.rule}",
        f"moved tag: {case.provenance.image.reference} stood for {moved} before",
        *_why(strong),
    )
    title = f"Trusted reference {_image(case)} moved to new content, which {_did_most(strong)}"
    return _judgement(case, "suspicious", strong, reasons, title, policy)


def _judge_unvouched(
    case: Case, policy: TrustPolicy, effects: Effects, weighed: list[_Weighed], is_broken: bool
) -> Judgement:
    trust = case.provenance.trust
    reasons = [f"trust: {trust.state} by rule {trust.rule}"]
    if case.provenance.voided is not None and not case.provenance.origins:
        reasons.append(f"origin: {case.provenance.voided}")
    reasons += [f"identity: {conflict}" for conflict in case.provenance.conflicts]
    kept = [b for b in weighed if b.place != "late" or b.shown.strength == "strong"]
    if not kept:
        return Judgement(verdict="quiet", reasons=(*reasons, "no behaviour of interest was seen"))
    strong = [b for b in kept if b.shown.strength == "strong"]
    inside = [b for b in strong if b.place == "inside"]
    observed = bool(case.chain.creates_ns or case.chain.starts_ns or case.asked_ns)
    verdict = "alert" if inside and observed else "suspicious"
    reasons += _why(kept)
    if strong and not inside:
        reasons.append(f"late: the strong behaviour came outside the window of {policy.time_window_ns // 10**9} s")
    if inside and not observed:
        reasons.append("neither create nor start was observed: the container may have been infected later")
    if verdict == "alert" and case.debugger is not None and policy.debug_containers == "suspicious":
        verdict = "suspicious"
        reasons.append(f"capped: ephemeral debug container added by {case.debugger.name}")
    if not is_broken and effects.quiet is not None:
        return Judgement(verdict="silenced", reasons=(*reasons, f"silenced by scope {effects.quiet}"))
    if not is_broken and effects.ceiling is not None and effects.ceiling[0] == "suspicious" and verdict == "alert":
        verdict = "suspicious"
        reasons.append(f"capped by scope {effects.ceiling[1]}")
    decisive = (inside or strong or kept)[0]
    noun = {"untrusted": "Untrusted image", "unknown": "Image of unknown origin"}[trust.state]
    title = f"{noun} {_image(case)} {_did_most(inside or strong or kept)}"
    return _judgement(case, verdict, kept, tuple(reasons), title, policy, decisive)


def _judgement(
    case: Case,
    verdict: str,
    kept: list[_Weighed],
    reasons: tuple[str, ...],
    title: str,
    policy: TrustPolicy,
    decisive: _Weighed | None = None,
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
        evidence=tuple(b.evidence for b in kept if b.evidence.source)[:_EVIDENCE_SHOWN],
        omitted=case.chain.actions_omitted + case.pod_actions_omitted,
        reasons=tuple(dict.fromkeys(told)),
        missing=_missing(case, policy),
    )


# ------------------------------------------------------------------------------------------------ rules 2, 3 and 5


def _behaviours(case: Case, policy: TrustPolicy) -> list[_Weighed]:
    chain = case.chain
    found: list[_Weighed] = []
    in_session = _session_pids(case)
    for action in chain.actions:
        found += _weigh(case, policy, action, "container", in_session)
    for action in case.pod_actions:
        found += _weigh(case, policy, action, "pod", in_session)
    for session in case.sessions:
        found += _weigh_session(case, policy, session)
    return found


def _weigh(case: Case, policy: TrustPolicy, action: Action, attribution: str, sessions: set[int]) -> list[_Weighed]:
    if action.kind == "exec":
        row = exec_row(action, policy)
        if row == "suspicious_binary":
            if is_declared(action, case.declared, case.probes) or _is_first_process(case, action, policy):
                row = "declared_binary"
            elif _in_session(case, action, sessions):
                row = "interactive_session"
    elif action.dst_port == 53 and action.dst_ip in case.chain.dns_servers:
        row = None
    else:
        row = egress_row(action, policy)
    if row is None:
        return []
    kind = "drift" if row == "written_binary" else "exec" if action.kind == "exec" else "egress"
    what = describe(action) + (" (refused)" if action.is_refused else "")
    return _weighed(case, policy, row, kind, what, action.time_ns, attribution, action)


def _weigh_session(case: Case, policy: TrustPolicy, session: Session) -> list[_Weighed]:
    command = " ".join(session.command)
    if session.user is not None and is_human(session.user.name):
        what = f"{session.user.name} attached: {command or 'no command told'}"
        return _weighed(case, policy, "interactive_session", "session", what, session.time_ns, "container", session)
    if not session.command:
        return []
    # Nobody is named: what was run this way counts like any other process.
    where = Action(session.time_ns, "exec", session.source, session.stream, session.offset, None, session.command)
    if exec_row(where, policy) is None or is_declared(where, case.declared, case.probes):
        return []
    return _weighed(case, policy, "suspicious_binary", "exec", command, session.time_ns, "container", session)


def _weighed(
    case: Case,
    policy: TrustPolicy,
    row: str,
    kind: str,
    what: str,
    time_ns: int,
    attribution: str,
    action: Action | Session | None,
) -> list[_Weighed]:
    strength = getattr(policy.behaviours, row)
    if strength == "none":
        return []
    shown = BehaviourShown(
        kind=kind,  # type: ignore[arg-type]  # one of the literals by construction above
        strength=strength,
        what=what,
        time=format_time(time_ns),
        attribution="pod" if attribution == "pod" else "container",
        name=action.dst_name if isinstance(action, Action) else None,
        protocol=action.protocol if isinstance(action, Action) else None,
        reason=row,
    )
    record = f"{action.stream}:{action.offset}" if action is not None else ""
    evidence = Evidence("behaviour", shown.time, action.source if action is not None else "", record, what)
    return [_Weighed(shown, time_ns, evidence, _place(case, time_ns, policy))]


def _place(case: Case, time_ns: int, policy: TrustPolicy) -> str:
    """Where a behaviour lies to the window of the latest start (else create, else first sighting) before it."""
    chain = case.chain
    for anchors in (chain.starts_ns, chain.creates_ns, (case.asked_ns,), (chain.first_seen_ns,)):
        known = [anchor for anchor in anchors if anchor]
        if not known:
            continue
        before = [anchor for anchor in known if anchor <= time_ns + policy.clock_skew_ns]
        if not before:
            return "early"
        return "inside" if time_ns - before[-1] <= policy.time_window_ns else "late"
    return "inside"


def _is_first_process(case: Case, action: Action, policy: TrustPolicy) -> bool:
    """Rule 5: where the image config is not known, the container's first process is treated as declared."""
    first = case.chain.first_process
    if case.declared is not None or first is None or not case.chain.starts_ns:
        return False
    if (action.time_ns, action.exe or "", action.args, action.parent_exe or "") != first:
        return False
    parent = basename(action.parent_exe or "")
    if parent and not parent.startswith(_RUNTIME_PARENTS):
        return False
    return any(-policy.clock_skew_ns <= action.time_ns - start <= FIRST_PROCESS_NS for start in case.chain.starts_ns)


def _session_pids(case: Case) -> set[int]:
    """Processes of sessions by named humans: those that run the session's command, and all below them."""
    roots: set[int] = set()
    for session in case.sessions:
        if session.user is None or not is_human(session.user.name):
            continue
        for action in case.chain.actions:
            soon = abs(action.time_ns - session.time_ns) <= _SESSION_ROOT_NS
            if soon and action.pid is not None and _runs(action, session.command):
                roots.add(action.pid)
    grown = True
    while grown and roots:
        below = {pid for pid, parent in case.chain.lineage if parent in roots and pid not in roots}
        grown = bool(below)
        roots |= below
    return roots


def _in_session(case: Case, action: Action, pids: set[int]) -> bool:
    if action.pid is not None and action.pid in pids:
        return True
    return any(
        session.user is not None
        and is_human(session.user.name)
        and abs(action.time_ns - session.time_ns) <= _SESSION_ROOT_NS
        and _runs(action, session.command)
        for session in case.sessions
    )


def _runs(action: Action, command: tuple[str, ...]) -> bool:
    if not command or not action.args:
        return False
    same_name = basename(command[0]) in program_names(action) | {basename(action.args[0])}
    return same_name and " ".join(action.args[1:]).split() == " ".join(command[1:]).split()


def _broken(case: Case, effects: Effects, policy: TrustPolicy) -> list[_Weighed]:
    """Rule 3: a `require` or `forbid` of a scope was broken."""
    found: list[str] = []
    if effects.require is not None:
        found.append(f"scope {effects.require[1]} requires a trusted image")
    reference, spec = case.provenance.reference, case.spec
    broken = {
        "mutable_tag": reference is not None and reference.is_mutable_tag,
        "privileged": case.is_privileged(),
        "host_root_mount": case.has_host_root(),
        "host_pid": case.host_pid,
        "always_pull": spec is not None and spec.image_pull_policy == "Always",
    }
    found += [f"scope {scope} forbids {thing}" for thing, scope in effects.forbid if broken[thing]]
    at_ns = next(iter(case.chain.creates_ns or case.chain.starts_ns), case.asked_ns or case.chain.first_seen_ns or 0)
    return [
        b for what in found for b in _weighed(case, policy, "policy_broken", "policy", what, at_ns, "container", None)
    ]


# ------------------------------------------------------------------------------------------------ words


def _why(kept: list[_Weighed]) -> list[str]:
    ordered = sorted(kept, key=lambda b: (_STRENGTHS[b.shown.strength], b.time_ns))
    return list(dict.fromkeys(f"{b.shown.reason}: {b.shown.what} ({b.shown.strength})" for b in ordered))[:8]


def _image(case: Case) -> str:
    image = case.provenance.image
    return image.reference or image.config_digest or "(unnamed)"


def _did_most(behaviours: list[_Weighed]) -> str:
    """The most telling things that were done: a program that is more than a shell, and where it connected."""
    told: list[str] = []
    for kinds in (("drift", "exec"), ("egress",), ("session", "policy")):
        alike = [b for b in behaviours if b.shown.kind in kinds]
        alike.sort(key=lambda b: (b.shown.kind != kinds[0], _is_plain_shell(b), b.time_ns))
        told += [_did(b) for b in alike[:1]] if kinds[0] not in ("session",) or not told else []
    return " and ".join(told)


def _is_plain_shell(behaviour: _Weighed) -> bool:
    words = behaviour.shown.what.split()
    return bool(words) and basename(words[0]) in _SHELLS


def _did(behaviour: _Weighed) -> str:
    verb = {
        "exec": "ran",
        "drift": "ran a binary that its image does not hold:",
        "egress": "connected to",
        "session": "was entered:",
        "policy": "broke the policy:",
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
        missing.append("create: not observed at the runtime")
    if not chain.starts_ns:
        missing.append("start: not observed")
    if found.image.config_digest is None:
        missing.append("image content: no config digest is known")
    if case.declared is None:
        missing.append("image config: what the image declares to run is not known")
    if case.created_by.user is None:
        missing.append("who: nobody is named as having created the container")
    return tuple(missing)


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
        "Work done inside one process (no exec) that talks to internal addresses only.",
        "Containers on nodes without any sensor of processes or flows.",
    ),
    triage=(
        "Read who created the container, and from where; ask them.",
        "Compare the digest with what the registry serves under that name today.",
        "Look where else this content ran: the incident groups it.",
        "If it is expected, write the narrowest scope that covers it.",
    ),
    judge=judge,
    keeps_quiet=keeps_quiet,
)
