"""Turns a machine into a host with containers: Docker, containerd with CRI, and a registry, in a network of their own.

    with Lab.started() as lab:
        docker = Docker(lab.docker_socket)

Everything lives in one folder and in one network namespace without an uplink; inside, a few documentary addresses
answer as the outside world does (`lab_world.py`). Nothing of it is left when the context ends.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import lab_world
from lab_traces import cgroups, command_line, kill, parent_of, pids, remove_cgroup, wait_until

REGISTRY = "127.0.0.1:5000"
_NEEDED = ("dockerd", "containerd", "containerd-shim-runc-v2", "runc", "docker-registry", "skopeo", "ctr", "ip")
_NEEDED_TOO = ("nsenter", "iptables", "busybox")
_READY_SECONDS = 60.0
_STOP_SECONDS = 15.0
_ADDRESSES = (f"{lab_world.OUTSIDE}/32", f"{lab_world.RESOLVER}/32", f"{lab_world.OUTSIDE_6}/128")
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_SHIM_TASKS = "containerd/state/io.containerd.runtime.v2.task"


class LabUnavailableError(Exception):
    """The lab cannot be started on this machine; the message says why."""


def run(*command: str, timeout_s: float = 120.0) -> str:
    """What a program prints. Raises RuntimeError with its complaint where it fails."""
    ended = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)  # noqa: S603 - our own command
    if ended.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {(ended.stderr or ended.stdout).strip()[-1000:]}")
    return ended.stdout


class Lab:
    """The daemons of one lab. `started` makes one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.namespace = folder.name
        self.docker_socket = folder / "docker.sock"
        self.containerd_socket = folder / "containerd.sock"
        self.docker_log = folder / "dockerd.log"
        self.registry_log = folder / "registry.log"
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[Self]:
        """A lab that is ready. Raises LabUnavailableError where this machine cannot have one."""
        missing = [program for program in (*_NEEDED, *_NEEDED_TOO) if shutil.which(program) is None]
        if missing:
            raise LabUnavailableError(f"not on this machine: {', '.join(missing)}")
        if os.geteuid() != 0:
            raise LabUnavailableError("only root can start Docker and containerd")
        # The path of a socket has 107 characters at most, so the folder's is short.
        lab = cls(Path(tempfile.mkdtemp(prefix="twlab-")))
        try:
            try:
                lab._start()
            except (OSError, RuntimeError, TimeoutError) as error:
                raise LabUnavailableError(f"the daemons do not start here: {error}") from error
            yield lab
        finally:
            lab.stop()

    # ------------------------------------------------------------------------------------------- daemons

    def _start(self) -> None:
        run("ip", "netns", "add", self.namespace)
        self.inside("ip", "link", "set", "lo", "up")
        for address in _ADDRESSES:
            self.inside("ip", "address", "add", address, "dev", "lo")
        self._configure()
        self._launch("world", sys.executable, lab_world.__file__, str(self.folder))
        self._launch("registry", "docker-registry", "serve", str(self.folder / "registry.yml"))
        self.start_containerd()
        self.start_dockerd()
        self._until("world", lambda: lab_world.READY in self._said("world"))
        self._until("registry", lambda: "listening on" in self._said("registry"))

    def _configure(self) -> None:
        folder = self.folder
        (folder / "registry.yml").write_text(
            "version: 0.1\nlog: {accesslog: {disabled: false}, level: info, formatter: json}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/registry}}, delete: {{enabled: true}}}}\n"
            f'http: {{addr: "{REGISTRY}"}}\n'
        )
        (folder / "daemon.json").write_text(
            '{"live-restore": true, "ipv6": true, "fixed-cidr-v6": "fd7a:1ab::/64", "shutdown-timeout": 5}'
        )
        (folder / "containerd.toml").write_text(
            f'version = 2\nroot = "{folder}/containerd/root"\nstate = "{folder}/containerd/state"\n'
            # These two would write outside the folder.
            'disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp"]\n'
            f'[grpc]\naddress = "{self.containerd_socket}"\n'
            '[plugins."io.containerd.grpc.v1.cri"]\n'
            f'sandbox_image = "{REGISTRY}/lab/pause:1"\nrestrict_oom_score_adj = true\n'
            'disable_apparmor = true\nstream_server_address = "127.0.0.1"\n'
            f'[plugins."io.containerd.grpc.v1.cri".registry.mirrors."{REGISTRY}"]\nendpoint = ["http://{REGISTRY}"]\n'
        )

    def start_containerd(self) -> None:
        """Start containerd and wait until it answers."""
        self._launch("containerd", "containerd", "--config", str(self.folder / "containerd.toml"))
        # HTTP/2's preface and an empty frame of settings: whoever serves gRPC answers with its own.
        self._until("containerd", lambda: _says(self.containerd_socket, _PREFACE) != b"")

    def start_dockerd(self) -> None:
        """Start dockerd and wait until it answers."""
        folder = self.folder
        self._launch(
            *("dockerd", "dockerd", f"--host=unix://{self.docker_socket}", f"--containerd={self.containerd_socket}"),
            *(f"--data-root={folder}/docker", f"--exec-root={folder}/exec", f"--pidfile={folder}/docker.pid"),
            f"--config-file={folder}/daemon.json",
        )
        self._until("dockerd", lambda: _says(self.docker_socket, b"GET /_ping HTTP/1.0\r\n\r\n").endswith(b"OK"))

    def end(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        """End one daemon (`dockerd`, `containerd`, `registry`, `world`) and wait until it is gone."""
        process = self._daemons.pop(name, None)
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def inside(self, *command: str) -> str:
        """What a program prints that runs in the lab's network. Raises RuntimeError where it fails."""
        return run(*self.entered(), *command)

    def ctr(self, *command: str) -> str:
        """What containerd's own client prints; its namespace has the lab's name."""
        return self.inside("ctr", "--address", str(self.containerd_socket), "--namespace", self.namespace, *command)

    @contextmanager
    def ctr_container(self, image: str, name: str) -> Iterator[None]:
        """A container of containerd's own client, in the lab's network, until the context ends."""
        self.ctr("run", "--detach", "--net-host", image, name)
        try:
            yield
        finally:
            self.ctr("task", "delete", "--force", name)
            self.ctr("container", "delete", name)

    def entered(self) -> list[str]:
        """What stands before a command that is to run in the lab's network."""
        # Not `ip netns exec`, which mounts /sys anew and so hides the cgroups.
        return ["nsenter", f"--net=/run/netns/{self.namespace}"]

    def _launch(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._daemons[name] = subprocess.Popen(  # noqa: S603 - our own command
                [*self.entered(), *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def _until(self, name: str, holds: Callable[[], bool]) -> None:
        def answers() -> bool:
            if self._daemons[name].poll() is not None:
                raise RuntimeError(f"{name} ended: {self._said(name).strip()[-400:]}")
            return holds()

        wait_until(answers, f"{name} answers", _READY_SECONDS)

    # ------------------------------------------------------------------------------------------- the end

    def stop(self) -> None:
        """End what was started, and take away what it left."""
        chosen = self._container_ids()
        for name in ("dockerd", "containerd", "registry", "world"):
            self.end(name)
        self._end_shims()
        for address in self.folder.glob(f"{_SHIM_TASKS}/*/*/address"):
            Path(address.read_text().removeprefix("unix://")).unlink(missing_ok=True)
        for state in Path("/run/containerd/runc").glob("*/*"):
            if state.name in chosen:
                shutil.rmtree(state, ignore_errors=True)
        for mount in sorted(self.mounts(), reverse=True):
            subprocess.run(["umount", "--lazy", mount], capture_output=True)  # noqa: S603, S607 - our own command
        for cgroup in sorted(cgroups(chosen), key=lambda path: len(path.parts), reverse=True):
            remove_cgroup(cgroup)
        for state in Path("/run/containerd/runc").glob(self.namespace):
            shutil.rmtree(state, ignore_errors=True)
        with contextlib.suppress(RuntimeError):
            run("ip", "netns", "delete", self.namespace)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end_shims(self) -> None:
        """A shim outlives its containerd on purpose, and what runs in a container is the shim's child."""
        shims = {pid for pid in self.processes() if "containerd-shim" in command_line(pid)}
        for pid in (child for child in pids() if parent_of(child) in shims):
            kill(pid)
        for pid in shims:
            kill(pid)
        wait_until(lambda: not self.processes(), "the lab's processes are gone", _STOP_SECONDS)

    def _container_ids(self) -> set[str]:
        folders = [*self.folder.glob(f"{_SHIM_TASKS}/*/*"), *self.folder.glob("docker/containers/*")]
        return {path.name for path in folders}

    def processes(self) -> list[int]:
        """The processes whose command line names the lab's folder."""
        return [pid for pid in pids() if pid != os.getpid() and str(self.folder) in command_line(pid)]

    def mounts(self) -> list[str]:
        """What is mounted below the lab's folder."""
        mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        return [path for path in mounted if path.startswith(f"{self.folder}/")]

    def leftovers(self, container_ids: set[str]) -> list[str]:
        """What of the lab is still there: processes, mounts, cgroups, the namespace, the folder."""
        left = [*map(command_line, self.processes()), *self.mounts(), *map(str, cgroups(container_ids))]
        left += [str(path) for path in (self.folder, Path("/run/netns") / self.namespace) if path.exists()]
        runc = Path("/run/containerd/runc").glob("*/*")
        return left + [str(path) for path in runc if path.name in container_ids]


def _says(path: Path, question: bytes) -> bytes:
    """What a socket answers at first; nothing where nobody listens, or nobody answers within a second."""
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(1)
        try:
            asked.connect(str(path))
            asked.sendall(question)
            return asked.recv(4096)
        except OSError:
            return b""
