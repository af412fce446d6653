"""Checks `tidewaiter doctor`: what it prints, how it exits, and that nobody can write into its page.

`pytest tests/cli/test_doctor.py --refresh` writes tests/golden/doctor anew.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from hunting import assert_refused, docker, falco, lines

from tidewaiter.cli import main
from tidewaiter.cli._doctor_text import render
from tidewaiter.edge import doctor_live
from tidewaiter.edge.collector import Condition, Desk
from tidewaiter.edge.doctor_live import examine_host
from tidewaiter.edge.doctor_report import Clock, Collected, Measured, Report, Timing
from tidewaiter.edge.doctor_telemetry import examine_telemetry
from tidewaiter.edge.host import Audit, Cgroups, Host, Kernel, Permissions, Socket
from tidewaiter.edge.host_sensor import choose_sensor
from tidewaiter.edge.reader import ReadOptions
from tidewaiter.sinks._escape import encode_json, is_hidden
from tidewaiter.sinks._page import Page, painted_cells

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = "examples/docker-cryptominer"
Golden = Callable[[str, str], None]

KERNEL = Kernel(
    release="5.4.0-150-generic",
    btf=False,
    bpf_syscall=True,
    libbpf=None,
    lockdown="none",
    proc_connector=True,
    conntrack=True,
    conntrack_events=True,
    audit=True,
)
ROOT_USER = Permissions(uid=0, capabilities=("net_admin", "sys_admin", "audit_control", "audit_read"))
QUIET = Audit(enabled=False, execve_rule=False, connect_rule=False, lost=3)
HOST = Host(
    kernel=KERNEL,
    permissions=ROOT_USER,
    cgroups=Cgroups(mode="hybrid", cgroup2="/sys/fs/cgroup/unified"),
    audit=QUIET,
    kubelet=True,
    sockets=(
        Socket(
            runtime="docker",
            address="/var/run/docker.sock",
            state="answers",
            why=None,
            version="27.3.1",
            api="1.47",
            storage_driver="overlayfs",
            image_store="containerd",
        ),
        Socket(
            runtime="containerd",
            address="/run/containerd/containerd.sock",
            state="forbidden",
            why="user 1000 may not read and write it",
        ),
        Socket(runtime="podman", address="/run/podman/podman.sock", state="absent", why="there is no such socket"),
    ),
    sensor=choose_sensor(KERNEL, ROOT_USER, QUIET),
)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compares a text with the file of that name in tests/golden/doctor; --refresh writes it."""

    def compare(name: str, text: str) -> None:
        file = ROOT / "tests" / "golden" / "doctor" / name
        if request.config.getoption("--refresh"):
            file.write_text(text, encoding="utf-8")
        assert text == file.read_text(encoding="utf-8")

    return compare


def doctor(*arguments: object) -> Result:
    """Run the command in this process; anything but an exit status is a failure."""
    result = CliRunner().invoke(main, ["doctor", *map(str, arguments)], env={"COLUMNS": "100"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.stderr
    return result


def pretty(report: bytes | str) -> str:
    """JSON that a person can compare."""
    return json.dumps(json.loads(report), indent=1, ensure_ascii=False) + "\n"


# --------------------------------------------------------------------------------------------- telemetry


def test_a_whole_chain(golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit status 0, the answer in the first line."""
    monkeypatch.chdir(ROOT)
    result = doctor(EXAMPLE)
    assert (result.exit_code, result.stderr) == (0, "")
    golden("telemetry.txt", result.stdout)


def test_json_is_the_contract(golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every field is there, also those of a host, which is null."""
    monkeypatch.chdir(ROOT)
    result = doctor(EXAMPLE, "--format", "json")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 1
    golden("telemetry.json", pretty(result.stdout))
    assert set(json.loads(result.stdout)) == {"kind", *Report.__struct_fields__}


def test_captures_of_docker(golden: Golden, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a sensor: exit status 3, and what to switch on."""
    monkeypatch.chdir(shared)
    result = doctor("captures/docker")
    assert (result.exit_code, result.stderr) == (3, "")
    assert result.stdout.startswith("WHOLE CHAIN: NO, part of an attack would go unseen\n")
    golden("captures-docker.txt", result.stdout)


def test_node_and_cluster_are_taken(tmp_path: Path) -> None:
    """For records that name none."""
    (tmp_path / "events.jsonl").write_bytes(lines([docker("create", 0), docker("start", 1)]))
    result = doctor(tmp_path, "--node", "host1", "--cluster", "prod", "--format", "json")
    told = json.loads(result.stdout)["sources"]["docker_events"]
    assert (told["nodes"], told["clusters"], told["unnamed_nodes"]) == (["host1"], ["prod"], 0)


# --------------------------------------------------------------------------------------------- this host


def test_a_host_as_text(golden: Golden) -> None:
    """An old kernel, no library, one runtime shut: each said once, with its cure."""
    golden("host.txt", "\n".join(render(examine_host(HOST), Page(100, False))) + "\n")


def test_a_host_as_json(golden: Golden) -> None:
    """Nothing of telemetry is there: null or empty."""
    golden("host.json", pretty(encode_json(examine_host(HOST))))


def test_a_measured_host(golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    """Collectors, losses, how long news takes, clocks."""
    monkeypatch.chdir(ROOT)
    report = examine_telemetry([f"{EXAMPLE}/docker-events.jsonl", f"{EXAMPLE}/audit.log"], ReadOptions(node="host1"))
    sources = {
        name: msgspec.structs.replace(
            source, arrival=Timing(records=9, min_s=-0.25, median_s=0.0042), dropped=5 if name == "auditd" else None
        )
        for name, source in report.sources.items()
    }
    measured = Measured(
        seconds=10,
        collectors=(
            Collected(collector="docker", state="ready", sentence="events of /var/run/docker.sock", blind=()),
            Collected(collector="sensor", state="off", sentence="no BPF here", blind=("execs",)),
        ),
        lost={"auditd": 5},
    )
    clocks = (
        Clock(cluster="default", node="host1", source="falco", beside="docker_events", moments=9, offset_s=-7.25),
        Clock(cluster="default", node=None, source="laurel", beside="falco", moments=2, offset_s=None),
    )
    shown = msgspec.structs.replace(
        examine_host(HOST), containers=report.containers, sources=sources, measured=measured, clocks=clocks
    )
    golden("measured.txt", "\n".join(render(shown, Page(80, False))) + "\n")


def test_this_host_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit status by what it can show."""
    monkeypatch.setattr(doctor_live, "look", lambda: HOST)
    result = doctor("--format", "json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["whole_chain"], told["read"]) == (0, True, None)
    shut = msgspec.structs.replace(HOST, sockets=HOST.sockets[1:])
    monkeypatch.setattr(doctor_live, "look", lambda: shut)
    result = doctor()
    assert result.exit_code == 3
    assert "first fix   run it as root (sudo)" in result.stdout


def test_this_host_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what its collectors say."""

    class Off:
        name = "sensor"

        def run(self, desk: Desk) -> None:
            desk.tell(Condition(self.name, "off", "the kernel refused the program", ("execs", "connections", "names")))

    monkeypatch.setattr(doctor_live, "look", lambda: HOST)
    monkeypatch.setattr(doctor_live, "find_collectors", lambda sockets: [Off()])
    result = doctor("--for", "1s")
    assert "measuring for 1 s" in result.stderr
    assert "Measured for 1 s" in result.stdout
    assert (result.exit_code, "off: the kernel refused the program" in result.stdout) == (3, True)


# --------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--for", "10s", "x"), ("--for", "recorded telemetry")),
        (("--for", "soon"), ("--for",)),
        (("--for", "2h"), ("--for", "an hour")),
        (("--for", "0s"), ("--for",)),
        (("--node", "a"), ("--node", "files to read")),
        (("--cluster", "a"), ("--cluster",)),
        (("--source", "falco"), ("--source",)),
        (("/does/not/exist",), ("/does/not/exist", "no such file")),
        ((".", "--source", "falcon\x1b[2J"), ("no such source", "falco")),
    ],
)
def test_usage_faults(arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    """Exit status 2, one sentence, nothing on stdout."""
    result = doctor(*arguments)
    assert_refused(result, *words)
    assert "\x1b" not in result.stderr


def test_an_empty_folder(tmp_path: Path) -> None:
    """Nothing to read is a usage fault."""
    assert_refused(doctor(tmp_path), "the folder holds no file to read")


def test_nothing_recognised(tmp_path: Path) -> None:
    """Exit status 3: nothing can be seen."""
    (tmp_path / "x.log").write_text("hello\nworld\n")
    result = doctor(tmp_path)
    assert result.exit_code == 3
    assert "nothing was recognised in" in result.stdout


def test_nobody_can_write_into_the_page(tmp_path: Path) -> None:
    """Names, nodes and files with control characters, bidi marks and escapes are shown as escapes."""
    evil = "a\x1b[31mb\u202ec\r\n"
    event = json.loads(docker("create", 0)) | {"host": evil}
    record = {"host": evil, "message": json.dumps(event)}
    alert = json.loads(falco(3)) | {"hostname": evil}
    (tmp_path / "x\x1b[2J.jsonl").write_bytes(lines([json.dumps(one).encode() for one in (record, alert)]))
    (tmp_path / "y\u202e.txt").write_bytes(b"\x1b]0;owned\x07 " + evil.encode())
    for form in ("text", "json"):
        result = doctor(tmp_path, "--format", form)
        assert result.exit_code == 3
        assert not any(is_hidden(char) for char in result.stdout.replace("\n", ""))
    assert "\\u202e" in result.stdout


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_the_page_fits(width: int) -> None:
    """No line is longer than the terminal, coloured or not."""
    for color in (False, True):
        shown = render(examine_host(HOST), Page(width, color))
        assert max(painted_cells(line) for line in shown) <= width
        assert any("\x1b" in line for line in shown) is color


def test_no_colour_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page into a pipe is plain."""
    monkeypatch.setattr(doctor_live, "look", lambda: HOST)
    assert not sys.stdout.isatty()
    assert "\x1b" not in doctor().stdout
