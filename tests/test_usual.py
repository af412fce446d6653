"""Holds at which level an action of a container is expected: every row of the table of inheritance."""

from typing import Any

import msgspec
import pytest

from baselines import HOUR, Known, action_of, key, learned
from made_events import (
    AN0691,
    CORPORATE,
    OURS,
    asked,
    connected,
    created,
    described,
    digest,
    feed,
    pod_of,
    pulled,
    ran,
    started,
)
from tidewaiter.baseline import Profile, content_digests, image_content
from tidewaiter.case import Case, gather
from tidewaiter.engine import Engine
from tidewaiter.event import Event, ImageClaim, PodContainer
from tidewaiter.policy import DEFAULT_POLICY, TrustPolicy
from tidewaiter.policy_rules import BaselineRules
from tidewaiter.usual import Usual, is_seen, level_of

CURL = ran(9, "a", "curl", "https://api.example/x")
OTHER = ran(9, "a", "wget", "https://api.example/y")
STORE = connected(9, "a", "10.0.0.5", 5432)
POD = pod_of("web-1", "c", workload_kind="Deployment", workload="web")


def case_of(
    *profiles: Profile, content: str | None = "C1", policy: TrustPolicy = CORPORATE, pod: Any = POD, **create: Any
) -> Case:
    """The case of a container of the Deployment, beside a baseline of these profiles."""
    engine = Engine(policy, AN0691, baseline=Known(*profiles))
    events: list[Event] = [
        asked(-7, "web-1", [PodContainer(name="c", image=OURS), PodContainer(name="proxy", image=OURS)]),
        pulled(-5, OURS, config_digest=digest(content) if content else None),
        created(0, "a", OURS, pod=pod, **create),
        *([described(None, "a", content)] if content else []),
        started(1, "a"),
        CURL,
    ]
    feed(engine, events)
    [chain] = engine.directory.chains()
    return gather(chain, engine.directory, engine.state.graph, policy, engine.baseline)


def usual(*profiles: Profile, **how: Any) -> Usual:
    """What is usual for it."""
    found = case_of(*profiles, **how).usual
    assert found is not None
    return found


def level(*profiles: Profile, of: Event = CURL, **how: Any) -> str | None:
    """The level at which an action is expected."""
    return level_of(usual(*profiles, **how), action_of(of))


UNTRUSTED: dict[str, Any] = {"policy": DEFAULT_POLICY}


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (learned("C1", CURL), "content"),
        (learned("C0", CURL), "predecessor"),
        (learned("C1", CURL, of=key("other", namespace="elsewhere")), "fleet"),
        (learned("X", CURL, of=key(container="proxy")), "workload"),
        (learned("X", CURL, of=key("api")), "namespace"),
        (learned("X", CURL, of=key("api", namespace="elsewhere")), None),
        (learned("C1", OTHER), None),
    ],
)
def test_level_is_the_nearest_place_that_expects_it(profile: Profile, expected: str | None) -> None:
    """From the very content to any workload of the namespace; the nearest of several is told."""
    base = learned("C0", OTHER)
    assert level(base, profile) == expected
    assert level(learned("C1", CURL), base, profile) == "content"


def test_a_content_is_known_by_any_digest_that_was_proven_of_it() -> None:
    """One node's runtime tells the config digest, another's that of the index only."""
    elsewhere = msgspec.structs.replace(learned("INDEX", CURL), digests=(digest("C1"), digest("INDEX")))
    found = usual(elsewhere)
    assert (found.standing, found.predecessor) == ("known", None)
    assert level(elsewhere) == "content"
    assert usual(learned("INDEX", CURL)).standing == "new"


def test_a_name_says_nothing_beside_a_digest_that_is_proven() -> None:
    """The tag stood for the old content on this node; the pod's status tells the digest of the new."""
    found = case_of().provenance
    moved = msgspec.structs.replace(found, config_proof="by_name", proven_digests=frozenset({digest("NEW")}))
    assert found.image.config_digest == digest("C1")
    assert content_digests(moved) == {digest("NEW")}
    assert image_content(moved) == digest("NEW")
    named = msgspec.structs.replace(moved, proven_digests=frozenset())
    assert image_content(named) == digest("C1")


def test_what_may_yet_turn_out_to_be_new_is_watched() -> None:
    """Until a digest is told nobody knows whether the tag was moved."""
    unknown = case_of(learned("C1", CURL), content=None)
    assert unknown.usual is not None
    assert unknown.usual.standing == "unknown"
    assert not AN0691.keeps_quiet(unknown.provenance, unknown.usual)
    known = case_of(learned("C1", CURL))
    assert AN0691.keeps_quiet(known.provenance, known.usual)


@pytest.mark.parametrize("state", ["unapproved", "alerted"])
@pytest.mark.parametrize("place", [{}, {"of": key("api")}, {"of": key(container="proxy")}])
def test_what_nobody_approved_is_expected_nowhere(state: Any, place: dict[str, Any]) -> None:
    """Whether this image is trusted or not."""
    for how in ({}, UNTRUSTED):
        if not place or state == "alerted":
            assert level(learned("C1", OTHER), learned("C1", CURL, state=state, **place), **how) is None


def test_trusted_entry_counts_while_the_image_is_trusted() -> None:
    """A policy that vouches no more takes what was learned with it; an approval stays."""
    assert level(learned("C1", CURL), **UNTRUSTED) is None
    assert level(learned("C1", CURL, state="approved"), **UNTRUSTED) == "content"
    assert level(learned("C0", CURL), **UNTRUSTED) is None
    assert level(learned("C0", CURL, state="approved"), **UNTRUSTED) == "predecessor"


def test_namespace_vouches_for_trusted_images_only() -> None:
    """What was approved for another workload was approved for that."""
    approved = learned("X", CURL, of=key("api"), state="approved")
    assert level(learned("C0", OTHER), approved) == "namespace"
    assert level(learned("C0", OTHER), approved, **UNTRUSTED) is None


def test_content_approved_elsewhere_is_known_without_the_workload() -> None:
    """Also in a baseline of another cluster; of a trusted image it is not asked."""
    abroad = msgspec.structs.replace(key("api", namespace="far"), cluster="far")
    approved = learned("C1", CURL, of=abroad, state="approved")
    assert level(approved, **UNTRUSTED) == "fleet"
    assert not usual(approved, **UNTRUSTED).knows_workload
    assert case_of(approved).usual is None
    assert case_of(learned("C0", CURL, of=abroad), **UNTRUSTED).usual is None


def test_stale_entry_expects_nothing() -> None:
    """By the workload's own last hour, not by any clock."""
    policy = msgspec.structs.replace(CORPORATE, baseline=BaselineRules(retention_ns=48 * 3600 * 10**9))
    assert level(learned("C1", CURL, entry_hour=HOUR - 48), policy=policy) == "content"
    assert level(learned("C1", CURL, entry_hour=HOUR - 49), policy=policy) is None
    assert not is_seen(usual(learned("C1", CURL, entry_hour=HOUR - 49), policy=policy), action_of(CURL))


def test_unusual_parent_makes_a_program_unknown() -> None:
    """Where the baseline knows who starts it, and the record tells who did."""
    probe = ran(9, "a", "curl", "https://api.example/x", parent_exe="/usr/bin/runc")
    by_server = ran(9, "a", "curl", "https://api.example/x", parent_exe="/usr/sbin/nginx")
    for content in ("C1", "C0"):
        profile = learned(content, probe, with_parents=True)
        assert level(profile, of=probe) == level(profile, of=CURL) == ("content" if content == "C1" else "predecessor")
        assert level(profile, of=by_server) is None
        assert not is_seen(usual(profile), action_of(by_server))
        assert level(learned(content, probe), of=by_server) is not None
        ((habit, entry),) = profile.entries.items()
        anybody = {habit: msgspec.structs.replace(entry, parents=("*",))}
        assert level(msgspec.structs.replace(profile, entries=anybody), of=by_server) is not None


def test_destination_is_known_by_its_name_or_by_its_address() -> None:
    """Whichever sensor told it, then and now; the port counts."""
    named = connected(9, "a", "203.0.113.7", 443, dst_name="api.example")
    bare = connected(9, "a", "203.0.113.7", 443)
    assert level(learned("C1", named, addresses=("203.0.113.7",)), of=bare) == "content"
    assert level(learned("C1", named), of=bare) is None
    assert level(learned("C1", bare), of=named) == "content"
    other_port = connected(9, "a", "203.0.113.7", 8443)
    assert level(learned("C1", named, addresses=("203.0.113.7",)), of=other_port) is None
    assert level(learned("C1", named, addresses=("203.0.113.0/24",)), of=bare) == "content"
    assert level(learned("C1", named, addresses=("203.0.114.0/24",)), of=bare) is None


def test_content_is_new_where_only_other_content_is_known() -> None:
    """The content that was seen last is the one before."""
    early, late = learned("C0", CURL, last_hour=HOUR - 9), learned("C9", CURL)
    new = usual(late, early)
    assert (new.standing, new.is_new_content, new.predecessor) == ("new", True, digest("C9"))
    old = usual(late, learned("C1", CURL))
    assert (old.standing, old.is_new_content, old.predecessor) == ("known", False, None)


def test_content_that_alerted_while_learning_is_new_still() -> None:
    """Until somebody approves it: else a backdoor that was learned would be known content."""
    assert usual(learned("C1", CURL, state="alerted")).is_new_content
    assert not usual(learned("C1", CURL, state="approved")).is_new_content


def test_name_is_not_held_against_a_digest() -> None:
    """Where either side knows a name only, nobody can say that the content is new."""
    assert usual(learned("registry.corp.example/web:0", CURL)).standing == "unknown"
    assert usual(learned(None, CURL)).standing == "unknown"
    assert usual(learned("C0", CURL), content=None).standing == "unknown"
    assert usual(learned("registry.corp.example/web:0", CURL), content=None).standing == "new"
    assert usual(learned(OURS, CURL), content=None).standing == "known"


def test_what_a_sensor_copied_tells_contents_apart_where_nothing_else_does() -> None:
    """A tag that moved would else be the content that it was before. Beside a digest of the runtime it says nothing."""
    told = ImageClaim(reference=OURS, repo_digest=digest("I1"))
    assert usual(learned("I1", CURL), content=None, image=told).standing == "known"
    assert usual(learned("I0", CURL), content=None, image=told).standing == "new"
    assert image_content(case_of(content=None, image=told).provenance) == digest("I1")
    assert not case_of(content=None, image=told).provenance.proven_digests
    assert content_digests(case_of(image=told).provenance) == {digest("C1")}


def test_name_speaks_for_its_own_workload_only() -> None:
    """Elsewhere the same name may have been given to another image: that is no content of the fleet."""
    approved = learned(OURS, CURL, state="approved")
    assert level(approved, content=None, **UNTRUSTED) == "content"
    elsewhere = learned(OURS, CURL, of=key("other", namespace="elsewhere"), state="approved")
    assert level(learned(OURS, OTHER), elsewhere, content=None, **UNTRUSTED) is None
    assert case_of(elsewhere, content=None, **UNTRUSTED).usual is None


def test_workload_that_is_not_known_has_no_usual() -> None:
    """Nor has another container of it, or its namesake in another namespace."""
    for other in (key("api"), key(container="init"), key(role="init"), key(namespace="test")):
        assert case_of(learned("C1", CURL, of=other)).usual is None


def test_seen_is_more_than_expected() -> None:
    """What was only seen is not new; what alerted is."""
    for state, seen in (("unapproved", True), ("trusted", True), ("alerted", False)):
        assert is_seen(usual(learned("C0", STORE, state=state)), action_of(STORE)) == seen  # type: ignore[arg-type]
    assert not is_seen(usual(learned("C0", STORE)), action_of(CURL))
