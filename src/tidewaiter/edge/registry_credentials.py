"""Turns Docker's config.json and its credential helpers into the credentials for one registry.

Sources: docker/cli `cli/config` (configfile, credentials) and docker-credential-helpers (its protocol: the server's
name on stdin, JSON on stdout). A helper is run without a shell, and only by a plain name.
"""

import base64
import binascii
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import msgspec

from tidewaiter.reference import DOCKER_HUB

HUB_SERVER = "https://index.docker.io/v1/"
"""What Docker files the credentials of its Hub under."""
_TOKEN_USER = "<token>"  # noqa: S105 - the user name by which a helper marks an identity token
_HELPER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_HELPER_SECONDS = 30
_CONFIG_BYTES = 4 * 1024 * 1024


class Credentials(msgspec.Struct, frozen=True):
    """What to show to a registry, and where it is from. `origin` may be printed; nothing else may."""

    origin: str
    """For people: `the credentials in /home/ann/.docker/config.json`, `no credentials (...)`."""
    username: str = ""
    password: str = ""
    identity_token: str = ""
    """To be exchanged for a token (OAuth 2 refresh token)."""
    registry_token: str = ""
    """To be sent as it is."""

    @property
    def are_there(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.username or self.identity_token or self.registry_token)

    def __repr__(self) -> str:
        """Without the secrets: a traceback or a log line must not hold them."""
        return f"Credentials({self.origin!r})"


def default_config() -> Path:
    """Where Docker's command line keeps its configuration: `$DOCKER_CONFIG`, else `~/.docker`."""
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"


def credentials_for(registry: str, config: Path) -> Credentials:
    """The credentials for a registry's host (and port): its own helper, else the common store, else the file.

    Never raises: what stands in the way is told in `origin`, and the registry is asked without credentials.
    """
    if not config.is_file():
        return Credentials(f"no credentials ({config} is not there)")
    try:
        with config.open("rb") as file:
            told = json.loads(file.read(_CONFIG_BYTES))
    except (OSError, ValueError, RecursionError):
        return Credentials(f"no credentials ({config} cannot be read as JSON)")
    told = told if isinstance(told, dict) else {}
    filed = _filed(registry, told, config)
    helper = _member(told, "credHelpers").get(_server(registry)) or _member(told, "credHelpers").get(registry)
    helper = helper or told.get("credsStore")
    if isinstance(helper, str) and helper:
        found = _ask_helper(helper, _server(registry))
        return filed if filed is not None and not found.are_there else found
    return filed or Credentials(f"no credentials ({config} has none for {registry})")


def _server(registry: str) -> str:
    return HUB_SERVER if registry == DOCKER_HUB else registry


def _filed(registry: str, told: dict[str, Any], config: Path) -> Credentials | None:
    wanted = _host_of(_server(registry))
    entries = {name: entry for name, entry in _member(told, "auths").items() if isinstance(entry, dict) and entry}
    exact = entries.get(_server(registry))
    entry = exact or next((entries[name] for name in sorted(entries) if _host_of(name) == wanted), None)
    if entry is None:
        return None
    username, password = _text(entry, "username"), _text(entry, "password")
    if _text(entry, "auth"):
        try:
            username, _, password = base64.b64decode(_text(entry, "auth")).decode().partition(":")
        except (binascii.Error, ValueError):
            return Credentials(f"no credentials ({config}: the entry of {registry} is not base64)")
    found = Credentials(
        f"the credentials in {config}",
        username,
        password.rstrip("\x00"),
        _text(entry, "identitytoken"),
        _text(entry, "registrytoken"),
    )
    return found if found.are_there else None


def _ask_helper(name: str, server: str) -> Credentials:
    if not _HELPER_NAME.match(name):
        return Credentials("no credentials (the configured credential helper has no plain name)")
    program = f"docker-credential-{name}"
    try:
        ended = subprocess.run(  # noqa: S603 - the user's own configuration names it, as for docker itself
            [program, "get"], input=server.encode(), capture_output=True, timeout=_HELPER_SECONDS, check=False
        )
    except FileNotFoundError:
        return Credentials(f"no credentials ({program} is not on the PATH)")
    except (OSError, subprocess.SubprocessError):
        return Credentials(f"no credentials ({program} could not be run)")
    if ended.returncode != 0:
        # What it printed is left out: nobody promises that it holds no secret.
        return Credentials(f"no credentials ({program} ended with status {ended.returncode})")
    try:
        told = json.loads(ended.stdout)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        return Credentials(f"no credentials ({program} printed no JSON object)")
    username, secret = _text(told, "Username"), _text(told, "Secret")
    if username == _TOKEN_USER:
        return Credentials(f"the identity token of {program}", identity_token=secret)
    return Credentials(f"the credentials of {program}", username, secret)


def _host_of(server: str) -> str:
    """The host of a key in `auths`, as Docker compares them: without scheme and path."""
    return re.sub(r"\Ahttps?://", "", server).partition("/")[0].lower()


def _member(told: dict[str, Any], name: str) -> dict[str, Any]:
    value = told.get(name)
    return value if isinstance(value, dict) else {}


def _text(told: dict[str, Any], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""
