"""Proves what is shown of an image at a glance, and what is left open where bytes are missing."""

from images import Tree, hex_of, image, oci_index_layout, oci_layout, pack, sha256
from views import view_of

from tidewaiter.image.inspection import Inspection, inspect
from tidewaiter.image.measure import Measurements

RUN = {"Cmd": ["/app/web"], "Labels": {"a": "b", "number": 7}}
WEB = image(run=RUN)


def look(tree: Tree) -> Inspection:
    """The inspection of a tree."""
    return inspect(view_of(tree), Measurements())


def test_layers_are_measured_and_named_by_their_history() -> None:
    """Packed and unpacked size, both digests, and the step that made each."""
    (shown,) = look(oci_layout(WEB)).images
    packed = pack(WEB.layers[0], "gzip")
    first = shown.layers[0]
    assert (first.layer_digest, first.diff_id) == (sha256(packed), WEB.diff_ids[0])
    assert (first.size_bytes, first.plain_bytes, first.compression) == (len(packed), len(WEB.layers[0]), "gzip")
    assert [layer.created_by for layer in shown.layers] == ["layer 0", "layer 1"]
    assert (shown.run, shown.labels) == ({"Cmd": ["/app/web"]}, {"a": "b"})
    assert shown.contents is not None
    assert shown.contents.files == 2


def test_a_history_that_does_not_fit_names_no_layer() -> None:
    """Where the counts differ nobody knows which step made which layer."""
    (shown,) = look(oci_layout(image(history=[{"created_by": "all"}]))).images
    assert [layer.created_by for layer in shown.layers] == [None, None]


def test_what_is_missing_is_told_as_far_as_the_manifest_tells_it() -> None:
    """A layer that is not there keeps its digest and size, and has no contents."""
    gone = [hex_of(sha256(pack(layer, "gzip"))) for layer in WEB.layers]
    tree = {name: content for name, content in oci_layout(WEB).items() if not name.endswith(tuple(gone))}
    found = look(tree)
    (shown,) = found.images
    assert found.verdict == "incomplete"
    assert [hex_of(str(layer.layer_digest)) for layer in shown.layers] == gone
    assert [layer.plain_bytes for layer in shown.layers] == [None, None]
    assert shown.contents is None


def test_attestations_are_told_beside_the_images() -> None:
    """What never runs is no image, and is not hidden."""
    found = look(oci_index_layout(WEB))
    assert [(other.kind, other.about) for other in found.others] == [
        ("attestation", found.images[0].identity.manifest_digest)
    ]
