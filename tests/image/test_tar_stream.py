"""Proves that members are told as container runtimes read them, and that no tar file costs more than it may."""

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_bytes import END, file, header, info, made, members_of, pax, raw_pax

from tidewaiter.image import tar_stream as module
from tidewaiter.image.inflate import BoundError, BrokenDataError
from tidewaiter.image.tar_stream import TarStream

KINDS = st.sampled_from([bytes([code]) for code in b"0123456789SxgLKV"])
NAMES = ["a", "d/" + "b" * 97, "long/" + "c" * 300, "\u00fc/" + "e" * 150, "x" * 99 + "/" + "y" * 90]


@pytest.mark.parametrize("piece_bytes", [1, 511, 513, 1 << 20])
@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_those_that_were_packed(tar_format: int, piece_bytes: int) -> None:
    """In every format, however the bytes arrive."""
    names = [name for name in NAMES if tar_format != tarfile.USTAR_FORMAT or (len(name) < 200 and name.isascii())]
    tar = made([info(name, size=number * 300) for number, name in enumerate(names)], tar_format)
    found = members_of(tar, piece_bytes)
    assert [(member.name, member.size_bytes, member.mtime_s) for member in found] == [
        (name, number * 300, 1_700_000_000) for number, name in enumerate(names)
    ]


def test_long_links_and_times_and_owners_come_from_extended_headers() -> None:
    """PAX and GNU alike."""
    told = tarfile.TarInfo("link")
    told.type, told.linkname, told.uid, told.mtime = tarfile.SYMTYPE, "t" * 200, 2**30, -7
    for tar_format in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        (found,) = members_of(made([told], tar_format))
        assert (found.link, found.uid, found.mtime_s, found.type) == ("t" * 200, 2**30, -7, b"2")


@pytest.mark.parametrize(
    ("block", "name"),
    [
        (header(b"n", prefix=b"some/where"), "some/where/n"),
        (header(b"n", magic=b"\0" * 8, prefix=b"some/where"), "n"),
        (header(b"n", magic=b"ustar  \0", prefix=b"some/where"), "some/where/n"),
        (header(b"n", magic=b"ustar  \0", prefix=b"%011o\0%011o\0" % (1, 2)), "n"),
    ],
)
def test_a_prefix_is_read_where_the_format_has_one(block: bytes, name: str) -> None:
    """GNU headers have times in its place, unless an old Go wrote them."""
    assert [member.name for member in members_of(block + END)] == [name]


def test_names_that_are_no_utf8_are_kept() -> None:
    """As surrogates, from which the bytes come back."""
    (found,) = members_of(file(b"caf\xe9") + END)
    assert found.name.encode("utf-8", "surrogateescape") == b"caf\xe9"


def test_a_size_in_an_extended_header_counts() -> None:
    """The contents would be read as headers otherwise."""
    inner = file(b"hidden")
    tar = pax({"size": b"%d" % len(inner)}) + header(b"outer", 0) + inner + END
    assert [(member.name, member.size_bytes) for member in members_of(tar)] == [("outer", len(inner))]


def test_an_extended_header_holds_for_one_member_only() -> None:
    """The next one has its own name."""
    tar = pax({"path": b"renamed", "comment": b"kept by nobody"}) + file(b"first") + file(b"second") + END
    assert [member.name for member in members_of(tar)] == ["renamed", "second"]


def test_a_global_header_names_nothing() -> None:
    """Runtimes do not heed it; `tarfile` would give its name to all."""
    tar = pax({"path": b"everything"}, b"g") + file(b"first") + END
    assert [member.name for member in members_of(tar)] == ["first"]


def test_links_and_folders_have_no_contents_whatever_they_say() -> None:
    """Else one reader sees a member where another one sees contents."""
    tar = header(b"folder/", 512, b"5") + file(b"seen") + END
    assert [(member.name, member.size_bytes, member.needless_size) for member in members_of(tar)] == [
        ("folder/", 0, True),
        ("seen", 1, False),
    ]


def test_sparse_files_have_the_size_they_unpack_to() -> None:
    """Old GNU, with and without further blocks of the map, and PAX."""
    old = bytearray(header(b"old", 512, b"S", magic=b"ustar  \0"))
    old[483:495] = b"%011o\0" % (1 << 30)
    more = bytearray(old)
    more[482] = 1
    blocks = []
    for block in (old, more):
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
        blocks.append(bytes(block))
    ends = bytes(504) + b"\1" + bytes(7), bytes(512)
    tar = blocks[0] + bytes(512) + blocks[1] + ends[0] + ends[1] + bytes(512)
    tar += pax({"GNU.sparse.major": b"1", "GNU.sparse.name": b"new", "GNU.sparse.realsize": b"99999"}) + file(b"ps/0")
    for piece_bytes in (1 << 20, 100):
        assert [
            (member.name, member.size_bytes, member.is_sparse) for member in members_of(tar + END, piece_bytes)
        ] == [
            ("old", 1 << 30, True),
            ("old", 1 << 30, True),
            ("new", 99999, True),
        ]


@pytest.mark.parametrize("tail", [b"", END[:512], END, END * 20])
def test_a_tar_file_may_end_without_its_end(tail: bytes) -> None:
    """Runtimes take it."""
    assert len(members_of(file(b"a") + tail)) == 1


@pytest.mark.parametrize("piece_bytes", [1, 1000, 1 << 20])
@pytest.mark.parametrize("missing", [1, 300, 412])
def test_the_filling_of_the_last_block_may_be_missing(missing: int, piece_bytes: int) -> None:
    """`umoci insert` writes such layers, and Docker loads them; a byte of the file itself may not be missing."""
    tar = file(b"a") + file(b"b", b"x" * 100)
    assert [member.name for member in members_of(tar[:-missing], piece_bytes)] == ["a", "b"]
    with pytest.raises(BrokenDataError, match="cut short in or behind 'b'"):
        members_of(tar[:-413], piece_bytes)


def test_an_empty_tar_file_has_no_members() -> None:
    """Docker's empty layer is two blocks of zeros."""
    assert members_of(END) == []
    assert members_of(b"") == []


@pytest.mark.parametrize("piece_bytes", [1, 1000, 1 << 20])
def test_what_lies_behind_the_end_is_no_member(piece_bytes: int) -> None:
    """It is counted."""
    found: list[str] = []
    stream = TarStream(lambda member: found.append(member.name))
    tar = file(b"seen") + END + file(b"hidden") + bytes(5000)
    for start in range(0, len(tar), piece_bytes):
        stream.feed(tar[start : start + piece_bytes])
    stream.finish()
    hidden = file(b"hidden")
    assert found == ["seen"]
    assert stream.hidden_bytes == len(hidden) - hidden.count(0)


@pytest.mark.parametrize(
    ("tar", "why"),
    [
        (b"this is no tar file".ljust(2048, b"!"), "number"),
        (file(b"a", checksum=b"000001\0 "), "checksum .* before its first member"),
        (file(b"a") + header(b"b", checksum=b"000001\0 "), "checksum .* behind 'a'"),
        (header(b"a", b"\xff" * 12), "size of -1 bytes"),
        (header(b"a", b"\x80" + b"\xff" * 11), "size of 309485009821345068724781055 bytes"),
        (header(b"a", b"\x80" + bytes(3) + b"\x7f" + b"\xff" * 7), "cut short in or behind 'a'"),
        (header(b"a", b"77777777777\0"), "cut short"),
        (header(b"a", b"-0000000001\0"), "for a number"),
        (header(b"a", b"0o17\0\0\0\0\0\0\0\0"), "for a number"),
        (header(b"a", b"00000000008\0"), "for a number"),
        (file(b"a", b"x" * 1000)[:-600], "cut short in or behind 'a'"),
        (file(b"a") + header(b"b")[:200], "cut short in or behind 'a'"),
        (pax({"path": b"b"}), "cut short"),
        (pax({"path": b"b"})[:700], "cut short"),
        (pax({"size": b"-1"}) + file(b"a"), "tells the size '-1'"),
        (pax({"size": b"99999999999999999999"}) + file(b"a"), "tells the size"),
        (pax({"size": b"9223372036854775807"}) + file(b"a"), "cut short"),
        (pax({"mtime": b"soon"}) + file(b"a"), "tells the time 'soon'"),
        (pax({"uid": b"root"}) + file(b"a"), "tells the uid 'root'"),
        (pax({"path": b"safe\0../../etc"}) + file(b"a"), "zero byte"),
        (raw_pax(b"99999999 path=b\n") + file(b"a"), "extended header is broken"),
        (raw_pax(b"0 path=b\n") + file(b"a"), "extended header is broken"),
        (raw_pax(b"10 path=bbbbbbbb\n") + file(b"a"), "extended header is broken"),
        (raw_pax(b"nonsense") + file(b"a"), "extended header is broken"),
        (file(b"a") + END[:512] + file(b"b"), "single block of zeros"),
        (header(b"s", 0, b"S", magic=b"ustar  \0", prefix=bytes(137) + b"\1" + b"-" * 12)[:512], "for a number"),
    ],
)
@pytest.mark.parametrize("piece_bytes", [100, 1 << 20])
def test_a_broken_tar_file_is_said_in_a_sentence(tar: bytes, why: str, piece_bytes: int) -> None:
    """And ends the reading."""
    with pytest.raises(BrokenDataError, match=why):
        members_of(tar, piece_bytes)


def test_a_huge_extended_header_is_not_taken_into_memory() -> None:
    """Its size is enough to refuse it; what it says is bounded the same as for runtimes (1 MiB)."""
    for kind in (b"x", b"L", b"K"):
        with pytest.raises(BoundError, match="longer than 1048576 bytes: 8589934591"):
            members_of(header(b"h", b"77777777777\0", kind))
    long = pax({"path": b"p" * 1_000_000}) + file(b"a")
    assert [len(member.name) for member in members_of(long, 1000)] == [1_000_000]


def test_records_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A header full of the shortest ones costs time and says nothing."""
    monkeypatch.setattr(module, "TAR_RECORDS", 100)
    assert len(members_of(raw_pax(b"6 a=b\n" * 99) + file(b"a"))) == 1
    with pytest.raises(BoundError, match="more than 100 records"):
        members_of(raw_pax(b"6 a=b\n" * 101) + file(b"a"))


def test_members_are_counted_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their number is what a reader's memory depends on."""
    monkeypatch.setattr(module, "TAR_MEMBERS", 3)
    assert len(members_of(file(b"a") * 3)) == 3
    with pytest.raises(BoundError, match="more than 3 members"):
        members_of(file(b"a") * 4)


def test_reading_keeps_no_contents() -> None:
    """Only what is left of one header."""
    stream = TarStream(lambda member: None)
    stream.feed(header(b"big", 64 << 20))
    for _ in range(64):
        stream.feed(bytes(1 << 20))
        assert len(stream._rest) == 0
    stream.feed(END)
    stream.finish()


@pytest.mark.property
@given(
    st.lists(
        st.one_of(
            st.builds(file, st.binary(min_size=1, max_size=120).map(lambda name: name[:100])),
            st.builds(raw_pax, st.binary(max_size=200)),
            st.builds(header, st.just(b"n"), st.binary(min_size=12, max_size=12), KINDS),
            st.binary(max_size=600),
            st.just(bytes(512)),
        ),
        max_size=6,
    ),
    st.integers(1, 2000),
)
def test_pieces_never_change_what_is_read(parts: list[bytes], piece_bytes: int) -> None:
    """Whatever the bytes are: the same members and the same sentence, and no other error."""

    def outcome(size: int) -> tuple[list[str], str]:
        found: list[str] = []
        stream = TarStream(lambda member: found.append(repr(member)))
        try:
            for start in range(0, len(tar), size):
                stream.feed(tar[start : start + size])
            stream.finish()
        except (BrokenDataError, BoundError) as error:
            return found, str(error)
        return found, ""

    tar = b"".join(parts)
    assert outcome(piece_bytes) == outcome(len(tar) + 1)


@pytest.mark.property
@given(st.lists(st.tuples(st.text("abc/.\u00fc", min_size=1, max_size=130), st.integers(0, 1200)), max_size=8))
def test_members_are_those_that_tarfile_reads(told: list[tuple[str, int]]) -> None:
    """The second opinion: Python's own reader, for files that are as they should be."""
    tar = made([info(name, size=size) for name, size in told], tarfile.PAX_FORMAT)
    with tarfile.open(fileobj=io.BytesIO(tar)) as second:
        expected = [(member.name.rstrip("/"), member.size) for member in second.getmembers()]
    found = [(member.name.rstrip("/"), member.size_bytes) for member in members_of(tar)]
    assert found == expected
