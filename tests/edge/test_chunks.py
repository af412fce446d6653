"""Proves that a file's plain bytes come out whatever form it lies in, and that faults end it with a sentence."""

import gzip
import io
import os
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from tidewaiter.edge import chunks as module
from tidewaiter.edge.chunks import StreamError, chunks

TEXT = b"".join(b'{"line":%d}\n' % number for number in range(5000))
HALF = len(TEXT) // 2
Compress = Callable[[bytes], bytes]


def whole(path: Path, size: int = 4096) -> bytes:
    """All plain bytes of a file."""
    return b"".join(chunk.data for chunk in chunks(str(path), size))


def until_fault(path: Path, size: int = 4096) -> tuple[bytes, str]:
    """The plain bytes before the fault, and the sentence."""
    out: list[bytes] = []
    with pytest.raises(StreamError) as fault:
        out.extend(chunk.data for chunk in chunks(str(path), size))
    return b"".join(out), str(fault.value)


def test_a_plain_file_comes_as_it_is_with_its_positions(tmp_path: Path) -> None:
    """The last position is the file's size."""
    path = tmp_path / "plain"
    path.write_bytes(TEXT)
    found = list(chunks(str(path), 4096))
    assert b"".join(chunk.data for chunk in found) == TEXT
    assert found[-1].position == len(TEXT)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1000, 1 << 20])
def test_gzip_of_several_members_is_one_text(tmp_path: Path, size: int) -> None:
    """Concatenated gzip files are one file (RFC 1952 section 2.2), and zeros behind them are padding."""
    path = tmp_path / "named-without-suffix"
    path.write_bytes(gzip.compress(TEXT[:HALF]) + gzip.compress(b"") + gzip.compress(TEXT[HALF:]) + bytes(700))
    assert whole(path, size) == TEXT


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
def test_zstandard_of_several_frames_is_one_text(tmp_path: Path, size: int) -> None:
    """Frames follow each other, skippable ones among them (RFC 8878 section 3.1)."""
    path = tmp_path / "frames"
    skippable = struct.pack("<II", 0x184D2A53, 4) + b"skip"
    compress = zstandard.ZstdCompressor().compress
    path.write_bytes(skippable + compress(TEXT[:HALF]) + skippable + compress(TEXT[HALF:]))
    assert whole(path, size) == TEXT


def test_the_name_says_nothing(tmp_path: Path) -> None:
    """A plain file named .gz is plain."""
    path = tmp_path / "rotated.gz"
    path.write_bytes(TEXT)
    assert whole(path) == TEXT


@pytest.mark.parametrize(("compress", "sentence"), [
    (gzip.compress, "is cut short: the gzip data has no end"),
    (zstandard.ZstdCompressor().compress, "is cut short: the Zstandard data has no end"),
])  # fmt: skip
def test_what_is_cut_short_gives_all_before_the_cut(tmp_path: Path, compress: Compress, sentence: str) -> None:
    """A copy that was broken off is read as far as it goes."""
    path = tmp_path / "cut"
    noise = os.urandom(500_000).hex().encode()
    packed = compress(noise)
    path.write_bytes(packed[: len(packed) * 9 // 10])
    text, fault = until_fault(path)
    assert fault == sentence
    assert noise.startswith(text)
    assert len(text) > len(noise) // 2


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_what_is_broken_ends_with_a_sentence(tmp_path: Path, compress: Compress) -> None:
    """Damage and foreign bytes behind the data are told, with all before them delivered."""
    path = tmp_path / "broken"
    path.write_bytes(compress(TEXT) + b"something else")
    text, fault = until_fault(path)
    assert text == TEXT
    assert fault.startswith("holds broken")


@pytest.mark.parametrize("beginning", [b"BZh91AY", b"\xfd7zXZ\x00", b"PK\x03\x04", b"PAR1"])
def test_a_form_that_is_not_read_is_named(tmp_path: Path, beginning: bytes) -> None:
    """Better one sentence than a million unknown records."""
    path = tmp_path / "other"
    path.write_bytes(beginning + bytes(100))
    assert "which is not read; unpack it first" in until_fault(path)[1]


def test_a_window_beyond_the_bound_is_refused(tmp_path: Path) -> None:
    """A frame may not make us hold more than 128 MiB."""
    parameters = zstandard.ZstdCompressionParameters(window_log=28, enable_ldm=True)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    path = tmp_path / "window"
    path.write_bytes(compressor.compress(os.urandom(1 << 20)) + compressor.flush())
    assert "too much memory" in until_fault(path)[1]


def test_a_bomb_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What expands beyond all reason is read no further."""
    monkeypatch.setattr(module, "RATIO_FLOOR_BYTES", 1 << 20)
    monkeypatch.setattr(module, "MAX_RATIO", 100)
    path = tmp_path / "bomb"
    path.write_bytes(gzip.compress(bytes(1 << 26)))
    text, fault = until_fault(path, 1 << 16)
    assert "expands to more than 100 times its size" in fault
    assert len(text) < 1 << 24


@pytest.mark.parametrize("size", [1, 2, 3, 4096])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_a_byte_order_mark_is_dropped_and_utf_16_read(tmp_path: Path, encoding: str, size: int) -> None:
    """PowerShell's `>` writes UTF-16; it comes out as UTF-8."""
    text = '{"name":"käse"}\n' * 10
    data = text.encode(encoding)
    path = tmp_path / "marked"
    path.write_bytes(b"\xfe\xff" + data if encoding == "utf-16-be" else data)
    assert whole(path, size) == text.encode()


@pytest.mark.parametrize("data", [b"", b"x", b"\xef", b"\xef\xbb\xbf", b"\x1f"])
def test_tiny_files_are_read(tmp_path: Path, data: bytes) -> None:
    """Files shorter than any mark are what they are."""
    path = tmp_path / "tiny"
    path.write_bytes(data)
    assert whole(path) == {b"\xef\xbb\xbf": b""}.get(data, data)


def test_a_pipe_that_gives_little_at_a_time_is_recognised(tmp_path: Path) -> None:
    """The form is told by the first bytes even where they come one by one."""
    path = tmp_path / "pipe"
    os.mkfifo(path)

    def write() -> None:
        with open(path, "wb", buffering=0) as pipe:
            for byte in gzip.compress(TEXT[:100]):
                pipe.write(bytes([byte]))

    writer = threading.Thread(target=write)
    writer.start()
    assert whole(path) == TEXT[:100]
    writer.join()


def test_standard_input_is_read_as_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` reads what is piped in."""
    monkeypatch.setattr(module, "_opened", lambda path: io.BytesIO(gzip.compress(TEXT)))
    assert b"".join(chunk.data for chunk in chunks("-")) == TEXT


def test_a_file_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    """Opening is the caller's to report."""
    with pytest.raises(FileNotFoundError):
        list(chunks(str(tmp_path / "nothing")))
