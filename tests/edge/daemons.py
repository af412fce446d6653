"""Starts real daemons on loopback for tests, and ends those it started."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_READY_SECONDS = 60
USER = "ann"
PASSWORD = "s3cret-of-ann"  # noqa: S105 - made up
_HTPASSWD = "ann:$2y$05$abcdefghijklmnopqrstuubGIO2GYAzsTYkWDBylJZ1TngL2ovaZy\n"


def needed(*programs: str) -> None:
    """Skip the test where a program is not installed."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not on this machine: {', '.join(missing)}; what they would prove was not proven")


def run(*command: str) -> str:
    """What a program prints; the test fails where the program does."""
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)  # noqa: S603 - the test's own command
    assert ended.returncode == 0, f"{command}: {ended.stderr[-2000:]}"
    return ended.stdout


@contextmanager
def daemon(command: list[str], ready: str) -> Iterator[str]:
    """A program that runs until the context ends. Gives the line of its log that says that it is ready."""
    process = subprocess.Popen(  # noqa: S603 - the test's own command
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    log: list[str] = []
    found = threading.Event()

    def follow(stream: Iterator[str]) -> None:
        # Read on for as long as it runs: a full pipe would stop it.
        for line in stream:
            log.append(line)
            if ready in line:
                found.set()
        found.set()

    follower = threading.Thread(target=follow, args=(process.stdout,))
    follower.start()
    try:
        assert found.wait(_READY_SECONDS), "".join(log[-20:])
        lines = [line for line in log if ready in line]
        if not lines:
            # Who may not mount, or is not root, cannot start a runtime.
            pytest.skip(f"{command[0]} does not start on this machine: {' '.join(log[-1:]).strip()[:200]}")
        yield lines[0]
    finally:
        process.terminate()
        try:
            process.wait(_READY_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        follower.join()
        process.stdout.close()


@contextmanager
def docker_registry(folder: Path, with_password: bool = False, with_schema1: bool = False) -> Iterator[str]:
    """Debian's docker-registry on a free port of loopback. Gives host and port."""
    config = folder / "registry.yml"
    told = f"""version: 0.1
log: {{level: info}}
storage: {{filesystem: {{rootdirectory: {folder}/registry}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:0"}}
"""
    if with_password:
        (folder / "htpasswd").write_text(_HTPASSWD)
        told += f"auth: {{htpasswd: {{realm: made, path: {folder}/htpasswd}}}}\n"
    if with_schema1:
        told += "compatibility: {schema1: {enabled: true}}\n"
    config.write_text(told)
    with daemon(["docker-registry", "serve", str(config)], "listening on 127.0.0.1:") as line:
        port = line.partition("listening on 127.0.0.1:")[2].split('"')[0].split()[0]
        yield f"127.0.0.1:{port}"


@contextmanager
def docker(folder: Path) -> Iterator[str]:
    """A Docker daemon of its own, without a network. Gives its socket."""
    socket = folder / "docker.sock"
    (folder / "daemon.json").write_text("{}")
    command = [
        *[
            "dockerd",
            f"--host=unix://{socket}",
            f"--config-file={folder}/daemon.json",
            f"--pidfile={folder}/docker.pid",
        ],
        *[f"--data-root={folder}/data", f"--exec-root={folder}/exec", "--storage-driver=vfs"],
        *["--bridge=none", "--iptables=false", "--ip6tables=false"],
    ]
    with daemon(command, "API listen on"):
        yield str(socket)


@contextmanager
def containerd(folder: Path) -> Iterator[str]:
    """A containerd of its own. Gives its socket."""
    socket = folder / "containerd.sock"
    (folder / "config.toml").write_text(
        f'version = 2\nroot = "{folder}/root"\nstate = "{folder}/state"\n'
        f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{socket}"\n'
    )
    with daemon(["containerd", "--config", f"{folder}/config.toml"], "containerd successfully booted"):
        yield str(socket)
