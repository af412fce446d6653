"""Proves that the measured image is a sound one, and that both sides of the measurement read it."""

from pathlib import Path

from bench.image_verify import LAYERS, least, make_layout

from tidewaiter.edge.images import open_path
from tidewaiter.image.validate import validate


def test_the_made_image_is_proven_and_the_same_each_time(tmp_path: Path) -> None:
    """What is measured is a whole verification, of equal bytes in each run."""
    for name in ("a", "b"):
        make_layout(tmp_path / name, 2)
    with open_path(str(tmp_path / "a")) as first, open_path(str(tmp_path / "b")) as second:
        verifications = [validate(first), validate(second)]
    assert [each.verdict for each in verifications] == ["proven", "proven"]
    assert len(verifications[0].images[0].diff_ids) == LAYERS
    assert verifications[0] == verifications[1]


def test_the_least_is_what_sha256sum_and_gzip_take(tmp_path: Path) -> None:
    """A program that fails ends the measurement."""
    make_layout(tmp_path / "a", 1)
    assert least(tmp_path / "a") > 0
