"""Gives every test the shared recordings, where they are present."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of public samples and recordings beside the project; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the shared recordings are not beside this checkout; what they would prove was not proven")
    return SHARED
