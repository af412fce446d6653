"""Proves that layers that mean harm are each found out: bombs, names that lead out, packings that lie."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hostile import COMMANDS, Hostile, assert_found, layered, nothing_written, run_commands, saved, verified
from images import Tree, pack, sha256, tar
from layer_bytes import BLOCK, END, file, header, pax, raw_pax, skippable

Made = tuple[Tree | bytes, str]
PLAIN = tar({"bin": None, "bin/sh": b"#!"})


def plain(data: bytes) -> Callable[[], Made]:
    """A layer of this tar file, which is not packed."""
    return lambda: layered(data)


def member(block: bytes) -> Callable[[], Made]:
    """A layer of this one member."""
    return plain(block + END)


def packed(data: bytes, packing: str = "gzip", unpacked: bytes = PLAIN) -> Callable[[], Made]:
    """A layer of these bytes, whose config tells the digest of others."""
    return lambda: layered(data, packing, unpacked)


def bomb(packing: str) -> Made:
    """Nothing but zeros in the end, and more of them than anybody needs."""
    if packing == "zstd":
        return layered(zstandard.ZstdCompressor(level=1).compress(bytes(300 << 20)), "zstd", b"")
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1, mtime=0) as file_:
        for _ in range(300):
            file_.write(bytes(1 << 20))
    return layered(out.getvalue(), "gzip", b"")


def wide_window() -> bytes:
    """A frame whose header asks for 2 GiB of memory."""
    return b"\x28\xb5\x2f\xfd\x00" + bytes([(31 - 10) << 3]) + b"\x01\x00\x00"


def link(name: bytes, target: bytes, kind: bytes = b"2") -> bytes:
    """A symbolic or hard link."""
    return header(name, 0, kind, link=target)


LAYERS = [
    Hostile("gzip bomb", lambda: bomb("gzip"), "incomplete", "diff_id", "unknown", "more than 200 times"),
    Hostile("zstd bomb", lambda: bomb("zstd"), "incomplete", "diff_id", "unknown", "more than 200 times"),
    Hostile("window", packed(wide_window(), "zstd"), "incomplete", "diff_id", "unknown", "window"),
    Hostile("gzip cut", packed(gzip.compress(PLAIN)[:-9]), "broken", "diff_id", "no", "cut short"),
    Hostile(
        "gzip checksum", packed(gzip.compress(PLAIN)[:-8] + bytes(8)), "broken", "diff_id", "no", "gzip data is broken"
    ),
    Hostile("zstd cut", packed(pack(PLAIN, "zstd")[:-3], "zstd"), "broken", "diff_id", "no", "cut short"),
    Hostile(
        "zstd broken", packed(pack(PLAIN, "zstd")[:6] + b"\xff" * 40, "zstd"), "broken", "diff_id", "no", "Zstandard"
    ),
    Hostile(
        "zstd skips on",
        packed(skippable(b"")[:4] + b"\xff\xff\xff\x7f", "zstd"),
        "broken",
        "diff_id",
        "no",
        "cut short",
    ),
    Hostile(
        "trailing data",
        packed(gzip.compress(PLAIN) + b"#!/bin/sh"),
        "incomplete",
        "layer_content",
        "unknown",
        "9 bytes follow",
    ),
    Hostile("zip", packed(b"PK\x03\x04" + bytes(99)), "incomplete", "diff_id", "unknown", "zip data"),
    Hostile("packed otherwise", packed(pack(PLAIN, "zstd")), "broken", "media_type", "no", "first bytes"),
    Hostile("not packed", lambda: layered(PLAIN, "gzip", PLAIN), "broken", "media_type", "no", "first bytes"),
    Hostile("other contents", packed(gzip.compress(PLAIN), unpacked=b"x"), "broken", "diff_id", "no", "unpacked bytes"),
    Hostile("no tar file", plain(b"#!/bin/sh\nrm -rf /" * 99), "broken", "layer_content", "no", "a tar header"),
    Hostile("tar cut", plain(PLAIN[:700]), "broken", "layer_content", "no", "cut short"),
    Hostile("name above", member(file(b"../../etc/passwd")), "broken", "layer_content", "no", "leads out of the image"),
    Hostile("name above, inside", member(file(b"a/b/../../../x")), "broken", "layer_content", "no", "leads out"),
    Hostile(
        "name with controls", member(file(b"../\x1b[2J\xe2\x80\xae\xff")), "broken", "layer_content", "no", "leads out"
    ),
    Hostile(
        "name too long",
        plain(pax({"path": b"a/" * 3000 + b"b"}) + file(b"x") + END),
        "broken",
        "layer_content",
        "no",
        "more than 4096",
    ),
    Hostile("root replaced", member(link(b"./", b"/etc")), "broken", "layer_content", "no", "place of the root"),
    Hostile(
        "hard link above", member(link(b"a", b"../../etc/shadow", b"1")), "broken", "layer_content", "no", "hard link"
    ),
    Hostile("hard link to the root", member(link(b"a", b"/", b"1")), "broken", "layer_content", "no", "hard link"),
    Hostile("whiteout of nothing", member(file(b"a/.wh.")), "broken", "layer_content", "no", "names no file"),
    Hostile("whiteout of the parent", member(file(b"a/.wh...")), "broken", "layer_content", "no", "names no file"),
    Hostile(
        "size below zero",
        member(header(b"a", (256**12 - 1).to_bytes(12, "big"))),
        "broken",
        "layer_content",
        "no",
        "size of -1",
    ),
    Hostile("size no number", member(header(b"a", b"99999999999\0")), "broken", "layer_content", "no", "for a number"),
    Hostile(
        "size beyond all",
        member(header(b"a", b"\x80" + b"\x7f" * 11)),
        "broken",
        "layer_content",
        "no",
        "has a size of",
    ),
    Hostile(
        "pax size", plain(pax({"size": b"99999999"}) + file(b"a") + END), "broken", "layer_content", "no", "cut short"
    ),
    Hostile(
        "pax size below zero",
        plain(pax({"size": b"-5"}) + file(b"a") + END),
        "broken",
        "layer_content",
        "no",
        "the size '-5'",
    ),
    Hostile(
        "pax broken",
        plain(raw_pax(b"99 path=x\n") + file(b"a") + END),
        "broken",
        "layer_content",
        "no",
        "header is broken",
    ),
    Hostile(
        "pax without end",
        plain(header(b"x", 1 << 30, b"x") + END),
        "incomplete",
        "layer_content",
        "unknown",
        "longer than",
    ),
    Hostile(
        "pax of many records",
        plain(raw_pax(b"5 a=\n" * 20_000) + file(b"a") + END),
        "incomplete",
        "layer_content",
        "unknown",
        "more than 10000 records",
    ),
    Hostile(
        "pax name with zero",
        plain(pax({"path": b"a\0/../b"}) + file(b"a") + END),
        "broken",
        "layer_content",
        "no",
        "zero byte",
    ),
    Hostile("checksum", member(header(b"a", checksum=b"0000001\0")), "broken", "layer_content", "no", "checksum"),
    Hostile(
        "sparse size",
        member(header(b"a", 0, b"S", magic=b"ustar  \0")[:483] + b"\xff" * 12 + bytes(17)),
        "broken",
        "layer_content",
        "no",
        "checksum",
    ),
    Hostile(
        "hidden behind zeros",
        plain(PLAIN[: 3 * BLOCK] + bytes(BLOCK) + file(b"a") + END),
        "broken",
        "layer_content",
        "no",
        "single block of zeros",
    ),
    Hostile("no bytes that unpack", packed(b"", "gzip"), "broken", "media_type", "no", "first bytes"),
]


@pytest.mark.parametrize("hostile", LAYERS, ids=lambda hostile: hostile.name)
def test_layers_are_found_out(hostile: Hostile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The finding, the verdict, an answer of every command, and no file more than before."""
    made, subject = hostile.make()
    path = saved(made, tmp_path / "image.tar")
    monkeypatch.chdir(tmp_path)
    with nothing_written():
        assert_found(verified(path), hostile, subject)
        run_commands(path, COMMANDS[:1] if "bomb" in hostile.name else COMMANDS)
    assert list(tmp_path.iterdir()) == [path]


ODD: dict[str, tuple[bytes, str]] = {
    "absolute names": (file(b"/etc/passwd"), "absolute names"),
    "links that climb": (link(b"a", b"../../../etc/shadow"), "climb above the root"),
    "links in a circle": (link(b"a", b"b") + link(b"b", b"a") + file(b"a/c"), "nothing in it leads out"),
    "written through a link": (link(b"a", b"/etc") + file(b"a/passwd"), "nothing in it leads out"),
    "devices": (header(b"sda", 0, b"4"), "devices: 1"),
    "members twice": (file(b"a", b"1") + file(b"a", b"2"), "repeat the path"),
    "names that are no text": (file(b"\xff\xfe\x1b[31m\xe2\x80\xae"), "nothing in it leads out"),
    "unknown kinds": (header(b"a", 0, b"Q"), "unknown type 'Q'"),
    "links with contents": (header(b"a", 512, b"2", link=b"b"), "tell a size"),
    "sparse files": (header(b"a", 0, b"S", magic=b"ustar  \0"), "sparse files"),
    "dots": (file(b"././a/./b"), "nothing in it leads out"),
    "an opaque root": (file(b".wh..wh..opq"), "nothing in it leads out"),
    "nothing": (b"", "nothing in it leads out"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_layers_are_proven_and_what_is_odd_is_said(name: str, tmp_path: Path) -> None:
    """Every runtime takes these: they stay inside the image, whatever they look like."""
    members, word = ODD[name]
    made, subject = layered(members + END)
    path = saved(made, tmp_path / "image.tar")
    with nothing_written():
        verification = verified(path)
        run_commands(path)
    assert verification.verdict == "proven"
    told = [
        each.reason for each in verification.relations if (each.relation, each.subject) == ("layer_content", subject)
    ]
    assert len(told) == 1
    assert word in told[0]


def test_what_is_behind_the_end_is_said(tmp_path: Path) -> None:
    """A second tar file behind the first, which no runtime unpacks; several gzip members, which all do."""
    path = saved(layered(PLAIN + file(b"evil"))[0], tmp_path / "image.tar")
    verification = verified(path)
    assert any("follow the end of the tar file" in each.reason for each in verification.relations)
    half = len(PLAIN) // 2
    parts = gzip.compress(PLAIN[:half]) + gzip.compress(b"") + gzip.compress(PLAIN[half:])
    assert verified(saved(layered(parts, "gzip", PLAIN)[0], path)).verdict == "proven"
    assert sha256(PLAIN) in verified(path).images[0].diff_ids
