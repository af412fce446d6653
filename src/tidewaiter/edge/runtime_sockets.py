"""Turns the environment into the sockets at which container runtimes listen on this machine, as their own tools do."""

import os
from pathlib import Path
from typing import Literal

from tidewaiter.image.blob import ReadError

Engine = Literal["docker", "podman"]
"""Runtimes that speak Docker's API."""
Runtime = Literal[Engine, "containerd"]

VARIABLES: dict[Runtime, str] = {
    "docker": "DOCKER_HOST",
    "containerd": "CONTAINERD_ADDRESS",
    "podman": "CONTAINER_HOST",
}
USUAL: dict[Runtime, str] = {
    "docker": "/var/run/docker.sock",
    "containerd": "/run/containerd/containerd.sock",
    "podman": "/run/podman/podman.sock",
}


def named_socket(runtime: Runtime) -> str | None:
    """The socket that the environment names; None where it names none.

    Raises `ReadError` where it names another machine.
    """
    variable = VARIABLES[runtime]
    told = os.environ.get(variable)
    path = told.removeprefix("unix://") if told else None
    if path is not None and "://" in path:
        raise ReadError(f"{variable} is {told!r:.100}, and only a socket of this machine (unix://...) is asked")
    return path


def socket_of(runtime: Runtime) -> str:
    """The socket that the environment names, else the usual one. Raises as `named_socket`."""
    return named_socket(runtime) or USUAL[runtime]


def socket_that_is_there(runtime: Runtime) -> str | None:
    """The usual socket, where there may be one."""
    return USUAL[runtime] if may_be_socket(USUAL[runtime]) else None


def may_be_socket(path: str) -> bool:
    """Whether a socket is there, or this user may not look: whoever asks it will be told so."""
    try:
        return Path(path).is_socket()
    except PermissionError:
        return True
