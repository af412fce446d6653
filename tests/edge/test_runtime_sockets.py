"""Checks where runtimes are looked for: what the environment says, else custom."""

from pathlib import Path

import pytest

from tidewaiter.edge.runtime_sockets import (
    USUAL,
    VARIABLES,
    Runtime,
    may_be_socket,
    named_socket,
    socket_of,
    socket_that_is_there,
)
from tidewaiter.image.blob import ReadError


@pytest.mark.parametrize("runtime", VARIABLES)
def test_the_environment_goes_first(monkeypatch: pytest.MonkeyPatch, runtime: Runtime) -> None:
    """As a URL or as a path; an empty variable is none."""
    for empty in (None, ""):
        if empty is None:
            monkeypatch.delenv(VARIABLES[runtime], raising=False)
        else:
            monkeypatch.setenv(VARIABLES[runtime], empty)
        assert (named_socket(runtime), socket_of(runtime)) == (None, USUAL[runtime])
    for told in ("unix:///run/user/1000/one.sock", "/run/user/1000/one.sock"):
        monkeypatch.setenv(VARIABLES[runtime], told)
        assert named_socket(runtime) == socket_of(runtime) == "/run/user/1000/one.sock"


@pytest.mark.parametrize("runtime", VARIABLES)
@pytest.mark.parametrize("told", ["tcp://10.0.0.1:2375", "ssh://core@elsewhere/run/podman.sock"])
def test_other_machines_are_not_asked(monkeypatch: pytest.MonkeyPatch, runtime: Runtime, told: str) -> None:
    """And that is said with the variable's name."""
    monkeypatch.setenv(VARIABLES[runtime], told)
    with pytest.raises(ReadError, match=rf"^{VARIABLES[runtime]} is .*only a socket of this machine"):
        socket_of(runtime)


def test_what_may_not_be_looked_at_may_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where only root may open /run/podman: whoever asks the socket says so, and nobody crashes."""

    def forbidden(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_socket", forbidden)
    assert may_be_socket("/run/podman/podman.sock")
    assert socket_that_is_there("podman") == USUAL["podman"]


def test_what_is_no_socket_is_not_there(tmp_path: Path) -> None:
    """Neither a file nor nothing."""
    (tmp_path / "file").touch()
    assert not may_be_socket(str(tmp_path / "file"))
    assert not may_be_socket(str(tmp_path / "nothing"))
