"""Holds what AN0691 makes of behaviours: scopes, trusted tags that moved, confidence and severity (rules 6 to 8)."""

from collections.abc import Sequence
from typing import Any

import pytest
from an0691_cases import CURL, EVIL, POD, WEAK, judged, verdict

from made_events import (
    CORPORATE,
    OURS,
    Hunted,
    asked,
    cid,
    connected,
    created,
    described,
    digest,
    hunted,
    named,
    pulled,
    ran,
    started,
)
from tidewaiter.analytics import analytics
from tidewaiter.event import Event, PodContainer
from tidewaiter.policy import DEFAULT_POLICY, Behaviours, Scope, TrustPolicy
from tidewaiter.policy_rules import TrustRule


def debugged(user: str = "alice", policy: TrustPolicy = DEFAULT_POLICY) -> Hunted:
    """Somebody added an ephemeral container and ran wget in it."""
    pod = asked(-1, "web", [PodContainer(name="c", image=EVIL, kind="ephemeral")], user=user)
    return hunted([pod, created(0, "a", EVIL, pod=POD), started(1, "a"), ran(9, "a", "wget", "x")], policy)


def test_debug_container_of_a_named_human_is_capped() -> None:
    """Suspicious, medium, and the record says who and why."""
    alert = debugged().only
    assert (alert.verdict, alert.severity) == ("suspicious", "medium")
    assert "capped: ephemeral debug container added by alice" in alert.reasons
    assert alert.created_by.user == "alice"


def test_debug_container_may_alert_where_the_policy_says_so() -> None:
    """`debug_containers: alert` lifts the cap."""
    assert debugged(policy=TrustPolicy(debug_containers="alert")).only.verdict == "alert"


def test_debug_container_of_a_service_account_is_not_capped() -> None:
    """Only a named human is given that credit."""
    assert debugged("system:serviceaccount:shop:robot").only.verdict == "alert"


def scoped(*scopes: Scope, events: Sequence[Event] = (CURL,), reference: str = EVIL, **pod: Any) -> Hunted:
    """A container in namespace `shop` under scopes."""
    policy = TrustPolicy(scopes=scopes, trust=CORPORATE.trust)
    request = asked(-1, "web", [PodContainer(name="c", image=reference, **pod)])
    return hunted([request, created(0, "a", reference, pod=POD), started(1, "a"), *events], policy)


QUIET = Scope(name="ci", namespace="shop", quiet=True)
CEILING = Scope(name="dev", namespace="shop", ceiling="suspicious")
REQUIRE = Scope(name="prod", namespace="shop", require="trusted")


def test_quiet_scope_silences_and_is_counted() -> None:
    """The chain is kept with its reason."""
    run = scoped(QUIET)
    assert run.alerts == []
    assert run.summary.silenced == 1
    assert (run.about("a").verdict, run.about("a").reasons[-1]) == ("silenced", "silenced by scope ci")


def test_scope_of_another_place_does_nothing() -> None:
    """Every given field must match."""
    assert verdict(scoped(Scope(name="ci", namespace="other", quiet=True))) == "alert"
    assert verdict(scoped(Scope(name="ci", namespace="shop", user="bob", quiet=True))) == "alert"


def test_nothing_to_silence_is_not_counted_as_silenced() -> None:
    """A quiet container is quiet, not silenced."""
    run = scoped(QUIET, events=())
    assert (run.summary.silenced, run.about("a").verdict) == (0, "quiet")


def test_ceiling_caps_an_alert() -> None:
    """Suspicious with a strong behaviour: medium, and the scope is named."""
    alert = scoped(CEILING).only
    assert (alert.verdict, alert.severity) == ("suspicious", "medium")
    assert "capped by scope dev" in alert.reasons


def test_ceiling_wins_over_quiet() -> None:
    """The stricter scope holds."""
    assert scoped(QUIET, CEILING).only.verdict == "suspicious"


def test_broken_requirement_is_weak_by_itself() -> None:
    """An untrusted image where a trusted one is required is suspicious before it does anything."""
    alert = scoped(REQUIRE, events=()).only
    assert (alert.verdict, alert.severity, alert.behaviours[0].kind) == ("suspicious", "low", "policy")
    assert alert.behaviours[0].what == "scope prod requires a trusted image"


def test_broken_requirement_wins_over_quiet_and_ceiling() -> None:
    """Nothing is silenced or capped where a requirement is broken."""
    assert scoped(QUIET, CEILING, REQUIRE).only.verdict == "alert"


@pytest.mark.parametrize(
    ("thing", "pod", "is_broken"),
    [
        ("privileged", {"privileged": True}, True),
        ("privileged", {}, False),
        ("host_root_mount", {"host_root_mount": True}, True),
        ("host_root_mount", {}, False),
        ("always_pull", {"image_pull_policy": "Always"}, True),
        ("always_pull", {"image_pull_policy": "IfNotPresent"}, False),
        ("mutable_tag", {}, True),
    ],
)
def test_what_a_scope_forbids(thing: str, pod: dict[str, Any], is_broken: bool) -> None:
    """Each forbidden thing is weak by itself and named."""
    run = scoped(Scope(name="strict", namespace="shop", forbid=(thing,)), events=(), **pod)  # type: ignore[arg-type]
    assert verdict(run) == ("suspicious" if is_broken else "quiet")
    if is_broken:
        assert run.only.behaviours[0].what == f"scope strict forbids {thing}"


def test_pinned_reference_breaks_no_ban_on_mutable_tags() -> None:
    """A digest cannot move."""
    scope = Scope(name="strict", namespace="shop", forbid=("mutable_tag",))
    assert verdict(scoped(scope, events=(), reference=f"evil.example/x@{digest('i')}")) == "quiet"


def test_host_pid_can_be_forbidden() -> None:
    """It stands in the pod's spec, not in the container's."""
    policy = TrustPolicy(scopes=(Scope(name="strict", namespace="shop", forbid=("host_pid",)),))
    events = [asked(-1, "web", {"c": EVIL}, host_pid=True), created(0, "a", EVIL, pod=POD)]
    assert hunted(events, policy).only.behaviours[0].what == "scope strict forbids host_pid"


ROWS: dict[str, list[Event]] = {
    "suspicious_binary": [CURL],
    "external_egress": [connected(9, "a")],
    "control_plane_egress": [connected(9, "a", "10.0.0.5", 2375)],
    "written_binary": [ran(9, "a", "/x", is_upper_layer=True)],
    "unproven_initiator": [connected(9, "a", is_initiator_proven=False)],
    "interactive_session": [WEAK],
    "declared_binary": [ran(1.1, "a", "sh")],
}


@pytest.mark.parametrize("row", sorted(ROWS))
@pytest.mark.parametrize(("strength", "expected"), [("strong", "alert"), ("weak", "suspicious"), ("none", "quiet")])
def test_every_row_is_a_setting(row: str, strength: str, expected: str) -> None:
    """The policy may make any row strong, weak or nothing."""
    policy = TrustPolicy(behaviours=Behaviours(**{row: strength}))  # type: ignore[arg-type]
    run = judged(ROWS[row], policy)
    assert verdict(run) == expected
    if expected != "quiet":
        assert run.only.behaviours[0].reason == row


@pytest.mark.parametrize(("strength", "expected"), [("strong", "alert"), ("weak", "suspicious"), ("none", "quiet")])
def test_broken_policy_and_blocked_egress_are_settings_too(strength: str, expected: str) -> None:
    """The two rows that need more of the policy than their weight."""
    weights = Behaviours(policy_broken=strength, blocked_egress=strength)  # type: ignore[arg-type]
    blocking = TrustPolicy(behaviours=weights, outbound_cidr_block_list=("10.0.0.0/8",))
    assert verdict(judged([connected(9, "a", "10.0.0.5")], blocking)) == expected
    requiring = TrustPolicy(behaviours=weights, scopes=(Scope(name="all", cluster="*", require="trusted"),))
    assert verdict(judged([], requiring)) == expected


# ------------------------------------------------------------------------------------------------ rule 7: trusted


def test_trusted_image_that_did_not_move_is_quiet() -> None:
    """Whatever it does: without a baseline nothing says that it should not."""
    run = judged([CURL, connected(10, "a"), WEAK], CORPORATE, OURS)
    assert (verdict(run), run.about("a").reasons) == ("quiet", ("trust: trusted by rule ours",))


MOVED = [pulled(-5000, OURS, config_digest=digest("C")), pulled(-5, OURS, config_digest=digest("D"))]


def moved(*events: Event, policy: TrustPolicy = CORPORATE) -> Hunted:
    """Our tag stood for other content before."""
    life = [created(0, "a", OURS, pod=POD), described(None, "a", "D"), started(1, "a"), *events]
    return hunted([*MOVED, *life], policy)


def test_trusted_tag_that_moved_and_misbehaves_is_suspicious() -> None:
    """Somebody may have moved it under you."""
    alert = moved(CURL).only
    assert (alert.verdict, alert.severity, alert.trust.state) == ("suspicious", "medium", "trusted")
    assert any(text.startswith("moved tag") for text in alert.reasons)


@pytest.mark.parametrize("event", [WEAK, ran(2000, "a", "curl", "x"), ran(9, "a", "web")], ids=["weak", "late", "none"])
def test_trusted_tag_that_moved_and_does_nothing_strong_is_quiet(event: Event) -> None:
    """Deployments move tags every day."""
    assert verdict(moved(event)) == "quiet"


def test_scopes_do_not_silence_a_tag_that_moved() -> None:
    """A scope for CI does not cover a trusted tag moved under you."""
    policy = TrustPolicy(trust=CORPORATE.trust, scopes=(QUIET,))
    assert moved(CURL, policy=policy).only.verdict == "suspicious"


def test_pinned_content_was_moved_under_nobody() -> None:
    """Whoever names the digest that runs has seen it; the digest of before pins nothing here."""
    now, before = (TrustRule(name="pin", state="trusted", digests=(digest(one),)) for one in "DC")
    for rules in ((now, *CORPORATE.trust), (*CORPORATE.trust, now)):
        assert verdict(moved(CURL, policy=TrustPolicy(trust=rules))) == "quiet"
    assert moved(CURL, policy=TrustPolicy(trust=(before, *CORPORATE.trust))).only.verdict == "suspicious"
    banned = TrustRule(name="ban", state="untrusted", digests=(digest("D"),))
    assert moved(CURL, policy=TrustPolicy(trust=(banned, *CORPORATE.trust))).only.verdict == "alert"
    assert moved(CURL, policy=TrustPolicy(trust=(*CORPORATE.trust, banned))).only.verdict == "suspicious"


# ------------------------------------------------------------------------------------------------ rule 8, severity


def how_sure(policy: TrustPolicy, *before: Event) -> str:
    """The confidence of an alert on an image that was pulled like this."""
    life = [created(0, "a", EVIL), described(None, "a", "C"), started(1, "a"), CURL]
    confidence: str = hunted([*before, *life], policy).only.confidence
    return confidence


@pytest.mark.parametrize(
    ("pull", "untrusted", "unknown"),
    [
        (pulled(-5, EVIL, config_digest=digest("C")), "high", "medium"),
        (pulled(-5, EVIL), "medium", "low"),
        (None, "low", "low"),
        (pulled(-5, EVIL, config_digest=digest("D")), "low", "low"),
    ],
    ids=["proven", "by_name", "unknown", "conflicting"],
)
def test_confidence_goes_by_digest_consistency_and_one_step_lower_without_an_origin(
    pull: Event | None, untrusted: str, unknown: str
) -> None:
    """Proven high, by name medium, unknown and conflicting low; trust `unknown` one step lower."""
    before = [] if pull is None else [pull]
    assert how_sure(DEFAULT_POLICY, *before) == untrusted
    assert how_sure(TrustPolicy(default="unknown"), *before) == unknown


def test_conflict_is_told_and_never_lowers_severity() -> None:
    """It is evidence of its own."""
    alert = hunted(
        [pulled(-5, EVIL, config_digest=digest("D")), created(0, "a", EVIL), described(None, "a", "C"), CURL]
    ).only
    assert (alert.digest_consistency, alert.verdict, alert.severity) == ("conflicting", "alert", "high")
    assert any(text.startswith("identity:") for text in alert.reasons)


def test_image_of_unknown_origin_is_judged_like_an_untrusted_one() -> None:
    """Built or imported here: nobody vouches for it."""
    run = hunted(
        [named(-5, "import", OURS, config_digest=digest("C")), created(0, "a", OURS), described(None, "a", "C"), CURL],
        CORPORATE,
    )
    assert (run.only.verdict, run.only.trust.state, run.only.severity) == ("alert", "unknown", "high")
    assert any(text.startswith("origin: import") for text in run.only.reasons)


@pytest.mark.parametrize(
    "how",
    [
        [created(0, "a", EVIL, privileged=True)],
        [created(0, "a", EVIL, host_root_mount=True)],
        [created(0, "a", EVIL, host_pid=True)],
        [created(0, "a", EVIL), described(None, "a", privileged=True)],
        [asked(-1, "web", [PodContainer(name="c", privileged=True)]), created(0, "a", EVIL, pod=POD)],
        [asked(-1, "web", [PodContainer(name="c", host_root_mount=True)]), created(0, "a", EVIL, pod=POD)],
        [asked(-1, "web", {"c": EVIL}, host_pid=True), created(0, "a", EVIL, pod=POD)],
    ],
)
def test_strong_behaviour_of_a_container_with_the_hosts_powers_is_critical(how: list[Event]) -> None:
    """Privileged, the host's root, or the host's processes: told in the reasons."""
    alert = hunted([*how, CURL]).only
    assert (alert.verdict, alert.severity) == ("alert", "critical")
    assert any(text.startswith("exposed: ") for text in alert.reasons)


def test_powers_without_a_strong_behaviour_raise_nothing() -> None:
    """A privileged container that somebody looked into stays low."""
    assert judged([WEAK], privileged=True).only.severity == "low"
    assert judged([ran(5000, "a", "curl", "x")], privileged=True).only.severity == "medium"


def test_missing_links_are_told() -> None:
    """Each link of the chain that was not seen has its sentence."""
    alert = judged([CURL]).only
    assert alert.missing == (
        "pull: none seen on this node before the container was created",
        "image content: config digest unknown",
        "image config: entrypoint, command and health check unknown",
        "who: creator not named in the telemetry",
    )


def test_pull_inside_the_window_is_fresh() -> None:
    """Older than the window is told as pre-pulled; exactly as old as the window is fresh."""
    for seconds, is_fresh in ((-5, True), (-900, True), (-901, False)):
        told = hunted([pulled(seconds, EVIL), created(0, "a", EVIL), CURL]).only.missing
        assert any("pre-pulled" in text for text in told) is not is_fresh


def test_title_says_what_the_image_did() -> None:
    """One line that a tired analyst understands."""
    title = judged([CURL]).only.title
    assert title.startswith(f"Untrusted image {EVIL} ran ")
    assert "curl" in title


def test_analytic_names_its_place_in_attack() -> None:
    """AN0691 of DET0248, T1204.003, with the log sources and settings of the text."""
    analytic = analytics()["AN0691"]
    assert (analytic.technique, analytic.detection_strategy) == ("T1204.003", "DET0248")
    assert len(analytic.log_sources) == len(analytic.mutable_elements) == 5
    assert judged([CURL]).only.container_id == cid("a")
