"""Turns the sockets of container runtimes into whether they answer, and as what.

Sources: moby api/swagger.yaml (`/version`, `/info`), which Podman answers as well; containerd's version and namespace
services. Each answer is bounded in time and size.
"""

import os
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from tidewaiter.edge.containerd_api import Connection
from tidewaiter.edge.docker_api import DockerApi
from tidewaiter.edge.host import Socket
from tidewaiter.edge.runtime_sockets import VARIABLES, Engine, socket_of
from tidewaiter.image.blob import ReadError

_ANSWER_SECONDS = 5.0
_LARGEST_BYTES = 1024 * 1024
_CHARACTERS = 100
_NAMESPACES = 1000


def ask_sockets() -> tuple[Socket, ...]:
    """Docker, containerd and Podman, where the environment or custom says they listen."""
    return _ask_named("docker"), ask_containerd_socket(socket_of("containerd")), _ask_named("podman")


def _ask_named(runtime: Engine) -> Socket:
    try:
        return ask_engine(runtime, socket_of(runtime))
    except ReadError as error:
        told = os.environ.get(VARIABLES[runtime], "")
        return Socket(runtime=runtime, address=told, state="absent", why=str(error))


def ask_engine(runtime: Engine, address: str) -> Socket:
    """What answers Docker's API at a socket."""
    hindrance = _hindrance(address)
    if hindrance is not None:
        return Socket(runtime=runtime, address=address, state=hindrance[0], why=hindrance[1])
    try:
        with closing(DockerApi(address, _ANSWER_SECONDS)) as api:
            version, info = _get(api, "/version"), _get(api, "/info")
    except ReadError as error:
        return Socket(runtime=runtime, address=address, state="silent", why=f"it does not answer: {error}")
    return parse_engine(runtime, address, version, info)


def parse_engine(runtime: Engine, address: str, version: dict[str, Any], info: dict[str, Any]) -> Socket:
    """`/version` and `/info` as facts; whatever they lack stays None."""
    status = info.get("DriverStatus")
    pairs = [pair for pair in status if isinstance(pair, list) and len(pair) == 2] if isinstance(status, list) else []
    is_containerd = ["driver-type", "io.containerd.snapshotter.v1"] in pairs
    driver = _text(info.get("Driver"))
    return Socket(
        runtime=runtime,
        address=address,
        state="answers",
        why=None,
        version=_text(version.get("Version")),
        api=_text(version.get("ApiVersion")),
        storage_driver=driver,
        image_store=None if driver is None else "containerd" if is_containerd else runtime,
    )


def ask_containerd_socket(address: str) -> Socket:
    """What answers containerd's API at a socket."""
    hindrance = _hindrance(address)
    if hindrance is not None:
        return Socket(runtime="containerd", address=address, state=hindrance[0], why=hindrance[1])
    try:
        with closing(Connection(address)) as connection:
            version, namespaces = connection.version(_ANSWER_SECONDS), connection.namespaces()
    except ReadError as error:
        return Socket(runtime="containerd", address=address, state="silent", why=f"it does not answer: {error}")
    return Socket(
        runtime="containerd",
        address=address,
        state="answers",
        why=None,
        version=version[:_CHARACTERS],
        namespaces=tuple(sorted(name[:_CHARACTERS] for name in namespaces[:_NAMESPACES])),
    )


def _hindrance(address: str) -> tuple[Literal["absent", "forbidden"], str] | None:
    """Why a socket cannot even be tried."""
    path = Path(address)
    try:
        is_socket = path.is_socket()
        is_there = is_socket or path.exists()
    except OSError as error:
        return "forbidden", f"it cannot be looked at: {error.strerror or error}"
    if not is_socket:
        return "absent", "it is no socket" if is_there else "there is no such socket"
    if not os.access(address, os.R_OK | os.W_OK):
        return "forbidden", f"user {os.geteuid()} may not read and write it"
    return None


def _get(api: DockerApi, path: str) -> dict[str, Any]:
    """A JSON object. Raises `ReadError` where something else comes."""
    found = api.get(path, _LARGEST_BYTES)
    if not isinstance(found, dict):
        raise ReadError("not as a container engine does")
    return found


def _text(value: object) -> str | None:
    return value[:_CHARACTERS] if isinstance(value, str) and value else None
