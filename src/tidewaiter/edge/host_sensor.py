"""Turns what a host offers into the sensor that can be used on it, with the reason, and how a better one could be.

The order is that of `watch --sensor auto`: BPF, the proc connector with conntrack, audit, none.
"""

from collections.abc import Mapping

from tidewaiter.edge.host import Audit, Kernel, Permissions, Sensor

_BPF_SINCE = (5, 8)
"""The first kernel with the ring buffer and CAP_BPF."""


def bpf_problems(kernel: Kernel, permissions: Permissions) -> list[tuple[str, str]]:
    """(what is missing for the BPF sensor, how to mend it), one for each thing; none where nothing is known of."""
    found: list[tuple[str, str]] = []
    release = kernel_version(kernel.release)
    if release is not None and release < _BPF_SINCE:
        found.append((f"kernel {kernel.release} is older than 5.8", "boot a kernel of 5.8 or newer"))
    if not kernel.btf:
        told = "the kernel does not describe its types (no /sys/kernel/btf/vmlinux)"
        found.append((told, "boot a kernel built with CONFIG_DEBUG_INFO_BTF, with /sys mounted"))
    if not kernel.bpf_syscall:
        told = "the kernel has no bpf() system call (no /proc/sys/kernel/unprivileged_bpf_disabled)"
        found.append((told, "boot a kernel built with CONFIG_BPF_SYSCALL"))
    if kernel.lockdown == "confidentiality":
        found.append(
            ("kernel lockdown (confidentiality) keeps BPF from reading", "boot with lockdown=integrity or none")
        )
    if kernel.libbpf is None:
        found.append(("the library libbpf.so.1 is not installed", "install libbpf (Debian: apt-get install libbpf1)"))
    held = set(permissions.capabilities)
    lacking = [name for name in ("bpf", "perfmon") if name not in held]
    if lacking and "sys_admin" not in held:
        wanted = " and ".join(f"CAP_{name.upper()}" for name in lacking)
        found.append((f"user {permissions.uid} lacks {wanted}", f"run it as root, or give it {wanted}"))
    return found


def choose_sensor(
    kernel: Kernel, permissions: Permissions, audit: Audit, probed: Mapping[str, str | None] | None = None
) -> Sensor:
    """The best that can be used. `probed`: what the sensors say themselves (`sensor.probes`); that goes first."""
    said = probed or {}

    def is_usable(name: str, is_offered: bool) -> bool:
        return said[name] is None if name in said else is_offered

    held = set(permissions.capabilities)
    problems = bpf_problems(kernel, permissions)
    if is_usable("bpf", not problems):
        return Sensor(chosen="bpf", why="BTF, libbpf.so.1 and the capabilities for BPF are there", mend=None)
    # What the sensor itself says holds its own cure.
    problem = ", ".join(told for told, _ in problems) or said.get("bpf")
    mend = "; ".join(cure for _, cure in problems) or None
    if is_usable("proc", kernel.proc_connector and "net_admin" in held):
        flows = "connections by conntrack" if sees_conntrack(kernel, permissions) else "no connections"
        why = f"no BPF: {problem}; the proc connector reports processes, {flows}"
        return Sensor(chosen="proc", why=why, mend=mend)
    if is_usable("audit", kernel.audit and "audit_read" in held):
        rule = "" if audit.execve_rule else ", once there is a rule for execve"
        return Sensor(chosen="audit", why=f"no BPF: {problem}; audit reports processes{rule}", mend=mend)
    return Sensor(chosen="none", why=f"{problem}; and the proc connector and audit are not usable either", mend=mend)


def sees_conntrack(kernel: Kernel, permissions: Permissions) -> bool:
    """Whether conntrack tells of new connections here."""
    return kernel.conntrack and kernel.conntrack_events is True and "net_admin" in permissions.capabilities


def kernel_version(release: str | None) -> tuple[int, int] | None:
    """(major, minor) of `6.1.0-18-amd64`."""
    parts = (release or "").split(".")
    if len(parts) < 2 or not parts[0].isdecimal():
        return None
    minor = "".join(sign for sign in parts[1] if sign.isdecimal())
    return (int(parts[0]), int(minor)) if minor else None
