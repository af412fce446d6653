"""Turns what a Docker or Podman daemon tells of a container or an image into the part of it that may be kept.

What is not named here stays out: environment variables, options of volume drivers and of logs hold secrets.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

_LABELS_BYTES = 64 * 1024
_CUT_BYTES = 1024 * 1024

Shape = Mapping[str, Any]
"""Member -> None (kept as it is) or the shape of what is in it; `*` stands for each member that there is."""

_ENDPOINT: Shape = {"IPAddress": None, "GlobalIPv6Address": None}
_MOUNT: Shape = {"Type": None, "Source": None, "Destination": None, "Target": None}
_HEALTHCHECK: Shape = {"Test": None}
_DESCRIPTOR: Shape = {"mediaType": None, "digest": None, "size": None, "platform": None}
_GRAPH_DRIVER: Shape = {
    "Name": None,
    "Data": {"MergedDir": None, "UpperDir": None, "DeviceName": None, "Dataset": None},
}

CONTAINER: Shape = {
    "Id": None,
    "Name": None,
    "Created": None,
    "Image": None,
    "State": {"Status": None, "Pid": None, "StartedAt": None, "FinishedAt": None},
    "Config": {"Image": None, "Entrypoint": None, "Cmd": None, "Healthcheck": _HEALTHCHECK, "Labels": None},
    "HostConfig": {
        "NetworkMode": None,
        "PidMode": None,
        "Privileged": None,
        "Binds": None,
        "Mounts": _MOUNT,
        "Dns": None,
    },
    "Mounts": _MOUNT,
    "NetworkSettings": {**_ENDPOINT, "Networks": {"*": _ENDPOINT}},
    "GraphDriver": _GRAPH_DRIVER,
    "ImageManifestDescriptor": _DESCRIPTOR,
    "Storage": None,
}
LISTED_CONTAINER: Shape = {
    "Id": None,
    "Names": None,
    "Created": None,
    "Image": None,
    "ImageID": None,
    "State": None,
    "HostConfig": {"NetworkMode": None},
    "Mounts": _MOUNT,
    "NetworkSettings": {"Networks": {"*": _ENDPOINT}},
    "ImageManifestDescriptor": _DESCRIPTOR,
}
IMAGE: Shape = {
    "Id": None,
    "RepoTags": None,
    "RepoDigests": None,
    "Architecture": None,
    "Os": None,
    "Variant": None,
    "RootFS": {"Type": None, "Layers": None},
    "Config": {"Entrypoint": None, "Cmd": None, "Healthcheck": _HEALTHCHECK},
    "GraphDriver": _GRAPH_DRIVER,
    "Descriptor": _DESCRIPTOR,
}


def cut(value: Any, shape: Shape | None) -> Any:
    """The part of a JSON value that a shape names."""
    if shape is None:
        return value
    if isinstance(value, list):
        return [cut(element, shape) for element in value]
    if not isinstance(value, dict):
        return value
    if "*" in shape:
        return {name: cut(member, shape["*"]) for name, member in value.items()}
    return {name: cut(value[name], inner) for name, inner in shape.items() if name in value}


def kept(value: dict[str, Any], shape: Shape) -> dict[str, Any] | None:
    """The part that may be kept; of what is too long, without its labels, then without its config; else None."""
    found: dict[str, Any] = cut(value, shape)
    config = found.get("Config")
    if isinstance(config, dict) and _length(config.get("Labels")) > _LABELS_BYTES:
        del config["Labels"]
    if _length(found) > _CUT_BYTES:
        # A container without any config is not known for one; an image without is one whose config nobody knows.
        found["Config"] = {} if shape is CONTAINER else None
    return found if _length(found) <= _CUT_BYTES else None


def _length(value: Any) -> int:
    return len(msgspec.json.encode(value))
