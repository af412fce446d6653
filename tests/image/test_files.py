"""Proves that layers lie over each other as runtimes unpack them, and that links lead where they lead inside."""

import hashlib
import json
import shutil
import subprocess
import tracemalloc
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_bytes import END, file, header

from tidewaiter.digest import chain_id
from tidewaiter.image import files as module
from tidewaiter.image.blob import Bytes
from tidewaiter.image.entries import Entry, Kind
from tidewaiter.image.files import FileTable
from tidewaiter.image.unpack import unpack
from tidewaiter.image.view import Layer

KINDS: dict[str, Kind] = {"/": "directory", "@": "symlink", "=": "hardlink", "-": "whiteout", "!": "opaque"}


def entry(told: str) -> Entry:
    """`a/b` a file, `a/` a directory, `a@b` a symbolic and `a=b` a hard link, `a-` a whiteout, `a!` an opaque one."""
    for sign in "@=":
        if sign in told:
            path, _, target = told.partition(sign)
            return Entry(path, KINDS[sign], 0o777, 0, 0, 0, 0, target)
    kind = KINDS.get(told[-1:], "file")
    return Entry(told if kind == "file" else told[:-1], kind, 0o755, 0, 0, 0, 0)


def table(*layers: str) -> FileTable:
    """Layers from the bottom, each one's entries with blanks between them."""
    made = FileTable()
    for index, layer in enumerate(layers):
        for told in layer.split():
            made.add(index, entry(told))
    return made


def final(made: FileTable) -> dict[str, int]:
    """Path -> layer."""
    return {path: index for path, index, _ in made.files()}


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (["a b/ b/c"], {"a": 0, "b": 0, "b/c": 0}),
        (["a b", "a"], {"a": 1, "b": 0}),
        (["d/ d/a d/b", "d/ d/c"], {"d": 1, "d/a": 0, "d/b": 0, "d/c": 1}),
        (["d/ d/a d/b", "d/a-"], {"d": 0, "d/b": 0}),
        (["d/ d/a d/e/f", "d-"], {}),
        (["d/ d/a", "d-", "d/ d/b"], {"d": 2, "d/b": 2}),
        (["d/ d/a", "d/ d! d/b"], {"d": 1, "d/b": 1}),
        (["d/ d/a", "d/ d/b d!"], {"d": 1, "d/b": 1}),
        (["d/ d/a d/e/ d/e/f x", "!", "y"], {"y": 2}),
        (["d/ d/a", "d"], {"d": 1}),
        (["d/ d/a", "d@x"], {"d": 1}),
        (["d/ d/a", "d", "d/ d/b"], {"d": 2, "d/b": 2}),
        (["a", "a- a"], {"a": 1}),
        (["d/ d/a", "d- d/ d/b"], {"d": 1, "d/b": 1}),
        (["a", "b-"], {"a": 0}),
        (["d/ d/a ab", "d-"], {"ab": 0}),
        (["lib@usr/lib usr/lib/ usr/lib/a", "lib/b"], {"lib": 0, "usr/lib": 0, "usr/lib/a": 0, "usr/lib/b": 1}),
        (["lib@usr/lib usr/lib/ usr/lib/a", "lib/a"], {"lib": 0, "usr/lib": 0, "usr/lib/a": 1}),
        (["lib@usr/lib usr/lib/ usr/lib/a", "lib/a-"], {"lib": 0, "usr/lib": 0}),
        (["lib@usr/lib usr/lib/ usr/lib/a", "lib!"], {"lib": 0, "usr/lib": 0}),
        (["lib@usr/lib usr/lib/ usr/lib/a", "lib/ lib/a"], {"lib": 1, "lib/a": 1, "usr/lib": 0, "usr/lib/a": 0}),
        (["l@/ x/", "l/x/a l/b"], {"l": 0, "x": 0, "x/a": 1, "b": 1}),
        (["l@../../../x x/ l/a"], {"l": 0, "x": 0, "x/a": 0}),
        (["l@l", "l/a"], {"l": 0, "l/a": 1}),
    ],
)
def test_layers_make_one_tree(layers: list[str], expected: dict[str, int]) -> None:
    """Whiteouts and opaque directories act on lower layers only; what lies below a link lies where it leads."""
    assert final(table(*layers)) == expected


def test_layers_come_from_the_bottom() -> None:
    """A layer may be empty; a lower one after a higher one is the caller's mistake."""
    made = FileTable()
    made.add(0, entry("a"))
    made.add(3, entry("b"))
    assert final(made) == {"a": 0, "b": 3}
    with pytest.raises(ValueError, match="layer 1 comes after layer 3"):
        made.add(1, entry("c"))


def test_a_history_tells_each_layer_that_spoke() -> None:
    """Also of what is no longer there."""
    made = table("d/ d/a", "d/a", "d/a-", "d! d/")
    assert [(index, told.kind) for index, told in made.history("/d/a")] == [(0, "file"), (1, "file"), (2, "whiteout")]
    assert [(index, told.kind) for index, told in made.history("d")] == [
        (0, "directory"),
        (3, "opaque"),
        (3, "directory"),
    ]
    assert made.history("d/b") == []


@pytest.mark.parametrize(
    ("layers", "path", "found"),
    [
        (["bin/ bin/sh"], "/bin/sh", ("bin/sh", 0)),
        (["bin/ bin/sh"], "bin//./sh", ("bin/sh", 0)),
        (["bin/ bin/sh"], "/bin/../bin/sh", ("bin/sh", 0)),
        (["bin/ bin/sh"], "/../../bin/sh", ("bin/sh", 0)),
        (["bin/ bin/sh"], "/bin/bash", None),
        (["bin@usr/bin usr/bin/dash usr/bin/sh@dash"], "/bin/sh", ("usr/bin/dash", 0)),
        (["bin@usr/bin", "usr/bin/a"], "/bin/a", ("usr/bin/a", 1)),
        (["bin@usr/bin", "bin/a"], "/usr/bin/a", ("usr/bin/a", 1)),
        (["bin@usr/bin", "bin/a"], "/bin/a", ("usr/bin/a", 1)),
        (["a@/b b@c/../d d"], "a", ("d", 0)),
        (["a@b b@a"], "a", None),
        (["a@a/a"], "a", None),
        (["a@nothing"], "a", None),
        (["a@../../../etc/x etc/x"], "a", ("etc/x", 0)),
        (["a@b", "a-", "b"], "a", None),
        (["a@b b", "a"], "a", ("a", 1)),
        (["d/ d/f", "d-"], "d/f", None),
        (["d/ d/f", "d!"], "d/f", None),
        (["d/ d/f", "d"], "d/f", None),
        (["f", "!"], "f", None),
        (["f g=f h=g"], "h", ("f", 0)),
        (["f g=f", "f"], "g", ("f", 0)),
        (["f", "g=f"], "g", ("f", 0)),
        (["f g=f", "f-"], "g", ("f", 0)),
        (["g=g"], "g", None),
        (["g=h h=g"], "g", None),
        (["g=nothing"], "g", None),
        (["usr/bin/f bin@usr/bin g=bin/f"], "g", ("usr/bin/f", 0)),
        (["d/"], "d", ("d", 0)),
        (["d/e/f"], "d/e", None),
        (["f"], "", None),
        (["f"], "f/", ("f", 0)),
    ],
)
def test_a_path_leads_to_one_file(layers: list[str], path: str, found: tuple[str, int] | None) -> None:
    """As the kernel would resolve it with the image for its root; a loop leads nowhere."""
    made = table(*layers)
    told = made.resolve(path)
    assert (None if told is None else told[:2]) == found
    assert told is None or told[2].path.rpartition("/")[2] == told[0].rpartition("/")[2]


def test_long_chains_of_links_end() -> None:
    """Forty are followed, as in Linux; targets that double on the way make no endless path."""
    chain = " ".join(f"l{number}@l{number + 1}" for number in range(60))
    made = table(f"{chain} l60")
    assert made.resolve("l20") is not None
    assert made.resolve("l0") is None
    doubling = " ".join(f"d{number}@{'/'.join([f'd{number + 1}', '..'] * 2)}" for number in range(39))
    assert table(doubling + " d39/").resolve("d0") is None
    assert table("a@" + "b/../" * 2000).resolve("a") is None


def test_a_table_that_is_full_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it leaves out is counted."""
    monkeypatch.setattr(module, "TREE_BYTES", 600)
    made = table("a b c d e f")
    assert final(made) == {"a": 0, "b": 0, "c": 0}
    assert made.left_out == 3


def test_memory_for_many_files_is_bounded() -> None:
    """300 bytes for each at most: half a million take no more than 150 MB."""
    paths = [f"usr/lib/python3/dist-packages/package{number // 50}/module_{number}.py" for number in range(20_000)]
    tracemalloc.start()
    try:
        made = FileTable()
        for number, path in enumerate(paths):
            made.add(0, Entry(f"{path}c", "file", 0o644, 0, 0, number, 0))
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(final(made)) == 20_000
    assert size < 300 * 20_000


PATHS = ("a", "a/b", "a/b/c", "a/d", "e", "e/f")


def unambiguous(layer: dict[str, str]) -> list[str]:
    """One layer's entries, a directory for each parent."""
    told = {path: sign for path, sign in layer.items() if sign in ("", "/")}
    for path in list(told):
        while "/" in path:
            path = path.rpartition("/")[0]
            told[path] = "/"
    gone = [path + sign for path, sign in layer.items() if sign in ("-", "!")]
    return gone + [path + sign for path, sign in told.items()]


def applied(layers: Iterable[list[str]]) -> dict[str, int]:
    """The slow way: unpack each layer over what is there."""
    tree: dict[str, tuple[int, bool]] = {}
    for index, layer in enumerate(layers):
        for told in layer:
            below = [path for path in tree if path.startswith(told[:-1] + "/")]
            for path in [*below, *([told[:-1]] if told[-1] == "-" else [])] if told[-1] in "-!" else []:
                tree.pop(path, None)
        for told in layer:
            if told[-1] not in "-!":
                path, is_directory = told.rstrip("/"), told[-1] == "/"
                if path in tree and not is_directory:
                    tree = {other: here for other, here in tree.items() if not other.startswith(path + "/")}
                tree[path] = (index, is_directory)
    return {path: index for path, (index, _) in tree.items()}


@pytest.mark.property
@given(st.lists(st.dictionaries(st.sampled_from(PATHS), st.sampled_from(["", "/", "-", "!"])), max_size=5))
def test_the_tree_is_what_unpacking_one_after_the_other_makes(told: list[dict[str, str]]) -> None:
    """And every path leads to what is listed."""
    layers = [unambiguous(layer) for layer in told]
    made = table(*(" ".join(layer) for layer in layers))
    expected = applied(layers)
    assert final(made) == expected
    assert {path: found[1] for path in PATHS if (found := made.resolve(path)) is not None} == expected


LAYERS = [
    header(b"./", 0, b"5", mode=0o755)
    + header(b"usr/", 0, b"5", mode=0o755)
    + header(b"usr/lib/", 0, b"5", mode=0o755)
    + header(b"lib", 0, b"2", link=b"usr/lib")
    + file(b"usr/lib/one")
    + file(b"usr/lib/two")
    + header(b"gone/", 0, b"5", mode=0o755)
    + file(b"gone/file")
    + header(b"emptied/", 0, b"5", mode=0o755)
    + file(b"emptied/file")
    + header(b"hard", 0, b"1", link=b"usr/lib/one"),
    file(b"lib/three")
    + file(b"lib/.wh.two")
    + file(b".wh.gone")
    + header(b"emptied/", 0, b"5", mode=0o755)
    + file(b"emptied/new")
    + file(b"emptied/.wh..wh..opq"),
]


def write_layout(folder: Path, layers: list[bytes]) -> None:
    """An OCI layout of one image with plain layers, tagged `t`."""

    def blob(data: bytes, media_type: str) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        (folder / "blobs/sha256").mkdir(parents=True, exist_ok=True)
        (folder / "blobs/sha256" / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    kind = "application/vnd.oci.image."
    described = [blob(layer, kind + "layer.v1.tar") for layer in layers]
    rootfs = {"type": "layers", "diff_ids": [layer["digest"] for layer in described]}
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}
    manifest = {
        "schemaVersion": 2,
        "mediaType": kind + "manifest.v1+json",
        "config": blob(json.dumps(config).encode(), kind + "config.v1+json"),
        "layers": described,
    }
    named = blob(json.dumps(manifest).encode(), kind + "manifest.v1+json")
    named["annotations"] = {"org.opencontainers.image.ref.name": "t"}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}), encoding="utf-8")
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', encoding="utf-8")


@pytest.mark.e2e
def test_the_tree_is_the_one_that_umoci_unpacks(tmp_path: Path) -> None:
    """A second opinion: links, whiteouts and opaque directories on a real file system."""
    umoci = shutil.which("umoci")
    if umoci is None:
        pytest.skip("umoci is not installed; that the file tree is the one it unpacks was not proven")
    layers = [layer + END for layer in LAYERS]
    write_layout(tmp_path / "layout", layers)
    command = [umoci, "raw", "unpack", "--rootless", "--image", f"{tmp_path}/layout:t", str(tmp_path / "root")]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - a fixed command on files made here
    root = tmp_path / "root"
    made = FileTable()
    diff_ids: list[str] = []
    for index, layer in enumerate(layers):
        unpacked = unpack(Layer(Bytes("l", layer)), partial(made.add, index))
        assert unpacked.faults == ()
        diff_ids.append(unpacked.diff_id or "")
    listed = {str(path.relative_to(root)) for path in root.rglob("*")}
    assert {path for path in final(made) if path} == listed
    assert "usr/lib/three" in listed
    assert chain_id(diff_ids) is not None
