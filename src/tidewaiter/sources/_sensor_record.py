"""Defines the records of tidewaiter's own sensor: what the kernel told of processes and connections in containers.

`edge/` writes them, `sources/sensor.py` reads them; one record is one JSON object on a line.
"""

import msgspec


class ContainerNamed(msgspec.Struct, frozen=True, gc=False):
    """The container as the path of its cgroup names it."""

    id: str
    """64 hex, or the name that somebody chose (`ctr run IMAGE c1`)."""
    runtime: str | None = None
    """`docker`, `containerd`, `cri-o`, `podman`; None where the path does not tell."""
    namespace: str | None = None
    """containerd's namespace, where the path tells it."""


class ExecRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="kind", tag="sensor_exec"):
    """A process image was executed in a container."""

    schema: int = 1
    time_ns: int
    """UTC."""
    sensor: str
    """`bpf`, `proc`, `audit`."""
    container: ContainerNamed | None
    pid: int
    """Host pid (thread group)."""
    parent_pid: int | None = None
    parent_exe: str | None = None
    uid: int | None = None
    exe: str | None = None
    """The file that runs; of a script, its interpreter."""
    args: list[str] = []
    is_args_cut: bool = False
    cwd: str | None = None
    is_upper_layer: bool | None = None
    """True: no layer of the image holds the file (overlay's upper layer, tmpfs, a file without a name)."""


class FlowRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="kind", tag="sensor_flow"):
    """A process in a container opened a connection, sent a datagram, or tried to."""

    schema: int = 1
    time_ns: int
    sensor: str
    """`bpf`, `conntrack`."""
    container: ContainerNamed | None
    """None where only addresses are known (conntrack)."""
    protocol: str
    """`tcp`, `udp`, ..."""
    dst_ip: str
    dst_port: int | None
    dst_name: str | None = None
    """The name that the container had asked for when DNS answered with this address."""
    src_ip: str | None = None
    direction: str = "egress"
    is_refused: bool = False
    exe: str | None = None
    pid: int | None = None


class ConditionRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="kind", tag="sensor_condition"):
    """From now on a collector sees, or does not see, something on this node."""

    schema: int = 1
    time_ns: int
    collector: str
    sight: str
    """`images`, `containers`, `execs`, `connections`, `names`."""
    why: str | None
    """Why it is not seen; None: it is seen."""


SensorRecord = ExecRecord | FlowRecord | ConditionRecord
