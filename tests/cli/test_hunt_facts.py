"""Proves with real archives that `hunt --facts` takes no image for another one that shares its layers or its index."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hunting import CONTAINER, falco, hunt, lines, pulled, story, time_of, told
from images import (
    Image,
    Tree,
    docker_v12,
    entry,
    image,
    index,
    lay_out,
    manifest,
    oci_index_layout,
    oci_layout,
    sha256,
    tar,
)

from tidewaiter.cli import main

NAME = "registry.corp.example/shop/web"
LAYERS: tuple[Tree, Tree] = {"bin/sh": b"#!shell"}, {"app/web": b"#!web"}
RUN = {"Cmd": ["/app/web"]}
OURS = image(*LAYERS, names=[f"{NAME}:1"], run=RUN)
EVIL = image(*LAYERS, names=[f"{NAME}:1"], run={**RUN, "Entrypoint": ["/bin/sh", "-c", "exec /app/web"]})
ARM = image({"bin/sh": b"#!arm"}, run=RUN, platform={"architecture": "arm64", "os": "linux"})
MANY = sha256(index(entry(OURS), entry(ARM)))
INDEX_TYPE, MANIFEST_TYPE = (f"application/vnd.oci.image.{kind}.v1+json" for kind in ("index", "manifest"))


def of_containerd(target: str, media_type: str, chain: str | None) -> list[bytes]:
    """A pull, a container on a stack of layers, and its misbehaviour."""

    def event(second: float, topic: str, event: dict[str, Any], **more: Any) -> bytes:
        told = {"timestamp": time_of(second), "namespace": "default", "topic": topic, "event": event}
        return json.dumps({**told, "received": 0, **more}).encode()

    resolved = {"target": target, "media_type": media_type, "manifests": []}
    return [
        event(-5, "/images/create", {"name": f"{NAME}:1"}, resolved=resolved),
        event(0, "/snapshot/prepare", {"key": CONTAINER, "parent": chain}),
        event(0.5, "/containers/create", {"id": CONTAINER, "image": f"{NAME}:1"}),
        event(1, "/tasks/start", {"container_id": CONTAINER, "pid": 7}),
        falco(11),
    ]


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    """What `image facts` proves of a layout of one image, and of one of two platforms."""
    archives = {
        "ours.tar": docker_v12(OURS),
        "evil.tar": oci_layout(EVIL),
        "many.tar": oci_index_layout(OURS, ARM, attest=False),
    }
    for name, tree in archives.items():
        (tmp_path / name).write_bytes(tar(tree))
    result = CliRunner().invoke(main, ["image", "facts", *(str(tmp_path / name) for name in ("evil.tar", "many.tar"))])
    assert result.exit_code == 0, result.stderr
    file = tmp_path / "facts.jsonl"
    file.write_text(result.stdout)
    return file


def judged(tmp_path: Path, records: list[bytes], pin: str, *facts: Path) -> tuple[str, str | None, str | None, str]:
    """Verdict, rule, config digest and consistency of the container, where one digest is trusted."""
    policy, telemetry = tmp_path / "policy.yaml", tmp_path / "telemetry.jsonl"
    policy.write_text(f'version: 1\ntrust:\n  - {{name: pinned, digests: ["{pin}"], state: trusted}}\n')
    telemetry.write_bytes(lines(records))
    given = [word for path in facts for word in ("--facts", path)]
    result = hunt(telemetry, "--policy", policy, "--containers", "--format", "jsonl", *given)
    (found,) = [record for record in told(result) if record["kind"] == "container"]
    return found["verdict"], found["trust"]["rule"], found["image"]["config_digest"], found["digest_consistency"]


def by_docker(made: Image) -> list[bytes]:
    """An image pulled and run by the digest of its manifest."""
    reference = f"{NAME}@{sha256(manifest(made))}"
    return [pulled(reference, -5), *story(image=reference)]


def by_containerd(made: Image) -> list[bytes]:
    """An image pulled by a tag, which stands for its manifest."""
    return of_containerd(sha256(manifest(made)), MANIFEST_TYPE, made.chain_id)


@pytest.mark.parametrize("pin", [OURS.config_digest, sha256(manifest(OURS))])
@pytest.mark.parametrize("records", [by_docker, by_containerd])
def test_an_entrypoint_on_trusted_layers_is_another_image(records: Any, pin: str, facts: Path, tmp_path: Path) -> None:
    """Same name, same chain ID, other config: the trusted one is quiet, this one alerts."""
    assert EVIL.chain_id == OURS.chain_id
    assert judged(tmp_path, records(OURS), pin, facts) == ("quiet", "pinned", OURS.config_digest, "proven")
    assert judged(tmp_path, records(EVIL), pin, facts) == ("alert", "default", EVIL.config_digest, "proven")


def test_layers_alone_are_not_the_trusted_image(facts: Path, tmp_path: Path) -> None:
    """Nobody saw a pull, and two images stand on these layers."""
    records = by_containerd(EVIL)[1:]
    verdict, rule, config, consistency = judged(tmp_path, records, OURS.config_digest, facts)
    assert (verdict, rule, config) == ("alert", "default", None)
    assert consistency != "proven"


def test_two_platforms_of_one_index_are_two_images(facts: Path, tmp_path: Path) -> None:
    """The layers tell which of them runs; who trusts one has not trusted the other."""
    ours, arm = (of_containerd(MANY, INDEX_TYPE, made.chain_id) for made in (OURS, ARM))
    pin = OURS.config_digest
    assert judged(tmp_path, ours, pin, facts) == ("quiet", "pinned", OURS.config_digest, "proven")
    assert judged(tmp_path, arm, pin, facts) == ("alert", "default", ARM.config_digest, "proven")
    assert judged(tmp_path, arm, ARM.config_digest, facts)[:2] == ("quiet", "pinned")
    assert judged(tmp_path, ours, ARM.config_digest, facts)[:2] == ("alert", "default")
    assert judged(tmp_path, arm, MANY, facts)[:2] == ("quiet", "pinned")


def test_archives_are_facts_themselves(facts: Path, tmp_path: Path) -> None:
    """Docker's archive proves no manifest: it says nothing of what was pulled under one."""
    layout = lay_out(oci_layout(OURS), tmp_path / "layout")
    for archive, expected in ((layout, ("quiet", "pinned")), (tmp_path / "ours.tar", ("alert", "default"))):
        given = judged(tmp_path, by_docker(OURS), OURS.config_digest, archive, tmp_path / "evil.tar")
        assert given[:2] == expected
