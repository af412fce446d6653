"""Turns what the user says of daemons and sensors, and what is there, into the collectors of `watch`."""

import os
from pathlib import Path

from tidewaiter.cli._faults import UsageFault
from tidewaiter.edge.collector import Collector
from tidewaiter.edge.containerd_images import default_address
from tidewaiter.edge.containerd_watch import ContainerdCollector
from tidewaiter.edge.docker_images import default_socket
from tidewaiter.edge.docker_watch import DockerCollector
from tidewaiter.edge.sensor import Wanted, sensors
from tidewaiter.image.blob import ReadError

NONE = "none"
_PODMAN = "/run/podman/podman.sock"


def open_collectors(
    docker: str | None, containerd: str | None, podman: str | None, sensor: Wanted, watched_ns: int | None = None
) -> list[Collector]:
    """The collectors of one run; `watched_ns`: until when somebody watched before.

    A daemon that is named, here or in the environment, is waited for; one that nobody names is watched if its socket is
    there. Where there is none at all, Docker and containerd are waited for at their usual places. Raises `UsageFault`.
    """
    named: dict[str, str | None] = {
        "docker": docker or (_docker_named() if os.environ.get("DOCKER_HOST") else None),
        "containerd": containerd or (default_address() if os.environ.get("CONTAINERD_ADDRESS") else None),
        "podman": podman or (os.environ.get("CONTAINER_HOST") or "").removeprefix("unix://") or None,
    }
    usual = {"docker": "/var/run/docker.sock", "containerd": "/run/containerd/containerd.sock", "podman": _PODMAN}
    places = {name: place or (usual[name] if Path(usual[name]).is_socket() else None) for name, place in named.items()}
    if not any(place not in (None, NONE) for place in places.values()):
        places |= {name: usual[name] for name in ("docker", "containerd") if places[name] is None}
    collectors: list[Collector] = []
    for name, place in places.items():
        if place is not None and place != NONE:
            collectors.append(_daemon(name, place.removeprefix("unix://"), watched_ns))
    return [*collectors, *sensors(sensor)]


def _daemon(name: str, place: str, watched_ns: int | None) -> Collector:
    return ContainerdCollector(place) if name == "containerd" else DockerCollector(place, name, watched_ns)


def _docker_named() -> str:
    try:
        return default_socket()
    except ReadError as error:
        raise UsageFault(f"{error}; --docker SOCKET names one, --docker none does without") from error
