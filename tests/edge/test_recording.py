"""Holds the recording: a line for each record, without secrets, in a file that goes on, and is read back alike."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tidewaiter.edge.read import recogniser_of
from tidewaiter.edge.reader import Reader, ReadOptions
from tidewaiter.edge.recording import Recording, bare, envelope
from tidewaiter.event import Where
from tidewaiter.sources import RecordError, sources

SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios"
FOLDERS = sorted(path.parent for path in SCENARIOS.glob("*/expect.toml"))
DOCKER = b'{"Type":"image","Action":"pull","Actor":{"ID":"alpine:3","Attributes":{"name":"alpine"}},"time":1790000000}'
AUDIT = b"type=SYSCALL msg=audit(1790000000.1:7): arch=c000003e syscall=59\ntype=EOE msg=audit(1790000000.1:7): "


def line_of(source: str, record: bytes, cluster: str = "default", node: str = "n1") -> bytes:
    """The line of a recording."""
    written = bare(record, keep_arguments=True)[1]
    return b'%b,"record":%b}' % (envelope(source, cluster, node), written)


def read_back(data: bytes, **options: Any) -> list[tuple[Where, bytes]]:
    """The records of a recording, with where they stood."""
    reader = Reader("rec.jsonl", recogniser_of(), ReadOptions(**options))
    batches = [reader.feed(data), reader.finish()]
    return [(batch.where(index), record) for batch in batches for index, record in enumerate(batch.records)]


# ------------------------------------------------------------------------------------------- one line


def test_a_line_is_the_envelope_of_the_contract() -> None:
    """Names first, the record last, compact."""
    wanted = b'{"kind":"recorded","schema":1,"source":"docker_events","cluster":"c","node":"n","record":%b}' % DOCKER
    assert line_of("docker_events", DOCKER, "c", "n") == wanted


def test_text_stands_as_a_json_text() -> None:
    """auditd's lines of one event are one record."""
    assert json.loads(line_of("auditd", AUDIT))["record"] == AUDIT.decode()


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        ({"args": ["mysql", "--password", "hunter2"]}, {"args": ["mysql", "--password", "***"]}),
        ({"Config": {"Env": ["DB_PASSWORD=hunter2", "A=b"]}}, {"Config": {"Env": ["DB_PASSWORD=***", "A=b"]}}),
        ({"Action": "exec_create: curl -u me:hunter2 x"}, {"Action": "exec_create: curl -u me:*** x"}),
        ({"labels": {"db.password": "hunter2"}}, {"labels": {"db.password": "***"}}),
        ({"list": [{"url": "https://me:hunter2@x/"}]}, {"list": [{"url": "https://me:***@x/"}]}),
        ({"key": "AKIA0123456789ABCDEF"}, {"key": "***"}),
        ({"image": "corp/auth:1.2"}, {"image": "corp/auth:1.2"}),
        ({"RepoTags": ["corp/token:1"]}, {"RepoTags": ["corp/token:1"]}),
        ({"n": 12345678901234567890, "b": True, "x": None}, {"n": 12345678901234567890, "b": True, "x": None}),
    ],
)  # fmt: skip
def test_secrets_are_masked_and_names_of_images_kept(record: Any, wanted: Any) -> None:
    """What is fed is what is written; asked to, all is kept."""
    fed, written = bare(json.dumps(record).encode(), keep_arguments=False)
    assert fed == written
    assert json.loads(fed) == wanted
    assert json.loads(bare(json.dumps(record).encode(), keep_arguments=True)[0]) == record


@pytest.mark.parametrize("record", [b'{"a":', b'{"a":"\xff\xfe"}', b'{"a":' * 100_000, b"\xff\x00 text", b""])
def test_what_is_no_object_is_written_as_text(record: bytes) -> None:
    """Whatever the bytes: the line is JSON, and holds what is fed."""
    fed, written = bare(record, keep_arguments=False)
    told = json.loads(b'{"record":%b}' % written)["record"]
    assert isinstance(told, str)
    assert told.encode() == fed


# ------------------------------------------------------------------------------------------- the file


def test_a_recording_goes_on_where_the_file_ends(tmp_path: Path) -> None:
    """Line numbers too."""
    path = tmp_path / "rec.jsonl"
    for number in range(2):
        recording = Recording(str(path))
        assert recording.lines == number * 2
        assert recording.append([line_of("docker_events", DOCKER)] * 2)
        assert recording.lines == number * 2 + 2
        recording.close()
    assert path.read_bytes() == (line_of("docker_events", DOCKER) + b"\n") * 4
    assert path.stat().st_mode & 0o077 == 0


def test_our_own_torn_line_is_taken_back_and_any_other_is_ended(tmp_path: Path) -> None:
    """A file that is not ours loses nothing."""
    line = line_of("docker_events", DOCKER)
    for torn, left in ((line[:60], b"first\n"), (b"last words", b"first\nlast words\n")):
        path = tmp_path / "rec.jsonl"
        path.write_bytes(b"first\n" + torn)
        recording = Recording(str(path))
        assert (path.read_bytes(), recording.lines) == (left, left.count(b"\n"))
        recording.close()


def test_nobody_else_records_into_the_file(tmp_path: Path) -> None:
    """Two would disagree on line numbers."""
    first = Recording(str(tmp_path / "rec.jsonl"))
    with pytest.raises(BlockingIOError):
        Recording(str(tmp_path / "rec.jsonl"))
    first.close()
    Recording(str(tmp_path / "rec.jsonl")).close()


def test_a_full_disk_is_told_and_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is counted; what fits later is written."""
    write = os.write

    def write_if_it_fits(file: int, data: bytes) -> int:
        left = 1000 - os.fstat(file).st_size
        if left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data[:left])

    recording = Recording(str(tmp_path / "rec.jsonl"))
    monkeypatch.setattr("tidewaiter.edge.recording.os.write", write_if_it_fits)
    line = line_of("docker_events", DOCKER)
    assert recording.append([line])
    assert not recording.append([line] * 10)
    assert (told := recording.problem) == "No space left on device", told
    assert (recording.lost, recording.lines) == (10, 1)
    assert recording.append([line])
    assert recording.problem is None
    monkeypatch.undo()
    recording.close()
    assert (tmp_path / "rec.jsonl").read_bytes() == (line + b"\n") * 2


# ------------------------------------------------------------------------------------------- read back


def test_source_node_and_cluster_are_those_of_the_line() -> None:
    """Whatever the reader was told for others, in any form of the JSON."""
    line = line_of("docker_events", DOCKER, "east", "host1")
    told = json.loads(line)
    turned = json.dumps({key: told[key] for key in reversed(told)}).encode()
    pretty = json.dumps(told, indent=2).encode()
    data = b"\n".join([line, turned, DOCKER, pretty, line_of("auditd", AUDIT, "", "localhost")])
    found = read_back(data, cluster="west", node="other")
    assert [(where.source, where.cluster, where.node) for where, _ in found] == [
        ("docker_events", "east", "host1"),
        ("docker_events", "east", "host1"),
        ("docker_events", "west", "other"),
        ("docker_events", "east", "host1"),
        ("auditd", "west", "localhost"),
    ]
    assert [where.offset for where, _ in found] == [1, 2, 3, 4, 5 + pretty.count(b"\n")]
    assert [found[0][1], found[2][1], found[4][1]] == [DOCKER, DOCKER, AUDIT]


def test_a_wrong_source_is_not_believed() -> None:
    """The record's own shape decides then; what nobody knows is counted."""
    assert [where.source for where, _ in read_back(line_of("falco", DOCKER) + b"\n")] == ["docker_events"]
    assert [where.source for where, _ in read_back(line_of("no_such", AUDIT) + b"\n")] == ["auditd"]
    reader = Reader("rec.jsonl", recogniser_of())
    batch = reader.feed(line_of("falco", b'{"strange":1}') + b"\n")
    assert (batch.records, batch.unrecognised) == ([], 1)


def test_envelopes_within_envelopes_end() -> None:
    """However deep somebody nests them."""
    line = DOCKER
    for depth in range(12):
        line = line_of("docker_events", line) if depth else line_of("docker_events", DOCKER)
        found = read_back(line + b"\n")
        assert len(found) == (1 if depth < 4 else 0)


def test_audit_events_of_other_clusters_are_not_joined() -> None:
    """One serial number on two nodes of one name; lines that shippers wrapped are still joined."""
    first, second = AUDIT.split(b"\n")
    data = b"\n".join(line_of("no_such", part, cluster) for part in (first, second) for cluster in ("a", "b")) + b"\n"
    assert [(where.cluster, record) for where, record in read_back(data)] == [("a", AUDIT), ("b", AUDIT)]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_record_is_read_back_as_it_was(folder: Path) -> None:
    """All producers' records: the same source, and the same events."""
    records: list[tuple[str, bytes]] = []
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        if path.name in ("policy.yaml", "expect.toml"):
            continue
        reader = Reader(path.name, recogniser_of())
        for batch in (reader.feed(path.read_bytes()), reader.finish()):
            records += zip(batch.sources, batch.records, strict=True)
    found = read_back(b"".join(line_of(source, record) + b"\n" for source, record in records))
    assert [where.source for where, _ in found] == [source for source, _ in records]
    assert [where.offset for where, _ in found] == list(range(1, len(records) + 1))
    at = Where("s", "f", 1)
    for (source, record), (_, again) in zip(records, found, strict=True):
        try:
            wanted = list(sources()[source].decode(record, at))
        except RecordError:
            continue
        assert list(sources()[source].decode(again, at)) == wanted
