"""Proves that the digest of a manifest of schema 1 is that of its payload."""

import base64
from pathlib import Path
from typing import Any

import msgspec
import pytest
from images import encode, sha256

from tidewaiter.image.schema1 import payload_digest

FIXTURES = "samples/image_fixtures/containers_image/internal/manifest/testdata"


def test_signed_and_unsigned_have_one_digest(shared: Path) -> None:
    """The same manifest as containers/image keeps it for its tests, with and without signatures."""
    with_them, without = (
        (shared / FIXTURES / name).read_bytes() for name in ("v2s1.manifest.json", "v2s1-unsigned.manifest.json")
    )
    assert with_them != without
    assert payload_digest(with_them, msgspec.json.decode(with_them)) == sha256(without)


def signed(header: Any) -> list[dict[str, str]]:
    """The signatures of a manifest, with this protected header."""
    return [{"protected": base64.urlsafe_b64encode(encode(header)).decode().rstrip("=")}]


def test_without_signatures_all_is_payload() -> None:
    """Nothing is taken away."""
    assert payload_digest(b"{}", {}) == sha256(b"{}")
    assert payload_digest(b"{}", {"signatures": []}) == sha256(b"{}")


@pytest.mark.parametrize(
    "signatures",
    [
        1,
        {},
        [1],
        [{}],
        [{"protected": 1}],
        [{"protected": "\u2603"}],
        [{"protected": "a"}],
        [{"protected": "W10"}],
        signed([]),
        signed({}),
        signed({"formatLength": 2}),
        signed({"formatLength": 0, "formatTail": "fQ"}),
        signed({"formatLength": -1, "formatTail": "fQ"}),
        signed({"formatLength": 99, "formatTail": "fQ"}),
        signed({"formatLength": True, "formatTail": "fQ"}),
        signed({"formatLength": "1", "formatTail": "fQ"}),
    ],
)
def test_signatures_that_do_not_say_where_the_payload_ends(signatures: Any) -> None:
    """No digest rather than a guessed one."""
    assert payload_digest(b"{...}", {"signatures": signatures}) is None
