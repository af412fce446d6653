"""Proves that the tar file comes out of any packing, and that no bytes take more memory or time than they may."""

import zlib
from itertools import pairwise

import pytest
from layer_bytes import Pieces, skippable, zipped, zstd

from tidewaiter.image import inflate as module
from tidewaiter.image.inflate import BoundError, BrokenDataError, Inflation

TEXT = b"".join(b"line %d of a file\n" % number for number in range(20_000))
HALF = len(TEXT) // 2
PACKED = {
    "plain": TEXT,
    "gzip": zipped(TEXT),
    "gzip members": zipped(TEXT[:HALF]) + zipped(b"") + zipped(TEXT[HALF:]),
    "zstd": zstd(TEXT),
    "zstd with a checksum": zstd(TEXT, checksum=True),
    "zstd frames": zstd(TEXT[:HALF]) + zstd(b"") + zstd(TEXT[HALF:], checksum=True),
    "zstd:chunked": skippable(b"") + zstd(TEXT[:HALF]) + zstd(TEXT[HALF:]) + skippable(b"table of contents"),
}
RLE_BOMB_BLOCK = (1 << 1 | 128 * 1024 << 3).to_bytes(3, "little") + b"\0"


def plain(data: bytes, piece_bytes: int = 1024 * 1024) -> bytes:
    """What comes out."""
    return b"".join(Inflation(Pieces(data, piece_bytes).chunks()).chunks())


def frame(*blocks: bytes, window: int = 0x50) -> bytes:
    """A Zstandard frame without a content size; `window` 0x50 is 1 MiB."""
    return b"\x28\xb5\x2f\xfd\x00" + bytes([window]) + b"".join(blocks)


def rle(count: int, *, is_last: bool = False) -> bytes:
    """A block of zeros."""
    return (is_last | 1 << 1 | count << 3).to_bytes(3, "little") + b"\0"


@pytest.mark.parametrize("piece_bytes", [1, 7, 4096, 1 << 20])
@pytest.mark.parametrize("packing", PACKED)
def test_the_same_bytes_come_out_of_every_packing(packing: str, piece_bytes: int) -> None:
    """However they arrive."""
    assert plain(PACKED[packing], piece_bytes) == TEXT


@pytest.mark.parametrize(("packing", "told"), [("plain", "none"), ("gzip", "gzip"), ("zstd:chunked", "zstd")])
def test_the_packing_is_told_by_the_first_bytes(packing: str, told: str) -> None:
    """A skippable frame at the beginning is Zstandard, too."""
    assert Inflation([PACKED[packing]]).compression == told


@pytest.mark.parametrize("data", [b"", b"\x1f", b"a"])
def test_very_short_data_is_taken_as_it_is(data: bytes) -> None:
    """Nothing can be told from less than two bytes."""
    inflation = Inflation([data])
    assert inflation.compression == "none"
    assert b"".join(inflation.chunks()) == data


@pytest.mark.parametrize(("magic", "name"), [(b"BZh91AY", "bzip2"), (b"\xfd7zXZ\x00\x00", "xz")])
def test_a_packing_that_is_not_read_is_named(magic: bytes, name: str) -> None:
    """What is in it stays unknown; it is not taken for a tar file."""
    inflation = Inflation([magic * 100])
    assert inflation.compression == "unknown"
    with pytest.raises(BoundError, match=f"is {name} data"):
        list(inflation.chunks())


@pytest.mark.parametrize("packing", ["gzip", "zstd", "zstd with a checksum"])
def test_data_cut_short_at_any_place_is_broken(packing: str) -> None:
    """The end of what came out is not mistaken for the end of what was packed."""
    data = PACKED[packing]
    for cut in [*range(6, 40), len(data) // 2, *range(len(data) - 40, len(data))]:
        with pytest.raises(BrokenDataError, match=r"cut short|broken"):
            plain(data[:cut])


@pytest.mark.parametrize("packing", ["gzip", "zstd with a checksum"])
def test_changed_bytes_are_broken(packing: str) -> None:
    """Both have a checksum over what comes out."""
    data = bytearray(PACKED[packing])
    data[-6] ^= 0xFF
    with pytest.raises(BrokenDataError):
        plain(bytes(data))


@pytest.mark.parametrize("packing", ["gzip", "gzip members", "zstd", "zstd frames"])
@pytest.mark.parametrize("piece_bytes", [5, 1 << 20])
def test_what_follows_the_end_is_counted(packing: str, piece_bytes: int) -> None:
    """It is neither unpacked nor a fault of the packing."""
    inflation = Inflation(Pieces(PACKED[packing] + b"hidden" * 10, piece_bytes).chunks())
    assert b"".join(inflation.chunks()) == TEXT
    assert (inflation.trailing_bytes, inflation.padding_bytes) == (60, 0)


def test_zeros_after_the_end_are_padding() -> None:
    """As `gzip` sees it."""
    inflation = Inflation([PACKED["gzip"] + bytes(700)])
    assert b"".join(inflation.chunks()) == TEXT
    assert (inflation.trailing_bytes, inflation.padding_bytes) == (0, 700)


def test_bytes_behind_padding_are_no_padding() -> None:
    """Zeros do not hide them."""
    inflation = Inflation([PACKED["gzip"] + bytes(50_000) + b"x"])
    assert b"".join(inflation.chunks()) == TEXT
    assert (inflation.trailing_bytes, inflation.padding_bytes) == (50_001, 0)


def test_a_gzip_bomb_ends_at_its_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zeros are compressed a thousandfold; short layers of them are allowed."""
    monkeypatch.setattr(module, "RATIO_FLOOR_BYTES", 4 << 20)
    compressor = zlib.compressobj(9, wbits=31)
    zeros = bytes(1 << 20)
    bomb = b"".join(compressor.compress(zeros) for _ in range(64)) + compressor.flush()
    inflation = Inflation([bomb])
    sizes: list[int] = []
    with pytest.raises(BoundError, match="more than 200 times"):
        sizes.extend(len(chunk) for chunk in inflation.chunks())
    assert max(sizes) <= 1 << 20
    assert sum(sizes) <= 6 << 20
    assert len(plain(compressor_of(3 << 20))) == 3 << 20


def compressor_of(count: int) -> bytes:
    """So many zeros, compressed."""
    return zlib.compress(bytes(count), 9, wbits=31)


def test_a_zstd_bomb_comes_in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four bytes make 128 KiB, so that 64 KiB would make 2 GiB at once."""
    monkeypatch.setattr(module, "RATIO_FLOOR_BYTES", 16 << 20)
    bomb = frame(*[rle(128 * 1024)] * 16_000, rle(1, is_last=True))
    sizes: list[int] = []
    with pytest.raises(BoundError, match="more than 200 times"):
        sizes.extend(len(chunk) for chunk in Inflation([bomb]).chunks())
    assert max(sizes) <= 1 << 20
    assert sum(sizes) <= 18 << 20


def test_the_whole_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the ratio is none."""
    monkeypatch.setattr(module, "LAYER_BYTES", 1000)
    with pytest.raises(BoundError, match="more than 1000 bytes"):
        plain(TEXT)


def test_a_window_beyond_the_bound_is_not_allocated() -> None:
    """Window byte 0x88: 2 ** 27 bytes, `zstd --long=27`; 0x80 is the largest that is read."""
    with pytest.raises(BoundError, match="window is 134217728 bytes"):
        plain(frame(rle(10, is_last=True), window=0x88))
    assert plain(frame(rle(10, is_last=True), window=0x80)) == bytes(10)


def test_a_window_of_terabytes_is_not_allocated() -> None:
    """The largest that a frame can ask for."""
    with pytest.raises(BoundError, match="window is"):
        plain(frame(rle(10, is_last=True), window=0xFF))


@pytest.mark.parametrize(
    "data",
    [
        frame(b"\x07\x00\x00"),  # a block of the reserved kind
        frame((1 | 2 << 1 | 5 << 3).to_bytes(3, "little") + b"\xff" * 5),  # a compressed block of nonsense
        frame((1 | 0 << 1 | (1 << 20) << 3).to_bytes(3, "little") + bytes(1 << 20)),  # a block longer than any may be
        b"\x28\xb5\x2f\xfd\x08" + bytes(20),  # a reserved bit in the frame's header
        b"\x28\xb5\x2f\xfd\x03\x50\x01\x02\x03\x04" + rle(1, is_last=True),  # a dictionary that nobody has
        b"\x50\x2a\x4d\x18\xff\xff\xff\xff" + b"x" * 100,  # a skippable frame that promises 4 GiB
        b"\x50\x2a\x4d\x18\xff",
        b"\x1f\x8b\x07" + bytes(20),
        b"\x1f\x8b",
    ],
)
def test_broken_data_is_said_in_a_sentence(data: bytes) -> None:
    """Whatever it is."""
    with pytest.raises(BrokenDataError, match=r"cut short|broken"):
        plain(data)


@pytest.mark.parametrize(
    "data", [zipped(b"") * 20, zstd(b"") * 20, skippable(b"") * 20, frame(b"\0\0\0" * 20, b"\1\0\0")]
)
def test_parts_that_give_nothing_are_bounded(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """They cost a reader time, however few bytes they are."""
    assert plain(data) == b""
    monkeypatch.setattr(module, "PARTS", 10)
    with pytest.raises(BoundError, match="more than 10 parts"):
        plain(data)


def test_many_small_members_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """eStargz makes one for each file; empty ones must not make reading slow: no member copies all that follows."""
    members = zipped(b"") * 50_000
    slices: list[int] = []
    inflation = Inflation([members + zipped(b"end")])
    take = inflation._packed.take_some

    def watched(limit: int) -> bytes:
        data = take(limit)
        slices.append(len(data))
        return data

    monkeypatch.setattr(inflation._packed, "take_some", watched)
    assert b"".join(inflation.chunks()) == b"end"
    assert max(slices) <= 16 * 1024
    assert all(first > 0 for first, _ in pairwise(slices))
