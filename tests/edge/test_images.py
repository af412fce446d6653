"""Proves that a path is opened for what lies there, and that what is no image is named for what it is."""

import contextlib
import gzip
import os
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import zstandard
from images import (
    Tree,
    describe,
    docker_v1,
    docker_v12,
    docker_v25,
    encode,
    image,
    index,
    lay_out,
    manifest,
    oci_index_layout,
    oci_layout,
    sha256,
    tar,
)

from tidewaiter.edge import images
from tidewaiter.edge.images import NoImage, OpenOptions, open_path, open_view, read_documents
from tidewaiter.image.blob import ReadError, read_whole
from tidewaiter.image.view import View
from tidewaiter.image.whatis import what_is

WEB = image()
FORMS: list[tuple[Tree, str, str]] = [
    (docker_v1(WEB), "docker_archive_v1", "docker_archive_v1"),
    (docker_v12(WEB), "docker_archive", "docker_archive"),
    (docker_v25(WEB), "docker_archive", "docker_archive"),
    (oci_layout(WEB), "oci_layout", "oci_archive"),
    (oci_index_layout(WEB, style="docker", packing="zstd"), "oci_layout", "oci_archive"),
]


def refused(path: Path) -> str:
    """Why there is no image at a path."""
    with pytest.raises(NoImage) as error, open_path(str(path)):
        pass
    return str(error.value)


def layers(view: View) -> list[bytes | None]:
    """The bytes of all layers of the first image."""
    return [read_whole(layer.blob, 1 << 20) for layer in view.images[0].layers if layer.blob is not None]


@pytest.mark.parametrize(("tree", "as_folder", "as_file"), FORMS)
def test_forms_are_known_by_what_they_hold(tree: Tree, as_folder: str, as_file: str, tmp_path: Path) -> None:
    """A folder, a tar file, one packed with gzip: whatever their names."""
    folder = lay_out(tree, tmp_path / "some.json")
    file, packed = tmp_path / "a", tmp_path / "b.oci"
    file.write_bytes(tar(tree))
    packed.write_bytes(gzip.compress(tar(tree)))
    read = []
    for path, form in ((folder, as_folder), (file, as_file), (packed, as_file)):
        with open_path(str(path)) as view:
            assert (view.form, view.name, view.faults) == (form, str(path), ())
            read.append(layers(view))
    assert len(read[0]) == 2
    assert read[0] == read[1] == read[2]


def test_nothing_is_written(tmp_path: Path) -> None:
    """Reading leaves a read-only folder as it was."""
    folder = lay_out(oci_layout(WEB), tmp_path / "layout")
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    with open_path(str(folder)) as view:
        layers(view)
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"\x7fELF" + bytes(5000), "it is something else"),
        (b"caf\xc3\xa9\n" * 500, "it is text ("),
        (gzip.compress(b"text" * 500), "it is something packed with gzip"),
        (zstandard.ZstdCompressor().compress(tar(docker_v12(WEB))), "packed with zstd"),
        (tar({}), "it holds no files"),
        (tar({"etc/passwd": b"", "usr": None}), "it holds etc: the files of one layer"),
        (tar({"a": b"", "../b": b""}), "it holds a; ../b: the name leads out of the archive"),
        (b"[1]", "it is a JSON text that is no JSON object"),
        (b'{"a":', "it is a JSON text that is no JSON: "),
        (b"{}", "it is an empty JSON object"),
        (b'{"a":1}', "it is JSON of another kind"),
        (b'{"schemaVersion":9}', "it is a manifest of a schema that is not known: 9"),
        (manifest(WEB), f"an OCI manifest of 2 layers ({sha256(manifest(WEB))}) without what it names"),
        (manifest(WEB, style="docker"), "a Docker schema 2 manifest of 2 layers"),
        (index(), "an OCI index of 0 manifests"),
        (index(describe(b"", ""), style="docker"), "a Docker manifest list of 1 manifest "),
        (WEB.config, "an image config for linux/amd64"),
        (encode({"schemaVersion": 1, "fsLayers": [{}]}), "a Docker schema 1 manifest, which nothing runs any more"),
        (encode({"diff_ids": ["a" * 64]}), "it is a list of 1 diff_id"),
        (manifest(WEB, config={**describe(b"", ""), "size": -1}), "its size is -1, not a number"),
    ],
)
def test_what_is_no_image_is_named(data: bytes, reason: str, tmp_path: Path) -> None:
    """What was looked for, and what was found instead."""
    path = tmp_path / "image.tar"
    path.write_bytes(data)
    assert reason in refused(path)
    assert "was looked for" in refused(path)


def test_folders_that_are_no_image(tmp_path: Path) -> None:
    """An empty one, one of other files, a `dir:` folder of skopeo."""
    assert "it holds no files" in refused(tmp_path)
    assert "it holds b, c, d, e, f and 2 more" in refused(lay_out({n: b"" for n in "hgfedcb"}, tmp_path / "other"))
    assert "`dir:` folder of skopeo" in refused(lay_out({"manifest.json": manifest(WEB)}, tmp_path / "dir"))


def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    """Opening a pipe that nobody writes to would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    assert "no regular file" in refused(tmp_path / "pipe")
    tree = lay_out(oci_layout(WEB), tmp_path / "layout")
    (tree / "index.json").unlink()
    os.mkfifo(tree / "index.json")
    with open_path(str(tree)) as view:
        assert [fault.subject for fault in view.faults] == ["index.json"]


def test_links_out_of_a_folder_are_not_followed(tmp_path: Path) -> None:
    """A layout from elsewhere may point at files of this machine; a link inside it is fine."""
    (tmp_path / "secret").write_bytes(WEB.config)
    tree = lay_out(oci_layout(WEB), tmp_path / "layout")
    config = tree / "blobs" / "sha256" / WEB.config_digest.partition(":")[2]
    config.rename(tree / "moved")
    config.symlink_to(tree / "moved")
    with open_path(str(tree)) as view:
        assert view.faults == ()
    config.unlink()
    config.symlink_to(tmp_path / "secret")
    with open_path(str(tree)) as view:
        assert view.images[0].config is None
        assert "out of the folder" in " ".join(fault.reason for fault in view.faults)


def test_a_misspelt_path_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what names a registry goes to one."""
    asked: list[str] = []

    def ask(reference: str, options: object) -> AbstractContextManager[View]:
        asked.append(reference)
        raise NoImage("asked")

    monkeypatch.setattr(images, "open_registry", ask)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dir.d").mkdir()
    for target in ("web", "web.tar", "./web.example/x", "/web", "library/nginx:1", "dir.d/web"):
        with pytest.raises(NoImage, match="nothing is there"), open_view(target):
            pass
    with pytest.raises(NoImage, match=r"as in docker\.io/library/nginx:1\.25"), open_view("nginx:1.25"):
        pass
    assert asked == []
    for target in ("localhost/web", "registry.example/web:1", "127.0.0.1:5000/web", "docker://web", "registry:web"):
        with pytest.raises(NoImage, match="asked"), open_view(target):
            pass
    assert asked == ["localhost/web", "registry.example/web:1", "127.0.0.1:5000/web", "web", "web"]


@pytest.mark.parametrize(("scheme", "daemon"), [("docker", "Docker"), ("containerd", "containerd")])
def test_daemons_are_asked_where_the_options_say(scheme: str, daemon: str, tmp_path: Path) -> None:
    """Only by their scheme; a file of that name wins."""
    socket = str(tmp_path / "none.sock")
    options = OpenOptions(docker_socket=socket, containerd_address=socket)
    with pytest.raises(ReadError, match=f"{daemon} does not listen at {socket}"), open_view(f"{scheme}:web:1", options):
        pass
    (tmp_path / f"{scheme}:web").write_bytes(tar(oci_layout(WEB)))
    with contextlib.chdir(tmp_path), open_view(f"{scheme}:web", options) as view:
        assert view.form == "oci_archive"


def test_single_documents_answer_for_digests(tmp_path: Path) -> None:
    """Of a folder, of a file, of the lines of a file of image facts."""
    lay_out({"m.json": manifest(WEB), "note.txt": b"hello", "sub/c.json": WEB.config}, tmp_path)
    loose = read_documents(str(tmp_path))
    assert loose is not None
    answers = what_is([sha256(manifest(WEB)), WEB.config_digest, WEB.diff_ids[0]], [], [loose])
    assert [answer.is_ for answer in answers] == ["manifest", "config", "not_found"]
    assert read_documents(str(tmp_path / "note.txt")) is None
    facts = tmp_path / "facts.jsonl"
    facts.write_bytes(encode({"kind": "image_facts", "diff_ids": WEB.diff_ids}) + b"\n" + encode({"diff_ids": []}))
    loose = read_documents(str(facts))
    assert loose is not None
    assert [told.diff_ids for told in loose.lists] == [tuple(WEB.diff_ids)]


def fixtures(shared: Path) -> Path:
    """The public fixtures of containers/image."""
    return shared / "samples" / "image_fixtures" / "containers_image"


INVALID = {
    "non-json.manifest.json": "something else",
    "unknown-version.manifest.json": "a schema that is not known: 99999",
    "v2s1-invalid-signatures.manifest.json": "its signatures cannot be read",
    "oci1-invalid-media-type.json": "v1.tar+invalid-suffix is no media type of a layer",
    "ociv1.invalid.mediatype.manifest.json": "v1.tar+unknown is no media type of a layer",
    "oci1.encrypted.json": "its layers are encrypted",
    "ociv1.encrypted.manifest.json": "its layers are encrypted",
    "schema1-to-oci1.json": "its size is -1",
    "schema1-to-schema2.json": "its size is -1",
    "oci1.index.everything.json": "is no JSON",
}
"""What is wrong with a public fixture by itself."""


def test_public_documents_are_named(shared: Path) -> None:
    """Each is named for what it is; whatever is wrong with it by itself is said, and nothing else is."""
    named = 0
    for file in sorted(fixtures(shared).rglob("*.json")):
        if "layout" in file.parts or file.read_bytes().startswith(b"../"):
            continue
        named += 1
        reason = refused(file)
        wrong = INVALID.get(file.name)
        assert wrong in reason if wrong is not None else reason.endswith("without what it names"), reason
        kinds = ("OCI index", "manifest list", "OCI manifest", "schema 2 manifest", "schema 1 manifest", "image config")
        assert wrong is not None or any(kind in reason for kind in kinds), reason
    assert named == 63


@pytest.mark.parametrize(
    ("name", "images_found", "faults"),
    [
        ("delete_image_multiple_images", 7, 0),
        ("delete_image_only_one_image", 1, 0),
        ("delete_image_two_identical_references", 2, 0),
        ("delete_image_shared_blobs_dir", 0, 1),
        ("manifest", 0, 2),
        ("two_images_manifest", 0, 3),
        ("name_lookups", 0, 6),
    ],
)
def test_public_layouts(name: str, images_found: int, faults: int, shared: Path) -> None:
    """Those that are whole have no fault; one for each missing blob, and for the missing mark, in the others."""
    with open_path(str(fixtures(shared) / "oci" / "layout" / "fixtures" / name)) as view:
        assert (len(view.images), len(view.faults)) == (images_found, faults)


def test_public_archive(shared: Path) -> None:
    """Docker 1.10.3 wrote it: its v1 id recomputes from its config."""
    path = fixtures(shared) / "docker" / "archive" / "fixtures" / "almostempty.tar"
    with open_path(str(path)) as view:
        assert (view.form, view.faults) == ("docker_archive", ())
        assert view.images[0].references == ("emptyimage:latest",)
        layer = view.images[0].layers[0]
        assert layer.v1 is not None
        assert [answer.is_ for answer in what_is([layer.v1.id], [view])] == ["v1_id"]
