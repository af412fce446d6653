"""Proves what the commands say of the public fixtures of containers/image: what verifies, what is named, what is not.

Their layouts are made for tests that read no layer: each layer is a sentence of text that calls itself gzip, so that
the documents prove and the layers do not.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tidewaiter.cli import main

NO_LAYER = {"layer_content", "media_type", "diff_id", "chain_id"}
MISSING = {"manifest_digest", "structure"}
LAYOUTS = {
    # All but one config have the size that their descriptors tell.
    "delete_image_multiple_images": ("broken", NO_LAYER | {"size"}, set()),
    "delete_image_only_one_image": ("broken", NO_LAYER | {"size"}, set()),
    "delete_image_two_identical_references": ("broken", NO_LAYER, set()),
    # Its blobs lie in a folder beside the layout, which only its own options name.
    "delete_image_shared_blobs_dir": ("incomplete", set(), MISSING),
    # These have an index.json and nothing else, not even `oci-layout`.
    "manifest": ("broken", {"structure"}, MISSING),
    "two_images_manifest": ("broken", {"structure"}, MISSING),
    "name_lookups": ("broken", {"structure"}, MISSING | {"index_digest", "other_digest"}),
}
"""Name -> verdict, relations that are broken, relations that are open."""
KINDS = {"manifests": "index", "fsLayers": "manifest", "layers": "manifest", "rootfs": "config"}


def fixtures(shared: Path) -> Path:
    """Where they lie."""
    return shared / "samples" / "image_fixtures" / "containers_image"


def answers(*command: str, status: int = 0) -> list[dict[str, Any]]:
    """What a command says."""
    result = CliRunner().invoke(main, ["image", *command, "--format", "json"])
    assert result.exit_code == status, (result.stdout, result.stderr)
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_archive_is_proven(shared: Path) -> None:
    """With its v1 id, which Docker 1.10.3 computed."""
    (told,) = answers("verify", str(fixtures(shared) / "docker/archive/fixtures/almostempty.tar"))
    assert told["verdict"] == "proven"
    assert "v1_id" in {relation["relation"] for relation in told["relations"]}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_are_refused_for_what_is_wrong_with_them(name: str, shared: Path) -> None:
    """And for nothing else: every document that is there has the digest that it is named by."""
    verdict, broken, is_open = LAYOUTS[name]
    (told,) = answers(
        "verify", str(fixtures(shared) / "oci/layout/fixtures" / name), status=1 if verdict == "broken" else 3
    )
    assert told["verdict"] == verdict
    held: dict[str, set[str]] = {"yes": set(), "no": set(), "unknown": set()}
    for relation in told["relations"]:
        held[relation["holds"]].add(relation["relation"])
    assert (held["no"], held["unknown"]) == (broken, is_open)
    assert not told["images"] or {"manifest_digest", "config_digest", "layer_digest"} <= held["yes"]


def test_whatis_names_every_document(shared: Path) -> None:
    """By the digest of its bytes; of a signed manifest of schema 1 by that of its payload, and by no other one."""
    named = 0
    for file in sorted(fixtures(shared).rglob("*.json")):
        data = file.read_bytes()
        if not data.startswith(b"{") or file.name in (
            "index.json",
            "non-json.manifest.json",
            "unknown-version.manifest.json",
        ):
            continue
        members = json.loads(data)
        kind = next((kind for member, kind in KINDS.items() if member in members), "not_found")
        kind = "not_found" if members.get("signatures") else kind
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        assert answers("whatis", digest, "--in", str(file))[0]["is"] == kind, file
        named += kind != "not_found"
    assert named == 55
