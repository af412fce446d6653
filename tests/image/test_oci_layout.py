"""Proves that OCI layouts become views, and that hostile indexes end."""

import base64
from collections.abc import Iterable

import pytest
from folders import faults_of, folder_of
from images import (
    MEDIA_TYPES,
    REF_NAME,
    Descriptor,
    Tree,
    blobs,
    describe,
    encode,
    entry,
    image,
    index,
    layout,
    manifest,
    oci_index_layout,
    oci_layout,
    sha256,
    store,
)

from tidewaiter.image import document
from tidewaiter.image.blob import read_whole
from tidewaiter.image.oci_layout import read_oci_layout
from tidewaiter.image.view import View

WEB = image()
ARM = image({"x": b"arm"}, platform={"architecture": "arm", "os": "linux", "variant": "v7"})
INDEX = MEDIA_TYPES["oci"]["index"]


def view_of(tree: Tree) -> View:
    """The view of a layout's tree."""
    return read_oci_layout(folder_of(tree), "oci_archive")


def nest(inner: bytes, times: int) -> tuple[bytes, dict[str, bytes]]:
    """An index around an index, so many times, and all their blobs."""
    contents = blobs(inner)
    for _ in range(times):
        inner = index(describe(inner, INDEX))
        contents |= blobs(inner)
    return inner, contents


@pytest.mark.parametrize("style", ["oci", "docker"])
@pytest.mark.parametrize("packing", ["none", "gzip", "zstd"])
def test_one_image(style: str, packing: str) -> None:
    """Manifest, config, layers, name; no index, since `index.json` is none."""
    view = view_of(oci_layout(WEB, packing, style))  # type: ignore[arg-type]
    assert view.faults == ()
    found = view.images[0]
    assert (found.references, found.index, view.indexes) == (("1.4",), None, ())
    assert found.config is not None
    assert found.config.digest == WEB.config_digest
    assert found.manifest is not None
    assert found.manifest.data == manifest(WEB, packing, style)  # type: ignore[arg-type]
    assert [layer.descriptor.digest for layer in found.layers if layer.descriptor] == [
        sha256(read_whole(layer.blob, 1 << 20) or b"") for layer in found.layers if layer.blob
    ]


def test_an_index_of_platforms_with_attestations() -> None:
    """Two images of one index, and two statements about them that never run."""
    view = view_of(oci_index_layout(WEB, ARM))
    assert view.faults == ()
    assert [str(each.platform) for each in view.images] == ["linux/amd64", "linux/arm/v7"]
    assert {each.index.digest for each in view.images if each.index} == {view.indexes[0].digest}
    assert [other.kind for other in view.others] == ["attestation", "attestation"]
    assert [other.about for other in view.others] == [each.manifest.digest for each in view.images if each.manifest]


def test_one_image_under_two_names_is_one() -> None:
    """The table may name content twice; so does containerd for two tags."""
    entries = [entry(WEB, annotations={REF_NAME: name}) for name in ("1.4", "latest")]
    view = view_of(layout(store(WEB), *entries))
    assert [each.references for each in view.images] == [("1.4", "latest")]
    both, contents = nest(index(entry(WEB)), 0)
    tables = [describe(both, INDEX, annotations={REF_NAME: name}) for name in ("a", "b")]
    assert [each.references for each in view_of(layout({**store(WEB), **contents}, *tables)).images] == [("a", "b")]


def test_missing_blobs_are_open_not_wrong() -> None:
    """A sparse layout: nothing is disproven by what is not there."""
    whole = oci_index_layout(WEB, ARM, attest=False)
    gone = blobs(manifest(ARM))
    view = view_of({name: content for name, content in whole.items() if name not in gone})
    assert [str(each.platform) for each in view.images] == ["linux/amd64"]
    assert list(faults_of(view)) == [f"manifest_digest unknown {sha256(manifest(ARM))}"]


def test_embedded_data_is_read() -> None:
    """A descriptor may carry its content."""
    data = manifest(WEB)
    told = {**describe(data, MEDIA_TYPES["oci"]["manifest"]), "data": base64.b64encode(data).decode()}
    tree = layout({name: content for name, content in store(WEB).items() if name not in blobs(data)}, told)
    assert view_of(tree).faults == ()
    assert len(view_of(tree).images) == 1


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"oci-layout": encode({"imageLayoutVersion": "2.0.0"})}, "structure unknown oci-layout"),
        ({"oci-layout": b"{"}, "structure unknown oci-layout"),
        ({"index.json": b"{}"}, "structure no index.json"),
        ({"index.json": b"nonsense"}, "document no index.json"),
        ({"index.json": b'{"manifests":[],"manifests":[]}'}, "document unknown index.json"),
        ({"index.json": encode({"manifests": [], "layers": []})}, "media_type no index.json"),
        ({"index.json": encode({"manifests": [{}]})}, "descriptor no index.json"),
    ],
)
def test_layouts_that_are_none(changes: dict[str, bytes], key: str) -> None:
    """Each is one clear finding."""
    assert key in faults_of(view_of({**oci_layout(WEB), **changes}))


def test_files_of_the_layout_that_are_missing() -> None:
    """Without the mark it is no layout by the letter; without a table nothing can be found."""
    whole = oci_layout(WEB)
    unmarked = view_of({name: content for name, content in whole.items() if name != "oci-layout"})
    assert list(faults_of(unmarked)) == ["structure no oci-layout"]
    assert len(unmarked.images) == 1
    untabled = view_of({name: content for name, content in whole.items() if name != "index.json"})
    assert list(faults_of(untabled)) == ["structure unknown index.json"]


def hostile(told: Descriptor, contents: Iterable[bytes] = ()) -> dict[str, str]:
    """What is wrong with a layout whose table has one entry."""
    return faults_of(view_of(layout(blobs(*contents), told)))


@pytest.mark.parametrize(
    "changes",
    [
        {"digest": "sha256:" + "A" * 64},
        {"digest": "sha256:../../../etc/passwd"},
        {"digest": "md5:" + "a" * 32},
        {"size": -1},
        {"size": 2**70},
        {"size": "1"},
    ],
)
def test_descriptors_that_cannot_be_right(changes: dict[str, object]) -> None:
    """Nothing is looked for under such a digest."""
    told = {**describe(b"x", MEDIA_TYPES["oci"]["manifest"]), **changes}
    assert list(hostile(told)) == [f"descriptor no {told['digest']}"]


def test_a_document_that_is_two_things() -> None:
    """CVE-2021-41190: an index with layers is an image to whoever reads it as a manifest."""
    both = encode({"schemaVersion": 2, "manifests": [entry(WEB)], "config": {}, "layers": []})
    for media_type in (INDEX, MEDIA_TYPES["oci"]["manifest"]):
        assert f"media_type no {sha256(both)}" in hostile(describe(both, media_type), [both])


def test_indexes_too_deep() -> None:
    """Eight within each other are read, not more."""
    fine, contents = nest(index(entry(WEB)), 7)
    assert faults_of(view_of(layout({**contents, **store(WEB)}, describe(fine, INDEX)))) == {}
    deep, contents = nest(index(entry(WEB)), 9)
    faults = faults_of(view_of(layout({**contents, **store(WEB)}, describe(deep, INDEX))))
    assert ["nested more than 8 deep" in reason for reason in faults.values()] == [True]


def test_indexes_that_multiply_end() -> None:
    """Seven indexes that each name the next a thousand times: the walk is bounded, and every document is read once."""
    inner = index()
    contents = blobs(inner)
    for _ in range(7):
        inner = index(*[describe(inner, INDEX)] * 1000)
        contents |= blobs(inner)
    view = view_of(layout(contents, describe(inner, INDEX)))
    assert "structure unknown index" in faults_of(view)
    assert len(view.indexes) <= 8


@pytest.mark.parametrize("bound", ["DOCUMENTS_BYTES", "DOCUMENTS_VALUES"])
def test_documents_are_bounded_together(bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many manifests of the longest length would fill the memory."""
    monkeypatch.setattr(document, bound, 100)
    images = [image({"x": str(n).encode()}) for n in range(9)]
    contents = {name: content for made in images for name, content in store(made).items()}
    view = view_of(layout(contents, *(entry(made) for made in images)))
    assert any("is not read" in reason for reason in faults_of(view).values())
    assert len(view.images) < 9


@pytest.mark.parametrize("media_type", ["application/octet-stream", "application/json", "text/html", None])
def test_images_that_look_like_something_else_are_images(media_type: str | None) -> None:
    """Docker runs manifests whose config has one of the types that old registries wrote, and minds no artifactType."""
    config = {**describe(WEB.config, "x"), "mediaType": media_type}
    data = manifest(WEB, config=config, artifactType="application/vnd.example.harmless")
    told = describe(data, MEDIA_TYPES["oci"]["manifest"])
    view = view_of(layout({**store(WEB), **blobs(data)}, told))
    assert len(view.images) == 1
    assert view.others == ()


def test_artifacts_are_no_images() -> None:
    """Neither with a config that no runtime takes nor with layers that are none."""
    for changes in (
        {"config": describe(b"{}", "application/vnd.oci.empty.v1+json")},
        {"layers": [describe(b"chart", "application/vnd.cncf.helm.chart.content.v1.tar+gzip")]},
        {"config": describe(b"{}", "application/vnd.oci.empty.v1+json"), "layers": None},
    ):
        data = manifest(WEB, **changes)
        view = view_of(layout({**store(WEB), **blobs(data)}, describe(data, MEDIA_TYPES["oci"]["manifest"])))
        assert (view.images, [other.kind for other in view.others], view.faults) == ((), ["artifact"], ())
