"""Proves what the bytes of one layer prove, that nothing escapes as an error, and that memory stays flat."""

import hashlib
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_bytes import END, Pieces, file, header, info, made, skippable, zipped, zstd

from tidewaiter.image import inflate
from tidewaiter.image import unpack as module
from tidewaiter.image.blob import Blob, Bytes
from tidewaiter.image.descriptor import Descriptor
from tidewaiter.image.entries import Entry
from tidewaiter.image.unpack import Unpacked, unpack
from tidewaiter.image.view import Layer

TAR = made([info("etc/passwd", size=3000), info("bin/sh", size=70_000)])
DIFF_ID = "sha256:" + hashlib.sha256(TAR).hexdigest()
OCI_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"


def sha256(data: bytes) -> str:
    """The digest of bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def read(data: bytes) -> Unpacked:
    """A layer of these bytes, unpacked."""
    return unpack(Layer(Bytes("layer", data)))


def said(unpacked: Unpacked) -> list[tuple[str, str, str]]:
    """The faults, without their subjects."""
    return [(fault.relation, fault.holds, fault.reason) for fault in unpacked.faults]


@pytest.mark.parametrize(
    ("data", "compression"),
    [
        (TAR, "none"),
        (zipped(TAR), "gzip"),
        (zipped(TAR[:999]) + zipped(TAR[999:]), "gzip"),
        (zstd(TAR), "zstd"),
        (zstd(TAR[:999]) + zstd(TAR[999:]) + skippable(b"table"), "zstd"),
    ],
)
@pytest.mark.parametrize("piece_bytes", [1000, 1 << 20])
def test_one_pass_gives_both_digests_and_the_entries(data: bytes, compression: str, piece_bytes: int) -> None:
    """The diff_id is that of the tar file, however it is packed."""
    entries: list[Entry] = []
    found = unpack(Layer(Pieces(data, piece_bytes)), entries.append, sha512=True)
    assert found == Unpacked(
        layer_digest=sha256(data),
        checksums={"sha512": hashlib.sha512(data).hexdigest()},
        size_bytes=len(data),
        diff_id=DIFF_ID,
        plain_bytes=len(TAR),
        compression=compression,  # type: ignore[arg-type]
        faults=(),
    )
    assert [(entry.path, entry.size_bytes) for entry in entries] == [("etc/passwd", 3000), ("bin/sh", 70_000)]


def test_sha512_is_made_only_where_it_is_asked_for() -> None:
    """It is a second hash over everything."""
    assert read(TAR).checksums == {}


def test_docker_empty_layer_has_its_well_known_digests() -> None:
    """1,024 zeros, and the 32 bytes that Docker made of them."""
    found = read(bytes.fromhex("1f8b080000096e8800ff621805a360148c5800080000ffff2eafb5ef00040000"))
    assert found.layer_digest == "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4"
    assert found.diff_id == "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
    assert found.faults == ()


@pytest.mark.parametrize("data", [b"", TAR[:700], b"\x1f\x8b", zipped(TAR)])
def test_a_read_that_fails_leaves_all_open(data: bytes) -> None:
    """Nothing is proven by half the bytes, and nothing disproven."""
    found = unpack(Layer(Pieces(data, fails=True)), sha512=True)
    why = "the layer could not be read to its end: the line went dead"
    assert (found.layer_digest, found.diff_id, found.checksums) == (None, None, {})
    assert said(found) == [("layer_digest", "unknown", why), ("diff_id", "unknown", why)]
    assert found.size_bytes == len(data)


def test_a_layer_that_is_not_there_is_said() -> None:
    """Foreign layers and sparse layouts."""
    found = unpack(Layer(None, Descriptor("sha256:" + "0" * 64)))
    assert [fault.relation for fault in found.faults] == ["layer_digest", "diff_id"]
    assert found.faults[0].subject == "sha256:" + "0" * 64
    assert "not there" in found.faults[0].reason


@pytest.mark.parametrize(
    ("layer", "subject"),
    [
        (Layer(Bytes("a/layer.tar", b"\x1f\x8b"), Descriptor("sha256:" + "1" * 64), "p"), "sha256:" + "1" * 64),
        (Layer(Bytes("a/layer.tar", b"\x1f\x8b"), None, "path/layer.tar"), "path/layer.tar"),
        (Layer(Bytes("a/layer.tar", b"\x1f\x8b")), "a/layer.tar"),
    ],
)
def test_a_fault_is_about_what_the_layer_is_called(layer: Layer, subject: str) -> None:
    """The digest somebody wrote for it, else where it lies."""
    assert [fault.subject for fault in unpack(layer).faults] == [subject]


@pytest.mark.parametrize("data", [zipped(TAR)[:-30], zstd(TAR)[:-3], zipped(TAR)[:15], zipped(TAR)[:-8] + bytes(8)])
def test_packing_that_is_broken_disproves_the_diff_id_only(data: bytes) -> None:
    """The layer digest is that of the bytes there are; a tar file that ends early because of it is no second fault."""
    found = read(data)
    assert found.layer_digest == sha256(data)
    assert found.diff_id is None
    assert [(fault.relation, fault.holds) for fault in found.faults] == [("diff_id", "no")]


def test_a_bomb_leaves_the_diff_id_open_and_is_hashed_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """No bound disproves anything."""
    monkeypatch.setattr(inflate, "RATIO_FLOOR_BYTES", 1 << 20)
    data = zipped(bytes(20 << 20))
    found = read(data)
    assert (found.layer_digest, found.diff_id) == (sha256(data), None)
    assert [(fault.relation, fault.holds) for fault in found.faults] == [("diff_id", "unknown")]
    assert found.plain_bytes < 6 << 20


def test_a_layer_longer_than_any_may_be_is_not_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server can send without end."""

    class Endless:
        name = "endless"
        size_bytes = None

        def chunks(self) -> Iterator[bytes]:
            while True:
                yield bytes(1 << 16)

    endless: Blob = Endless()
    for bound_in in (module, inflate):
        monkeypatch.setattr(bound_in, "LAYER_BYTES", 1 << 20)
    found = unpack(Layer(endless))
    assert [(fault.relation, fault.holds) for fault in found.faults] == [
        ("layer_digest", "unknown"),
        ("diff_id", "unknown"),
    ]
    assert found.size_bytes <= 2 << 20


def test_encrypted_layers_are_hashed_and_not_unpacked() -> None:
    """Whatever their bytes look like."""
    data = zipped(TAR)
    found = unpack(Layer(Bytes("l", data), Descriptor(sha256(data), len(data), OCI_GZIP + "+encrypted")))
    assert (found.layer_digest, found.diff_id, found.compression) == (sha256(data), None, "unknown")
    assert [(fault.relation, fault.holds) for fault in found.faults] == [("diff_id", "unknown")]
    assert "encrypted" in found.faults[0].reason


def test_a_packing_that_is_not_read_leaves_the_diff_id_open() -> None:
    """It is not taken for a tar file."""
    found = read(b"\xfd7zXZ\x00" + bytes(100))
    assert (found.compression, found.diff_id) == ("unknown", None)
    assert said(found) == [("diff_id", "unknown", "the layer is xz data, which is not read")]


@pytest.mark.parametrize("pack", [bytes, zipped, zstd])
def test_a_tar_file_that_is_broken_keeps_its_diff_id(pack: type[bytes]) -> None:
    """The hash is over all bytes, whatever they mean."""
    tar = file(b"a") + header(b"b", checksum=b"000001\0 ") + file(b"c")
    entries: list[Entry] = []
    found = unpack(Layer(Bytes("l", pack(tar))), entries.append)
    assert found.diff_id == sha256(tar)
    assert [entry.path for entry in entries] == ["a"]
    assert said(found) == [("layer_content", "no", "the checksum of a tar header is wrong in or behind 'a'")]


def test_unsafe_members_are_faults_of_the_content() -> None:
    """Each one, beside digests that are proven."""
    tar = file(b"../up") + header(b"h", 0, b"1", link=b"/../x") + file(b".wh.") + file(b"good") + END
    entries: list[Entry] = []
    found = unpack(Layer(Bytes("l", tar)), entries.append)
    assert found.diff_id == found.layer_digest == sha256(tar)
    assert [(fault.relation, fault.holds) for fault in found.faults] == [("layer_content", "no")] * 3
    assert [entry.path for entry in entries] == ["good"]


def test_an_extended_header_beyond_the_bound_leaves_the_content_open() -> None:
    """What comes behind it is not looked at."""
    tar = header(b"h", 2 << 20, b"x") + bytes(2 << 20) + file(b"a") + END
    found = read(zipped(tar))
    assert found.diff_id == sha256(tar)
    assert [(fault.relation, fault.holds) for fault in found.faults] == [("layer_content", "unknown")]


def test_trailing_data_is_a_fault_and_padding_is_mentioned() -> None:
    """Readers disagree on the first: Go's refuses it, gzip ignores it."""
    packed = zipped(TAR)
    found = read(packed + b"hidden")
    assert (found.layer_digest, found.diff_id) == (sha256(packed + b"hidden"), DIFF_ID)
    why = "6 bytes follow the end of the compressed data; some readers refuse them"
    assert said(found) == [("layer_content", "unknown", why)]
    padded = read(packed + bytes(512))
    assert (padded.diff_id, padded.faults) == (DIFF_ID, ())
    assert padded.mentions == ("512 zeros follow the end of the compressed data",)


def test_bytes_behind_the_end_of_the_tar_file_are_mentioned() -> None:
    """They are proven, and no runtime unpacks them."""
    tar = file(b"seen") + END + b"hidden"
    found = read(tar)
    assert (found.diff_id, found.faults) == (sha256(tar), ())
    assert found.mentions == ("6 bytes that are not zero follow the end of the tar file",)


def test_an_error_in_the_callback_is_the_callers() -> None:
    """It is no fault of the layer."""

    def fails(entry: Entry) -> None:
        raise ValueError(entry.path)

    with pytest.raises(ValueError, match="etc/passwd"):
        unpack(Layer(Bytes("l", TAR)), fails)


@pytest.mark.property
@given(
    st.one_of(st.binary(max_size=400), st.binary(max_size=60).map(lambda tail: zipped(TAR)[:40] + tail)), st.booleans()
)
def test_no_bytes_escape(data: bytes, is_cut: bool) -> None:
    """Whatever they are, there is an answer, and every digest that is missing has its reason."""
    found = unpack(Layer(Pieces(data, 7, fails=is_cut)))
    assert (found.layer_digest is None) == is_cut
    missing = {"layer_digest": found.layer_digest, "diff_id": found.diff_id}
    told = {fault.relation for fault in found.faults} & set(missing)
    assert told == {relation for relation, digest in missing.items() if digest is None}


def members(count: int) -> Iterator[bytes]:
    """A compressed layer of many small files, made while it is read."""
    compressor = zlib.compressobj(1, wbits=31)
    for start in range(0, count, 500):
        tar = b"".join(file(b"usr/share/%d/a-file-with-a-name" % number) for number in range(start, start + 500))
        yield compressor.compress(tar)
    yield compressor.flush()


class Many:
    """A blob of many members."""

    name = "many"
    size_bytes = None

    def __init__(self, count: int) -> None:
        self._count = count

    def chunks(self) -> Iterator[bytes]:
        """Made anew each time."""
        return members(self._count)


def test_memory_is_flat_over_many_members() -> None:
    """Eight bytes for each, beside a few MiB: 300,000 would take no more than what is allowed here times four."""
    unpack(Layer(Many(500)))
    tracemalloc.start()
    try:
        found = unpack(Layer(Many(20_000)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.faults == ()
    assert found.plain_bytes == 20_000 * 1024
    assert peak < 6 << 20


def test_memory_is_flat_over_a_long_distance_window() -> None:
    """What a bomb of blocks gives comes in pieces of a MiB; the window is the library's, not traced here."""
    blocks = (1 << 1 | 128 * 1024 << 3).to_bytes(3, "little") + b"\0"
    bomb = b"\x28\xb5\x2f\xfd\x00\x80" + blocks * 1000 + b"\x0b\0\0\0"
    tracemalloc.start()
    try:
        found = read(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.diff_id == sha256(bytes(1000 * 128 * 1024 + 1))
    assert peak < 10 << 20
