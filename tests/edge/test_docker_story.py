"""Proves with a real Docker that what a container is, and where that came from, is known in every way to come to it.

The records of the live collector go into the engine as the run loop would feed them. Nothing here misbehaves: what is
asserted is what is known of each container.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemons import docker, docker_registry, needed, run
from docker_lab import Desk, archive, publish, runnable, watching
from runnable import BUSYBOX

from made_events import AN0691
from tidewaiter.alert import ContainerShown
from tidewaiter.engine import Engine
from tidewaiter.policy_load import read_policy

pytestmark = pytest.mark.e2e
POLICY = """
version: 1
trust:
  - {name: ours, image: "REGISTRY/ours/**", state: trusted}
"""


class Story:
    """A Docker, a registry and a collector; what each container that was made should be."""

    def __init__(self, socket: str, registry: str, folder: Path, desk: Desk) -> None:
        self._socket = socket
        self.registry = registry
        self._folder = folder
        self.desk = desk
        self.config: dict[str, str] = {}
        """Container's name -> config digest that it was made from."""

    def docker(self, *command: str) -> str:
        """What a command of Docker prints, without the last line feed."""
        return run("env", "DOCKER_BUILDKIT=0", "docker", f"--host=unix://{self._socket}", *command).strip()

    def shelve(self, repository: str, text: str) -> tuple[str, str]:
        """Put an image into the registry; its name there and its config digest."""
        image = runnable(text, f"{self.registry}/{repository}:1")
        publish(image, self._folder)
        return image.names[0], image.config_digest

    def pull(self, repository: str, text: str) -> tuple[str, str]:
        """Put an image into the registry and pull it by its tag."""
        name, config = self.shelve(repository, text)
        self.docker("pull", "-q", name)
        return name, config

    def load(self, name: str, text: str) -> str:
        """Load an archive; the config digest in it."""
        image = runnable(text, name)
        self.docker("load", "-q", "-i", str(archive(image, self._folder)))
        return image.config_digest

    def make(self, container: str, image: str, config: str) -> None:
        """Create a container."""
        self.docker("create", "--name", container, "--network", "none", image)
        self.config[container] = config

    # ------------------------------------------------------------------------------------------ the ways

    def by_tag(self) -> None:
        name, config = self.pull("ours/tag", "tag")
        self.make("by_tag", name, config)
        foreign, config = self.pull("theirs/tag", "their tag")
        self.make("by_foreign_tag", foreign, config)

    def tag_that_moves(self) -> None:
        name, old = self.pull("ours/moves", "old")
        _, new = self.pull("ours/moves", "new")
        self.make("moved", name, new)
        self.make("moved_old_by_id", old, old)

    def tag_taken_over(self) -> None:
        name, _ = self.pull("ours/taken", "good")
        self.make("taken_over", name, self.load(name, "bad"))

    def by_id_and_alias(self) -> None:
        name, config = self.pull("ours/known", "known")
        self.make("by_id", config, config)
        self.make("by_short_id", config[7:19], config)
        self.docker("tag", name, "friendly:1")
        self.make("by_alias", "friendly:1", config)
        foreign, config = self.pull("theirs/worse", "worse")
        self.docker("tag", foreign, f"{self.registry}/ours/pretended:1")
        self.make("by_pretended_alias", f"{self.registry}/ours/pretended:1", config)

    def by_digest(self) -> None:
        name, config = self.shelve("ours/pinned", "pinned")
        digest = run("skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", f"docker://{name}").strip()
        pinned = f"{name.removesuffix(':1')}@{digest}"
        self.docker("pull", "-q", pinned)
        self.make("by_digest", pinned, config)

    def saved_and_loaded(self) -> None:
        name, config = self.pull("ours/saved", "saved")
        self.docker("save", "-o", str(self._folder / "saved.tar"), name)
        self.docker("rmi", name)
        self.docker("load", "-q", "-i", str(self._folder / "saved.tar"))
        self.make("saved_and_loaded", name, config)
        never = f"{self.registry}/ours/never-pulled:1"
        self.make("loaded", never, self.load(never, "never pulled"))

    def committed_and_built(self) -> None:
        name, _ = self.pull("ours/base", "base")
        self.docker("create", "--name", "parent", name)
        committed = f"{self.registry}/ours/committed:1"
        self.make("committed", committed, self.docker("commit", "parent", committed))
        (self._folder / "Dockerfile").write_text(f"FROM {name}\nCOPY saved.tar /saved.tar\nCMD true\n")
        built = f"{self.registry}/ours/built:1"
        self.docker("build", "-q", "-t", built, str(self._folder))
        self.make("built", built, self.docker("image", "inspect", "--format", "{{.Id}}", built))

    def gone_at_once(self) -> None:
        name, config = self.pull("ours/short", "short")
        self.docker("run", "--rm", "--name", "gone_at_once", "--network", "none", name, "true")
        self.config["gone_at_once"] = config

    def tell(self) -> dict[str, ContainerShown]:
        """Do all of it, and ask the engine about each container."""
        self.by_tag()
        self.tag_that_moves()
        self.tag_taken_over()
        self.by_id_and_alias()
        self.by_digest()
        self.saved_and_loaded()
        self.committed_and_built()
        self.gone_at_once()
        self.desk.wait_record('"Action":"destroy"', "gone_at_once")
        engine = Engine(read_policy(POLICY.replace("REGISTRY", self.registry), "policy.yaml"), AN0691)
        for source, events in self.desk.decoded():
            engine.feed_record(source, events)
        shown = engine.finish(containers=True)
        return {one.container_name or "": one for one in shown if isinstance(one, ContainerShown)}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A Docker that is watched."""
    needed("dockerd", "docker", "containerd", "docker-registry", "skopeo")
    if os.geteuid() != 0 or not BUSYBOX.exists():
        pytest.skip("only root can start dockerd, and busybox runs in it; what they would prove was not proven")
    folder = tmp_path_factory.mktemp("story")
    (folder / "build").mkdir()
    with docker_registry(folder) as registry, docker(folder) as socket, watching(socket) as desk:
        desk.wait_state("ready")
        yield Story(socket, registry, folder / "build", desk)


@pytest.fixture(scope="module")
def shown(story: Story) -> dict[str, ContainerShown]:
    """What the engine says of each container."""
    return story.tell()


@pytest.mark.parametrize(
    ("container", "trust", "origin", "consistency"),
    [
        ("by_tag", "trusted", "ours/tag", "proven"),
        ("by_foreign_tag", "untrusted", "theirs/tag", "proven"),
        ("moved", "trusted", "ours/moves", "proven"),
        ("moved_old_by_id", "trusted", "ours/moves", "proven"),
        ("taken_over", "unknown", None, "conflicting"),
        ("by_id", "trusted", "ours/known", "proven"),
        ("by_short_id", "trusted", "ours/known", "proven"),
        ("by_alias", "trusted", "ours/known", "proven"),
        ("by_pretended_alias", "untrusted", "theirs/worse", "proven"),
        ("by_digest", "trusted", "ours/pinned", "proven"),
        ("saved_and_loaded", "trusted", "ours/saved", "proven"),
        ("loaded", "unknown", None, "unknown"),
        ("committed", "unknown", None, "unknown"),
        ("built", "unknown", None, "unknown"),
        ("gone_at_once", "trusted", "ours/short", "proven"),
    ],
)
def test_what_a_container_is(
    story: Story, shown: dict[str, ContainerShown], container: str, trust: str, origin: str | None, consistency: str
) -> None:
    """Content, origin and trust, whatever it was called when it was made; a name given here vouches for nothing."""
    found = shown[container]
    assert found.image.config_digest == story.config[container]
    assert found.trust.state == trust
    assert found.trust.origins == ((f"{story.registry}/{origin}",) if origin else ())
    assert found.digest_consistency == consistency


def test_nothing_secret_is_handed_in(story: Story, shown: dict[str, ContainerShown]) -> None:
    """No environment variable of an image or a container."""
    assert not [told for told in story.desk.observed if b"s3cret" in told.record or b'"Env"' in told.record]
