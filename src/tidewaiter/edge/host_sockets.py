"""Turns the sockets of container runtimes into whether they answer, and as what.

Sources: moby api/swagger.yaml (`/version`, `/info`), which Podman answers as well; containerd's version and namespace
services. Each answer is bounded in time and size.
"""

import os
from pathlib import Path
from typing import Any, Literal

import httpx
import msgspec

from tidewaiter.edge.containerd_images import default_address
from tidewaiter.edge.docker_images import default_socket
from tidewaiter.edge.host import Socket
from tidewaiter.image.blob import ReadError

_ANSWER_SECONDS = 5.0
_LARGEST_BYTES = 1024 * 1024
_PODMAN = "/run/podman/podman.sock"
_CHARACTERS = 100

Runtime = Literal["docker", "podman"]


def ask_sockets() -> tuple[Socket, ...]:
    """Docker, containerd and Podman, where the environment or custom says they listen."""
    try:
        docker = ask_engine("docker", default_socket())
    except ReadError as error:
        docker = Socket(runtime="docker", address=os.environ.get("DOCKER_HOST", ""), state="absent", why=str(error))
    return docker, ask_containerd_socket(default_address()), ask_engine("podman", podman_socket())


def podman_socket() -> str:
    """Where Podman's service listens: `$CONTAINER_HOST` where that is a socket, else the usual place."""
    told = os.environ.get("CONTAINER_HOST", "")
    return told.removeprefix("unix://") if told.startswith("unix://") else _PODMAN


def ask_engine(runtime: Runtime, address: str) -> Socket:
    """What answers Docker's API at a socket."""
    hindrance = _hindrance(address)
    if hindrance is not None:
        return Socket(runtime=runtime, address=address, state=hindrance[0], why=hindrance[1])
    transport = httpx.HTTPTransport(uds=address)
    try:
        with httpx.Client(transport=transport, base_url="http://engine", timeout=_ANSWER_SECONDS) as http:
            version, info = _get(http, "/version"), _get(http, "/info")
    except (httpx.HTTPError, ReadError) as error:
        why = str(error) or type(error).__name__
        return Socket(runtime=runtime, address=address, state="silent", why=f"it does not answer: {why[:_CHARACTERS]}")
    return parse_engine(runtime, address, version, info)


def parse_engine(runtime: Runtime, address: str, version: dict[str, Any], info: dict[str, Any]) -> Socket:
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
        from tidewaiter.edge.containerd_version import ask_containerd

        version, namespaces = ask_containerd(address, _ANSWER_SECONDS)
    except ImportError as error:
        why = f"grpcio and protobuf are not installed: pip install 'tidewaiter[containerd]' ({error})"
        return Socket(runtime="containerd", address=address, state="silent", why=why)
    except ReadError as error:
        return Socket(runtime="containerd", address=address, state="silent", why=f"it does not answer: {error}")
    return Socket(
        runtime="containerd", address=address, state="answers", why=None, version=version, namespaces=namespaces
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


def _get(http: httpx.Client, path: str) -> dict[str, Any]:
    """A JSON object. Raises `ReadError` where something else comes."""
    with http.stream("GET", path) as response:
        data = b""
        for piece in response.iter_bytes():
            data += piece
            if len(data) > _LARGEST_BYTES:
                raise ReadError(f"its answer is longer than {_LARGEST_BYTES} bytes")
        if not response.is_success:
            raise ReadError(f"status {response.status_code}")
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise ReadError("not as a container engine does") from None


def _text(value: object) -> str | None:
    return value[:_CHARACTERS] if isinstance(value, str) and value else None
