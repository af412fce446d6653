"""Holds what `tidewaiter attack` prints, its JSON contract, and what faults get: one sentence and status 2."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from attack_bundles import objects, written
from click.testing import CliRunner, Result

from tidewaiter.cli import main


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Release 19.1, imported where it is looked for."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    result = run("import", str(written(tmp_path)))
    assert (
        result.output == f"enterprise 19.1: {len(objects())} objects, 11 relations, {len(objects())} not held before\n"
    )
    return tmp_path / "data/tidewaiter/attack.sqlite"


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["attack", *words])


def told(*words: str) -> Any:
    result = run(*words, "--format", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_show_has_every_field_of_the_contract(store: Path) -> None:
    record = told("show", "AN0691")
    assert record["kind"] == "attack_object"
    assert record["schema"] == 1
    assert record.keys() >= {
        *("id", "name", "type", "release", "version", "created", "modified", "raw_sha256", "releases", "relations"),
        *("log_sources", "mutable_elements"),
    }
    assert record["relations"][0].keys() == {"relation", "direction", "id", "name", "type"}
    assert record["log_sources"][0].keys() == {"name", "channel", "data_component", "data_component_name"}
    assert record["mutable_elements"][0] == {
        "field": "TimeWindow",
        "description": "How long.",
        "setting": "time_window",
    }


def test_raw_is_what_the_hash_is_of(store: Path) -> None:
    raw = run("show", "AN0691", "--raw").stdout_bytes
    assert hashlib.sha256(raw).hexdigest() == told("show", "AN0691")["raw_sha256"]
    assert json.loads(raw)["name"] == "Analytic 0691"


def test_show_prints_the_way_to_the_technique(store: Path) -> None:
    text = run("show", "AN0691").stdout
    for words in (
        "DET0248 A strategy",
        "T1204.003 Malicious Image",
        "Execution",
        "containerd:events -> DC0015",
        "19.1",
    ):
        assert words in text
    assert "TimeWindow: time_window" in text
    assert "MoonPhase: none of ours" in text
    assert "The MITRE Corporation" in text


def test_diff_and_history_as_json(store: Path, tmp_path: Path) -> None:
    before = [{**t, "description": "older"} if t.get("name") == "Analytic 0691" else t for t in objects()[:-1]]
    assert run("import", str(written(tmp_path, before, "enterprise-18.1.json"))).exit_code == 0
    difference = told("diff", "18.1", "19.1")
    assert difference["added"] == [objects()[-1]["id"]]
    assert difference["removed"] == []
    assert [(one["id"], one["fields"], one["modified_unchanged"]) for one in difference["changed"]] == [
        ("AN0691", ["description"], True)
    ]
    assert [one["release"] for one in told("history", "AN0691")["releases"]] == ["18.1", "19.1"]
    assert "DID NOT CHANGE" in run("history", "AN0691").stdout
    assert "of those changed, 1 kept their date" in run("diff", "18.1", "19.1").stdout


def test_a_log_source_and_what_is_said_are_shown(store: Path, tmp_path: Path) -> None:
    told = [{**t, "description": "How."} if t.get("relationship_type") == "uses" else t for t in objects()]
    assert run("import", str(written(tmp_path, told, "enterprise-20.0.json"))).exit_code == 0
    assert "\n        How.\n" in run("show", "G0139", "--all").stdout
    assert "How." not in run("show", "G0139").stdout
    assert "also called    Other Name" in run("show", "G0139").stdout
    text = run("show", "containerd:events").stdout
    assert "AN0691 DC0015: an image is pulled" in text
    assert "The MITRE Corporation" in text
    assert "strange:log" in run("show", "stranger:log").stderr


def test_history_names_the_releases_without_it(store: Path, tmp_path: Path) -> None:
    rest = [one for one in objects() if one["type"] != "intrusion-set" and one.get("relationship_type") != "uses"]
    assert run("import", str(written(tmp_path, rest, "enterprise-20.0.json"))).exit_code == 0
    assert run("history", "G0139").stdout.endswith("not in 20.0\n")


def test_a_platform_that_is_none_is_answered_with_those_there_are(store: Path) -> None:
    """Four noughts would look like an answer."""
    for command in ("show", "coverage"):
        result = run(command, "--platform", "Nope")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith("Nope: no platform of enterprise 19.1; there are ")
        assert "Containers" in result.stderr


def test_a_platform_is_listed_with_what_feeds_it(store: Path) -> None:
    listed = told("show", "--platform", "containers")
    assert [one["id"] for one in listed["analytics"]] == ["AN0691"]
    assert "strange:log (DC0064): none of ours" in run("show", "--platform", "Containers").stdout
    assert "implemented  T1204.003" in run("coverage").stdout


def test_a_navigator_layer_is_written(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "layer.json"
    assert run("coverage", "--format", "navigator", "-o", str(path)).stdout == ""
    assert json.loads(path.read_text()) == json.loads(run("coverage", "--format", "navigator").stdout)
    assert run("coverage", "-o", str(tmp_path / "none" / "layer.json")).exit_code == 2


def test_search_releases_and_site(store: Path, tmp_path: Path) -> None:
    assert run("search", "malicious", "image").stdout.splitlines()[0].startswith("T1204.003")
    assert run("search", "zebra").stderr == "nothing was found\n"
    assert [one["name"] for one in told("releases")] == ["19.1"]
    assert "pages" in run("site", "-o", str(tmp_path / "site")).stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("show", "AN0692"), "nearest are AN0691"),
        (("show", "\x1b[31mAN"), "no such id"),
        (("show", "AN0691", "--release", "7"), "no such release is imported; there are enterprise-19.1"),
        (("show",), "name one object"),
        (("show", "AN0691", "--platform", "Containers"), "name one object"),
        (("history", "X1"), "no such id"),
        (("diff", "19.1", "20"), "no such release"),
        (("search", "--", "-"), "no word to search for"),
        (("import", "/none/such.json"), "cannot be read"),
        (("import", "a", "b", "--release", "1"), "speak of one bundle"),
        (("show", "AN0691", "--store", "/none/attack.sqlite"), "nothing of ATT&CK is imported yet"),
        (("show", "AN0691", "--domain", "mobile"), "no such release is imported"),
    ],
)
def test_a_fault_gets_one_sentence(store: Path, words: tuple[str, ...], sentence: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "\x1b" not in result.stderr
