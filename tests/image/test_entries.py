"""Proves which members of a layer become entries, which are refused, and which are only mentioned."""

import tarfile

import pytest
from layer_bytes import END, file, header, info, judged, made, pax

from tidewaiter.image.entries import Entry, normalised, shown

CLIMBS = "symbolic links that climb above the root: 1, the first is 'a/b/l'"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a", "a"),
        ("./a", "a"),
        ("/a", "a"),
        ("././/a/./b//c/", "a/b/c"),
        (".", ""),
        ("./", ""),
        ("/", ""),
        ("a..b/...", "a..b/..."),
        ("..", None),
        ("../a", None),
        ("a/../b", None),
        ("a/..", None),
        ("/..", None),
        ("./../a", None),
    ],
)
def test_a_name_has_one_form(name: str, path: str | None) -> None:
    """Relative to the root; one that may lead out of it has none."""
    assert normalised(name) == path


def test_each_kind_of_member_is_an_entry() -> None:
    """With what the header tells."""
    members = [
        info("./", tarfile.DIRTYPE, mode=0o755),
        info("./bin/", tarfile.DIRTYPE, mode=0o1777),
        info("bin/su", size=700, mode=0o4755),
        info("bin/sh", tarfile.SYMTYPE, link="../lib/sh", mode=0o777),
        info("./bin/hard", tarfile.LNKTYPE, link="./bin/su"),
        info("dev/null", tarfile.CHRTYPE),
        info("dev/sda", tarfile.BLKTYPE),
        info("run/pipe", tarfile.FIFOTYPE),
        info("old", tarfile.AREGTYPE),
        info("whole", tarfile.CONTTYPE),
    ]
    entries, unsafe, mentions = judged(made(members))
    assert [(entry.path, entry.kind, entry.mode, entry.size_bytes, entry.target) for entry in entries] == [
        ("", "directory", 0o755, 0, None),
        ("bin", "directory", 0o1777, 0, None),
        ("bin/su", "file", 0o4755, 700, None),
        ("bin/sh", "symlink", 0o777, 0, "../lib/sh"),
        ("bin/hard", "hardlink", 0o644, 0, "bin/su"),
        ("dev/null", "device", 0o644, 0, None),
        ("dev/sda", "device", 0o644, 0, None),
        ("run/pipe", "fifo", 0o644, 0, None),
        ("old", "file", 0o644, 0, None),
        ("whole", "file", 0o644, 0, None),
    ]
    assert entries[2] == Entry("bin/su", "file", 0o4755, 0, 0, 700, 1_700_000_000)
    assert unsafe == []
    assert mentions == ["devices: 2, the first is 'dev/null'"]


def test_an_old_header_with_a_slash_is_a_directory() -> None:
    """V7 had no type for one."""
    entries, _, _ = judged(header(b"etc/", 0, b"\0", magic=bytes(8)) + END)
    assert [(entry.path, entry.kind) for entry in entries] == [("etc", "directory")]


def test_whiteouts_name_what_goes() -> None:
    """By their name alone, whatever their type; AUFS's own files say nothing."""
    tar = file(b"etc/.wh.passwd") + header(b"tmp/.wh.d/", 0, b"5") + file(b"var/.wh..wh..opq") + file(b".wh..wh..opq")
    entries, unsafe, mentions = judged(tar + file(b".wh..wh.plnk/7.8") + file(b".wh..wh.aufs") + END)
    assert [(entry.path, entry.kind) for entry in entries[:4]] == [
        ("etc/passwd", "whiteout"),
        ("tmp/d", "whiteout"),
        ("var", "opaque"),
        ("", "opaque"),
    ]
    assert unsafe == []
    assert mentions == ["names that AUFS keeps for itself: 2, the first is '.wh..wh.plnk/7.8'"]
    assert len(entries) == 4


@pytest.mark.parametrize(
    ("tar", "why"),
    [
        (file(b"../etc/passwd"), "the member '../etc/passwd' leads out of the image"),
        (file(b"a/../../b"), "the member 'a/../../b' leads out of the image"),
        (file(b"/../b"), "the member '/../b' leads out of the image"),
        (pax({"path": b"../" * 50 + b"x"}) + file(b"x"), "leads out of the image"),
        (header(b"h", 0, b"1", link=b"../../etc/shadow"), "the hard link 'h' leads out of the image"),
        (header(b"h", 0, b"1", link=b"a/../../b"), "the hard link 'h' leads out of the image"),
        (header(b"h", 0, b"1"), "the hard link 'h' leads out of the image, to ''"),
        (file(b"etc/.wh."), "the whiteout 'etc/.wh.' names no file"),
        (file(b".wh."), "the whiteout '.wh.' names no file"),
        (file(b"etc/.wh..."), "the whiteout 'etc/.wh...' names no file"),
        (file(b"etc/.wh.."), "the whiteout 'etc/.wh..' names no file"),
        (header(b".", 0, b"2", link=b"/"), "puts a symlink in the place of the root"),
        (file(b"./"), "puts a file in the place of the root"),
        (pax({"path": b"p" * 5000}) + file(b"x"), "more than 4096 characters"),
        (pax({"linkpath": b"p" * 5000}) + header(b"x", 0, b"2"), "more than 4096 characters"),
        (file(b"..\x1b[2J"), None),
        (file(b"../\x1b[2J\xe2\x80\xae\xff"), r"'../\x1b[2J\u202e\udcff' leads out"),
    ],
)
def test_what_must_not_be_in_a_layer_is_refused(tar: bytes, why: str | None) -> None:
    """It is told in one line that anybody can print, and is no entry; what stands beside it is one."""
    entries, unsafe, _ = judged(tar + file(b"beside") + END)
    assert entries[-1].path == "beside"
    if why is None:
        assert unsafe == []
    else:
        assert len(entries) == 1
        assert len(unsafe) == 1
        assert why in unsafe[0]
        assert unsafe[0].isprintable()


def test_many_unsafe_members_are_counted() -> None:
    """So that a layer full of them makes no report full of them."""
    _, unsafe, _ = judged(file(b"../a") * 1000 + END)
    assert len(unsafe) == 11
    assert unsafe[-1] == "and 990 more members like these"


@pytest.mark.parametrize(
    ("tar", "mention"),
    [
        (file(b"/etc/passwd"), "absolute names: 1, the first is '/etc/passwd'"),
        (header(b"d", 0, b"4"), "devices: 1, the first is 'd'"),
        (file(b"twice") + file(b"./twice"), "1 members repeat the path of another one"),
        (file(b"twice") * 3, "2 members repeat the path of another one"),
        (header(b"l", 0, b"2", link=b"../x"), "symbolic links that climb above the root: 1, the first is 'l'"),
        (header(b"a/b/l", 0, b"2", link=b"../../../x"), CLIMBS),
        (header(b"a/b/l", 0, b"2", link=b"../c/../../../x"), CLIMBS),
        (header(b"v", 0, b"V"), "members of the unknown type 'V': 1, the first is 'v'"),
        (header(b"l", 9, b"2", link=b"x"), "members that have no contents and tell a size: 1, the first is 'l'"),
        (pax({"GNU.sparse.realsize": b"9"}) + file(b"s"), "sparse files: 1, the first is 's'"),
    ],
)
def test_what_is_unusual_is_mentioned(tar: bytes, mention: str) -> None:
    """It breaks nothing."""
    _, unsafe, mentions = judged(tar + END)
    assert unsafe == []
    assert mentions == [mention]


def test_what_is_usual_is_not_mentioned() -> None:
    """Links inside the image, an opaque whiteout beside its directory, `./` before every name."""
    tar = header(b"./", 0, b"5") + header(b"./a/", 0, b"5") + file(b"./a/.wh..wh..opq") + file(b"./a/b")
    tar += header(b"./usr/bin/l", 0, b"2", link=b"../../lib/x") + header(b"./sh", 0, b"2", link=b"/bin/../bin/sh")
    _, unsafe, mentions = judged(tar + END)
    assert (unsafe, mentions) == ([], [])


def test_a_long_name_is_cut_where_it_is_shown() -> None:
    """A report has room for others."""
    assert len(shown("x" * 4000)) < 210
