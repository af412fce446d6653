"""Proves that what is measured are whole runs over a feed, and that the pages are the same each time."""

from pathlib import Path

import pytest
from bench.brief_feed import measure, page


def test_a_second_run_over_the_made_feed_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2] / "src"))
    assert measure(3, None, tmp_path) == 0
    told = capsys.readouterr().out
    assert "3 articles: 3 new" in told
    assert "0 new, 0 changed, 3 unchanged" in told


def test_pages_are_the_same_each_time() -> None:
    assert page(7) == page(7) != page(8)
