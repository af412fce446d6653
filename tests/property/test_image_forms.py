"""Proves that archives with any bytes changed end in a view with faults or in one sentence, never in anything else."""

import gzip
import io
import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from images import MEDIA_TYPES, docker_v1, docker_v12, docker_v25, hex_of, image, oci_index_layout, tar

from tidewaiter.image.blob import ReadError
from tidewaiter.image.docker_archive import read_docker_archive
from tidewaiter.image.docker_archive_v1 import read_docker_archive_v1
from tidewaiter.image.document import parse_document
from tidewaiter.image.folder import Folder
from tidewaiter.image.loose import described, read_loose, what_is_wrong
from tidewaiter.image.oci_layout import read_oci_layout
from tidewaiter.image.tar_folder import TarFolder
from tidewaiter.image.view import View
from tidewaiter.image.whatis import what_is

pytestmark = pytest.mark.property
SETTINGS = settings(deadline=None, max_examples=100, derandomize=True)
WEB = image()
ARCHIVES: list[tuple[bytes, Callable[[Folder], View]]] = [
    (tar(docker_v1(WEB)), read_docker_archive_v1),
    (tar(docker_v12(WEB)), read_docker_archive),
    (tar(docker_v25(WEB, attest=True)), read_docker_archive),
    (tar(oci_index_layout(WEB)), lambda folder: read_oci_layout(folder, "oci_archive")),
]
ASKED = [WEB.config_digest, *WEB.diff_ids, WEB.chain_id or ""]
changes = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=12)), max_size=6)


def changed(data: bytes, where: list[tuple[float, bytes]], end: float) -> bytes:
    """Bytes that were overwritten in some places and cut off at the end."""
    found = bytearray(data)
    for place, text in where:
        at = int(place * len(found))
        found[at : at + len(text)] = text
    return bytes(found[: int(len(found) * (1 - end))])


@pytest.mark.parametrize("number", range(len(ARCHIVES)))
@SETTINGS
@given(where=changes, end=st.sampled_from([0.0, 0.0, 0.1, 0.5, 0.9]), is_packed=st.booleans())
def test_changed_archives(number: int, where: list[tuple[float, bytes]], end: float, is_packed: bool) -> None:
    """Overwritten anywhere, cut anywhere, packed or not; the digest of what is not there is never found."""
    data, read = ARCHIVES[number]
    data = changed(gzip.compress(data, mtime=0) if is_packed else data, where, end)
    try:
        folder = TarFolder("a.tar", io.BytesIO(data), len(data))
    except ReadError:
        return
    view = read(folder)
    for answer in what_is([*ASKED, "sha256:" + "0" * 64], [view])[-1:]:
        assert answer.is_ == "not_found"
    for fault in view.faults:
        assert fault.reason


@SETTINGS
@given(where=changes, end=st.sampled_from([0.0, 0.1, 0.5]))
def test_changed_documents(where: list[tuple[float, bytes]], end: float) -> None:
    """A config is described, whatever became of it."""
    document = parse_document("c.json", changed(WEB.config, where, end))
    assert described(document)
    what_is_wrong(document)
    read_loose("", [document])


HEX = hex_of(WEB.config_digest)
PLACES = [
    f"sha256:{HEX}",
    HEX,
    f"{HEX}/json",
    f"{HEX}/layer.tar",
    f"blobs/sha256/{HEX}",
    "../x",
    "",
    "\ud800",
    "é",
    "/",
]
MEMBERS = [
    *("schemaVersion", "mediaType", "config", "layers", "manifests", "rootfs", "fsLayers", "diff_ids", "signatures"),
    *("digest", "size", "platform", "annotations", "subject", "artifactType", "created", "os", "data", "urls"),
    *("Config", "Layers", "RepoTags", "id", "parent", "protected", "imageLayoutVersion"),
]
TYPES = [media_type for types in MEDIA_TYPES.values() for media_type in types.values()]
VALUES = st.recursive(
    st.sampled_from([None, True, -1, 0, 1, 2**80, 0.5, *PLACES, *TYPES]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*MEMBERS, *PLACES]), inner, max_size=4)
    ),
    max_leaves=10,
)


@SETTINGS
@given(told=st.dictionaries(st.sampled_from(MEMBERS), VALUES))
def test_documents_of_any_shape(told: dict[str, object]) -> None:
    """Members of any type in any place."""
    document = parse_document("d.json", json.dumps(told).encode())
    assert described(document)
    what_is_wrong(document)
    what_is([document.digest], [], [read_loose("", [document])])


@SETTINGS
@given(table=VALUES, config=VALUES, other=VALUES)
def test_tables_of_any_shape(table: object, config: object, other: object) -> None:
    """Any JSON as `manifest.json`, `index.json`, `repositories`, a layer's json and a config."""
    text = {name: json.dumps(value).encode() for name, value in {"t": table, "c": config, "o": other}.items()}
    tree = {"manifest.json": text["t"], "index.json": text["t"], "repositories": text["t"], "oci-layout": text["o"]}
    tree |= {f"{HEX}/json": text["c"], f"{HEX}/layer.tar": text["o"], f"blobs/sha256/{HEX}": text["c"]}
    data = tar(tree)
    for read in (read_docker_archive, read_docker_archive_v1, lambda folder: read_oci_layout(folder, "oci_archive")):
        view = read(TarFolder("a.tar", io.BytesIO(data), len(data)))
        what_is([WEB.config_digest, f"sha256:{'0' * 64}"], [view])
