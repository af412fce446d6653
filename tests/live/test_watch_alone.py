"""Proves that watching begins and ends cleanly where there is nothing to watch, and says what is not there."""

from pathlib import Path

import pytest
from live_watch import Watching

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("sensor", ["auto", "none"])
def test_no_daemons(tmp_path: Path, sensor: str) -> None:
    """Ready without a daemon; each that was looked for is named, with where; the end is clean."""
    with Watching(None, tmp_path / "state", "--sensor", sensor) as watch:
        pass
    talk = "\n".join(watch.talk)
    assert talk.count("/nonexistent") >= 2
    assert len([line for line in watch.talk if "ready" in line]) == 1
    assert watch.summary()["complete"] is False
    # Another runtime's containers may run on this machine, and the sensor sees them.
    assert watch.status in (1, 3)
