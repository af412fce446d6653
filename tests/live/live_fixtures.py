"""Gives the tests of the live commands one lab, its Docker, and a policy that trusts one repository of its registry."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import REGISTRY, Lab, LabUnavailableError
from lab_docker import Docker
from lab_images import Push, Pushed, push

POLICY = f"""version: 1
trust:
  - {{name: ours, image: "{REGISTRY}/ours/**", state: trusted}}
"""


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The lab; the test is skipped where this machine cannot have one."""
    pytest.importorskip("grpc", reason="grpcio is not installed; what it would prove was not proven")
    try:
        with Lab.started() as started:
            push(started, "lab/pause:1")
            yield started
    except LabUnavailableError as error:
        pytest.skip(f"{error}; what the lab would prove was not proven")


@pytest.fixture
def docker(lab: Lab) -> Iterator[Docker]:
    """The lab's Docker; containers that a test made are removed after it."""
    with Docker(lab.docker_socket) as asked:
        yield asked
        for container_id in asked.containers():
            asked.remove(container_id)


@pytest.fixture
def pushed(lab: Lab, request: pytest.FixtureRequest) -> Push:
    """Push an image that no other test has."""
    test = request.node.name.translate(str.maketrans("[]", "--")).lower().strip("-")

    def make(name: str, mark: str = "") -> Pushed:
        owner, _, rest = name.partition("/")
        return push(lab, f"{owner}/{test}/{rest}", f"{test} {name} {mark}")

    return make


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A policy that trusts what the registry has under `ours/`."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path
