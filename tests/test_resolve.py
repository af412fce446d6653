"""Holds which image a container is, how well that is known, where it came from, and whether that vouches for it."""

from collections.abc import Sequence
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
    digest,
    entered,
    hunted,
    image_facts,
    named,
    pod_of,
    pulled,
    ran,
    started,
)
from tidewaiter.alert import ContainerShown
from tidewaiter.chain import Chain
from tidewaiter.event import Event, ImageClaim, PodContainer
from tidewaiter.policy import Mirror, TrustPolicy, TrustRule
from tidewaiter.resolve import created_at

EVIL = "evil.example/x:1"
C, D, INDEX, MANIFEST, STACK = (digest(word) for word in ("C", "D", "index", "manifest", "stack"))


def life(reference: str | None = OURS, config: str | None = None, **image: object) -> list[Event]:
    """A container that is created and started."""
    events: list[Event] = [created(0, "a", reference), started(1, "a")]
    if image:
        claim = ImageClaim(**{"reference": reference, **image})  # type: ignore[arg-type]  # fields of the struct
        events[0] = created(0, "a", image=claim)
    if config is not None:
        events.append(described(None, "a", config))
    return events


def shown(events: Sequence[Event], policy: TrustPolicy = CORPORATE) -> ContainerShown:
    """What is known of the container, in whatever order its records come."""
    first = hunted(list(events), policy).about("a")
    assert hunted(list(reversed(events)), policy).about("a") == first
    return first


# ------------------------------------------------------------------------------------------------ consistency


def test_proven_pull_and_container_meet_in_one_config_digest() -> None:
    """The runtime says both the container's and the pull's config digest."""
    found = shown([pulled(-5, OURS, config_digest=C), *life(OURS, "C")])
    assert (found.digest_consistency, found.image.config_digest) == ("proven", C)
    assert found.trust.origins == ("registry.corp.example/web",)


def test_proven_through_the_repository_digest() -> None:
    """The pull names a repository digest, the runtime sets it beside the config digest."""
    events = [
        pulled(-5, OURS, repo_digest=INDEX),
        *life(OURS, "C"),
        image_facts(None, config_digest=C, repo_digests=(INDEX,), proof="runtime"),
    ]
    assert shown(events).digest_consistency == "proven"


def test_word_of_another_nodes_runtime_proves_nothing_here() -> None:
    """The same relation told on node n2 leaves it at the name."""
    facts = image_facts(None, config_digest=C, repo_digests=(INDEX,), proof="runtime", node="n2")
    found = shown([pulled(-5, OURS, repo_digest=INDEX), *life(OURS, "C"), facts])
    assert found.digest_consistency == "by_name"


def test_by_name_where_the_name_did_not_move() -> None:
    """Docker's pull by tag says the tag only."""
    found = shown([pulled(-5, OURS), *life(OURS, "C")])
    assert (found.digest_consistency, found.trust.origins) == ("by_name", ("registry.corp.example/web",))


def test_unknown_without_a_pull() -> None:
    """What the runtime says of the container proves its content, not where that came from."""
    found = shown(life(OURS, "C"))
    assert (found.digest_consistency, found.image.config_digest) == ("unknown", C)


def test_conflicting_where_verified_relations_exclude_each_other() -> None:
    """Two records of the runtime name two images for one container."""
    found = shown([*life(OURS, "C"), described(None, "a", "D")])
    assert found.digest_consistency == "conflicting"


def test_conflicting_where_the_last_pull_of_the_name_brought_other_content() -> None:
    """The tag was pulled as D, and the container is C."""
    assert shown([pulled(-5, OURS, config_digest=D), *life(OURS, "C")]).digest_consistency == "conflicting"


def test_conflicting_where_the_container_stands_on_other_layers() -> None:
    """The snapshot's parent is not the image's chain ID."""
    facts = image_facts(None, config_digest=C, chain_id=STACK, proof="runtime")
    found = shown([*life(OURS, "C", chain_id=digest("other")), facts])
    assert found.digest_consistency == "conflicting"
    assert shown([*life(OURS, "C", chain_id=STACK), facts]).digest_consistency == "unknown"


def test_platforms_of_one_index_are_different_images() -> None:
    """A container of the index is neither platform until something says which."""
    facts = [
        image_facts(None, index_digest=INDEX, manifest_digest=digest(f"m{p}"), config_digest=digest(p), proof="runtime")
        for p in ("amd", "arm")
    ]
    pull = pulled(-5, f"registry.corp.example/web@{INDEX}", repo_digest=INDEX)
    found = shown([pull, *life(f"registry.corp.example/web@{INDEX}"), *facts])
    assert found.image.config_digest is None
    assert found.image.index_digest == INDEX
    exact = shown([pull, *life(f"registry.corp.example/web@{INDEX}", "arm"), *facts])
    assert exact.image.config_digest == digest("arm")


def test_name_as_of_the_create() -> None:
    """A tag that moved after the container was created does not change what the container is."""
    events = [
        pulled(-50, OURS, config_digest=C),
        *life(OURS),
        pulled(50, OURS, config_digest=D),
    ]
    found = shown(events)
    assert (found.image.config_digest, found.digest_consistency) == (C, "by_name")


def test_tag_that_moved_between_pull_and_create() -> None:
    """Two pulls of one tag: the container is what the last one before its create brought."""
    events = [pulled(-50, OURS, config_digest=C), pulled(-5, OURS, config_digest=D), *life(OURS)]
    assert shown(events).image.config_digest == D
    exact = shown([*events, described(None, "a", "D")])
    assert exact.digest_consistency == "proven"
    stale = shown([*events, described(None, "a", "C")])
    assert stale.digest_consistency == "proven"


def test_tag_given_by_hand_between_pull_and_create_is_no_origin() -> None:
    """`docker tag evil registry.corp.example/web:1` after a pull of that name by tag only."""
    events = [pulled(-50, OURS), named(-5, "tag", OURS, config_digest=D), *life(OURS, "D")]
    found = shown(events)
    assert (found.trust.state, found.trust.origins) == ("unknown", ())


def test_tag_given_by_hand_after_the_create_changes_nothing() -> None:
    """Only what came before the create can have given the name."""
    events = [pulled(-50, OURS), *life(OURS, "C"), named(50, "tag", OURS, config_digest=D)]
    assert shown(events).trust.state == "trusted"


def test_untimed_listing_ranks_below_a_timed_pull() -> None:
    """A listing taken at any time does not outrank what the daemon said at the time."""
    listing = named(None, "seen", OURS, config_digest=D)
    found = shown([pulled(-5, OURS, config_digest=C), *life(OURS), listing])
    assert found.image.config_digest == C
    assert shown([*life(OURS), listing]).image.config_digest == D


def test_untimed_listings_that_disagree_say_nothing() -> None:
    """Two listings, two contents: it stays open."""
    listings = [named(None, "seen", OURS, config_digest=config) for config in (C, D)]
    assert shown([*life(OURS), *listings]).image.config_digest is None


def test_sensor_says_which_image_where_nobody_else_does() -> None:
    """A copy is believed for the identity, and is not called proven."""
    found = shown([*life(OURS), ran(9, "a", "id", image=ImageClaim(config_digest=C))])
    assert (found.image.config_digest, found.digest_consistency) == (C, "unknown")


def test_short_image_id_of_a_sensor_finds_the_one_config_that_begins_so() -> None:
    """Falco's container.image.id has 12 characters."""
    facts = image_facts(None, config_digest=C, proof="runtime")
    falco = ran(9, "a", "id", image=ImageClaim(config_digest_prefix=C[7:19]))
    assert shown([*life(OURS), facts, falco]).image.config_digest == C
    assert shown([*life(OURS), falco]).image.config_digest is None


def test_all_names_of_one_image_are_joined() -> None:
    """Tag, index, manifest, config and chain meet in one image."""
    events = [
        pulled(-5, OURS, config_digest=C, index_digest=INDEX),
        image_facts(None, config_digest=C, manifest_digest=MANIFEST, chain_id=STACK, proof="runtime"),
        *life(OURS, "C"),
    ]
    image = shown(events).image
    assert (image.reference, image.index_digest, image.manifest_digest) == (OURS, INDEX, MANIFEST)
    assert (image.config_digest, image.chain_id) == (C, STACK)


# ------------------------------------------------------------------------------------------------ chain IDs


def base_image() -> list[Event]:
    """Our base image was pulled here, and its layers are known."""
    return [
        pulled(-100, OURS, config_digest=digest("base")),
        image_facts(None, config_digest=digest("base"), chain_id=STACK, proof="runtime"),
    ]


def test_chain_id_names_the_image_where_only_one_stands_on_it() -> None:
    """containerd's snapshots tell layers only: enough for a name, never for a proof."""
    found = shown([*base_image(), *life(OURS, chain_id=STACK)])
    assert (found.image.config_digest, found.digest_consistency) == (digest("base"), "by_name")


def test_equal_file_system_is_not_vouched_for() -> None:
    """Somebody's image on our base, with another ENTRYPOINT and no layer of its own, is not ours."""
    pull = pulled(-5, EVIL, seen_by="containerd_name", source="containerd_events")
    assert shown([*base_image(), pull, *life(EVIL, chain_id=STACK)]).trust.state == "untrusted"


def test_equal_file_system_without_a_pull_is_not_vouched_for() -> None:
    """The same, imported from a file or pulled before the stream began."""
    assert shown([*base_image(), *life(EVIL, chain_id=STACK)]).trust.state == "untrusted"


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


@pytest.mark.xfail(strict=True, reason="the creation of a name is an origin, though another is proven")
def test_name_that_containerd_created_launders_no_content() -> None:
    """The content is proven to come from elsewhere: a name alone, which may be a local tag, vouches for nothing."""
    assert shown(LAUNDERED).trust.state == "untrusted"


@pytest.mark.xfail(strict=True, reason="the creation of a name is an origin, though Docker said that it was a tag")
def test_name_that_docker_called_a_tag_launders_no_content() -> None:
    """The same with Docker's own word a moment before containerd's."""
    tag = named(-5.1, "tag", OURS, config_digest=D)
    assert shown([LAUNDERED[0], tag, *LAUNDERED[1:]]).trust.state == "untrusted"


OTHER = "zz.example/x:1"


@pytest.mark.xfail(strict=True, reason="of two specs of one pod name the smaller text stays, for both pods")
def test_spec_of_an_earlier_pod_of_that_name_vouches_for_nothing() -> None:
    """A StatefulSet's pod comes again with another image, in an audit log that tells no uid."""
    events = [
        asked(-20, "db-0", {"c": OURS}),
        asked(-5, "db-0", {"c": OTHER}),
        created(0, "a", OTHER, pod=pod_of("db-0", "c")),
        started(1, "a"),
    ]
    assert shown(events).trust.state == "untrusted"


@pytest.mark.xfail(strict=True, reason="of two specs of one pod the smaller text stays")
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
        assert f"moved tag: {OURS} stood for {C} before" in alert.reasons


def test_create_time_is_the_first_create_else_the_first_start_else_the_first_sight() -> None:
    """A time in whole seconds means the end of that second."""
    chain = Chain(key="k", cluster="default", node="n1", first_seen_ns=at(9))
    assert created_at(chain) == at(9)
    chain.sight("start", at(5), entered(5, "a").where, "")
    chain.sight("start", at(6), entered(6, "a").where, "")
    assert created_at(chain) == at(5)
    chain.sight("create", 7 * S, entered(7, "a").where, "")
    assert created_at(chain) == 8 * S - 1
