"""Turns what a container did into AN0691's behaviours: rules 2, 3 and 5, each behaviour with its row, weight and place.

The weights are settings of the policy (`behaviours`); the row that gave a weight is told with each behaviour.
"""

from posixpath import basename

import msgspec

from tidewaiter.alert import BehaviourShown, Evidence, format_time
from tidewaiter.analytics._an0691_usual import beside_usual
from tidewaiter.behaviour import describe, egress_row, exec_row, is_declared, program_names
from tidewaiter.case import Case
from tidewaiter.chain import BY_PID, Action, Session
from tidewaiter.digest import Digest
from tidewaiter.hits import Hit
from tidewaiter.image_contents import can_be_told
from tidewaiter.lineage import pairs
from tidewaiter.objects import is_human
from tidewaiter.policy import Effects, TrustPolicy

FIRST_PROCESS_NS = 5_000_000_000
"""A process this soon after the start is taken for the container's first where the image config is not known."""
_SESSION_ROOT_NS = 30_000_000_000
_RUNTIME_PARENTS = ("runc", "crun", "containerd-shim", "dockerd", "conmon", "systemd", "runsc", "kata", "docker-init")


class Weighed(msgspec.Struct, frozen=True):
    """One behaviour with its weight and its place in time."""

    shown: BehaviourShown
    time_ns: int
    """When it was done, or asked for at the runtime, where that was told."""
    evidence: Evidence
    place: str
    """`inside` the window, `late` after it, or `early` before anything was seen of the container."""
    is_expected: bool = False
    """It counts for nothing: it is usual."""
    is_raised: bool = False
    """It is strong only because a mature baseline has not seen it."""
    hit: Hit | None = None
    """The listed indicator that was met."""

    @property
    def is_certain(self) -> bool:
        """Whether a malicious indicator was met: no window and no trust explains that."""
        is_malicious = self.hit is not None and self.hit.listed.disposition == "malicious"
        return is_malicious and self.shown.strength == "strong"


def behaviours_of(case: Case, policy: TrustPolicy) -> list[Weighed]:
    found: list[Weighed] = []
    in_session = _session_pids(case)
    asked = _asked(case, policy.clock_skew_ns)
    for place, action in enumerate(case.actions):
        if action.prefix != BY_PID or case.chain.was_open(action.time_ns, policy.clock_skew_ns):
            weighed = _weigh(case, policy, action, "container", in_session)
            # Its runtime told of it when it was asked to run it: what came between came after.
            times = [case.sessions[number].time_ns for number, begun in asked.items() if begun == place]
            asked_ns = min(max(times, default=action.time_ns), action.time_ns)
            found += [msgspec.structs.replace(one, time_ns=asked_ns) for one in weighed] if times else weighed
    for action in case.pod_actions:
        # What only the pod is known to have done is evidence for containers that were open then.
        if case.chain.was_open(action.time_ns, policy.clock_skew_ns):
            found += _weigh(case, policy, action, "pod", in_session)
    known = {action.order for action in case.actions}
    for action in case.unfamiliar:
        if action.order not in known:
            found += _weigh(case, policy, action, "container", in_session)
    for action in case.pod_unfamiliar:
        if case.chain.was_open(action.time_ns, policy.clock_skew_ns):
            found += _weigh(case, policy, action, "pod", in_session)
    found += [one for hit in case.hits for one in _weigh_hit(case, policy, hit)]
    for number, session in enumerate(case.sessions):
        # The kernel tells of a process by itself, and better than the runtime that began it.
        found += _weigh_session(case, policy, session) if number not in asked else []
    return found


def _weigh_hit(case: Case, policy: TrustPolicy, hit: Hit) -> list[Weighed]:
    """A listed indicator that was met: the row `indicator`, weaker where the match says little."""
    action = hit.action
    kind = "image" if action is None else "exec" if action.kind == "exec" else "egress"
    time_ns = _begun_ns(case) if action is None else action.time_ns
    attribution = "pod" if hit.is_pods else "container"
    weighed = _weighed(case, policy, "indicator", kind, hit.what, time_ns, attribution, action)
    # Whoever scans the internet is on many lists, and knocks at every door: an answer is no connection out.
    is_doubtful = action is not None and action.kind == "egress" and not action.is_initiator_proven
    if hit.listed.is_weak() or is_doubtful:
        weak = [msgspec.structs.replace(one.shown, strength="weak") for one in weighed]
        weighed = [msgspec.structs.replace(one, shown=shown) for one, shown in zip(weighed, weak, strict=True)]
    return [msgspec.structs.replace(one, hit=hit) for one in weighed]


def _asked(case: Case, skew_ns: int) -> dict[int, int]:
    """Session -> the process that it began, where that was seen by itself: both by their place in the case."""
    asked: dict[int, int] = {}
    for number, session in enumerate(case.sessions):
        is_named = session.user is not None and is_human(session.user.name)
        for place, action in enumerate(case.actions) if session.command and not is_named else ():
            is_soon = -skew_ns <= action.time_ns - session.time_ns <= _SESSION_ROOT_NS
            if is_soon and action.prefix != BY_PID and _runs(action, session.command):
                asked[number] = place
                break
    return asked


def _weigh(case: Case, policy: TrustPolicy, action: Action, attribution: str, sessions: set[int]) -> list[Weighed]:
    layer = None
    with_baseline = case.usual is not None and case.usual.knows_workload
    is_of_image = False
    if action.kind == "exec":
        row = exec_row(action, policy, with_baseline=with_baseline)
        if case.contents is not None and can_be_told(action.exe):
            layer = case.contents.layer_of(action.exe or "")
            row = row if layer is not None else "written_binary"
        if row in ("suspicious_binary", "unseen_program"):
            is_of_image = is_declared(action, case.declared, case.probes) or _is_first_process(case, action, policy)
            if row == "unseen_program" and not is_of_image:
                is_of_image = layer is not None
                # What a person looks at counts with the session.
                row = None if _in_session(case, action, sessions) else row
            elif row == "suspicious_binary" and is_of_image:
                row = "declared_binary"
            elif row == "suspicious_binary" and _in_session(case, action, sessions):
                row = "interactive_session"
    elif action.dst_port == 53 and action.dst_ip in case.chain.dns_servers:
        row = None
    else:
        row = egress_row(action, policy, with_baseline=with_baseline)
    if row is None:
        return []
    kind = "drift" if row == "written_binary" else "exec" if action.kind == "exec" else "egress"
    what = describe(action) + (" (refused)" if action.is_refused else "")
    return _weighed(case, policy, row, kind, what, action.time_ns, attribution, action, layer, is_of_image=is_of_image)


def _weigh_session(case: Case, policy: TrustPolicy, session: Session) -> list[Weighed]:
    command = " ".join(session.command)
    if session.user is not None and is_human(session.user.name):
        what = f"{session.user.name} attached: {command or 'command not reported'}"
        return _weighed(case, policy, "interactive_session", "session", what, session.time_ns, "container", session)
    if not session.command:
        return []
    # Nobody is named: what was run this way counts like any other process.
    where = Action(session.time_ns, "exec", session.source, session.stream, session.offset, None, session.command)
    if exec_row(where, policy) is None or is_declared(where, case.declared, case.probes):
        return []
    return _weighed(
        case, policy, "suspicious_binary", "exec", command, session.time_ns, "container", session, ran=where
    )


def _weighed(
    case: Case,
    policy: TrustPolicy,
    row: str,
    kind: str,
    what: str,
    time_ns: int,
    attribution: str,
    action: Action | Session | None,
    layer_diff_id: Digest | None = None,
    *,
    is_of_image: bool = False,
    ran: Action | None = None,
) -> list[Weighed]:
    done = action if isinstance(action, Action) else ran
    beside = beside_usual(case, row, getattr(policy.behaviours, row), done, is_of_image=is_of_image)
    if beside is None:
        return []
    shown = BehaviourShown(
        kind=kind,  # type: ignore[arg-type]  # one of the literals by construction above
        strength=beside.strength,
        what=what,
        time=format_time(time_ns),
        attribution="pod" if attribution == "pod" else "container",
        name=action.dst_name if isinstance(action, Action) else None,
        protocol=action.protocol if isinstance(action, Action) else None,
        reason=row,
        layer_diff_id=layer_diff_id,
        known=beside.level,
    )
    record = f"{action.stream}:{action.offset}" if action is not None else ""
    evidence = Evidence("behaviour", shown.time, action.source if action is not None else "", record, what)
    is_its_own = attribution == "container" and not (isinstance(action, Action) and action.prefix == BY_PID)
    place = _place(case, time_ns, is_its_own, policy)
    return [Weighed(shown, time_ns, evidence, place, beside.is_expected, beside.is_raised)]


def _begun_ns(case: Case) -> int:
    """Since when there is the container: the time of what is true of it from the first."""
    return next(iter(case.chain.creates_ns or case.chain.starts_ns), case.asked_ns or case.chain.first_seen_ns or 0)


def _place(case: Case, time_ns: int, is_its_own: bool, policy: TrustPolicy) -> str:
    """Rule 4: where a behaviour lies to the window of what opened it."""
    chain = case.chain
    begun = [anchors for anchors in (chain.starts_ns, chain.creates_ns, (case.asked_ns,)) if any(anchors)]
    if not begun and not chain.first_seen_ns:
        return "inside"
    for anchors in begun or [(chain.first_seen_ns,)]:
        before = [anchor for anchor in anchors if anchor and anchor <= time_ns + policy.clock_skew_ns]
        if before:
            return "inside" if time_ns - before[-1] <= policy.time_window_ns else "late"
        if not is_its_own:
            # A pod, an address or a process id may have been another container's before the first start that was seen.
            break
    return "early"


def _is_first_process(case: Case, action: Action, policy: TrustPolicy) -> bool:
    """Rule 5: where the image config is not known, the container's first process is treated as declared."""
    first = case.chain.first_process
    # The start may be told after the first process was seen.
    begun = case.chain.starts_ns or case.chain.creates_ns
    if case.declared is not None or first is None or not begun:
        return False
    if (action.exe or "", action.args) != (first[1], first[2]):
        # After a restart the container's first process comes again, under another time.
        return False
    parent = basename(action.parent_exe or "")
    if parent and not parent.startswith(_RUNTIME_PARENTS):
        return False
    return any(-policy.clock_skew_ns <= action.time_ns - start <= FIRST_PROCESS_NS for start in begun)


def _session_pids(case: Case) -> set[int]:
    """Processes of sessions by named humans: those that run the session's command, and all below them."""
    roots: set[int] = set()
    for session in case.sessions:
        if session.user is None or not is_human(session.user.name):
            continue
        for action in case.actions:
            soon = abs(action.time_ns - session.time_ns) <= _SESSION_ROOT_NS
            if soon and action.pid is not None and _runs(action, session.command):
                roots.add(action.pid)
    born = [*pairs(case.chain.lineage), *((a.pid, a.parent_pid) for a in case.actions if a.pid and a.parent_pid)]
    grown = True
    while grown and roots:
        below = {pid for pid, parent in born if parent in roots and pid not in roots}
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


def broken_policy(case: Case, effects: Effects, policy: TrustPolicy) -> list[Weighed]:
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
    at_ns = _begun_ns(case)
    return [
        b for what in found for b in _weighed(case, policy, "policy_broken", "policy", what, at_ns, "container", None)
    ]
