"""Proves that identity, origin and trust are right however an image came to its container, on a real Docker."""

from pathlib import Path

import lab_world
import msgspec
import pytest
from lab import REGISTRY, Lab
from lab_docker import Docker
from lab_images import Push, push
from live_watch import Record, Watching

pytestmark = pytest.mark.e2e


class Told(msgspec.Struct, frozen=True):
    """What an alert says of its image."""

    config_digest: str
    consistency: str
    trust: str
    origins: tuple[str, ...] = ()

    @classmethod
    def by(cls, record: Record) -> "Told":
        """Of one record."""
        trust = record["trust"]
        digest = record["image"]["config_digest"]
        return cls(digest, record["digest_consistency"], trust["state"], tuple(trust["origins"]))


def test_identity_origin_and_trust(lab: Lab, docker: Docker, pushed: Push, policy: Path, tmp_path: Path) -> None:
    """Names move, content does not; a local name vouches for nothing, also where it looks like a trusted one."""
    old = pushed("evil/web:1.0", "old")
    wanted: dict[str, Told] = {}
    ran: dict[str, str] = {}

    def run(how: str, reference: str, config_digest: str, told: tuple[str, str], origins: tuple[str, ...]) -> None:
        ran[how] = docker.run(reference)
        wanted[how] = Told(config_digest, told[0], told[1], origins)
        docker.execute(ran[how], "wget", "-qO-", f"http://{lab_world.OUTSIDE}/")

    with Watching(lab, tmp_path / "state", "--policy", str(policy)) as watch:
        proven, from_evil = ("proven", "untrusted"), (old.repository,)
        docker.pull(old.name)
        new = push(lab, old.name.removeprefix(f"{REGISTRY}/"), "new")
        run("by tag, moved at the registry after the pull", old.name, old.config_digest, proven, from_evil)
        docker.pull(old.name)
        run("by tag, moved here by a second pull", old.name, new.config_digest, proven, from_evil)
        run("by id", old.config_digest, old.config_digest, proven, from_evil)
        docker.pull(f"{new.repository}@{new.index_digest}")
        by_digest = f"{new.repository}@{new.index_digest}"
        run("by digest", by_digest, new.config_digest, proven, from_evil)
        alias = f"{REGISTRY}/ours/web:1.0"
        docker.tag(new.config_digest, alias)
        run("by a local tag that looks trusted", alias, new.config_digest, proven, from_evil)

        third = pushed("evil/saved:1.0")
        docker.pull(third.name)
        saved = docker.save(third.name)
        docker.untag(third.name)
        docker.load(saved)
        run("after save and load", third.name, third.config_digest, proven, (third.repository,))

        unknown = ("unknown", "unknown")
        committed = docker.commit(ran["by id"], "committed:1")
        run("committed", "committed:1", committed, unknown, ())
        docker.build("built:1", f"FROM {new.name}\nRUN touch /etc/more\n")
        run("built", "built:1", str(docker.image("built:1")["Id"]), unknown, ())
        for container in ran.values():
            watch.record(container)
    told = watch.finals()
    assert {how: Told.by(told[container]) for how, container in ran.items()} == wanted
