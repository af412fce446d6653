"""Checks what is read off a host's own files, whatever they hold, and which sensor comes of it."""

import struct
from pathlib import Path

import pytest
from hosts import EVERYTHING, QUIET, RECORDING, lay_out

from tidewaiter.edge import host_audit
from tidewaiter.edge.host import (
    Audit,
    Cgroups,
    Permissions,
    has_kubelet,
    parse_capabilities,
    parse_cgroups,
    parse_lockdown,
    read_cgroups,
    read_kernel,
    read_permissions,
)
from tidewaiter.edge.host_audit import ask_audit, parse_audit, records_all
from tidewaiter.edge.host_sensor import choose_sensor, kernel_version

V1 = "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


def test_a_modern_host_is_read_whole(tmp_path: Path) -> None:
    """Every fact comes from its file."""
    kernel = read_kernel(lay_out(tmp_path))
    assert kernel.release == "6.1.0-18-amd64"
    assert kernel.libbpf == "/usr/lib/x86_64-linux-gnu/libbpf.so.1"
    assert (kernel.btf, kernel.bpf_syscall, kernel.proc_connector, kernel.audit) == (True,) * 4
    assert (kernel.conntrack, kernel.conntrack_events, kernel.lockdown) == (True, True, "none")
    permissions = read_permissions(tmp_path)
    assert permissions.uid == 0
    assert {"bpf", "perfmon", "net_admin", "audit_read"} <= set(permissions.capabilities)
    assert read_cgroups(tmp_path) == Cgroups(mode="hybrid", cgroup2="/sys/fs/cgroup/unified")


def test_an_empty_host_is_all_unknown(tmp_path: Path) -> None:
    """Nothing there is no error."""
    kernel = read_kernel(tmp_path)
    assert (kernel.release, kernel.libbpf, kernel.conntrack_events, kernel.lockdown) == (None,) * 4
    offered = (kernel.btf, kernel.bpf_syscall, kernel.proc_connector, kernel.conntrack, kernel.audit)
    assert offered == (False,) * 5
    assert read_permissions(tmp_path) == Permissions(uid=None, capabilities=())
    assert read_cgroups(tmp_path) == Cgroups(mode=None, cgroup2=None)
    assert not has_kubelet(tmp_path)


def test_this_host_can_be_read() -> None:
    """The kernel's own files are read, settings under /proc/sys among them."""
    kernel = read_kernel(Path("/"))
    assert kernel.release
    assert kernel_version(kernel.release) is not None
    assert read_permissions(Path("/")).uid is not None


@pytest.mark.parametrize(
    ("mounts", "found"),
    [
        (V1, ("v1", None)),
        (V2, ("v2", "/sys/fs/cgroup")),
        (V1 + "41 31 0:38 / /mnt/one\\040two rw - cgroup2 x rw\n", ("hybrid", "/mnt/one two")),
        ("41 31 0:38 / /a rw - cgroup2 x rw\n" + V2, ("v2", "/sys/fs/cgroup")),
        ("1 2 3 / /proc rw - proc proc rw\n", (None, None)),
        ("cgroup2\n - cgroup2\n1 - \n", (None, None)),
    ],
)
def test_cgroups(mounts: str, found: tuple[str | None, str | None]) -> None:
    """v1, v2 and both; blanks in paths; lines of another form."""
    cgroups = parse_cgroups(mounts)
    assert (cgroups.mode, cgroups.cgroup2) == found


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ("Uid:\t7\t8\t9\t9\nCapEff:\t0000000000001000\n", (8, ("net_admin",))),
        ("CapEff:\t0000020000000000\n", (None, ("cap_41",))),
        ("Uid:\tx\nCapEff:\tnonsense\n", (None, ())),
        ("", (None, ())),
    ],
)
def test_capabilities(status: str, found: tuple[int | None, tuple[str, ...]]) -> None:
    """By name, also where a bit has none yet."""
    assert parse_capabilities(status) == found


def test_lockdown() -> None:
    """The one in brackets."""
    assert parse_lockdown("none [integrity] confidentiality") == "integrity"
    assert parse_lockdown("nonsense") is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"proc__sys__kernel__osrelease": "5.4.0-150-generic"},
            ("5.4.0-150-generic is older than 5.8", "5.8 or newer"),
        ),
        ({"sys__kernel__btf__vmlinux": None}, ("/sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF")),
        ({"proc__sys__kernel__unprivileged_bpf_disabled": None}, ("bpf() system call", "CONFIG_BPF_SYSCALL")),
        ({"sys__kernel__security__lockdown": "none integrity [confidentiality]"}, ("lockdown", "lockdown=integrity")),
        ({"usr__lib__x86_64-linux-gnu__libbpf.so.1": None}, ("libbpf.so.1", "apt-get install libbpf1")),
    ],
)
def test_what_bpf_lacks_is_said_with_its_cure(
    tmp_path: Path, changed: dict[str, str | None], words: tuple[str, str]
) -> None:
    """The next best sensor is taken, and the sentence names what was looked for."""
    root = lay_out(tmp_path, **changed)
    sensor = choose_sensor(read_kernel(root), read_permissions(root), QUIET)
    assert sensor.chosen == "proc"
    assert words[0] in sensor.why
    assert sensor.mend is not None
    assert words[1] in sensor.mend


def status(*names: int) -> str:
    """A process with just these capabilities."""
    return f"Uid:\t1000\t1000\t1000\t1000\nCapEff:\t{sum(1 << name for name in names):016x}\n"


@pytest.mark.parametrize(
    ("held", "chosen"),
    [
        ((38, 39), "bpf"),
        ((21,), "bpf"),
        ((39,), "none"),
        ((39, 12), "proc"),
        ((37,), "audit"),
        ((), "none"),
    ],
)
def test_capabilities_decide_the_sensor(tmp_path: Path, held: tuple[int, ...], chosen: str) -> None:
    """BPF and PERFMON, or SYS_ADMIN; NET_ADMIN; AUDIT_READ; nothing."""
    root = lay_out(tmp_path, proc__self__status=status(*held))
    sensor = choose_sensor(read_kernel(root), read_permissions(root), RECORDING)
    assert sensor.chosen == chosen
    assert (sensor.mend is None) == (chosen == "bpf")
    if chosen != "bpf":
        assert "CAP_" in sensor.why
        assert "root" in (sensor.mend or "")


def test_what_loading_came_to_counts(tmp_path: Path) -> None:
    """All is there, and the kernel still refuses."""
    root = lay_out(tmp_path)
    kernel, permissions = read_kernel(root), read_permissions(root)
    refused = "the kernel refused the program"
    for probed, chosen in (
        ({"bpf": refused}, "proc"),
        ({"bpf": refused, "proc": "another process namespace"}, "audit"),
        ({"bpf": refused, "proc": "another process namespace", "audit": "no"}, "none"),
    ):
        sensor = choose_sensor(kernel, permissions, QUIET, probed)
        assert (sensor.chosen, refused in sensor.why) == (chosen, True)
    assert choose_sensor(read_kernel(tmp_path / "empty"), permissions, QUIET, {"bpf": None}).chosen == "bpf"


def test_a_kubelet_leaves_traces(tmp_path: Path) -> None:
    """Its folder of pods is enough."""
    (tmp_path / "var/lib/kubelet/pods").mkdir(parents=True)
    assert has_kubelet(tmp_path)


@pytest.mark.parametrize(
    ("release", "version"),
    [("6.1.0-18-amd64", (6, 1)), ("4.19", (4, 19)), ("six", None), (None, None), ("6.x", None)],
)
def test_kernel_version(release: str | None, version: tuple[int, int] | None) -> None:
    """What cannot be read is unknown, and is not held against the kernel."""
    assert kernel_version(release) == version


def rule(*fields: int, calls: int = 59, filter_: int = 4, action: int = 2) -> bytes:
    """A rule as the kernel lists it."""
    words = [0] * 64
    words[calls // 32] = 1 << calls % 32
    return struct.pack("=III64I64I128I", filter_, action, len(fields), *words, *fields, *[0] * (64 - len(fields) + 128))


def test_a_rule_counts_that_leaves_nobody_out() -> None:
    """Conditions on the architecture, on success and a key are none; one on the login user is: containers have none."""
    assert records_all(rule(11, 210), 59)
    assert records_all(rule(11, 104), 59)
    assert not records_all(rule(11, 9), 59)
    assert not records_all(rule(11, calls=42), 59)
    assert not records_all(rule(filter_=1), 59)
    assert not records_all(rule(action=0), 59)
    assert not records_all(rule()[:500], 59)


def test_audit_rules_are_read() -> None:
    """Whether a rule records the call for everybody; on a machine of unknown numbers that is unknown."""
    told = [struct.pack("=8I", 0, 1, 1, 0, 0, 64, 17, 0)]
    audit = parse_audit(told, [rule(11), rule(calls=42, action=0)], "x86_64")
    assert (audit.enabled, audit.execve_rule, audit.connect_rule, audit.lost) == (True, True, False, 17)
    assert parse_audit(told, [rule(9)], "x86_64").execve_rule is False
    assert parse_audit(told, [rule(calls=203)], "aarch64").connect_rule is True
    assert parse_audit(told, [rule(11)], "vax").execve_rule is None
    assert parse_audit(told, [b"short"], "x86_64").execve_rule is False
    assert parse_audit([], [], "x86_64").enabled is None


def test_an_audit_system_that_may_not_be_asked_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs CAP_AUDIT_CONTROL."""

    def refuse(what: int) -> list[bytes]:
        raise PermissionError

    monkeypatch.setattr(host_audit, "_ask", refuse)
    assert ask_audit() == Audit(enabled=None, execve_rule=None, connect_rule=None, lost=None)


def test_everything_is_every_capability() -> None:
    """The tests' own mask."""
    assert len(parse_capabilities(f"CapEff: {EVERYTHING}")[1]) == 41
