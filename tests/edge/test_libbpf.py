"""Proves that what keeps BPF from being used is told in a sentence, with what is missing and how to mend it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cages import Cage, bpf_needed, listening, program, root_needed
from desks import SensorDesk

from tidewaiter.edge import bpf_sensor, libbpf
from tidewaiter.edge.bpf_sensor import OBJECT, BpfSensor, attached, missing_capabilities, probe
from tidewaiter.edge.cgroup_root import mount_points, open_cgroup_root
from tidewaiter.edge.libbpf import BpfObject, LibbpfError


def status(folder: Path, effective: str) -> Path:
    """The root of a host on which this process has these capabilities."""
    path = folder / "proc/self/status"
    path.parent.mkdir(parents=True)
    path.write_text(f"Name:\tx\nCapPrm:\t0000000000000000\nCapEff:\t{effective}\n")
    return folder


@pytest.mark.parametrize(
    ("effective", "missing"),
    [
        ("000001ffffffffff", []),
        ("0000000000200000", []),
        ("000000c000001000", []),
        ("000000c000000000", ["CAP_NET_ADMIN"]),
        ("0000004000001000", ["CAP_BPF"]),
        ("0000000000000000", ["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"]),
    ],
)
def test_capabilities_are_read(tmp_path: Path, effective: str, missing: list[str]) -> None:
    """CAP_SYS_ADMIN stands for all."""
    assert missing_capabilities(status(tmp_path, effective)) == missing


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the package that has it."""
    libbpf._library.cache_clear()
    monkeypatch.setattr(libbpf, "LIBRARY", "libbpf.so.0.none")
    try:
        assert "needs libbpf.so.1" in (probe() or "")
        assert "apt-get install libbpf1" in (probe() or "")
        with pytest.raises(LibbpfError, match=r"libbpf\.so\.0\.none"):
            libbpf.version()
    finally:
        libbpf._library.cache_clear()


def test_a_kernel_without_types_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With what such a kernel needs; the collector says that it is off."""
    monkeypatch.setattr(bpf_sensor, "version", lambda: "v1.1")
    monkeypatch.setattr(bpf_sensor, "_TYPES", tmp_path / "vmlinux")
    sentence = probe() or ""
    assert f"{tmp_path}/vmlinux" in sentence
    assert "CONFIG_DEBUG_INFO_BTF" in sentence
    listener = SensorDesk()
    BpfSensor().run(listener)
    assert [(told.state, told.blind) for told in listener.conditions] == [
        ("starting", ()),
        ("off", ("execs", "connections", "names")),
    ]
    assert listener.conditions[-1].sentence == sentence


def test_a_file_that_is_no_object_is_refused(tmp_path: Path) -> None:
    """With what libbpf says of it."""
    bpf_needed()
    for content in (b"", b"\x7fELF", OBJECT.read_bytes()[:5000]):
        path = tmp_path / "broken.bpf.o"
        path.write_bytes(content)
        with pytest.raises(LibbpfError, match=r"could not open broken\.bpf\.o: "):
            BpfObject(path)


def test_what_the_kernel_refuses_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Programs without a free licence may not read the kernel's memory."""
    bpf_needed()
    path = tmp_path / "other.bpf.o"
    path.write_bytes(OBJECT.read_bytes().replace(b"Dual BSD/GPL", b"Proprietary!"))
    monkeypatch.setattr(bpf_sensor, "OBJECT", path)
    with pytest.raises(LibbpfError, match=r"could not load the programs: .+ \(.*GPL.*\)"):
        attached(None)
    listener = SensorDesk()
    BpfSensor().run(listener)
    assert listener.conditions[-1].state == "off"
    assert listener.conditions[-1].sentence == probe()


@pytest.mark.e2e
def test_without_a_root_of_version_2_processes_and_tcp_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """And that datagrams and names are not."""
    bpf_needed()
    monkeypatch.setattr(bpf_sensor, "open_cgroup_root", lambda: None)
    with listening(BpfSensor()) as listener:
        told = listener.conditions[-1]
    assert (told.state, told.blind) == ("ready", ("connections", "names"))
    assert "cgroup version 2" in told.sentence


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ("+bpf,+perfmon,+net_admin", "None"),
        ("+bpf,+perfmon", "None"),
        ("+bpf,+net_admin", "lacks CAP_PERFMON;"),
        ("+chown", "lacks CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN;"),
    ],
)
def test_root_with_few_capabilities(kept: str, said: str) -> None:
    """The three that suffice; without the one for the network, a part."""
    bpf_needed()
    root_needed()
    ended = subprocess.run(  # noqa: S603 - the test's own command
        [program("setpriv"), "--bounding-set", f"-all,{kept}", "--inh-caps", "-all", sys.executable, "-c", _PROBE],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    assert said in ended.stdout


_PROBE = "from tidewaiter.edge.bpf_sensor import probe; print(probe())"


def test_mounts_of_version_2_are_found() -> None:
    """proc(5): fields end at a hyphen, blanks are octal."""
    text = (
        "31 24 0:27 / /sys/fs/cgroup/pids rw shared:9 - cgroup cgroup rw,pids\n"
        "32 24 0:28 / /sys/fs/cgroup/uni\\040fied rw - cgroup2 cgroup2 rw\n"
        "33 24 0:28 /x /cgroup2 rw shared:1 master:2 - cgroup2 none rw\n"
        "34 broken\n"
    )
    assert list(mount_points(text)) == ["/sys/fs/cgroup/uni fied", "/cgroup2"]


@pytest.mark.e2e
def test_the_root_is_found_even_where_it_is_not_mounted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Then it is mounted for nobody but us."""
    root_needed()
    monkeypatch.setattr("tidewaiter.edge.cgroup_root._VIEWS", (tmp_path,))
    found = open_cgroup_root()
    if found is None:
        pytest.skip("cgroup version 2 cannot be mounted here")
    try:
        assert "cgroup.procs" in os.listdir(found)
        with attached(found) as loaded:
            assert loaded.map_fd("ring") > 0
    finally:
        os.close(found)


def test_a_cage_is_named_like_a_container() -> None:
    """What the tests of the sensor stand on."""
    assert len(Cage("/x").id) == 64
