"""Turns the reasons of an alert into decisions: the rule that each one is, and the setting of the policy behind it.

Rules are numbered as in docs/analytics/an0691.md. A reason begins with the word by which it is known here; tests hold
this table to the reasons that the shipped scenarios give.
"""

import msgspec

from tidewaiter.alert import Alert

RULES_PAGE = "docs/analytics/an0691.md"
POLICY_PAGE = "docs/policy.md"
_TITLES = {
    1: "trust decides which rules apply",
    2: "strong behaviour",
    3: "weak behaviour",
    4: "the window",
    5: "what the image declares",
    6: "exceptions",
    7: "trusted content",
    8: "confidence and severity",
    9: "listed indicators",
}
_ROWS = {
    "suspicious_binary": (2, "behaviours.suspicious_binary, suspicious_binaries"),
    "declared_binary": (5, "behaviours.declared_binary, suspicious_binaries"),
    "written_binary": (2, "behaviours.written_binary"),
    "external_egress": (2, "behaviours.external_egress, internal_cidrs"),
    "blocked_egress": (2, "behaviours.blocked_egress, outbound_cidr_block_list"),
    "control_plane_egress": (2, "behaviours.control_plane_egress"),
    "unproven_initiator": (3, "behaviours.unproven_initiator"),
    "interactive_session": (3, "behaviours.interactive_session"),
    "policy_broken": (3, "behaviours.policy_broken, scopes"),
    "internal_egress": (3, "behaviours.internal_egress, internal_cidrs, the baseline"),
    "indicator": (9, "behaviours.indicator, --indicators"),
    "unseen_program": (3, "behaviours.unseen_program, the baseline"),
}
"""Judging row -> its rule and what sets it."""
_PREFIXES = (
    ("trust:", 1, "trust, default, mirrors"),
    ("origin:", 1, "trust: pin the digest to vouch for what was built or loaded"),
    ("identity:", 8, ""),
    ("moved tag:", 7, "trust: pin digests"),
    ("late:", 4, "time_window"),
    ("early:", 4, "clock_skew"),
    ("neither create nor start", 4, ""),
    ("capped: ephemeral debug container", 6, "debug_containers"),
    ("capped by scope", 6, "scopes"),
    ("silenced by scope", 6, "scopes"),
    ("expected:", 6, "the baseline (baseline approve, baseline prune)"),
    ("inherited:", 6, "the baseline"),
    ("raised:", 6, "baseline: completeness, containers, hours"),
    ("baseline:", 6, "the baseline, and baseline: retention"),
    ("exposed:", 8, ""),
    ("no behaviour of interest", 3, "behaviours, suspicious_binaries"),
    ("all that was seen is usual", 6, "the baseline"),
    ("the pod's sandbox", 1, ""),
)
"""How a reason begins, its rule, and what sets it."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One reason, and where it comes from."""

    reason: str
    rule: int | None
    """None: this version does not know the reason."""
    rule_title: str
    setting: str
    """Keys of the policy; empty: nothing sets it."""
    page: str = RULES_PAGE


def decisions_of(alert: Alert) -> tuple[Decision, ...]:
    """The reasons in their order, then what the verdict's own words rest on."""
    found = [decision_of(reason) for reason in alert.reasons]
    for words, rule in (
        (f"verdict: {_verdict(alert)}", 7 if alert.trust.state == "trusted" else 4),
        (f"confidence: {alert.confidence}, because digest consistency is {alert.digest_consistency}{_step(alert)}", 8),
        (f"severity: {alert.severity}", 8),
    ):
        found.append(Decision(reason=words, rule=rule, rule_title=_TITLES[rule], setting=""))
    return tuple(found)


def decision_of(reason: str) -> Decision:
    """The rule of one reason."""
    row = reason.partition(":")[0]
    if row in _ROWS:
        rule, setting = _ROWS[row]
        return Decision(reason=reason, rule=rule, rule_title=_TITLES[rule], setting=setting)
    for prefix, rule, setting in _PREFIXES:
        if reason.startswith(prefix):
            return Decision(reason=reason, rule=rule, rule_title=_TITLES[rule], setting=setting)
    return Decision(reason=reason, rule=None, rule_title="rule unknown to this version", setting="")


def _verdict(alert: Alert) -> str:
    if alert.verdict == "withdrawn":
        return "withdrawn: later records disproved it; the reasons say why"
    strong = sum(shown.strength == "strong" for shown in alert.behaviours)
    weak = len(alert.behaviours) - strong
    return f"{alert.verdict}, from {strong} strong and {weak} weak behaviours"


def _step(alert: Alert) -> str:
    return "; one step lower, because the origin is unknown" if alert.trust.state == "unknown" else ""
