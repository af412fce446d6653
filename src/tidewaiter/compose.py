"""Turns the name that Docker Compose gives to a container into the project, service and container of it.

Form (https://docs.docker.com/compose/how-tos/project-name/): `PROJECT-SERVICE-1`, with underscores before Compose 2;
`PROJECT-SERVICE-run-HEX` for `docker compose run`; the old container's id before it while a new one takes its place.
"""

import re

import msgspec

COMPOSE_SERVICE = "ComposeService"
"""The kind of workload that a service is."""
_NAME = re.compile(r"(?:[0-9a-f]{12}_)?(?P<place>.+?(?P<joint>[-_]))(?:\d+|(?P<run>run)[-_][0-9a-f]{12})\Z")


class ComposePlace(msgspec.Struct, frozen=True, gc=False):
    """What a container of Compose is."""

    project: str
    service: str
    container: str
    """The service's name for all its replicas; with `-run` at its end for `docker compose run`."""


def compose_place(name: str, service: str) -> ComposePlace | None:
    """The place of a container in a service that its labels tell; None where its name is not that of such a one."""
    found = _NAME.match(name)
    if found is None or not service:
        return None
    end = f"{found['joint']}{service}{found['joint']}"
    if not found["place"].endswith(end) or found["place"] == end:
        return None
    return ComposePlace(found["place"].removesuffix(end), service, f"{service}-run" if found["run"] else service)
