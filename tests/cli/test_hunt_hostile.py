"""Checks `tidewaiter hunt` on hostile files and on public recordings."""

import gzip
from pathlib import Path

import pytest
from hunting import CONTAINER, Write, alerts, docker, falco, hunt, lines, quiet, story, summary, told

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
