"""Proves that a tar file becomes a folder of what lies in it, and hostile ones a list of faults."""

import gzip
import io
import tarfile

import pytest
from images import Tree, tar, tar_members
from layer_bytes import header, pax

from tidewaiter.image import limits, tar_folder, tar_stream
from tidewaiter.image.blob import ReadError, read_whole
from tidewaiter.image.tar_folder import TarFolder


def folder_of(data: bytes) -> TarFolder:
    """The folder of an archive's bytes."""
    return TarFolder("a.tar", io.BytesIO(data), len(data))


def content(folder: TarFolder, name: str) -> bytes | None:
    """The bytes of a file in it."""
    blob = folder.get(name)
    return None if blob is None else read_whole(blob, 1 << 20)


def reasons(folder: TarFolder) -> dict[str, str]:
    """What is wrong, by what it is about."""
    return {fault.subject: f"{fault.holds}: {fault.reason}" for fault in folder.faults}


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    """A member of another kind than a file."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


@pytest.mark.parametrize("pack", [lambda data: data, lambda data: gzip.compress(data, mtime=0)])
def test_files_are_read_where_they_lie(pack: object) -> None:
    """Plain or packed with gzip, in any order, more than once, with `./` before the names or not."""
    data = tar({"./a": b"1", "d": None, "d/b": b"22", "d//c": b""})
    folder = folder_of(pack(data))  # type: ignore[operator]
    assert sorted(folder.names()) == ["a", "d/b", "d/c"]
    assert [content(folder, name) for name in ("d/c", "d/b", "a", "d/b")] == [b"", b"22", b"1", b"22"]
    assert folder.faults == []
    assert folder.get("d") is None


def test_links_are_followed_inside_the_archive() -> None:
    """A symlink is relative to its folder, a hard link to the root; a chain of them ends at a file."""
    members = [(tarfile.TarInfo("x/layer.tar"), b"layer"), special("y/layer.tar", tarfile.SYMTYPE, "../x/layer.tar")]
    members += [
        special("z/layer.tar", tarfile.SYMTYPE, "../y/layer.tar"),
        special("hard", tarfile.LNKTYPE, "./y/layer.tar"),
    ]
    folder = folder_of(tar_members(*members))
    assert {content(folder, name) for name in ("y/layer.tar", "z/layer.tar", "hard")} == {b"layer"}
    assert folder.faults == []


def test_links_that_lead_nowhere_are_nothing() -> None:
    """Two that name each other, one that names nothing."""
    tree: Tree = {"a": "b", "b": "a", "c": "missing", "f": b"1"}
    folder = folder_of(tar(tree))
    assert list(folder.names()) == ["f"]
    assert [folder.get(name) for name in "abc"] == [None] * 3


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/../../up"])
def test_names_out_of_the_archive_are_refused(name: str) -> None:
    """As a member's name and as a link's target."""
    tree: Tree = {name: b"1", "link": f"/{name}", "fine": b"2"}
    folder = folder_of(tar(tree))
    assert list(folder.names()) == ["fine"]
    assert set(reasons(folder)) == {name, "link"}
    assert all("out of the archive" in reason for reason in reasons(folder).values())


def test_a_member_that_occurs_twice_is_a_fault() -> None:
    """The last one counts, as it does when the archive is unpacked."""
    folder = folder_of(tar([("a", b"first"), ("./a", b"last")]))
    assert content(folder, "a") == b"last"
    assert reasons(folder) == {"a": "no: the archive has it twice, and readers differ in which one they take"}


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_are_faults(kind: bytes) -> None:
    """An image is made of no device; it is never opened."""
    folder = folder_of(tar_members(special("manifest.json", kind)))
    assert folder.get("manifest.json") is None
    assert "device" in reasons(folder)["manifest.json"]


def test_names_that_are_no_text_can_be_shown() -> None:
    """Bytes that are no UTF-8, and signs that move the cursor, are escaped."""
    data = bytearray(tar_members((tarfile.TarInfo("x\x1b[2J"), b"1"), (tarfile.TarInfo("yyyyyyyy"), b"2")))
    at = data.index(b"yyyyyyyy")
    data[at : at + 2] = b"\xff\xfe"
    header = bytearray(data[at : at + 512])
    header[148:156] = b" " * 8
    data[at + 148 : at + 156] = b"%06o\0 " % sum(header)
    folder = folder_of(bytes(data))
    shown = sorted(blob.name for name in folder.names() if (blob := folder.get(name)) is not None)
    assert shown == ["\\udcff\\udcfeyyyyyy", "x\\x1b[2J"]


def test_truncated_archives_say_so() -> None:
    """In the middle of a member, in a header, in a packed stream."""
    data = tar({"a": b"1" * 2000, "b": b"2" * 2000})
    inside = folder_of(data[:1200])
    assert "cannot be read on" in reasons(inside)["archive"]
    with pytest.raises(ReadError, match="before the end"):
        content(inside, "a")
    assert "unknown: what stands at byte 2560" in reasons(folder_of(data[: 2560 + 100]))["archive"]
    packed = gzip.compress(data, mtime=0)
    assert "archive" in reasons(folder_of(packed[:-20]))


def test_what_follows_in_the_middle_is_not_passed_over() -> None:
    """Rubbish between members ends the reading, and is said: another reader may read on."""
    data = bytearray(tar({"a": b"1", "b": b"2"}))
    data[1024:1034] = b"\x01rubbish!!"
    assert "no member" in reasons(folder_of(bytes(data)))["archive"]


@pytest.mark.parametrize("data", [b"", b"not a tar file at all" * 100, gzip.compress(b"text" * 500), b"\x1f\x8bbroken"])
def test_what_is_no_tar_file_is_refused(data: bytes) -> None:
    """With an error that says what was wrong."""
    with pytest.raises(ReadError):
        folder_of(data)


def test_an_empty_archive_is_an_empty_folder() -> None:
    """Two blocks of zeros."""
    folder = folder_of(tar({}))
    assert list(folder.names()) == []
    assert folder.faults == []


@pytest.mark.parametrize("at", [0, 1024])
def test_sizes_that_lead_back_end_the_reading(at: int) -> None:
    """A negative size (in base 256) must not send the reader round in circles."""
    data = bytearray(tar({"a": b"1", "b": b"2"}))
    data[at + 124 : at + 136] = (256**12 - 512).to_bytes(12, "big")
    header = bytearray(data[at : at + 512])
    header[148:156] = b" " * 8
    data[at + 148 : at + 156] = b"%06o\0 " % sum(header)
    if not at:
        with pytest.raises(ReadError, match="size of -512 bytes"):
            folder_of(bytes(data))
        return
    assert "no: what stands at byte 1024 is no member" in reasons(folder_of(bytes(data)))["archive"]
    assert "size of -512 bytes" in reasons(folder_of(bytes(data)))["archive"]


@pytest.mark.parametrize("size", ["-512", "-1", "99999999999999999999", "x"])
def test_sizes_that_an_extended_header_overrides_are_checked(size: str) -> None:
    """The size in a pax header wins over the header's own, and can be any text."""
    member = tarfile.TarInfo("a")
    member.pax_headers = {"size": size}
    folder = folder_of(tar_members((member, b"1"), (tarfile.TarInfo("b"), b"2")))
    assert folder.faults or content(folder, "a") == b"1"


def test_headers_that_are_too_long_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pax header can have any length; beyond a bound it is refused before it is read."""
    monkeypatch.setattr(tar_stream, "TAR_HEADER_BYTES", 4096)
    long = tarfile.TarInfo("b")
    long.pax_headers = {"comment": "x" * 8192}
    folder = folder_of(tar_members((tarfile.TarInfo("a"), b"1"), (long, b"2")))
    assert "extended header is longer than 4096 bytes" in reasons(folder)["archive"]
    assert list(folder.names()) == ["a"]


def test_members_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound nothing is read, and it is said."""
    monkeypatch.setattr(tar_folder, "ARCHIVE_MEMBERS", 3)
    folder = folder_of(tar({str(n): b"" for n in range(5)}))
    assert len(list(folder.names())) == 3
    assert "more than 3 members" in reasons(folder)["archive"]


def test_packed_archives_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes out of gzip is not read beyond the ratio."""
    monkeypatch.setattr(tar_folder, "RATIO_FLOOR_BYTES", 1 << 20)
    data = gzip.compress(tar({"a": bytes(64 << 20), "b": b"2"}), mtime=0)
    folder = folder_of(data)
    assert "it would be longer" in reasons(folder)["archive"]
    assert limits.RATIO * len(data) < 64 << 20


def test_many_extended_headers_in_a_row_do_no_harm() -> None:
    """They are read one after the other, and no more than one is held."""
    one = tarfile.TarInfo("a").create_pax_global_header({"comment": "x", "path": "other"})
    folder = folder_of(tar({"first": b"1"})[:1024] + one * 3000 + tar({"last": b"1"}))
    assert list(folder.names()) == ["first", "last"]
    assert folder.faults == []
    assert list(folder_of(pax({"comment": b"x" * 900}) * 3000 + tar({"last": b"1"})).names()) == ["last"]


def test_a_sparse_file_that_is_cut_short_is_a_fault() -> None:
    """`tarfile` fails over it, and takes a map of any length into memory."""
    head = bytearray(header(b"s", 0, b"S", magic=b"ustar  \0"))
    head[482] = 1
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    assert "cannot be read on" in reasons(folder_of(bytes(head) + b"x" * 10))["archive"]
    assert "no member" in reasons(folder_of(bytes(head) + b"x" * 512))["archive"]


def test_going_back_in_a_packed_archive_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step back unpacks it from the start: thousands of them would take hours."""
    monkeypatch.setattr(tar_folder, "AGAIN_BYTES", 20_000_000)
    folder = folder_of(gzip.compress(tar({"zeros": bytes(1 << 20), "a": b"1", "b": b"2"}), mtime=0))
    assert content(folder, "b") == b"2"
    with pytest.raises(ReadError, match="again and again"):
        b"".join(content(folder, name) or b"" for name in "ba" * 20)


def test_what_stands_behind_the_end_is_said() -> None:
    """Zeros fill an archive; anything else was meant to be read, or not to be."""
    packed = tar({"a": b"x"})
    assert folder_of(packed + b"\0" * 50_000).faults == []
    (fault,) = folder_of(packed + tar({"b": b"y"})).faults
    assert (fault.relation, fault.holds) == ("structure", "unknown")
    assert "more follows its end" in fault.reason
