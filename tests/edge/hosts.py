"""Makes hosts that are not this one: folders with what /proc and /sys would say, and facts about them."""

from pathlib import Path

from tidewaiter.edge.host import (
    CAPABILITIES,
    Audit,
    Cgroups,
    Host,
    Kernel,
    Permissions,
    Socket,
    read_cgroups,
    read_kernel,
    read_permissions,
)
from tidewaiter.edge.host_sensor import choose_sensor

EVERYTHING = f"{(1 << len(CAPABILITIES)) - 1:016x}"
QUIET = Audit(enabled=False, execve_rule=False, connect_rule=False, lost=0)
RECORDING = Audit(enabled=True, execve_rule=True, connect_rule=True, lost=0)
HYBRID = """31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw
"""
DOCKER = Socket(
    runtime="docker",
    address="/run/docker.sock",
    state="answers",
    why=None,
    version="27.3.1",
    api="1.47",
    storage_driver="overlay2",
    image_store="docker",
)
NO_CONTAINERD = Socket(
    runtime="containerd",
    address="/run/containerd/containerd.sock",
    state="absent",
    why="there is no such socket",
)


def lay_out(root: Path, **changed: str | None) -> Path:
    """A root folder of a modern host run by root; a file set to None is not there (`/` is written `__`)."""
    files: dict[str, str | None] = {
        "proc__sys__kernel__osrelease": "6.1.0-18-amd64\n",
        "proc__sys__kernel__unprivileged_bpf_disabled": "2\n",
        "proc__sys__net__netfilter__nf_conntrack_events": "2\n",
        "proc__sys__net__netfilter__nf_conntrack_count": "5\n",
        "proc__net__connector": "Name            ID\ncn_proc         1:1\n",
        "proc__self__status": f"Name:\tx\nUid:\t1000\t0\t0\t0\nCapEff:\t{EVERYTHING}\n",
        "proc__self__mountinfo": HYBRID,
        "proc__self__loginuid": "4294967295",
        "sys__kernel__btf__vmlinux": "",
        "sys__kernel__security__lockdown": "[none] integrity confidentiality\n",
        "usr__lib__x86_64-linux-gnu__libbpf.so.1": "",
    }
    for name, text in (files | changed).items():
        if text is not None:
            file = root / name.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    return root


def host(
    root: Path,
    *sockets: Socket,
    audit: Audit = QUIET,
    kubelet: bool = False,
    kernel: Kernel | None = None,
    permissions: Permissions | None = None,
    cgroups: Cgroups | None = None,
) -> Host:
    """The facts of a root folder, with these sockets."""
    kernel, permissions = kernel or read_kernel(root), permissions or read_permissions(root)
    return Host(
        kernel=kernel,
        permissions=permissions,
        cgroups=cgroups or read_cgroups(root),
        audit=audit,
        kubelet=kubelet,
        sockets=sockets,
        sensor=choose_sensor(kernel, permissions, audit),
    )
