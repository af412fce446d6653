"""Turns diff_ids and a config into the v1 ids that `docker save` and containers/image give to the layers.

A v1 id is the SHA-256 of a JSON text made of the layer's chain ID, the id below and, for the top layer, of what the
config says. Sources: moby image/v1/imagev1.go `CreateID` and image/tarexport/save.go `saveImage`; containers/image
docker/internal/tarfile/writer.go `createLegacy`. Before Docker 1.10 the ids were random, and nothing recomputes.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tidewaiter.digest import Digest, chain_ids

_EPOCH = "1970-01-01T00:00:00Z"
_NEVER = "0001-01-01T00:00:00Z"
_FRACTION = re.compile(r"(\.\d*?)0+(?=[Z+-])")
_RUN: tuple[tuple[str, Any], ...] = (
    *(("Hostname", ""), ("Domainname", ""), ("User", "")),
    *(("AttachStdin", False), ("AttachStdout", False), ("AttachStderr", False)),
    ("ExposedPorts", ...),
    *(("Tty", False), ("OpenStdin", False), ("StdinOnce", False), ("Env", None), ("Cmd", None)),
    *(("Healthcheck", ...), ("ArgsEscaped", ...)),
    *(("Image", ""), ("Volumes", None), ("WorkingDir", ""), ("Entrypoint", None)),
    *(("NetworkDisabled", ...), ("MacAddress", ...)),
    *(("OnBuild", None), ("Labels", None)),
    *(("StopSignal", ...), ("StopTimeout", ...), ("Shell", ...)),
)
"""The members of moby's `container.Config` in its order, and what it writes where one is empty (`...`: nothing)."""
_HEALTH = ("Test", "Interval", "Timeout", "StartPeriod", "StartInterval", "Retries")
_MAPS = frozenset({"ExposedPorts", "Volumes", "Labels"})
_DOCKER_TOP = ("architecture", "author", "comment", "container", "docker_version", "os", "variant")
_CONTAINERS_TOP = ("architecture", "config", "container", "container_config", "created", "docker_version", "os")


def v1_ids(diff_ids: Sequence[Digest], config: Mapping[str, Any] | None) -> tuple[frozenset[str], ...]:
    """For each layer from the bottom the ids (64 hex characters) that it can have in an archive.

    The top layer's ids depend on the config. Each layer is also told by the id it has where others lie upon it, so that
    without a config those of an image's lower layers are still found.
    """
    found: list[set[str]] = [set() for _ in diff_ids]
    makers: tuple[tuple[Callable[[], dict[str, Any]], Callable[[Mapping[str, Any]], dict[str, Any]], str], ...] = (
        (_docker_lower, _docker_top, "sha256:"),
        (dict, _containers_top, ""),
    )
    for lower, top, prefix in makers:
        below: str | None = None
        for n, chain in enumerate(chain_ids(diff_ids)):
            told = {"layer_id": chain}
            if below is not None:
                told["parent"] = prefix + below
            if n == len(diff_ids) - 1 and config is not None:
                found[n].add(_hash({**top(config), **told}))
            below = _hash({**lower(), **told})
            found[n].add(below)
    return tuple(frozenset(ids) for ids in found)


def _docker_lower() -> dict[str, Any]:
    return {"container_config": _run({}), "created": _EPOCH}


def _docker_top(config: Mapping[str, Any]) -> dict[str, Any]:
    """What moby's `V1Image` keeps of a config."""
    told: dict[str, Any] = {name: config[name] for name in _DOCKER_TOP if config.get(name)}
    created = config.get("created")
    told["created"] = _FRACTION.sub(_shorten, created) if isinstance(created, str) else _NEVER
    told["container_config"] = _run(config.get("container_config"))
    if isinstance(config.get("config"), dict):
        told["config"] = _run(config["config"])
    return told


def _containers_top(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: config.get(name) for name in _CONTAINERS_TOP}


def _run(told: Any) -> dict[str, Any]:
    """A `container.Config` as moby writes it, whatever order and members it was told with."""
    given = told if isinstance(told, dict) else {}
    written: dict[str, Any] = {}
    for name, empty in _RUN:
        value = given.get(name)
        if name in _MAPS and isinstance(value, dict):
            value = dict(sorted(value.items()))
        elif name == "Healthcheck" and isinstance(value, dict):
            value = {part: value[part] for part in _HEALTH if value.get(part)}
            written[name] = value
            continue
        elif name in ("Cmd", "Entrypoint", "Shell") and isinstance(value, str):
            value = [value]
        if empty is not ...:
            written[name] = empty if value is None else value
        elif value or (name == "StopTimeout" and value is not None):
            written[name] = value
    return written


def _shorten(match: re.Match[str]) -> str:
    """A fraction of a second without the zeros at its end."""
    return "" if match[1] == "." else match[1]


def _hash(members: Mapping[str, Any]) -> str:
    """SHA-256 of the members as Go writes a map: sorted by name, and `<`, `>`, `&` escaped."""
    text = json.dumps(dict(sorted(members.items())), separators=(",", ":"), ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
