"""Proves that a registry that lies, and a folder that leads elsewhere, are found out, and that nothing is written."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile import GOOD, TYPES, Hostile, assert_found, nothing_written, verified
from images import describe, encode, entry, hex_of, index, lay_out, manifest, oci_layout, pack, sha256
from registries import Answer, Made, made_registry, quick

from tidewaiter.edge.images import open_view
from tidewaiter.edge.registry import open_registry
from tidewaiter.image.validate import validate
from tidewaiter.image.verification import Holds, Verdict

MANIFEST = manifest(GOOD)
LAYER = pack(GOOD.layers[0], "gzip")


def another_type(registry: Made) -> str:
    """A manifest that is sent as an index."""
    return registry.put(MANIFEST, TYPES["index"], "1.4")


def another_manifest(registry: Made) -> str:
    """An index whose manifest is answered with another one."""
    registry.put(index(entry(GOOD)), TYPES["index"], "1.4")
    registry.manifests[sha256(MANIFEST)] = (MANIFEST + b" ", TYPES["manifest"])
    return sha256(MANIFEST)


def another_layer(registry: Made) -> str:
    """A layer that is answered with a config."""
    registry.blobs[sha256(LAYER)] = GOOD.config
    return sha256(LAYER)


def layer_without_end(registry: Made) -> str:
    """A layer that is a hundred times longer than told."""
    registry.blobs[sha256(LAYER)] = LAYER * 100
    return sha256(LAYER)


def endless_manifest(registry: Made) -> str:
    """An index whose manifest is longer than any."""
    registry.put(index(entry(GOOD)), TYPES["index"], "1.4")
    registry.manifests[sha256(MANIFEST)] = (b" " * (5 << 20), TYPES["manifest"])
    return sha256(MANIFEST)


def another_header(registry: Made) -> str:
    """A tag whose manifest is another than its header tells."""
    headers = {"Content-Type": TYPES["manifest"], "Docker-Content-Digest": "sha256:" + "a" * 64}
    registry.scripts["manifests/1.4"] = lambda _: Answer(MANIFEST, headers=headers)
    return "sha256:" + "a" * 64


def both(registry: Made) -> str:
    """A manifest that is an index as well."""
    return registry.put(encode({**describe(b"", ""), "manifests": [], "layers": []}), TYPES["manifest"], "1.4")


def embedded_elsewhere(registry: Made) -> str:
    """A layer whose digest is the path of something else on that host."""
    told = {"mediaType": TYPES["gzip"], "digest": "sha256:../../../../v2/_catalog", "size": 1}
    data = encode({"schemaVersion": 2, "config": describe(GOOD.config, TYPES["config"]), "layers": [told]})
    registry.put(data, TYPES["manifest"], "1.4")
    return "sha256:../../../../v2/_catalog"


LIES: tuple[tuple[Callable[[Made], str], Verdict, str, Holds, str], ...] = (
    (another_type, "broken", "media_type", "no", "calls itself"),
    (another_manifest, "broken", "manifest_digest", "no", "found over the bytes"),
    (another_layer, "broken", "layer_digest", "no", "found over the bytes"),
    (layer_without_end, "broken", "size", "no", "expected by the descriptor"),
    (endless_manifest, "incomplete", "manifest_digest", "unknown", "4194304"),
    (another_header, "broken", "manifest_digest", "no", "found over the bytes"),
    (both, "broken", "media_type", "no", "two images"),
    (embedded_elsewhere, "broken", "descriptor", "no", "is no digest"),
)
REGISTRIES = [(lie[0], Hostile(lie[0].__name__, lambda: (b"", ""), *lie[1:])) for lie in LIES]


@pytest.mark.parametrize(("make", "hostile"), REGISTRIES, ids=lambda value: getattr(value, "name", ""))
def test_registries_that_lie_are_found_out(make: Callable[[Made], str], hostile: Hostile) -> None:
    """The finding and the verdict; only what lies below the repository is asked for."""
    with made_registry() as registry:
        registry.push(GOOD, "1.4")
        subject = make(registry)
        with nothing_written(), open_registry(registry.name(), quick()) as view:
            assert_found(validate(view), hostile, subject)
        assert not [request for request in registry.requests if ".." in request.path or "catalog" in request.path]


def test_folders_that_lead_elsewhere_are_found_out(tmp_path: Path) -> None:
    """A blob that is a link to the host's own file, one that is a pipe, and one that is a link in a circle."""
    (tmp_path / "secret").write_bytes(GOOD.config)
    folder = lay_out(oci_layout(GOOD), tmp_path / "image")
    config = folder / "blobs/sha256" / hex_of(GOOD.config_digest)
    config.unlink()
    config.symlink_to("../../../secret")
    layers = [folder / "blobs/sha256" / hex_of(sha256(pack(layer, "gzip"))) for layer in GOOD.layers]
    for layer in layers:
        layer.unlink()
    os.mkfifo(layers[0])
    layers[1].symlink_to(layers[1])
    with nothing_written():
        verification = verified(folder)
    assert verification.verdict == "incomplete"
    reasons = {each.subject: each.reason for each in verification.relations if each.holds == "unknown"}
    assert "out of the folder" in " ".join(reasons.values())
    assert all(reasons["sha256:" + layer.name] == "its bytes are not there" for layer in layers)


def test_links_to_one_file_are_read_once(tmp_path: Path) -> None:
    """A thousand names for one bomb are one bomb."""
    folder = lay_out(oci_layout(GOOD), tmp_path / "image")
    upper = folder / "blobs/sha256" / hex_of(sha256(pack(GOOD.layers[1], "gzip")))
    upper.unlink()
    upper.symlink_to(hex_of(sha256(LAYER)))
    read: list[int] = []
    with open_view(str(folder)) as view:
        assert validate(view, on_progress=read.append).verdict == "broken"
    assert sum(read) == len(LAYER)
