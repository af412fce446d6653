"""Turns an image's config into what it says about running: entrypoint, command, environment, user, healthcheck.

Source: image-spec config.md ("Properties", `config`) and moby docker-image-spec spec.md (`Healthcheck`, `Shell`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tidewaiter.image.descriptor import parse_platform
from tidewaiter.image.view import Image

RUN_SETTINGS = (
    "Entrypoint",
    "Cmd",
    "Env",
    "User",
    "WorkingDir",
    "Healthcheck",
    "ExposedPorts",
    "Volumes",
    "StopSignal",
    "Shell",
)
"""What a runtime takes from an image into a container's process. `Shell` is what a healthcheck of the form CMD-SHELL
is run by. Labels change nothing that runs."""
_TOP = ("architecture", "config", "created", "history", "os", "os.version", "rootfs", "variant")
_ROOTFS = ("diff_ids", "type")


def told_config(image: Image) -> dict[str, Any] | None:
    """The config, or in archives of the first form the metadata of the top layer, which stands for it there."""
    if image.config is not None:
        return image.config.members
    top = image.layers[-1].v1 if image.layers else None
    return top.metadata.members if top is not None and top.metadata is not None else None


def told_platform(image: Image) -> str | None:
    """The platform as `linux/arm/v7`, also where only the metadata of the top layer tells it."""
    platform = image.platform or parse_platform(told_config(image))
    return str(platform) if platform is not None else None


def run_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Every run setting that is there and not empty: absent, null and empty mean the same to a runtime."""
    inner = _object(config.get("config"))
    return {name: inner[name] for name in RUN_SETTINGS if inner.get(name) not in (None, "", [], {}, 0, False)}


def words(value: Any) -> tuple[str, ...] | None:
    """A list of text, or None where it is none: `Entrypoint`, `Cmd`, `Healthcheck.Test`, `Env`."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        return None
    return tuple(value)


def healthcheck(config: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The probe as written: `("CMD", ...)`, `("CMD-SHELL", "...")`, `("NONE",)`; empty where there is none."""
    told = _object(config.get("config")).get("Healthcheck")
    return words(told.get("Test")) if isinstance(told, dict) else words(told)


def inner_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The member `config` of a config, empty where it is none."""
    return _object(config.get("config"))


def misspelt(config: Mapping[str, Any]) -> Iterator[str]:
    """Members whose name is a known one in other letters' case, which Docker and containerd read as the known one.

    Go's `encoding/json` compares names without regard to case: `"entrypoint"` starts what `"Entrypoint"` would.
    """
    yield from _misspelt(config, _TOP)
    yield from _misspelt(_object(config.get("rootfs")), _ROOTFS)
    yield from _misspelt(_object(config.get("config")), (*RUN_SETTINGS, "Labels"))


def _misspelt(members: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[str]:
    folded = {name.casefold() for name in known}
    for name in members:
        if name not in known and name.casefold() in folded:
            yield name


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
