"""Proves that indexes, manifests and configs that mean harm are each found out, whatever they make of JSON."""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hostile import (
    ABSENT,
    GOOD,
    TYPES,
    Hostile,
    assert_found,
    layout_of,
    manifest_of,
    nothing_written,
    run_commands,
    saved,
    verified,
)
from images import (
    Image,
    Tree,
    blobs,
    describe,
    encode,
    entry,
    hex_of,
    image,
    index,
    layout,
    manifest,
    oci_layout,
    pack,
    sha256,
    store,
)

Made = tuple[Tree | bytes, str]
LAYERS = [pack(layer, "gzip") for layer in GOOD.layers]
TOLD = [describe(layer, TYPES["gzip"]) for layer in LAYERS]
MANIFEST = manifest(GOOD)
LONG = b'{"x":"' + b"x" * (4 << 20) + b'"}'
NESTED = b"[" * 101 + b"]" * 101


def manifested(data: bytes, *contents: bytes, **more: Any) -> Callable[[], Made]:
    """A layout of these bytes as manifest, with the sound image's blobs."""
    told = {**describe(data, TYPES["manifest"]), **more}
    return lambda: (layout({**store(GOOD), **blobs(data, *contents)}, told), sha256(data))


def changed(**changes: Any) -> Callable[[], Made]:
    """A layout whose manifest has other members."""
    return manifested(encode(manifest_of(*TOLD, **changes)))


def configured(data: bytes, **platform: str) -> Callable[[], Made]:
    """A layout of the sound layers with these bytes as config."""
    made = Image(GOOD.layers, data, platform=platform or GOOD.platform)
    return lambda: (layout(store(made), entry(made)), sha256(data))


def with_config(**changes: Any) -> Callable[[], Made]:
    """A layout with members of its config changed."""
    return configured(image(**changes).config)


def layer_told(**changes: Any) -> Callable[[], Made]:
    """A layout whose lower layer is described otherwise."""
    lower = {**TOLD[0], **changes}
    return lambda: (manifested(encode(manifest_of(lower, TOLD[1])))()[0], lower["digest"])


def replaced(data: bytes) -> Callable[[], Made]:
    """A layout with a byte more behind one of its blobs."""
    name = f"blobs/sha256/{hex_of(sha256(data))}"
    return lambda: ({**oci_layout(GOOD), name: data[:-1] + bytes([data[-1] ^ 1])}, sha256(data))


def indexed(*entries: dict[str, Any], **more: Any) -> Made:
    """A layout of one index, with the sound image's blobs."""
    data = index(*entries, **more)
    return layout({**store(GOOD), **blobs(data)}, describe(data, TYPES["index"])), sha256(data)


def nested(depth: int) -> Made:
    """An index in an index in an index ..."""
    contents, told = dict(store(GOOD)), entry(GOOD)
    for _ in range(depth):
        data = index(told)
        contents |= blobs(data)
        told = describe(data, TYPES["index"])
    return layout(contents, told), sha256(index(entry(GOOD)))


def circle() -> Made:
    """An index under a false digest, which names itself by that."""
    told = {"mediaType": TYPES["index"], "digest": "sha256:" + "c" * 64, "size": 1}
    data = index(told)
    return layout({f"blobs/sha256/{'c' * 64}": data}, {**told, "size": len(data)}), "sha256:" + "c" * 64


def multiplying() -> Made:
    """A thousand times a thousand times a thousand."""
    low = index(*[entry(GOOD)] * 1000)
    middle = index(*[describe(low, TYPES["index"])] * 1000)
    return layout({**store(GOOD), **blobs(low, middle)}, *[describe(middle, TYPES["index"])] * 1000), "index"


def many_layers() -> Made:
    """A manifest of a thousand layers in two thousand indexes."""
    data = encode(manifest_of(*[TOLD[0]] * 1000))
    indexes = [index(describe(data, TYPES["manifest"]), annotations={"n": str(n)}) for n in range(30)]
    tree = layout(blobs(data, GOOD.config, LAYERS[0], *indexes), *(describe(each, TYPES["index"]) for each in indexes))
    return tree, sha256(data)


def embedded(data: bytes, told: bytes) -> Made:
    """A layout whose table embeds other bytes than it tells the digest of."""
    lie = {**describe(told, TYPES["manifest"]), "data": base64.b64encode(data).decode()}
    return layout(store(GOOD), lie), sha256(told)


def twice(data: bytes, member: bytes) -> bytes:
    """A document with a member once more, at its end."""
    return data[:-1] + b"," + member + b":[]}"


def long_digest(data: bytes) -> Made:
    """A layer by a SHA-512 that is another's."""
    told = "sha512:" + hashlib.sha512(b"another").hexdigest()
    made, _ = layout_of(manifest_of({**TOLD[0], "digest": told}, TOLD[1]), GOOD.config, LAYERS[1])
    return {**made, f"blobs/sha512/{hex_of(told)}": data}, told


def in_disguise() -> Made:
    """An image that is marked as a statement about another one, so that nobody looks at it."""
    notes = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": ABSENT}
    return indexed(entry(GOOD, annotations=notes))[0], sha256(MANIFEST)


TWICE = twice(index(entry(GOOD)), b'"manifests"')
SIZES: list[object] = [2**64, -1, 1.5, 1e300, True, "7", None, [7], {}]
DOCUMENTS = [
    Hostile("index nested", lambda: nested(10), "incomplete", "structure", "unknown", "more than 8 deep"),
    Hostile("index in a circle", circle, "broken", "structure", "no", "holds itself"),
    Hostile(
        "index of 1001", lambda: indexed(*[entry(GOOD)] * 1001), "incomplete", "structure", "unknown", "more than 1000"
    ),
    Hostile("indexes that multiply", multiplying, "incomplete", "structure", "unknown", "more than 10000 descriptors"),
    Hostile("too many layers", many_layers, "broken", "structure", "unknown", "more than 20000 layers"),
    Hostile("manifest too long", manifested(LONG), "incomplete", "manifest_digest", "unknown", "longer than 4194304"),
    Hostile("config too long", configured(LONG), "incomplete", "config_digest", "unknown", "longer than 4194304"),
    Hostile("layers and manifests", changed(manifests=[entry(GOOD)]), "broken", "media_type", "no", "two images"),
    Hostile(
        "layers of an index", lambda: indexed(entry(GOOD), layers=TOLD), "broken", "media_type", "no", "two images"
    ),
    Hostile("other media type", changed(mediaType=TYPES["index"]), "broken", "media_type", "no", "calls itself"),
    Hostile(
        "manifest as index", changed(mediaType=TYPES["index"]), "broken", "media_type", "no", "members of a manifest"
    ),
    Hostile(
        "manifest twice", manifested(twice(MANIFEST, b'"layers"')), "broken", "document", "unknown", '"layers" twice'
    ),
    Hostile("config twice", configured(twice(GOOD.config, b'"os"')), "incomplete", "document", "unknown", '"os" twice'),
    Hostile(
        "index twice",
        lambda: (
            layout({**store(GOOD), **blobs(TWICE)}, describe(TWICE, TYPES["index"])),
            sha256(TWICE),
        ),
        "incomplete",
        "document",
        "unknown",
        '"manifests" twice',
    ),
    Hostile(
        "table twice",
        lambda: (
            {**oci_layout(GOOD), "index.json": twice(encode({"manifests": [entry(GOOD)]}), b'"x":1,"x"')},
            "index.json",
        ),
        "incomplete",
        "document",
        "unknown",
        '"x" twice',
    ),
    Hostile("manifest nested", manifested(NESTED), "broken", "document", "no", "nested too deep"),
    Hostile("config nested", configured(b'{"os":' + NESTED + b"}"), "broken", "document", "no", "nested too deep"),
    Hostile("config nested deeper", configured(b"[" * 200_000), "broken", "document", "no", "nested too deep"),
    Hostile(
        "config of many values",
        configured(b"[" + b"0," * 300_000 + b"0]"),
        "broken",
        "document",
        "no",
        "more than 250000 values",
    ),
    Hostile(
        "config of another alphabet",
        configured(GOOD.config.decode().encode("utf-16")),
        "broken",
        "document",
        "no",
        "is no JSON",
    ),
    Hostile("config with no number", configured(b'{"os":NaN}'), "broken", "document", "no", "NaN is no JSON number"),
    Hostile(
        "config of a huge number", configured(b'{"os":' + b"9" * 5000 + b"}"), "broken", "document", "no", "is no JSON"
    ),
    Hostile("config of no bytes", configured(b""), "broken", "document", "no", "is no JSON"),
    Hostile("config no object", configured(b"[]"), "broken", "document", "no", "no JSON object"),
    Hostile(
        "config in small letters", with_config(rootFS={}), "incomplete", "document", "unknown", "whatever the case"
    ),
    *(
        Hostile(f"size {size!r}", layer_told(size=size), "broken", "descriptor", "no", "not a number of bytes")
        for size in SIZES
    ),
    Hostile(
        "size too small", layer_told(size=len(LAYERS[0]) - 1), "broken", "size", "no", "expected by the descriptor"
    ),
    Hostile("size too large", layer_told(size=2**62), "broken", "size", "no", "expected by the descriptor"),
    Hostile("manifest of another", replaced(MANIFEST), "broken", "manifest_digest", "no", "expected by the descriptor"),
    Hostile("config of another", replaced(GOOD.config), "broken", "config_digest", "no", "expected by the descriptor"),
    Hostile("layer of another", replaced(LAYERS[0]), "broken", "layer_digest", "no", "expected by the descriptor"),
    Hostile(
        "longer digest of another",
        lambda: long_digest(LAYERS[0]),
        "broken",
        "layer_digest",
        "no",
        "expected by the descriptor",
    ),
    Hostile(
        "unknown algorithm", layer_told(digest="md5:" + "0" * 32), "broken", "descriptor", "no", "no digest algorithm"
    ),
    Hostile(
        "capital letters",
        layer_told(digest=TOLD[0]["digest"].upper().replace("SHA", "sha")),
        "broken",
        "descriptor",
        "no",
        "lower-case hex",
    ),
    Hostile("capital algorithm", layer_told(digest="SHA256:" + "0" * 64), "broken", "descriptor", "no", "is no digest"),
    Hostile(
        "digest that is a path",
        layer_told(digest="sha256:../../../../etc/passwd"),
        "broken",
        "descriptor",
        "no",
        "is no digest",
    ),
    Hostile(
        "algorithm that is a path",
        layer_told(digest="../../../etc:passwd"),
        "broken",
        "descriptor",
        "no",
        "is no digest",
    ),
    Hostile(
        "digest with controls",
        layer_told(digest="sha256:\x1b[2J\u202e\ud800"),
        "broken",
        "descriptor",
        "no",
        "is no digest",
    ),
    Hostile(
        "embedded lie",
        lambda: embedded(manifest(image(author="x")), MANIFEST),
        "broken",
        "manifest_digest",
        "no",
        "found over the bytes of data of",
    ),
    Hostile(
        "foreign layer",
        lambda: (
            layout_of(manifest_of({**TOLD[0], "urls": ["http://169.254.169.254/"]}, TOLD[1]), GOOD.config, LAYERS[1])[
                0
            ],
            TOLD[0]["digest"],
        ),
        "incomplete",
        "layer_digest",
        "unknown",
        "elsewhere by intention",
    ),
    Hostile(
        "diff_ids turned",
        with_config(rootfs={"type": "layers", "diff_ids": GOOD.diff_ids[::-1]}),
        "broken",
        "chain_id",
        "no",
        "expected from the config",
    ),
    Hostile(
        "diff_id too few",
        with_config(rootfs={"diff_ids": GOOD.diff_ids[:1]}),
        "broken",
        "diff_id_count",
        "no",
        "expected for the layers",
    ),
    Hostile(
        "diff_ids without end",
        with_config(rootfs={"diff_ids": [ABSENT] * 50_000}),
        "broken",
        "diff_id_count",
        "no",
        "expected for the layers",
    ),
    Hostile(
        "diff_ids of all kinds",
        with_config(rootfs={"diff_ids": [7, {"\x1b": []}]}),
        "broken",
        "chain_id",
        "no",
        "expected from",
    ),
    Hostile("rootfs no object", with_config(rootfs=[1]), "broken", "diff_id_count", "no", "expected for the layers"),
    Hostile("history of another", with_config(history=[{}] * 3), "broken", "history", "no", "made a layer"),
    Hostile(
        "platform of another",
        configured(GOOD.config, os="linux", architecture="arm64"),
        "broken",
        "platform",
        "no",
        "expected by the index",
    ),
    Hostile("image as attestation", in_disguise, "broken", "structure", "no", "marked as a statement"),
    Hostile(
        "no layers",
        lambda: (layout_of(manifest_of(), GOOD.config)[0], GOOD.config_digest),
        "broken",
        "diff_id_count",
        "no",
        "expected for the layers",
    ),
    Hostile(
        "unknown layer type",
        layer_told(mediaType=TYPES["none"] + "+lz77"),
        "incomplete",
        "media_type",
        "unknown",
        "no layer's",
    ),
    Hostile("no config", changed(config=None), "broken", "config_digest", "no", "names no config"),
    Hostile("layers no list", changed(layers={}), "broken", "structure", "no", "no list"),
]


@pytest.mark.parametrize("hostile", DOCUMENTS, ids=lambda hostile: hostile.name)
def test_documents_are_found_out(hostile: Hostile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The finding, the verdict, an answer of every command, and no file more than before."""
    made, subject = hostile.make()
    path = saved(made, tmp_path / "image.tar")
    monkeypatch.chdir(tmp_path)
    with nothing_written():
        assert_found(verified(path), hostile, subject)
        run_commands(path)
    assert list(tmp_path.iterdir()) == [path]
