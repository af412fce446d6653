"""Builds container images in every form, in memory, for the tests of all that reads images.

A `Tree` is a folder: name -> bytes (a file), str (a symlink's target) or None (a directory). `tar` packs one,
`lay_out` writes one. An `Image` is what a build makes, free of any form; the functions below save it in one.
"""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import zstandard

from tidewaiter.digest import chain_id

Tree = Mapping[str, bytes | str | None]
Packing = Literal["none", "gzip", "zstd"]
Style = Literal["oci", "docker"]
Descriptor = dict[str, Any]

MEDIA_TYPES: dict[str, dict[str, str]] = {
    "oci": {
        "index": "application/vnd.oci.image.index.v1+json",
        "manifest": "application/vnd.oci.image.manifest.v1+json",
        "config": "application/vnd.oci.image.config.v1+json",
        "none": "application/vnd.oci.image.layer.v1.tar",
        "gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
        "zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
    },
    "docker": {
        "index": "application/vnd.docker.distribution.manifest.list.v2+json",
        "manifest": "application/vnd.docker.distribution.manifest.v2+json",
        "config": "application/vnd.docker.container.image.v1+json",
        "none": "application/vnd.docker.image.rootfs.diff.tar",
        "gzip": "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "zstd": "application/vnd.docker.image.rootfs.diff.tar.zstd",
    },
}
REF_NAME = "org.opencontainers.image.ref.name"
EMPTY_CONFIG = "application/vnd.oci.empty.v1+json"


def sha256(data: bytes) -> str:
    """The digest of bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def hex_of(digest: str) -> str:
    """What stands behind the colon."""
    return digest.partition(":")[2]


def encode(value: Any) -> bytes:
    """JSON as Docker writes it: no blanks."""
    return json.dumps(value, separators=(",", ":")).encode()


def tar(files: Tree | Iterable[tuple[str, bytes | str | None]]) -> bytes:
    """A tar file; pairs instead of a tree where a name is to occur twice."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files.items() if isinstance(files, Mapping) else files:
            member = tarfile.TarInfo(name)
            if content is None:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
            else:
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content) if isinstance(content, bytes) else None)
    return packed.getvalue()


def tar_members(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A tar file of members that `tar` has no words for: hard links, devices, owners, modes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@lru_cache(maxsize=32)
def pack(plain: bytes, packing: Packing) -> bytes:
    """A layer as it travels; the same bytes each time."""
    if packing == "gzip":
        return gzip.compress(plain, mtime=0)
    return zstandard.ZstdCompressor().compress(plain) if packing == "zstd" else plain


def lay_out(tree: Tree, folder: Path) -> Path:
    """Write a tree below a folder, and give the folder back."""
    for name, content in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.mkdir(exist_ok=True)
        elif isinstance(content, str):
            path.symlink_to(content)
        else:
            path.write_bytes(content)
    return folder


@dataclass(frozen=True)
class Image:
    """What a build makes: plain layers from the bottom, and a config that lists them."""

    layers: tuple[bytes, ...]
    config: bytes
    names: tuple[str, ...] = ()
    platform: dict[str, str] = field(default_factory=dict)

    @property
    def diff_ids(self) -> list[str]:
        """The digests of the plain layers."""
        return [sha256(layer) for layer in self.layers]

    @property
    def config_digest(self) -> str:
        """The classic image ID."""
        return sha256(self.config)

    @property
    def chain_id(self) -> str | None:
        """All layers folded into one digest."""
        return chain_id(self.diff_ids)


def image(
    *trees: Tree,
    names: Iterable[str] = ("registry.example/shop/web:1.4",),
    run: Mapping[str, Any] | None = None,
    platform: Mapping[str, str] | None = None,
    **config: Any,
) -> Image:
    """An image of one layer for each tree (two small ones unless told); `run` is the config's own `config`."""
    layers = tuple(tar(tree) for tree in trees or ({"bin/sh": b"#!shell", "etc": None}, {"app/web": b"#!web"}))
    where = dict(platform or {"architecture": "amd64", "os": "linux"})
    told = {
        **where,
        "config": dict(run) if run is not None else {"Env": ["PATH=/bin"], "Cmd": ["/app/web"]},
        "created": "2026-03-02T08:00:00Z",
        "history": [{"created": "2026-03-02T08:00:00Z", "created_by": f"layer {n}"} for n in range(len(layers))],
        "rootfs": {"type": "layers", "diff_ids": [sha256(layer) for layer in layers]},
        **config,
    }
    return Image(layers, encode(told), tuple(names), where)


def describe(data: bytes, media_type: str, **more: Any) -> Descriptor:
    """The descriptor of bytes."""
    return {"mediaType": media_type, "digest": sha256(data), "size": len(data), **more}


def manifest(made: Image, packing: Packing = "gzip", style: Style = "oci", **more: Any) -> bytes:
    """The manifest of an image whose layers travel packed so."""
    types = MEDIA_TYPES[style]
    return encode(
        {
            "schemaVersion": 2,
            "mediaType": types["manifest"],
            "config": describe(made.config, types["config"]),
            "layers": [describe(pack(layer, packing), types[packing]) for layer in made.layers],
            **more,
        }
    )


def index(*entries: Descriptor, style: Style = "oci", **more: Any) -> bytes:
    """An index of descriptors."""
    return encode({"schemaVersion": 2, "mediaType": MEDIA_TYPES[style]["index"], "manifests": list(entries), **more})


def entry(made: Image, packing: Packing = "gzip", style: Style = "oci", **more: Any) -> Descriptor:
    """An index's entry for an image."""
    data = manifest(made, packing, style)
    return describe(data, MEDIA_TYPES[style]["manifest"], platform=dict(made.platform), **more)


def blobs(*contents: bytes) -> dict[str, bytes]:
    """Contents where an OCI layout keeps them."""
    return {f"blobs/sha256/{hex_of(sha256(content))}": content for content in contents}


def store(made: Image, packing: Packing = "gzip", style: Style = "oci") -> dict[str, bytes]:
    """All blobs of an image: manifest, config, layers."""
    return blobs(manifest(made, packing, style), made.config, *(pack(layer, packing) for layer in made.layers))


def attestation(subject: str) -> tuple[bytes, dict[str, bytes]]:
    """A manifest as BuildKit writes it to state something about another one, and its blobs (without itself)."""
    statement = encode({"_type": "https://in-toto.io/Statement/v0.1", "subject": [{"digest": subject}]})
    config = encode({"architecture": "unknown", "os": "unknown", "config": {}, "rootfs": {"type": "layers"}})
    types = MEDIA_TYPES["oci"]
    told = {
        "schemaVersion": 2,
        "mediaType": types["manifest"],
        "config": describe(config, types["config"]),
        "layers": [describe(statement, "application/vnd.in-toto+json")],
    }
    return encode(told), blobs(statement, config)


def layout(contents: Tree, *entries: Descriptor) -> Tree:
    """An OCI layout of blobs, with a table of entries."""
    return {
        "oci-layout": encode({"imageLayoutVersion": "1.0.0"}),
        "index.json": encode({"schemaVersion": 2, "manifests": list(entries)}),
        **contents,
    }


def oci_layout(made: Image, packing: Packing = "gzip", style: Style = "oci", ref: str = "1.4") -> Tree:
    """An OCI layout of one image, as skopeo writes it."""
    return layout(store(made, packing, style), entry(made, packing, style, annotations={REF_NAME: ref}))


def oci_index_layout(*images: Image, packing: Packing = "gzip", style: Style = "oci", attest: bool = True) -> Tree:
    """An OCI layout of one index with an entry for each image, as BuildKit writes it, attestations and all."""
    contents: dict[str, bytes] = {}
    entries = []
    for made in images:
        contents |= store(made, packing, style)
        entries.append(entry(made, packing, style))
    for told in list(entries) if attest else ():
        data, more = attestation(told["digest"])
        contents |= {**more, **blobs(data)}
        notes = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": told["digest"]}
        nowhere = {"architecture": "unknown", "os": "unknown"}
        entries.append(describe(data, MEDIA_TYPES["oci"]["manifest"], annotations=notes, platform=nowhere))
    data = index(*entries, style=style)
    return layout(
        {**contents, **blobs(data)}, describe(data, MEDIA_TYPES[style]["index"], annotations={REF_NAME: "1.4"})
    )


EMPTY_RUN = {
    **{"Hostname": "", "Domainname": "", "User": "", "AttachStdin": False, "AttachStdout": False},
    **{"AttachStderr": False, "Tty": False, "OpenStdin": False, "StdinOnce": False, "Env": None, "Cmd": None},
    **{"Image": "", "Volumes": None, "WorkingDir": "", "Entrypoint": None, "OnBuild": None, "Labels": None},
}
"""A `container.Config` that says nothing, as Docker writes it."""
EPOCH = "1970-01-01T00:00:00Z"


def v1_ids(made: Image) -> list[str]:
    """The v1 id of each layer, bottom first (moby image/v1/imagev1.go CreateID); the top one as of this config."""
    ids: list[str] = []
    for n in range(len(made.layers)):
        told: dict[str, Any] = {"created": EPOCH, "container_config": EMPTY_RUN}
        if n == len(made.layers) - 1:
            config = json.loads(made.config)
            told = {"created": config["created"], "container_config": EMPTY_RUN, "config": EMPTY_RUN}
            told["config"] = {key: config["config"].get(key, empty) for key, empty in EMPTY_RUN.items()}
            told |= {key: config[key] for key in ("architecture", "os")}
        told["layer_id"] = chain_id(made.diff_ids[: n + 1])
        if ids:
            told["parent"] = "sha256:" + ids[-1]
        ids.append(hex_of(sha256(encode(dict(sorted(told.items()))))))
    return ids


def repositories(made: Image, top: str) -> bytes:
    """The `repositories` file of an archive: repository -> tag -> v1 id of the top layer."""
    found: dict[str, dict[str, str]] = {}
    for name in made.names:
        repository, _, tag = name.rpartition(":")
        found.setdefault(repository, {})[tag] = top
    return encode(found)


def docker_v1(*images: Image) -> Tree:
    """What `docker save` of 1.0 to 1.9 wrote: a folder for each layer, and `repositories`."""
    tree: dict[str, bytes | str | None] = {}
    tags: dict[str, dict[str, str]] = {}
    for made in images:
        ids = v1_ids(made)
        tree |= _layer_folders(made, ids)
        for repository, told in json.loads(repositories(made, ids[-1])).items():
            tags.setdefault(repository, {}).update(told)
    return {**tree, "repositories": encode(tags)}


def docker_v12(*images: Image) -> Tree:
    """What `docker save` of 1.10 to 24 wrote; a layer that lies there already is a symlink to that one."""
    tree: dict[str, bytes | str | None] = {}
    table, tags = [], {}
    where: dict[bytes, str] = {}
    for made in images:
        ids = v1_ids(made)
        tree |= _layer_folders(made, ids)
        for layer, v1_id in zip(made.layers, ids, strict=True):
            first = where.setdefault(layer, v1_id)
            if first != v1_id:
                tree[f"{v1_id}/layer.tar"] = f"../{first}/layer.tar"
        config = f"{hex_of(made.config_digest)}.json"
        tree[config] = made.config
        table.append({"Config": config, "RepoTags": list(made.names), "Layers": [f"{id}/layer.tar" for id in ids]})
        tags.update(json.loads(repositories(made, ids[-1])))
    return {**tree, "manifest.json": encode(table), "repositories": encode(tags)}


def docker_v25(*images: Image, packing: Packing = "none", attest: bool = False) -> Tree:
    """What `docker save` writes since 25: an OCI layout with a `manifest.json` that points into it."""
    table, entries, tags = [], [], {}
    contents: dict[str, bytes] = {}
    for made in images:
        contents |= store(made, packing)
        first = made.names[0] if made.names else ""
        notes = {"io.containerd.image.name": first, REF_NAME: first.rpartition(":")[2]}
        told = entry(made, packing)
        if attest:
            data, more = attestation(told["digest"])
            contents |= {**more, **blobs(data)}
            marks = {
                "vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": told["digest"],
            }
            other = describe(data, MEDIA_TYPES["oci"]["manifest"], annotations=marks)
            both = index(told, other)
            contents |= blobs(both)
            told = describe(both, MEDIA_TYPES["oci"]["index"])
        entries.append({**told, "annotations": notes})
        packed = [f"blobs/sha256/{hex_of(sha256(pack(layer, packing)))}" for layer in made.layers]
        config = f"blobs/sha256/{hex_of(made.config_digest)}"
        table.append({"Config": config, "RepoTags": list(made.names), "Layers": packed})
        tags.update(json.loads(repositories(made, hex_of(sha256(made.layers[-1])))))
    return {
        **layout(contents, *entries),
        "manifest.json": encode(table),
        "repositories": encode(tags),
    }


def _layer_folders(made: Image, ids: list[str]) -> dict[str, bytes | str | None]:
    """The folder of each layer: VERSION, json, layer.tar."""
    config = json.loads(made.config)
    tree: dict[str, bytes | str | None] = {}
    for n, (layer, v1_id) in enumerate(zip(made.layers, ids, strict=True)):
        told: dict[str, Any] = {"id": v1_id, "created": EPOCH, "container_config": EMPTY_RUN, "os": config["os"]}
        if n:
            told["parent"] = ids[n - 1]
        if n == len(ids) - 1:
            run = {key: config["config"].get(key, empty) for key, empty in EMPTY_RUN.items()}
            told |= {"created": config["created"], "config": run, "architecture": config["architecture"]}
        tree |= {f"{v1_id}/": None, f"{v1_id}/VERSION": b"1.0", f"{v1_id}/json": encode(told)}
        tree[f"{v1_id}/layer.tar"] = layer
    return tree
