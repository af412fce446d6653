"""Checks where runtimes are looked for: what the environment says, else custom."""

import pytest

from tidewaiter.edge.runtime_sockets import USUAL, VARIABLES, Runtime, named_socket, socket_of
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
