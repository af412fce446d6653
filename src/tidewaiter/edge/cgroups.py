"""Turns the path of a cgroup into the container that it stands for, as container runtimes name their cgroups.

Rules
- The innermost container counts: `/docker/A/docker/B` is B, `/docker/A/init.scope` is A.
- A monitor that a runtime keeps beside a container (`crio-conmon-`, `libpod-conmon-`) is in no container.
- containerd's `ctr` names the cgroup `/NAMESPACE/ID`, both chosen by people. That form says little, so it counts only
  as a whole path (deeper ones in containerd's default namespace alone), and not where the host's own trees have it.

Sources: runc `libcontainer/cgroups/systemd` (`PREFIX-ID.scope`); moby `daemon/oci_linux.go`; cri-o
`internal/config/cgmgr`; podman `libpod/oci_conmon_common.go`, `container_internal_linux.go`; containerd
`pkg/identifiers` (names), `cmd/ctr/commands/run`.
"""

import re
from functools import lru_cache

from tidewaiter.sources._sensor_record import ContainerNamed

_LONGEST_PATH = 4096
"""PATH_MAX: the kernel prints no longer path of a cgroup."""
_GONE = " (deleted)"

_ID = "([0-9a-f]{64})"
_NAMED = re.compile(
    rf"(?:(docker|cri-containerd|nerdctl|crio|libpod|libpod-payload)-)?{_ID}(?:\.scope)?\Z"
    rf"|[^/]{{1,255}}:(cri-containerd|crio|docker|libpod):{_ID}\Z"
)
_RUNTIMES = {
    "docker": ("docker", None),
    "cri-containerd": ("containerd", "k8s.io"),
    "nerdctl": ("containerd", None),
    "crio": ("cri-o", None),
    "libpod": ("podman", None),
    "libpod-payload": ("podman", None),
}
_PARENTS = {
    "docker": ("docker", None),
    "libpod_parent": ("podman", None),
    "k8s.io": ("containerd", "k8s.io"),
    "default": ("containerd", "default"),
}
"""What the cgroup above a bare id tells."""

_NOTHING: tuple[str | None, str | None] = (None, None)
_TOLD_BY = frozenset({"", "pids", "devices", "name=systemd"})
_DEFAULT = "default"
_IDENTIFIER = re.compile(r"[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*\Z")
_LONGEST_IDENTIFIER = 76
_UNITS = (".slice", ".scope", ".service", ".mount", ".socket", ".swap", ".partition", ".libvirt-qemu", ".libvirt-lxc")
_HOST_TREES = frozenset(
    {"docker", "kubepods", "kubelet", "libpod", "libpod_parent", "podman", "crio", "ecs", "lxc", "lxc.payload"}
    | {"lxc.monitor", "lxd", "incus", "machine", "user", "system", "init", "elogind", "openrc", "sysdefault", "garden"}
    | {"mesos", "yarn", "hadoop-yarn", "slurm", "htcondor", "nomad", "buildkit", "firejail", "unified"}
    | {"uid_0", "actions_job", "process_api", "besteffort", "burstable"}
)
"""First parts of two-part paths that other software than `ctr` is known to make."""


@lru_cache(maxsize=16384)
def container_of(path: str) -> ContainerNamed | None:
    """The innermost container that a cgroup's path names, else None. Any text may be given."""
    if len(path) > _LONGEST_PATH:
        return None
    parts = path.removesuffix(_GONE).strip("/").split("/")
    for index in range(len(parts) - 1, -1, -1):
        if len(parts[index]) >= 64 and (match := _NAMED.match(parts[index])) is not None:
            prefix, plain, infix, inner = match.groups()
            told = prefix or infix
            runtime, namespace = _RUNTIMES[told] if told else _PARENTS.get(parts[index - 1] if index else "", _NOTHING)
            return ContainerNamed(id=plain or inner, runtime=runtime, namespace=namespace)
    return _chosen(parts)


def container_in(text: str) -> ContainerNamed | None:
    """The container of a process by its /proc/PID/cgroup; None where it is in none, or the text is of another form.

    Version 2's line and, of version 1, the hierarchies that every runtime puts a container into; others (memory, cpu)
    are used by all kinds of software.
    """
    best: ContainerNamed | None = None
    depth = -1
    for line in text.split("\n"):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers in _TOLD_BY and path.count("/") > depth and (found := container_of(path)) is not None:
            best, depth = found, path.count("/")
    return best


def _chosen(parts: list[str]) -> ContainerNamed | None:
    if len(parts) < 2 or parts[0] in _HOST_TREES or (len(parts) > 2 and parts[0] != _DEFAULT):
        return None
    for part in parts[:2]:
        if len(part) > _LONGEST_IDENTIFIER or part.endswith(_UNITS) or _IDENTIFIER.match(part) is None:
            return None
    return ContainerNamed(id=parts[1], runtime="containerd", namespace=parts[0])
