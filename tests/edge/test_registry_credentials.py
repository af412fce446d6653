"""Proves that credentials come from where Docker keeps them, and that nothing there can run a shell."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewaiter.edge.registry_credentials import Credentials, credentials_for, default_config


def configured(tmp_path: Path, told: Any) -> Path:
    """A `config.json`."""
    path = tmp_path / "config.json"
    path.write_text(told if isinstance(told, str) else json.dumps(told))
    return path


def auth(user: str = "ann", password: str = "s3cret") -> str:  # noqa: S107 - made up
    """An entry as `docker login` writes it."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def pair(found: Credentials) -> tuple[str, str]:
    """Name and password."""
    return found.username, found.password


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        *[("registry.example", "registry.example"), ("https://registry.example", "registry.example")],
        *[("http://registry.example/v1/", "registry.example"), ("Registry.Example", "registry.example")],
        *[("registry.example:5000", "registry.example:5000"), ("https://index.docker.io/v1/", "docker.io")],
        ("index.docker.io", "docker.io"),
    ],
)
def test_entries_of_a_host(tmp_path: Path, key: str, registry: str) -> None:
    """With or without a scheme and a path."""
    config = configured(tmp_path, {"auths": {key: {"auth": auth()}}})
    assert pair(credentials_for(registry, config)) == ("ann", "s3cret")
    assert credentials_for(registry, config).origin == f"the credentials in {config}"


@pytest.mark.parametrize("registry", ["registry.example", "example:5000", "evil-registry.example:5000", "docker.io"])
def test_another_host_or_port_is_another_registry(tmp_path: Path, registry: str) -> None:
    """Credentials are for one registry."""
    config = configured(tmp_path, {"auths": {"registry.example:5000": {"auth": auth()}}})
    assert not credentials_for(registry, config).are_there


def test_tokens_and_plain_members(tmp_path: Path) -> None:
    """The other ways of filing them; a colon belongs to the password."""
    told = {
        "a": {"username": "ann", "password": "s3cret"},
        "b": {"identitytoken": "idt"},
        "c": {"registrytoken": "rgt"},
        "d": {"auth": auth("ann", "s3:cr:et")},
    }
    config = configured(tmp_path, {"auths": told})
    assert pair(credentials_for("a", config)) == ("ann", "s3cret")
    assert credentials_for("b", config).identity_token == "idt"  # noqa: S105 - made up
    assert credentials_for("c", config).registry_token == "rgt"  # noqa: S105 - made up
    assert pair(credentials_for("d", config)) == ("ann", "s3:cr:et")


@pytest.mark.parametrize(
    "told",
    [
        "",
        "[]",
        "1",
        "[" * 100_000,
        '{"auths": []}',
        '{"auths": {"a": 1}}',
        '{"auths": {"a": {"auth": 1}}}',
        '{"auths": {"a": {"auth": "\\u2603"}}}',
        '{"auths": {"a": {"auth": "/w=="}}}',
        '{"credHelpers": 1, "credsStore": {}}',
        '{"credsStore": "not-installed-here"}',
        '{"credsStore": "../../bin/sh"}',
        '{"credsStore": "x; touch /tmp/x"}',
    ],
)
def test_file_that_helps_nobody(tmp_path: Path, told: str) -> None:
    """It is told in one clause, and the registry can still be asked."""
    found = credentials_for("a", configured(tmp_path, told))
    assert not found.are_there
    assert found.origin.startswith("no credentials (")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["auths", "a", "auth", "username", "credHelpers", "identitytoken"]), inner)
    ),
    max_leaves=9,
)


@pytest.mark.property
@given(JSON)
def test_any_file_is_read(tmp_path_factory: pytest.TempPathFactory, told: Any) -> None:
    """Whatever stands in it, there are credentials or none, and a reason."""
    found = credentials_for("a", configured(tmp_path_factory.getbasetemp(), told))
    assert found.are_there is not found.origin.startswith("no credentials (")


def test_absent_file(tmp_path: Path) -> None:
    """Nobody logged in."""
    assert credentials_for("a", tmp_path / "none").origin == f"no credentials ({tmp_path / 'none'} is not there)"


def test_default_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Docker's command line looks for it."""
    monkeypatch.setenv("DOCKER_CONFIG", "/etc/somewhere")
    assert default_config() == Path("/etc/somewhere/config.json")
    monkeypatch.delenv("DOCKER_CONFIG")
    monkeypatch.setenv("HOME", "/home/ann")
    assert default_config() == Path("/home/ann/.docker/config.json")


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A credential helper `made`, which knows `registry.example` and the Hub."""
    path = tmp_path / "docker-credential-made"
    path.write_text(
        """#!/bin/sh
read -r server
case "$1 $server" in
  "get registry.example") echo '{"ServerURL":"registry.example","Username":"ann","Secret":"s3cret"}';;
  "get https://index.docker.io/v1/") echo '{"Username":"<token>","Secret":"idt"}';;
  "get broken") echo nonsense;;
  *) echo "credentials not found: leaked-secret"; exit 1;;
esac
"""
    )
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return path


@pytest.mark.parametrize("how", [{"credsStore": "made"}, {"credHelpers": {"registry.example": "made"}}])
def test_helper(tmp_path: Path, helper: Path, how: dict[str, Any]) -> None:
    """It is asked by the registry's name, on its standard input."""
    found = credentials_for("registry.example", configured(tmp_path, how))
    assert pair(found) == ("ann", "s3cret")
    assert found.origin == "the credentials of docker-credential-made"


def test_helper_that_has_an_identity_token(tmp_path: Path, helper: Path) -> None:
    """Marked by its user name; the Hub is asked for under its old name."""
    found = credentials_for("docker.io", configured(tmp_path, {"credsStore": "made"}))
    assert (found.identity_token, found.username) == ("idt", "")


@pytest.mark.parametrize("registry", ["unknown.example", "broken"])
def test_helper_that_fails(tmp_path: Path, helper: Path, registry: str) -> None:
    """What it printed is not repeated; the file's own entry is taken where there is one."""
    found = credentials_for(registry, configured(tmp_path, {"credsStore": "made"}))
    assert not found.are_there
    assert "leaked-secret" not in found.origin
    both = configured(tmp_path, {"credsStore": "made", "auths": {registry: {"auth": auth()}}})
    assert pair(credentials_for(registry, both)) == ("ann", "s3cret")
