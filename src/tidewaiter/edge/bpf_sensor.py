"""Turns what processes in containers do into records, through BPF programs that tell of it from within the kernel."""

import os
import platform
from contextlib import ExitStack
from pathlib import Path

from tidewaiter.edge._bpf_reading import Reading
from tidewaiter.edge.cgroup_root import open_cgroup_root
from tidewaiter.edge.collector import Condition, Desk
from tidewaiter.edge.dns_names import DnsNames
from tidewaiter.edge.host import read_permissions
from tidewaiter.edge.libbpf import LIBRARY, BpfObject, LibbpfError, version
from tidewaiter.edge.proc_files import cgroup_paths

OBJECT = Path(__file__).with_name("sensor.bpf.o")
_TYPES = Path("/sys/kernel/btf/vmlinux")
_CAPABILITIES = ("CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN")
_SYS_ADMIN = "CAP_SYS_ADMIN"
"""Stands for all of them."""
_FOR_TRAFFIC = "CAP_NET_ADMIN"
_TRAFFIC = "cgroup"
"""How the sections begin whose programs run for the root of cgroup version 2."""


def probe() -> str | None:
    """None where the sensor can be loaded, else what was looked for, what is missing and how to mend it."""
    lacking = _lacking()
    if lacking is not None:
        return lacking
    try:
        with BpfObject(OBJECT) as sensor:
            if _FOR_TRAFFIC in missing_capabilities():
                _leave_out_traffic(sensor)
            sensor.load()
    except LibbpfError as error:
        return _refused(error)
    return None


def missing_capabilities(root: Path = Path("/")) -> list[str]:
    """The capabilities that this process would need to see everything and does not have."""
    held = {f"CAP_{name.upper()}" for name in read_permissions(root).capabilities}
    return [] if _SYS_ADMIN in held else [name for name in _CAPABILITIES if name not in held]


class BpfSensor:
    """The collector `sensor`, by BPF."""

    name = "sensor"

    def run(self, desk: Desk) -> None:
        """Collect until the desk is stopped. See Collector."""
        desk.tell(Condition(self.name, "starting", "loads BPF programs into the kernel"))
        lacking = _lacking()
        if lacking is not None:
            self._fail(desk, lacking)
            return
        with ExitStack() as until_end:
            try:
                loaded, condition = self._load(until_end)
                reading = Reading(desk, loaded, DnsNames(), cgroup_paths())
                desk.tell(condition)
                reading.follow()
            except LibbpfError as error:
                until_end.close()
                self._fail(desk, _refused(error))

    def _fail(self, desk: Desk, sentence: str) -> None:
        desk.tell(Condition(self.name, "off", sentence, ("execs", "connections", "names")))

    def _load(self, until_end: ExitStack) -> tuple[BpfObject, Condition]:
        """Load and attach all programs; where they cannot be, those for processes and TCP, and say so."""
        try:
            root = _traffic_root()
            until_end.callback(os.close, root)
            loaded = until_end.enter_context(attached(root))
        except LibbpfError as error:
            loaded = until_end.enter_context(attached(None))
            return loaded, Condition(
                self.name,
                "ready",
                f"BPF: executions and TCP of containers, from the kernel; no datagrams and no DNS answers: {error}",
                ("connections", "names"),
            )
        return loaded, Condition(
            self.name, "ready", "BPF: executions, TCP, datagrams and DNS answers of containers, from the kernel"
        )


def attached(cgroup: int | None, ring_bytes: int = 0) -> BpfObject:
    """The programs, running. Without a cgroup those that need one are left out. `ring_bytes`: not the usual size.

    Raises LibbpfError.
    """
    with ExitStack() as on_error:
        loaded = on_error.enter_context(BpfObject(OBJECT))
        if ring_bytes:
            loaded.resize("ring", ring_bytes)
        if cgroup is None:
            _leave_out_traffic(loaded)
        loaded.load()
        for section in loaded.programs():
            if not section.startswith(_TRAFFIC):
                loaded.attach(section)
            elif cgroup is not None:
                loaded.attach(section, cgroup)
        on_error.pop_all()
        return loaded


def _traffic_root() -> int:
    """The folder of the cgroup whose traffic is all traffic; raises LibbpfError where that cannot be watched."""
    if _FOR_TRAFFIC in missing_capabilities():
        raise LibbpfError(f"that needs {_FOR_TRAFFIC}, which this process lacks")
    root = open_cgroup_root()
    if root is None:
        raise LibbpfError("no root of cgroup version 2 was found, nor could it be mounted (CAP_SYS_ADMIN)")
    return root


def _leave_out_traffic(sensor: BpfObject) -> None:
    for section in sensor.programs():
        if section.startswith(_TRAFFIC):
            sensor.leave_out(section)


def _lacking() -> str | None:
    """What can be known to be missing without asking the kernel to load anything."""
    try:
        version()
    except LibbpfError:
        return (
            f"The BPF sensor needs {LIBRARY}, which is not installed here; install it (Debian, Ubuntu: apt-get install "
            "libbpf1; Fedora, RHEL: dnf install libbpf)."
        )
    if not _TYPES.exists():
        return (
            f"The BPF sensor needs {_TYPES}, which this kernel ({platform.release()}) does not have; a kernel of 5.8 "
            "or newer that was built with CONFIG_DEBUG_INFO_BTF has it, as those of current distributions are."
        )
    missing = missing_capabilities()
    if set(missing) - {_FOR_TRAFFIC}:
        return (
            f"The BPF sensor needs the capabilities {', '.join(_CAPABILITIES)}, and this process lacks "
            f"{', '.join(missing)}; run it as root, or give it those (AmbientCapabilities= of its systemd unit)."
        )
    return None


def _refused(error: LibbpfError) -> str:
    return (
        f"The BPF sensor could not be loaded into this kernel ({platform.release()}): {error}; it needs 5.8 or newer, "
        "and BPF not forbidden by lockdown, seccomp or a container that it runs in."
    )
