"""Holds where a container's image came from, and whether that vouches for it."""

from itertools import permutations

import pytest

from made_events import (
    CORPORATE,
    OURS,
    S,
    T,
    asked,
    at,
    created,
    described,
    entered,
    hunted,
    image_facts,
    named,
    pod_of,
    pulled,
    ran,
    started,
)
from resolve_cases import EVIL, INDEX, C, D, life, shown
from tidewaiter.chain import Chain
from tidewaiter.event import ImageClaim, PodContainer
from tidewaiter.policy import Mirror, TrustPolicy, TrustRule
from tidewaiter.resolve import created_at

# ------------------------------------------------------------------------------------------------ origins and trust


def test_any_trusted_origin_vouches_for_the_content() -> None:
    """The same content, pulled from two places: one of them is ours."""
    events = [pulled(-9, EVIL, config_digest=C), pulled(-5, OURS, config_digest=C), *life(EVIL, "C")]
    found = shown(events)
    assert found.trust.state == "trusted"
    assert found.trust.origins == ("evil.example/x", "registry.corp.example/web")


def test_origin_on_another_node_vouches_for_nothing() -> None:
    """Origins are those of this node."""
    found = shown([pulled(-5, OURS, config_digest=C, node="n2"), *life(EVIL, "C")])
    assert (found.trust.state, found.trust.origins) == ("untrusted", ("evil.example/x",))


def test_pull_after_the_create_is_no_origin() -> None:
    """A pull belongs to the chain when it is not after the create."""
    assert shown([pulled(5, OURS, config_digest=C), *life(EVIL, "C")]).trust.state == "untrusted"


def test_pull_within_the_second_of_a_create_told_in_whole_seconds_counts() -> None:
    """The kubelet cuts times to the second: what happened within it may have come before."""
    cut = created((T // S * S - T) / S, "a", EVIL)
    late = pulled(0.3, OURS, config_digest=C)
    assert shown([cut, described(None, "a", "C"), late]).trust.state == "trusted"
    exact = created(0, "a", EVIL)
    assert shown([exact, described(None, "a", "C"), late]).trust.state == "untrusted"


def test_without_a_pull_the_reference_decides() -> None:
    """What was asked for is all there is to go by."""
    assert shown(life(OURS)).trust.state == "trusted"
    assert shown(life(EVIL)).trust.state == "untrusted"


def test_without_any_name_nothing_vouches() -> None:
    """A container that was asked for by its digest has no origin."""
    found = shown(life(C))
    assert (found.trust.state, found.trust.rule) == ("unknown", "no origin")
    assert shown(life(None)).trust.state == "unknown"


@pytest.mark.parametrize("action", ["tag", "load", "import", "commit", "build"])
def test_name_given_on_this_node_voids_the_reference(action: str) -> None:
    """Whoever ran `docker tag` can call anything ours."""
    found = shown([named(-5, action, OURS, config_digest=C), *life(OURS, "C")])
    assert (found.trust.state, found.trust.origins) == ("unknown", ())


@pytest.mark.parametrize("action", ["seen", "save", "untag", "remove"])
def test_what_gives_no_name_voids_nothing(action: str) -> None:
    """Listing, saving and removing leave the reference as it is."""
    assert shown([named(-5, action, OURS, config_digest=C), *life(OURS, "C")]).trust.state == "trusted"


def test_name_given_to_the_content_elsewhere_voids_the_reference_too() -> None:
    """The content was imported under another name, then created under ours by a tag nobody saw."""
    assert shown([named(-5, "import", "x:1", config_digest=C), *life(OURS, "C")]).trust.state == "unknown"


def test_saved_removed_and_loaded_content_keeps_its_pull_as_origin() -> None:
    """A pulled image that is saved, removed and loaded again is still what was pulled."""
    events = [
        pulled(-90, OURS, config_digest=C),
        named(-80, "save", None, config_digest=C),
        named(-70, "remove", None, config_digest=C),
        named(-60, "load", OURS, config_digest=C),
        *life(OURS, "C"),
    ]
    found = shown(events)
    assert (found.trust.state, found.digest_consistency) == ("trusted", "proven")


def test_local_alias_is_traced_to_where_the_content_came_from() -> None:
    """`docker pull evil; docker tag evil ours; docker run ours` comes from evil."""
    events = [pulled(-50, EVIL, config_digest=D), named(-5, "tag", OURS, config_digest=D), *life(OURS, "D")]
    found = shown(events)
    assert (found.trust.state, found.trust.origins) == ("untrusted", ("evil.example/x",))


def test_repository_inside_an_image_id_vouches_for_nothing() -> None:
    """A pod status's imageID may name another repository than was pulled."""
    image = ImageClaim(config_digest=C, repo_digest=INDEX, repository="registry.corp.example/web", from_runtime=True)
    found = shown([*life(EVIL), described(None, "a", image=image, source="kubernetes_pods")])
    assert found.trust.state == "untrusted"


def test_name_whose_pull_brought_other_content_vouches_for_nothing() -> None:
    """Ours was pulled as D; the container bears that name and is proven to be C, which nobody pulled."""
    found = shown([pulled(-5, OURS, config_digest=D), *life(OURS, "C")])
    assert found.digest_consistency == "conflicting"
    assert found.trust.state != "trusted"


def test_spec_of_the_pod_is_the_reference() -> None:
    """What the API server was asked for outranks what the runtime shows."""
    events = [
        asked(-5, "web", [PodContainer(name="c", image=OURS)]),
        created(0, "a", image=ImageClaim(reference=C), pod=pod_of("web", "c")),
        started(1, "a"),
    ]
    assert shown(events).trust.state == "trusted"


LAUNDERED = [
    pulled(-50, EVIL, config_digest=D),
    pulled(-5, OURS, seen_by="containerd_name", source="containerd_events"),
    *life(OURS, "D"),
]
"""`ctr image tag` shows as the creation of a name, as a pull does; where the content came from is proven."""


def test_name_that_containerd_created_launders_no_content() -> None:
    """The content is proven to come from elsewhere: a name alone, which may be a local tag, vouches for nothing."""
    assert shown(LAUNDERED).trust.state == "untrusted"


def test_name_that_docker_called_a_tag_launders_no_content() -> None:
    """The same with Docker's own word a moment before containerd's."""
    tag = named(-5.1, "tag", OURS, config_digest=D)
    assert shown([LAUNDERED[0], tag, *LAUNDERED[1:]]).trust.state == "untrusted"


def test_name_that_containerd_created_is_an_origin_where_no_other_is_shown() -> None:
    """Without a pull that is shown to have brought the content, the name is the best that is known of it."""
    found = shown(LAUNDERED[1:])
    assert (found.trust.state, found.digest_consistency) == ("trusted", "by_name")


OTHER = "zz.example/x:1"


def test_spec_of_an_earlier_pod_of_that_name_vouches_for_nothing() -> None:
    """A StatefulSet's pod comes again with another image, in an audit log that tells no uid."""
    events = [
        asked(-20, "db-0", {"c": OURS}),
        asked(-5, "db-0", {"c": OTHER}),
        created(0, "a", OTHER, pod=pod_of("db-0", "c")),
        started(1, "a"),
    ]
    assert shown(events).trust.state == "untrusted"


def test_spec_before_the_image_was_patched_vouches_for_nothing() -> None:
    """`kubectl set image pod/web c=..` changes a pod in place: the container was asked for by the later spec."""
    events = [
        asked(-20, "web", {"c": OURS}, uid="u1"),
        asked(-5, "web", {"c": OTHER}, uid="u1"),
        created(0, "a", OTHER, pod=pod_of("web", "c", uid="u1")),
        started(1, "a"),
    ]
    assert shown(events).trust.state == "untrusted"


PINNED = TrustPolicy(trust=(TrustRule(name="pin", state="trusted", digests=(INDEX,)),))


def test_pin_vouches_wherever_the_content_came_from() -> None:
    """A digest that was typed, or that is proven beside the config, matches the pin."""
    assert shown(life(f"evil.example/x@{INDEX}"), PINNED).trust.rule == "pin"
    proven = [*life(EVIL, "C"), image_facts(None, config_digest=C, repo_digests=(INDEX,), proof="runtime")]
    assert shown(proven, PINNED).trust.rule == "pin"


def test_claimed_relation_satisfies_no_pin() -> None:
    """Whoever writes telemetry cannot make an image equal to a pinned one."""
    claimed = [*life(EVIL, "C"), image_facts(None, config_digest=C, repo_digests=(INDEX,), proof="claimed")]
    assert shown(claimed, PINNED).trust.state == "untrusted"
    copied = [*life(EVIL, "C"), ran(9, "a", "id", image=ImageClaim(repo_digest=INDEX))]
    assert shown(copied, PINNED).trust.state == "untrusted"


def test_word_of_another_nodes_runtime_satisfies_no_pin() -> None:
    """A relation proven on node n2 pins nothing here."""
    facts = image_facts(None, config_digest=C, repo_digests=(INDEX,), proof="runtime", node="n2")
    assert shown([*life(EVIL, "C"), facts], PINNED).trust.state == "untrusted"


def test_mirror_hands_on_its_upstreams_origin() -> None:
    """Bytes through a mirror keep their upstream; the mirror itself vouches for nothing."""
    policy = TrustPolicy(
        trust=(TrustRule(name="official", image="docker.io/library/*", state="trusted"),),
        mirrors=(Mirror("mirror.corp.example/hub", "docker.io"),),
    )
    found = shown([pulled(-5, "mirror.corp.example/hub/library/web:1", config_digest=C), *life(None, "C")], policy)
    assert (found.trust.rule, found.trust.origins) == ("official", ("docker.io/library/web",))
    evil = shown([pulled(-5, "mirror.corp.example/hub/evil/web:1", config_digest=C), *life(None, "C")], policy)
    assert evil.trust.state == "untrusted"


def test_trusted_tag_that_moved_is_noticed() -> None:
    """The same reference stood for other content here before."""
    events = [
        pulled(-5000, OURS, config_digest=C),
        pulled(-5, OURS, config_digest=D),
        *life(OURS, "D"),
        ran(9, "a", "id"),
        ran(10, "a", "curl", "x"),
        image_facts(None, config_digest=D, cmd=("web",), proof="runtime"),
    ]
    for order in list(permutations(events))[::997]:
        alert = hunted(order, CORPORATE).only
        assert alert.verdict == "suspicious"
        assert f"moved tag: {OURS} pointed to {C} before" in alert.reasons


def test_create_time_is_the_first_create_else_the_first_start_else_the_first_sight() -> None:
    """A time in whole seconds means the end of that second."""
    chain = Chain(key="k", cluster="default", node="n1", first_seen_ns=at(9))
    assert created_at(chain) == at(9)
    chain.sight("start", at(5), entered(5, "a").where, "")
    chain.sight("start", at(6), entered(6, "a").where, "")
    assert created_at(chain) == at(5)
    chain.sight("create", 7 * S, entered(7, "a").where, "")
    assert created_at(chain) == 8 * S - 1
