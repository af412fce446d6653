"""Builds the images that run in the lab, by hand from the machine's own busybox, and pushes them to its registry."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from images import Image, encode, entry, index, lay_out, layout, sha256, store, tar_members
from lab import REGISTRY, Lab
from runnable import base_layer, folder, program

SLEEP = ("/bin/sleep", "3600")
_PLATFORMS = ("amd64", "arm64")


class Pushed(msgspec.Struct, frozen=True):
    """An image in the lab's registry, with the digests that its first platform (the machine's) has."""

    name: str
    """Registry, repository and tag."""
    index_digest: str
    manifest_digest: str
    config_digest: str

    @property
    def repository(self) -> str:
        """The name without its tag."""
        return self.name.rpartition(":")[0]


Push = Callable[..., Pushed]
"""Pushes an image that no other test has: `pushed("evil/web:1.0")`, with a mark where there are to be several."""


def built(
    mark: str, architecture: str, command: Sequence[str], files: Mapping[str, bytes], settings: Mapping[str, object]
) -> Image:
    """An image of the base and one layer of its own, which the mark makes unlike any other."""
    own = tar_members(folder("etc"), program("etc/mark", mark.encode(), 0o644), *map(program, files, files.values()))
    layers = (base_layer(), own)
    config = {
        "architecture": architecture,
        "os": "linux",
        "created": "2026-03-02T08:00:00Z",
        "config": {"Env": ["PATH=/bin"], "Cmd": list(command), **settings},
        "rootfs": {"type": "layers", "diff_ids": [sha256(layer) for layer in layers]},
        "history": [{"created": "2026-03-02T08:00:00Z", "created_by": f"layer {n}"} for n in range(len(layers))],
    }
    return Image(layers, encode(config), platform={"architecture": architecture, "os": "linux"})


def push(
    lab: Lab,
    name: str,
    mark: str | None = None,
    command: Sequence[str] = SLEEP,
    files: Mapping[str, bytes] | None = None,
    settings: Mapping[str, object] | None = None,
) -> Pushed:
    """Push an index of two platforms as `127.0.0.1:5000/NAME`; another mark makes other content.

    `settings` are further members of the image config's `config` (`Entrypoint`, `Healthcheck`).
    """
    images = [built(mark or name, architecture, command, files or {}, settings or {}) for architecture in _PLATFORMS]
    entries = [entry(image) for image in images]
    table = index(*entries)
    described = {
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "digest": sha256(table),
        "size": len(table),
        "annotations": {"org.opencontainers.image.ref.name": "pushed"},
    }
    contents = {path: data for image in images for path, data in store(image).items()}
    contents[f"blobs/sha256/{sha256(table).removeprefix('sha256:')}"] = table
    whole = f"{REGISTRY}/{name}"
    with tempfile.TemporaryDirectory(dir=lab.folder) as place:
        lay_out(layout(contents, described), Path(place))
        lab.inside(
            *("skopeo", "copy", "--quiet", "--all", "--insecure-policy", "--dest-tls-verify=false"),
            *(f"oci:{place}:pushed", f"docker://{whole}"),
        )
    return Pushed(whole, sha256(table), entries[0]["digest"], images[0].config_digest)
