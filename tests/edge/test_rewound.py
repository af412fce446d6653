"""Proves that a stream that can be begun anew reads as a file, from few streams and in flat memory."""

import io
import random
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import pytest
from images import tar

from tidewaiter.edge.rewound import KEPT_BYTES, SHORT_BYTES, Begin, Rewound
from tidewaiter.image.blob import ReadError


def stream(data: bytes, piece: int = 1000) -> Begin:
    """A stream of bytes, in pieces."""

    @contextmanager
    def begin() -> Iterator[Iterator[bytes]]:
        yield (data[start : start + piece] for start in range(0, len(data), piece))

    return begin


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("piece", [1, 7, 100_000])
def test_reads_as_a_file_does(seed: int, piece: int) -> None:
    """Any walk of seeks and reads gives what a file of the same bytes gives."""
    chance = random.Random(seed)  # noqa: S311 - reproducible, not secret
    data = chance.randbytes(3000)
    plain, rewound = io.BytesIO(data), Rewound(stream(data, piece))
    for _ in range(100):
        if chance.random() < 0.5:
            offset = chance.randrange(3200)
            assert rewound.seek(offset) == plain.seek(offset)
        size = chance.choice([0, 1, 10, 500])
        assert rewound.read(size) == plain.read(size)
        assert rewound.tell() == plain.tell() or not rewound.read(1)


def test_table_and_documents_of_an_archive_cost_one_stream() -> None:
    """Short members are kept when the table is read, so that going back to them begins nothing anew."""
    layers = [bytes([n]) * (3 * SHORT_BYTES) for n in range(3)]
    tree = {f"{n}/layer.tar": layer for n, layer in enumerate(layers)} | {"manifest.json": b"[]", "0/json": b"{}"}
    rewound = Rewound(stream(tar(tree), 65536))
    archive = tarfile.open(fileobj=cast(io.BytesIO, rewound), mode="r:")  # noqa: SIM115 - closes nothing of its own
    where = {member.name: member.offset_data for member in archive}
    for name, content in [("manifest.json", b"[]"), ("0/json", b"{}")]:
        rewound.seek(where[name])
        assert rewound.read(2) == content
    assert rewound.streams == 1
    for n, layer in enumerate(layers):
        rewound.seek(where[f"{n}/layer.tar"])
        assert rewound.read(len(layer)) == layer
    assert rewound.streams == 2


def test_memory_is_bounded() -> None:
    """However much is passed over in short stretches."""
    data = bytes(2 * KEPT_BYTES)
    rewound = Rewound(stream(data, 65536))
    for offset in range(0, len(data), SHORT_BYTES // 2):
        rewound.seek(offset)
        assert rewound.read(1) == b"\0"
    assert sum(map(len, rewound._kept)) <= KEPT_BYTES


def test_stream_that_is_another_the_second_time() -> None:
    """Its bytes are not handed out as if they belonged to the first."""
    contents = [b"head" + bytes(2 * SHORT_BYTES) + b"tail", b"HEAD" + bytes(2 * SHORT_BYTES) + b"tail"]

    @contextmanager
    def begin() -> Iterator[Iterator[bytes]]:
        yield iter([contents.pop(0)])

    rewound = Rewound(begin)
    assert rewound.read(4) == b"head"
    rewound.seek(2 * SHORT_BYTES)
    rewound.read(8)
    rewound.seek(SHORT_BYTES + 8)
    with pytest.raises(ReadError, match="not the one that was read before"):
        rewound.read(1)


def test_what_a_stream_cannot() -> None:
    """Its end is unknown, and it is never held as a whole."""
    rewound = Rewound(stream(b"abc"))
    with pytest.raises(io.UnsupportedOperation):
        rewound.seek(0, io.SEEK_END)
    with pytest.raises(io.UnsupportedOperation):
        rewound.read()
    assert rewound.seekable()
    assert rewound.readable()


def test_stream_is_left_when_the_file_is_closed() -> None:
    """No connection stays open."""
    left = []

    @contextmanager
    def begin() -> Iterator[Iterator[bytes]]:
        yield iter([b"abc"])
        left.append(True)

    with Rewound(begin) as rewound:
        assert rewound.read(1) == b"a"
    assert left == [True]
