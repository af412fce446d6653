"""Checks the verdict rule and that the published shape has every member."""

import msgspec
import pytest

from tidewaiter.image.verification import Holds, ImageIdentity, Relation, Verification, equal, verdict_of


def relation(holds: Holds) -> Relation:
    """A relation of which nothing but its state matters."""
    return Relation(relation="size", subject="sha256:0", holds=holds, reason="told")


@pytest.mark.parametrize(
    ("held", "verdict"),
    [
        (["yes", "yes"], "proven"),
        (["yes", "unknown"], "incomplete"),
        (["unknown", "no", "yes"], "broken"),
        (["no"], "broken"),
    ],
)
def test_anything_disproven_breaks_and_anything_open_leaves_open(held: list[Holds], verdict: str) -> None:
    """One `no` outweighs all, one `unknown` outweighs every `yes`."""
    assert verdict_of(map(relation, held)) == verdict


def test_members_that_are_not_known_are_null() -> None:
    """A program can rely on every member being there."""
    identity = ImageIdentity(
        index_digest=None,
        manifest_digest=None,
        config_digest=None,
        chain_id=None,
        diff_ids=(),
        platform=None,
        references=(),
    )
    told = Verification(verdict="proven", form="docker_archive_v1", images=(identity,), relations=(relation("yes"),))
    assert msgspec.json.decode(msgspec.json.encode(told)) == {
        "kind": "image_verification",
        "schema": 1,
        "verdict": "proven",
        "form": "docker_archive_v1",
        "images": [
            {
                "index_digest": None,
                "manifest_digest": None,
                "config_digest": None,
                "chain_id": None,
                "diff_ids": [],
                "platform": None,
                "references": [],
            }
        ],
        "relations": [
            {
                "relation": "size",
                "subject": "sha256:0",
                "holds": "yes",
                "expected": None,
                "found": None,
                "reason": "told",
            }
        ],
    }


def test_equal_sides_agree() -> None:
    """Both sides known: they are the same thing or not."""
    assert (equal(1, 1), equal("a", "b")) == ("yes", "no")
