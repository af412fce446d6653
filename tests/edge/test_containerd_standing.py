"""Proves that only what an image's own bytes prove is told of it, and that hostile content costs little."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from images import MEDIA_TYPES, Image, attestation, describe, encode, entry, image, index, manifest, sha256

from tidewaiter.digest import Digest
from tidewaiter.edge.containerd_api import Content, Target
from tidewaiter.edge.containerd_standing import Standing, Standings
from tidewaiter.image.blob import ReadError

OCI = MEDIA_TYPES["oci"]
SINCE = "2026-09-21T14:13:20.000000005Z"
WEB = image(run={"Entrypoint": ["/app/web"], "Env": ["SECRET=1"], "Healthcheck": {"Test": ["CMD", "true"]}})
ARM = image({"bin/sh": b"arm"}, platform={"os": "linux", "architecture": "arm64"})


class Store:
    """Containerd's content, held in memory; notes what is asked."""

    namespace = "default"

    def __init__(self, *contents: bytes, lies: dict[Digest, bytes] | None = None) -> None:
        self.contents = {sha256(content): content for content in contents} | (lies or {})
        self.read_digests: list[Digest] = []
        self.asked: list[Digest] = []

    def content(self, digest: Digest) -> Content | None:
        """As `Containerd.content`."""
        self.asked.append(digest)
        held = self.contents.get(digest)
        return None if held is None else Content(len(held), ("a.example/web",))

    def read(self, digest: Digest) -> Iterator[bytes]:
        """As `Containerd.read`, in small pieces."""
        self.read_digests.append(digest)
        if digest not in self.contents:
            raise ReadError("NOT_FOUND")
        held = self.contents[digest]
        yield from (held[at : at + 100_000] for at in range(0, len(held), 100_000))


def standing(store: Store, root: bytes, kind: str, standings: Standings | None = None, **more: Any) -> Standing:
    """What a name stands for whose target is a document."""
    target = Target(sha256(root), len(root), OCI[kind], SINCE)
    return (standings or Standings()).of_target(store, target, **more)  # type: ignore[arg-type]  # made


def documents(made: Image) -> tuple[bytes, bytes]:
    """Manifest and config."""
    return manifest(made), made.config


def test_index_of_which_one_platform_is_there() -> None:
    """The other one is named as absent; a statement about an image is none."""
    statement, _ = attestation(entry(WEB)["digest"])
    notes = {"vnd.docker.reference.type": "attestation-manifest"}
    root = index(entry(WEB), entry(ARM), describe(statement, OCI["manifest"], annotations=notes))
    told = standing(Store(root, statement, *documents(WEB)), root, "index")
    assert (told.target, told.updated_at, told.sources) == (
        sha256(root),
        SINCE,
        ("a.example/web",),
    )
    present, absent = told.manifests
    assert present == {
        "digest": sha256(manifest(WEB)),
        "platform": {"os": "linux", "architecture": "amd64"},
        "config": WEB.config_digest,
        "diff_ids": WEB.diff_ids,
        "entrypoint": ("/app/web",),
        "cmd": (),
        "healthcheck": ("CMD", "true"),
    }
    assert absent == {
        "digest": sha256(manifest(ARM)),
        "platform": {"os": "linux", "architecture": "arm64"},
        "missing": "it is not there",
    }
    assert told.chains == {WEB.chain_id}
    assert b"SECRET" not in msgspec.json.encode(told)


def test_nothing_is_there() -> None:
    """Then nobody knows where it came from either."""
    told = standing(Store(), manifest(WEB), "manifest")
    assert (told.sources, told.manifests) == (None, ())


def test_content_that_is_not_what_its_digest_says() -> None:
    """A changed config in the store is no config."""
    lie = WEB.config.replace(b"/app/web", b"/app/evl")
    told = standing(Store(manifest(WEB), lies={WEB.config_digest: lie}), manifest(WEB), "manifest")
    (found,) = told.manifests
    assert "config" not in found
    assert found["missing"]


def test_document_without_end() -> None:
    """It is read no further than the longest that a document may be."""
    huge = b" " * (5 * 1024 * 1024)
    store = Store(huge)
    assert standing(store, huge, "manifest").manifests == ()
    assert Standings().of_target(store, Target("sha256:no", 1, OCI["manifest"])).manifests == ()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"rootfs": {"diff_ids": ["no digest"]}}, id="diff_ids"),
        pytest.param({"rootfs": {"diff_ids": [1, {}]}}, id="diff_ids of another type"),
        pytest.param({"Rootfs": {"diff_ids": ["sha256:" + "a" * 64]}}, id="a member that Go reads for another"),
    ],
)
def test_layers_that_are_not_told_plainly(change: dict[str, Any]) -> None:
    """They prove nothing of any container."""
    made = Image(WEB.layers, encode({**json.loads(WEB.config), **change}), WEB.names, WEB.platform)
    (found,) = standing(Store(*documents(made)), manifest(made), "manifest").manifests
    assert found["config"] == made.config_digest
    assert "diff_ids" not in found


def test_command_without_end() -> None:
    """It is left out, and the rest is told."""
    made = image(run={"Cmd": ["sh", "-c", "x" * 100_000]})
    (found,) = standing(Store(*documents(made)), manifest(made), "manifest").manifests
    assert "cmd" not in found
    assert found["diff_ids"] == made.diff_ids


def test_what_was_read_once_is_not_read_again() -> None:
    """Whether it is still there is asked; for a container on known layers, not even that."""
    store, standings = Store(*documents(WEB)), Standings()
    for _ in range(3):
        standing(store, manifest(WEB), "manifest", standings)
    assert sorted(store.read_digests) == sorted([sha256(manifest(WEB)), WEB.config_digest])
    store.asked.clear()
    standing(store, manifest(WEB), "manifest", standings, stack=WEB.chain_id)
    assert store.asked == []
    standing(store, manifest(WEB), "manifest", standings, stack=ARM.chain_id)
    assert store.asked
    del store.contents[WEB.config_digest]
    (found,) = standing(store, manifest(WEB), "manifest", standings).manifests
    assert "config" not in found


def test_what_is_kept_is_bounded() -> None:
    """Documents of forty megabytes: the first are read again."""
    standings = Standings()
    contents = [encode({"schemaVersion": 2, "n": n, "pad": "x" * 4_000_000}) for n in range(10)]
    store = Store(*contents)
    for content in (*contents, contents[0], contents[-1]):
        standing(store, content, "manifest", standings)
    assert store.read_digests.count(sha256(contents[0])) == 2
    assert store.read_digests.count(sha256(contents[-1])) == 1
