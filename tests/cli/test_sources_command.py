"""Checks the list of sources: every one is there, in both forms, with what it cannot see."""

import json

import pytest
from click.testing import CliRunner

from tidewaiter.cli import main
from tidewaiter.sources import sources


def test_text_names_every_source_and_its_blindness() -> None:
    """In the order of the alphabet, never wider than the terminal."""
    result = CliRunner().invoke(main, ["sources"], env={"COLUMNS": "80"})
    assert (result.exit_code, result.stderr) == (0, "")
    heads = [line.partition(":")[0] for line in result.stdout.splitlines() if not line.startswith(" ")]
    assert heads == sorted(sources())
    told = " ".join(result.stdout.split())
    for source in sources().values():
        assert source.title in told
        assert "cannot see: " + " ".join(source.cannot_see.split()) in told
    assert max(len(line) for line in result.stdout.splitlines() if line.startswith(" ")) <= 80


def test_json_has_the_same_sources() -> None:
    """One list, each entry with four members."""
    result = CliRunner().invoke(main, ["sources", "--format", "json"])
    assert result.exit_code == 0
    listed = json.loads(result.stdout)
    assert [entry["name"] for entry in listed] == sorted(sources())
    for entry in listed:
        source = sources()[entry["name"]]
        assert entry == {
            "name": entry["name"],
            "title": source.title,
            "log_sources": list(source.log_sources),
            "cannot_see": source.cannot_see,
        }


@pytest.mark.parametrize("arguments", [["sources", "--format", "xml"], ["sources", "extra"]])
def test_wrong_usage_is_told(arguments: list[str]) -> None:
    """On stderr, with nothing on stdout."""
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr


def test_help_has_an_example() -> None:
    """As every command's."""
    result = CliRunner().invoke(main, ["sources", "--help"])
    assert result.exit_code == 0
    assert "Example" in result.stdout
