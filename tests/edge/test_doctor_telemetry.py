"""Checks what is said of recorded telemetry: made up, and recorded from real daemons."""

import json
from pathlib import Path

import pytest

from tidewaiter.edge.doctor_report import Report
from tidewaiter.edge.doctor_telemetry import examine_telemetry
from tidewaiter.edge.paths import expand
from tidewaiter.edge.reader import ReadOptions

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "docker-cryptominer"


def examined(*paths: Path, node: str | None = None) -> Report:
    """The report on these paths, whose account is whole."""
    expansion = expand([str(path) for path in paths])
    report = examine_telemetry(expansion.files, ReadOptions(node=node), unreadable=expansion.problems)
    assert report.read is not None
    for source in report.sources.values():
        assert sum(source.outcomes.values()) == source.records
        for reach in (source.execs, source.flows):
            if reach is not None:
                assert reach.seen >= reach.container >= reach.image_name >= reach.config_digest >= 0
                assert reach.seen >= reach.named
    assert report.whole_chain is not bool(report.missing)
    assert (report.mend is None) is report.whole_chain
    return report


def states(report: Report) -> dict[str, str]:
    """Link -> colour."""
    return {**{entry.link: str(entry.state) for entry in report.log_sources}, "digest": report.digest.state}


def test_a_whole_chain_is_found_whole() -> None:
    """Docker's events and inspects with auditd: processes are joined by their pids."""
    report = examined(EXAMPLE)
    assert report.whole_chain
    assert states(report) == {
        "image": "green",
        "create": "green",
        "start": "green",
        "process": "amber",
        "connection": "amber",
        "digest": "green",
    }
    assert report.containers is not None
    assert (report.containers.known, report.containers.whole) == (2, 1)


@pytest.mark.parametrize(
    ("left_out", "link", "words"),
    [
        ("docker-events.jsonl", None, ""),
        ("audit.log", "process", "no execution was seen"),
    ],
)
def test_without_a_file_its_link_is_missing(tmp_path: Path, left_out: str, link: str | None, words: str) -> None:
    """The link, the reason and the cure name it."""
    for file in EXAMPLE.iterdir():
        if file.is_file() and file.name != left_out and file.suffix != ".md":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    report = examined(tmp_path)
    if link is not None:
        assert states(report)[link] == "red"
        assert any(sentence.startswith(link) and words in sentence for sentence in report.missing)
        assert "sensor" in (report.mend or "")


def test_pods_without_the_audit_log_name_nobody(shared: Path) -> None:
    """Creates are seen at the runtime; who asked is not."""
    report = examined(shared / "captures" / "cri")
    create = next(entry for entry in report.log_sources if entry.link == "create")
    assert create.state == "amber"
    assert "creators are not named" in create.why
    assert "audit log" in (create.mend or "")


def test_links_of_different_containers_make_no_chain(tmp_path: Path) -> None:
    """Each link is seen, of one container this, of the other that."""

    def docker(action: str, container: str, second: int) -> str:
        actor = {"ID": container, "Attributes": {"image": "hub.example/cache:latest", "name": "cache"}}
        event = {
            "Type": "container",
            "Action": action,
            "Actor": actor,
            "scope": "local",
            "time": 1_790_000_000 + second,
        }
        return json.dumps(event | {"timeNano": (1_790_000_000 + second) * 10**9})

    def falco(container: str, second: int, **fields: str) -> str:
        told = {"container.id": container[:12]} | {name.replace("__", "."): value for name, value in fields.items()}
        alert = {"output": "x", "output_fields": told, "priority": "Notice", "rule": "r", "source": "syscall"}
        stamp = f"2026-09-21T14:13:{20 + second:02d}.000000000Z"
        return json.dumps(alert | {"hostname": "n1", "tags": [], "time": stamp})

    one, other = "9e" * 32, "5f" * 32
    pulled = {"ID": "hub.example/cache:latest", "Attributes": {"name": "hub.example/cache"}}
    pull = {"Type": "image", "Action": "pull", "Actor": pulled, "scope": "local", "time": 1_790_000_000}
    inspects = [
        {
            "Id": container,
            "Created": "2026-09-21T14:13:20Z",
            "Path": "/x",
            "Args": [],
            "State": {"Status": "running", "Pid": pid, "StartedAt": "2026-09-21T14:13:21Z"},
            "Image": "sha256:" + "3" * 64,
            "Name": f"/{pid}",
            "Config": {"Image": "hub.example/cache:latest"},
            "HostConfig": {},
            "GraphDriver": {"Name": "overlay2", "Data": {}},
            "NetworkSettings": {"Networks": {}},
        }
        for pid, container in enumerate((one, other), 50)
    ]
    lines = [json.dumps(pull | {"timeNano": 1_790_000_000 * 10**9})]
    lines += [docker(action, container, 1) for container in (one, other) for action in ("create", "start")]
    lines.append(falco(one, 5, evt__type="execve", proc__cmdline="sh", proc__exepath="/bin/sh"))
    flow = {
        "evt__type": "connect",
        "fd__name": "10.0.0.1:1->203.0.113.66:6",
        "fd__l4proto": "tcp",
        "evt__res": "SUCCESS",
    }
    lines.append(falco(other, 6, **flow, fd__sip="203.0.113.66", fd__sport="6"))
    (tmp_path / "all.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "inspect.json").write_text(json.dumps(inspects))
    report = examined(tmp_path)
    assert "red" not in states(report).values()
    assert not report.whole_chain
    assert report.missing[0].startswith("every link was seen, but of no single container all of them")


def test_the_account_is_that_of_hunt(shared: Path) -> None:
    """Each record counted once, the unrecognised apart; lines that only name columns belong to no source."""
    report = examined(shared / "captures")
    assert report.read is not None
    assert 0 <= report.read.recognised - sum(source.records for source in report.sources.values()) <= 10
    assert report.read.recognised < report.read.records
    assert report.read.strangers_total > 0


@pytest.mark.parametrize("folder", ["auditd", "containerd", "cri", "docker", "kubernetes", "podman", "sensors", ""])
def test_captures_are_told_without_a_whole_chain(shared: Path, folder: str) -> None:
    """None of them alone, nor all together, has a container's behaviour."""
    report = examined(shared / "captures" / folder)
    assert not report.whole_chain
    assert states(report)["process"] == "red"


def test_samples_of_every_kind_are_told(shared: Path) -> None:
    """Each folder of public samples by itself, and all at once."""
    folders = sorted(path for path in (shared / "samples").iterdir() if path.is_dir())
    for folder in [*folders, shared / "samples"]:
        if expand([str(folder)]).files:
            assert examined(folder).read is not None


def test_docker_and_containerd_tell_the_time_alike(shared: Path) -> None:
    """Seven starts that both saw."""
    clocks = examined(shared / "captures" / "docker").clocks
    assert [(clock.source, clock.beside, clock.moments) for clock in clocks] == [
        ("docker_events", "containerd_events", 7)
    ]
    assert clocks[0].offset_s is not None
    assert 0 < clocks[0].offset_s < 1


def test_a_clock_that_is_off_is_told_by_node(tmp_path: Path, shared: Path) -> None:
    """Docker's events an hour ahead of containerd's."""
    for name in ("docker-events.jsonl", "ctr-events-under-docker.txt"):
        (tmp_path / name).write_bytes((shared / "captures" / "docker" / name).read_bytes())
    lines = (tmp_path / "docker-events.jsonl").read_text().splitlines()
    shifted = []
    for line in lines:
        event = json.loads(line)
        event["time"] += 3600
        event["timeNano"] += 3600 * 10**9
        shifted.append(json.dumps(event))
    (tmp_path / "docker-events.jsonl").write_text("\n".join(shifted))
    (clock,) = examined(tmp_path, node="host1").clocks
    assert (clock.node, round(clock.offset_s or 0)) == ("host1", 3600)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """And the rest is told nevertheless."""
    (tmp_path / "events.jsonl").write_text("nonsense\n")
    (tmp_path / "cut.gz").write_bytes(b"\x1f\x8b\x08")
    report = examined(tmp_path, tmp_path / "none")
    assert report.read is not None
    assert {Path(unread.stream).name for unread in report.read.unread} >= {"none", "cut.gz"}
    assert [Path(stranger.stream).name for stranger in report.read.strangers] == ["events.jsonl"]
