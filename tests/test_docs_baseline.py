"""Proves that docs/baseline.md shows a file as it is, and names the fields and commands that there are."""

import re
from pathlib import Path

import pytest
from click import Group

from made_baselines import CURL, MINER, NEW, SERVE, WEB, entry, profile
from tidewaiter.baseline import STATES
from tidewaiter.cli.baseline import baseline
from tidewaiter.edge.baseline_file import read_profiles
from tidewaiter.edge.baseline_write import write_baseline

PAGE = Path(__file__).resolve().parents[1] / "docs" / "baseline.md"
_SHOWN = re.compile(r"(<!-- tests/test_docs_baseline.py writes this -->\n```json\n)(.*?)(```)", re.DOTALL)


def test_the_file_that_is_shown_is_one(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """It was written by the code, and reads back; --refresh writes it anew."""
    entries = {
        SERVE: entry(units=12, magnitude=1, parents=("(runtime)",)),
        CURL: entry("approved", parents=("sh",)),
        MINER: entry("alerted"),
    }
    path = tmp_path / "baseline.jsonl"
    write_baseline(str(path), [profile(WEB, NEW, entries, units=12, starts=2)])
    written = re.sub(r'"tidewaiter":"[^"]*"', '"tidewaiter":"0.1.0"', path.read_text())
    page = PAGE.read_text()
    if request.config.getoption("--refresh"):
        page = _SHOWN.sub(lambda found: f"{found[1]}{written}{found[3]}", page)
        PAGE.write_text(page)
    shown = _SHOWN.search(page)
    assert shown is not None
    assert shown[2] == written
    fields = set(re.findall(r'[{,]"(\w+)":', written)) | {"role", "addresses"}
    told = {name for row in re.findall(r"^\| (`.*?) \|", page, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    obvious = {"tidewaiter", "cluster", "namespace", "workload_kind", "workload", "container", "repositories"}
    assert fields - told - obvious - {"prod", "profiles", "entries", "state"} == set()
    assert [found.key for found in read_profiles(str(path))] == [WEB]


def test_every_state_and_command_is_told() -> None:
    """And no command that there is not."""
    page = PAGE.read_text()
    assert all(f"| `{state}` |" in page for state in STATES)
    assert isinstance(baseline, Group)
    told = set(re.findall(r"tidewaiter baseline (\w+)", page))
    assert told == set(baseline.commands)
