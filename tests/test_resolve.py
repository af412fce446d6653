"""Holds which image a container is, and how well that is known."""

from made_events import (
    OURS,
    described,
    digest,
    image_facts,
    named,
    pulled,
    ran,
)
from resolve_cases import EVIL, INDEX, MANIFEST, STACK, C, D, life, shown
from tidewaiter.event import Event, ImageClaim

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


def test_layers_exclude_what_a_name_stood_for() -> None:
    """The name moved just before the create, and what was made still stands on the layers of before."""
    events = [
        pulled(-5, OURS, config_digest=C),
        pulled(-0.1, OURS, config_digest=D),
        *life(OURS, chain_id=STACK),
        image_facts(None, config_digest=C, chain_id=STACK, proof="runtime"),
        image_facts(None, config_digest=D, chain_id=digest("other"), proof="runtime"),
    ]
    found = shown(events)
    assert (found.image.config_digest, found.digest_consistency) == (C, "by_name")
