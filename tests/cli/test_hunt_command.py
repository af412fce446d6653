"""Checks `tidewaiter hunt`: what goes to stdout and stderr, how bytes come in, and the exit status."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard
from hunting import (
    CONTAINER,
    EXAMPLE,
    IMAGE,
    Write,
    alerts,
    assert_refused,
    docker,
    falco,
    hunt,
    lines,
    quiet,
    spawned,
    story,
    summary,
    told,
)

ALERT_FIELDS = {
    "kind", "schema", "id", "revision", "final", "analytic", "technique", "verdict", "severity", "confidence", "title",
    "time", "cluster", "node", "container_id", "container_name", "namespace", "pod", "workload", "image",
    "digest_consistency", "trust", "pulled_by", "created_by", "evidence", "behaviours", "behaviours_omitted",
    "reasons", "missing", "incident", "baseline", "attack",
}  # fmt: skip
PARTS = {
    "image": {"reference", "index_digest", "manifest_digest", "config_digest", "chain_id"},
    "trust": {"state", "rule", "origins"},
    "pulled_by": {"client", "source_ip", "user_agent"},
    "created_by": {"user", "groups", "source_ip", "user_agent", "via"},
}
SUMMARY_FIELDS = {
    "kind", "schema", "complete", "records", "outcomes", "sources", "alerts", "suspicious", "silenced",
    "attempted_pulls",
}  # fmt: skip
OUTCOMES = {"used", "irrelevant", "waiting", "expired", "unattributed", "duplicate", "rejected"}


# ------------------------------------------------------------------------------------------- the contract


def test_the_shipped_example_gives_one_critical_alert() -> None:
    """With the policy that stands beside it; the trusted image that does the same is silent."""
    result = hunt(EXAMPLE, "--policy", EXAMPLE.parent / "policy.yaml", "--format", "jsonl")
    [alert] = alerts(result)
    assert (result.exit_code, alert["verdict"], alert["severity"]) == (1, "alert", "critical")
    assert summary(result)["complete"] is True
    assert summary(result)["alerts"] == 1


def test_every_field_is_there(write: Write) -> None:
    """Of an alert, of its parts, of a container and of the summary; unknown is null, never absent."""
    result = hunt(write(story()), "--format", "jsonl", "--containers")
    [alert] = alerts(result)
    assert alert.keys() == ALERT_FIELDS
    for part, fields in PARTS.items():
        assert alert[part].keys() == fields
    for entry in alert["evidence"]:
        assert entry.keys() == {"stage", "time", "source", "record", "summary"}
    for entry in alert["behaviours"]:
        assert entry.keys() >= {"kind", "strength", "what", "time", "attribution"}
    assert (alert["node"], alert["namespace"], alert["image"]["config_digest"]) == ("n1", None, None)
    assert (alert["analytic"], alert["technique"], alert["final"]) == ("AN0691", "T1204.003", True)
    assert alert["time"] == "2026-09-21T14:13:31.000000000Z"
    assert summary(result).keys() >= SUMMARY_FIELDS
    assert summary(result)["outcomes"].keys() == OUTCOMES
    [container] = [record for record in told(result) if record["kind"] == "container"]
    assert container["container_id"] == alert["container_id"] == CONTAINER
    assert container["verdict"] == "alert"


def test_evidence_points_at_the_line(write: Write) -> None:
    """File as it was named, colon, number of the line."""
    path = write([b"rubbish", *story()])
    [alert] = alerts(hunt(path, "--format", "jsonl"))
    assert {entry["record"] for entry in alert["evidence"]} == {f"{path}:{number}" for number in (2, 3, 4)}


def test_text_goes_to_stdout_and_talk_to_stderr(write: Write) -> None:
    """A pipe into a file holds no advice, and no colours."""
    result = hunt(write(story()))
    assert result.exit_code == 1
    assert IMAGE in result.stdout
    assert "203.0.113.7" in result.stdout
    assert "\x1b" not in result.stdout + result.stderr
    assert "tidewaiter policy suggest" in result.stderr
    assert "tidewaiter policy suggest" not in result.stdout


def test_ocsf_gives_findings_only(write: Write) -> None:
    """One Detection Finding an alert; the summary is none."""
    [finding] = told(hunt(write(story()), "--format", "ocsf"))
    assert finding["class_uid"] == 2004


@pytest.mark.parametrize("form", ["text", "jsonl", "ocsf"])
def test_two_runs_say_the_same(write: Write, form: str) -> None:
    """To the last byte."""
    path = write(story())
    assert hunt(path, "--format", form).stdout == hunt(path, "--format", form).stdout


# ------------------------------------------------------------------------------------------- how bytes come in


@pytest.mark.parametrize("name", ["-", "gz", "zst"])
def test_standard_input_may_be_compressed_or_not(name: str) -> None:
    """The form is told by the bytes."""
    data = lines(story())
    packed = {"-": data, "gz": gzip.compress(data), "zst": zstandard.ZstdCompressor().compress(data)}[name]
    ran = spawned("-", "--format", "jsonl", stdin=packed)
    alert, last = map(json.loads, ran.stdout.splitlines())
    assert (ran.returncode, last["complete"]) == (1, True)
    assert alert["evidence"][0]["record"] == "-:1"


def test_empty_standard_input_is_nothing_found() -> None:
    """`docker events` of a quiet hour."""
    ran = spawned("-", "--format", "jsonl")
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["records"] == 0


def test_compressed_files_folders_and_globs_are_read(write: Write, tmp_path: Path) -> None:
    """All at once, side by side in time: the story is spread over three files."""
    create, start, curl = story()
    write(gzip.compress(lines([start])), "b.gz")
    write(zstandard.ZstdCompressor().compress(lines([curl])), "c.zst")
    (tmp_path / "inner").mkdir()
    write([create], "inner/a.jsonl")
    result = hunt(tmp_path / "?.*", tmp_path / "inner", "--format", "jsonl")
    [alert] = alerts(result)
    assert [entry["stage"] for entry in alert["evidence"]] == ["create", "start", "behaviour"]
    assert summary(result)["records"] == 3


def test_a_reader_that_goes_away_is_no_fault(write: Write) -> None:
    """`| head -1` ends without a traceback."""
    path = write(story())
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", "from tidewaiter.cli import main; main()", "hunt", str(path), "--format", "jsonl"]
    try:
        ran = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False)  # noqa: S603 - our own
    finally:
        os.close(writing)
    assert b"Traceback" not in ran.stderr
    assert b"Exception ignored" not in ran.stderr


# ------------------------------------------------------------------------------------------- exit status


def test_nothing_found_is_0(write: Write) -> None:
    """Everything was read, nothing is to be alerted."""
    result = hunt(write(quiet()), "--format", "jsonl")
    assert (result.exit_code, summary(result)["complete"]) == (0, True)


def test_suspicious_alone_is_0(write: Write) -> None:
    """Only an alert is worth a call: here neither create nor start was observed."""
    late = [docker("start", 1), falco(2000)]
    result = hunt(write(late), "--format", "jsonl")
    assert [alert["verdict"] for alert in alerts(result)] == ["suspicious"]
    assert (result.exit_code, summary(result)["suspicious"]) == (0, 1)


def test_an_alert_goes_before_incompleteness(write: Write, tmp_path: Path) -> None:
    """1, not 3; the summary still says that something is missing."""
    result = hunt(write(story()), tmp_path / "missing", "--format", "jsonl")
    assert result.exit_code == 1
    assert summary(result)["complete"] is False
    assert f"incomplete: {tmp_path / 'missing'}: no such file or folder" in result.stderr


def test_a_missing_path_among_others_is_3(write: Write, tmp_path: Path) -> None:
    """What can be read is read."""
    result = hunt(tmp_path / "missing", write(quiet()), "--format", "jsonl")
    assert result.exit_code == 3
    assert (summary(result)["complete"], summary(result)["records"]) == (False, 2)


def test_a_file_that_is_cut_short_is_3(write: Write) -> None:
    """Its beginning is read."""
    path = write(gzip.compress(lines(quiet()))[:-9], "cut.gz")
    result = hunt(path, "--format", "jsonl")
    assert (result.exit_code, summary(result)["complete"]) == (3, False)
    assert f"incomplete: {path}: " in result.stderr


def test_a_usage_error_goes_before_everything(write: Write, tmp_path: Path) -> None:
    """An alert would be found, a path is missing: it is still 2."""
    assert_refused(hunt(write(story()), tmp_path / "missing", "--require", "nobody"), "nobody: no such source")


def test_files_of_which_nothing_is_recognised_are_3(write: Write) -> None:
    """Telemetry that nobody could read is no good news; its first record and what can be read are shown."""
    path = write(b"one line of nobody's\nanother\n")
    result = hunt(path, "--format", "jsonl")
    assert (result.exit_code, summary(result)["complete"]) == (3, False)
    assert f"{path}: nothing in it was recognised; its first record begins: one line of nobody's" in result.stderr
    assert "tidewaiter sources" in result.stderr
    assert summary(result)["outcomes"]["rejected"] == 2


# ------------------------------------------------------------------------------------------- usage


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    """One sentence."""
    assert_refused(hunt(tmp_path), f"{tmp_path}: the folder holds no file to read")


def test_no_readable_path_is_told(tmp_path: Path) -> None:
    """One sentence a path."""
    one, two = tmp_path / "one", tmp_path / "two*"
    result = hunt(one, two)
    assert_refused(result, f"{one}: no such file or folder", f"{two}: ")
    assert len(result.stderr.splitlines()) == 2


def test_an_empty_name_is_told() -> None:
    """`hunt "$LOGS"` without LOGS."""
    assert_refused(hunt(""), "'': an empty name; is a variable not set?")


def test_no_path_at_all_is_told() -> None:
    """With the usage."""
    assert_refused(hunt(), "PATH")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--source", "falcon"], "falcon: no such source; did you mean falco"),
        (["--require", "falcon"], "falcon: no such source; did you mean falco"),
        (["--source", "docker"], "docker: no such source; did you mean docker_events, docker_inspect?"),
        (["--source", "zzz"], "zzz: no such source; there are admission_review, auditd"),
        (["--lateness", "soon"], "--lateness: "),
        (["--since", "yesterday"], "--since: "),
        (["--until", "2026-99-99"], "--until: "),
        (["--min-attribution", "2"], "--min-attribution"),
        (["--min-attribution", "most"], "--min-attribution"),
        (["--format", "xml"], "--format"),
        (["--no-such-option"], "--no-such-option"),
        (["--policy", "/nowhere/policy.yaml"], "/nowhere/policy.yaml: the policy cannot be read"),
        (["--facts", "/nowhere/facts.jsonl"], "/nowhere/facts.jsonl: the facts cannot be read"),
    ],
)
def test_a_wrong_option_is_told(write: Write, arguments: list[str], word: str) -> None:
    """On stderr, in the words that were typed."""
    assert_refused(hunt(write(story()), *arguments), word)


def test_faults_of_a_policy_are_told_with_their_lines(write: Write) -> None:
    """All of them at once."""
    policy = write(b"version: 1\ntrsut: []\ndefault: maybe\n", "policy.yaml")
    result = hunt(write(story()), "--policy", policy)
    assert_refused(result, f"{policy}:2: ", f"{policy}:3: ", "trust")


def test_faults_of_facts_are_told_with_their_line(write: Write) -> None:
    """Before anything is hunted."""
    facts = write(b'{"kind":"image_facts"}\n{"kind":"image_facts","config_digest":"sha256:1"}\n', "facts.jsonl")
    assert_refused(hunt(write(story()), "--facts", facts), f"{facts}:2: ", "'sha256:1'")


def test_help_tells_examples_and_exit_statuses() -> None:
    """As every command's."""
    result = hunt("--help")
    assert result.exit_code == 0
    assert "Examples:" in result.stdout
    assert "Exit status: 0" in result.stdout
