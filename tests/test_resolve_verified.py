"""Facts that were proven over an image's bytes: what they turn from a name into a proof, and what they never do."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from made_events import (
    AN0691,
    CORPORATE,
    OURS,
    created,
    digest,
    feed,
    finished,
    image_facts,
    named,
    pulled,
    ran,
    started,
)
from resolve_cases import EVIL, INDEX, MANIFEST, STACK, C, D
from tidewaiter.alert import ContainerShown
from tidewaiter.cli.hunt import hunt
from tidewaiter.digest import chain_id
from tidewaiter.engine import Engine
from tidewaiter.event import Event, ImageClaim

FACTS = image_facts(index_digest=INDEX, manifest_digest=MANIFEST, config_digest=C, chain_id=STACK, proof="archive")


def about(events: Sequence[Event], *facts: object) -> ContainerShown:
    """What is known of the container, in either order, with facts given."""
    shown: list[ContainerShown] = []
    for order in (events, events[::-1]):
        engine = Engine(CORPORATE, AN0691)
        for known in facts:
            engine.learn_facts(known)  # type: ignore[arg-type]  # ImageFacts all
        feed(engine, order)
        shown.append(finished(engine).about("a"))
    assert shown[0] == shown[1]
    return shown[0]


def on_layers(reference: str, chain: str = STACK) -> list[Event]:
    """A container whose name and layers containerd told."""
    claim = ImageClaim(reference=reference, chain_id=chain)
    return [created(0, "a", image=claim), started(1, "a"), ran(5, "a", "curl", "x")]


def test_a_name_that_was_resolved_when_it_came_and_the_layers_meet_in_one_proven_image() -> None:
    """containerd's events, resolved by their collector: by name without the facts, proven with them."""
    events = [pulled(-5, EVIL, repo_digest=INDEX, config_digest=C), *on_layers(EVIL)]
    assert about(events).digest_consistency == "by_name"
    assert about(events, FACTS).digest_consistency == "proven"


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([pulled(-5, EVIL, repo_digest=INDEX), *on_layers(EVIL, digest("other"))], id="other layers"),
        pytest.param([pulled(-5, EVIL), *on_layers(EVIL)], id="nobody resolved the name"),
        pytest.param([named(None, "seen", EVIL, repo_digest=INDEX), *on_layers(EVIL)], id="an untimed listing"),
        pytest.param(
            [pulled(-5, EVIL, repo_digest=INDEX), pulled(-3, EVIL, repo_digest=digest("I2")), *on_layers(EVIL)],
            id="the name moved",
        ),
        pytest.param([pulled(-5, EVIL, repo_digest=INDEX), created(0, "a", EVIL), started(1, "a")], id="no layers"),
    ],
)
def test_less_than_that_is_no_proof(events: list[Event]) -> None:
    """Facts prove what an image is, never which image a name stood for."""
    assert about(events, FACTS).digest_consistency != "proven"


def test_an_entrypoint_on_trusted_layers_is_another_image() -> None:
    """Same chain ID, other config: what vouches for the one says nothing of the other."""
    ours = pulled(-9, OURS, repo_digest=INDEX, config_digest=C)
    theirs = image_facts(manifest_digest=digest("M2"), config_digest=D, chain_id=STACK, entrypoint=("/evil",))
    pull = pulled(-5, EVIL, repo_digest=digest("M2"), config_digest=D)
    found = about([ours, pull, *on_layers(EVIL)], FACTS, theirs)
    assert (found.trust.state, found.image.config_digest, found.digest_consistency) == ("untrusted", D, "proven")
    unnamed = about([ours, *on_layers(EVIL)], FACTS, theirs)
    assert (unnamed.trust.state, unnamed.digest_consistency) == ("untrusted", "unknown")


def test_two_platforms_of_one_index_are_two_images() -> None:
    """The index stands for both: the layers tell which of them runs."""
    arm = image_facts(
        index_digest=INDEX,
        manifest_digest=digest("arm"),
        config_digest=D,
        chain_id=digest("arm stack"),
        proof="archive",
    )
    pull = pulled(-5, EVIL, repo_digest=INDEX)
    assert about([pull, *on_layers(EVIL)], FACTS, arm).image.config_digest == C
    assert about([pull, *on_layers(EVIL, digest("arm stack"))], FACTS, arm).image.config_digest == D
    assert about([pull, created(0, "a", EVIL), started(1, "a")], FACTS, arm).digest_consistency != "proven"


@pytest.mark.parametrize(("capture", "names"), [("containerd", ["c1", "c2", "c3"]), ("docker", ["web2", "web3"])])
def test_captures_are_proven_with_facts(shared: Path, tmp_path: Path, capture: str, names: list[str]) -> None:
    """What real daemons emitted: events alone, then with the facts of the images that were built for them."""
    built = json.loads((shared / "captures" / "00-built-digests.json").read_bytes())
    web = built["web/amd64"]
    stack = {"chain_id": chain_id(web["diff_ids"]), "diff_ids": web["diff_ids"]}
    facts = {"index_digest": built["web/index"], "manifest_digest": web["manifest"], "config_digest": web["config"]}
    file = tmp_path / "facts.jsonl"
    file.write_text(json.dumps({"kind": "image_facts", "schema": 1, **facts, **stack}))
    folder = shared / "captures" / capture
    paths = [str(folder)] if capture == "containerd" else [str(folder / "docker-events.jsonl")]
    for options in ([], ["--facts", str(file)]):
        result = CliRunner().invoke(hunt, [*paths, "--containers", "--format", "jsonl", *options])
        told = [json.loads(line) for line in result.stdout.splitlines()]
        shown = {one["container_name"] or one["container_id"]: one for one in told if one["kind"] == "container"}
        for name in names:
            assert (shown[name]["digest_consistency"] == "proven") is bool(options)
