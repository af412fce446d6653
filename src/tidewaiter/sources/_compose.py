"""Turns a Docker container's name in the form that Compose gives into the service that it belongs to."""

from collections.abc import Mapping

from tidewaiter.compose import COMPOSE_SERVICE, compose_place
from tidewaiter.event import Pod

_PROJECT = "com.docker.compose.project"
_SERVICE = "com.docker.compose.service"


def service_of_name(name: str | None, labels: Mapping[str, str]) -> Pod | None:
    """The service of a container whose name agrees with its labels, as its workload; else None.

    Labels alone tell nothing, since an image's author can set them.
    """
    place = compose_place((name or "").removeprefix("/"), labels.get(_SERVICE, ""))
    if place is None or place.project != labels.get(_PROJECT):
        return None
    return Pod(workload_kind=COMPOSE_SERVICE, workload=place.service)
