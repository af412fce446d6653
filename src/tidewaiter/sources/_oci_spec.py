"""Turns the OCI runtime spec of a container into the answers to what it shares with its host.

Shape: runtime-spec `config.md` and `config-linux.md`. Only members that are read are named.
"""

import msgspec

from tidewaiter.sources._inspect import is_host_root

_HOST_PID = "/proc/1/ns/pid"
_ADMINISTER = "CAP_SYS_ADMIN"


class Namespace(msgspec.Struct):
    type: str | None = None
    path: str | None = None
    """A namespace that is joined, instead of a new one."""


class Mount(msgspec.Struct):
    type: str | None = None
    source: str | None = None
    options: list[str] | None = None


class Linux(msgspec.Struct, rename="camel"):
    namespaces: list[Namespace] | None = None
    cgroups_path: str | None = None
    masked_paths: list[str] | None = None
    readonly_paths: list[str] | None = None


class Capabilities(msgspec.Struct):
    bounding: list[str] | None = None


class Process(msgspec.Struct):
    capabilities: Capabilities | None = None


class RuntimeSpec(msgspec.Struct):
    """The `config.json` that a runtime makes a container from."""

    annotations: dict[str, str] | None = None
    linux: Linux | None = None
    mounts: list[Mount] | None = None
    process: Process | None = None

    @property
    def is_privileged(self) -> bool | None:
        """Whether it is what `--privileged` makes; None where the spec says nothing of it.

        A spec has no such word. Docker, CRI, `ctr` and nerdctl all write it as capabilities that administer the host,
        with nothing of /proc and /sys masked or read-only.
        """
        capabilities = self.process.capabilities if self.process else None
        if self.linux is None or capabilities is None:
            return None
        is_open = not self.linux.masked_paths and not self.linux.readonly_paths
        return is_open and _ADMINISTER in (capabilities.bounding or ())

    @property
    def has_host_pid(self) -> bool | None:
        """Whether it shares the host's pid namespace: it makes none and joins none, or joins that of process 1."""
        namespaces = self.linux.namespaces if self.linux else None
        if namespaces is None:
            return None
        return all(namespace.type != "pid" or namespace.path == _HOST_PID for namespace in namespaces)

    @property
    def mounts_host_root(self) -> bool | None:
        """Whether the host's root is mounted; None where its mounts are not told."""
        if self.mounts is None:
            return None
        return any(is_host_root(mount.source) for mount in self.mounts if _is_bind(mount))


def _is_bind(mount: Mount) -> bool:
    return mount.type == "bind" or not {"bind", "rbind"}.isdisjoint(mount.options or ())
