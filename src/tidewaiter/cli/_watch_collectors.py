"""Turns what the user says of daemons and sensors, and what is there, into the collectors of `watch`."""

from tidewaiter.cli._faults import UsageFault
from tidewaiter.edge.collector import Collector
from tidewaiter.edge.containerd_watch import ContainerdCollector
from tidewaiter.edge.docker_watch import DockerCollector
from tidewaiter.edge.runtime_sockets import USUAL, Runtime, named_socket, socket_that_is_there
from tidewaiter.edge.sensor import Wanted, sensors
from tidewaiter.image.blob import ReadError

NONE = "none"


def open_collectors(
    docker: str | None, containerd: str | None, podman: str | None, sensor: Wanted, watched_ns: int | None = None
) -> list[Collector]:
    """The collectors of one run; `watched_ns`: until when somebody watched before.

    A daemon that is named, here or in the environment, is waited for; one that nobody names is watched if its socket is
    there. Where there is none at all, Docker and containerd are waited for at their usual places. Raises `UsageFault`.
    """
    told: dict[Runtime, str | None] = {"docker": docker, "containerd": containerd, "podman": podman}
    places = {name: place or _named(name) or socket_that_is_there(name) for name, place in told.items()}
    if not any(place not in (None, NONE) for place in places.values()):
        waited_for: tuple[Runtime, ...] = ("docker", "containerd")
        places |= {name: USUAL[name] for name in waited_for if places[name] is None}
    return [
        *(_daemon(name, place, watched_ns) for name, place in places.items() if place not in (None, NONE)),
        *sensors(sensor),
    ]


def _daemon(name: Runtime, place: str, watched_ns: int | None) -> Collector:
    path = place.removeprefix("unix://")
    return ContainerdCollector(path) if name == "containerd" else DockerCollector(path, name, watched_ns)


def _named(runtime: Runtime) -> str | None:
    try:
        return named_socket(runtime)
    except ReadError as error:
        raise UsageFault(f"{error}; --{runtime} SOCKET names one, --{runtime} none does without") from error
