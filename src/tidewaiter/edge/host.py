"""Turns what a host's /proc, /sys and library folders say into what can be collected on it.

Everything is read below a root that can be another host's files, and the parsing is apart from the reading. Sources:
proc(5), cgroups(7), capabilities(7), Documentation/admin-guide/sysctl (kernel.unprivileged_bpf_disabled,
net.netfilter.nf_conntrack_events).
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from tidewaiter.edge.cgroup_root import mount_points
from tidewaiter.edge.runtime_sockets import Runtime

CAPABILITIES = (
    *("chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap"),
    *("linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner"),
    *("sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice"),
    *("sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap"),
    *("mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf"),
    "checkpoint_restore",
)
"""By bit, as in linux/capability.h."""
_LIBRARY = "libbpf.so.1"
_LIBRARY_FOLDERS = ("lib", "lib64", "usr/lib", "usr/lib64", "usr/local/lib", "lib/*-linux-*", "usr/lib/*-linux-*")
_PIECE_BYTES = 64 * 1024
_PIECES = 64

CgroupMode = Literal["v1", "v2", "hybrid"]


class Kernel(msgspec.Struct, frozen=True, kw_only=True):
    """What the kernel offers to sensors."""

    release: str | None
    btf: bool
    """Whether it describes its types (/sys/kernel/btf/vmlinux)."""
    bpf_syscall: bool
    libbpf: str | None
    """Where the library lies that loads BPF objects."""
    lockdown: str | None
    """`none`, `integrity`, `confidentiality`; None: not told."""
    proc_connector: bool
    conntrack: bool
    conntrack_events: bool | None
    """Whether conntrack tells of new connections; None: it is not loaded, or the kernel is built without."""
    audit: bool


class Permissions(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are."""

    uid: int | None
    capabilities: tuple[str, ...]
    """Effective ones, by their names in lower case without `cap_`."""


class Cgroups(msgspec.Struct, frozen=True, kw_only=True):
    """Where processes are filed."""

    mode: CgroupMode | None
    cgroup2: str | None
    """Where the unified hierarchy is mounted."""


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """What the kernel's audit system does now."""

    enabled: bool | None
    """None: we may not ask."""
    execve_rule: bool | None
    connect_rule: bool | None
    lost: int | None
    """Records lost since boot."""


class Socket(msgspec.Struct, frozen=True, kw_only=True):
    """One runtime's socket."""

    runtime: Runtime
    address: str
    state: Literal["answers", "absent", "forbidden", "silent"]
    why: str | None
    version: str | None = None
    api: str | None = None
    storage_driver: str | None = None
    image_store: str | None = None
    """`containerd`, or the runtime's own."""
    namespaces: tuple[str, ...] | None = None
    """containerd's."""


class Sensor(msgspec.Struct, frozen=True, kw_only=True):
    """Which sensor `watch` would take, and why."""

    chosen: Literal["bpf", "proc", "audit", "none"]
    why: str
    mend: str | None


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was found out about this host without collecting."""

    kernel: Kernel
    permissions: Permissions
    cgroups: Cgroups
    audit: Audit
    kubelet: bool
    sockets: tuple[Socket, ...]
    sensor: Sensor


def parse_capabilities(status: str) -> tuple[int | None, tuple[str, ...]]:
    """(effective uid, effective capabilities) of a /proc/PID/status; bits without a name are `cap_NUMBER`."""
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    uids = fields.get("Uid", "").split()
    uid = int(uids[1]) if len(uids) > 1 and uids[1].isdecimal() else None
    try:
        bits = int(fields.get("CapEff", "0").strip() or "0", 16)
    except ValueError:
        bits = 0
    held = [number for number in range(min(bits.bit_length(), 64)) if bits >> number & 1]
    return uid, tuple(CAPABILITIES[n] if n < len(CAPABILITIES) else f"cap_{n}" for n in held)


def parse_cgroups(mountinfo: str) -> Cgroups:
    """The hierarchies of a /proc/PID/mountinfo; where several are mounted, what is below /sys/fs/cgroup counts first.

    Named hierarchies without a controller (`name=systemd`) make no v1: they are there in hybrid mode only.
    """
    unified = list(mount_points(mountinfo))
    has_v1 = any(line.partition(" - ")[2].startswith("cgroup ") for line in mountinfo.splitlines())
    unified.sort(key=lambda path: (not path.startswith("/sys/fs/cgroup"), path))
    mode: CgroupMode | None = ("hybrid" if has_v1 else "v2") if unified else ("v1" if has_v1 else None)
    return Cgroups(mode=mode, cgroup2=unified[0] if unified else None)


def parse_connector(table: str) -> bool:
    """Whether a /proc/net/connector lists the connector that tells of processes."""
    return any(line.split()[:1] == ["cn_proc"] for line in table.splitlines())


def parse_lockdown(text: str) -> str | None:
    """The mode in brackets of /sys/kernel/security/lockdown: `none [integrity] confidentiality`."""
    found = re.search(r"\[([a-z]+)\]", text)
    return found[1] if found else None


def read_kernel(root: Path) -> Kernel:
    """What the kernel offers."""
    events = _text(root / "proc/sys/net/netfilter/nf_conntrack_events").strip()
    sysctl = root / "proc/sys/kernel/unprivileged_bpf_disabled"
    return Kernel(
        release=_text(root / "proc/sys/kernel/osrelease").strip() or None,
        btf=_exists(root / "sys/kernel/btf/vmlinux"),
        bpf_syscall=_exists(sysctl),
        libbpf=_library(root),
        lockdown=parse_lockdown(_text(root / "sys/kernel/security/lockdown")),
        proc_connector=parse_connector(_text(root / "proc/net/connector")),
        conntrack=_exists(root / "proc/sys/net/netfilter/nf_conntrack_count"),
        conntrack_events=events != "0" if events.isdecimal() else None,
        audit=_exists(root / "proc/self/loginuid"),
    )


def read_permissions(root: Path) -> Permissions:
    """Who we are."""
    uid, capabilities = parse_capabilities(_text(root / "proc/self/status"))
    return Permissions(uid=uid, capabilities=capabilities)


def read_cgroups(root: Path) -> Cgroups:
    """Where processes are filed."""
    return parse_cgroups(_text(root / "proc/self/mountinfo"))


def has_kubelet(root: Path) -> bool:
    """Whether a kubelet has been at work here."""
    return _exists(root / "var/lib/kubelet/config.yaml") or _exists(root / "var/lib/kubelet/pods")


def _library(root: Path) -> str | None:
    found: Iterable[Path] = (path for folder in _LIBRARY_FOLDERS for path in sorted(root.glob(f"{folder}/{_LIBRARY}")))
    path = next(iter(found), None)
    return None if path is None else f"/{path.relative_to(root)}"


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _text(path: Path) -> str:
    """The file's text, or nothing where it is not there or may not be read."""
    try:
        with path.open("rb", buffering=0) as file:
            # In small pieces: the kernel refuses to prepare a large one for a setting (ENOMEM).
            pieces: list[bytes] = []
            while (piece := file.read(_PIECE_BYTES)) and len(pieces) < _PIECES:
                pieces.append(piece)
    except OSError:
        return ""
    return b"".join(pieces).decode("utf-8", "replace")
