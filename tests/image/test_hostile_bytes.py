"""Proves a law on mutated images: whatever the bytes, only findings come out, and proven is only the sound image."""

import gzip
import io
import json
from collections.abc import Callable
from contextlib import suppress

import pytest
from hostile import GOOD, TYPES, manifest_of
from hypothesis import given, settings
from hypothesis import strategies as st
from images import (
    Image,
    blobs,
    describe,
    docker_v1,
    docker_v12,
    docker_v25,
    encode,
    entry,
    image,
    layout,
    oci_layout,
    pack,
    store,
    tar,
)

from tidewaiter.edge.images import NoImage, view_of_folder
from tidewaiter.image.blob import ReadError
from tidewaiter.image.diff import AmbiguousImageError, Examined, diff
from tidewaiter.image.facts import examine
from tidewaiter.image.inspection import inspect
from tidewaiter.image.measure import Measurements
from tidewaiter.image.tar_folder import TarFolder
from tidewaiter.image.verification import Verification
from tidewaiter.image.whatis import what_is

FORMS = {
    "first": tar(docker_v1(GOOD)),
    "second": tar(docker_v12(GOOD)),
    "third": tar(docker_v25(GOOD, packing="gzip")),
    "layout": tar(oci_layout(GOOD, "zstd")),
    "packed": gzip.compress(tar(docker_v12(GOOD)), mtime=0),
}


def looked_at(data: bytes) -> Verification | None:
    """All that can be asked of these bytes; None where they are no image."""
    try:
        view = view_of_folder(TarFolder("image.tar", io.BytesIO(data), len(data)), is_tar=True)
    except (NoImage, ReadError):
        return None
    measurements = Measurements()
    verification, _ = examine(view, measurements)
    inspect(view, measurements)
    what_is([GOOD.config_digest, *GOOD.diff_ids], [view])
    with suppress(AmbiguousImageError):
        diff(*[Examined(view, verification, measurements)] * 2)
    return verification


def cut(data: bytes, at: int, length: int, _: bytes) -> bytes:
    """Without some bytes."""
    return data[:at] + data[at + length :]


def flipped(data: bytes, at: int, length: int, _: bytes) -> bytes:
    """One bit is another."""
    return data[:at] + bytes([data[at] ^ (1 << length % 8)]) + data[at + 1 :]


def spliced(data: bytes, at: int, length: int, other: bytes) -> bytes:
    """Other bytes over some."""
    return data[:at] + other + data[at + len(other) :]


def repeated(data: bytes, at: int, length: int, _: bytes) -> bytes:
    """Some bytes twice."""
    return data[: at + length] + data[at:]


def shortened(data: bytes, at: int, length: int, _: bytes) -> bytes:
    """The end is missing."""
    return data[:at]


Mutation = Callable[[bytes, int, int, bytes], bytes]
MUTATIONS: list[Mutation] = [cut, flipped, spliced, repeated, shortened]


@pytest.mark.property
@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(MUTATIONS),
            st.integers(0, 1 << 20),
            st.sampled_from([1, 2, 7, 100, 512, 1024, 4096]),
            st.one_of(st.binary(min_size=1, max_size=20), st.sampled_from([b"\0" * 512, b'"', b"..", b"/", b"\xff"])),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_no_mutation_is_proven_with_other_contents(
    form: str, mutations: list[tuple[Mutation, int, int, bytes]]
) -> None:
    """Only documented errors; and where all is proven, it is the sound image, or no image at all.

    An archive of the first form has no table of layers: the lower ones alone are an image that its v1 ids prove.
    """
    data = FORMS[form]
    for mutate, at, length, other in mutations:
        data = mutate(data, at % max(len(data), 1), length, other) if data else data
    verification = looked_at(data)
    if verification is None or verification.verdict != "proven":
        return
    for identity in verification.images:
        layers = list(identity.diff_ids)
        if identity.config_digest is None:
            assert layers == GOOD.diff_ids[: len(layers)] != []
        else:
            assert (layers, identity.config_digest) == (GOOD.diff_ids, GOOD.config_digest)


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=8),
        st.sampled_from([*GOOD.diff_ids, GOOD.config_digest, "sha256:", "\ud800", "\x1b", "linux", TYPES["gzip"]]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["os", "digest", "a"]), inner)
    ),
    max_leaves=6,
)
CONFIG_MEMBERS = ["os", "architecture", "variant", "created", "author", "config", "history", "rootfs", "os.version"]
RUN_MEMBERS = ["Env", "Cmd", "Entrypoint", "Labels", "Healthcheck", "Volumes", "ExposedPorts", "User"]
MANIFEST_MEMBERS = ["mediaType", "config", "layers", "annotations", "subject", "artifactType", "manifests", "fsLayers"]
LAYER_MEMBERS = ["mediaType", "digest", "size", "urls", "data", "annotations", "platform", "artifactType"]


@pytest.mark.property
@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.dictionaries(st.sampled_from(CONFIG_MEMBERS), VALUES, max_size=2),
    st.dictionaries(st.sampled_from(RUN_MEMBERS), VALUES, max_size=2),
    st.dictionaries(st.sampled_from(MANIFEST_MEMBERS), VALUES, max_size=2),
    st.dictionaries(st.sampled_from(LAYER_MEMBERS), VALUES, max_size=2),
)
def test_members_of_any_kind_do_no_harm(
    config: dict[str, object], run: dict[str, object], manifest: dict[str, object], layer: dict[str, object]
) -> None:
    """Documents whose digests are right and whose members are anything, in each of three forms."""
    base = image(run=run)
    made = Image(base.layers, encode({**members(base.config), **config}), base.names, base.platform)
    packed = [pack(plain, "gzip") for plain in made.layers]
    told = [{**describe(packed[0], TYPES["gzip"]), **layer}, describe(packed[1], TYPES["gzip"])]
    data = encode({**manifest_of(*told, config=describe(made.config, TYPES["config"])), **manifest})
    assert looked_at(tar(layout(blobs(data, made.config, *packed), describe(data, TYPES["manifest"])))) is not None
    assert looked_at(tar(layout(store(made), {**entry(made), **layer}))) is not None
    table = encode([{"Config": "c.json", "RepoTags": list(manifest.values()), "Layers": ["l", *layer.values()]}])
    assert looked_at(tar({"c.json": made.config, "l": made.layers[0], "manifest.json": table})) is not None
    bottom = "a" * 64
    old = {f"{bottom}/json": encode({**config, "config": run, "id": bottom}), f"{bottom}/layer.tar": made.layers[0]}
    assert looked_at(tar({**old, "repositories": encode(manifest)})) is not None


def members(data: bytes) -> dict[str, object]:
    """The members of a document."""
    read = json.loads(data)
    assert isinstance(read, dict)
    return read
